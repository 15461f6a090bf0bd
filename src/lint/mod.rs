//! What only a built engine can know: ties, rules that never win, notices and calendars that are missing, texts without a language.
//!
//! One file a kind of finding; a new one is a file here and a line below: in `warnings`, or in [`errors`] if the files cannot be used with it.

mod addresses;
mod calendars;
mod clear;
mod escalation;
mod languages;
mod leaves;
mod modes;
mod nothing;
mod notices;
mod patterns;
mod phrases;
mod reviews;
mod slots;
mod survey;
mod ties;
mod twins;
mod urgent;
mod witness;
mod wording;

use jiff::Timestamp;

use crate::diag::Report;
use crate::engine::Engine;

/// Adds all findings to the report, some perhaps twice. `now` is the day on which calendars and reviews are looked at.
pub fn check(engine: &Engine, now: Timestamp, report: &mut Report) {
    errors(engine, now, report);
    warnings(engine, now, report);
}

/// Adds those findings with which the files cannot be used: a part of [`check`] that takes a moment only.
pub fn errors(engine: &Engine, now: Timestamp, report: &mut Report) {
    // What is for a share of the customers has to be as right as the rest.
    engine.arms().iter().for_each(|arm| errors(&arm.engine, now, report));
    calendars::check(engine, now, report);
    modes::check(engine, now, report);
    notices::check(engine, report);
    patterns::check_everything(engine, report);
    ties::check(engine, report);
}

fn warnings(engine: &Engine, now: Timestamp, report: &mut Report) {
    engine.arms().iter().for_each(|arm| warnings(&arm.engine, now, report));
    addresses::check(engine, report);
    clear::check(engine, report);
    escalation::check(engine, report);
    languages::check(engine, report);
    reviews::check(engine, now, report);
    slots::check(engine, report);
    survey::check(engine, report);
    patterns::check(engine, report);
    phrases::check(engine, report);
    twins::check(engine, report);
    urgent::check(engine, report);
    witness::check(engine, report);
    wording::check(engine, report);
}
