//! A door of `nightdesk.yaml`: the keys of all kinds of channels.

use crate::rules::channels;
use crate::rules::shape::{Key, Kind, Shape};

/// An item of `channels:`.
pub static CHANNEL: Shape = Shape {
    name: "a channel",
    keys: &[
        Key::required("kind", Kind::Word(channels::WORDS), "How messages come in."),
        Key::new(
            "origins",
            Kind::OneOrMany(&Kind::Str),
            "Pages that may open the socket, such as https://shop.example.",
        ),
        Key::new("require_origin", Kind::Bool, "Refuse sockets without an Origin, which no browser opens."),
        Key::new(
            "secret",
            Kind::OneOrMany(&Kind::Secret),
            "Checks the signature of what comes in; two while a secret is being changed.",
        ),
        Key::new(
            "signature",
            Kind::Word(channels::SIGNATURES),
            "How what comes in is signed: by the Standard Webhooks specification, or as one platform does. standard.",
        ),
        Key::new(
            "identity_secret",
            Kind::OneOrMany(&Kind::Secret),
            "Checks the tokens (JWT, HS256) by which the shop's site vouches for its customers.",
        ),
        Key::new("reply_url", Kind::Str, "Where later messages are posted, signed with the first secret."),
        Key::new("first_response", Kind::Duration, "Target until a person answers, before that of the first queue."),
        Key::new("bot_token", Kind::Secret, "Token of the Telegram bot."),
        Key::new(
            "access_token",
            Kind::Secret,
            "Token by which messages are sent: of the LINE channel, the WhatsApp number, the page, the Weibo account or the Chatwoot bot.",
        ),
        Key::new(
            "verify_token",
            Kind::OneOrMany(&Kind::Secret),
            "What Meta must say when it checks the address; two while it is being changed.",
        ),
        Key::new("phone_number_id", Kind::Str, "Phone number ID of the WhatsApp number."),
        Key::new("page_id", Kind::Str, "Id of the page or account; others of the app are left out."),
        Key::new(
            "machine_apps",
            Kind::OneOrMany(&Kind::Str),
            "Of messenger and instagram: ids of other apps whose words are a machine's, and do not take the case.",
        ),
        Key::new("account_id", Kind::Int(1, i64::MAX), "Number of the account in Chatwoot."),
        Key::new(
            "url_key",
            Kind::OneOrMany(&Kind::Secret),
            "Of a Chatwoot that signs nothing: what stands behind ?key= in the address that it posts to.",
        ),
        Key::new("app_id", Kind::Str, "AppID of the WeChat official account."),
        Key::new(
            "token",
            Kind::OneOrMany(&Kind::Secret),
            "Token that was set at the platform; two while it is being changed.",
        ),
        Key::new(
            "aes_key",
            Kind::OneOrMany(&Kind::Secret),
            "EncodingAESKey of 43 characters; only encrypted messages are taken then. Two while it is being changed.",
        ),
        Key::new("app_secret", Kind::Secret, "AppSecret, by which messages are sent."),
        Key::new("send", Kind::Bool, "Whether the account may send customer-service messages. true."),
        Key::new(
            "reply_budget",
            Kind::Int(1, 1_000),
            "Messages that the platform lets us send after each of the customer's; the last one is kept for a person. 5.",
        ),
        Key::new(
            "transfer",
            Kind::Word(&["desk", "platform"]),
            "Who has hand-offs: the queues of nightdesk (desk), or the platform's own customer service too. desk.",
        ),
        Key::new(
            "base_url",
            Kind::Str,
            "Where the platform's API is, if not where the platform says: a server of your own, or a simulator.",
        ),
        Key::new("corp_id", Kind::Str, "CorpID of the company at WeCom."),
        Key::new("open_kfid", Kind::OneOrMany(&Kind::Str), "Ids of the customer service accounts of WeCom."),
        Key::new("servicers", Kind::OneOrMany(&Kind::Str), "People of WeCom who get hand-offs; its pool if left out."),
        Key::new("poll", Kind::Duration, "How often messages are asked for though no callback came. 1m."),
        Key::new("listen", Kind::Str, "Address at which mail is taken in, such as 127.0.0.1:2424."),
        Key::new("protocol", Kind::Word(&["lmtp", "smtp"]), "What is spoken there. lmtp."),
        Key::new(
            "addresses",
            Kind::OneOrMany(&Kind::Str),
            "The shop's addresses for which mail is taken in; the first is the sender of what is answered.",
        ),
        Key::new("sender_name", Kind::Str, "Name beside the sender's address."),
        Key::new("footer", Kind::OneOrMany(&Kind::Str), "Lines below every letter."),
        Key::new("smtp", Kind::Str, "Server by which letters leave, host:port."),
        Key::new(
            "smtp_tls",
            Kind::Word(&["starttls", "tls", "none"]),
            "How the connection to it is encrypted. starttls.",
        ),
        Key::new("user", Kind::Str, "Name by which to log in there."),
        Key::new("password", Kind::Secret, "The password that goes with it."),
        Key::new("period", Kind::Duration, "For how long the same answer is not given again to one sender. 7d."),
        Key::new("per_day", Kind::Int(1, 1_000), "Most automatic answers to one sender within a day. 10."),
        Key::new(
            "subaddress",
            Kind::Bool,
            "Whether mail to name+anything@… reaches us, so that answers may name their conversation. false.",
        ),
        Key::new(
            "envelope_sender",
            Kind::Word(&["empty", "shop"]),
            "Envelope sender of automatic letters: none, as RFC 3834 wants it, or the shop's address, where the server takes no other. empty.",
        ),
        Key::new("letter_mb", Kind::Int(1, 50), "Largest letter that is taken in, in MiB. 10."),
    ],
};
