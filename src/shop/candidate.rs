//! A candidate for a shop's knowledge: another folder's `faq/`, `rules/` and `synonyms.yaml`, and everything else as the shop has it.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use crate::diag::Report;
use crate::engine::{CANDIDATE, Engine};
use crate::rules::{Files, json, pilots};
use crate::yaml;

use super::check_files;

/// Settings, which a candidate has from the shop.
const SETTINGS: &str = "nightdesk.yaml";

/// Why a candidate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CandidateError {
    /// Happens when its files have errors.
    #[error("its files have {} errors: {}", .0.errors(), .0.first_errors(3))]
    Findings(Box<Report>),
    /// Happens when it has settings of its own.
    #[error(
        "its nightdesk.yaml differs from the shop's own in {0}: a candidate has its own faq/, rules/ and synonyms.yaml, everything \
         else is the shop's; copy the shop's file over it, or delete it"
    )]
    Settings(String),
    /// Happens when a folder holds nothing.
    #[error("it has no faq/ and no rules/")]
    Empty,
    /// Happens when a pilot has the name under which the candidate's customers are told from the rest.
    #[error("a pilot has the id `candidate`, which is the candidate's own; give it another")]
    Name,
}

/// A candidate that can be used.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its rules with the shop's settings.
    pub engine: Engine,
    /// Stands for what is written in it.
    pub version: String,
}

/// Builds a candidate for a shop, whose files are those in use.
///
/// # Errors
/// When it cannot be used; nothing of it is then.
pub fn open_candidate(
    candidate: &Files,
    shop: &Files,
    dir: &Path,
    now: Timestamp,
) -> Result<Candidate, CandidateError> {
    let own = |file: &str| file.starts_with("faq/") || file.starts_with("rules/") || file == "synonyms.yaml";
    if !candidate.texts.keys().any(|file| file.starts_with("faq/") || file.starts_with("rules/")) {
        return Err(CandidateError::Empty);
    }
    if let (Some(its), Some(ours)) = (candidate.texts.get(SETTINGS), shop.texts.get(SETTINGS)) {
        let different = differences(its, ours);
        if !different.is_empty() {
            return Err(CandidateError::Settings(different.join(", ")));
        }
    }
    let mut files = shop.clone();
    files.texts.retain(|file, _| !own(file));
    files
        .texts
        .extend(candidate.texts.iter().filter(|(file, _)| own(file)).map(|(f, t)| (Arc::clone(f), Arc::clone(t))));
    // That it has no settings is as it should be.
    files.findings = candidate.findings.iter().filter(|finding| finding.code != "no-config").cloned().collect();
    let written = candidate.texts.iter().filter(|(file, _)| own(file));
    let version = pilots::version(
        written.flat_map(|(f, t)| [f.as_bytes(), &[0], t.as_bytes(), &[0]].concat()).collect::<Vec<u8>>().as_slice(),
    );
    match check_files(dir, files, now) {
        (Some(engine), _) if engine.pilots().iter().any(|(id, _)| id == CANDIDATE) => Err(CandidateError::Name),
        (Some(engine), _) => Ok(Candidate { engine, version }),
        (None, report) => Err(CandidateError::Findings(Box::new(report))),
    }
}

/// Keys of the top level with another content; comments, order and form do not count.
fn differences(its: &str, ours: &str) -> Vec<String> {
    let file = Arc::from(SETTINGS);
    let (Ok(its), Ok(ours)) = (yaml::parse(&file, its), yaml::parse(&file, ours)) else {
        return vec!["that it cannot be read".to_owned()];
    };
    let (serde_json::Value::Object(its), serde_json::Value::Object(ours)) = (json(&its), json(&ours)) else {
        return vec!["its form".to_owned()];
    };
    let mut keys: Vec<&String> = its.keys().chain(ours.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.into_iter().filter(|key| its.get(*key) != ours.get(*key)).map(|key| format!("`{key}`")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_differ_by_what_they_say() {
        let ours = "languages: [zh, en]\nqueues: {general: {hours: shop}}\n";
        assert!(
            differences("# the same\nqueues:\n  general:\n    hours: shop\nlanguages:\n  - zh\n  - en\n", ours)
                .is_empty()
        );
        assert_eq!(differences("languages: [zh]\nnotices: {}\n", ours), ["`languages`", "`notices`", "`queues`"]);
        assert_eq!(differences("languages: [zh", ours), ["that it cannot be read"]);
    }
}
