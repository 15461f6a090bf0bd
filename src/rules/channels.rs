//! `channels:` in `nightdesk.yaml`: the kinds of doors, which settings each has, and which it needs.
//!
//! A kind is a row of [`KINDS`] here and a file in `channel/`. What a kind does with a request is not known here.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::diag::{Finding, Place, Report};
use crate::yaml::Node;

use super::model::Located;
use super::read::{self, located};
use super::{mail, shape};

/// How messages come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelKind {
    /// Customers' browsers and apps.
    Websocket,
    /// A platform that forwards.
    Webhook,
    /// A WeChat official account (微信公众号).
    Wechat,
    /// The messages of a Weibo account's fans.
    Weibo,
    /// A bot of Telegram.
    Telegram,
    /// A LINE official account.
    Line,
    /// A number of the WhatsApp Business Cloud API.
    Whatsapp,
    /// A Facebook page.
    Messenger,
    /// An Instagram account.
    Instagram,
    /// Customer service of WeCom (微信客服).
    WecomKf,
    /// An inbox of Chatwoot, as its agent bot.
    Chatwoot,
    /// Letters.
    Mail,
}

/// A kind: its word, and what may stand beside it.
#[derive(Debug)]
pub struct KindRow {
    /// The kind.
    pub kind: ChannelKind,
    /// As it is written.
    pub word: &'static str,
    /// Keys that must stand there, each with what to write.
    pub required: &'static [(&'static str, &'static str)],
    /// Keys that may stand there, besides those of every kind.
    pub allowed: &'static [&'static str],
    /// Whether answers go out by the platform's own API.
    pub by_api: ByApi,
}

/// Whether all that is said goes out by the platform's own API, and nothing in the answer to its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByApi {
    /// Answers are in the answer to the request.
    Never,
    /// All that is said.
    Always,
    /// All that is said if this key is there; else answers are in the answer to the request, and nothing is said later.
    With(&'static str),
}

/// Keys of every kind.
const COMMON: [&str; 2] = ["kind", "first_response"];

const META_SECRET: &str = "write the App Secret of the Meta app (App settings, Basic): secret: \"${META_SECRET}\"";
const META_VERIFY: &str =
    "write the verify token that you enter at the platform, any words: verify_token: \"${META_VERIFY}\"";

