//! What customers wrote and what was done about it: counted from decisions, one pass in time order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rustc_hash::FxHashMap;
use serde::Serialize;

use crate::store::TallyRow;

use super::catalog::Catalog;
use super::peers::peers;
use super::share::Share;

/// An answer to the same question within so many milliseconds means that the first one did not help: seven days.
pub(super) const AGAIN: i64 = 7 * 86_400_000;
/// Answers that are remembered before those that are longer ago are looked for, to be forgotten.
const FORGET_AT: usize = 100_000;

/// What customers wrote in a period and what was done about it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Traffic {
    /// Messages of customers.
    pub messages: u64,
    /// Conversations in which a customer wrote.
    pub conversations: u64,
    /// Messages by what was done.
    pub outcomes: BTreeMap<String, u64>,
    /// Messages by why it was done.
    pub reasons: BTreeMap<String, u64>,
    /// Of the messages that called for an answer, those that the bot answered.
    pub answered: Share,
    /// Of the conversations, those that needed no person.
    pub without_person: Share,
    /// Of the conversations, those that needed no person and did not end in doubt or in the same question again.
    pub settled: Share,
    /// Of the questions that a rule or entry knew, those that the same customer had asked within seven days.
    pub repeated: Share,
    /// Of the conversations, those with a complaint.
    pub complaints: Share,
    /// Messages that nothing surely answered.
    pub unanswered: u64,
    /// Messages by day, in the shop's zone.
    pub days: Vec<Day>,
    /// Messages by hour of the day, in the shop's zone.
    pub hours: Vec<u64>,
    /// Messages by rule or entry, the most frequent first.
    pub questions: Vec<Question>,
    /// Questions by what they are about, where that is known, the most frequent first.
    pub products: Vec<Product>,
}

/// One day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Day {
    /// The day.
    pub day: Date,
    /// Messages of customers.
    pub messages: u64,
    /// Those that the bot answered.
    pub answered: u64,
    /// Those that went to a person.
    pub people: u64,
}

/// How often something was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Question {
    /// Id of the rule or entry.
    pub rule: String,
    /// Its subject, as the file says.
    pub category: Option<String>,
    /// Messages.
    pub messages: u64,
    /// The same by hour of the day.
    pub hours: Vec<u64>,
}

/// What was asked about one product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Product {
    /// What it is called, masked.
    pub product: String,
    /// Messages that a rule or entry knew.
    pub messages: u64,
    /// By rule or entry, the most frequent first.
    pub questions: Vec<(String, u64)>,
}

/// Pilots: conversations of customers who take part, beside those of the rest who have all else as they do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pilot {
    /// Id of the rule or entry that is tried.
    pub pilot: String,
    /// Its conversations.
    pub with: Arm,
    /// Those of customers who do not take part.
    pub rest: Arm,
    /// When it ended by itself, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Timestamp>,
}

/// What is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Arm {
    /// Of the conversations, those that needed no person.
    pub without_person: Share,
    /// Of the conversations, those in which something was asked again.
    pub repeated: Share,
    /// Of the conversations, those with a complaint.
    pub complaints: Share,
}

impl std::iter::Sum for Arm {
    fn sum<I: Iterator<Item = Self>>(arms: I) -> Self {
        arms.fold(Self::default(), |sum, arm| Self {
            without_person: sum.without_person + arm.without_person,
            repeated: sum.repeated + arm.repeated,
            complaints: sum.complaints + arm.complaints,
        })
    }
}

/// Names as numbers; each is in memory once, since there are as many as conversations.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    by_name: FxHashMap<Arc<str>, u32>,
    names: Vec<Arc<str>>,
}

