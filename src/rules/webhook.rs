//! An item of `webhooks:`: who hears of hand-offs, in which form, of which events, and how often.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::diag::Place;
use crate::yaml::Node;

use super::model::Located;
use super::read::secrets;
use super::settings::{DEFAULT_RETRY, length};
use super::{read, shape};

/// Types of what a queue's webhook can be told, in the order of the documentation.
pub(super) const EVENTS: [&str; 8] = [
    "handoff.created",
    "handoff.message",
    "handoff.warning",
    "handoff.escalated",
    "handoff.moved",
    "conversation.returned",
    "conversation.closed",
    "survey.answered",
];

/// What rings in a group of people unless the shop says otherwise: not every sentence of a customer who talks, and nothing that
/// asks for nobody.
const PEOPLE_HEAR: [&str; 5] =
    ["handoff.created", "handoff.warning", "handoff.escalated", "handoff.moved", "conversation.closed"];

/// Keys with one value that only desks have.
const OF_DESKS: [&str; 4] = ["inbox", "hmac_token", "email", "token"];

/// A form that a receiver understands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WebhookFormat {
    /// The event as JSON, byte by byte as it was committed, for a program.
    #[default]
    Standard,
    /// A message for people by a group robot of WeCom (企业微信群机器人).
    WecomRobot,
    /// A message for people by a robot of a DingTalk group (钉钉).
    Dingtalk,
    /// A message for people by a robot of a Feishu or Lark group (飞书).
    Feishu,
    /// A message for people by an incoming webhook of Slack.
    Slack,
    /// A conversation in an API inbox of Chatwoot.
    Chatwoot,
    /// A ticket of Zendesk.
    Zendesk,
}

impl WebhookFormat {
    /// Every format, in the order of the documentation.
    pub const ALL: [Self; 7] =
        [Self::Standard, Self::WecomRobot, Self::Dingtalk, Self::Feishu, Self::Slack, Self::Chatwoot, Self::Zendesk];
    /// Their words.
    pub const WORDS: [&str; 7] = ["standard", "wecom-robot", "dingtalk", "feishu", "slack", "chatwoot", "zendesk"];

    /// The word for it in `nightdesk.yaml`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::WecomRobot => "wecom-robot",
            Self::Dingtalk => "dingtalk",
            Self::Feishu => "feishu",
            Self::Slack => "slack",
            Self::Chatwoot => "chatwoot",
            Self::Zendesk => "zendesk",
        }
    }

    /// The format that a word names, if it names one.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == word)
    }

    /// Whether a robot tells people, so that each event is a message to a group.
    #[must_use]
    pub const fn is_for_people(self) -> bool {
        !matches!(self, Self::Standard) && !self.is_desk()
    }

    /// Whether it is a help desk, which has an API of its own and posts back what its people do.
    #[must_use]
    pub const fn is_desk(self) -> bool {
        matches!(self, Self::Chatwoot | Self::Zendesk)
    }

    /// Keys that a webhook of this format needs, each with what to write, besides those of every webhook.
    #[must_use]
    pub const fn needs(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Chatwoot => &[(
                "inbox",
                "write the inbox identifier of the API inbox (Settings, Inboxes, Configuration): inbox: \"${CHATWOOT_INBOX}\"",
            )],
            Self::Zendesk => &[
                ("email", "write the address of the agent whose API token it is: email: bot@shop.example"),
                (
                    "token",
                    "write an API token (Admin Center, Apps and integrations, Zendesk API): token: \"${ZENDESK_TOKEN}\"",
                ),
            ],
            _ => &[],
        }
    }

    /// Keys that only some formats have, and that this one may have.
    #[must_use]
    pub const fn may_have(self) -> &'static [&'static str] {
        match self {
            Self::Chatwoot => &["inbox", "hmac_token", "url_key"],
            Self::Zendesk => &["email", "token", "url_key"],
            _ => &[],
        }
    }

    /// Whether the platform checks a signature, so that `secret` means something.
    #[must_use]
    pub const fn is_signed(self) -> bool {
        matches!(self, Self::Standard | Self::Dingtalk | Self::Feishu | Self::Chatwoot | Self::Zendesk)
    }

    /// What the platform takes, by its own documentation.
    fn rates(self) -> Vec<Rate> {
        let per = |count, seconds| Rate { count, within: Duration::from_secs(seconds) };
        match self {
            Self::Standard | Self::Chatwoot | Self::Zendesk => Vec::new(),
            Self::WecomRobot | Self::Dingtalk => vec![per(20, 60)],
            Self::Feishu => vec![per(100, 60), per(5, 1)],
            Self::Slack => vec![per(1, 1)],
        }
    }
}

