//! One message against all rules: nightdesk's matcher beside the plain ways of doing it with the same libraries.
//!
//! `cargo bench --bench matching` prints a small table. `scripts/bench` calls it with `--engine NAME --rules N` in a process for
//! each figure, so that memory can be told, and with `--dump DIR --rules N` for what the foreign engines read.

mod generated;
mod measure;

use std::hint::black_box;
use std::sync::Arc;

use generated::Rule;
use measure::{Busy, Row, resident};
use nightdesk::likeness::Synonyms;
use nightdesk::matching::{Builder, Matcher, View};
use nightdesk::rules::model::Careful;
use nightdesk::text::{Fold, Variants};
use regex::{Regex, RegexSet};

const ENGINES: &[&str] = &["matcher", "view", "loop", "set"];

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let named = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    let sizes = match named("--rules") {
        Some(count) => vec![count.parse().expect("a number of rules")],
        None => vec![100, 1_000, 10_000],
    };
    if let Some(dir) = named("--dump") {
        for count in sizes {
            dump(&dir, count);
        }
        return;
    }
    let engines = match named("--engine") {
        Some(engine) => vec![engine],
        None => ENGINES[..3].iter().map(|engine| (*engine).to_owned()).collect(),
    };
    println!("{}", Row::HEAD);
    for &count in &sizes {
        let rules = generated::rules(count);
        let messages = generated::messages(&rules);
        for engine in &engines {
            let row = match engine.as_str() {
                "matcher" => matcher(&rules, &messages, false),
                "view" => matcher(&rules, &messages, true),
                "loop" => each(&rules, &messages),
                "set" => set(&rules, &messages),
                other => panic!("there is no engine {other}; there are {ENGINES:?}"),
            };
            println!("{row}");
        }
    }
}

/// nightdesk: without folding, as the foreign engines get folded text as well, or (`whole`) with it.
fn matcher(rules: &[Rule], messages: &[String], whole: bool) -> Row {
    // The tables of folding and regional wordings are there once, however many the rules.
    let text = text();
    let before = resident();
    let start = Busy::start();
    let matcher = build(rules, &text);
    let load = start.elapsed();
    let memory = resident() - before;
    let views: Vec<View> = messages.iter().map(|message| matcher.view(message)).collect();
    let name = if whole { "nightdesk, with folding" } else { "nightdesk" };
    let row = measure::run(messages.len(), 5, |index| {
        if whole {
            black_box(candidates(&matcher, &matcher.view(&messages[index])).len());
        } else {
            black_box(candidates(&matcher, &views[index]).len());
        }
    });
    let matched = |view| candidates(&matcher, view).iter().map(|candidate| candidate.rule).collect();
    let matched: Vec<Vec<u32>> = views.iter().map(matched).collect();
    row.named(name, rules.len()).loaded(load, memory).grown(resident() - before).matched(&matched)
}

type Text = (Arc<Fold>, Arc<Variants>);

fn text() -> Text {
    let fold = Arc::new(Fold::new());
    let variants = Arc::new(Variants::new(Arc::clone(&fold)));
    black_box(variants.expand("预热"));
    (fold, variants)
}

fn build(rules: &[Rule], (fold, variants): &Text) -> Matcher {
    let mut builder = Builder::new(Arc::clone(fold), Arc::clone(variants));
    for condition in rules.iter().map(Rule::condition) {
        builder.add(&condition, Careful::Normal, &mut |_| 0, &mut |fault| panic!("{fault:?}"));
    }
    builder.build(Synonyms::none(), 1 << 20).expect("few enough literals")
}

fn candidates(matcher: &Matcher, view: &View) -> Vec<nightdesk::matching::Candidate> {
    matcher.candidates(view, &|_| true, &|_, _| false)
}

fn patterns(rules: &[Rule]) -> Vec<String> {
    rules.iter().map(|rule| rule.pattern(r"(?-u:\b)")).collect()
}

/// What small bots do: one regular expression after the other.
fn each(rules: &[Rule], messages: &[String]) -> Row {
    let patterns = patterns(rules);
    let before = resident();
    let start = Busy::start();
    let compiled: Vec<Regex> = patterns.iter().map(|pattern| Regex::new(pattern).expect("valid")).collect();
    let (load, memory) = (start.elapsed(), resident() - before);
    let some = first(messages, 20_000_000 / rules.len());
    let all = |message: &String| -> Vec<u32> {
        (0..).zip(&compiled).filter(|(_, regex)| regex.is_match(message)).map(|(rule, _)| rule).collect()
    };
    let row = measure::run(some.len(), if rules.len() > 1_000 { 1 } else { 3 }, |index| {
        black_box(all(&some[index]).len());
    });
    let matched: Vec<_> = some.iter().map(all).collect();
    row.named("Rust, loop over Regex", rules.len()).loaded(load, memory).grown(resident() - before).matched(&matched)
}

/// So many messages that a slow engine comes to an end, in steps for which sums are compared.
fn first(messages: &[String], most: usize) -> &[String] {
    let count = [5_000, 2_000].into_iter().find(|&count| count <= most).unwrap_or(200);
    &messages[..count.min(messages.len())]
}

/// Bytes for the states that `RegexSet` makes as it runs; with its default of 2 MB it spends its time making them again.
const LAZY: usize = 1 << 30;

/// All regular expressions in one automaton.
fn set(rules: &[Rule], messages: &[String]) -> Row {
    let patterns = patterns(rules);
    let before = resident();
    let start = Busy::start();
    let set = regex::RegexSetBuilder::new(&patterns)
        .size_limit(8 << 30)
        .dfa_size_limit(LAZY)
        .build()
        .map(|set: RegexSet| set);
    let (load, memory) = (start.elapsed(), resident() - before);
    let set = match set {
        Ok(set) => set,
        Err(error) => return Row::impossible("Rust, RegexSet", rules.len(), &error.to_string()),
    };
    let all = |message: &String| -> Vec<u32> {
        set.matches(message).into_iter().map(|rule| u32::try_from(rule).expect("few rules")).collect()
    };
    let some = first(messages, 5_000_000 / rules.len());
    let row = measure::run(some.len(), 2, |index| {
        black_box(all(&some[index]).len());
    });
    let matched: Vec<_> = some.iter().map(all).collect();
    row.named("Rust, RegexSet", rules.len()).loaded(load, memory).grown(resident() - before).matched(&matched)
}

/// Writes what the foreign engines read.
fn dump(dir: &str, count: usize) {
    let rules = generated::rules(count);
    let write = |name: &str, text: String| {
        std::fs::write(format!("{dir}/{name}-{count}"), text).expect("the directory can be written to");
    };
    let lines = |lines: &mut dyn Iterator<Item = String>| lines.map(|line| line + "\n").collect::<String>();
    let messages = generated::messages(&rules);
    let matcher = build(&rules, &text());
    let matched = |message: &String| {
        let found = candidates(&matcher, &matcher.view(message));
        found.iter().map(|candidate| candidate.rule.to_string()).collect::<Vec<_>>().join(" ")
    };
    write("matched", lines(&mut messages.iter().map(matched)));
    write("messages", lines(&mut messages.into_iter()));
    write("patterns", lines(&mut rules.iter().map(|rule| rule.pattern(r"\b"))));
    let mut script = "! version = 2.0\n\n".to_owned();
    for (index, rule) in rules.iter().enumerate() {
        rule.rivescript(index, &mut script);
    }
    script.push_str("+ *\n- none\n");
    write("rivescript", script);
}
