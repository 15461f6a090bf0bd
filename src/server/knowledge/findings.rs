//! What is wrong in the files as they were read last, with the lines at which it stands.

use serde_json::{Value, json};

use crate::diag::{Finding, Format, Place, Report, pages};

use super::hidden;
use super::source::Stretch;

/// Most findings of one answer.
const MOST: usize = 300;
/// Most lines that are shown of a place.
const LINES: usize = 6;

/// All findings as `check --format json` has them, each with `snippet`.
pub(super) fn all(report: &Report) -> Value {
    some(report, |_| true)
}

/// Those within a stretch of a file.
pub(super) fn within(report: &Report, stretch: &Stretch) -> Value {
    let inside = |place: &Place| {
        let (line, _) = report.sources.line_column(&place.file, place.span.start);
        place.file == stretch.file && (stretch.line..=stretch.end).contains(&line)
    };
    some(report, |finding| finding.place.as_ref().is_some_and(inside))
}

fn some(report: &Report, wanted: impl Fn(&Finding) -> bool) -> Value {
    let findings = report.findings.iter().filter(|finding| wanted(finding)).take(MOST).cloned().collect();
    let some = Report { findings, sources: report.sources.clone() };
    let mut value: Value = serde_json::from_str(&some.render(Format::Json, false)).unwrap_or_default();
    let objects = value["findings"].as_array_mut().map(std::mem::take).unwrap_or_default();
    let shown = objects.into_iter().zip(&some.findings).map(|(mut object, finding)| {
        for key in ["message", "help", "label"] {
            if let Some(text) = object[key].as_str().map(hidden::masked) {
                object[key] = json!(text);
            }
        }
        // What is written in place of what is for `check --fix`; pages do not change files.
        object["fix"] = json!(finding.fix.as_ref().map(|fix| hidden::masked(&fix.title)));
        object["snippet"] = finding.place.as_ref().map_or_else(|| json!([]), |place| snippet(report, place));
        object["explained"] = json!(pages::page(finding.code).is_some());
        object
    });
    shown.collect()
}

/// The lines of a place, with what is meant marked; and the line before it.
fn snippet(report: &Report, place: &Place) -> Value {
    let Some(text) = report.sources.text(&place.file) else { return json!([]) };
    let end = place.span.end.max(place.span.start + 1);
    let shown = hidden::lines(&place.file, text);
    let mut begin = 0;
    let mut lines = Vec::new();
    for (number, (line, shown)) in text.split_inclusive('\n').zip(&shown).enumerate() {
        let whole = begin..begin + line.len();
        begin = whole.end;
        let touched = place.span.start < whole.end && end > whole.start;
        // The one before tells where one is.
        let before = !touched && place.span.start >= whole.end && text[whole.end..].lines().next().is_some() && {
            let next = whole.end..whole.end + text[whole.end..].split_inclusive('\n').next().map_or(0, str::len);
            place.span.start < next.end
        };
        if !(touched || before) {
            if !lines.is_empty() {
                break;
            }
            continue;
        }
        let content = line.trim_end_matches(['\n', '\r']);
        let cut = |at: usize| content.floor_char_boundary(at.saturating_sub(whole.start).min(content.len()));
        let (from, to) = (cut(place.span.start), cut(end));
        // Where something is hidden the place is that of another text.
        let parts = if touched && content == shown {
            json!([{"text": &content[..from]}, {"text": &content[from..to], "marked": true}, {"text": &content[to..]}])
        } else {
            json!([{"text": shown, "marked": touched}])
        };
        lines.push(json!({"line": number + 1, "parts": parts}));
        if lines.len() == LINES {
            break;
        }
    }
    Value::Array(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(file: &str, text: &str, span: std::ops::Range<usize>) -> Value {
        let mut report = Report::default();
        report.sources.insert(file.into(), text.into());
        report.push(Finding::error("unknown-key", "x").at(&Place { file: file.into(), span }));
        all(&report)[0]["snippet"].clone()
    }

    #[test]
    fn the_place_is_marked_in_its_line() {
        let lines = shown("faq/x.yaml", "a: 1\n好: 答案\nc: 2\n", 10..16);
        assert_eq!(
            lines,
            json!([
                {"line": 1, "parts": [{"text": "a: 1", "marked": false}]},
                {"line": 2, "parts": [{"text": "好: "}, {"text": "答案", "marked": true}, {"text": ""}]}
            ])
        );
        // Wherever a place is said to be, there is an answer.
        for span in [0..0, 4..5, 22..22, 90..99, 11..12] {
            let _ = shown("faq/x.yaml", "a: 1\n好: 答案\nc: 2\n", span);
        }
    }

    #[test]
    fn a_secret_at_the_place_is_not_shown() {
        let lines = shown("nightdesk.yaml", "access:\n  admim: s3cr3t\n", 10..15);
        assert!(lines.to_string().contains("admim: ⋯") && !lines.to_string().contains("s3cr3t"), "{lines:#}");
    }
}
