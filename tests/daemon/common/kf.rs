//! The platform's side of customer service of WeCom, written from its documentation: messages to pull, messages to take, who has a
//! conversation. It misbehaves when told to.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::wait_for;

/// How one call is answered.
#[derive(Clone, Debug)]
pub enum Mood {
    /// The token is called expired, and is.
    Expired,
    /// HTTP 200 with this errcode.
    Code(i64),
    /// Breaks off in the middle of the JSON.
    Truncated,
    /// Answers after so long; what was asked is done.
    Slow(Duration),
    /// A page with nothing on it, though there is more.
    EmptyPage,
    /// The items of the page in the opposite order.
    Reversed,
    /// The same page as before once more.
    Repeated,
}

/// A conversation as the platform sees it.
#[derive(Debug, Default)]
struct Session {
    state: i64,
    servicer: String,
    /// Messages that may still be sent.
    left: u32,
}

#[derive(Debug, Default)]
struct Inner {
    page: usize,
    tokens: usize,
    items: Vec<Value>,
    moods: BTreeMap<String, VecDeque<Mood>>,
    calls: Vec<(String, Value)>,
    sessions: BTreeMap<String, Session>,
    /// By code: whose it is, in which state it is good, whether it was used.
    codes: BTreeMap<String, (String, Option<i64>, bool)>,
    sent: Vec<Value>,
    receiving: Vec<String>,
}

/// A running platform.
#[derive(Clone, Debug)]
pub struct Kf {
    address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
}

impl Kf {
    /// Starts one with the accounts `wkA` and `wkB`.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Mutex::new(Inner { page: 1_000, tokens: 1, ..Inner::default() }));
        let (for_token, for_call) = (Arc::clone(&inner), Arc::clone(&inner));
        let router = Router::new()
            .route(
                "/cgi-bin/gettoken",
                get(move |Query(query): Query<BTreeMap<String, String>>| {
                    let inner = Arc::clone(&for_token);
                    async move { token(&inner.lock().unwrap(), &query) }
                }),
            )
            .route(
                "/cgi-bin/kf/{*what}",
                post(move |Path(what): Path<String>, Query(query): Query<BTreeMap<String, String>>, body: Bytes| {
                    let inner = Arc::clone(&for_call);
                    async move { called(&inner, what, &query, &body).await }
                }),
            );
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, inner }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn inner<T>(&self, with: impl FnOnce(&mut Inner) -> T) -> T {
        with(&mut self.inner.lock().unwrap())
    }

    /// How many messages are on a page.
    pub fn page(&self, size: usize) {
        self.inner(|inner| inner.page = size);
    }

    /// How the next calls of this kind are answered; after them all is well.
    pub fn moods(&self, what: &str, moods: &[Mood]) {
        self.inner(|inner| inner.moods.entry(what.to_owned()).or_default().extend(moods.iter().cloned()));
    }

    /// Who of the company receives customers.
    pub fn receiving(&self, who: &[&str]) {
        self.inner(|inner| inner.receiving = who.iter().map(|who| (*who).to_owned()).collect());
    }

    /// Puts an item behind all others.
    pub fn push(&self, item: Value) {
        self.inner(|inner| inner.items.push(item));
    }

    /// A customer writes: whatever was ended begins anew, and five messages may be sent.
    pub fn writes(&self, customer: &str, id: &str, seconds: i64, body: &Value) {
        self.inner(|inner| {
            let session = inner.sessions.entry(customer.to_owned()).or_default();
            if session.state == 4 {
                session.state = 0;
            }
            session.left = 5;
            let mut item = json!({
                "msgid": id, "open_kfid": "wkA", "external_userid": customer, "send_time": seconds, "origin": 3, "msgtype": "text",
            });
            item["text"] = body.clone();
            inner.items.push(item);
        });
    }

    /// An event, as the system pushes it.
    pub fn event(&self, id: &str, seconds: i64, event: Value) {
        let mut item = json!({"msgid": id, "send_time": seconds, "origin": 4, "msgtype": "event"});
        item["event"] = event;
        item["event"]["open_kfid"] = json!("wkA");
        self.push(item);
    }

    /// Somebody of the company has the conversation now, ended it, or nobody has it; a code comes with that.
    pub fn state(&self, customer: &str, state: i64, servicer: &str, code: &str) {
        self.inner(|inner| {
            let session = inner.sessions.entry(customer.to_owned()).or_default();
            (session.state, session.servicer) = (state, servicer.to_owned());
            inner.codes.insert(code.to_owned(), (customer.to_owned(), Some(state), false));
        });
    }

    /// A code by which a customer may be welcomed.
    pub fn welcome(&self, customer: &str, code: &str) {
        self.inner(|inner| inner.codes.insert(code.to_owned(), (customer.to_owned(), None, false)));
    }

    /// Who has a conversation.
    pub fn state_of(&self, customer: &str) -> (i64, String) {
        self.inner(|inner| inner.sessions.get(customer).map_or((0, String::new()), |s| (s.state, s.servicer.clone())))
    }

    /// The bodies of all calls of a kind.
    pub fn calls(&self, what: &str) -> Vec<Value> {
        self.inner(|inner| inner.calls.iter().filter(|(kind, _)| kind == what).map(|(_, body)| body.clone()).collect())
    }

    /// All messages that were taken.
    pub fn sent(&self) -> Vec<Value> {
        self.inner(|inner| inner.sent.clone())
    }

    /// The words of all messages that were taken.
    pub fn texts(&self) -> Vec<String> {
        let text = |value: &Value| {
            let own = value["text"]["content"].as_str().or(value["msgmenu"]["head_content"].as_str());
            own.unwrap_or_else(|| panic!("{value} has no words")).to_owned()
        };
        self.sent().iter().map(text).collect()
    }

    /// Waits until so many were taken.
    pub async fn wait(&self, count: usize) -> Vec<String> {
        wait_for(&format!("{count} messages"), || async { Some(self.texts()).filter(|texts| texts.len() >= count) })
            .await
    }

    /// Waits until so many calls of a kind were made.
    pub async fn wait_calls(&self, what: &str, count: usize) -> Vec<Value> {
        wait_for(&format!("{count} calls of {what}"), || async {
            Some(self.calls(what)).filter(|calls| calls.len() >= count)
        })
        .await
    }
}

