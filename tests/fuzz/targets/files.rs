//! Any files of a shop: an engine or the reasons why there is none, findings that point into the files, and fixes that can be made.
//!
//! Each file begins with a line `#### PATH`. Without a `nightdesk.yaml` or an entry there is a small one of each.

use std::collections::BTreeMap;
use std::sync::Arc;

use nightdesk::diag::{Format, Report, mend};
use nightdesk::engine::Engine;
use nightdesk::lint;
use nightdesk::message::Customer;
use nightdesk::rehearsal::{self, labelled};
use nightdesk::rules::Files;
use nightdesk::rules::load::NoSecrets;

use super::instant;

const NOW: &str = "2026-10-14T10:00:00+08:00";
const SETTINGS: &str = "timezone: Asia/Shanghai\nlanguages: [zh, en]\nhours: {shop: {weekly: {mon-fri: [\"09:00-18:00\"]}}}\n\
    queues: {general: {hours: shop}}\nroutes: [{queue: general}]\nchannels: {web: {kind: websocket}}\n\
    notices: {closed: \"没有人，{{ next_open }}\", handed_over: 转接}\n";
const ENTRIES: &str =
    "faq: [{id: a.b, title: 退货, category: a, questions: [怎么退货], answer: {zh: 七天。, en: Seven days.}}]\n";
/// Most of what takes time in one file.
const MOST: usize = 16 * 1024;

pub fn target(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if text.len() > MOST {
        return;
    }
    let mut texts: BTreeMap<&str, String> = BTreeMap::new();
    let mut path = "faq/x.yaml";
    for line in text.split_inclusive('\n') {
        match line.strip_prefix("#### ") {
            Some(name) => path = name.trim_end(),
            None => texts.entry(path).or_default().push_str(line),
        }
    }
    let _ = labelled::labelled(&text);
    texts.entry("nightdesk.yaml").or_insert_with(|| SETTINGS.to_owned());
    if !texts.keys().any(|path| path.starts_with("faq/")) {
        texts.insert("faq/shop.yaml", ENTRIES.to_owned());
    }
    let report = opened(&texts);
    // What `check --fix` makes of it is files again.
    let mended = mend(&report);
    for (file, text) in &mended.texts {
        let path = texts.keys().copied().find(|path| *path == file.as_ref());
        texts.insert(path.expect("a fix is for a file that was read"), text.clone());
    }
    if !mended.done.is_empty() {
        opened(&texts);
    }
}

fn opened(texts: &BTreeMap<&str, String>) -> Report {
    let now = instant(NOW);
    let files = Files::from_texts(texts.iter().map(|(path, text)| (*path, text.as_str())));
    let (engine, mut report) = Engine::load(files, &NoSecrets);
    assert_eq!(engine.is_none(), report.errors() > 0, "an engine, or a reason why there is none");
    if let Some(engine) = &engine {
        lint::check(engine, now, &mut report);
        report.sort();
        let said = engine.first_messages(
            None,
            &Customer { id: "v".into(), ..Customer::default() },
            &["怎么退货", "转人工"],
            now,
        );
        for outcome in said.iter().flatten() {
            let _ = engine.explained(outcome);
        }
        for (path, text) in texts.iter().filter(|(path, _)| path.starts_with("tests/conversations")) {
            let scripts = rehearsal::read(path, &Arc::from(text.as_str()), &mut report);
            for script in scripts.iter().filter(|script| script.steps.len() <= 12).take(3) {
                let _ = rehearsal::play(engine, script);
            }
        }
    }
    for finding in &report.findings {
        let places = finding.place.iter().chain(finding.related.iter().map(|(place, _)| place));
        let edits = finding.fix.iter().flat_map(|fix| &fix.edits).map(|edit| &edit.place);
        for place in places.chain(edits) {
            let text = report.sources.text(&place.file).unwrap_or_default();
            assert!(text.get(place.span.clone()).is_some(), "{}: {place:?} of {} bytes", finding.code, text.len());
        }
        assert!(!finding.message.is_empty());
    }
    for format in [Format::Human, Format::Json, Format::Sarif, Format::Github] {
        let _ = report.render(format, format == Format::Human);
    }
    report
}
