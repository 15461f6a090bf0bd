//! What `sync_msg` gives, put into our words.

use serde_json::{Map, Value};

use crate::message::{Customer, Gesture, Kind, Role};
use crate::pipeline::Arrival;

/// Longest id of a customer, account or message, in bytes.
const MAX_ID: usize = 128;
/// A word of the customer.
const CUSTOMER: i64 = 3;
/// A word of a person of the shop, in WeCom's own client.
const SERVICER: i64 = 5;

/// An item of `msg_list`.
#[derive(Debug)]
pub(super) struct Item {
    /// The platform's id: the idempotency key.
    pub id: String,
    /// The platform's id of the customer.
    pub customer: String,
    /// Who of the shop wrote it in WeCom, where somebody did.
    pub servicer: String,
    /// When, in seconds since 1970.
    pub sent: i64,
    /// What it is.
    pub what: What,
}

/// What an item is.
#[derive(Debug)]
pub(super) enum What {
    /// Something said, by the customer or by a person of the shop.
    Said(Box<Arrival>),
    /// The customer opened the conversation, and may be welcomed with this code.
    Entered(String),
    /// Something of ours did not arrive: its id, and the platform's word for why.
    NotArrived(String, i64),
    /// A person of the shop took the conversation in WeCom: who, and a code by which one thing may be said.
    Taken(String, Option<String>),
    /// It was ended there: by whom, and a code.
    Ended(String, Option<String>),
    /// A person of the shop began or stopped to receive customers.
    Receives(String, bool),
    /// Nothing for us.
    Nothing,
}

impl Item {
    /// The customer whom a person of the shop sees to by this, in WeCom: by a word, or by taking the conversation. Its
    /// end alone says nothing: the platform ends what nobody sees to.
    pub(super) fn attended(&self) -> Option<&str> {
        let person = match &self.what {
            What::Said(arrival) => arrival.role == Role::Human,
            What::Taken(..) => true,
            _ => false,
        };
        person.then_some(self.customer.as_str())
    }
}

/// The conversation as we name it: one customer may write to several accounts.
pub(super) fn thread(open_kfid: &str, customer: &str) -> String {
    format!("{open_kfid}/{customer}")
}

/// Reads an item; none if it lacks an id.
pub(super) fn read(channel: &str, open_kfid: &str, item: &Value) -> Option<Item> {
    let id = short(&item["msgid"])?.to_owned();
    let sent = item["send_time"].as_i64().unwrap_or_default();
    let event = &item["event"];
    let customer = short(&item["external_userid"]).or_else(|| short(&event["external_userid"])).unwrap_or_default();
    let what = match (item["origin"].as_i64(), item["msgtype"].as_str()) {
        (_, Some("event")) => happened(event),
        (Some(origin @ (CUSTOMER | SERVICER)), Some(kind)) if !customer.is_empty() => {
            What::Said(Box::new(said(channel, open_kfid, customer, &id, origin, kind, item)))
        }
        _ => What::Nothing,
    };
    let of_another =
        [&item["open_kfid"], &event["open_kfid"]].iter().any(|id| id.as_str().is_some_and(|id| id != open_kfid));
    let what = if of_another { What::Nothing } else { what };
    let needs_customer = !matches!(what, What::Nothing | What::Receives(..));
    let what = if needs_customer && customer.is_empty() { What::Nothing } else { what };
    let servicer = short(&item["servicer_userid"]).unwrap_or_default().to_owned();
    Some(Item { id, customer: customer.to_owned(), servicer, sent, what })
}

fn short(value: &Value) -> Option<&str> {
    value.as_str().filter(|id| (1..=MAX_ID).contains(&id.len()))
}

fn happened(event: &Value) -> What {
    let word = |key: &str| event[key].as_str().unwrap_or_default().chars().take(MAX_ID).collect::<String>();
    let code = |key: &str| event[key].as_str().filter(|code| (1..=256).contains(&code.len())).map(str::to_owned);
    match event["event_type"].as_str() {
        Some("enter_session") => code("welcome_code").map_or(What::Nothing, What::Entered),
        Some("msg_send_fail") => What::NotArrived(word("fail_msgid"), event["fail_type"].as_i64().unwrap_or_default()),
        Some("servicer_status_change") => What::Receives(word("servicer_userid"), event["status"] == 1),
        Some("session_status_change") => match event["change_type"].as_i64() {
            Some(1 | 2 | 4) => What::Taken(word("new_servicer_userid"), code("msg_code")),
            Some(3) => What::Ended(word("old_servicer_userid"), code("msg_code")),
            _ => What::Nothing,
        },
        _ => What::Nothing,
    }
}

