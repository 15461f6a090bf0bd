//! Incoming webhooks of Slack: blocks in which a customer's words are literal; the address is the secret.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::plain::cut;
use super::{Robot, Verdict};
use crate::handoff::endpoint::People;
use crate::handoff::note::{Note, tidy};

/// Of one part of a message, in bytes.
const LIMIT: usize = 2_900;

/// What the platform says in words, whether every message is meant, and what it means.
const ANSWERS: &[(&str, bool, &str)] = &[
    ("no_service", true, "the webhook was removed or switched off; make a new one and change `url`"),
    ("no_active_hooks", true, "the webhook is switched off; make a new one and change `url`"),
    ("no_team", true, "the workspace does not exist any more; make a new webhook and change `url`"),
    ("invalid_token", true, "this address is not, or no longer, a webhook's; copy it again, or make a new one"),
    ("channel_not_found", true, "the channel was deleted; make a new webhook and change `url`"),
    ("channel_is_archived", true, "the channel is archived; open it again, then `nightdesk queue resume`"),
    ("action_prohibited", false, "an administrator of the workspace does not allow this"),
    ("posting_to_general_channel_denied", false, "this webhook may not write into #general"),
    ("user_not_found", false, "somebody in `mention` does not exist"),
    ("invalid_blocks", false, "Slack does not understand the message; please report this as a bug"),
    ("invalid_payload", false, "Slack does not understand the message; please report this as a bug"),
];

/// The platform.
pub(super) struct Slack;

impl Robot for Slack {
    fn message(&self, note: &Note, people: &People, _now: Timestamp) -> Value {
        let title = escape(&cut(&note.title, 300));
        let called: Vec<String> =
            people.mention.iter().filter(|_| note.urgent).map(|who| format!("{} ", mention(who))).collect();
        let head = format!("{}{title}", called.concat());
        // The parts of rich text are literal: nothing in them becomes a link, a mention or bold.
        let part = |text: &str| json!({"type": "text", "text": cut(text, LIMIT)});
        let mut elements = Vec::new();
        if !note.facts.is_empty() {
            let lines: Vec<String> = note.facts.iter().map(|fact| fact.line(note)).collect();
            elements.push(json!({"type": "rich_text_section", "elements": [part(&lines.join("\n"))]}));
        }
        if let Some(words) = &note.words {
            elements.push(json!({"type": "rich_text_quote", "elements": [part(words)]}));
        }
        if let Some(link) = &note.link {
            let link = json!({"type": "link", "url": link.url, "text": link.label});
            elements.push(json!({"type": "rich_text_section", "elements": [link]}));
        }
        let bold =
            json!({"type": "section", "text": {"type": "mrkdwn", "text": format!("{}*{title}*", called.concat())}});
        let mut blocks = vec![bold];
        if !elements.is_empty() {
            blocks.push(json!({"type": "rich_text", "elements": elements}));
        }
        json!({"text": head, "blocks": blocks})
    }

    fn verdict(&self, status: u16, body: &[u8]) -> Option<Verdict> {
        let said = tidy(&String::from_utf8_lossy(body));
        match status {
            200 if said == "ok" => Some(Verdict::Taken),
            200 => Some(Verdict::Again("the answer is not the platform's own, or was cut off".to_owned())),
            _ => ANSWERS.iter().find(|(word, ..)| *word == said).map(|(word, all, hint)| {
                let error = format!("HTTP {status} {word}: {hint}");
                if *all { Verdict::Gone(error) } else { Verdict::Refused(error) }
            }),
        }
    }
}

/// Somebody in the form that Slack makes a mention of.
fn mention(who: &str) -> String {
    let who = escape(who);
    match who.as_str() {
        "all" | "channel" => "<!channel>".to_owned(),
        "here" => "<!here>".to_owned(),
        _ if who.starts_with('S') => format!("<!subteam^{who}>"),
        _ => format!("<@{who}>"),
    }
}

/// The three signs that mean something in Slack's own markup.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
