//! Mistakes that can be mended without asking: what is written in place of what.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::{Place, Report};

/// A way to mend a finding that does what its author surely meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What it does, in a few words: "write `answer`".
    pub title: String,
    /// What is written in place of what; all of it or nothing.
    pub edits: Vec<Edit>,
}

/// A stretch of a file, and what takes its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What goes.
    pub place: Place,
    /// What comes.
    pub text: String,
}

impl Fix {
    /// One edit.
    #[must_use]
    pub fn replace(place: &Place, text: impl Into<String>, title: impl Into<String>) -> Self {
        Self { title: title.into(), edits: vec![Edit { place: place.clone(), text: text.into() }] }
    }
}

/// Files after their fixes.
#[derive(Clone, Debug, Default)]
pub struct Mended {
    /// The new text of each file that changed.
    pub texts: BTreeMap<Arc<str>, String>,
    /// Indexes of the findings whose fix was made.
    pub done: Vec<usize>,
}

/// Makes all fixes of a report that do not touch one another; one that does is left for the next check.
#[must_use]
pub fn mend(report: &Report) -> Mended {
    let mut edits: BTreeMap<Arc<str>, Vec<&Edit>> = BTreeMap::new();
    let mut mended = Mended::default();
    for (index, finding) in report.findings.iter().enumerate() {
        let Some(fix) = &finding.fix else { continue };
        let free = |edit: &Edit| {
            let taken = edits.get(&edit.place.file).map(Vec::as_slice).unwrap_or_default();
            taken.iter().all(|other| are_apart(&other.place.span, &edit.place.span))
        };
        if fix.edits.iter().all(free) {
            fix.edits.iter().for_each(|edit| edits.entry(Arc::clone(&edit.place.file)).or_default().push(edit));
            mended.done.push(index);
        }
    }
    for (file, mut edits) in edits {
        let Some(text) = report.sources.text(&file) else { continue };
        edits.sort_by_key(|edit| edit.place.span.start);
        let (mut out, mut at) = (String::with_capacity(text.len()), 0);
        for edit in edits {
            out.push_str(text.get(at..edit.place.span.start).unwrap_or_default());
            out.push_str(&edit.text);
            at = edit.place.span.end;
        }
        out.push_str(text.get(at..).unwrap_or_default());
        mended.texts.insert(file, out);
    }
    mended
}

/// Whether two stretches neither share anything nor stand at the same place.
fn are_apart(a: &Range<usize>, b: &Range<usize>) -> bool {
    a != b && (a.end <= b.start || b.end <= a.start)
}

/// A text as a YAML scalar in double quotes (a JSON string is one).
#[must_use]
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Finding;

    fn place(span: Range<usize>) -> Place {
        Place { file: "a.yaml".into(), span }
    }

    fn report(fixes: Vec<Fix>) -> Report {
        let mut report = Report::default();
        report.sources.insert("a.yaml".into(), "anwser: 好\nid: x\n".into());
        for fix in fixes {
            report.push(Finding::error("unknown-key", "x").fix(fix));
        }
        report
    }

    #[test]
    fn all_edits_of_a_file_are_made_from_back_to_front() {
        let report = report(vec![Fix::replace(&place(12..14), "ID", ""), Fix::replace(&place(0..6), "answer", "")]);
        let mended = mend(&report);
        assert_eq!(mended.texts["a.yaml"], "answer: 好\nID: x\n");
        assert_eq!(mended.done, [0, 1]);
    }

    #[test]
    fn of_two_that_touch_the_first_is_made_whole() {
        let second = Fix {
            title: String::new(),
            edits: vec![Edit { place: place(3..8), text: "!".into() }, Edit { place: place(12..14), text: "?".into() }],
        };
        let mended = mend(&report(vec![Fix::replace(&place(0..6), "answer", ""), second]));
        assert_eq!(mended.texts["a.yaml"], "answer: 好\nid: x\n");
        assert_eq!(mended.done, [0]);
    }

    #[test]
    fn quotes_are_those_of_yaml() {
        for text in ["支持 #七天", "a: \"b\"", "tab\tand\nline", "\u{1f600}"] {
            let node = crate::yaml::parse(&"t".into(), &format!("a: {}\n", quoted(text))).expect("is YAML");
            assert_eq!(node.get("a").and_then(crate::yaml::Node::text), Some(text));
        }
    }
}
