//! Look-ups: what a rule asks for (`lookup` of a rule), and what the shop says about the systems that are asked (`lookups`). The
//! keys, and how they are read.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::SecretString;

use crate::diag::Place;
use crate::yaml::Node;

use super::model::{Located, LookupSpec, LookupTarget, ParcelService};
use super::read::{self, located};
use super::shape::{self, Key, Kind, Shape};

/// Time that a look-up may take, if the rule does not say.
const TIMEOUT: Duration = Duration::from_secs(2);

/// `lookup:` of a rule.
pub static LOOKUP: Shape = Shape {
    name: "a look-up",
    keys: &[
        Key::new("kind", Kind::Word(&["http", "kuaidi100", "kdniao"]), "What is asked. http: a system of the shop."),
        Key::new("if", Kind::Str, "Look up only where this expression holds, such as settings.erp_url."),
        Key::required_unless(
            "url",
            "kind",
            Kind::Str,
            "Address, with values such as {{ slots.order_no }}, which are escaped.",
        ),
        Key::new(
            "form",
            Kind::MapOf(&Kind::Str),
            "Fields that are posted as a form, by name; without them it is a GET.",
        ),
        Key::new("carrier", Kind::Str, "Of a parcel: name or code of the carrier, such as {{ slots.carrier }}."),
        Key::new("number", Kind::Str, "Of a parcel: its tracking number, such as {{ slots.tracking_no }}."),
        Key::new(
            "phone",
            Kind::Str,
            "Of a parcel: a phone number on its label or the last four digits, which some carriers ask for.",
        ),
        Key::new("timeout", Kind::Wait(30), "Longest time to wait for it. 2s."),
        Key::new("cache", Kind::Duration, "How long an answer is used again."),
        Key::new(
            "sample",
            Kind::Any,
            "An answer as the system gives it: texts are tried with it by `check`, and tests use it.",
        ),
    ],
};

/// `lookups:`.
pub static LOOKUPS: Shape = Shape {
    name: "the look-ups",
    keys: &[
        Key::new("private_addresses", Kind::Bool, "Whether addresses within the own network may be asked. false."),
        Key::new(
            "headers",
            Kind::MapOf(&Kind::MapOf(&Kind::Str)),
            "Headers by host, such as erp.example: {Authorization: \"Bearer ${ERP_TOKEN}\"}.",
        ),
        Key::new("sign", Kind::MapOf(&Kind::Map(&SIGN)), "How requests are signed, by host."),
        Key::new("kuaidi100", Kind::Map(&KUAIDI100), "The shop's account at kuaidi100.com (快递100)."),
        Key::new("kdniao", Kind::Map(&KDNIAO), "The shop's account at kdniao.com (快递鸟)."),
        Key::new("max_bytes", Kind::Int(1_024, 16_777_216), "Longest answer that is read. 262144."),
    ],
};

/// `kuaidi100:` of `lookups:`.
pub static KUAIDI100: Shape = Shape {
    name: "the account at 快递100",
    keys: &[
        Key::required("customer", Kind::Str, "The account's customer code, such as ${KUAIDI100_CUSTOMER}."),
        Key::required("key", Kind::Secret, "The account's key, such as ${KUAIDI100_KEY}."),
        Key::new("base_url", Kind::Str, "Where the service is. https://poll.kuaidi100.com"),
    ],
};

/// `kdniao:` of `lookups:`.
pub static KDNIAO: Shape = Shape {
    name: "the account at 快递鸟",
    keys: &[
        Key::required("business_id", Kind::Str, "The account's EBusinessID, such as ${KDNIAO_ID}."),
        Key::required("key", Kind::Secret, "The account's AppKey, such as ${KDNIAO_KEY}."),
        Key::new("base_url", Kind::Str, "Where the service is. https://api.kdniao.com"),
    ],
};

