//! A letter on its way in: read, judged, put into our words, and on disk before it is said to be taken.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::message::{Conversation, Customer, Gesture, Kind, Letter, Role};
use crate::pipeline::{Arrival, Known, Pipeline, PipelineError};
use crate::rules::MailSpec;
use crate::token::Tokens;

use super::letter::{Mail, Mailbox};
use super::manners::{Envelope, Verdict, is_system, verdict};
use super::quote;
use super::session::{Reply, Take};

/// Servers that a letter may have gone through before it is taken for one that goes in circles.
const MAX_HOPS: usize = 50;
/// What stands before the mark of a conversation.
const MARK: &str = "c";
/// Letters and digits of a mark.
const MARK_LENGTH: usize = 40;

/// Takes letters into one channel.
#[derive(Debug)]
pub(super) struct Mailroom {
    /// The channel's name.
    pub channel: String,
    /// Its settings.
    pub spec: Arc<MailSpec>,
    /// The way of messages.
    pub pipeline: Arc<Pipeline>,
}

impl Take for Mailroom {
    fn take(&self, envelope: Envelope, raw: Vec<u8>) -> BoxFuture<'static, Reply> {
        let (channel, spec, pipeline) = (self.channel.clone(), Arc::clone(&self.spec), Arc::clone(&self.pipeline));
        // Apart from the connection: what was begun comes to its end though the client goes away.
        let taking = tokio::spawn(async move { taken(&channel, &spec, &pipeline, envelope, raw).await });
        Box::pin(async move {
            taking.await.unwrap_or_else(|_| {
                tracing::error!("Taking a letter failed inside nightdesk; its sender will try again.");
                later()
            })
        })
    }
}

fn later() -> Reply {
    Reply::new(451, "4.3.0 The letter cannot be kept at the moment; try again")
}

async fn taken(channel: &str, spec: &MailSpec, pipeline: &Arc<Pipeline>, envelope: Envelope, raw: Vec<u8>) -> Reply {
    // Reading a large letter takes long enough to keep others waiting.
    let read = tokio::task::spawn_blocking(move || (Mail::read(&raw), digest(&raw))).await;
    let Ok((mail, digest)) = read else { return later() };
    let Some(mail) = mail else { return Reply::new(554, "5.6.0 That is no letter: it has no headers") };
    if mail.all("received").count() > MAX_HOPS {
        return Reply::new(554, "5.4.6 The letter goes in circles");
    }
    let why = match verdict(&envelope, &mail, spec) {
        Verdict::Nobody(why) => {
            match returned(channel, pipeline, &mail).await {
                Ok(None) => {}
                Ok(Some(arrival)) => return accepted(pipeline, arrival, Known::Returned).await,
                Err(reply) => return reply,
            }
            pipeline.metrics.undecided(channel, "silent", "automatic_sender");
            tracing::info!(channel, why, "A letter was taken that neither a machine nor a person answers.");
            return Reply::new(250, "2.0.0 Taken");
        }
        Verdict::People(why) => Some(why),
        Verdict::Answer => None,
    };
    let arrival = match arrival(channel, spec, pipeline, &envelope, mail, digest, why).await {
        Ok(arrival) => arrival,
        Err(reply) => return reply,
    };
    accepted(pipeline, arrival, Known::Nothing).await
}

async fn accepted(pipeline: &Arc<Pipeline>, arrival: Arrival, known: Known) -> Reply {
    match pipeline.accept_known(arrival, known).await {
        Ok(_) => Reply::new(250, "2.0.0 Taken"),
        Err(PipelineError::RateLimited(_)) => Reply::new(451, "4.7.1 Too many letters from this sender; try again"),
        Err(PipelineError::Busy | PipelineError::Store(_) | PipelineError::NotAsked | PipelineError::Internal) => {
            later()
        }
    }
}

/// A letter of ours that came back: people see it in the conversation, and one of them gets the case if the bot had it. Whose
/// letter it was says its id, which nobody can invent.
async fn returned(channel: &str, pipeline: &Arc<Pipeline>, mail: &Mail) -> Result<Option<Arrival>, Reply> {
    let by_server = mail.from.iter().any(|from| is_system(&from.address));
    let Some(back) = mail.returned.as_ref().filter(|back| back.failed.unwrap_or(by_server)) else { return Ok(None) };
    let Some(id) = conversation_of(&back.message_id, &pipeline.tokens) else { return Ok(None) };
    let row = match pipeline.store.conversation(&id).await {
        Ok(Some(row)) if row.channel == channel => row,
        Ok(_) => return Ok(None),
        Err(_) => return Err(later()),
    };
    let known: Option<Conversation> = serde_json::from_str(&row.body).ok();
    let Some(conversation) = known else { return Ok(None) };
    tracing::warn!(channel, conversation = id, "A letter came back; people are told.");
    let to = back.recipient.as_deref().unwrap_or(&row.thread);
    let text = if pipeline.engine.load().book().settings.default_language().starts_with("zh") {
        format!("邮件未能送达 {to}：{}", back.why)
    } else {
        format!("A letter to {to} did not arrive: {}", back.why)
    };
    Ok(Some(Arrival {
        channel: channel.to_owned(),
        account: String::new(),
        thread: row.thread,
        customer: conversation.customer,
        // Once for each letter: whoever has got one could make any number of reports of it.
        id: format!("returned:{}", back.message_id),
        kind: Kind::Notice,
        text,
        url: None,
        locale: None,
        gesture: Gesture::Undelivered,
        role: Role::System,
        origin: None,
        reply_with: Value::Null,
    }))
}

