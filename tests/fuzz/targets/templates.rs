//! Any text or expression of a template, over any values: it ends soon, says little, and points into its source when it fails.
//!
//! The first line is `text` or `if`; after a line `---` stand the values as JSON.

use std::sync::Arc;

use jiff::tz::TimeZone;
use minijinja::Value;
use nightdesk::template::{Moment, TemplateError, Templates};
use serde_json::json;

use super::{first_line, instant};

/// Most bytes that a text may come to: what a daemon can hold many of.
const MOST: usize = 1024 * 1024;

pub fn target(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (kind, rest) = first_line(&text);
    let (source, values) = rest.split_once("\n---\n").unwrap_or((rest, "{}"));
    let values: serde_json::Value = serde_json::from_str(values).unwrap_or_else(|_| json!({}));
    let now = instant("2026-10-14T10:00:00+08:00");
    let moment = Moment { at: Some(now), now, zone: TimeZone::UTC, language: "zh".into() };
    let context = minijinja::context! {
        message => minijinja::context! { text => source },
        now => Value::from_object(moment),
        ..Value::from(minijinja::value::Serde(&values))
    };
    let mut templates = Templates::new();
    if kind == "if" {
        let named = templates.names(source);
        match templates.expression(source) {
            Ok((id, names)) => {
                assert_eq!(named.map(|mut all| (all.sort_unstable(), all).1), Some(names));
                let _ = (templates.condition_asks_hours(id), points(templates.holds(id, &context), source));
            }
            Err(error) => points::<()>(Err(error), source),
        }
    } else {
        match templates.text(source) {
            Ok(id) => {
                let _ = templates.asks_hours(id);
                let said = templates.render(id, || context.clone());
                assert!(said.as_ref().map_or(0, String::len) <= MOST, "{} bytes are said", said.unwrap().len());
                points(said, source);
            }
            Err(error) => points::<()>(Err(error), source),
        }
    }
    // What a customer writes is a value, and never a template.
    let echo = templates.text("[{{ message.text }}]").unwrap();
    assert_eq!(templates.render(echo, || context).unwrap(), format!("[{source}]"));
    let _ = Arc::new(templates);
}

fn points<T>(done: Result<T, TemplateError>, source: &str) {
    if let Err(error) = done {
        assert!(!error.message.is_empty());
        if let Some(span) = error.span {
            assert!(span.start <= span.end && span.end <= source.len() + 16, "{span:?} of {}", source.len());
        }
    }
}
