//! The values that texts and expressions see.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use minijinja::Value;
use minijinja::value::{Enumerator, Object};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::hours::Schedule;
use crate::message::{Conversation, Fetched, Inbound};
use crate::modes::Mode;
use crate::template::Moment;

use super::knowledge::Knowledge;
use super::routing::Case;

/// Names at the top of the context, and those below each that are known beforehand. `*` stands for any.
pub const NAMES: &[(&str, &[&str])] = &[
    ("message", &["text", "language", "kind"]),
    ("customer", &["id", "tier", "name", "attributes"]),
    ("conversation", &["id", "state", "misses", "turns", "previous", "tags", "channel"]),
    ("slots", &["*"]),
    ("lookup", &["error", "status", "body"]),
    ("case", &["class", "urgent", "reason"]),
    ("repeats", &[]),
    ("open", &[]),
    ("next_open", &["*"]),
    ("now", &["*"]),
    ("mode", &Mode::WORDS),
    ("waiting", &[]),
    ("settings", &["*"]),
    ("score", &[]),
    ("comment", &[]),
];

/// Functions that texts and expressions may call.
pub const FUNCTIONS: &[&str] = &["hours_since"];

/// What a context is made for.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The queue whose hours are meant.
    pub queue: Option<&'a str>,
    /// The rule whose repeats are meant.
    pub rule: Option<&'a str>,
    /// The language in which times are said.
    pub language: &'a str,
    /// The case that is brought to a person, for routes.
    pub case: Case<'a>,
    /// Whether what customers wrote is escaped for an address.
    pub escaped: bool,
}

impl<'a> Scope<'a> {
    /// For what people read.
    #[must_use]
    pub const fn of(queue: Option<&'a str>, rule: Option<&'a str>, language: &'a str) -> Self {
        Self { queue, rule, language, case: Case::UNKNOWN, escaped: false }
    }
}

/// The values for one message, rule and queue.
#[must_use]
pub fn context(
    knowledge: &Knowledge,
    inbound: &Inbound,
    conversation: &Conversation,
    now: Timestamp,
    scope: Scope<'_>,
) -> Value {
    let schedule = scope.queue.and_then(|name| knowledge.queues.get(name)).map(|queue| Arc::clone(&queue.schedule));
    let customer = &conversation.customer;
    let told = |text: &str| {
        if scope.escaped {
            Value::from(utf8_percent_encode(text, NON_ALPHANUMERIC).to_string())
        } else {
            Value::from(text)
        }
    };
    let text = |text: &Option<String>| text.as_deref().map_or_else(|| Value::from(""), told);
    let attributes = || -> Value {
        let plain = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let all = customer.attributes.iter().map(|(name, value)| (name.clone(), told(&plain(value))));
        Value::from(all.collect::<BTreeMap<String, Value>>())
    };
    let slots: BTreeMap<String, Value> =
        conversation.slots.iter().map(|(name, filled)| (name.clone(), told(&filled.value))).collect();
    let repeats = scope.rule.and_then(|rule| conversation.given.get(rule)).map_or(0, |times| recent(times, now));
    let survey = conversation.survey.as_ref();
    let values = [
        (
            "message",
            object([
                ("text", told(&inbound.text)),
                ("language", Value::from(scope.language)),
                ("kind", Value::from(inbound.kind.as_str())),
            ]),
        ),
        (
            "customer",
            object([
                ("id", told(&customer.id)),
                ("tier", text(&customer.tier)),
                ("name", text(&customer.name)),
                (
                    "attributes",
                    if scope.escaped {
                        attributes()
                    } else {
                        Value::from(minijinja::value::Serde(&customer.attributes))
                    },
                ),
            ]),
        ),
        (
            "conversation",
            object([
                ("id", Value::from(conversation.id.as_str())),
                ("state", Value::from(conversation.state.as_str())),
                ("misses", Value::from(conversation.misses)),
                ("turns", Value::from(conversation.turns)),
                ("previous", text(&conversation.previous)),
                ("tags", conversation.tags.iter().map(|tag| Value::from(tag.as_str())).collect::<Vec<_>>().into()),
                ("channel", Value::from(conversation.channel.as_str())),
            ]),
        ),
        ("slots", Value::from(slots)),
        ("lookup", inbound.fetched.as_ref().map_or(Value::UNDEFINED, lookup)),
        (
            "case",
            object([
                ("class", Value::from(scope.case.class)),
                ("urgent", Value::from(scope.case.urgent)),
                ("reason", Value::from(scope.case.reason)),
            ]),
        ),
        ("repeats", Value::from(repeats)),
        ("score", survey.and_then(|survey| survey.score).map_or(Value::UNDEFINED, Value::from)),
        ("comment", survey.and_then(|survey| survey.comment.as_deref()).map_or(Value::from(""), told)),
        ("settings", knowledge.values.clone()),
        ("mode", object(Mode::ALL.map(|mode| (mode.as_str(), Value::from(knowledge.modes.is_on(mode, now)))))),
        ("waiting", Value::from(scope.queue.and_then(|queue| inbound.waiting.get(queue)).copied().unwrap_or(0))),
    ];
    let (zone, language) = (knowledge.zone.clone(), scope.language.to_owned());
    Value::from_object(Top { values: Named(values.into()), schedule, now, zone, language })
}

/// What was fetched.
fn lookup(fetched: &Fetched) -> Value {
    object([
        ("error", fetched.error.as_deref().map_or(Value::from(""), Value::from)),
        ("status", Value::from(fetched.status)),
        ("body", Value::from(minijinja::value::Serde(&fetched.body))),
    ])
}

/// The names at the top. What the hours say is worked out when it is asked for: most texts and conditions never ask.
#[derive(Debug)]
struct Top {
    values: Named,
    schedule: Option<Arc<Schedule>>,
    now: Timestamp,
    zone: TimeZone,
    language: String,
}

impl Top {
    fn moment(&self, at: Option<Timestamp>) -> Value {
        let Self { now, zone, language, .. } = self;
        Value::from_object(Moment { at, now: *now, zone: zone.clone(), language: language.clone() })
    }
}

impl Object for Top {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let schedule = self.schedule.as_ref();
        match key.as_str()? {
            "open" => Some(Value::from(schedule.is_some_and(|s| s.is_open(self.now)))),
            "next_open" => Some(self.moment(schedule.and_then(|s| s.next_open(self.now)))),
            "now" => Some(self.moment(Some(self.now))),
            name => self.values.0.get(name).cloned(),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(NAMES.iter().map(|(name, _)| Value::from(*name)).collect())
    }
}

/// How many of the times lie within the last 24 hours.
fn recent(times: &[Timestamp], now: Timestamp) -> usize {
    let day = jiff::SignedDuration::from_hours(24);
    times.iter().filter(|at| now.duration_since(**at) < day).count()
}

/// A map of values known by name.
#[derive(Debug)]
struct Named(BTreeMap<&'static str, Value>);

impl Object for Named {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.get(key.as_str()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.keys().map(|key| Value::from(*key)).collect())
    }
}

fn object<const N: usize>(values: [(&'static str, Value); N]) -> Value {
    Value::from_object(Named(values.into()))
}
