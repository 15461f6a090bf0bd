//! `nightdesk.yaml`: settings as written, read from a tree whose shape was checked.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::SecretString;

use crate::diag::Place;
use crate::hours::CalendarDay;
use crate::message::Priority;
use crate::yaml::{Node, Value};

use super::channels::{self, ChannelSpec};
use super::lookup::LookupSettings;
use super::model::{Careful, Located, Text};
use super::modes::ModesSpec;
use super::network::Network;
use super::pilots::StopSpec;
use super::privacy::Retention;
use super::read::{self, located, text};
use super::report::ReportSpec;
use super::shape;
use super::tls::TlsSpec;
use super::webhook::WebhookSpec;
use super::wording::{self, Strictness};

/// Waits between attempts of a delivery unless the shop says otherwise: the schedule of Standard Webhooks.
pub const DEFAULT_RETRY: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(14),
    Duration::from_hours(20),
    Duration::from_hours(24),
];

/// All of `nightdesk.yaml`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// IANA name.
    pub timezone: Located<String>,
    /// Codes; the first is the default.
    pub languages: Vec<Located<String>>,
    /// Schedules by name.
    pub hours: BTreeMap<String, ScheduleSpec>,
    /// Queues by name.
    pub queues: BTreeMap<String, QueueSpec>,
    /// Receivers by name.
    pub webhooks: BTreeMap<String, WebhookSpec>,
    /// In order.
    pub routes: Vec<RouteSpec>,
    /// Doors by name, in file order.
    pub channels: Vec<(String, ChannelSpec)>,
    /// Texts by notice.
    pub notices: BTreeMap<String, Text>,
    /// Bounds.
    pub limits: Limits,
    /// How messages are compared with questions.
    pub matching: MatchingSpec,
    /// How rules may ask the shop's own systems.
    pub lookups: LookupSettings,
    /// What is done with the answers to the survey.
    pub survey: SurveySpec,
    /// Special modes.
    pub modes: ModesSpec,
    /// The report by itself every week.
    pub report: Option<ReportSpec>,
    /// When a pilot ends by itself.
    pub stop: Option<StopSpec>,
    /// How long what customers wrote is kept.
    pub retention: Retention,
    /// What becomes of agents' messages with words that must not be said.
    pub agents_wording: Option<Strictness>,
    /// Free values.
    pub values: serde_json::Value,
    /// Tokens.
    pub access: Access,
    /// Address under which platforms reach this program, without a slash at the end.
    pub public_url: Option<String>,
    /// The certificate of the port; without it the port speaks plain HTTP.
    pub tls: Option<TlsSpec>,
    /// Place of each top-level key, for findings about the whole.
    pub places: BTreeMap<String, Place>,
}

/// An item of `hours:`.
#[derive(Clone, Debug)]
pub struct ScheduleSpec {
    /// Where its name stands.
    pub place: Place,
    /// Day words with their windows.
    pub weekly: Vec<(Located<String>, Vec<Located<String>>)>,
    /// Days of all its calendars, in the order of the files.
    pub days: Vec<CalendarDay>,
    /// Files, relative to the shop's directory.
    pub calendars: Vec<Located<String>>,
    /// Dates with their windows.
    pub exceptions: Vec<(Located<String>, Vec<Located<String>>)>,
    /// Another zone than the shop's.
    pub timezone: Option<Located<String>>,
}

/// An item of `queues:`.
#[derive(Clone, Debug)]
pub struct QueueSpec {
    /// Where its name stands.
    pub place: Place,
    /// Name of a schedule.
    pub hours: Located<String>,
    /// Name of a webhook.
    pub webhook: Option<Located<String>>,
    /// Until a person answers, in open time.
    pub first_response: Option<Duration>,
    /// How long before that the queue is warned.
    pub warn_before: Option<Duration>,
    /// Until somebody has taken it, over all queues, in open time.
    pub transfer: Option<Duration>,
    /// Queue that hears of a missed target.
    pub escalate_to: Option<Located<String>>,
}

/// An item of `routes:`.
#[derive(Clone, Debug)]
pub struct RouteSpec {
    /// Expression; none always holds.
    pub condition: Option<Located<String>>,
    /// Queue.
    pub queue: Located<String>,
    /// Least priority.
    pub priority: Option<Priority>,
}

/// `matching:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatchingSpec {
    /// How sure likeness must be.
    pub careful: Careful,
    /// Bytes for what is learned from the questions.
    pub memory: usize,
}

/// Megabytes for what is learned, unless the shop says otherwise.
const DEFAULT_MEMORY_MB: usize = 64;