/// All kinds, in the order of the documentation.
pub static KINDS: &[KindRow] = &[
    KindRow {
        kind: ChannelKind::Websocket,
        word: "websocket",
        required: &[],
        allowed: &["origins", "require_origin", "identity_secret"],
        by_api: ByApi::Never,
    },
    KindRow {
        kind: ChannelKind::Webhook,
        word: "webhook",
        required: &[(
            "secret",
            "what comes in by webhook is checked by its signature; write secret: \"${NAME}\" and set NAME where nightdesk is started",
        )],
        allowed: &["reply_url", "signature"],
        by_api: ByApi::Never,
    },
    KindRow {
        kind: ChannelKind::Wechat,
        word: "wechat",
        required: &[
            ("app_id", "write the AppID of the account, which begins with wx: app_id: wx0123456789abcdef"),
            (
                "token",
                "write the Token that you set at the platform under 服务器配置: token: \"${WECHAT_TOKEN}\", and set WECHAT_TOKEN where nightdesk is started",
            ),
        ],
        allowed: &["aes_key", "app_secret", "send", "reply_budget", "transfer", "base_url"],
        by_api: ByApi::Never,
    },
    KindRow {
        kind: ChannelKind::Weibo,
        word: "weibo",
        required: &[(
            "secret",
            "write the App Secret of the Weibo app: secret: \"${WEIBO_SECRET}\", and set WEIBO_SECRET where nightdesk is started",
        )],
        allowed: &["access_token", "base_url"],
        by_api: ByApi::With("access_token"),
    },
    KindRow {
        kind: ChannelKind::Telegram,
        word: "telegram",
        required: &[
            ("bot_token", "write the token that BotFather gave: bot_token: \"${TELEGRAM_TOKEN}\""),
            (
                "secret",
                "write the secret_token that you give to setWebhook: secret: \"${TELEGRAM_SECRET}\"; letters, digits, _ and -",
            ),
        ],
        allowed: &["base_url"],
        by_api: ByApi::Always,
    },
    KindRow {
        kind: ChannelKind::Line,
        word: "line",
        required: &[
            ("secret", "write the channel secret (Basic settings): secret: \"${LINE_SECRET}\""),
            ("access_token", "write the channel access token (Messaging API): access_token: \"${LINE_TOKEN}\""),
        ],
        allowed: &["base_url"],
        by_api: ByApi::Always,
    },
    KindRow {
        kind: ChannelKind::Whatsapp,
        word: "whatsapp",
        required: &[
            ("secret", META_SECRET),
            ("verify_token", META_VERIFY),
            ("access_token", "write a permanent token of a system user: access_token: \"${WHATSAPP_TOKEN}\""),
            (
                "phone_number_id",
                "write the Phone number ID (API setup), which is not the number: phone_number_id: \"1065…\"",
            ),
        ],
        allowed: &["base_url"],
        by_api: ByApi::Always,
    },
    KindRow {
        kind: ChannelKind::Messenger,
        word: "messenger",
        required: &[
            ("secret", META_SECRET),
            ("verify_token", META_VERIFY),
            ("access_token", "write the access token of the page: access_token: \"${PAGE_TOKEN}\""),
        ],
        allowed: &["page_id", "machine_apps", "base_url"],
        by_api: ByApi::Always,
    },
    KindRow {
        kind: ChannelKind::Instagram,
        word: "instagram",
        required: &[
            ("secret", META_SECRET),
            ("verify_token", META_VERIFY),
            ("access_token", "write the access token of the account's page: access_token: \"${PAGE_TOKEN}\""),
        ],
        allowed: &["page_id", "machine_apps", "base_url"],
        by_api: ByApi::Always,
    },
    KindRow {
        kind: ChannelKind::WecomKf,
        word: "wecom-kf",
        required: &[
            ("corp_id", "write the CorpID of the company (企业ID), which begins with ww: corp_id: ww0123456789abcdef"),
            (
                "secret",
                "write the Secret of the app that may call the API of 微信客服: secret: \"${KF_SECRET}\", and set KF_SECRET where nightdesk is started",
            ),
            (
                "token",
                "write the Token that you set at the platform beside the callback's address: token: \"${KF_TOKEN}\", and set KF_TOKEN where nightdesk is started",
            ),
            (
                "aes_key",
                "write the EncodingAESKey that stands beside the Token: aes_key: \"${KF_AES_KEY}\", and set KF_AES_KEY where nightdesk is started",
            ),
            (
                "open_kfid",
                "write the id of each customer service account (客服账号ID), which begins with wk: open_kfid: [wkAAAA]; `nightdesk channel test` lists them",
            ),
        ],
        allowed: &["reply_budget", "transfer", "servicers", "poll", "base_url"],
        by_api: ByApi::Always,
    },
    KindRow {
        kind: ChannelKind::Chatwoot,
        word: "chatwoot",
        required: &[
            ("base_url", "write where Chatwoot is: base_url: https://app.chatwoot.com, or your own server"),
            ("account_id", "write the number of the account, which stands in Chatwoot's addresses: account_id: 1"),
            ("access_token", "write the access token of the agent bot: access_token: \"${CHATWOOT_TOKEN}\""),
        ],
        allowed: &["secret", "url_key"],
        by_api: ByApi::Always,
    },
    KindRow {
        kind: ChannelKind::Mail,
        word: "mail",
        required: mail::REQUIRED,
        allowed: mail::ALLOWED,
        by_api: ByApi::Always,
    },
];

/// Forms of signatures: what stands behind `signature:`. The first is meant if nothing does.
pub const SIGNATURES: &[&str] = &["standard", "chatwoot", "zendesk", "meta", "github", "line", "slack", "feishu"];

/// Words of all kinds, for the shape.
pub const WORDS: &[&str] = &[
    "websocket",
    "webhook",
    "wechat",
    "weibo",
    "telegram",
    "line",
    "whatsapp",
    "messenger",
    "instagram",
    "wecom-kf",
    "chatwoot",
    "mail",
];

impl ChannelKind {
    /// Its row.
    #[must_use]
    pub fn row(self) -> Option<&'static KindRow> {
        KINDS.iter().find(|row| row.kind == self)
    }
}

