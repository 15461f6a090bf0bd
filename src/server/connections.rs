//! How many connections there may be: in all, and from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::pipeline::network;
use crate::telemetry::Metrics;

/// Counts open connections.
#[derive(Debug)]
pub struct Connections {
    places: Arc<Semaphore>,
    per_address: usize,
    addresses: Arc<Mutex<HashMap<IpAddr, usize>>>,
    metrics: Arc<Metrics>,
}

/// A connection's place, until it is dropped. A socket takes it along when it is upgraded.
#[derive(Debug)]
pub struct Seat {
    address: IpAddr,
    addresses: Arc<Mutex<HashMap<IpAddr, usize>>>,
    metrics: Arc<Metrics>,
    _place: OwnedSemaphorePermit,
}

impl Connections {
    /// At most `total` in all, and `per_address` from one address (of IPv6, from one /64).
    #[must_use]
    pub fn new(total: usize, per_address: usize, metrics: Arc<Metrics>) -> Self {
        let places = Arc::new(Semaphore::new(total.min(Semaphore::MAX_PERMITS)));
        Self { places, per_address, addresses: Arc::default(), metrics }
    }

    /// A place for a connection; none when there are too many, and the reason.
    ///
    /// # Errors
    /// The word under which the refusal is counted.
    pub fn take(&self, address: IpAddr) -> Result<Seat, &'static str> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| "too_many_connections")?;
        let address = network(address);
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let count = addresses.entry(address).or_insert(0);
        if *count >= self.per_address {
            return Err("too_many_connections_of_address");
        }
        *count += 1;
        self.metrics.connection(true);
        Ok(Seat { address, addresses: Arc::clone(&self.addresses), metrics: Arc::clone(&self.metrics), _place: place })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = addresses.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                addresses.remove(&self.address);
            }
        }
        self.metrics.connection(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_counted_by_address_and_given_back() {
        let connections = Connections::new(3, 2, Arc::new(Metrics::new()));
        let a: IpAddr = [127, 0, 0, 1].into();
        let b: IpAddr = [127, 0, 0, 2].into();
        let first = connections.take(a).expect("free");
        let _second = connections.take(a).expect("free");
        assert_eq!(connections.take(a).expect_err("full"), "too_many_connections_of_address");
        let _third = connections.take(b).expect("free");
        assert_eq!(connections.take(b).expect_err("full"), "too_many_connections");
        drop(first);
        assert!(connections.take(a).is_ok());
    }
}