/// `limits:`.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Characters of one message.
    pub message_chars: usize,
    /// Messages of one customer.
    pub per_customer_per_minute: u32,
    /// Messages of one address at chat sockets; 0 for any number.
    pub per_address_per_minute: u32,
    /// Proxies that are believed what address a request came from.
    pub trusted_proxies: Vec<Network>,
    /// Messages at work at the same time, over all customers.
    pub messages_at_once: usize,
    /// Open connections.
    pub connections: usize,
    /// Open connections of one address.
    pub connections_per_address: usize,
    /// How long a message that nothing answers waits for the customer's next one; zero for not at all.
    pub wait_for_more: Duration,
    /// How long a person may leave a customer without a word, in open time; zero for as long as they like.
    pub agent_idle: Duration,
    /// How long after the last word, a person's, the bot has the conversation again; zero for never.
    pub back_to_bot: Duration,
}

/// Where proxies are unless the shop says otherwise: this machine, and networks that nobody outside can send from.
const OWN_NETWORKS: [&str; 6] = ["127.0.0.0/8", "::1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"];

/// `survey:`.
#[derive(Clone, Debug)]
pub struct SurveySpec {
    /// Where a low score goes.
    pub queue: Option<Located<String>>,
    /// The highest score that is a low one; 0 for none.
    pub low: u8,
    /// How long it can be answered.
    pub lapses: Duration,
    /// What the scores mean, from 1 to 5, in place of the program's own words.
    pub labels: Option<Located<Vec<Text>>>,
}

/// The highest score that is a low one, unless the shop says otherwise.
const DEFAULT_LOW: u8 = 2;
/// How long the survey can be answered, unless the shop says otherwise.
const DEFAULT_LAPSES: Duration = Duration::from_hours(24);

/// `access:`.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Token for reload and everything an agent may do.
    pub admin: Option<SecretString>,
    /// Token of each agent by name.
    pub agents: Vec<(String, SecretString)>,
    /// Token for the figures alone.
    pub metrics: Option<SecretString>,
}

impl Settings {
    /// Everything in the settings that is said to customers.
    pub fn texts(&self) -> impl Iterator<Item = &Text> {
        self.notices.values().chain(self.survey.labels.iter().flat_map(|labels| &labels.value))
    }

    /// Reads a tree whose shape was checked; what is missing takes its documented default.
    #[must_use]
    pub fn read(node: &Node) -> Option<Self> {
        let map = |key: &str| node.get(key).map(Node::entries).unwrap_or_default();
        let named = |key: &Node| (key.text().unwrap_or_default().to_owned(), key.place.clone());
        Some(Self {
            timezone: located(node.get("timezone")?)?,
            languages: read::strings(node.get("languages")),
            hours: map("hours").iter().map(|(k, v)| (named(k).0, schedule(v, named(k).1))).collect(),
            queues: map("queues").iter().filter_map(|(k, v)| Some((named(k).0, queue(v, named(k).1)?))).collect(),
            webhooks: map("webhooks")
                .iter()
                .filter_map(|(k, v)| Some((named(k).0, WebhookSpec::read(v, named(k).1)?)))
                .collect(),
            routes: node.get("routes").map(Node::items).unwrap_or_default().iter().filter_map(route).collect(),
            channels: map("channels")
                .iter()
                .filter_map(|(k, v)| Some((named(k).0, channels::channel(v, named(k).1)?)))
                .collect(),
            notices: map("notices").iter().filter_map(|(k, v)| Some((named(k).0, text(v)?))).collect(),
            limits: limits(node.get("limits")),
            matching: matching(node.get("matching")),
            lookups: LookupSettings::read(node.get("lookups")),
            survey: survey(node.get("survey")),
            modes: ModesSpec::read(node.get("modes")),
            report: node.get("report").map(ReportSpec::read),
            stop: node.get("pilots").and_then(|pilots| pilots.get("stop")).map(StopSpec::read),
            retention: Retention::read(node.get("privacy")),
            agents_wording: wording::agents(node.get("wording")),
            values: node.get("settings").map_or_else(|| serde_json::json!({}), json),
            access: access(node.get("access")),
            public_url: node.get("public_url").and_then(Node::text).map(|url| url.trim_end_matches('/').to_owned()),
            tls: node.get("tls").and_then(TlsSpec::read),
            places: node.entries().iter().map(|(k, _)| named(k)).collect(),
        })
    }

    /// The first language, in which everything is answered that has no better one.
    #[must_use]
    pub fn default_language(&self) -> &str {
        self.languages.first().map_or("en", |language| &language.value)
    }

    /// The name under which a product is known.
    #[must_use]
    pub fn product(&self) -> &str {
        self.report.as_ref().map_or(super::report::DEFAULT_PRODUCT, |report| &report.product)
    }

    /// A channel by name.
    #[must_use]
    pub fn channel(&self, name: &str) -> Option<&ChannelSpec> {
        self.channels.iter().find(|(n, _)| n == name).map(|(_, channel)| channel)
    }
}

