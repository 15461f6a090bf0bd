//! JSON Schemas (draft 2020-12) for editors, made from the same tables that check the files.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::shape::{Key, Kind, Shape};
use super::shapes;

/// The schemas by the word that `nightdesk schema` takes.
pub const NAMES: [&str; 4] = ["faq", "rules", "config", "conversations"];

/// The schema of a kind of file.
#[must_use]
pub fn schema(name: &str) -> Option<Value> {
    let shape = match name {
        "faq" => &shapes::FAQ_FILE,
        "rules" => &shapes::RULES_FILE,
        "config" => &shapes::CONFIG,
        "conversations" => &shapes::CONVERSATIONS_FILE,
        _ => return None,
    };
    let mut definitions = BTreeMap::new();
    let mut root = object(shape, &mut definitions);
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["title"] = json!(format!("nightdesk: {}", shape.name));
    root["$defs"] = json!(definitions);
    Some(root)
}

fn object(shape: &'static Shape, definitions: &mut BTreeMap<String, Value>) -> Value {
    let properties: serde_json::Map<_, _> =
        shape.keys.iter().map(|key| (key.name.to_owned(), property(key, definitions))).collect();
    let required = || shape.keys.iter().filter(|key| key.required);
    let always: Vec<_> = required().filter(|key| key.unless.is_none()).map(|key| key.name).collect();
    let either: Vec<_> = required()
        .filter_map(|key| Some(json!({"anyOf": [{"required": [key.name]}, {"required": [key.unless?]}]})))
        .collect();
    let mut value =
        json!({"type": "object", "properties": properties, "required": always, "additionalProperties": false});
    if !either.is_empty() {
        value["allOf"] = either.into();
    }
    value
}

fn property(key: &'static Key, definitions: &mut BTreeMap<String, Value>) -> Value {
    let mut value = of(&key.kind, definitions);
    if value.get("$ref").is_some() {
        value = json!({"allOf": [value]});
    }
    value["description"] = json!(key.doc);
    value
}

fn of(kind: &'static Kind, definitions: &mut BTreeMap<String, Value>) -> Value {
    // What people leave unquoted may be a number or a yes/no word to an editor; it is text to nightdesk.
    let text = || json!({"type": ["string", "number", "boolean"]});
    let localized =
        || json!({"anyOf": [text(), {"type": "object", "additionalProperties": text(), "minProperties": 1}]});
    match kind {
        Kind::Text => localized(),
        Kind::Texts => json!({"anyOf": [localized(), {"type": "array", "items": localized(), "minItems": 1}]}),
        Kind::Str | Kind::Secret => text(),
        Kind::Id => json!({"type": "string", "pattern": "^[\\p{L}\\p{N}._-]+$"}),
        Kind::Word(words) => json!({"enum": words}),
        Kind::Int(min, max) => json!({"type": "integer", "minimum": min, "maximum": max}),
        Kind::Bool => json!({"type": "boolean"}),
        Kind::Date => json!({"type": "string", "pattern": "^\\d{4}-\\d{2}-\\d{2}$"}),
        Kind::Share => json!({"type": "string", "pattern": "^\\d{1,3}(\\.\\d{1,2})?%$"}),
        Kind::Duration => json!({"type": "string", "pattern": "^(\\d+(ms|s|m|h|d))+$"}),
        Kind::Wait(_) => {
            json!({"anyOf": [{"const": 0}, {"type": "string", "pattern": "^(\\d+(\\.\\d+)?(ms|s))+$|^0$"}]})
        }
        Kind::Rate => json!({"type": "string", "pattern": "^\\d+/(s|min|h)$"}),
        Kind::Instant => json!({"type": "string"}),
        Kind::OneOrMany(item) => {
            let item = of(item, definitions);
            json!({"anyOf": [item, {"type": "array", "items": item}]})
        }
        Kind::List(item) => json!({"type": "array", "items": of(item, definitions)}),
        Kind::Phrase => json!({"anyOf": [text(), {"type": "array", "items": text(), "minItems": 2}]}),
        Kind::Map(shape) => {
            let name = shape.name.replace(' ', "-").replace(':', "");
            if !definitions.contains_key(&name) {
                // Held open first, so that a shape that contains itself ends.
                definitions.insert(name.clone(), Value::Null);
                let value = object(shape, definitions);
                definitions.insert(name.clone(), value);
            }
            json!({"$ref": format!("#/$defs/{name}")})
        }
        Kind::MapOf(item) => json!({"type": "object", "additionalProperties": of(item, definitions)}),
        Kind::Any => json!({}),
    }
}
