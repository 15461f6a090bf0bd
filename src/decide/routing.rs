//! Which queue a case goes to: the rule's own, else the first route that holds.

use jiff::Timestamp;

use crate::message::{Conversation, Inbound, Priority};

use super::context::{self, Scope};
use super::knowledge::Knowledge;

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

/// Finds the queue. `named` is what the rule says.
#[must_use]
pub fn way(
    knowledge: &Knowledge,
    named: Option<&str>,
    inbound: &Inbound,
    conversation: &Conversation,
    now: Timestamp,
    language: &str,
) -> Way {
    let mut tried = Vec::new();
    if let Some(queue) = named {
        tried.push(format!("the rule names the queue `{queue}`"));
    }
    let mut priority = None;
    let mut found = named.map(str::to_owned);
    for route in &knowledge.routes {
        let scope = Scope::of(Some(&route.queue), None, language);
        let holds = match route.condition {
            None => true,
            Some(id) => {
                let context = context::context(knowledge, inbound, conversation, now, scope);
                knowledge.templates.holds(id, &context).unwrap_or(false)
            }
        };
        if named.is_none() {
            let word = if holds { "holds" } else { "does not hold" };
            tried.push(format!("{} → `{}`: {word}", route.source, route.queue));
        }
        if holds {
            // A route's priority stands for the customer, so it counts for cases with a queue of their own as well.
            priority = route.priority;
            found.get_or_insert_with(|| route.queue.clone());
            break;
        }
    }
    let queue = found.or_else(|| knowledge.queues.keys().next().cloned()).unwrap_or_default();
    Way { queue, priority, tried }
}
