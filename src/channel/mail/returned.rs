//! What a mail server says of a letter that it could not deliver (RFC 3464), and which letter that was.
//!
//! Refuses to judge: whether the letter was ours, and what follows from it, is the reader's business.

use mail_parser::{Message, MimeHeaders};

use super::letter::{Parsed, id, one_line};

/// Of the server's words so many characters are kept.
const WORDS: usize = 300;

/// A letter that comes back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Returned {
    /// Its id, without brackets.
    pub message_id: String,
    /// Whether it did not arrive for good; none where nothing says so in a form of its own.
    pub failed: Option<bool>,
    /// To whom it did not go.
    pub recipient: Option<String>,
    /// Why, in the server's words.
    pub why: String,
}

/// The letter that comes back within another, if one does.
pub(super) fn read(message: &Message<'_>) -> Option<Returned> {
    let (mut found, mut status) = (None, None);
    for part in &message.parts {
        let Some(kind) = part.content_type() else { continue };
        match (kind.ctype(), kind.subtype().unwrap_or_default()) {
            ("message", "delivery-status") => status = Some(String::from_utf8_lossy(part.contents()).into_owned()),
            ("message", "rfc822" | "rfc822-headers" | "global") | ("text", "rfc822-headers") => {
                let inner = Parsed::new(part.contents());
                found = found.or_else(|| inner.as_ref().and_then(|inner| inner.message_id()).and_then(id));
            }
            _ => {}
        }
    }
    let message_id = found?;
    let Some(status) = status else {
        let words = message.body_text(0).unwrap_or_default();
        return Some(Returned { message_id, why: one_line(&words, WORDS), ..Returned::default() });
    };
    let fields = unfolded(&status);
    let field = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let typed = |value: &str| value.split_once(';').map_or(value, |(_, rest)| rest).trim().to_owned();
    let failed = fields.iter().any(|(key, value)| key == "action" && value.eq_ignore_ascii_case("failed"));
    let why = field("diagnostic-code").map(typed).or_else(|| field("status").map(str::to_owned)).unwrap_or_default();
    Some(Returned {
        message_id,
        failed: Some(failed),
        recipient: field("final-recipient").map(|value| one_line(&typed(value), WORDS)),
        why: one_line(&why, WORDS),
    })
}

/// Names in lower case and values of all fields, lines that were folded put together.
fn unfolded(text: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        match (line.starts_with([' ', '\t']), line.split_once(':'), fields.last_mut()) {
            (true, _, Some((_, value))) => {
                value.push(' ');
                value.push_str(line.trim());
            }
            (false, Some((name, value)), _) => fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned())),
            _ => {}
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(parts: &str) -> Option<Returned> {
        let raw = format!(
            "From: MAILER-DAEMON@mx\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\
             Content-Type: text/plain\r\n\r\nI am sorry.\r\n{parts}--b--\r\n"
        );
        read(&Parsed::new(raw.as_bytes()).unwrap())
    }

    fn status(action: &str) -> String {
        format!(
            "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\nFinal-Recipient: rfc822; anna@x\r\n\
             Action: {action}\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1\r\n no such user\r\n\r\n"
        )
    }

    #[test]
    fn the_letter_and_the_reason_are_found_in_reports_of_several_forms() {
        let whole = "--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: <1.c2@x>\r\nSubject: x\r\n\r\nwords\r\n";
        let head = "--b\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: x\r\nMessage-ID: <1.c2@x>\r\n\r\n";
        for enclosed in [whole, head] {
            let back = of(&(status("failed") + enclosed)).unwrap();
            assert_eq!((back.message_id.as_str(), back.failed), ("1.c2@x", Some(true)), "{enclosed}");
            assert_eq!((back.recipient.as_deref(), back.why.as_str()), (Some("anna@x"), "550 5.1.1 no such user"));
        }
        assert_eq!(of(&(status("delayed") + whole)).unwrap().failed, Some(false));
        let bare = of(whole).unwrap();
        assert_eq!((bare.failed, bare.why.as_str()), (None, "I am sorry."));
        assert_eq!(of(&status("failed")), None);
    }
}
