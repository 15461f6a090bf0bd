//! A letter read: headers, addresses, words, and what is enclosed.

use mail_parser::{Address, HeaderValue, Message, MessageParser, MimeHeaders, PartType};

use crate::message::Attachment;

use super::returned::{self, Returned};

/// Most characters of a letter that are kept.
const MAX_TEXT: usize = 40_000;
/// Most characters of a subject.
const MAX_SUBJECT: usize = 300;
/// Longest id of a letter.
const MAX_ID: usize = 500;
/// Most ids of earlier letters that are kept, the last ones.
const MAX_REFERENCES: usize = 20;
/// Most enclosed files that are told.
const MAX_ATTACHMENTS: usize = 50;
/// Most names in one header.
const MAX_ADDRESSES: usize = 500;

/// A mail address with its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mailbox {
    /// In lower case.
    pub address: String,
    /// As the sender writes it.
    pub name: Option<String>,
}

/// A letter that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// Every header: its name in lower case, and its value as it stands there.
    pub headers: Vec<(String, String)>,
    /// Who wrote it.
    pub from: Vec<Mailbox>,
    /// Where answers shall go.
    pub reply_to: Vec<Mailbox>,
    /// For whom it was: To, Cc, Bcc and those of a letter that was sent again.
    pub to: Vec<String>,
    /// Type of the whole, in lower case.
    pub content_type: String,
    /// Its subject; empty without one.
    pub subject: String,
    /// Its id, without brackets.
    pub message_id: Option<String>,
    /// Ids of the letters that it answers, the last one last.
    pub references: Vec<String>,
    /// Its words.
    pub text: String,
    /// What is enclosed.
    pub attachments: Vec<Attachment>,
    /// The letter of ours that comes back with it, if one does.
    pub returned: Option<Returned>,
}

/// A letter as the library reads it. Letters lie in letters as deep as a stranger likes: dropped as they are, each would take a
/// piece of the stack, and a few megabytes of them all of it.
pub(super) struct Parsed<'m>(Message<'m>);

impl<'m> Parsed<'m> {
    pub(super) fn new(raw: &'m [u8]) -> Option<Self> {
        MessageParser::default().parse(raw).map(Self)
    }
}

impl<'m> std::ops::Deref for Parsed<'m> {
    type Target = Message<'m>;

    fn deref(&self) -> &Message<'m> {
        &self.0
    }
}

impl Drop for Parsed<'_> {
    fn drop(&mut self) {
        let mut left = vec![std::mem::take(&mut self.0.parts)];
        while let Some(parts) = left.pop() {
            for part in parts {
                if let PartType::Message(mut inner) = part.body {
                    left.push(std::mem::take(&mut inner.parts));
                }
            }
        }
    }
}

impl Mail {
    /// Reads a letter; none if it has not a single header.
    #[must_use]
    pub fn read(raw: &[u8]) -> Option<Self> {
        let message = Parsed::new(raw)?;
        let root = message.parts.first()?;
        let value = |from: u32, to: u32| raw.get(from as usize..to as usize).unwrap_or_default();
        let headers: Vec<(String, String)> = root
            .headers
            .iter()
            .map(|header| {
                let text = String::from_utf8_lossy(value(header.offset_start, header.offset_end));
                (header.name().to_ascii_lowercase(), text.split_whitespace().collect::<Vec<_>>().join(" "))
            })
            .collect();
        if headers.is_empty() {
            return None;
        }
        let mut mail = Self {
            content_type: root.content_type().map_or_else(String::new, |kind| {
                format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default()).to_ascii_lowercase()
            }),
            subject: message.subject().map(|subject| one_line(subject, MAX_SUBJECT)).unwrap_or_default(),
            message_id: message.message_id().and_then(id),
            headers,
            ..Self::default()
        };
        for header in &root.headers {
            let HeaderValue::Address(addresses) = &header.value else { continue };
            let boxes = mailboxes(addresses);
            match header.name().to_ascii_lowercase().as_str() {
                "from" => mail.from.extend(boxes),
                "reply-to" => mail.reply_to.extend(boxes),
                "to" | "cc" | "bcc" | "resent-to" | "resent-cc" | "resent-bcc" => {
                    mail.to.extend(boxes.into_iter().map(|one| one.address));
                }
                _ => {}
            }
        }
        mail.references = ids(message.references()).chain(ids(message.in_reply_to())).collect();
        mail.references.dedup();
        let most = mail.references.len().saturating_sub(MAX_REFERENCES);
        mail.references.drain(..most);
        mail.text = words(&message);
        mail.attachments = message.attachments().take(MAX_ATTACHMENTS).map(attachment).collect();
        mail.returned = returned::read(&message);
        Some(mail)
    }

    /// The values of all headers of a name, which is given in lower case.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Longest address, in bytes.
const MAX_ADDRESS: usize = 254;

fn mailboxes(addresses: &Address<'_>) -> Vec<Mailbox> {
    let all: Vec<_> = match addresses {
        Address::List(list) => list.iter().collect(),
        Address::Group(groups) => groups.iter().flat_map(|group| &group.addresses).collect(),
    };
    let one = |address: &&mail_parser::Addr<'_>| {
        let name = address.name.as_deref().map(|name| one_line(name, 64)).filter(|name| !name.is_empty());
        Some(Mailbox { address: address.address.as_deref()?.trim().to_lowercase(), name })
    };
    // RFC 5321 knows no longer ones; and what is no address names nobody.
    let fits = |one: &Mailbox| {
        let odd = |c: char| c.is_whitespace() || c.is_control();
        one.address.contains('@') && one.address.len() <= MAX_ADDRESS && !one.address.contains(odd)
    };
    all.iter().take(MAX_ADDRESSES).filter_map(one).filter(fits).collect()
}

