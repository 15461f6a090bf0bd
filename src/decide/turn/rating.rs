//! What is done with an answer to the survey: thanks, and for a low score a case of its own.

use crate::message::{Gesture, OutcomeKind, Priority, QueueEvent, Reason, State, Survey};

use super::super::outcome::Outcome;
use super::super::survey;
use super::{Turn, Wish};

impl Turn<'_> {
    /// Takes an answer that was given by a button or a form: in any state, for it is about an earlier case.
    pub(in crate::decide) fn rated_by_hand(mut self) -> Outcome {
        let (score, comment) = match &self.inbound.gesture {
            Gesture::Rate { score, comment } => (*score, comment.clone()),
            gesture => (survey::pressed(gesture).unwrap_or_default(), None),
        };
        let (knowledge, now) = (self.knowledge, self.now);
        if !survey::may_rate(knowledge, &self.next, score, comment.as_deref(), now) {
            return self.unchanged().silent(Reason::Lapsed, false);
        }
        match comment {
            Some(comment) if survey::open(knowledge, &self.next, now).is_none() => self.commented(comment),
            comment => {
                // It answers none of the words that wait.
                self.next.unanswered.clone_from(&self.before.unanswered);
                self.rated(score, comment)
            }
        }
    }

    /// Takes a score that was written. Words just before it that nothing answers are the reason for it.
    pub(in crate::decide) fn rated_in_words(self, score: u8) -> Outcome {
        let words = self.before.unanswered.join("\n");
        self.rated(score, (!words.is_empty()).then_some(words))
    }

    fn rated(mut self, score: u8, comment: Option<String>) -> Outcome {
        let Some(survey) = &mut self.next.survey else { return self.unchanged().silent(Reason::Lapsed, false) };
        survey.score = Some(score);
        survey.answered_at = Some(self.now);
        survey.comment = comment.filter(|comment| !comment.trim().is_empty());
        self.answered = Some(survey.clone());
        if score > self.knowledge.survey.low {
            return self.thanks("rated", Reason::Rated);
        }
        self.class = Some("complaint".to_owned());
        if self.state() == State::Human {
            // Whoever has the customer now hears of it, and nobody else comes between.
            self.raise(Priority::High);
            self.queue = Some(QueueEvent::Message);
            return self.thanks("rated_low", Reason::LowScore);
        }
        let queue = self.knowledge.survey.queue.as_deref();
        self.hand_over(&Wish { words: Some("rated_low"), queue, ..Wish::because(Reason::LowScore) }, &[])
    }

    /// Whether the next words are the reason for a score.
    pub(in crate::decide) fn awaits_comment(&self) -> bool {
        self.next.survey.as_ref().is_some_and(|survey| survey.score.is_some() && survey.comment.is_none())
    }

    /// Keeps the words as the reason for the score, whatever else is done with them.
    pub(in crate::decide) fn keep_comment(&mut self, words: String) {
        if let Some(survey) = &mut self.next.survey {
            survey.comment = Some(words);
            self.answered = Some(survey.clone());
        }
    }

    /// Takes the words as the reason for the score, and as nothing else. Those who have the case of a low score hear of them.
    pub(in crate::decide) fn commented(mut self, words: String) -> Outcome {
        self.keep_comment(words);
        let low = |survey: &Survey| survey.score.is_some_and(|score| score <= self.knowledge.survey.low);
        if self.answered.as_ref().is_some_and(low) {
            self.class = Some("complaint".to_owned());
        }
        if self.next.handoff.is_some() {
            self.queue = Some(QueueEvent::Message);
        }
        self.thanks("commented", Reason::Rated)
    }

    /// Beside a person who talks nothing is said.
    fn thanks(mut self, notice: &str, reason: Reason) -> Outcome {
        if self.state() != State::Human {
            self.push_notice(notice, None);
        }
        // An answer does not open what was closed.
        if self.before.state == State::Closed && self.state() == State::Bot {
            self.next.state = State::Closed;
        }
        self.finish(OutcomeKind::Survey, reason, None, &[])
    }

    /// A survey is over when all of it is answered, or the customer says something else after the score.
    pub(super) fn end_survey(&mut self, reason: Reason) {
        let theirs = !matches!(self.inbound.gesture, Gesture::Automatic | Gesture::Undelivered | Gesture::LookedUp(_));
        let said = theirs && !matches!(reason, Reason::Continued | Reason::Lapsed);
        let over = |survey: &Survey| survey.comment.is_some() || (self.answered.is_none() && survey.score.is_some());
        if said && self.next.survey.as_ref().is_some_and(over) {
            self.next.survey = None;
        }
    }
}
