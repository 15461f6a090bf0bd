//! Canned responses of Chatwoot, as its API lists them: a short code and a text.

use serde_json::Value;

use super::entry::{clean, literal};
use super::{Entry, Left};

/// Variables of Chatwoot that say what a value here says.
const KNOWN: [(&str, &str); 2] = [("contact.name", "customer.name"), ("contact.id", "customer.id")];

pub(super) fn entries(file: &str, text: &str, left: &mut Vec<Left>) -> Result<Vec<Entry>, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("this is not JSON: {error}"))?;
    let list = value.get("payload").unwrap_or(&value).as_array();
    let list = list.ok_or("it is no list of canned responses, each with `short_code` and `content`")?;
    let mut entries = Vec::new();
    for (at, item) in list.iter().enumerate() {
        let place = format!("{file}[{at}]");
        let field = |name: &str| item.get(name).and_then(Value::as_str).map(clean).unwrap_or_default();
        let (code, content) = (field("short_code"), field("content"));
        if code.is_empty() {
            left.push(Left::new(&place, &content, "it has no short_code"));
            continue;
        }
        let answer = match template(&content) {
            Ok(answer) => answer,
            Err(variable) => {
                left.push(Left::new(&place, &code, format!("its text has {variable}, which has no counterpart")));
                continue;
            }
        };
        let question = code.replace(['_', '-', '/', '.'], " ");
        left.push(Left::new(
            &place,
            &code,
            "needs questions: a canned response has none, so its short code stands as one",
        ));
        entries.push(Entry {
            title: question.clone(),
            id: code,
            questions: vec![question],
            answers: vec![answer],
            place,
            ..Entry::default()
        });
    }
    Ok(entries)
}

/// The text with its variables translated; the first that has no counterpart ends it.
fn template(content: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = content;
    while let Some(at) = rest.find("{{") {
        let (before, tag) = rest.split_at(at);
        out.push_str(&said(before)?);
        let end = tag.find("}}").ok_or("{{ without }}")?;
        let name = tag.get(2..end).unwrap_or_default().trim();
        let known = KNOWN.iter().find(|(theirs, _)| *theirs == name);
        let (_, ours) = known.ok_or_else(|| format!("{{{{ {name} }}}}"))?;
        out.push_str("{{ ");
        out.push_str(ours);
        out.push_str(" }}");
        rest = tag.get(end + 2..).unwrap_or_default();
    }
    out.push_str(&said(rest)?);
    Ok(out)
}

/// A stretch without variables; spaces around it stay.
fn said(text: &str) -> Result<String, String> {
    if text.contains("{%") {
        return Err("{% … %}".to_owned());
    }
    let inner = text.trim();
    let (before, after) = (text.len() - text.trim_start().len(), text.trim_end().len());
    let around = |part: Option<&str>| part.unwrap_or_default().to_owned();
    if inner.is_empty() {
        return Ok(text.to_owned());
    }
    Ok(around(text.get(..before)) + &literal(inner) + &around(text.get(after..)))
}
