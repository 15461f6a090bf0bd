//! May a machine answer a letter? Checked against Pigeonhole, the reference implementation of RFC 5230: wherever we would answer,
//! its `vacation` answers too.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use nightdesk::channel::mail::letter::Mail;
use nightdesk::channel::mail::manners::{Envelope, Verdict, verdict};
use nightdesk::rules::{MailSpec, SmtpTls};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

const SHOP: &str = "service@shop.example";

fn spec() -> MailSpec {
    MailSpec {
        listen: "127.0.0.1:0".parse().unwrap(),
        lmtp: true,
        addresses: vec![SHOP.into(), "help@shop.example".into()],
        sender_name: None,
        footer: Vec::new(),
        smtp: ("localhost".into(), 25),
        tls: SmtpTls::None,
        login: None,
        period: Duration::from_hours(168),
        per_day: 10,
        subaddress: false,
        named_sender: false,
        letter_bytes: 1 << 20,
    }
}

fn ours(sender: &str, raw: &str) -> Verdict {
    let envelope = Envelope { return_path: sender.into(), recipients: vec![SHOP.into()] };
    verdict(&envelope, &Mail::read(raw.as_bytes()).unwrap(), &spec())
}

/// Pigeonhole, run by a user who is not root, which it refuses.
struct Sieve {
    folder: tempfile::TempDir,
    root: PathBuf,
    as_nobody: bool,
}

impl Sieve {
    fn new() -> Self {
        let root = std::env::var("NIGHTDESK_SIEVE").unwrap_or_else(|_| {
            panic!("NIGHTDESK_SIEVE is not set: it names the folder of scripts/install-sieve. `make unit` makes one and sets it.")
        });
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let script = "require [\"vacation\"];\nvacation :days 7 :addresses [\"service@shop.example\", \"help@shop.example\"] :handle \"faq-ack\" \"received\";\n";
        fs::write(folder.path().join("v.sieve"), script).unwrap();
        let id = Command::new("id").arg("-u").output().unwrap().stdout;
        Self { folder, root: root.into(), as_nobody: id.starts_with(b"0\n") }
    }

    /// Whether it answers.
    fn answers(&self, sender: &str, raw: &str) -> bool {
        let here = self.folder.path();
        fs::write(here.join("m.eml"), raw).unwrap();
        let mut command = Command::new(self.root.join("usr/bin/sieve-test"));
        command
            .current_dir(here)
            .env_clear()
            .env("LD_LIBRARY_PATH", self.root.join("usr/lib/dovecot"))
            .envs([("DOVECONF_ENV", "1"), ("SSL", "no"), ("LOG_PATH", "/dev/stderr")])
            .envs(["BASE_DIR", "STATE_DIR", "HOME"].map(|name| (name, here)))
            .args(["-e", "-l", "maildir:box", "-f", sender, "-r", SHOP, "-a", SHOP, "v.sieve", "m.eml"]);
        if self.as_nobody {
            command.uid(65_534).gid(65_534);
        }
        // It knows no letter without a return path.
        if sender.is_empty() {
            return false;
        }
        let output = command.output().expect("sieve-test runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        if said.contains("Invalid -f parameter") {
            return false;
        }
        assert!(output.status.success() && said.contains("final result: success"), "{said}\n{raw}");
        said.contains("sent vacation response")
    }
}

fn letter(head: &str) -> String {
    format!("Message-ID: <1@example.org>\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\n{head}\r\nhello\r\n")
}

#[test]
fn ordinary_letters_are_answered_and_each_reason_counts_alone() {
    let sieve = Sieve::new();
    let plain = "From: Anna <anna@example.org>\r\nTo: service@shop.example\r\nSubject: x\r\n";
    let both = |sender: &str, head: &str| {
        let raw = letter(head);
        (ours(sender, &raw), sieve.answers(sender, &raw))
    };
    assert_eq!(both("anna@example.org", plain), (Verdict::Answer, true));
    for fine in [
        "Auto-Submitted: no\r\n",
        "Precedence: first-class\r\n",
        "X-Auto-Response-Suppress: DR\r\n",
        "X-Spam-Flag: NO\r\n",
    ] {
        assert_eq!(both("anna@example.org", &format!("{plain}{fine}")), (Verdict::Answer, true), "{fine}");
    }
    // Where both agree that no machine answers.
    for head in [
        "Auto-Submitted: auto-replied\r\n",
        "auto-submitted: Auto-Generated; owner-email=\"x\"\r\n",
        "List-Id: <x.example.org>\r\n",
        "List-Archive: <http://x>\r\n",
        "Precedence: BULK\r\n",
        "Precedence: list\r\n",
        "X-Auto-Response-Suppress: DR, OOF\r\n",
        "X-Auto-Response-Suppress: all\r\n",
    ] {
        let (we, they) = both("anna@example.org", &format!("{plain}{head}"));
        assert!(we != Verdict::Answer && !they, "{head}: {we:?}, {they}");
    }
    for sender in [
        "MAILER-DAEMON@example.org",
        "owner-x@example.org",
        "x-request@example.org",
        "listserv@x.example",
        "majordomo@x.example",
        SHOP,
        "",
    ] {
        let (we, they) = both(sender, plain);
        assert!(we != Verdict::Answer && !they, "{sender}: {we:?}, {they}");
    }
    // Mailers and forwarders: there may be a customer behind them, whom nobody has checked, so people read it.
    for sender in ["bounce+ab@mailer.example", "shop-owner@example.org", "other@example.org", "anna@other.example"] {
        assert!(matches!(ours(sender, &letter(plain)), Verdict::People(_)), "{sender}");
    }
    assert_eq!(ours("Anna+x@Example.org", &letter(plain)), Verdict::Answer, "the same mailbox");
    let odd = format!("From: {}@example.org\r\nTo: {SHOP}\r\n", "a".repeat(400));
    assert!(matches!(ours("anna@example.org", &letter(&odd)), Verdict::People(_)), "no address has 400 letters");
    let other = plain.replace(SHOP, "else@shop.example");
    let (we, they) = both("anna@example.org", &other);
    assert!(matches!(we, Verdict::People(_)) && !they, "{we:?}, {they}");
}

