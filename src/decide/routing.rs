//! Which queue a case goes to: the rule's own, else the first route that holds.

use jiff::Timestamp;

use crate::message::{Conversation, Inbound, Priority, Reason};

use super::context::{self, Scope};
use super::knowledge::{BuiltRule, Knowledge};

/// What is known of a case when its queue is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The queue that its rule names.
    pub named: Option<&'a str>,
    /// Class of the enquiry; `enquiry` where no rule tells it.
    pub class: &'a str,
    /// Whether an urgent rule is behind it.
    pub urgent: bool,
    /// Why a person is needed: the rule's word, or one of [`Reason`].
    pub reason: &'a str,
}

impl<'a> Case<'a> {
    /// A case that nothing is known of.
    pub const UNKNOWN: Case<'static> = Case { named: None, class: "enquiry", urgent: false, reason: "" };

    /// A case as a rule makes it.
    #[must_use]
    pub fn of(rule: &'a BuiltRule, reason: Option<Reason>) -> Self {
        let handoff = rule.handoff.as_ref();
        Self {
            named: handoff.and_then(|handoff| handoff.queue.as_deref()),
            class: rule.class.as_deref().unwrap_or(Self::UNKNOWN.class),
            urgent: rule.urgent,
            reason: handoff
                .and_then(|handoff| handoff.reason.as_deref())
                .or(reason.map(Reason::as_str))
                .unwrap_or_default(),
        }
    }
}

/// The queue of a case, with the least priority of its route.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    /// Name of the queue.
    pub queue: String,
    /// Least priority.
    pub priority: Option<Priority>,
    /// Routes that were tried, for `explain`.
    pub tried: Vec<String>,
}

/// Finds the queue: the one that the case's rule names, else the first route's that holds.
#[must_use]
pub fn way(
    knowledge: &Knowledge,
    case: Case<'_>,
    inbound: &Inbound,
    conversation: &Conversation,
    now: Timestamp,
    language: &str,
) -> Way {
    let mut tried = Vec::new();
    let named = case.named;
    if let Some(queue) = named {
        tried.push(format!("the rule names the queue `{queue}`"));
    }
    let mut priority = None;
    let mut found = named.map(str::to_owned);
    let values = |queue: Option<&str>| {
        let scope = Scope { case, ..Scope::of(queue, None, language) };
        context::context(knowledge, inbound, conversation, now, scope)
    };
    // The same for all routes but those that ask when their own queue is open.
    let mut shared = None;
    for route in knowledge.routes.iter() {
        let holds = match route.condition {
            None => true,
            Some(id) => {
                let own = knowledge.templates.condition_asks_hours(id).then(|| values(Some(&route.queue)));
                let context = own.as_ref().unwrap_or_else(|| shared.get_or_insert_with(|| values(None)));
                knowledge.templates.holds(id, context).unwrap_or(false)
            }
        };
        if named.is_none() {
            let word = if holds { "holds" } else { "does not hold" };
            tried.push(format!("{} → `{}`: {word}", route.source, route.queue));
        }
        if holds {
            // A route's priority stands for the customer, so it counts for cases with a queue of their own as well.
            priority = route.priority;
            if let Some(priority) = priority {
                tried.push(format!("{}: at least priority {}", route.source, priority.as_str()));
            }
            found.get_or_insert_with(|| route.queue.clone());
            break;
        }
    }
    let queue = found.or_else(|| knowledge.queues.keys().next().cloned()).unwrap_or_default();
    Way { queue, priority, tried }
}
