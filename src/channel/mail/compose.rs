//! Letters out: the words of the bot in the form of a letter, those of people as they wrote them, and the headers that keep threads
//! together and machines from answering each other.

use jiff::Timestamp;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::{Address, address::Envelope};
use serde_json::Value;

use crate::message::{Letter, Role};
use crate::rules::MailSpec;

use super::quote;
use super::receive::marked;

/// A letter to be sent.
#[derive(Debug)]
pub(super) struct Outgoing<'a> {
    /// The channel's settings.
    pub spec: &'a MailSpec,
    /// Names the letter, the same at every attempt.
    pub id: &'a str,
    /// What is said, as in the transcript.
    pub messages: &'a [Value],
    /// The letter that it answers.
    pub letter: &'a Letter,
    /// Name of the customer.
    pub name: Option<&'a str>,
    /// Tag of the customer's language: Chinese in either writing, else English.
    pub language: &'a str,
    /// Whether the bot still has the conversation, so that the customer is told how to reach a person.
    pub with_bot: bool,
    /// When it was said.
    pub at: Timestamp,
}

/// Why a letter cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unwritable(pub &'static str);

impl Outgoing<'_> {
    /// Whether a machine says it.
    pub(super) fn is_automatic(&self) -> bool {
        self.messages.iter().all(|message| message["role"] == Role::Bot.as_str())
    }

    /// Writes it.
    ///
    /// # Errors
    /// [`Unwritable`]
    pub(super) fn written(&self) -> Result<(Envelope, Vec<u8>), Unwritable> {
        let automatic = self.is_automatic();
        let to = match (&self.letter.answer_to, automatic) {
            (Some(to), true) => to,
            (None, true) => return Err(Unwritable("no machine may answer the customer's last letter; write yourself")),
            (_, false) => &self.letter.reply_to,
        };
        let to: Address = to.parse().map_err(|_| Unwritable("the customer's address cannot be written to"))?;
        let sender: Address =
            self.spec.sender().parse().map_err(|_| Unwritable("the first of `addresses` cannot be written from"))?;
        let from = (!automatic || self.spec.named_sender).then(|| sender.clone());
        let envelope =
            Envelope::new(from, vec![to.clone()]).map_err(|_| Unwritable("the addresses make no envelope"))?;
        let (user, domain) = (sender.user().to_owned(), sender.domain().to_owned());
        let mark = marked(&self.letter.mark);
        let mut builder = Message::builder()
            .envelope(envelope.clone())
            .from(Mailbox::new(self.spec.sender_name.clone(), sender))
            .to(Mailbox::new(None, to))
            .subject(self.subject(automatic))
            .message_id(Some(format!("<{}.{mark}@{domain}>", self.id)))
            .date(std::time::SystemTime::from(self.at))
            .header(ContentType::TEXT_PLAIN);
        if self.spec.subaddress
            && let Ok(back) = format!("{user}+{mark}@{domain}").parse::<Address>()
        {
            builder = builder.reply_to(Mailbox::new(None, back));
        }
        if let Some(answered) = &self.letter.message_id {
            let thread = self.letter.references.iter().filter(|id| *id != answered).chain([answered]);
            let thread: Vec<String> = thread.map(|id| format!("<{id}>")).collect();
            builder = builder.in_reply_to(format!("<{answered}>")).references(thread.join(" "));
        }
        if automatic {
            for (name, value) in [
                ("Auto-Submitted", "auto-replied"),
                ("Precedence", "bulk"),
                ("X-Auto-Response-Suppress", "All"),
                ("X-Loop", self.spec.sender()),
            ] {
                let name =
                    HeaderName::new_from_ascii(name.to_owned()).map_err(|_| Unwritable("a header has no name"))?;
                builder = builder.raw_header(HeaderValue::new(name, value.to_owned()));
            }
        }
        let message =
            builder.body(self.body(automatic)).map_err(|_| Unwritable("the letter cannot be put together"))?;
        Ok((envelope, message.formatted()))
    }

    fn subject(&self, automatic: bool) -> String {
        let theirs = self.letter.subject.trim();
        let bare = quote::bare_subject(theirs);
        let bare = if bare.is_empty() { self.word("您的来信", "您的來信", "your letter") } else { bare };
        if automatic {
            return format!("{}{bare}", self.word("自动回复：", "自動回覆：", "Auto: "));
        }
        // Their own mark of an answer stays as it is, but for that of ours within it.
        let mark = theirs.split_inclusive([':', '：']).next().filter(|_| quote::is_reply(theirs));
        match mark.filter(|mark| !is_automatic_subject(mark)) {
            Some(mark) if mark.ends_with(':') => format!("{mark} {bare}"),
            Some(mark) => format!("{mark}{bare}"),
            None => format!("{}{bare}", self.word("回复：", "回覆：", "Re: ")),
        }
    }

    /// The words of our own in the customer's language.
    fn word<'w>(&self, simplified: &'w str, traditional: &'w str, english: &'w str) -> &'w str {
        let tag = self.language.to_ascii_lowercase();
        if !tag.starts_with("zh") {
            return english;
        }
        if ["hant", "tw", "hk", "mo"].iter().any(|part| tag.contains(part)) { traditional } else { simplified }
    }

    fn body(&self, automatic: bool) -> String {
        let mut parts = Vec::new();
        if automatic {
            parts.push(self.salutation());
        }
        for message in self.messages {
            let text = message["text"].as_str().unwrap_or_default().trim();
            if !text.is_empty() {
                parts.push(text.to_owned());
            }
        }
        if automatic {
            parts.extend(self.options());
            parts.push(self.close().to_owned());
        }
        let footer = self.spec.footer.join("\n");
        let mut body = parts.join("\n\n");
        if !footer.trim().is_empty() {
            // The mark of signatures, by which programs leave them out of what they quote.
            body.push_str("\n\n-- \n");
            body.push_str(&footer);
        }
        body.push('\n');
        body.replace("\r\n", "\n").replace('\n', "\r\n")
    }

    fn salutation(&self) -> String {
        // Names that senders choose: words, and nothing that a reader would take for an address or a link.
        let name = self.name.map(str::trim).filter(|name| {
            (1..=30).contains(&name.chars().count())
                && name.chars().all(|c| c.is_alphabetic() || matches!(c, ' ' | '-' | '·' | '\''))
        });
        let hello = self.word("您好：", "您好：", "Hello,");
        let Some(name) = name else { return hello.to_owned() };
        if hello == "Hello," { format!("Dear {name},") } else { format!("{name}，{hello}") }
    }

    /// The options last shown, as a list that can be answered with a number.
    fn options(&self) -> Option<String> {
        let options =
            self.messages.iter().rev().filter_map(|message| message["options"].as_array()).find(|o| !o.is_empty())?;
        let lines = (1_u32..)
            .zip(options)
            .map(|(number, option)| format!("{number}. {}", option["label"].as_str().unwrap_or_default()));
        let lead = self.word("您也可以直接回复编号：", "您也可以直接回覆編號：", "Or answer with a number:");
        Some([lead.to_owned()].into_iter().chain(lines).collect::<Vec<_>>().join("\n"))
    }

    fn close(&self) -> &'static str {
        if self.with_bot {
            return self.word(
                "这是自动回复。需要人工服务时，请直接回复本邮件，写上“转人工”。",
                "這是自動回覆。需要真人客服時，請直接回覆本郵件，寫上「轉人工」。",
                "This is an automatic answer. To reach a person, answer this letter with the words “talk to a person”.",
            );
        }
        self.word(
            "这是自动回复。如需补充，请直接回复本邮件，同事会看到。",
            "這是自動回覆。如需補充，請直接回覆本郵件，同事會看到。",
            "This is an automatic answer. Answer this letter to add something; a colleague will see it.",
        )
    }
}

fn is_automatic_subject(subject: &str) -> bool {
    let lower = subject.to_lowercase();
    lower.starts_with("auto") || lower.starts_with("自动回复") || lower.starts_with("自動回覆")
}