fn answer(value: &Value) -> Response {
    axum::Json(value).into_response()
}

fn error(code: i64) -> Response {
    answer(&json!({"errcode": code, "errmsg": "as the documentation says"}))
}

fn token(inner: &Inner, query: &BTreeMap<String, String>) -> Response {
    if query.get("corpid").map(String::as_str) != Some("wx5823bf96d3bd56c7")
        || query.get("corpsecret").map(String::as_str) != Some("kf secret&=")
    {
        return error(40001);
    }
    answer(
        &json!({"errcode": 0, "errmsg": "ok", "access_token": format!("token-{}", inner.tokens), "expires_in": 7200}),
    )
}

async fn called(inner: &Mutex<Inner>, what: String, query: &BTreeMap<String, String>, body: &Bytes) -> Response {
    let asked: Value = serde_json::from_slice(body).unwrap();
    let (found, slow) = {
        let mut inner = inner.lock().unwrap();
        inner.calls.push((what.clone(), asked.clone()));
        let other = what == "sync_msg" && asked["open_kfid"] != "wkA";
        let mood = inner.moods.get_mut(&what).filter(|_| !other).and_then(VecDeque::pop_front);
        if matches!(mood, Some(Mood::Expired)) {
            inner.tokens += 1;
        }
        if query.get("access_token") != Some(&format!("token-{}", inner.tokens)) {
            return error(42001);
        }
        match &mood {
            Some(Mood::Code(code)) => return error(*code),
            Some(Mood::Truncated) => return (StatusCode::OK, Body::from("{\"errcode\":0,\"msg_li")).into_response(),
            _ => {}
        }
        let found = match what.as_str() {
            "sync_msg" => sync(&mut inner, &asked, mood.as_ref()),
            "send_msg" => send(&mut inner, &asked),
            "send_msg_on_event" => on_event(&mut inner, &asked),
            "service_state/get" => present(&inner, &asked),
            "service_state/trans" => trans(&mut inner, &asked),
            "account/list" => answer(&json!({"errcode": 0, "errmsg": "ok", "account_list": [
                {"open_kfid": "wkA", "name": "咨询", "avatar": ""}, {"open_kfid": "wkB", "name": "售后", "avatar": ""},
            ]})),
            _ => (StatusCode::NOT_FOUND, "").into_response(),
        };
        let slow = if let Some(Mood::Slow(time)) = mood { time } else { Duration::ZERO };
        (found, slow)
    };
    tokio::time::sleep(slow).await;
    found
}

