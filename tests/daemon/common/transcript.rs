//! What must hold of every transcript, whatever has failed meanwhile.

use nightdesk::store::{EventRow, Store};
use serde_json::Value;

use super::str_at;

/// Every acknowledged message is there once and has one answer, and `seq` has neither gaps nor repeats.
pub async fn transcript_holds(store: &dyn Store, conversation: &str, acknowledged: &[String]) {
    let events: Vec<EventRow> = store.events_after(conversation, 0, 100_000).await.unwrap();
    if let Err(what) = holds(&events, acknowledged, &[]) {
        panic!("{conversation}: {what}");
    }
}

/// The same of events, where messages for people may have more than one answer, or none.
pub fn holds(events: &[EventRow], acknowledged: &[String], for_people: &[String]) -> Result<(), String> {
    let numbers: Vec<u64> = events.iter().map(|event| event.seq).collect();
    if numbers != (1..=events.len() as u64).collect::<Vec<u64>>() {
        return Err(format!("the numbers are {numbers:?}"));
    }
    let messages = |role: &str| -> Vec<Value> {
        let of_role = events.iter().filter(|event| event.kind == "message" && event.role == role);
        of_role.map(|event| serde_json::from_str(&event.body).unwrap()).collect()
    };
    let (visitor, bot) = (messages("visitor"), messages("bot"));
    for message in acknowledged {
        let said = visitor.iter().filter(|data| str_at(data, "/message") == message).count();
        if said != 1 {
            return Err(format!("{message} was acknowledged and is there {said} times"));
        }
    }
    for data in &visitor {
        let answers = bot.iter().filter(|answer| answer["reply_to"] == data["message"]).count();
        if answers != 1 && !for_people.iter().any(|message| data["message"] == message.as_str()) {
            return Err(format!("{answers} answers to {data:#}"));
        }
    }
    Ok(())
}
