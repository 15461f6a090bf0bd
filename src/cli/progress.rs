//! How far long work has come, on a terminal; nothing where standard error goes elsewhere.

use std::io::{IsTerminal, Write};
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Steps between two words about it.
const EVERY: usize = 500;

/// How far a piece of work has come.
#[derive(Debug)]
pub(super) struct Progress {
    what: &'static str,
    all: usize,
    done: AtomicUsize,
    shown: bool,
}

impl Progress {
    /// Of so many steps.
    pub(super) fn new(what: &'static str, all: usize) -> Self {
        Self { what, all, done: AtomicUsize::new(0), shown: std::io::stderr().is_terminal() }
    }

    /// Some steps are done.
    pub(super) fn step(&self, steps: usize) {
        let before = self.done.fetch_add(steps, Ordering::Relaxed);
        let done = before + steps;
        if self.shown && (done / EVERY != before / EVERY || done == self.all) {
            // A terminal that is gone is no reason to stop.
            let _ = write!(std::io::stderr(), "\r{}: {done} of {}", self.what, self.all);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// Does the same with each, on so many threads or as many as there are cores; the results stay in order.
pub(super) fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    threads: Option<NonZero<usize>>,
    does: &(dyn Fn(&T) -> R + Sync),
) -> Vec<R> {
    let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
    let threads = threads.map_or_else(cores, NonZero::get);
    // Smaller shares than threads, so that one long conversation does not hold up all.
    let share = items.len().div_ceil(threads * 16).max(1);
    let next = AtomicUsize::new(0);
    let shares: Vec<&[T]> = items.chunks(share).collect();
    let mut done: Vec<(usize, Vec<R>)> = std::thread::scope(|scope| {
        let work = || {
            let mut done = Vec::new();
            while let Some((at, share)) = {
                let at = next.fetch_add(1, Ordering::Relaxed);
                shares.get(at).map(|share| (at, share))
            } {
                done.push((at, share.iter().map(does).collect()));
            }
            done
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().filter_map(|worker| worker.join().ok()).flatten().collect()
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().flat_map(|(_, results)| results).collect()
}