fn said(channel: &str, open_kfid: &str, customer: &str, id: &str, origin: i64, kind: &str, item: &Value) -> Arrival {
    let body = &item[kind];
    let word = |key: &str| body[key].as_str().unwrap_or_default();
    let media = || body["media_id"].as_str().map(|id| format!("wecom:media/{id}"));
    let (carries, text, url) = match kind {
        "text" => (Kind::Text, word("content"), None),
        "image" => (Kind::Image, "", media()),
        "location" => {
            let place = body["latitude"].as_f64().zip(body["longitude"].as_f64());
            (Kind::File, word("name"), place.map(|(x, y)| format!("geo:{x},{y}")))
        }
        "link" => (Kind::File, word("title"), Some(word("url").to_owned()).filter(|url| is_web(url))),
        // Voice, video, a file, or something newer that a person can look at.
        _ => (Kind::File, "", media()),
    };
    let pressed = body["menu_id"].as_str().filter(|id| (1..=MAX_ID).contains(&id.len()));
    let (role, gesture) = match (origin, pressed) {
        (SERVICER, _) => (Role::Human, Gesture::Automatic),
        (_, Some(option)) => (Role::Visitor, Gesture::Select(option.to_owned())),
        (_, None) => (Role::Visitor, Gesture::Write),
    };
    Arrival {
        channel: channel.to_owned(),
        account: open_kfid.to_owned(),
        thread: thread(open_kfid, customer),
        customer: Customer { id: customer.to_owned(), tier: None, name: None, attributes: Map::new() },
        id: id.to_owned(),
        kind: carries,
        text: text.to_owned(),
        url: url.filter(|url| url.len() <= 2_048),
        locale: None,
        gesture,
        role,
        origin: None,
        reply_with: Value::Null,
    }
}

fn is_web(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn one(item: &Value) -> Item {
        read("kf", "wk1", item).unwrap()
    }

    fn arrival(mut item: Value) -> Arrival {
        item["msgid"] = json!("m1");
        item["external_userid"] = json!("wm1");
        match one(&item).what {
            What::Said(arrival) => *arrival,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_kind_of_message_reaches_people_as_what_it_is() {
        let customer = |kind: &str, body: Value| arrival(json!({"origin": 3, "msgtype": kind, kind: body}));
        let text = customer("text", json!({"content": "你好"}));
        assert_eq!((text.kind, text.text.as_str(), text.role), (Kind::Text, "你好", Role::Visitor));
        assert_eq!((text.thread.as_str(), text.account.as_str()), ("wk1/wm1", "wk1"));
        let click = customer("text", json!({"content": "满意", "menu_id": "survey.4"}));
        assert_eq!(click.gesture, Gesture::Select("survey.4".to_owned()));
        for (kind, body, carries, url) in [
            ("image", json!({"media_id": "M"}), Kind::Image, Some("wecom:media/M")),
            ("voice", json!({"media_id": "M"}), Kind::File, Some("wecom:media/M")),
            ("video", json!({"media_id": "M"}), Kind::File, Some("wecom:media/M")),
            ("file", json!({"media_id": "M"}), Kind::File, Some("wecom:media/M")),
            (
                "location",
                json!({"latitude": 23.1, "longitude": 113.3, "name": "x"}),
                Kind::File,
                Some("geo:23.1,113.3"),
            ),
            ("link", json!({"title": "x", "url": "https://a.example/"}), Kind::File, Some("https://a.example/")),
            ("link", json!({"title": "x", "url": "javascript:1"}), Kind::File, None),
            ("miniprogram", json!({"title": "x"}), Kind::File, None),
            ("something_new", json!(null), Kind::File, None),
        ] {
            let heard = customer(kind, body);
            assert_eq!((heard.kind, heard.url.as_deref()), (carries, url), "{kind}");
        }
        let theirs =
            arrival(json!({"origin": 5, "msgtype": "text", "text": {"content": "我来"}, "servicer_userid": "li"}));
        assert_eq!((theirs.role, theirs.gesture), (Role::Human, Gesture::Automatic));
    }

    #[test]
    fn what_is_odd_is_nothing_and_never_a_crash() {
        assert!(read("kf", "wk1", &json!({"origin": 3})).is_none());
        assert!(read("kf", "wk1", &json!({"msgid": "x".repeat(129), "origin": 3})).is_none());
        assert!(read("kf", "wk1", &json!(["msgid"])).is_none());
        for item in [
            json!({"msgid": "m", "origin": 3, "msgtype": "text", "text": {"content": "who?"}}),
            json!({"msgid": "m", "origin": 4, "external_userid": "wm1", "msgtype": "text", "text": {"content": "x"}}),
            json!({"msgid": "m", "external_userid": "wm1", "msgtype": "text"}),
            json!({"msgid": "m", "external_userid": "wm1", "msgtype": "text", "origin": 3, "open_kfid": "wk2"}),
            json!({"msgid": "m", "origin": 3, "external_userid": "wm1"}),
            json!({"msgid": "m", "origin": 4, "msgtype": "event"}),
            json!({"msgid": "m", "origin": 4, "msgtype": "event", "event": {"event_type": "enter_session", "external_userid": "wm1"}}),
            json!({"msgid": "m", "origin": 4, "msgtype": "event", "event": {"event_type": "msg_send_fail", "fail_msgid": "x"}}),
            json!({"msgid": "m", "origin": 4, "msgtype": "event", "event": {"event_type": "session_status_change", "change_type": 9, "external_userid": "wm1"}}),
        ] {
            assert!(matches!(one(&item).what, What::Nothing), "{item}");
        }
    }
}
