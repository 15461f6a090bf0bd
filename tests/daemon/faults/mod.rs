//! What is kept when something fails: the disk, the power, the database, a receiver, the patience of customers.

mod damage;
mod disk;
mod peak;
mod power;
mod receivers;

use std::time::{SystemTime, UNIX_EPOCH};

use nightdesk::store::{EventRow, Store};
use serde_json::Value;

use crate::common::str_at;

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

/// Every acknowledged message is there once and has one answer, and `seq` has neither gaps nor repeats.
async fn transcript_holds(store: &dyn Store, conversation: &str, acknowledged: &[String]) {
    let events: Vec<EventRow> = store.events_after(conversation, 0, 100_000).await.unwrap();
    let numbers: Vec<u64> = events.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (1..=events.len() as u64).collect::<Vec<u64>>(), "numbers of {conversation}");
    let messages = |role: &str| -> Vec<Value> {
        let of_role = events.iter().filter(|event| event.kind == "message" && event.role == role);
        of_role.map(|event| serde_json::from_str(&event.body).unwrap()).collect()
    };
    let (visitor, bot) = (messages("visitor"), messages("bot"));
    for message in acknowledged {
        let said = visitor.iter().filter(|data| str_at(data, "/message") == message).count();
        assert_eq!(said, 1, "{message} of {conversation} was acknowledged");
    }
    for data in &visitor {
        let answers = bot.iter().filter(|answer| answer["reply_to"] == data["message"]).count();
        assert_eq!(answers, 1, "answers to {data:#} of {conversation}");
    }
}