fn line() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("no"),
        Just("No"),
        Just("auto-replied"),
        Just("auto-generated (x)"),
        Just(""),
        Just("bulk"),
        Just("list"),
        Just("junk"),
        Just("normal"),
        Just("All"),
        Just("OOF"),
        Just("AutoReply, DR"),
        Just("DR"),
        Just("None"),
        Just("<x.example.org>"),
        Just("yes"),
        Just("service@shop.example"),
        Just("\"a, b\" <help@shop.example>"),
        Just("anna@example.org"),
        Just("=?utf-8?q?bulk?="),
        Just(" no\r\n\tway"),
        Just("group: service@shop.example;"),
    ];
    let name = prop_oneof![
        Just("Auto-Submitted"),
        Just("auto-submitted"),
        Just("Precedence"),
        Just("X-Auto-Response-Suppress"),
        Just("List-Id"),
        Just("List-Help"),
        Just("List-Post"),
        Just("List-Owner"),
        Just("List-Subscribe"),
        Just("X-Loop"),
        Just("X-Spam-Flag"),
        Just("Cc"),
        Just("Bcc"),
        Just("Resent-To"),
        Just("Reply-To"),
        Just("Sender"),
        Just("Return-Path"),
        Just("Subject"),
        Just("X-List"),
        Just("Content-Type"),
        Just("In-Reply-To"),
    ];
    (name, value).prop_map(|(name, value)| format!("{name}: {value}\r\n"))
}

#[test]
fn wherever_we_answer_the_reference_answers() {
    let sieve = Sieve::new();
    let sender = prop_oneof![
        6 => Just("anna@example.org"), 1 => Just("MAILER-DAEMON@x.example"), 1 => Just(""), 1 => Just("owner-list@x.example"),
        1 => Just("list-request@x.example"), 1 => Just("service+tag@shop.example"), 1 => Just("Majordomo@x.example"),
        1 => Just("LISTSERV@x.example"), 1 => Just("=?x?=@x.example"), 1 => Just("help@shop.example"), 1 => Just("noreply@x.example"),
    ];
    let from = prop_oneof![
        5 => Just("Anna <anna@example.org>"), 1 => Just("\"shop\" <SERVICE@shop.example>"), 1 => Just("a@x.example, b@x.example"),
        1 => Just("undisclosed"), 1 => Just("=?gbk?B?sLLErA==?= <anna@example.org>"),
    ];
    let to = prop_oneof![
        6 => Just("service@shop.example"), 1 => Just("Shop <Help@Shop.Example>"), 1 => Just("else@x.example"), 1 => Just("undisclosed-recipients:;"),
        1 => Just("else@x.example,\r\n service@shop.example"), 1 => Just("service@shop.example.evil.example"),
        1 => Just("\"service@shop.example\" <else@x.example>"),
    ];
    let cases = (sender, from, to, prop::collection::vec(line(), 0..4));
    // The same letters every time.
    let config = Config { cases: 400, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let answered = std::cell::Cell::new((0, 0));
    let result = runner.run(&cases, |(sender, from, to, lines)| {
        let raw = letter(&format!("From: {from}\r\nTo: {to}\r\n{}", lines.concat()));
        let (we, they) = (ours(sender, &raw) == Verdict::Answer, sieve.answers(sender, &raw));
        let (ours, theirs) = answered.get();
        answered.set((ours + u32::from(we), theirs + u32::from(they)));
        prop_assert!(!we || they, "we answer {sender:?} and the reference does not:\n{raw}");
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    let (ours, theirs) = answered.get();
    assert!(ours >= 40 && theirs >= ours, "{ours} and {theirs} of 400 were answered: the letters test nothing");
}
