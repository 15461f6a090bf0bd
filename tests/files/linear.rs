//! Words made to be slow: eight times as many take about eight times as long, whatever pattern or reader they go through.
//!
//! No times are compared with a clock's idea of fast, only the longer text with the shorter one in the same run. What grows with
//! the square would take sixty-four times as long, and what tries every way through a pattern would never end.

use std::time::{Duration, Instant};

use nightdesk::channel::mail::{letter::Mail, quote};
use nightdesk::channel::wechat::xml::Fields;
use nightdesk::engine::Engine;
use nightdesk::message::Customer;
use nightdesk::rules::Files;
use nightdesk::rules::load::NoSecrets;
use nightdesk::text::{self, Fold};

/// How many times as long the second text is.
const LONGER: usize = 8;
/// How many times as long it may take: between what is linear and what is not.
const MOST: u32 = 28;

/// The shortest of several runs, so that what else the machine does counts little.
fn shortest(run: &dyn Fn()) -> Duration {
    let once = |_| {
        let began = Instant::now();
        run();
        began.elapsed()
    };
    (0..7).map(once).min().unwrap()
}

/// Whether it takes about as many times as long as the text is longer. Tried again, because others work on the machine too.
#[track_caller]
fn grows_with_the_length(what: &str, short: usize, make: &dyn Fn(usize) -> String, run: &dyn Fn(&str)) {
    let mut last = (Duration::ZERO, Duration::ZERO);
    for _ in 0..5 {
        let (one, many) = (make(short), make(short * LONGER));
        // What is quicker than a clock can tell counts as a little time.
        let first = shortest(&|| run(&one)).max(Duration::from_micros(50));
        let second = shortest(&|| run(&many));
        if second <= first * MOST {
            return;
        }
        last = (first, second);
    }
    panic!("{what}: {last:?} for {LONGER} times the length");
}

/// Patterns that keep engines busy that try one way after the other.
const PATTERNS: [&str; 7] =
    ["(a+)+b", "(a|aa)+c", "(a|a?)+d", "(.*a){12}e", "([a-z]+)*[0-9]f", "(x+x+)+y", "^(([a-z])+.)+[A-Z]([a-z])+g$"];

#[test]
fn no_pattern_tries_every_way() {
    for pattern in PATTERNS {
        let settings = "timezone: Asia/Shanghai\nlanguages: [zh]\nhours: {always: {weekly: {mon-sun: [\"00:00-24:00\"]}}}\n\
            queues: {general: {hours: always}}\nroutes: [{queue: general}]\nchannels: {web: {kind: websocket}}\n\
            notices: {closed: c, handed_over: h}\nlimits: {message_chars: 16000}\n";
        let rules = format!("rules: [{{id: r, when: {{regex: ['{pattern}']}}, reply: 七天}}]\n");
        let files = Files::from_texts([("nightdesk.yaml", settings), ("rules/x.yaml", rules.as_str())]);
        let (engine, report) = Engine::load(files, &NoSecrets);
        let engine = engine.unwrap_or_else(|| panic!("{:#?}", report.findings));
        let now = "2026-10-14T10:00:00+08:00".parse().unwrap();
        for piece in ["a", "x", "ax", "a "] {
            grows_with_the_length(pattern, 1_000, &|length| piece.repeat(length / piece.len()), &|text| {
                let outcomes = engine.first_messages(None, &Customer::default(), &[text], now).unwrap();
                assert_eq!(outcomes[0].decision.rule, None, "{pattern} matches nothing of this");
            });
        }
    }
}

#[test]
fn no_reader_goes_back_and_back() {
    let fold = Fold::new();
    for piece in ["1", "a@", "1 2-", "号1", "路1号", "+86 ", "e\u{301}", "\u{200d}", "<", "退货 tuìhuò "] {
        let make = |length: usize| piece.repeat(length);
        grows_with_the_length(&format!("masking {piece}"), 2_000, &make, &|text| drop(text::redact(text).into_owned()));
        grows_with_the_length(&format!("folding {piece}"), 2_000, &make, &|text| drop(fold.squeeze(text)));
    }
    for piece in ["> ", "\n> a", "On Mon, a wrote:\n", "\n-- \n", "\n\n", "发件人: a\n", "____\n"] {
        let make = |length: usize| piece.repeat(length);
        grows_with_the_length(&format!("quotes {piece:?}"), 500, &make, &|text| drop(quote::own_words(text)));
    }
    for (head, piece) in [
        ("", "Received: x\r\n"),
        ("Content-Type: multipart/mixed; boundary=b\r\n\r\n", "--b\r\n\r\nx\r\n"),
        ("Content-Type: multipart/mixed; boundary=b\r\n\r\n", "--b\r\nContent-Type: message/rfc822\r\n\r\n"),
        ("Content-Type: text/html\r\n\r\n", "<div><blockquote>&amp;"),
        ("To: ", "a@b, "),
        ("Subject: ", "=?utf-8?B?5a6J?= "),
        ("Content-Type: multipart/mixed; boundary=\"", "--b"),
    ] {
        let make = |length: usize| format!("From: a@b\r\n{head}{}\r\n\r\nx", piece.repeat(length));
        grows_with_the_length(&format!("a letter of {piece:?}"), 400, &make, &|text| drop(Mail::read(text.as_bytes())));
    }
    for piece in ["<a>", "<a/>", "&amp;", "]]>", "<![CDATA[", "<a b='c'/>"] {
        let make = |length: usize| format!("<xml><A>{}</A></xml>", piece.repeat(length));
        grows_with_the_length(&format!("XML of {piece}"), 2_000, &make, &|text| drop(Fields::parse(text)));
    }
}
