//! What a turn leaves behind: the conversation after it, the trace, the decision.

use jiff::SignedDuration;

use super::Turn;
use crate::decide::knowledge::BuiltRule;
use crate::decide::outcome::{Outcome, TraceCandidate, TraceNear};
use crate::matching::Candidate;
use crate::message::{Decision, OutcomeKind, Reason, Scored};

/// Most times that are remembered of one rule's answers within a day.
const MAX_GIVEN: usize = 16;
/// Most rules whose answers are remembered.
const MAX_GIVEN_RULES: usize = 64;
/// Most tags of a conversation.
const MAX_TAGS: usize = 32;

impl Turn<'_> {
    /// What a rule leaves behind besides its words.
    pub(super) fn settle(&mut self, rule: &BuiltRule) {
        for tag in &rule.tags {
            if self.next.tags.len() < MAX_TAGS && self.next.tags.insert(tag.clone()) {
                self.tags.push(tag.clone());
            }
        }
        self.class = self.class.take().or_else(|| rule.class.clone());
        self.next.previous = Some(rule.id.clone());
        self.next.misses = 0;
        let day = SignedDuration::from_hours(24);
        self.next.given.retain(|_, times| {
            times.retain(|at| self.now.duration_since(*at) < day);
            !times.is_empty()
        });
        if self.next.given.len() < MAX_GIVEN_RULES || self.next.given.contains_key(&rule.id) {
            let times = self.next.given.entry(rule.id.clone()).or_default();
            times.push(self.now);
            if times.len() > MAX_GIVEN {
                times.remove(0);
            }
        }
    }

    /// Counts a message that nothing matched.
    pub(in crate::decide) fn missed(&mut self) {
        self.next.misses = self.next.misses.saturating_add(1);
    }

    /// Writes the candidates into the trace, the winner first, and returns the best three.
    pub(in crate::decide) fn trace_candidates(&mut self, ranked: &[Candidate]) -> Vec<Scored> {
        let rules = &self.knowledge.rules;
        let winner = ranked.first();
        self.trace.candidates = ranked
            .iter()
            .take(20)
            .map(|candidate| {
                let rule = &rules[candidate.rule as usize];
                TraceCandidate {
                    rule: rule.id.clone(),
                    priority: rule.priority,
                    sign: candidate.evidence.sign.describe(),
                    length: candidate.evidence.length,
                    score: candidate.evidence.score(),
                    spans: candidate.evidence.spans.iter().map(|span| self.view.original(span)).collect(),
                    lost: winner.filter(|w| w.rule != candidate.rule).map(|winner| {
                        let best = &rules[winner.rule as usize];
                        if rule.priority != best.priority {
                            "lower priority"
                        } else if candidate.evidence.sign != winner.evidence.sign {
                            "less specific sign"
                        } else if candidate.evidence.sure != winner.evidence.sure {
                            "less sure"
                        } else if candidate.evidence.length != winner.evidence.length {
                            "shorter match"
                        } else {
                            "later in the files"
                        }
                    }),
                }
            })
            .collect();
        let mut best: Vec<Scored> = self
            .trace
            .candidates
            .iter()
            .map(|candidate| Scored { rule: candidate.rule.clone(), score: candidate.score })
            .collect();
        for guess in self.knowledge.matcher.guesses(&self.view) {
            let rule = &rules[guess.rule as usize];
            let confidence = hundredths(guess.near.confidence);
            self.trace.near.push(TraceNear {
                rule: rule.id.clone(),
                confidence,
                sure: hundredths(guess.bars.sure),
                near: hundredths(guess.bars.near),
            });
            if best.iter().all(|known| known.rule != rule.id) {
                best.push(Scored { rule: rule.id.clone(), score: confidence });
            }
        }
        best.truncate(3);
        best
    }

    pub(super) fn finish(
        mut self,
        outcome: OutcomeKind,
        reason: Reason,
        rule: Option<(String, f64)>,
        candidates: &[Scored],
    ) -> Outcome {
        self.tell_degraded(outcome);
        // Small talk between the question how it was and its answer changes no subject.
        let aside = matches!(outcome, OutcomeKind::Survey | OutcomeKind::Smalltalk);
        if let Some(survey) = self.next.survey.as_mut().filter(|_| !aside && !self.replies.is_empty()) {
            survey.passed_over = true;
        }
        // Options that were shown before are answered by the next message or not at all, unless nothing was said meanwhile.
        if !self.replies.is_empty() {
            self.next.offered = self
                .replies
                .iter()
                .rev()
                .find(|r| !r.options.is_empty())
                .map(|r| r.options.clone())
                .unwrap_or_default();
        }
        self.end_survey(reason);
        let (rule, score) = rule.unzip();
        let decision = Decision {
            outcome,
            reason,
            rule,
            score: score.filter(|score| *score > 0.0),
            candidates: candidates.to_vec(),
            urgent: self.urgent,
            tags: self.tags,
            class: self.class,
            language: self.language,
            notices: self.notices,
            pilots: None,
            modes: self.modes.iter().map(ToString::to_string).collect(),
        };
        Outcome {
            decision,
            replies: self.replies,
            queue: self.queue,
            conversation: self.next,
            deadline: self.deadline,
            lookup: self.lookup,
            answered: self.answered,
            trace: self.trace,
        }
    }
}

/// A share from 0 to 1 as people write it, with two places.
fn hundredths(share: f32) -> f64 {
    f64::from((share * 100.0).round()) / 100.0
}
