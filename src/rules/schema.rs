//! JSON Schemas (draft 2020-12) for editors, made from the same tables that check the files, and with the names that a shop has.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::book::Book;
use super::shape::{Key, Kind, Names, Shape};
use super::shapes;

/// The schemas by the word that `nightdesk schema` takes.
pub const NAMES: [&str; 6] = ["faq", "rules", "config", "conversations", "synonyms", "calendar"];

/// What a shop has, so that editors offer it, and underline what there is not.
#[derive(Clone, Debug, Default)]
pub struct Known {
    names: BTreeMap<Names, Vec<String>>,
    languages: Vec<String>,
}

impl Known {
    /// What stands in a shop's files.
    #[must_use]
    pub fn of(book: &Book) -> Self {
        let settings = &book.settings;
        let sorted = |mut names: Vec<String>| {
            names.sort_unstable();
            names.dedup();
            names
        };
        let names = [
            (Names::Entries, sorted(book.rules.iter().map(|rule| rule.id.value.clone()).collect())),
            (Names::Queues, sorted(settings.queues.keys().cloned().collect())),
            (Names::Schedules, sorted(settings.hours.keys().cloned().collect())),
            (Names::Webhooks, sorted(settings.webhooks.keys().cloned().collect())),
            (Names::Channels, sorted(settings.channels.iter().map(|(name, _)| name.clone()).collect())),
        ];
        Self { names: names.into(), languages: settings.languages.iter().map(|code| code.value.clone()).collect() }
    }
}

/// The schema of a kind of file; without names that are known, any is taken.
#[must_use]
pub fn schema(name: &str, known: &Known) -> Option<Value> {
    let shape = match name {
        "faq" => &shapes::FAQ_FILE,
        "rules" => &shapes::RULES_FILE,
        "config" => &shapes::CONFIG,
        "conversations" => &shapes::CONVERSATIONS_FILE,
        "synonyms" => &shapes::SYNONYMS,
        "calendar" => &shapes::CALENDAR,
        _ => return None,
    };
    let mut writer = Writer { known, definitions: BTreeMap::new() };
    let mut root = writer.object(shape);
    if name == "calendar" {
        // A calendar can be the bare list of its days.
        let days = writer.of(&DAYS);
        root = json!({"anyOf": [root, days]});
    }
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["title"] = json!(format!("nightdesk: {}", shape.name));
    root["$defs"] = json!(writer.definitions);
    Some(root)
}

static DAYS: Kind = Kind::List(&Kind::Map(&shapes::CALENDAR_DAY));

struct Writer<'a> {
    known: &'a Known,
    definitions: BTreeMap<String, Value>,
}

impl Writer<'_> {
    fn object(&mut self, shape: &'static Shape) -> Value {
        let properties: Map<_, _> = shape.keys.iter().map(|key| (key.name.to_owned(), self.property(key))).collect();
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

    fn property(&mut self, key: &'static Key) -> Value {
        let mut value = self.of(&key.kind);
        if value.get("$ref").is_some() {
            value = json!({"allOf": [value]});
        }
        value["description"] = json!(key.doc);
        value
    }

    fn of(&mut self, kind: &'static Kind) -> Value {
        match kind {
            Kind::Text => self.localized(),
            Kind::Texts => {
                json!({"anyOf": [self.localized(), {"type": "array", "items": self.localized(), "minItems": 1}]})
            }
            Kind::Str | Kind::Secret | Kind::Token => text(),
            Kind::Id => name(),
            Kind::Named(names) => self.named(*names, &[]).unwrap_or_else(name),
            Kind::NamedOrNone(names) => self.named(*names, &["none"]).unwrap_or_else(text),
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
            Kind::Moment => {
                json!({"type": "string", "pattern": "^\\d{4}-\\d{2}-\\d{2}([ T]\\d{2}:\\d{2}(:\\d{2})?)?$"})
            }
            Kind::Instant | Kind::Network => json!({"type": "string"}),
            Kind::OneOrMany(item) => {
                let item = self.of(item);
                json!({"anyOf": [item, {"type": "array", "items": item}]})
            }
            Kind::List(item) => json!({"type": "array", "items": self.of(item)}),
            Kind::Phrase => json!({"anyOf": [text(), {"type": "array", "items": text(), "minItems": 2}]}),
            Kind::Map(shape) => {
                let name = shape.name.replace(' ', "-").replace(':', "");
                if !self.definitions.contains_key(&name) {
                    // Held open first, so that a shape that contains itself ends.
                    self.definitions.insert(name.clone(), Value::Null);
                    let value = self.object(shape);
                    self.definitions.insert(name.clone(), value);
                }
                json!({"$ref": format!("#/$defs/{name}")})
            }
            Kind::MapOf(item) => json!({"type": "object", "additionalProperties": self.of(item)}),
            Kind::Any => json!({}),
        }
    }

    /// One text, or texts by language, those of the shop first.
    fn localized(&self) -> Value {
        let mut map = json!({"type": "object", "additionalProperties": text(), "minProperties": 1});
        if !self.known.languages.is_empty() {
            let languages: Map<_, _> = self.known.languages.iter().map(|code| (code.clone(), text())).collect();
            map["properties"] = languages.into();
        }
        json!({"anyOf": [text(), map]})
    }

    fn named(&self, names: Names, besides: &[&str]) -> Option<Value> {
        let names = self.known.names.get(&names).filter(|names| !names.is_empty())?;
        let all: Vec<&str> = besides.iter().copied().chain(names.iter().map(String::as_str)).collect();
        Some(json!({"enum": all}))
    }
}

/// What people leave unquoted may be a number or a yes/no word to an editor; it is text to nightdesk.
fn text() -> Value {
    json!({"type": ["string", "number", "boolean"]})
}

fn name() -> Value {
    json!({"type": "string", "pattern": "^[\\p{L}\\p{N}._-]+$"})
}
