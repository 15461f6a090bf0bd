//! Special modes that people switched: each switch is kept for the record, long after its end.

use jiff::SignedDuration;

use crate::modes::Switch;

use super::{KeptRow, Store, StoreError};

/// The place where they are kept.
const PLACE: &str = "modes";
/// How long after its end a switch is kept.
const RECORD: SignedDuration = SignedDuration::from_hours(400 * 24);

/// All switches that are kept, in their order. One that this version cannot read, because a newer one wrote it, is left out and told.
///
/// # Errors
/// When the store cannot be read.
pub async fn read(store: &dyn Store) -> Result<Vec<Switch>, StoreError> {
    let rows = store.kept_all(PLACE, "").await?;
    let switch = |row: &KeptRow| {
        let read = serde_json::from_str(&row.value);
        read.inspect_err(|error| tracing::debug!(key = row.key, %error, "A kept switch of a mode cannot be read.")).ok()
    };
    Ok(rows.iter().filter_map(switch).collect())
}

/// Keeps a switch.
///
/// # Errors
/// When the store refuses; nothing has changed then.
pub async fn keep(store: &dyn Store, switch: &Switch) -> Result<(), StoreError> {
    let value = serde_json::to_string(switch).map_err(|error| StoreError::Impossible(error.to_string()))?;
    // By time, and of one instant the last word counts.
    let key = format!("{:020} {}", switch.from.as_millisecond(), switch.mode);
    let until = switch.until.max(switch.from).checked_add(RECORD).ok();
    store.keep(vec![KeptRow { place: PLACE.to_owned(), key, value, until }]).await
}
