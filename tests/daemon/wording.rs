//! Words that agents must not say: told, held back or refused before they are sent, and counted for each agent.

use nightdesk::store::sqlite::SqliteStore;
use nightdesk::store::{DecisionFilter, Store};
use serde_json::{Value, json};

use crate::common::api::{agent, http, post, transcript};
use crate::common::client::Client;
use crate::common::daemon::{Daemon, instant};
use crate::common::receiver::Receiver;
use crate::common::shop::Shop;
use crate::common::str_at;

const WEDNESDAY: &str = "2026-10-14T10:00:00+08:00";
const WORDING: &str = "wording:
  - id: wording.absolute
    phrase: [绝对, absolutely certain]
    none: [[不, 绝对]]
    why: {zh: 话不能说满。, en: Nothing is certain.}
    instead: {zh: 通常, en: fairly sure}
  - {id: wording.no-way, phrase: [没办法], why: 不能让顾客没路走。, instead: 我来想办法}
";

struct Scene {
    shop: Shop,
    _receiver: Receiver,
    daemon: Daemon,
    client: Client,
}

impl Scene {
    /// A customer who waits for a person, in a shop with these settings.
    async fn of(settings: &str) -> Self {
        let receiver = Receiver::start().await;
        let shop = Shop::small_with(&receiver, settings);
        shop.write("rules/wording.yaml", WORDING);
        let daemon = Daemon::start(&shop, WEDNESDAY).await;
        let mut client = Client::new(daemon.address(), "zh-CN").await;
        client.say("转人工").await;
        Self { shop, _receiver: receiver, daemon, client }
    }

    async fn reply(&self, body: Value) -> (u16, Value) {
        let answered = agent(self.daemon.address(), self.client.conversation(), "messages", body).await;
        (answered.status, answered.json)
    }

    /// The same by somebody with a token.
    async fn reply_as(&self, token: &str, body: Value) -> (u16, Value) {
        let path = format!("http://{}/v1/conversations/{}/messages", self.daemon.address(), self.client.conversation());
        let answered = post(&path, body.to_string(), &[("authorization", &format!("Bearer {token}"))]).await;
        (answered.status, answered.json)
    }

    /// What people said, as the customer heard it since the last look.
    async fn heard(&mut self) -> Vec<String> {
        self.client.quiet().await.texts().into_iter().map(str::to_owned).collect()
    }

    /// What was counted: agent, wording, whether it was sent.
    async fn counted(&self) -> Vec<(String, String, bool)> {
        counted(&self.shop, self.client.conversation()).await
    }

    async fn metrics(&self) -> String {
        let metrics = http().get(format!("http://{}/metrics", self.daemon.address())).send().await.unwrap();
        metrics.text().await.unwrap()
    }
}

async fn counted(shop: &Shop, conversation: &str) -> Vec<(String, String, bool)> {
    let store = SqliteStore::open_beside(&shop.data()).unwrap();
    let (from, until) = (instant(WEDNESDAY), instant("2026-10-14T10:00:01+08:00"));
    let rows = store.wordings(DecisionFilter { from, until, after: 0, limit: 100 }).await.unwrap();
    let row = |(number, row): (usize, (i64, nightdesk::store::WordingRow))| {
        assert_eq!((row.0, row.1.conversation.as_str()), (i64::try_from(number).unwrap() + 1, conversation));
        (row.1.agent, row.1.wording, row.1.sent)
    };
    rows.into_iter().enumerate().map(row).collect()
}

fn of(agent: &str, wording: &str, sent: bool) -> (String, String, bool) {
    (agent.to_owned(), wording.to_owned(), sent)
}

#[tokio::test]
async fn a_message_is_held_back_until_it_is_sent_anyway() {
    let mut scene = Scene::of("").await;
    let said = json!({"text": "您好，絕對沒問題，這個我們沒辦法", "id": "r-1"});
    let (status, problem) = scene.reply(said.clone()).await;
    assert_eq!((status, str_at(&problem, "/code")), (422, "wording"));
    assert_eq!(
        (str_at(&problem, "/type"), &problem["status"], &problem["anyway"]),
        ("about:blank", &json!(422), &json!(true))
    );
    assert_eq!(str_at(&problem, "/title"), "The message holds words that must not be said");
    assert!(str_at(&problem, "/detail").contains("\"anyway\": true"), "{problem:#}");
    let wording = json!([
        {"id": "wording.absolute", "phrase": "絕對", "at": 3, "why": "話不能說滿。", "instead": "通常"},
        {"id": "wording.no-way", "phrase": "沒辦法", "at": 13, "why": "不能讓顧客沒路走。", "instead": "我來想辦法"},
    ]);
    assert_eq!(problem["wording"], wording);
    // Nothing has happened: the customer still waits, and the words are nowhere.
    assert!(scene.heard().await.is_empty());
    let events = transcript(scene.daemon.address(), scene.client.conversation()).await;
    assert!(!json!(events).to_string().contains("絕對"), "{events:#?}");
    assert_eq!(events.last().unwrap()["data"]["state"], "queued");
    let both = |sent| [of("local", "wording.absolute", sent), of("local", "wording.no-way", sent)];
    assert_eq!(scene.counted().await, both(false));

    let mut anyway = said.clone();
    anyway["anyway"] = json!(true);
    let (status, sent) = scene.reply(anyway.clone()).await;
    assert_eq!((status, &sent["state"], &sent["wording"]), (200, &json!("human"), &wording));
    // Sent again out of doubt it is neither said nor counted twice.
    assert_eq!(scene.reply(anyway).await.0, 200);
    assert_eq!(scene.heard().await, [str_at(&said, "/text")]);
    assert_eq!(scene.counted().await, [both(false), both(true)].concat());
    let metrics = scene.metrics().await;
    for sent in [true, false] {
        let line = format!("nightdesk_wording_total{{wording=\"wording.absolute\",sent=\"{sent}\"}} 1\n");
        assert!(metrics.contains(&line), "{metrics}");
    }
}

