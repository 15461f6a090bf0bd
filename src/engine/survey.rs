//! The survey: its settings checked, its words compiled, and the question put when a case ends.

use jiff::Timestamp;

use crate::decide::knowledge::SurveyRules;
use crate::decide::survey;
use crate::diag::{Finding, Report};
use crate::message::{Conversation, Inbound, Reply};
use crate::rules::model::{Located, Text};
use crate::rules::{ChannelKind, ChannelSpec, Settings};
use crate::template::Templates;

use super::{Engine, build, texts};

/// Scores.
const SCORES: usize = 5;
/// Queue of low scores, unless the shop says otherwise.
const QUEUE: &str = "complaints";
/// What the scores mean, unless the shop says otherwise.
const LABELS: [[(&str, &str); 2]; SCORES] = [
    [("zh", "很不满意"), ("en", "Very poor")],
    [("zh", "不满意"), ("en", "Poor")],
    [("zh", "一般"), ("en", "Okay")],
    [("zh", "满意"), ("en", "Good")],
    [("zh", "非常满意"), ("en", "Very good")],
];

/// What is decided with; mistakes go into the report.
pub(super) fn built(settings: &Settings, templates: &mut Templates, report: &mut Report) -> SurveyRules {
    let spec = &settings.survey;
    if let Some(queue) = &spec.queue {
        build::reference(queue, settings.queues.keys(), "queue", report);
    }
    let queue = spec.queue.as_ref().map_or(QUEUE, |queue| queue.value.as_str());
    if let Some(labels) = spec.labels.as_ref().filter(|labels| labels.value.len() != SCORES) {
        report.push(
            Finding::error("survey-labels", format!("there are {} labels for {SCORES} scores", labels.value.len()))
                .at(&labels.place)
                .help("write five texts, what 1 means first: labels: [{zh: 很不满意, en: Very poor}, …]"),
        );
    }
    let own = spec.labels.as_ref().filter(|labels| labels.value.len() == SCORES);
    let labels: Vec<Text> = own.map_or_else(|| shipped(settings), |labels| labels.value.clone());
    let channels = |which: fn(&ChannelSpec) -> bool| {
        let of = settings.channels.iter().filter(move |(_, channel)| which(channel));
        of.map(|(name, _)| name.clone()).collect()
    };
    SurveyRules {
        queue: settings.queues.contains_key(queue).then(|| queue.to_owned()),
        low: spec.low,
        lapses: spec.lapses,
        labels: labels.iter().map(|label| texts::text(label, templates, report)).collect(),
        numbered: channels(|channel| channel.kind == ChannelKind::Webhook && channel.hears_later()),
        unheard: channels(|channel| !channel.hears_later()),
    }
}

/// The program's own words.
fn shipped(settings: &Settings) -> Vec<Text> {
    // They stand in no file, and nothing is wrong with them.
    let place = settings.timezone.place.clone();
    let text = |(code, words): &(&str, &str)| {
        ((*code).to_owned(), Located { value: (*words).to_owned(), place: place.clone() })
    };
    LABELS.iter().map(|label| Text { by_language: label.iter().map(text).collect(), place: place.clone() }).collect()
}

impl Engine {
    /// Puts the question how it was, if the case that ends is one to ask about; `message` is the id of the question.
    #[must_use]
    pub fn ask_survey(
        &self,
        before: &Conversation,
        after: &mut Conversation,
        agent: Option<&str>,
        message: &str,
        now: Timestamp,
    ) -> Option<Reply> {
        survey::ask(&self.knowledge, before, after, agent, message, now)
    }

    /// Whether an answer by a button or form would be heard: the survey is open, or this adds the words to the same score.
    #[must_use]
    pub fn may_rate(&self, conversation: &Conversation, score: u8, comment: Option<&str>, now: Timestamp) -> bool {
        survey::may_rate(&self.knowledge, conversation, score, comment, now)
    }

    /// What a score means, in the customer's language.
    #[must_use]
    pub fn score_label(&self, score: u8, inbound: &Inbound, conversation: &Conversation, now: Timestamp) -> String {
        survey::label(&self.knowledge, score, inbound, conversation, now)
    }
}
