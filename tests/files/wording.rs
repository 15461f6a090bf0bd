//! What the shipped `rules/wording.yaml` finds, and what it does not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use nightdesk::engine::Engine;

/// The table: what is to be found, or `fine`, and the text.
fn table() -> Vec<(&'static str, &'static str)> {
    let lines = include_str!("../testdata/wording.tsv").lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_once('\t').expect("a name, a tab and a text")).collect()
}

fn shipped() -> Engine {
    let (engine, report) =
        nightdesk::shop::open(Path::new(env!("CARGO_MANIFEST_DIR")), "2026-12-01T09:00:00+08:00".parse().unwrap());
    engine.unwrap_or_else(|| panic!("{}", report.first_errors(5)))
}

#[test]
fn the_shipped_wordings_find_what_they_are_for_and_leave_the_rest_alone() {
    let engine = shipped();
    let mut wrong = Vec::new();
    for (name, text) in table() {
        let unfit = engine.unfit(text);
        let found: Vec<&str> = unfit.iter().filter_map(|unfit| unfit.id.strip_prefix("wording.")).collect();
        let right = if name == "fine" { found.is_empty() } else { found.contains(&name) };
        if !right {
            let words: Vec<&str> = unfit.iter().map(|unfit| unfit.phrase.as_str()).collect();
            wrong.push(format!("{name}: {text}: {found:?} {words:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_shipped_wording_is_shown_in_both_languages() {
    let engine = shipped();
    let mut shown: BTreeMap<String, BTreeSet<bool>> = BTreeMap::new();
    for (name, text) in table() {
        shown.entry(format!("wording.{name}")).or_default().insert(text.is_ascii() || text.contains('’'));
    }
    let wordings = &engine.book().wordings;
    assert!((30..=60).contains(&wordings.len()), "{}", wordings.len());
    for wording in wordings {
        let id = &wording.id.value;
        assert_eq!(shown.get(id).map_or(0, BTreeSet::len), 2, "{id} has no text in each language in wording.tsv");
        for text in [&wording.why, &wording.instead] {
            assert!(["zh", "en"].iter().all(|code| text.by_language.contains_key(*code)), "{id}");
        }
    }
}

#[test]
fn better_words_come_in_the_language_and_script_of_the_message() {
    let engine = shipped();
    let better = |text: &str| {
        let unfit = engine.unfit(text);
        let [only] = unfit.as_slice() else { panic!("{text}: {unfit:?}") };
        (only.phrase.clone(), only.at, only.instead.clone())
    };
    assert_eq!(better("亲，绝对没问题"), ("绝对".into(), 2, "正常情况下".into()));
    assert_eq!(better("您好，絕 對沒問題的"), ("絕 對".into(), 3, "正常情況下".into()));
    assert_eq!(better("It WILL NEVER break."), ("WILL NEVER break".into(), 3, "for as long as the page states".into()));
}