fn sync(inner: &mut Inner, asked: &Value, mood: Option<&Mood>) -> Response {
    assert!(asked["limit"].as_u64().unwrap() <= 1_000, "{asked}");
    let cursor = asked["cursor"].as_str().unwrap_or("c0");
    assert!(cursor.len() <= 64);
    let at: usize = cursor.trim_start_matches('c').trim_end_matches('e').parse().unwrap();
    let of =
        |item: &&Value| item["open_kfid"] == asked["open_kfid"] || item["event"]["open_kfid"] == asked["open_kfid"];
    let all: Vec<&Value> = inner.items.iter().filter(of).collect();
    let end = all.len().min(at + inner.page);
    let mut list = all[at..end].to_vec();
    let mut next = format!("c{end}");
    match mood {
        Some(Mood::EmptyPage) => {
            list.clear();
            next = format!("c{at}e");
        }
        Some(Mood::Reversed) => list.reverse(),
        Some(Mood::Repeated) => {
            let doubled: Vec<&Value> = list.iter().flat_map(|item| [*item, *item]).collect();
            list = all[..at].iter().copied().chain(doubled).collect();
        }
        _ => {}
    }
    let more = i32::from(end < all.len() || matches!(mood, Some(Mood::EmptyPage)));
    answer(&json!({"errcode": 0, "errmsg": "ok", "next_cursor": next, "has_more": more, "msg_list": list}))
}

/// The form of a message, as far as the documentation bounds it.
fn check_form(asked: &Value) {
    let id = asked["msgid"].as_str().unwrap();
    assert!(id.len() <= 32 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'), "{id}");
    match asked["msgtype"].as_str().unwrap() {
        "text" => assert!((1..=2_048).contains(&asked["text"]["content"].as_str().unwrap().len()), "{asked}"),
        "msgmenu" => {
            assert!(asked["msgmenu"]["head_content"].as_str().unwrap().len() <= 1_024, "{asked}");
            let list = asked["msgmenu"]["list"].as_array().unwrap();
            assert!((1..=10).contains(&list.len()), "{asked}");
            for item in list {
                assert_eq!(item["type"], "click");
                assert!(item["click"]["id"].as_str().unwrap().len() <= 64, "{asked}");
                assert!((1..=128).contains(&item["click"]["content"].as_str().unwrap().len()), "{asked}");
            }
        }
        other => panic!("{other} is not known"),
    }
}

fn send(inner: &mut Inner, asked: &Value) -> Response {
    check_form(asked);
    assert_eq!(asked["open_kfid"], "wkA");
    if inner.sent.iter().any(|sent| sent["msgid"] == asked["msgid"]) {
        return error(95_099);
    }
    let session = inner.sessions.entry(asked["touser"].as_str().unwrap().to_owned()).or_default();
    if !matches!(session.state, 0 | 1) {
        return error(95_018);
    }
    if session.left == 0 {
        return error(95_001);
    }
    session.left -= 1;
    inner.sent.push(asked.clone());
    answer(&json!({"errcode": 0, "errmsg": "ok", "msgid": asked["msgid"]}))
}

fn on_event(inner: &mut Inner, asked: &Value) -> Response {
    check_form(asked);
    let Some((customer, state, used)) = inner.codes.get_mut(asked["code"].as_str().unwrap()) else {
        return error(95_098);
    };
    let now = inner.sessions.get(customer).map_or(0, |session| session.state);
    let menu_ok = matches!(state, None | Some(4));
    if *used || state.is_some_and(|state| state != now) || (asked["msgtype"] == "msgmenu" && !menu_ok) {
        return error(95_097);
    }
    *used = true;
    inner.sent.push(asked.clone());
    answer(&json!({"errcode": 0, "errmsg": "ok", "msgid": asked["msgid"]}))
}

fn present(inner: &Inner, asked: &Value) -> Response {
    let session = inner.sessions.get(asked["external_userid"].as_str().unwrap());
    let (state, servicer) = session.map_or((0, ""), |session| (session.state, session.servicer.as_str()));
    answer(&json!({"errcode": 0, "errmsg": "ok", "service_state": state, "servicer_userid": servicer}))
}

fn trans(inner: &mut Inner, asked: &Value) -> Response {
    let customer = asked["external_userid"].as_str().unwrap().to_owned();
    let wanted = asked["service_state"].as_i64().unwrap();
    let servicer = asked["servicer_userid"].as_str().unwrap_or_default().to_owned();
    if wanted == 3 && !inner.receiving.contains(&servicer) {
        return error(95_014);
    }
    let session = inner.sessions.entry(customer.clone()).or_default();
    let allowed = matches!((session.state, wanted), (0, 1..=4) | (1, 2..=4) | (2, 3) | (3, 3 | 4));
    if !allowed {
        return error(if session.state == 4 { 95_013 } else { 95_016 });
    }
    (session.state, session.servicer) = (wanted, servicer);
    let mut said = json!({"errcode": 0, "errmsg": "ok"});
    if wanted >= 2 {
        let code = format!("code-{}", inner.codes.len());
        inner.codes.insert(code.clone(), (customer, Some(wanted), false));
        said["msg_code"] = json!(code);
    }
    answer(&said)
}