impl Numbers {
    pub(super) fn of(&mut self, name: &str) -> u32 {
        if let Some(number) = self.by_name.get(name) {
            return *number;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let name: Arc<str> = name.into();
        self.by_name.insert(Arc::clone(&name), number);
        self.names.push(name);
        number
    }

    pub(super) fn get(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    pub(super) fn name(&self, number: u32) -> &str {
        self.names.get(number as usize).map_or("", |name| name)
    }
}

/// What one pass over the decisions of all periods has in common.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    pub catalog: &'a Catalog,
    pub zone: &'a TimeZone,
    pub conversations: Numbers,
    rules: Numbers,
    /// When a rule or entry last answered in a conversation.
    answered: FxHashMap<(u32, u32), i64>,
    /// When those that are too long ago to be asked again are forgotten: at so many.
    forget_at: usize,
    /// Where hand-offs began: by conversation and time.
    origins: FxHashMap<(u32, i64), u32>,
    queues: Numbers,
    /// What conversations are about, where that is known.
    about: FxHashMap<u32, u32>,
    products: Numbers,
    /// The hour and day of the instant that was asked about last: most are of the same hour.
    near: Option<(i64, i64, Date, usize)>,
}

impl<'a> Pass<'a> {
    pub(super) fn new(catalog: &'a Catalog, zone: &'a TimeZone) -> Self {
        Self {
            catalog,
            zone,
            conversations: Numbers::default(),
            rules: Numbers::default(),
            answered: FxHashMap::default(),
            forget_at: FORGET_AT,
            origins: FxHashMap::default(),
            queues: Numbers::default(),
            about: FxHashMap::default(),
            products: Numbers::default(),
            near: None,
        }
    }

    /// Notes what a conversation is about. Before its decisions, so that they are counted by product and not kept one by one.
    pub(super) fn is_about(&mut self, conversation: u32, product: &str) {
        let product = self.products.of(product);
        self.about.insert(conversation, product);
    }

    /// The queue in which the hand-off of an instant began.
    pub(super) fn origin(&self, conversation: u32, at: Timestamp) -> Option<&str> {
        self.origins.get(&(conversation, at.as_millisecond())).map(|queue| self.queues.name(*queue))
    }

    /// Takes the next decision, and counts it where it belongs.
    pub(super) fn take(&mut self, row: &TallyRow, into: Option<&mut Counter>) {
        let at = row.at.as_millisecond();
        let conversation = self.conversations.of(&row.conversation);
        if let Some(queue) = row.queue.as_ref().filter(|_| row.outcome == "handoff") {
            let queue = self.queues.of(queue);
            self.origins.insert((conversation, at), queue);
        }
        if !is_customers(row) {
            return;
        }
        let rule = row.rule.as_deref().map(|rule| self.rules.of(rule));
        let mut again = None;
        if let (Some(number), Some(name)) = (rule, row.rule.as_deref())
            && matches!(row.outcome.as_str(), "faq" | "rule")
            && self.catalog.is_question(name)
        {
            if self.answered.len() >= self.forget_at {
                self.answered.retain(|_, before| at - *before <= AGAIN);
                self.forget_at = FORGET_AT.max(self.answered.len() * 2);
            }
            let before = self.answered.insert((conversation, number), at);
            again = Some(row.reason == "repeated" || before.is_some_and(|before| at - before <= AGAIN));
        }
        let Some(counter) = into else { return };
        let (day, hour) = self.wall(row.at, at);
        let product = self.about.get(&conversation).copied();
        counter.count(row, conversation, rule.map(|rule| (rule, product)), again, (day, hour), self.catalog);
    }

    /// Day and hour of an instant on the wall.
    fn wall(&mut self, at: Timestamp, millis: i64) -> (Date, usize) {
        if let Some((from, until, day, hour)) = self.near
            && (from..until).contains(&millis)
        {
            return (day, hour);
        }
        let wall = self.zone.to_datetime(at);
        let (day, hour) = (wall.date(), usize::try_from(wall.hour()).unwrap_or(0));
        // Offsets change at whole quarters of an hour.
        let from = millis - millis.rem_euclid(900_000);
        self.near = Some((from, from + 900_000, day, hour));
        (day, hour)
    }

    /// Name of a rule by its number.
    pub(super) fn rule(&self, number: u32) -> &str {
        self.rules.name(number)
    }