/// An item of `channels:`.
#[derive(Clone, Debug)]
pub struct ChannelSpec {
    /// Where its name stands.
    pub place: Place,
    /// How messages come in.
    pub kind: ChannelKind,
    /// Its keys as they stand in the file.
    pub keys: Vec<Located<String>>,
    /// What stands at each of them: one value, or several where several are allowed. Not told apart from secrets.
    pub values: BTreeMap<String, Vec<SecretString>>,
    /// Pages that may open the socket.
    pub origins: Vec<Located<String>>,
    /// Refuse sockets without an Origin.
    pub require_origin: bool,
    /// Check what comes in; the first signs what goes out.
    pub secrets: Vec<SecretString>,
    /// Check the tokens by which the shop's site vouches for its customers.
    pub identity_secrets: Vec<SecretString>,
    /// Where later messages are posted.
    pub reply_url: Option<Located<String>>,
    /// Until the customer has an answer.
    pub first_response: Option<Duration>,
    /// Where the platform's API is, if not where the platform says.
    pub base_url: Option<Located<String>>,
    /// The settings of an official account.
    pub wechat: Option<WechatSpec>,
}

/// What only a channel of kind `wechat` has.
#[derive(Clone, Debug)]
pub struct WechatSpec {
    /// The account, and whom encrypted messages are for.
    pub app_id: String,
    /// Check what comes in.
    pub tokens: Vec<SecretString>,
    /// EncodingAESKeys; none for plain mode.
    pub aes_keys: Vec<SecretString>,
    /// Lets us ask for an access token.
    pub app_secret: Option<SecretString>,
    /// Whether the account may send customer-service messages.
    pub send: bool,
    /// Messages that the platform lets us send within 48 hours of the customer's last.
    pub reply_budget: u32,
    /// Whether the platform's own people have hand-offs.
    pub to_platform: bool,
}

/// Customer-service messages within 48 hours of the customer's last, as the platform's documentation has it.
const REPLY_BUDGET: u32 = 5;

impl ChannelSpec {
    /// Whether the customer can be told something after the answer to a message.
    #[must_use]
    pub fn hears_later(&self) -> bool {
        match self.kind {
            _ if self.answers_by_api() => true,
            ChannelKind::Websocket => true,
            ChannelKind::Webhook => self.reply_url.is_some(),
            ChannelKind::Wechat => self.wechat.as_ref().is_some_and(|wechat| wechat.send),
            _ => false,
        }
    }

    /// Whether all that one step says goes out at once, as one letter.
    #[must_use]
    pub fn hears_at_once(&self) -> bool {
        self.kind == ChannelKind::Mail
    }

