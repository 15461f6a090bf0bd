//! The whole decision: `Engine::handle` with the starter pack, alone and with many made rules besides, and what loading takes.
//!
//! `cargo bench --bench handle` measures the pack alone and with 10,000 rules; `--rules N` one of them. The messages are what
//! the customers of the pack's own conversation tests say, each as the first of a conversation, after closing time.

mod generated;
mod measure;

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use measure::{Busy, Row, resident};
use nightdesk::diag::Report;
use nightdesk::engine::Engine;
use nightdesk::message::{Conversation, Customer, Inbound};
use nightdesk::rehearsal::{self, Word};
use nightdesk::rules::Files;
use nightdesk::rules::load::Secrets;

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let at = arguments.iter().position(|argument| argument == "--rules");
    let one = at.and_then(|at| arguments.get(at + 1)?.parse().ok());
    println!("{}", Row::HEAD);
    for count in one.map_or(vec![0, 10_000], |count| vec![count]) {
        println!("{}", handle(count));
    }
}

fn handle(count: usize) -> Row {
    let mut files = Files::read(Path::new(env!("CARGO_MANIFEST_DIR")));
    let mut made = "rules:\n".to_owned();
    for (index, rule) in generated::rules(count).iter().enumerate() {
        rule.yaml(index, &mut made);
    }
    if count > 0 {
        files.texts.insert(Arc::from("rules/made.yaml"), Arc::from(made));
    }
    let said = said(&files);
    let before = resident();
    let start = Busy::start();
    let (engine, report) = Engine::load(files, &Given);
    let engine = engine.unwrap_or_else(|| panic!("{}", report.render(nightdesk::diag::Format::Human, false)));
    let load = start.elapsed();
    let memory = resident() - before;

    let now = "2026-10-09T20:15:00+08:00".parse().expect("a time");
    let customer = Customer { id: "c-1".into(), ..Customer::default() };
    let new = |text: &String| {
        let conversation = Conversation::new("c_1".into(), "web", "t-1", customer.clone(), now);
        (Inbound::words("msg_1", "web", customer.clone(), text), conversation)
    };
    let messages: Vec<_> = said.iter().map(new).collect();
    let row = measure::run(messages.len(), 9, |index| {
        let (inbound, conversation) = &messages[index];
        black_box(engine.handle(inbound, conversation, now));
    });
    row.named("Engine::handle, starter pack", count).loaded(load, memory).grown(resident() - before)
}

/// What customers say in the conversation tests.
fn said(files: &Files) -> Vec<String> {
    let mut report = Report::default();
    let tests = files.texts.iter().filter(|(path, _)| path.starts_with("tests/conversations/"));
    let scripts = tests.flat_map(|(path, text)| rehearsal::read(path, text, &mut report)).collect::<Vec<_>>();
    let words = scripts.into_iter().flat_map(|script| script.steps).filter_map(|step| match step.word {
        Some(Word::Say(text)) => Some(text),
        _ => None,
    });
    words.flatten().collect()
}

/// The settings of the starter pack name no secrets that matter here.
struct Given;

impl Secrets for Given {
    fn variable(&self, _: &str) -> Option<String> {
        Some("https://desk.example/hook".into())
    }

    fn file(&self, _: &str) -> Option<String> {
        Some("x".into())
    }
}
