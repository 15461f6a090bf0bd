//! What is decided with: rules, queues, hours and texts, compiled. Built by the engine, never changed afterwards.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use regex::Regex;

use crate::diag::Place;
use crate::hours::Schedule;
use crate::matching::{Matcher, Watch};
use crate::message::Priority;
use crate::modes::Modes;
use crate::rules::model::{Origin, ParcelService};
use crate::rules::{Limits, PeakSpec};
use crate::template::{ExpressionId, TemplateId, Templates};
use crate::text::{Variants, Vocabulary};

use super::builtin::Builtins;

/// A shop's knowledge, compiled. A copy shares all that is large.
#[derive(Clone, Debug)]
pub struct Knowledge {
    /// Tells this set from another.
    pub hash: String,
    /// The shop's zone.
    pub zone: TimeZone,
    /// Languages that are answered; the first is the default.
    pub languages: Vec<String>,
    /// Words by which languages in Latin letters are told apart.
    pub vocabulary: Arc<Vocabulary>,
    /// Rules and entries in file order.
    pub rules: Arc<[BuiltRule]>,
    /// Index by id.
    pub by_id: Arc<HashMap<String, u32>>,
    /// All conditions.
    pub matcher: Arc<Matcher>,
    /// Words that must not be said.
    pub watch: Arc<Watch>,
    /// All texts and expressions.
    pub templates: Arc<Templates>,
    /// Simplified to Traditional.
    pub variants: Arc<Variants>,
    /// Queues by name.
    pub queues: BTreeMap<String, Queue>,
    /// Targets of channels by name, which count before those of queues.
    pub channel_targets: BTreeMap<String, Duration>,
    /// In order.
    pub routes: Arc<[Route]>,
    /// Texts by notice.
    pub notices: Arc<HashMap<String, BuiltText>>,
    /// The question how it was.
    pub survey: Arc<SurveyRules>,
    /// Asking for a person, and the like.
    pub builtins: Arc<Builtins>,
    /// Bounds.
    pub limits: Limits,
    /// When which special mode is on.
    pub modes: Modes,
    /// What the peak does.
    pub peak: PeakSpec,
    /// Free values for texts and conditions.
    pub values: minijinja::Value,
}

/// What is done about the survey.
#[derive(Debug)]
pub struct SurveyRules {
    /// Where a low score goes; none: where the routes lead.
    pub queue: Option<String>,
    /// The highest score that is a low one.
    pub low: u8,
    /// How long it can be answered.
    pub lapses: Duration,
    /// What the scores mean, from 1 to 5.
    pub labels: Vec<BuiltText>,
    /// Channels on which the scores stand in the text: platforms may show no options.
    pub numbered: BTreeSet<String>,
    /// Channels on which nothing can be said that is not asked for: there is nowhere to send it.
    pub unheard: BTreeSet<String>,
}

/// A rule or entry, compiled. Its condition lies in the matcher under the same index.
#[derive(Debug)]
pub struct BuiltRule {
    /// Unique.
    pub id: String,
    /// Entry or rule.
    pub origin: Origin,
    /// Where its id stands.
    pub place: Place,
    /// Higher wins.
    pub priority: i64,
    /// Shown as a choice.
    pub title: Option<BuiltText>,
    /// Variants of what is said.
    pub replies: Vec<BuiltText>,
    /// Indices of rules offered below the reply.
    pub options: Vec<u32>,
    /// Where the case goes.
    pub handoff: Option<BuiltHandoff>,
    /// What is asked of the customer before it answers, in order.
    pub slots: Vec<BuiltSlot>,
    /// What is fetched before it answers.
    pub lookup: Option<BuiltLookup>,
    /// Ways to answer, of which the first that holds is taken.
    pub then: Vec<BuiltBranch>,
    /// Acts at any hour.
    pub urgent: bool,
    /// Not said to a customer who waits.
    pub smalltalk: bool,
    /// Tags that it sets.
    pub tags: Vec<String>,
    /// Class of the enquiry.
    pub class: Option<String>,
    /// First day.
    pub from: Option<Date>,
    /// Last day.
    pub until: Option<Date>,
    /// Only there; empty means everywhere.
    pub channels: Vec<String>,
}