/// How many messages a receiver takes in a length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Messages, at least one.
    pub count: u32,
    /// In any span of this length.
    pub within: Duration,
}

impl Rate {
    /// Reads `20/min`, `5/s` or `600/h`; none if it is none of these.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (count, unit) = text.split_once('/')?;
        let seconds = match unit {
            "s" => 1,
            "min" => 60,
            "h" => 3_600,
            _ => return None,
        };
        let digits = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
        let count = count.parse().ok().filter(|count| digits && (1..=10_000).contains(count))?;
        Some(Self { count, within: Duration::from_secs(seconds) })
    }
}

/// An item of `webhooks:`.
#[derive(Clone, Debug)]
pub struct WebhookSpec {
    /// Where its name stands.
    pub place: Place,
    /// Where hand-offs are posted.
    pub url: Located<String>,
    /// The first signs first.
    pub secrets: Vec<SecretString>,
    /// Of one attempt.
    pub timeout: Duration,
    /// Waits between attempts.
    pub retry: Vec<Duration>,
    /// Form of what is posted.
    pub format: WebhookFormat,
    /// Types of what is posted.
    pub events: Vec<String>,
    /// Who is called by name where it is urgent: `all`, or the platform's ids.
    pub mention: Vec<Located<String>>,
    /// How many messages it takes; as many as there are, if none.
    pub rates: Vec<Rate>,
    /// Keys in the address that a desk posts to, where it signs nothing.
    pub url_keys: Vec<SecretString>,
    /// What stands at the keys that only desks have. Not told apart from secrets.
    values: Vec<(String, SecretString)>,
    /// Places of the keys that stand there, for findings.
    pub places: Vec<Located<String>>,
}

impl WebhookSpec {
    /// Reads one whose shape was checked.
    pub(super) fn read(node: &Node, place: Place) -> Option<Self> {
        let retry = node
            .get("retry")
            .map(|list| list.items().iter().filter_map(Node::text).filter_map(shape::duration).collect());
        let format = node.get("format").and_then(Node::text).and_then(WebhookFormat::parse).unwrap_or_default();
        let all: &[&str] = if format.is_for_people() { &PEOPLE_HEAR } else { &EVENTS };
        let chosen = |key| read::strings(node.get(key)).into_iter().map(|each| each.value);
        let events: Vec<String> = match node.get("events") {
            Some(_) => chosen("events").collect(),
            None => all.iter().map(|&event| event.to_owned()).collect(),
        };
        let rates: Vec<Rate> = chosen("rate").filter_map(|text| Rate::parse(&text)).collect();
        Some(Self {
            place,
            url: read::located(node.get("url")?)?,
            secrets: secrets(node.get("secret")),
            timeout: length(node, "timeout").unwrap_or(Duration::from_secs(15)),
            retry: retry.unwrap_or_else(|| DEFAULT_RETRY.to_vec()),
            format,
            events,
            mention: read::strings(node.get("mention")),
            rates: if rates.is_empty() { format.rates() } else { rates },
            url_keys: secrets(node.get("url_key")),
            values: OF_DESKS
                .iter()
                .filter_map(|key| Some(((*key).to_owned(), SecretString::from(node.get(key)?.text()?))))
                .collect(),
            places: node.entries().iter().filter_map(|(key, _)| read::located(key)).collect(),
        })
    }

    /// What stands at a key that only desks have.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        let (_, value) = self.values.iter().find(|(name, _)| name == key)?;
        Some(value.expose_secret()).filter(|text| !text.is_empty())
    }

    /// Whether it is told of a type of event. What this version does not know is told, so that nothing is lost.
    #[must_use]
    pub fn hears(&self, kind: &str) -> bool {
        !EVENTS.contains(&kind) || self.events.iter().any(|event| event == kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_formats_go_both_ways() {
        for (format, word) in WebhookFormat::ALL.into_iter().zip(WebhookFormat::WORDS) {
            assert_eq!((format.as_str(), WebhookFormat::parse(word)), (word, Some(format)));
        }
        assert_eq!(WebhookFormat::parse("telegram"), None);
    }

    #[test]
    fn rates_are_read_as_people_write_them() {
        assert_eq!(Rate::parse("20/min"), Some(Rate { count: 20, within: Duration::from_secs(60) }));
        assert_eq!(Rate::parse("5/s"), Some(Rate { count: 5, within: Duration::from_secs(1) }));
        assert_eq!(Rate::parse("600/h"), Some(Rate { count: 600, within: Duration::from_secs(3_600) }));
        for bad in ["", "20", "/min", "0/s", "-1/s", "+1/s", "20/minute", "20/m", "1.5/s", "99999/s", "20 / min"] {
            assert_eq!(Rate::parse(bad), None, "{bad}");
        }
    }
}
