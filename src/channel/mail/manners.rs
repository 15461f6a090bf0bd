//! Whether a machine may answer a letter, and whether a person would want it: RFC 3834 and RFC 5230, section 4.6.
//!
//! A pure function over the envelope and the headers. Refuses the body, the store and the clock.

use super::letter::Mail;
use crate::rules::MailSpec;

/// How a letter came: the envelope around it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Where it goes back to; empty for what must never be answered.
    pub return_path: String,
    /// For whom it was handed over, all of them ours.
    pub recipients: Vec<String>,
}

/// What may be done with a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A machine may answer, to the return path.
    Answer,
    /// A person wants it, and no machine may answer. Says why.
    People(&'static str),
    /// No person wants it either: a machine's, or a list's. Says why.
    Nobody(&'static str),
}

/// Types of what mail servers and mail programs report.
const REPORTS: &[&str] = &[
    "multipart/report",
    "message/delivery-status",
    "message/disposition-notification",
    "message/feedback-report",
    "message/tracking-status",
];

/// Judges a letter.
#[must_use]
pub fn verdict(envelope: &Envelope, mail: &Mail, spec: &MailSpec) -> Verdict {
    nobodys(envelope, mail, spec)
        .map_or_else(|| peoples(envelope, mail, spec).map_or(Verdict::Answer, Verdict::People), Verdict::Nobody)
}

/// Why no person wants a letter; none if one does.
fn nobodys(envelope: &Envelope, mail: &Mail, spec: &MailSpec) -> Option<&'static str> {
    if envelope.return_path.is_empty() {
        return Some("it has no return path");
    }
    if mail.all("auto-submitted").any(|value| first_word(value) != "no") {
        return Some("a machine wrote it (Auto-Submitted)");
    }
    if mail.headers.iter().any(|(name, _)| name.starts_with("list-")) {
        return Some("it came by a mailing list");
    }
    if mail.all("precedence").any(|value| matches!(first_word(value).as_str(), "bulk" | "junk" | "list")) {
        return Some("it went to many (Precedence)");
    }
    if mail.all("x-loop").any(|value| spec.is_ours(value.trim())) {
        return Some("it came from here (X-Loop)");
    }
    if REPORTS.contains(&mail.content_type.as_str()) {
        return Some("it is a report of a mail server");
    }
    let senders = [envelope.return_path.as_str()].into_iter().chain(mail.from.iter().map(|from| from.address.as_str()));
    if senders.clone().any(is_system) {
        return Some("a mail server or list server wrote it");
    }
    if mail.from.iter().any(|from| spec.is_ours(&from.address)) {
        return Some("it is from an address of our own");
    }
    let flagged = |value: &str| matches!(first_word(value).as_str(), "yes" | "true");
    if ["x-spam-flag", "x-spam", "x-spam-status"].iter().any(|name| mail.all(name).any(flagged)) {
        return Some("it is marked as spam");
    }
    None
}

/// Why no machine may answer a letter that people want; none if one may.
fn peoples(envelope: &Envelope, mail: &Mail, spec: &MailSpec) -> Option<&'static str> {
    if spec.is_ours(&envelope.return_path) {
        return Some("it goes back to an address of our own");
    }
    if mail.from.len() != 1 {
        return Some("it has not one sender");
    }
    if [envelope.return_path.as_str(), &mail.from[0].address].into_iter().any(wants_no_answer) {
        return Some("its sender wants no answer");
    }
    // Nobody has checked who wrote it, and the answer would go to another than it says: with what is known of the one it says.
    if bare(&envelope.return_path) != bare(&mail.from[0].address) {
        return Some("it goes back to another address than its sender's");
    }
    if !mail.to.iter().any(|address| spec.is_ours(address)) {
        return Some("none of our addresses is among its recipients");
    }
    let suppressed = |value: &str| {
        value.split(',').any(|word| matches!(word.trim().to_ascii_lowercase().as_str(), "all" | "oof" | "autoreply"))
    };
    if mail.all("x-auto-response-suppress").any(suppressed) {
        return Some("its sender wants no automatic answer");
    }
    if !sendable(&envelope.return_path) {
        return Some("its return path is no address");
    }
    None
}

/// Senders behind which there is never a person.
pub(super) fn is_system(address: &str) -> bool {
    let local = local_part(address);
    matches!(local.as_str(), "mailer-daemon" | "listserv" | "majordomo" | "mailman" | "postmaster")
        || local.starts_with("owner-")
        || local.ends_with("-request")
        || local.ends_with("-bounces")
}

/// Senders that say that they do not read: forms, mailers and systems, behind which there may be a customer.
fn wants_no_answer(address: &str) -> bool {
    let local = local_part(address);
    ["noreply", "no-reply", "no_reply", "donotreply", "do-not-reply", "do_not_reply"]
        .iter()
        .any(|word| local.contains(word))
        || local.starts_with("bounce")
        || local.ends_with("-owner")
        || matches!(local.as_str(), "root" | "nobody" | "daemon" | "cron" | "www-data" | "apache")
}

fn local_part(address: &str) -> String {
    let local = address.rsplit_once('@').map_or(address, |(local, _)| local);
    local.split('+').next().unwrap_or_default().trim_matches('"').to_ascii_lowercase()
}

/// An address without what stands behind a `+`, in lower case.
fn bare(address: &str) -> String {
    let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain).to_lowercase();
    format!("{}@{domain}", local_part(address))
}

fn sendable(address: &str) -> bool {
    address.parse::<lettre::Address>().is_ok()
}

fn first_word(value: &str) -> String {
    let word = value.trim_start().split(|c: char| c.is_whitespace() || matches!(c, ';' | ',' | '(')).next();
    word.unwrap_or_default().to_ascii_lowercase()
}
