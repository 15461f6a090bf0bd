//! What is kept when something fails: the disk, the power, the database, a receiver, the patience of customers.

mod damage;
mod disk;
mod peak;
mod power;
mod receivers;

use std::time::{SystemTime, UNIX_EPOCH};

/// Random numbers that can be had again (splitmix64): `NIGHTDESK_SEED`.
struct Dice(u64);

impl Dice {
    fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let seed = std::env::var("NIGHTDESK_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(now);
        println!("NIGHTDESK_SEED={seed}");
        Self(seed)
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    /// Below `sides`, as a place in a file.
    fn place(&mut self, sides: usize) -> usize {
        usize::try_from(self.roll(sides.max(1) as u64)).unwrap()
    }
}
