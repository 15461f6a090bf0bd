//! How one text is said: in the form that the platform takes, under a name of its own.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use reqwest::Client;
use serde_json::{Value, json};

use crate::handoff::Answer;

use super::super::parts::Length;
use super::super::platform::{Api, Buttons, Choice, Said, refused};
use super::api::{Account, Trouble, WRONG_STATE};

/// What a text may have.
pub(super) const TEXT: Length = Length::Bytes(2_048);
/// What may stand above the buttons.
pub(super) const HEAD: Length = Length::Bytes(1_024);
/// Longest id of a button, in bytes.
const MENU_ID: usize = 64;

/// Sends one text.
#[derive(Debug)]
pub(super) struct Sender {
    account: Arc<Account>,
    open_kfid: Vec<String>,
    budget: u32,
    /// Conversations in which the platform did not let us write just now.
    barred: Mutex<HashSet<String>>,
}

impl Sender {
    pub(super) fn new(account: Arc<Account>, open_kfid: Vec<String>, budget: u32) -> Self {
        Self { account, open_kfid, budget, barred: Mutex::default() }
    }
}

impl Api for Sender {
    fn length(&self) -> Length {
        TEXT
    }

    fn buttons(&self) -> Option<Buttons> {
        Some(Buttons { most: 10, label: Length::Bytes(128), id: MENU_ID, head: Some(HEAD) })
    }

    fn budget(&self) -> Option<u32> {
        Some(self.budget)
    }

    fn who<'a>(&'a self, client: &'a Client, now: Timestamp) -> BoxFuture<'a, Result<String, Answer>> {
        Box::pin(async move {
            let accounts = self.account.accounts(client, now).await.map_err(Trouble::into_answer)?;
            let missing = self.open_kfid.iter().filter(|id| !accounts.iter().any(|(known, _)| known == *id));
            let missing: Vec<&str> = missing.map(String::as_str).collect();
            let list: Vec<String> = accounts.iter().map(|(id, name)| format!("{id} {name}")).collect();
            let list = if list.is_empty() { "no account".to_owned() } else { list.join(", ") };
            if missing.is_empty() {
                return Ok(list);
            }
            Err(refused(format!(
                "corp_id and secret are good, but the app may not use {}; it may use {list}. Choose the account under \
                 微信客服 → 可调用接口的应用, or correct open_kfid",
                missing.join(", ")
            )))
        })
    }

    fn say<'a>(&'a self, client: &'a Client, said: &'a Said<'a>) -> BoxFuture<'a, Result<(), Answer>> {
        Box::pin(async move {
            let (open_kfid, customer) = said.thread.split_once('/').unwrap_or(("", said.customer));
            let mut body = words(said.text, said.choices);
            body["touser"] = json!(customer);
            body["open_kfid"] = json!(open_kfid);
            body["msgid"] = json!(msgid(&said.id));
            match self.account.call(client, "send_msg", &body, said.now).await {
                Ok(_) => Ok(()),
                Err(trouble) => {
                    let barred = matches!(trouble, Trouble::Code(WRONG_STATE, _));
                    let answer = trouble.into_answer();
                    if barred {
                        let mut conversations = self.barred.lock().unwrap_or_else(PoisonError::into_inner);
                        conversations.insert(said.thread.to_owned());
                    }
                    Err(answer)
                }
            }
        })
    }
}

impl Sender {
    /// Whether the platform did not let us write in a conversation just now; asked once.
    pub(super) fn was_barred(&self, thread: &str) -> bool {
        self.barred.lock().unwrap_or_else(PoisonError::into_inner).remove(thread)
    }
}

/// A text, with buttons where the platform takes them.
pub(super) fn words(text: &str, choices: &[Choice]) -> Value {
    if choices.is_empty() {
        return json!({"msgtype": "text", "text": {"content": text}});
    }
    if !HEAD.holds(text) || choices.iter().any(|choice| choice.id.len() > MENU_ID) {
        let lines: Vec<String> =
            (1..).zip(choices).map(|(at, choice): (u32, _)| format!("{at}. {}", choice.label)).collect();
        let list = lines.join("\n");
        let head = Length::Bytes(2_047_usize.saturating_sub(list.len())).first(text);
        return json!({"msgtype": "text", "text": {"content": format!("{head}\n{list}")}});
    }
    let click = |choice: &Choice| json!({"type": "click", "click": {"id": choice.id, "content": choice.label}});
    let list: Vec<Value> = choices.iter().map(click).collect();
    json!({"msgtype": "msgmenu", "msgmenu": {"head_content": text, "list": list}})
}

/// Our name of a text in the 32 bytes that the platform has for it: 32 hexadecimal digits are 22 letters there, the rest stays.
pub(super) fn msgid(id: &str) -> String {
    let packed = id.get(..32).and_then(|hex| u128::from_str_radix(hex, 16).ok()).zip(id.get(32..));
    match packed {
        Some((number, part)) => format!("{}{part}", URL_SAFE_NO_PAD.encode(number.to_be_bytes())),
        None => id.chars().filter(char::is_ascii_alphanumeric).take(32).collect(),
    }
}

/// The delivery that a text belonged to.
pub(super) fn delivery_of(msgid: &str) -> Option<String> {
    let bytes: [u8; 16] = URL_SAFE_NO_PAD.decode(msgid.get(..22)?).ok()?.try_into().ok()?;
    Some(format!("evt_{:032x}", u128::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_texts_fit_and_lead_back_to_their_delivery() {
        let delivery = "evt_0193a1b2c3d4e5f60718293a4b5c6d7e";
        for part in ["0", "f", "1a"] {
            let id = msgid(&format!("{}{part}", delivery.trim_start_matches("evt_")));
            assert!(id.len() <= 32 && id.ends_with(part), "{id}");
            assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'), "{id}");
            assert_eq!(delivery_of(&id).as_deref(), Some(delivery));
        }
        for odd in ["", "short", "不是不是不是不是不是不是不是不是", "======================"] {
            assert_eq!(delivery_of(odd), None, "{odd}");
        }
        assert!(msgid("not hexadecimal at all, and longer than thirty-two").len() <= 32);
    }

    #[test]
    fn options_are_buttons_where_the_platform_takes_them_and_a_list_where_not() {
        let choice = |id: &str| Choice { id: id.to_owned(), label: "退款".to_owned() };
        let menu = words("选一个", &[choice("a")]);
        assert_eq!(menu["msgmenu"]["list"][0]["click"], json!({"id": "a", "content": "退款"}));
        let long = "长".repeat(600);
        for (text, id) in [("选一个", "x".repeat(65)), (long.as_str(), "a".to_owned())] {
            let said = words(text, &[choice(&id), choice("b")]);
            let content = said["text"]["content"].as_str().unwrap();
            assert!(content.ends_with("\n1. 退款\n2. 退款") && content.len() <= 2_048, "{content}");
        }
    }
}