#[tokio::test]
async fn what_is_fine_is_sent_and_not_counted() {
    let mut scene = Scene::of("").await;
    for (text, id) in [("这个不能说绝对", "r-1"), ("We are fairly sure.", "r-2")] {
        let (status, sent) = scene.reply(json!({"text": text, "id": id})).await;
        assert_eq!((status, sent.get("wording")), (200, None));
    }
    // The id of what was held back is free for the better words.
    assert_eq!(scene.reply(json!({"text": "I am absolutely certain.", "id": "r-3"})).await.0, 422);
    assert_eq!(scene.reply(json!({"text": "I am fairly sure.", "id": "r-3"})).await.0, 200);
    assert_eq!(scene.heard().await, ["这个不能说绝对", "We are fairly sure.", "I am fairly sure."]);
    assert_eq!(scene.counted().await, [of("local", "wording.absolute", false)]);
}

#[tokio::test]
async fn to_note_sends_and_tells_the_agent() {
    let mut scene = Scene::of("wording: {agents: note}").await;
    let (status, sent) = scene.reply(json!({"text": "绝对没问题"})).await;
    assert_eq!((status, str_at(&sent, "/wording/0/instead")), (200, "通常"));
    assert_eq!(scene.heard().await, ["绝对没问题"]);
    assert_eq!(scene.counted().await, [of("local", "wording.absolute", true)]);
}

#[tokio::test]
async fn to_refuse_never_sends_and_a_reload_changes_it() {
    let mut scene = Scene::of("wording: {agents: refuse}").await;
    for body in [json!({"text": "绝对没问题"}), json!({"text": "绝对没问题", "anyway": true})] {
        let (status, problem) = scene.reply(body).await;
        assert_eq!((status, &problem["anyway"]), (422, &json!(false)));
        assert!(!str_at(&problem, "/detail").contains("anyway"), "{problem:#}");
    }
    assert!(scene.heard().await.is_empty());
    let held = of("local", "wording.absolute", false);
    assert_eq!(scene.counted().await, [held.clone(), held.clone()]);
    let settings = std::fs::read_to_string(scene.shop.dir().join("nightdesk.yaml")).unwrap();
    scene.shop.write("nightdesk.yaml", &settings.replace("agents: refuse", "agents: warn"));
    assert_eq!(post(&format!("http://{}/-/reload", scene.daemon.address()), "", &[]).await.status, 200);
    assert_eq!(scene.reply(json!({"text": "绝对没问题", "anyway": true})).await.0, 200);
    assert_eq!(scene.heard().await, ["绝对没问题"]);
}

#[tokio::test]
async fn each_agent_is_counted_apart_and_the_count_outlives_the_daemon() {
    let scene = Scene::of("access: {agents: {lin: token-of-lin, mei: token-of-mei}}").await;
    let text = json!({"text": "绝对没问题"});
    assert_eq!(scene.reply_as("token-of-lin", text.clone()).await.0, 422);
    assert_eq!(scene.reply_as("token-of-mei", json!({"text": "没办法", "anyway": true})).await.0, 200);
    // A colleague has it: that is what is said, and nothing is counted.
    let (status, problem) = scene.reply_as("token-of-lin", text.clone()).await;
    assert_eq!((status, str_at(&problem, "/code")), (409, "conflict"));
    // Nor are strangers.
    assert_eq!(scene.reply_as("token-of-nobody", text).await.0, 401);
    let Scene { shop, daemon, client, .. } = scene;
    daemon.stop().await;
    let expected = [of("lin", "wording.absolute", false), of("mei", "wording.no-way", true)];
    assert_eq!(counted(&shop, client.conversation()).await, expected);
    // For people with a shell.
    let db = rusqlite::Connection::open(shop.data().join("nightdesk.db")).unwrap();
    let mut query = db.prepare("SELECT agent, wording, sent, held_back FROM v_wordings").unwrap();
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap();
    let rows: Vec<(String, String, i64, i64)> = rows.map(Result::unwrap).collect();
    let row = |agent: &str, wording: &str, sent, held| (agent.to_owned(), wording.to_owned(), sent, held);
    assert_eq!(rows, [row("lin", "wording.absolute", 0, 1), row("mei", "wording.no-way", 1, 0)]);
}