async fn arrival(
    channel: &str,
    spec: &MailSpec,
    pipeline: &Arc<Pipeline>,
    envelope: &Envelope,
    mail: Mail,
    digest: String,
    why: Option<&'static str>,
) -> Result<Arrival, Reply> {
    let sender = match mail.from.first() {
        Some(sender) => sender.clone(),
        None => Mailbox { address: envelope.return_path.to_lowercase(), name: None },
    };
    let (thread, why) = match named(&mail, envelope, &pipeline.tokens) {
        Some(id) => match pipeline.store.conversation(&id).await {
            Ok(Some(row)) if row.channel == channel && row.thread == sender.address => (sender.address.clone(), why),
            // Somebody to whom our letter was passed on, perhaps: what was said to its owner is not for them.
            Ok(Some(row)) if row.channel == channel => {
                (sender.address.clone(), why.or(Some("it answers a letter to somebody else")))
            }
            Ok(_) => (sender.address.clone(), why),
            Err(_) => return Err(later()),
        },
        None => (sender.address.clone(), why),
    };
    let conversation = Tokens::conversation(channel, &thread);
    let whole = whole(&mail);
    let text = words(&mail);
    let only_files = text.is_empty() && !mail.attachments.is_empty();
    let pictures = only_files && mail.attachments.iter().all(|file| file.media.starts_with("image/"));
    let kind = match only_files {
        true if pictures => Kind::Image,
        true => Kind::File,
        false => Kind::Text,
    };
    let theirs = |one: &&Mailbox| !spec.is_ours(&one.address) && one.address.parse::<lettre::Address>().is_ok();
    let reply_to = match mail.reply_to.as_slice() {
        [one] => Some(one),
        _ => None,
    };
    let reply_to = reply_to.filter(theirs).map_or_else(|| sender.address.clone(), |one| one.address.clone());
    let id = mail.message_id.clone().unwrap_or(digest);
    let letter = Letter {
        subject: mail.subject,
        message_id: mail.message_id,
        references: mail.references,
        reply_to,
        answer_to: why.is_none().then(|| envelope.return_path.clone()),
        why: why.map(str::to_owned),
        mark: pipeline.tokens.letter(&conversation),
        attachments: mail.attachments,
        whole,
        period: i64::try_from(spec.period.as_secs()).unwrap_or(i64::MAX),
        per_day: spec.per_day,
    };
    Ok(Arrival {
        channel: channel.to_owned(),
        account: String::new(),
        customer: Customer { id: thread.clone(), tier: None, name: sender.name, attributes: serde_json::Map::new() },
        thread,
        id,
        kind,
        text,
        url: None,
        locale: None,
        gesture: Gesture::Letter(Box::new(letter)),
        role: Role::Visitor,
        origin: None,
        reply_with: Value::Null,
    })
}

/// The conversation that a letter names: by the address that it went to, else by the letters that it answers.
fn named(mail: &Mail, envelope: &Envelope, tokens: &Tokens) -> Option<String> {
    let subaddress = |address: &String| {
        let (local, _) = address.rsplit_once('@')?;
        tokens.conversation_of_letter(local.split_once('+')?.1.to_lowercase().strip_prefix(MARK)?)
    };
    let by_address = envelope.recipients.iter().chain(&mail.to).find_map(subaddress);
    by_address.or_else(|| mail.references.iter().rev().find_map(|id| conversation_of(id, tokens)))
}

/// The conversation that the id of a letter of ours names.
fn conversation_of(id: &str, tokens: &Tokens) -> Option<String> {
    let (local, _) = id.split_once('@')?;
    let mark = local.rsplit_once('.')?.1.strip_prefix(MARK)?;
    (mark.len() == MARK_LENGTH).then(|| tokens.conversation_of_letter(mark))?
}