/// An item of `sign:` of `lookups:`.
pub static SIGN: Shape = Shape {
    name: "a way to sign",
    keys: &[
        Key::required(
            "method",
            Kind::Word(&SignMethod::WORDS),
            "md5_sorted_params: secret, all parameters by name, secret. md5_concat_upper: `parts` one after another. hmac_sha256_hex: HMAC over what is sent.",
        ),
        Key::required("secret", Kind::Secret, "The secret, such as ${ERP_SECRET}."),
        Key::new("param", Kind::Str, "Parameter that carries the signature. sign."),
        Key::new("header", Kind::Str, "Header that carries the signature, in place of a parameter."),
        Key::new("params", Kind::MapOf(&Kind::Str), "Parameters that every request has besides, such as app_key."),
        Key::new("time", Kind::Str, "Parameter that gets the time of the request, such as timestamp."),
        Key::new(
            "time_format",
            Kind::Word(&["seconds", "millis", "datetime"]),
            "seconds or milliseconds since 1970, or 2026-11-22 09:30:00 in the shop's zone. seconds.",
        ),
        Key::new(
            "parts",
            Kind::List(&Kind::Str),
            "Of md5_concat_upper: names of parameters, and `secret`, in the order in which they are joined.",
        ),
    ],
};

/// A way to sign a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignMethod {
    /// Upper-case hex of the MD5 of secret, names and values by name, secret: the way of Taobao's TOP and of many order systems.
    Md5SortedParams,
    /// Upper-case hex of the MD5 of some values and the secret, joined.
    Md5ConcatUpper,
    /// Hex of the HMAC-SHA256 of what is sent.
    HmacSha256Hex,
}

impl SignMethod {
    /// Every method, in the order of the documentation.
    const ALL: [Self; 3] = [Self::Md5SortedParams, Self::Md5ConcatUpper, Self::HmacSha256Hex];
    /// Their words.
    pub const WORDS: [&str; 3] = ["md5_sorted_params", "md5_concat_upper", "hmac_sha256_hex"];

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().zip(Self::WORDS).find(|(_, each)| *each == word).map(|(method, _)| method)
    }
}

/// How a time is written into a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeFormat {
    /// Seconds since 1970.
    #[default]
    Seconds,
    /// Milliseconds since 1970.
    Millis,
    /// `2026-11-22 09:30:00` in the shop's zone.
    Datetime,
}

/// How requests to a host are signed.
#[derive(Clone, Debug)]
pub struct SignSpec {
    /// The way.
    pub method: SignMethod,
    /// The secret.
    pub secret: SecretString,
    /// Parameter that carries the signature, unless a header does.
    pub param: String,
    /// Header that carries it.
    pub header: Option<Located<String>>,
    /// Parameters that every request has.
    pub params: Vec<(String, String)>,
    /// Parameter that gets the time.
    pub time: Option<String>,
    /// How the time is written.
    pub time_format: TimeFormat,
    /// What is joined, in order.
    pub parts: Vec<Located<String>>,
    /// Where it stands.
    pub place: Place,
}

/// An account at a service that tracks parcels.
#[derive(Clone, Debug)]
pub struct ParcelAccount {
    /// Who asks.
    pub id: String,
    /// Signs what is asked.
    pub key: SecretString,
    /// Where the service is, without a slash at the end.
    pub base_url: Located<String>,
}

/// How rules may ask the shop's own systems.
#[derive(Clone, Debug)]
pub struct LookupSettings {
    /// Whether addresses within the own network may be asked.
    pub private_addresses: bool,
    /// Headers by host, each with the place of its name.
    pub headers: BTreeMap<String, Vec<(Located<String>, SecretString)>>,
    /// Signatures by host.
    pub sign: BTreeMap<String, SignSpec>,
    /// The account at 快递100.
    pub kuaidi100: Option<ParcelAccount>,
    /// The account at 快递鸟.
    pub kdniao: Option<ParcelAccount>,
    /// Longest answer that is read, in bytes.
    pub max_bytes: usize,
}

impl LookupSettings {
    /// The account at a service.
    #[must_use]
    pub fn account(&self, service: ParcelService) -> Option<&ParcelAccount> {
        match service {
            ParcelService::Kuaidi100 => self.kuaidi100.as_ref(),
            ParcelService::Kdniao => self.kdniao.as_ref(),
        }
    }