/// A piece of information that a rule asks for.
#[derive(Debug)]
pub struct BuiltSlot {
    /// Its name in texts.
    pub name: String,
    /// What in a message is the value.
    pub pattern: Regex,
    /// The question.
    pub ask: BuiltText,
    /// Said when an answer does not fit.
    pub retry: Option<BuiltText>,
    /// Answers that do not fit before a person takes over.
    pub attempts: u32,
    /// Whether only the answer to the question counts.
    pub only_asked: bool,
}

/// What a rule fetches.
#[derive(Debug)]
pub struct BuiltLookup {
    /// What must hold for it to be done; none always does.
    pub condition: Option<ExpressionId>,
    /// What is asked.
    pub target: BuiltTarget,
    /// Longest time to wait for it.
    pub timeout: Duration,
    /// How long an answer is used again; 0 for never.
    pub cache: Duration,
    /// An answer as the system gives it, for trying out.
    pub sample: Option<serde_json::Value>,
}

/// What a look-up asks.
#[derive(Debug)]
pub enum BuiltTarget {
    /// An address, and the fields of a form.
    Http(TemplateId, Vec<(String, TemplateId)>),
    /// A parcel at a service: its carrier, number and phone.
    Parcel(ParcelService, [Option<TemplateId>; 3]),
}

/// One way to answer.
#[derive(Debug)]
pub struct BuiltBranch {
    /// What must hold; none always does.
    pub condition: Option<ExpressionId>,
    /// What is done then: a rule of its own under the id of the whole.
    pub act: BuiltRule,
}

/// Where a rule sends a case.
#[derive(Debug)]
pub struct BuiltHandoff {
    /// Named, else the routes decide.
    pub queue: Option<String>,
    /// In the author's word.
    pub reason: Option<String>,
    /// How soon.
    pub priority: Option<Priority>,
}

/// A text by language, compiled. The empty code serves every language.
#[derive(Debug, Default)]
pub struct BuiltText {
    /// Templates by language code.
    pub by_language: BTreeMap<String, TemplateId>,
}

/// A human queue.
#[derive(Clone, Debug)]
pub struct Queue {
    /// Name of its schedule.
    pub hours: String,
    /// When people are there.
    pub schedule: Arc<Schedule>,
    /// Receiver of its events.
    pub webhook: Option<String>,
    /// Until a person answers, in open time.
    pub first_response: Option<Duration>,
    /// How long before that it is warned; none: a quarter of it.
    pub warn_before: Option<Duration>,
    /// Until somebody has taken a case that began here, over all queues, in open time.
    pub transfer: Option<Duration>,
    /// Where a case goes whose target passed.
    pub escalate_to: Option<String>,
}

/// A way to a queue.
#[derive(Debug)]
pub struct Route {
    /// None always holds.
    pub condition: Option<ExpressionId>,
    /// As the author wrote it, for `explain`.
    pub source: String,
    /// The queue.
    pub queue: String,
    /// Least priority of a case that goes this way.
    pub priority: Option<Priority>,
}

impl BuiltRule {
    /// The queue that it names, itself or in a branch.
    #[must_use]
    pub fn some_queue(&self) -> Option<&str> {
        let branches = self.then.iter().filter_map(|branch| branch.act.handoff.as_ref());
        self.handoff.iter().chain(branches).find_map(|handoff| handoff.queue.as_deref())
    }

    /// Whether it asks or fetches something before it answers.
    #[must_use]
    pub fn leads(&self) -> bool {
        !self.slots.is_empty() || self.lookup.is_some() || !self.then.is_empty()
    }

    /// Whether it may be used on a day and channel.
    #[must_use]
    pub fn valid(&self, today: Date, channel: &str) -> bool {
        self.from.is_none_or(|from| from <= today)
            && self.until.is_none_or(|until| today <= until)
            && (self.channels.is_empty() || self.channels.iter().any(|c| c == channel))
    }
}