/// What is decided on: the sender's own words, and of a first letter its subject too, which often is the question.
fn words(mail: &Mail) -> String {
    let own = quote::own_words(&mail.text);
    let subject = quote::bare_subject(&mail.subject);
    let first = mail.references.is_empty() && !quote::is_reply(&mail.subject);
    if subject.is_empty() || (!first && !own.is_empty()) || own.contains(subject) {
        return own;
    }
    if own.is_empty() { subject.to_owned() } else { format!("{subject}\n{own}") }
}

/// What people see: all of it.
fn whole(mail: &Mail) -> String {
    let subject = mail.subject.trim();
    let mut whole = match (subject.is_empty(), mail.text.is_empty()) {
        (true, _) => mail.text.clone(),
        (false, true) => subject.to_owned(),
        (false, false) => format!("{subject}\n\n{}", mail.text),
    };
    for file in &mail.attachments {
        let line = format!("\n[{} · {} · {} B]", file.name, file.media, file.bytes);
        whole.push_str(&line);
    }
    whole.trim().to_owned()
}

/// Names a letter without an id. What servers put before it on its way does not change it.
fn digest(raw: &[u8]) -> String {
    let body = raw.windows(4).position(|four| four == b"\r\n\r\n").map_or(0, |at| at + 4);
    let head = String::from_utf8_lossy(raw.get(..body).unwrap_or_default());
    let own = |line: &&str| {
        let lower = line.to_ascii_lowercase();
        ["from:", "date:", "subject:", "to:"].iter().any(|name| lower.starts_with(name))
    };
    let mut all = head.lines().filter(own).collect::<Vec<_>>().join("\n").into_bytes();
    all.extend_from_slice(raw.get(body..).unwrap_or_default());
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &all);
    let hex: Vec<String> = hash.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("sha256-{}", hex.concat())
}

/// What the mark of a conversation looks like in an address or an id.
pub(super) fn marked(mark: &str) -> String {
    format!("{MARK}{mark}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(head: &str, body: &str) -> Mail {
        Mail::read(format!("From: Anna <anna@example.org>\r\n{head}\r\n{body}").as_bytes()).unwrap()
    }

    #[test]
    fn the_subject_counts_in_a_first_letter() {
        assert_eq!(words(&mail("Subject: =?GBK?B?1PXDtM3Lu/U=?=\r\n", "您好：\r\n")), "怎么退货\n您好：");
        assert_eq!(words(&mail("Subject: 怎么退货\r\n", "")), "怎么退货");
        assert_eq!(words(&mail("Subject: Re: 怎么退货\r\n", "转人工")), "转人工");
        assert_eq!(words(&mail("Subject: 怎么退货\r\nIn-Reply-To: <1@x>\r\n", "转人工")), "转人工");
        assert_eq!(words(&mail("Subject: Re: 怎么退货\r\n", "")), "怎么退货");
    }

    #[test]
    fn marks_are_found_in_addresses_and_ids_and_no_others_are() {
        let tokens = Tokens::from_key(b"key");
        let id = Tokens::conversation("mail", "anna@example.org");
        let mark = marked(&tokens.letter(&id));
        let envelope = |to: &str| Envelope { return_path: "a@b".into(), recipients: vec![to.into()] };
        let plain = mail("Subject: x\r\n", "");
        let upper = format!("service+{}@shop.example", mark.to_uppercase());
        assert_eq!(named(&plain, &envelope(&upper), &tokens), Some(id.clone()));
        let answer = mail(&format!("In-Reply-To: <evt_1.{mark}@shop.example>\r\nReferences: <1@x>\r\n"), "");
        assert_eq!(named(&answer, &envelope("service@shop.example"), &tokens), Some(id));
        let forged = format!("{}0", &mark[..mark.len() - 1]);
        let forged = if forged == mark { format!("{}1", &mark[..mark.len() - 1]) } else { forged };
        let answer = mail(&format!("In-Reply-To: <evt_1.{forged}@shop.example>\r\n"), "");
        assert_eq!(named(&answer, &envelope(&format!("service+{forged}@shop.example")), &tokens), None);
        assert_eq!(named(&plain, &envelope("service+c@shop.example"), &tokens), None);
        assert_eq!(named(&plain, &envelope("service+c退货退货退货退货退货退货@shop.example"), &tokens), None);
    }

    #[test]
    fn a_letter_without_an_id_is_known_again_by_what_its_sender_wrote() {
        let letter = "From: a@b\r\nDate: now\r\nSubject: x\r\n\r\nhello\r\n";
        assert_eq!(
            digest(format!("Received: by one\r\n{letter}").as_bytes()),
            digest(format!("Received: by two\r\n{letter}").as_bytes())
        );
        assert_ne!(digest(letter.as_bytes()), digest(letter.replace("hello", "hallo").as_bytes()));
    }
}
