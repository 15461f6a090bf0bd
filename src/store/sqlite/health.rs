//! Whether the file was found damaged. Then nothing more is written to it until the next start: what is written into a broken file
//! may destroy what can still be saved, and what is said to be kept might not be.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::store::StoreError;

/// What is known of one file.
#[derive(Debug)]
pub(super) struct Health {
    file: PathBuf,
    damage: OnceLock<String>,
}

impl Health {
    /// A file of which nothing bad is known.
    pub(super) fn new(file: &Path) -> Self {
        Self { file: file.to_owned(), damage: OnceLock::new() }
    }

    /// Notes damage that somebody met; the first is told.
    pub(super) fn note<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(StoreError::Corrupt(reason)) = &result
            && self.damage.set(reason.clone()).is_ok()
        {
            tracing::error!(
                file = %self.file.display(),
                reason,
                "The database is damaged. Nothing more is written to it, and messages are refused: stop nightdesk, save what can be \
                 read with `nightdesk rescue` or go back to a backup, and start again."
            );
        }
        result
    }

    /// Refuses when the file is damaged.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match self.damage.get() {
            Some(reason) => Err(StoreError::Corrupt(format!("{}: {reason}", self.file.display()))),
            None => Ok(()),
        }
    }
}