    /// The number of a rule that decided anything.
    pub(super) fn rule_number(&self, name: &str) -> Option<u32> {
        self.rules.get(name)
    }
}

/// Whether it is about what a customer wrote: not a colleague through the platform, not a machine, not the later answer of a look-up.
pub(super) fn is_customers(row: &TallyRow) -> bool {
    is_from_a_customer(row.role.as_deref(), &row.reason)
}

/// The same of decisions alike.
pub(super) fn is_from_a_customer(role: Option<&str>, reason: &str) -> bool {
    role.is_none_or(|role| role == "visitor") && !matches!(reason, "automatic_sender" | "undelivered")
}

/// Whether it brought the conversation to a person, or was written to one.
pub(super) fn needed_a_person(row: &TallyRow) -> bool {
    row.queue.is_some() || row.outcome == "handoff" || row.reason == "human_owns"
}

/// Whether it is a complaint: by the class of its rule, or a low score.
pub(super) fn is_complaint(row: &TallyRow, of_rule: impl Fn(&str) -> bool) -> bool {
    row.reason == "low_score" || row.rule.as_deref().is_some_and(of_rule)
}

/// Reasons of messages to which the bot owed nothing: a person has them, or they are part of the next one.
fn calls_for_an_answer(row: &TallyRow) -> bool {
    !matches!(row.reason.as_str(), "human_owns" | "continued" | "lapsed")
}

/// What is remembered of a conversation while a period is counted.
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "things that happened or not, each on its own")]
struct Talk {
    people: bool,
    complaint: bool,
    again: bool,
    /// Whether the last message was answered surely.
    sure: bool,
    /// Index of its combination of pilots; none where the rule set had none.
    pilots: Option<u32>,
}

/// Counts one period.
#[derive(Debug, Default)]
pub(super) struct Counter {
    traffic: Traffic,
    days: BTreeMap<Date, (u64, u64, u64)>,
    talks: FxHashMap<u32, Talk>,
    asked: FxHashMap<u32, Box<[u64; 24]>>,
    hours: [u64; 24],
    /// Messages by product and rule.
    about: FxHashMap<(u32, u32), u64>,
    pilots: Numbers,
}

impl Counter {
    fn count(
        &mut self,
        row: &TallyRow,
        conversation: u32,
        rule: Option<(u32, Option<u32>)>,
        again: Option<bool>,
        (day, hour): (Date, usize),
        catalog: &Catalog,
    ) {
        let traffic = &mut self.traffic;
        traffic.messages += 1;
        add(&mut traffic.outcomes, &row.outcome);
        add(&mut traffic.reasons, &row.reason);
        let by_bot = !matches!(row.outcome.as_str(), "handoff" | "silent");
        if calls_for_an_answer(row) {
            traffic.answered.count(by_bot);
        }
        let doubt = matches!(row.reason.as_str(), "no_match" | "misses" | "ambiguous")
            && matches!(row.outcome.as_str(), "handoff" | "choice");
        traffic.unanswered += u64::from(doubt);
        if let Some(again) = again {
            traffic.repeated.count(again);
        }
        let people = needed_a_person(row);
        let of_day = self.days.entry(day).or_default();
        of_day.0 += 1;
        of_day.1 += u64::from(by_bot);
        of_day.2 += u64::from(row.outcome == "handoff");
        if let Some(count) = self.hours.get_mut(hour) {
            *count += 1;
        }
        let pilots = row.pilots.as_deref().map(|pilots| self.pilots.of(pilots));
        let talk = self.talks.entry(conversation).or_default();
        talk.people |= people;
        talk.again |= again == Some(true);
        talk.complaint |= is_complaint(row, |rule| catalog.is_complaint(rule));
        if calls_for_an_answer(row) {
            talk.sure = by_bot && !doubt && row.reason != "repeated";
        }
        // Whoever takes part does so for good; the last word counts when the files changed in between.
        talk.pilots = pilots.or(talk.pilots);
        if let Some((rule, product)) = rule {
            let hours = self.asked.entry(rule).or_default();
            if let Some(count) = hours.get_mut(hour) {
                *count += 1;
            }
            if let Some(product) = product {
                *self.about.entry((product, rule)).or_default() += 1;
            }
        }
    }

    /// A hand-off began in it, whether or not a message of the period called for one.
    pub(super) fn with_person(&mut self, conversation: u32) {
        if let Some(talk) = self.talks.get_mut(&conversation) {
            talk.people = true;
        }
    }