fn ids<'a>(value: &'a HeaderValue<'_>) -> impl Iterator<Item = String> + use<'a> {
    let list: Vec<&str> = match value {
        HeaderValue::Text(text) => vec![text.as_ref()],
        HeaderValue::TextList(list) => list.iter().map(AsRef::as_ref).collect(),
        _ => Vec::new(),
    };
    list.into_iter().filter_map(id)
}

/// An id as it may stand in a header again.
pub(super) fn id(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches('<').trim_end_matches('>');
    let fits = |c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>');
    (!text.is_empty() && text.len() <= MAX_ID && text.chars().all(fits)).then(|| text.to_owned())
}

/// The words of all parts that are to be read one after another; plain ones before those of web pages.
fn words(message: &Message<'_>) -> String {
    let mut parts: Vec<String> = (0..message.text_body.len())
        .filter_map(|at| message.body_text(at))
        .map(|text| plain(&text))
        .filter(|text| !text.trim().is_empty())
        .collect();
    if parts.is_empty() {
        // A plain part that is empty beside one that is not.
        let pages = message.html_bodies().filter_map(|part| match &part.body {
            PartType::Html(html) => Some(plain(&mail_parser::decoders::html::html_to_text(html))),
            _ => None,
        });
        parts.extend(pages.filter(|text| !text.trim().is_empty()));
    }
    let text = parts.join("\n\n");
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.trim().to_owned(),
    }
}

/// Without what is not to be seen; lines end alike.
fn plain(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let seen = |c: char| c == '\n' || c == '\t' || !c.is_control();
    text.chars().filter(|c| seen(*c)).map(|c| if c == '\u{a0}' { ' ' } else { c }).collect()
}

pub(super) fn one_line(text: &str, most: usize) -> String {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(most).collect()
}

fn attachment(part: &mail_parser::MessagePart<'_>) -> Attachment {
    let media = part.content_type().map_or_else(
        || "application/octet-stream".to_owned(),
        |kind| format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or("octet-stream")).to_ascii_lowercase(),
    );
    let name = part.attachment_name().map(|name| one_line(name, 200)).filter(|name| !name.is_empty());
    Attachment { name: name.unwrap_or_else(|| "unnamed".to_owned()), media: one_line(&media, 100), bytes: part.len() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_header_is_seen_as_it_stands_there_even_what_is_no_utf_8() {
        let raw = b"From: \"Anna\" <Anna@Example.org>, b@x\r\nAuto-Submitted:\r\n auto-replied\xff\r\nTO: group: Service@shop.example;\r\n\
            Resent-Cc: c@x\r\nMessage-ID: <1@x>\r\nReferences: <a@x>\r\n\t<b@x> <bad id@x>\r\nIn-Reply-To: <b@x>\r\n\r\nwords\r\n";
        let mail = Mail::read(raw).unwrap();
        assert_eq!(mail.all("auto-submitted").collect::<Vec<_>>(), ["auto-replied\u{fffd}"]);
        assert_eq!(mail.from[0], Mailbox { address: "anna@example.org".into(), name: Some("Anna".into()) });
        assert_eq!(mail.from.len(), 2);
        assert_eq!(mail.to, ["service@shop.example", "c@x"]);
        assert_eq!(mail.message_id.as_deref(), Some("1@x"));
        assert_eq!(mail.references.last().map(String::as_str), Some("b@x"));
        assert!(mail.references.iter().all(|id| !id.contains(' ')), "{:?}", mail.references);
        assert_eq!(Mail::read(b""), None);
    }

    #[test]
    fn letters_in_letters_take_no_stack() {
        let raw = format!("From: a@b\r\n{}", "Content-Type:message/rfc822\n\n".repeat(130_000));
        assert_eq!(Mail::read(raw.as_bytes()).unwrap().from[0].address, "a@b");
    }

    fn piece() -> impl Strategy<Value = Vec<u8>> {
        let pieces: &[&[u8]] = &[
            b"From: a@b\r\n",
            b"To: =?gbk?B?1PXDtA==?= <a@b>\r\n",
            b"Content-Type: multipart/mixed; boundary=b\r\n",
            b"Content-Type: text/html; charset=gb18030\r\n",
            b"Content-Type: message/rfc822\r\n",
            b"Content-Transfer-Encoding: base64\r\n",
            b"Content-Transfer-Encoding: quoted-printable\r\n",
            b"Content-Disposition: attachment; filename*0*=utf-8''%e7\r\n",
            b"\r\n",
            b"--b\r\n",
            b"--b--\r\n",
            b"<p>&#x110000;&nbsp;<style>",
            b"=?utf-8?Q?=",
            b"\xd4\xf5\xc3\xb4",
        ];
        prop_oneof![
            5 => prop::sample::select(pieces.to_vec()).prop_map(<[u8]>::to_vec),
            1 => prop::collection::vec(any::<u8>(), 0..30),
        ]
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_within_bounds(pieces in prop::collection::vec(piece(), 0..40)) {
            if let Some(mail) = Mail::read(&pieces.concat()) {
                prop_assert!(mail.text.chars().count() <= MAX_TEXT + 1 && mail.attachments.len() <= MAX_ATTACHMENTS);
                prop_assert!(mail.subject.chars().count() <= MAX_SUBJECT && mail.references.len() <= MAX_REFERENCES);
                prop_assert!(mail.references.iter().chain(&mail.message_id).all(|id| id.bytes().all(|b| b.is_ascii_graphic())));
            }
        }
    }
}
