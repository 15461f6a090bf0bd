//! Pilots: rules and entries that a share of the customers gets (`rollout`), and the Book as those customers and the rest have it.
//!
//! Owns who takes part. Every customer has a number from 0 to 9,999, which follows from the id alone: the first eight bytes of
//! SHA-256 over it, big-endian, modulo 10,000. A pilot of 10 % is for numbers below 1,000, today, after a restart and on another
//! machine; whoever has a pilot of 10 % also has one of 20 %. The rest get a Book in which no pilot ever was.

use aws_lc_rs::digest::{SHA256, digest};

use crate::diag::{Finding, Report};

use crate::diag::Place;
use crate::yaml::Node;

use super::Settings;
use super::book::Book;
use super::model::{Condition, Located, Rule};
use super::read::located;
use super::shape;

/// Numbers that customers have.
const NUMBERS: u64 = 10_000;

/// Points by which more conversations of a pilot may go to a person, unless the shop says otherwise, in ten-thousandths.
const DEFAULT_HANDOFF: u16 = 500;
/// Points by which more of them may hold a complaint, unless the shop says otherwise, in ten-thousandths.
const DEFAULT_COMPLAINTS: u16 = 200;
/// Conversations on each side before anything is concluded, unless the shop says otherwise.
const DEFAULT_AFTER: u64 = 50;

/// `pilots: {stop: …}`: when a pilot ends by itself.
#[derive(Clone, Debug)]
pub struct StopSpec {
    /// Where it stands.
    pub place: Place,
    /// Points by which more of its conversations may go to a person, in ten-thousandths.
    pub handoff: u16,
    /// Points by which more of its conversations may hold a complaint, in ten-thousandths.
    pub complaints: u16,
    /// Conversations on each side before anything is concluded.
    pub after: u64,
    /// Webhook that is told.
    pub webhook: Option<Located<String>>,
}

impl StopSpec {
    /// Reads `stop:`.
    pub(super) fn read(node: &Node) -> Self {
        let text = |key: &str| node.get(key).and_then(Node::text);
        Self {
            place: node.place.clone(),
            handoff: text("handoff").and_then(shape::share).unwrap_or(DEFAULT_HANDOFF),
            complaints: text("complaints").and_then(shape::share).unwrap_or(DEFAULT_COMPLAINTS),
            after: text("after").and_then(|after| after.parse().ok()).unwrap_or(DEFAULT_AFTER),
            webhook: node.get("webhook").and_then(located),
        }
    }
}

/// Looks at `pilots:`, once the webhooks are known.
pub(crate) fn check_settings(settings: &Settings, report: &mut Report) {
    let Some(name) = settings.stop.as_ref().and_then(|stop| stop.webhook.as_ref()) else { return };
    if let Some(webhook) = settings.webhooks.get(&name.value)
        && webhook.format.is_desk()
    {
        let format = webhook.format.as_str();
        let what = format!("`{}` is a {format}, which takes cases of customers only", name.value);
        let help = "name a webhook of a program or of a group of people";
        report.push(Finding::error("bad-pilot", what).at(&name.place).help(help));
    }
}

/// Stands for a text: a pilot whose text is another one is another pilot.
#[must_use]
pub fn version(text: &[u8]) -> String {
    let hash = digest(&SHA256, text);
    data_encoding::HEXLOWER.encode(hash.as_ref().get(..16).unwrap_or_default())
}

/// Ids and versions of the pilots that are written in a Book.
pub fn written(book: &Book) -> impl Iterator<Item = (&str, &str)> {
    book.rules.iter().filter_map(|rule| Some((rule.id.value.as_str(), rule.version.as_deref()?)))
}

/// The Book as if these pilots were not written in it. What leads to them leads nowhere, and is no mistake.
#[must_use]
pub fn without(book: &Book, stopped: &[String]) -> Book {
    let mut left = book.clone();
    left.rules.retain(|rule| rule.rollout.is_none() || !stopped.contains(&rule.id.value));
    left.unread.ids.extend(stopped.iter().cloned());
    left
}

/// A customer's number, from 0 to 9,999.
#[must_use]
pub fn number(customer: &str) -> u16 {
    let hash = digest(&SHA256, customer.as_bytes());
    let first = hash.as_ref().iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    u16::try_from(first % NUMBERS).unwrap_or_default()
}

/// The shares that a Book's pilots have, ascending and each once, in ten-thousandths.
#[must_use]
pub fn shares(book: &Book) -> Vec<u16> {
    let mut shares: Vec<u16> = book.rules.iter().filter_map(|rule| Some(rule.rollout.as_ref()?.value)).collect();
    shares.sort_unstable();
    shares.dedup();
    shares
}

