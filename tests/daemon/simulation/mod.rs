//! Customers, people, timers, reloads and crashes at once, in an order that a seed decides down to every call of the store.
//!
//! The daemon's own way of messages runs on a real store behind a gate (`paced`): of all calls that wait, the seed says which comes
//! next, and between any two of them the process may be killed. The same seed is the same story; one that fails is printed whole.
//! `NIGHTDESK_SEEDS` says how many are told, `NIGHTDESK_SEED` tells one again.

mod paced;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use world::{Files, World};

/// Stories in `make test`; `make soak` tells many more.
const SEEDS: u64 = 200;

/// Tells one story, and everything that happened in it.
fn tell(seed: u64) -> Result<Vec<String>, (Vec<String>, String)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut world = World::new(Files::all(), seed);
    let told = catch_unwind(AssertUnwindSafe(|| runtime.block_on(world.live())));
    let trace = std::mem::take(&mut world.trace);
    // What was killed is dropped with the runtime that it ran on.
    runtime.shutdown_background();
    match told {
        Ok(()) => Ok(trace),
        Err(error) => {
            let words = error.downcast_ref::<String>().cloned();
            Err((trace, words.or_else(|| error.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_default()))
        }
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn whatever_comes_in_whatever_order_each_message_is_answered_once_and_no_case_is_lost() {
    let seeds = match number("NIGHTDESK_SEED") {
        Some(one) => one..one + 1,
        None => 0..number("NIGHTDESK_SEEDS").unwrap_or(SEEDS),
    };
    for seed in seeds {
        if let Err((trace, words)) = tell(seed) {
            panic!("seed {seed}:\n{}\n{words}\nNIGHTDESK_SEED={seed} tells it again", trace.join("\n"));
        }
    }
}

#[test]
fn the_same_seed_is_the_same_story() {
    for seed in 0..5 {
        let told =
            [tell(seed), tell(seed)].map(|told| told.unwrap_or_else(|(trace, words)| panic!("{trace:#?}\n{words}")));
        assert!(told[0].len() > 100, "something happens: {:#?}", told[0]);
        assert_eq!(told[0], told[1], "seed {seed}");
    }
    assert_ne!(tell(1).unwrap(), tell(2).unwrap());
}
