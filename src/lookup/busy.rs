//! One at a time for each name, different names side by side.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Who is at work on what.
#[derive(Debug, Default)]
pub(super) struct Busy(Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>);

impl Busy {
    /// The lock of a name.
    pub(super) fn of(&self, name: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.retain(|_, lock| lock.strong_count() > 0);
        if let Some(lock) = names.get(name).and_then(Weak::upgrade) {
            return lock;
        }
        let lock = Arc::default();
        names.insert(name.to_owned(), Arc::downgrade(&lock));
        lock
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_lock_while_somebody_holds_it() {
        let busy = Busy::default();
        let first = busy.of("a");
        assert!(Arc::ptr_eq(&first, &busy.of("a")));
        assert!(!Arc::ptr_eq(&first, &busy.of("b")));
        drop(first);
        busy.of("c");
        assert_eq!(busy.0.lock().unwrap().len(), 1, "what nobody holds is forgotten");
    }
}