/// The Book for customers within a share, and the ids of the pilots that they take part in; without a share that for the rest.
#[must_use]
pub fn book_for(book: &Book, share: Option<u16>) -> (Book, Vec<String>) {
    let takes_part = |rule: &Rule| rule.rollout.as_ref().is_none_or(|of| share.is_some_and(|share| of.value >= share));
    let mut own = book.clone();
    let (mut rules, left_out): (Vec<Rule>, Vec<Rule>) = own.rules.into_iter().partition(takes_part);
    // What is there for others alone is not unknown.
    own.unread.ids.extend(left_out.into_iter().map(|rule| rule.id.value));
    let pilots: Vec<String> =
        rules.iter().filter(|rule| rule.rollout.is_some()).map(|rule| rule.id.value.clone()).collect();
    own.aliases =
        rules.iter().filter_map(|rule| Some((rule.replaces.as_ref()?.value.clone(), rule.id.value.clone()))).collect();
    for (replaced, pilot) in &own.aliases {
        let Some(at) = rules.iter().position(|rule| rule.id.value == *replaced && rule.rollout.is_none()) else {
            continue;
        };
        let replaced = rules.remove(at);
        if let Some(pilot) = rules.iter_mut().find(|rule| rule.id.value == *pilot) {
            inherit(pilot, replaced);
        }
    }
    own.rules = rules;
    (own, pilots)
}

/// What a pilot leaves out is as in the rule that it replaces.
fn inherit(pilot: &mut Rule, replaced: Rule) {
    if pilot.when == Condition::Any(Vec::new()) {
        pilot.when = replaced.when;
        pilot.priority = replaced.priority;
    }
    pilot.title = pilot.title.take().or(replaced.title);
    pilot.class = pilot.class.take().or(replaced.class);
    pilot.category = pilot.category.take().or(replaced.category);
    pilot.careful = pilot.careful.or(replaced.careful);
    if pilot.channels.is_empty() {
        pilot.channels = replaced.channels;
    }
    // A case that calls people calls them in the pilot too.
    pilot.urgent |= replaced.urgent;
    pilot.smalltalk |= replaced.smalltalk;
    pilot.handoff = pilot.handoff.take().or(replaced.handoff);
    if pilot.tags.is_empty() {
        pilot.tags = replaced.tags;
    }
    if pilot.options.is_empty() {
        pilot.options = replaced.options;
    }
    if pilot.replies.is_empty() {
        pilot.replies = replaced.replies;
    }
    if pilot.slots.is_empty() && pilot.lookup.is_none() && pilot.then.is_empty() {
        (pilot.slots, pilot.lookup, pilot.then) = (replaced.slots, replaced.lookup, replaced.then);
    }
}

/// Finds pilots that cannot be told from the rest.
pub fn check(book: &Book, report: &mut Report) {
    for (at, rule) in book.rules.iter().enumerate() {
        let Some(replaces) = &rule.replaces else { continue };
        let wrong = |what: String, help: &str| Finding::error("bad-pilot", what).at(&replaces.place).help(help);
        let other = book.rules.iter().find(|other| other.id.value == replaces.value);
        if rule.rollout.is_none() {
            report.push(wrong(
                format!("`{}` replaces another for nobody", rule.id.value),
                "write for how many customers, such as rollout: 10%",
            ));
        }
        if other.is_some_and(|other| other.rollout.is_some()) {
            report.push(wrong(
                format!("`{}` is for a share of the customers itself", replaces.value),
                "name the one that everybody else gets",
            ));
        }
        let twin = |first: &&Rule| first.replaces.as_ref().is_some_and(|id| id.value == replaces.value);
        if let Some(first) = book.rules[..at].iter().find(twin) {
            let finding = wrong(format!("two replace `{}`", replaces.value), "end one of the two pilots first");
            report.push(finding.and(&first.id.place, "the other"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_customers_takes_part_and_always_the_same() {
        let customers: Vec<String> = (0..20_000).map(|n| format!("v_{n}")).collect();
        let below = |share: u16| customers.iter().filter(|customer| number(customer) < share).count();
        assert!((1_800..2_200).contains(&below(1_000)), "{}", below(1_000));
        assert!((9_700..10_300).contains(&below(5_000)), "{}", below(5_000));
        assert_eq!(below(0), 0);
        assert_eq!(below(10_000), customers.len());
        // SHA-256 of "alice" begins with 2bd806c97f0e00af, which is 3,159,282,601,090,220,207.
        assert_eq!(number("alice"), 207);
    }
}
