//! Mail servers and clients that others wrote: `aiosmtpd` for what the daemon sends, Python's `smtplib` for what it is sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use super::PATIENCE;
use super::foreign::{foreign, python};

/// A running mail server. Ended when dropped.
#[derive(Debug)]
pub struct MailServer {
    child: Child,
    letters: Receiver<Value>,
    /// Letters that came while something else was waited for.
    before: VecDeque<Value>,
    folder: tempfile::TempDir,
    /// Where it listens on this machine.
    pub port: u16,
}

impl MailServer {
    /// Starts one; `words` are a port, `starttls`, `tls`, `auth`.
    pub fn start(words: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign/mail.py");
        let mut child = Command::new(python())
            .arg(script)
            .arg("serve")
            .arg(folder.path())
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, letters) = channel();
        std::thread::spawn(move || {
            let read = |line: String| serde_json::from_str(&line).unwrap_or_else(|_| json!(line));
            lines.map_while(Result::ok).try_for_each(|line| sender.send(read(line)))
        });
        let port = letters.recv_timeout(PATIENCE).ok().as_ref().and_then(Value::as_u64);
        let port = port.and_then(|port| u16::try_from(port).ok()).expect("the mail server's port");
        Self { child, letters, before: VecDeque::new(), folder, port }
    }

    /// What the next letter is met with.
    pub fn mood(&mut self, mood: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{mood}").unwrap();
        loop {
            let line = self.letters.recv_timeout(PATIENCE).expect("the mail server heard");
            if line["mood"] == mood {
                return;
            }
            self.before.push_back(line);
        }
    }

    /// The next letter that it was offered.
    #[track_caller]
    pub fn letter(&mut self) -> Value {
        if let Some(letter) = self.before.pop_front() {
            return letter;
        }
        self.letters.recv_timeout(PATIENCE).expect("a letter in time")
    }

    /// A letter that it was offered already.
    pub fn offered(&mut self) -> Option<Value> {
        if let Some(letter) = self.before.pop_front() {
            return Some(letter);
        }
        self.letters.try_recv().ok()
    }

    /// By which its certificate can be checked.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A value of a letter's header, which it must have once.
#[track_caller]
pub fn header<'a>(letter: &'a Value, name: &str) -> &'a str {
    let values = letter["headers"][name].as_array().unwrap_or_else(|| panic!("no {name} in {letter:#}"));
    assert_eq!(values.len(), 1, "{letter:#}");
    values[0].as_str().unwrap()
}

/// Hands letters over by LMTP or SMTP: what each was answered.
pub async fn hand_over(protocol: &str, port: u16, letters: &[(&str, &[&str], Vec<u8>)]) -> Vec<Value> {
    let task = |(from, to, raw): &(&str, &[&str], Vec<u8>)| json!({"do": protocol, "port": port, "from": from, "to": to, "raw": STANDARD.encode(raw)});
    let tasks: Value = letters.iter().map(task).collect();
    tokio::task::spawn_blocking(move || foreign("mail.py", &tasks)).await.unwrap()
}