    /// What stands at a key that has one value.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        Some(self.values.get(key)?.first()?.expose_secret()).filter(|text| !text.is_empty())
    }

    /// What stands at a key that may have several values, as they are written.
    #[must_use]
    pub fn all(&self, key: &str) -> &[SecretString] {
        self.values.get(key).map(Vec::as_slice).unwrap_or_default()
    }

    /// What stands at a key that is a length of time.
    #[must_use]
    pub fn length(&self, key: &str) -> Option<Duration> {
        shape::duration(self.text(key)?)
    }

    /// Where the platform's API is, without a slash at the end.
    #[must_use]
    pub fn api(&self, otherwise: &str) -> String {
        let url = self.base_url.as_ref().map_or(otherwise, |url| url.value.as_str());
        url.trim_end_matches('/').to_owned()
    }

    /// Whether all that is said goes out by the platform's own API, and nothing in the answer to its request.
    #[must_use]
    pub fn answers_by_api(&self) -> bool {
        match self.kind.row().map(|row| row.by_api) {
            None | Some(ByApi::Never) => false,
            Some(ByApi::Always) => true,
            Some(ByApi::With(key)) => self.text(key).is_some(),
        }
    }

    /// Whether later messages leave through the outbox, to the endpoint `reply:CHANNEL`.
    #[must_use]
    pub fn delivers(&self) -> bool {
        self.kind != ChannelKind::Websocket && self.hears_later()
    }

    /// Whether a request of the platform may be answered some seconds later, so that pieces of a message can be joined. Telegram
    /// sends a chat's next update only then, and LINE counts what takes longer than two seconds as failed.
    #[must_use]
    pub fn may_wait(&self) -> bool {
        !matches!(self.kind, ChannelKind::Telegram | ChannelKind::Line)
    }

    /// Whether who has the conversation is told there too.
    #[must_use]
    pub fn hears_states(&self) -> bool {
        matches!(self.kind, ChannelKind::Webhook | ChannelKind::WecomKf | ChannelKind::Chatwoot)
    }

    /// Reports what its kind needs and has not, and what belongs to other kinds.
    pub fn check(&self, name: &str, report: &mut Report) {
        let Some(row) = self.kind.row() else { return };
        let has = |key: &str| self.keys.iter().any(|written| written.value == key);
        let mut missing = |key: &str, help: &str| {
            let finding = Finding::error("missing-key", format!("the channel `{name}` needs `{key}`"));
            report.push(finding.at(&self.place).help(help));
        };
        for (key, help) in row.required.iter().filter(|(key, _)| !has(key)) {
            missing(key, help);
        }
        if self.wechat.as_ref().is_some_and(|wechat| wechat.send && wechat.app_secret.is_none()) {
            missing(
                "app_secret",
                "people's replies are sent with it; write app_secret: \"${WECHAT_SECRET}\". An account that may not send \
                 customer-service messages has send: false instead",
            );
        }
        if self.kind == ChannelKind::Chatwoot && !has("secret") && !has("url_key") {
            missing(
                "secret",
                "write the secret that Chatwoot shows for the bot: secret: \"${CHATWOOT_SECRET}\"; a version that signs nothing has \
                 url_key instead",
            );
        }
        if self.kind == ChannelKind::Mail {
            mail::check(self, name, report);
        }
        for key in &self.keys {
            let word = key.value.as_str();
            let known = COMMON.contains(&word)
                || row.allowed.contains(&word)
                || row.required.iter().any(|(required, _)| *required == word);
            if known {
                continue;
            }
            let others: Vec<&str> = KINDS
                .iter()
                .filter(|other| {
                    other.allowed.contains(&word) || other.required.iter().any(|(required, _)| *required == word)
                })
                .map(|other| other.word)
                .collect();
            report.push(
                Finding::error("unknown-key", format!("a channel of kind {} has no `{word}`", row.word))
                    .at(&key.place)
                    .help(format!("it belongs to kind {}: delete the line, or correct `kind`", others.join(", "))),
            );
        }
    }
}

pub(super) fn channel(node: &Node, place: Place) -> Option<ChannelSpec> {
    let word = node.get("kind")?.text()?;
    let kind = KINDS.iter().find(|row| row.word == word)?.kind;
    let length = |key: &str| node.get(key).and_then(Node::text).and_then(shape::duration);
    Some(ChannelSpec {
        kind,
        keys: node.entries().iter().filter_map(|(key, _)| located(key)).collect(),
        values: node
            .entries()
            .iter()
            .filter_map(|(key, value)| Some((key.text()?.to_owned(), read::secrets(Some(value)))))
            .collect(),
        origins: read::strings(node.get("origins")),
        require_origin: read::flag(node.get("require_origin")),
        secrets: read::secrets(node.get("secret")),
        identity_secrets: read::secrets(node.get("identity_secret")),
        reply_url: node.get("reply_url").and_then(located),
        first_response: length("first_response"),
        base_url: node.get("base_url").and_then(located),
        wechat: (kind == ChannelKind::Wechat).then(|| wechat(node)),
        place,
    })
}

fn wechat(node: &Node) -> WechatSpec {
    let text = |key: &str| node.get(key).and_then(Node::text);
    WechatSpec {
        app_id: text("app_id").unwrap_or_default().to_owned(),
        tokens: read::secrets(node.get("token")),
        aes_keys: read::secrets(node.get("aes_key")),
        app_secret: text("app_secret").map(SecretString::from),
        send: text("send") != Some("false"),
        reply_budget: text("reply_budget").and_then(|text| text.parse().ok()).unwrap_or(REPLY_BUDGET),
        to_platform: text("transfer") == Some("platform"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_word_and_every_key_its_shape() {
        let words: Vec<&str> = KINDS.iter().map(|row| row.word).collect();
        assert_eq!(words, WORDS);
        let shaped: Vec<&str> = super::super::shapes::CHANNEL.keys.iter().map(|key| key.name).collect();
        let mut used: Vec<&str> = COMMON.to_vec();
        for row in KINDS {
            used.extend(row.allowed.iter().copied().chain(row.required.iter().map(|(key, _)| *key)));
        }
        for key in &used {
            assert!(shaped.contains(key), "`{key}` has no line in shapes/channel.rs");
        }
        for key in shaped {
            assert!(used.contains(&key), "`{key}` belongs to no kind");
        }
    }
}
