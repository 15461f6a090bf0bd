//! Who may know whom: imports run downwards only, and the pure rooms know no clock, socket, file or task.
//!
//! Reads the source as text (comments, strings and tests taken out), so that a wrong edge fails here and not in a review.

use std::collections::BTreeSet;

use crate::source::{Source, sources};

/// The rooms from the bottom up. A room may name those in the lines above its own, never its neighbours or those below.
const LAYERS: &[&[&str]] = &[
    &["message", "clock", "diag", "svm"],
    &["text", "yaml", "modes"],
    &["rules", "likeness"],
    &["matching", "hours"],
    &["template"],
    &["decide"],
    &["engine"],
    &["lint", "import"],
    &["rehearsal", "suggest", "replay", "shop"],
    // Pure above, async below.
    &["store", "hub", "token", "history", "certificate"],
    &["telemetry", "lookup", "report"],
    &["pipeline"],
    &["handoff"],
    &["channel"],
    &["changes"],
    &["reload", "weekly"],
    &["pilots", "shadow"],
    &["server"],
    &["app"],
    &["cli"],
    &["main"],
];

/// The last room of the pure half.
const LAST_PURE: &str = "shop";

/// Edges that go up, each with its reason.
const UPWARD: &[(&str, &str, &str)] = &[(
    "rules",
    "hours",
    "a calendar file is knowledge that `rules` reads; the form of a calendar day and of a weekday belongs to `hours`, \
     which knows nothing of `rules`, so there is no circle",
)];

/// Words of the impure world, and the only pure files that may say them, each with its reason.
const IMPURE: &[&str] = &["tokio", "async", "await", "std::env", "std::fs", "std::net", "std::process", "std::thread"];
const IMPURE_ALLOWED: &[(&str, &str, &str)] = &[
    ("rules/files.rs", "std::fs", "the one reader of a shop's files"),
    (
        "svm/lib.rs",
        "std::thread",
        "scoped threads that share out arithmetic; the result hangs on neither number nor order",
    ),
    ("rules/mail.rs", "std::net", "addresses as values, to check a setting; nothing is opened"),
    ("rules/network.rs", "std::net", "addresses as values; nothing is opened"),
    ("shop.rs", "std::env", "`${NAME}` secrets, handed to `rules` as a trait"),
];

/// Ways to end the process or a task in the middle of a message, and where they are allowed, each with its reason.
const ABRUPT: &[&str] = &[".unwrap()", ".expect(", "panic!", "todo!", "unimplemented!"];
const ABRUPT_ALLOWED: &[(&str, &str, &str)] = &[
    ("decide/builtin.rs", ".expect(", "a pattern written in the source; a unit test builds it"),
    ("text/fold.rs", ".expect(", "tables compiled into the program; every start builds them"),
    ("text/han.rs", ".expect(", "tables compiled into the program; every start builds them"),
    ("text/variants.rs", ".expect(", "tables compiled into the program; every start builds them"),
];

fn layer(room: &str) -> usize {
    LAYERS
        .iter()
        .position(|rooms| rooms.contains(&room))
        .unwrap_or_else(|| panic!("the room `{room}` is in no layer: add it to LAYERS and to design.md"))
}

fn is_pure(room: &str) -> bool {
    room != "lib" && layer(room) <= layer(LAST_PURE)
}

#[test]
fn imports_run_downwards_only() {
    let mut wrong = BTreeSet::new();
    let mut used = BTreeSet::new();
    for source in sources() {
        if source.room == "lib" {
            continue;
        }
        for other in source.rooms_named() {
            if other == source.room || layer(&other) < layer(&source.room) {
                continue;
            }
            if let Some(edge) = UPWARD.iter().find(|(from, to, _)| *from == source.room && *to == other) {
                used.insert(*edge);
            } else {
                wrong.insert(format!("{} names `{other}`", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "these edges do not run downwards:\n{wrong:#?}");
    assert_eq!(used.len(), UPWARD.len(), "an exception is no longer needed: take it out of UPWARD");
}

#[test]
fn every_layer_names_a_room_that_exists() {
    let rooms: BTreeSet<String> = sources().iter().map(|source| source.room.clone()).collect();
    for room in LAYERS.iter().copied().flatten() {
        assert!(rooms.contains(*room), "there is no room `{room}`: take it out of LAYERS");
    }
}

#[test]
fn the_pure_rooms_know_no_clock_socket_file_or_task() {
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    for source in sources().iter().filter(|source| is_pure(&source.room)) {
        for word in IMPURE.iter().filter(|word| source.says(word)) {
            match IMPURE_ALLOWED.iter().find(|(file, allowed, _)| *file == source.path && allowed == word) {
                Some(exception) => {
                    used.insert(*exception);
                }
                None => wrong.push(format!("{} says `{word}`", source.path)),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(used.len(), IMPURE_ALLOWED.len(), "an exception is no longer needed: take it out of IMPURE_ALLOWED");
}

#[test]
fn one_file_knows_the_clock_and_one_the_yaml_library() {
    let who = |words: &[&str]| -> Vec<String> {
        let says = |source: &Source| words.iter().any(|word| source.says(word));
        sources().iter().filter(|source| says(source)).map(|source| source.path.clone()).collect()
    };
    assert_eq!(who(&["serde_yaml", "serde_saphyr"]), ["yaml.rs"]);
    assert_eq!(who(&["Timestamp::now", "SystemTime::now", "Zoned::now"]), ["clock.rs"]);
}

#[test]
fn nothing_ends_in_the_middle_of_a_message() {
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    for source in &sources() {
        for (number, line) in source.code.lines().enumerate() {
            for word in ABRUPT.iter().filter(|word| line.contains(**word)) {
                match ABRUPT_ALLOWED.iter().find(|(file, part, _)| *file == source.path && part == word) {
                    Some(exception) => {
                        used.insert(*exception);
                    }
                    None => wrong.push(format!("src/{}:{}: {word}", source.path, number + 1)),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "outside tests, an error is a value:\n{wrong:#?}");
    assert_eq!(used.len(), ABRUPT_ALLOWED.len(), "an exception is no longer needed: take it out of ABRUPT_ALLOWED");
}

#[test]
fn the_reader_of_source_sees_what_it_must_and_no_more() {
    let seen = |text: &str| Source::new("decide/turn.rs", text);
    let names = |text: &str| seen(text).rooms_named().into_iter().collect::<Vec<_>>();
    assert_eq!(names("use crate::store::Rows;\nuse crate::{hub, text::{fold, lang}};"), ["hub", "store", "text"]);
    assert_eq!(names("use super::super::server::Server; use super::turn;"), ["server"]);
    assert_eq!(names("// crate::hub\nlet s = \"crate::hub\"; /* crate::hub */ let c = '\"';"), Vec::<String>::new());
    assert_eq!(names("#[cfg(test)]\nmod tests { use crate::hub; fn f() { {} } }\nuse crate::yaml;"), ["yaml"]);
    assert!(seen("async fn f() {}").says("async"));
    assert!(!seen("let asynchronous = 1; // async").says("async"));
    assert_eq!(seen("a\n\"x\ny\"\n.unwrap()").code.lines().count(), 4);
}