    /// Conversations in which a customer wrote.
    pub(super) fn conversations(&self) -> impl Iterator<Item = u32> + '_ {
        self.talks.keys().copied()
    }

    /// Whether a rule or entry decided anything.
    pub(super) fn used(&self, rule: u32) -> bool {
        self.asked.contains_key(&rule)
    }

    /// The figures.
    pub(super) fn finish(mut self, pass: &Pass<'_>) -> (Traffic, Vec<Pilot>) {
        let pilots = self.compare();
        let traffic = &mut self.traffic;
        traffic.conversations = u64::try_from(self.talks.len()).unwrap_or(u64::MAX);
        for talk in self.talks.values() {
            traffic.without_person.count(!talk.people);
            traffic.settled.count(!talk.people && talk.sure && !talk.again);
            traffic.complaints.count(talk.complaint);
        }
        traffic.hours = self.hours.to_vec();
        let day = |(day, (messages, answered, people))| Day { day, messages, answered, people };
        traffic.days = self.days.into_iter().map(day).collect();
        traffic.questions = self
            .asked
            .iter()
            .map(|(rule, hours)| Question {
                rule: pass.rule(*rule).to_owned(),
                category: pass.catalog.get(pass.rule(*rule)).and_then(|known| known.category.clone()),
                messages: hours.iter().sum(),
                hours: hours.to_vec(),
            })
            .collect();
        traffic.questions.sort_by(|a, b| b.messages.cmp(&a.messages).then_with(|| a.rule.cmp(&b.rule)));
        traffic.products = by_product(&self.about, pass);
        (self.traffic, pilots)
    }

    /// Each pilot beside the customers who do not take part in it and have all else, while there was a pilot.
    fn compare(&self) -> Vec<Pilot> {
        let list = |list: &Arc<str>| (serde_json::from_str(list).unwrap_or_default(), 0);
        let mut lists: Vec<(Vec<String>, u64)> = self.pilots.names.iter().map(list).collect();
        let mut arms = vec![Arm::default(); lists.len()];
        for talk in self.talks.values() {
            let Some(place) = talk.pilots.map(|place| place as usize) else { continue };
            let (Some(arm), Some((_, conversations))) = (arms.get_mut(place), lists.get_mut(place)) else { continue };
            *conversations += 1;
            arm.without_person.count(!talk.people);
            arm.repeated.count(talk.again);
            arm.complaints.count(talk.complaint);
        }
        let ids: BTreeSet<&String> = lists.iter().flat_map(|(list, _)| list).collect();
        let sum = |places: &[usize]| places.iter().filter_map(|place| arms.get(*place)).copied().sum();
        let compare = |id: &&String| {
            let peers = peers(&lists, id);
            Pilot { pilot: (*id).clone(), with: sum(&peers.with), rest: sum(&peers.rest), stopped: None }
        };
        ids.iter().map(compare).collect()
    }
}

fn by_product(about: &FxHashMap<(u32, u32), u64>, pass: &Pass<'_>) -> Vec<Product> {
    let mut sums: BTreeMap<&str, BTreeMap<u32, u64>> = BTreeMap::new();
    for ((product, rule), count) in about {
        sums.entry(pass.products.name(*product)).or_default().insert(*rule, *count);
    }
    let product = |(product, rules): (&str, BTreeMap<u32, u64>)| {
        let mut questions: Vec<(String, u64)> =
            rules.into_iter().map(|(rule, count)| (pass.rule(rule).to_owned(), count)).collect();
        questions.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let messages = questions.iter().map(|(_, count)| count).sum();
        Product { product: product.to_owned(), messages, questions }
    };
    let mut all: Vec<Product> = sums.into_iter().map(product).collect();
    all.sort_by(|a, b| b.messages.cmp(&a.messages).then_with(|| a.product.cmp(&b.product)));
    all
}

fn add(counts: &mut BTreeMap<String, u64>, word: &str) {
    if let Some(count) = counts.get_mut(word) {
        *count += 1;
    } else {
        counts.insert(word.to_owned(), 1);
    }
}
