//! What `check` would refuse is not written: entries are tried, and those with errors are listed instead.

use crate::diag::{Finding, Place, Report, Severity, quoted};

use super::write::{FAQ_FILE, RULES_FILE, Written, written};
use super::{Entry, Imported, Left};

/// Rounds of trying; one mistake can hide another.
const ROUNDS: usize = 16;

/// Leaves out what `check` finds errors in. It is given the texts of `faq/imported.yaml` and `rules/imported.yaml` and checks them
/// within a shop.
pub fn accept(imported: &mut Imported, queue: Option<&str>, check: &dyn Fn(&Written) -> Report) {
    for _ in 0..ROUNDS {
        let files = written(&imported.entries, queue);
        let report = check(&files);
        let errors = report.findings.iter().filter(|finding| finding.severity == Severity::Error);
        let mut refused: Vec<(usize, Place, &Finding)> = errors
            .filter_map(|finding| at(&imported.entries, &files, finding).map(|(index, place)| (index, place, finding)))
            .collect();
        // From the back, so that the indexes before stay what they are.
        refused.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.span.start.cmp(&a.1.span.start)));
        refused.dedup_by(|a, b| a.0 == b.0);
        if refused.is_empty() {
            break;
        }
        for (index, place, finding) in refused {
            let text = report.sources.text(&place.file).and_then(|text| text.get(place.span.clone()));
            leave(imported, index, text.unwrap_or_default(), finding);
        }
    }
    super::in_order(&mut imported.left);
}

/// The entry that a finding is about, and the place in it.
fn at(entries: &[Entry], files: &Written, finding: &Finding) -> Option<(usize, Place)> {
    let places = finding.place.iter().chain(finding.related.iter().map(|(place, _)| place));
    for place in places {
        let of_rules = match place.file.as_ref() {
            FAQ_FILE => false,
            RULES_FILE => true,
            _ => continue,
        };
        let index = entries.iter().zip(&files.spans).position(|(entry, span)| {
            entry.is_rule() == of_rules && span.start <= place.span.start && place.span.start < span.end
        });
        if let Some(index) = index {
            return Some((index, place.clone()));
        }
    }
    None
}

/// Takes out the one question that is refused, or the whole entry.
fn leave(imported: &mut Imported, index: usize, text: &str, finding: &Finding) {
    let Some(entry) = imported.entries.get_mut(index) else { return };
    let why = format!("check refuses it: {}", finding.message);
    let question = entry.questions.iter().position(|question| quoted(question) == text);
    if let Some(at) = question.filter(|_| entry.questions.len() > 1) {
        let question = entry.questions.remove(at);
        imported.left.push(Left::new(&entry.place, &question, why));
    } else {
        let entry = imported.entries.remove(index);
        imported.left.push(Left::new(&entry.place, entry.name(), why));
    }
}