fn schedule(node: &Node, place: Place) -> ScheduleSpec {
    let windows = |key: &str| {
        node.get(key)
            .map(Node::entries)
            .unwrap_or_default()
            .iter()
            .filter_map(|(k, v)| Some((located(k)?, read::strings(Some(v)))))
            .collect()
    };
    ScheduleSpec {
        place,
        weekly: windows("weekly"),
        days: Vec::new(),
        calendars: read::strings(node.get("calendars")),
        exceptions: windows("exceptions"),
        timezone: node.get("timezone").and_then(located),
    }
}

fn queue(node: &Node, place: Place) -> Option<QueueSpec> {
    Some(QueueSpec {
        place,
        hours: located(node.get("hours")?)?,
        webhook: node.get("webhook").and_then(located),
        first_response: length(node, "first_response"),
        warn_before: length(node, "warn_before"),
        transfer: length(node, "transfer"),
        escalate_to: node.get("escalate_to").and_then(located),
    })
}

fn route(node: &Node) -> Option<RouteSpec> {
    Some(RouteSpec {
        condition: node.get("if").and_then(located),
        queue: located(node.get("queue")?)?,
        priority: node.get("priority").and_then(Node::text).and_then(Priority::parse),
    })
}

fn limits(node: Option<&Node>) -> Limits {
    let int = |key: &str, default: usize| {
        node.and_then(|n| n.get(key)).and_then(Node::text).and_then(|t| t.parse().ok()).unwrap_or(default)
    };
    Limits {
        message_chars: int("message_chars", 2_000),
        per_customer_per_minute: u32::try_from(int("per_customer_per_minute", 30)).unwrap_or(30),
        per_address_per_minute: u32::try_from(int("per_address_per_minute", 300)).unwrap_or(300),
        trusted_proxies: match node.and_then(|node| node.get("trusted_proxies")) {
            Some(list) => read::strings(Some(list)).iter().filter_map(|text| Network::parse(&text.value)).collect(),
            None => OWN_NETWORKS.iter().filter_map(|text| Network::parse(text)).collect(),
        },
        messages_at_once: int("messages_at_once", 1_000),
        connections: int("connections", 20_000),
        connections_per_address: int("connections_per_address", 1_000),
        wait_for_more: node.and_then(|node| length(node, "wait_for_more")).unwrap_or_default(),
        back_to_bot: node.and_then(|node| length(node, "back_to_bot")).unwrap_or_default(),
        agent_idle: node.and_then(|node| length(node, "agent_idle")).unwrap_or_default(),
    }
}

fn matching(node: Option<&Node>) -> MatchingSpec {
    let megabytes = node.and_then(|n| n.get("memory_mb")).and_then(Node::text).and_then(|text| text.parse().ok());
    MatchingSpec {
        careful: node.and_then(read::careful).unwrap_or_default(),
        memory: megabytes.unwrap_or(DEFAULT_MEMORY_MB) << 20,
    }
}

fn survey(node: Option<&Node>) -> SurveySpec {
    let get = |key: &str| node.and_then(|node| node.get(key));
    let labels = get("labels");
    SurveySpec {
        queue: get("queue").and_then(located),
        low: get("low").and_then(Node::text).and_then(|text| text.parse().ok()).unwrap_or(DEFAULT_LOW),
        lapses: node.and_then(|node| length(node, "lapses")).unwrap_or(DEFAULT_LAPSES),
        labels: labels.map(|list| Located { value: read::texts(Some(list)), place: list.place.clone() }),
    }
}

fn access(node: Option<&Node>) -> Access {
    let secret = |node: &Node| node.text().map(SecretString::from);
    let agents = node.and_then(|n| n.get("agents")).map(Node::entries).unwrap_or_default();
    Access {
        admin: node.and_then(|n| n.get("admin")).and_then(secret),
        agents: agents.iter().filter_map(|(k, v)| Some((k.text()?.to_owned(), secret(v)?))).collect(),
        metrics: node.and_then(|n| n.get("metrics")).and_then(secret),
    }
}

pub(super) fn length(node: &Node, key: &str) -> Option<Duration> {
    node.get(key).and_then(Node::text).and_then(shape::duration)
}

/// A tree as JSON: unquoted numbers and yes/no words become what they look like.
#[must_use]
pub fn json(node: &Node) -> serde_json::Value {
    use serde_json::Value as Json;
    match &node.value {
        Value::Null => Json::Null,
        Value::Scalar { text, plain: true } => match text.as_str() {
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            _ => serde_json::from_str(text).ok().filter(Json::is_number).unwrap_or_else(|| Json::String(text.clone())),
        },
        Value::Scalar { text, .. } => Json::String(text.clone()),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(entries) => {
            Json::Object(entries.iter().map(|(k, v)| (k.text().unwrap_or_default().to_owned(), json(v))).collect())
        }
    }
}
