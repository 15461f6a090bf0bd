//! Engines for pilots: one for each share of the customers, beside the one for the rest.

use crate::diag::Report;
use crate::rules::{Book, pilots};

use super::Engine;
use super::build::reference;

/// What customers within a share get.
#[derive(Clone, Debug)]
pub struct Arm {
    /// Customers whose number is below this.
    pub share: u16,
    /// Ids of the pilots that they take part in.
    pub pilots: Vec<String>,
    /// Their rules.
    pub engine: Engine,
}

/// Builds an engine for each share; none if one of them cannot be built.
pub(super) fn arms(book: &Book, report: &mut Report) -> Option<Vec<Arm>> {
    pilots::check(book, report);
    for replaces in book.rules.iter().filter_map(|rule| rule.replaces.as_ref()) {
        if !book.unread.may_hold(&replaces.value) {
            reference(replaces, book.rules.iter().map(|rule| &rule.id.value), "rule or entry", report);
        }
    }
    let mut arms = Vec::new();
    for share in pilots::shares(book) {
        let (book, pilots) = pilots::book_for(book, Some(share));
        arms.push(Engine::of(book, report).map(|engine| Arm { share, pilots, engine }));
    }
    arms.into_iter().collect()
}

/// The share that a customer falls into; none for the rest.
pub(super) fn arm_of<'a>(arms: &'a [Arm], customer: &str) -> Option<&'a Arm> {
    let number = (!arms.is_empty()).then(|| pilots::number(customer))?;
    arms.iter().find(|arm| number < arm.share)
}