    /// Reads `lookups:`, whose shape was checked.
    pub(super) fn read(node: Option<&Node>) -> Self {
        let get = |key: &str| node.and_then(|node| node.get(key));
        let map = |key: &str| get(key).map(Node::entries).unwrap_or_default().iter();
        let header = |(name, value): &(Node, Node)| Some((located(name)?, SecretString::from(value.text()?)));
        let host = |(host, list): &(Node, Node)| {
            Some((host.text()?.to_owned(), list.entries().iter().filter_map(header).collect()))
        };
        Self {
            private_addresses: read::flag(get("private_addresses")),
            headers: map("headers").filter_map(host).collect(),
            sign: map("sign").filter_map(|(host, node)| Some((host.text()?.to_owned(), sign(node, host)?))).collect(),
            kuaidi100: get("kuaidi100").and_then(|node| account(node, "customer", "https://poll.kuaidi100.com")),
            kdniao: get("kdniao").and_then(|node| account(node, "business_id", "https://api.kdniao.com")),
            max_bytes: get("max_bytes").and_then(Node::text).and_then(|n| n.parse().ok()).unwrap_or(256 * 1024),
        }
    }
}

fn account(node: &Node, id: &str, base_url: &str) -> Option<ParcelAccount> {
    let written = node.get("base_url").and_then(located);
    let base_url = written.unwrap_or_else(|| Located { value: base_url.to_owned(), place: node.place.clone() });
    Some(ParcelAccount {
        id: node.get(id)?.text()?.to_owned(),
        key: SecretString::from(node.get("key")?.text()?),
        base_url: Located { value: base_url.value.trim_end_matches('/').to_owned(), ..base_url },
    })
}

fn sign(node: &Node, host: &Node) -> Option<SignSpec> {
    let text = |key: &str| node.get(key).and_then(Node::text);
    let params = node.get("params").map(Node::entries).unwrap_or_default().iter();
    Some(SignSpec {
        method: SignMethod::parse(text("method")?)?,
        secret: SecretString::from(text("secret")?),
        param: text("param").unwrap_or("sign").to_owned(),
        header: node.get("header").and_then(located),
        params: params.filter_map(|(k, v)| Some((k.text()?.to_owned(), v.text()?.to_owned()))).collect(),
        time: text("time").map(str::to_owned),
        time_format: match text("time_format") {
            Some("millis") => TimeFormat::Millis,
            Some("datetime") => TimeFormat::Datetime,
            _ => TimeFormat::Seconds,
        },
        parts: read::strings(node.get("parts")),
        place: host.place.clone(),
    })
}

/// `lookup:` of a rule.
pub(super) fn lookup(node: Option<&Node>) -> Option<LookupSpec> {
    let node = node?;
    let length = |key: &str| node.get(key).and_then(Node::text).and_then(shape::duration);
    let text = |key: &str| node.get(key).and_then(located);
    let parcel = |service| LookupTarget::Parcel {
        service,
        carrier: text("carrier"),
        number: text("number"),
        phone: text("phone"),
    };
    let target = match node.get("kind").and_then(Node::text) {
        Some("kuaidi100") => parcel(ParcelService::Kuaidi100),
        Some("kdniao") => parcel(ParcelService::Kdniao),
        _ => {
            let form = node.get("form").map(Node::entries).unwrap_or_default().iter();
            let form = form.filter_map(|(name, value)| Some((name.text()?.to_owned(), located(value)?)));
            LookupTarget::Http { url: text("url"), form: form.collect() }
        }
    };
    Some(LookupSpec {
        place: node.place.clone(),
        condition: text("if"),
        target,
        keys: node.entries().iter().filter_map(|(key, _)| located(key)).collect(),
        timeout: length("timeout").unwrap_or(TIMEOUT),
        cache: length("cache"),
        sample: node.get("sample").map(super::json),
    })
}
