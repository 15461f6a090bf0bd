//! What the agents' console lives on: events, the queue as it is worked off, suggested answers, deliveries, the shop's state.

use std::time::Duration;

use serde_json::{Value, json};

use crate::common::api::{agent, get, http, post, transcript};
use crate::common::client::Client;
use crate::common::daemon::Daemon;
use crate::common::receiver::Receiver;
use crate::common::shop::Shop;
use crate::common::{PATIENCE, str_at, wait_for};

const WEDNESDAY: &str = "2026-10-14T10:00:00+08:00";

/// A console's stream.
struct Console {
    response: reqwest::Response,
    text: String,
}

/// An event as it stands on the line.
#[derive(Clone, Debug, PartialEq)]
struct Event {
    name: String,
    id: String,
    data: Value,
}

impl Console {
    async fn open(daemon: &Daemon, headers: &[(&str, &str)]) -> Self {
        let mut request = http().get(format!("http://{}/v1/events", daemon.address()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new() }
    }

    /// The next event; none at the end of the stream. Keep-alive comments are none.
    async fn try_next(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let line = block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
                    line.map(|value| value.trim_start().to_owned())
                };
                let event = field("event").map(|name| Event {
                    name,
                    id: field("id").unwrap_or_default(),
                    data: serde_json::from_str(&field("data").unwrap_or_default()).unwrap(),
                });
                let rest = rest.to_owned();
                self.text = rest;
                if event.is_some() {
                    return event;
                }
                continue;
            }
            let chunk =
                tokio::time::timeout(PATIENCE, self.response.chunk()).await.expect("an event in time").ok()??;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    async fn next(&mut self) -> Event {
        self.try_next().await.expect("an event")
    }

    /// The events up to the first with this name, and that.
    async fn until(&mut self, name: &str) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            events.push(self.next().await);
            if events.last().is_some_and(|event| event.name == name) {
                return events;
            }
        }
    }
}

async fn open_shop() -> (Shop, Receiver, Daemon) {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    (shop, receiver, daemon)
}

fn url(daemon: &Daemon, path: &str) -> String {
    format!("http://{}{path}", daemon.address())
}

#[tokio::test]
async fn a_console_hears_who_has_a_conversation_and_that_something_was_said_but_never_what() {
    let (_shop, _receiver, daemon) = open_shop().await;
    let mut console = Console::open(&daemon, &[]).await;
    assert_eq!(console.next().await.name, "ready");
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    client.say("我叫王小明，转人工").await;
    let heard = console.until("queue").await;
    let id = client.conversation();
    let roles: Vec<&str> = heard[..heard.len() - 1].iter().map(|event| str_at(&event.data, "/role")).collect();
    assert_eq!(roles, ["visitor", "bot"]);
    assert!(heard[0].data["id"].as_str().unwrap().starts_with("msg_"), "{heard:?}");
    assert_eq!(
        heard.last().unwrap().data,
        json!({"conversation": id, "state": "queued", "queue": "general", "priority": "normal", "agent": null, "version": 1})
    );
    agent(daemon.address(), id, "take", json!({})).await;
    let taken = console.next().await;
    assert_eq!((taken.name.as_str(), &taken.data["state"]), ("queue", &json!("human")));
    assert_eq!((&taken.data["agent"], &taken.data["version"]), (&json!("local"), &json!(2)));
    let shown = get(&url(&daemon, &format!("/v1/conversations/{id}"))).await;
    assert_eq!(shown.json["version"], 2);
    assert!(!format!("{heard:?}{taken:?}").contains("王小明"));
}

#[tokio::test]
async fn who_comes_back_hears_what_was_missed_or_that_it_must_read_everything_again() {
    let (_shop, _receiver, daemon) = open_shop().await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    let seen = Console::open(&daemon, &[]).await.next().await.id;
    client.say("转人工").await;
    let mut back = Console::open(&daemon, &[("last-event-id", &seen)]).await;
    assert_eq!((back.next().await.name.as_str(), back.until("queue").await.len()), ("ready", 3));
    for strange in ["nonsense", "018f-4", &format!("{seen}9999")] {
        let first = Console::open(&daemon, &[("last-event-id", strange)]).await.next().await;
        assert_eq!(first.name, "resync", "{strange}");
    }
    // More news than are kept.
    for _ in 0..130 {
        let id = client.conversation();
        agent(daemon.address(), id, "take", json!({})).await;
        agent(daemon.address(), id, "return", json!({})).await;
    }
    let mut late = Console::open(&daemon, &[("last-event-id", &seen)]).await;
    let resync = late.next().await;
    assert_eq!(resync.name, "resync");
    // From its id on, nothing is missing.
    let mut after = Console::open(&daemon, &[("last-event-id", &resync.id)]).await;
    assert_eq!(after.next().await.name, "ready");
}

#[tokio::test]
async fn events_are_for_agents_only_and_end_with_their_token_and_with_the_daemon() {
    let receiver = Receiver::start().await;
    let access = |token: &str| format!("access: {{admin: an-admin-token, agents: {{lin: {token}}}}}");
    let shop = Shop::small_with(&receiver, &access("first-token"));
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    for path in ["/v1/events", "/v1/queue", "/v1/status", "/v1/deliveries", "/v1/search?text=x"] {
        let refused = get(&url(&daemon, path)).await;
        assert_eq!((refused.status, refused.json["code"].as_str()), (401, Some("unauthorized")), "{path}");
    }
    let mut console = Console::open(&daemon, &[("authorization", "Bearer first-token")]).await;
    let mut admin = Console::open(&daemon, &[("authorization", "Bearer an-admin-token")]).await;
    assert_eq!((console.next().await.name, admin.next().await.name), ("ready".into(), "ready".into()));
    let settings = std::fs::read_to_string(shop.dir().join("nightdesk.yaml")).unwrap();
    shop.write("nightdesk.yaml", &settings.replace("first-token", "second-token"));
    let reloaded = post(&url(&daemon, "/-/reload"), "", &[("authorization", "Bearer an-admin-token")]).await;
    assert_eq!(reloaded.status, 200);
    // The next thing that happens is not for the old token any more.
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    client.say("转人工").await;
    assert_eq!(console.try_next().await, None);
    let heard: Vec<String> = admin.until("queue").await.into_iter().map(|event| event.name).collect();
    // The reload is told, once more if the watch on the files was the first to see them.
    assert_eq!(heard[0], "files");
    assert_eq!(heard.iter().filter(|name| *name != "files").count(), 3, "{heard:?}");
    let began = std::time::Instant::now();
    daemon.stop().await;
    assert_eq!(admin.try_next().await, None);
    assert!(began.elapsed() < Duration::from_secs(20), "a console holds the stop up");
}

#[tokio::test]
async fn without_tokens_a_page_from_elsewhere_hears_nothing() {
    let (_shop, _receiver, daemon) = open_shop().await;
    for header in [("origin", "https://evil.example"), ("x-forwarded-for", "127.0.0.1"), ("host", "evil.example")] {
        let response = http().get(url(&daemon, "/v1/events")).header(header.0, header.1).send().await.unwrap();
        assert_eq!(response.status(), 403, "{header:?}");
    }
}

#[tokio::test]
async fn the_queue_is_worked_off_by_urgency_then_by_age() {
    let (_shop, _receiver, daemon) = open_shop().await;
    let mut clients = Vec::new();
    for (minute, text) in [(1, "转人工"), (2, "紫色大象在跳舞"), (3, "我的卡被盗刷")] {
        daemon.turn_to(&format!("2026-10-14T10:0{minute}:00+08:00"));
        let mut client = Client::new(daemon.address(), "zh-CN").await;
        client.say(text).await;
        clients.push(client);
    }
    let queue = get(&url(&daemon, "/v1/queue")).await.json;
    let last: Vec<&str> = queue["waiting"].as_array().unwrap().iter().map(|case| str_at(case, "/last/text")).collect();
    assert_eq!(last, ["我的卡被盗刷", "转人工", "紫色大象在跳舞"]);
    assert_eq!((&queue["total"], &queue["agent"]), (&json!(3), &json!("local")));
    assert_eq!(queue["waiting"][1]["deadline"], "2026-10-14T02:03:00Z");
    agent(daemon.address(), clients[0].conversation(), "take", json!({})).await;
    let queue = get(&url(&daemon, "/v1/queue")).await.json;
    assert_eq!((&queue["total"], &queue["taken"][0]["agent"]), (&json!(2), &json!("local")));
}

#[tokio::test]
async fn agents_see_what_was_decided_about_each_message_and_customers_do_not() {
    let (_shop, receiver, daemon) = open_shop().await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    client.say("怎么退货").await;
    client.say("转人工").await;
    let events = transcript(daemon.address(), client.conversation()).await;
    let decided: Vec<(&str, &str)> = events
        .iter()
        .filter(|event| event["data"]["role"] == "visitor")
        .map(|event| (str_at(event, "/data/decision/outcome"), str_at(event, "/data/decision/reason")))
        .collect();
    assert_eq!(decided, [("faq", "matched"), ("handoff", "asked")]);
    assert_eq!(events[0]["data"]["decision"]["candidates"][0]["rule"], "returns.window");
    // Neither in the history, nor in what is replayed, nor in the case that goes to another system.
    let history = client.turn(json!({"type": "history", "id": "h"})).await;
    assert!(history.only("history").to_string().contains("怎么退货"));
    assert!(!history.only("history").to_string().contains("decision"), "{history:?}");
    let mut again = Client::hello(daemon.address(), client.resume(0)).await;
    let replayed = again.quiet().await;
    assert!(!replayed.messages().is_empty() && !format!("{replayed:?}").contains("decision"), "{replayed:?}");
    let case = receiver.wait("/desk", 1).await[0].json();
    assert!(!case["data"]["transcript"].to_string().contains("decision"), "{case:#}");
}

#[tokio::test]
async fn a_person_is_offered_answers_in_the_customer_s_language() {
    let (_shop, _receiver, daemon) = open_shop().await;
    let found = get(&url(&daemon, "/v1/search?text=%E9%80%80%E8%B4%A7")).await.json;
    let entries = found["entries"].as_array().unwrap();
    assert!(!entries.is_empty() && entries.len() <= 5, "{found:#}");
    assert_eq!((str_at(&entries[0], "/rule"), str_at(&entries[0], "/answer")), ("returns.window", "七天内可以退货。"));
    assert_eq!((str_at(&entries[0], "/title"), str_at(&entries[0], "/language")), ("七天无理由退货", "zh"));
    // The agent types Chinese, the customer reads English.
    let mut client = Client::new(daemon.address(), "en-GB").await;
    client.say("how do I return an item").await;
    let path = format!("/v1/search?text=%E9%80%80%E8%B4%A7&conversation={}", client.conversation());
    let found = get(&url(&daemon, &path)).await.json;
    assert_eq!(str_at(&found, "/entries/0/answer"), "You can return it within seven days.");
    for (path, status) in [
        ("/v1/search".to_owned(), 400),
        (format!("/v1/search?text={}", "x".repeat(2_001)), 400),
        ("/v1/search?text=x&conversation=c_none".to_owned(), 404),
    ] {
        assert_eq!(get(&url(&daemon, &path)).await.status, status, "{path}");
    }
    let nothing = get(&url(&daemon, "/v1/search?text=")).await;
    assert_eq!((nothing.status, &nothing.json["entries"]), (200, &json!([])));
}

#[tokio::test]
async fn what_was_given_up_is_sent_again_or_dropped() {
    let receiver = Receiver::misbehaving(|_, before| (if before == 0 { 400 } else { 200 }, Duration::ZERO)).await;
    let shop = Shop::small(&receiver);
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        Client::new(daemon.address(), "zh-CN").await.say("转人工").await;
    }
    let dead = wait_for("two dead letters", || async {
        let dead = get(&url(&daemon, "/v1/deliveries")).await.json["deliveries"].as_array().unwrap().clone();
        (dead.len() == 2).then_some(dead)
    })
    .await;
    for line in &dead {
        assert_eq!(
            (&line["state"], &line["last_status"], str_at(line, "/type")),
            (&json!("dead"), &json!(400), "handoff.created")
        );
        ids.push(line["id"].as_i64().unwrap());
    }
    let retried = post(&url(&daemon, &format!("/v1/deliveries/{}/retry", ids[0])), "", &[]).await;
    assert_eq!(retried.status, 200);
    let dropped = post(&url(&daemon, &format!("/v1/deliveries/{}/drop", ids[1])), "", &[]).await;
    assert_eq!((dropped.status, &dropped.json["state"]), (200, &json!("dropped")));
    wait_for("the delivery that is sent again", || async {
        let done = get(&url(&daemon, "/v1/deliveries?state=delivered")).await.json;
        (done["deliveries"][0]["id"] == ids[0]).then_some(())
    })
    .await;
    assert_eq!(get(&url(&daemon, "/v1/deliveries")).await.json["deliveries"], json!([]));
    for (path, status) in
        [("/v1/deliveries/77/retry", 404), ("/v1/deliveries/x/drop", 404), ("/v1/deliveries/1/eat", 404)]
    {
        assert_eq!(post(&url(&daemon, path), "", &[]).await.status, status, "{path}");
    }
    assert_eq!(get(&url(&daemon, "/v1/deliveries?state=lost")).await.status, 400);
}

#[tokio::test]
async fn the_state_of_the_shop_tells_hours_files_and_what_is_wrong_with_them() {
    let (shop, _receiver, daemon) = open_shop().await;
    let queue = |status: &Value, name: &str| {
        status["queues"].as_array().unwrap().iter().find(|queue| queue["queue"] == name).unwrap().clone()
    };
    let status = get(&url(&daemon, "/v1/status")).await.json;
    let general = queue(&status, "general");
    assert_eq!((&general["open"], &general["closes"]), (&json!(true), &json!("2026-10-14T10:00:00Z")));
    assert_eq!((&general["next_open"], &status["last_reload"]["ok"]), (&Value::Null, &json!(true)));
    daemon.turn_to("2026-10-14T20:00:00+08:00");
    let status = get(&url(&daemon, "/v1/status")).await.json;
    assert_eq!(queue(&status, "general")["next_open"], "2026-10-15T01:00:00Z");
    assert_eq!((&queue(&status, "oncall")["open"], &queue(&status, "oncall")["closes"]), (&json!(true), &Value::Null));
    let good = status["rule_set"].clone();
    shop.write("faq/broken.yaml", "faq:\n  - id: x\n    phrase: [y]\n");
    assert_eq!(post(&url(&daemon, "/-/reload"), "", &[]).await.status, 422);
    let status = get(&url(&daemon, "/v1/status")).await.json;
    assert_eq!((&status["last_reload"]["ok"], &status["rule_set"]), (&json!(false), &good));
    assert!(str_at(&status, "/last_reload/first").starts_with("faq/broken.yaml:"), "{status:#}");
}

#[tokio::test]
async fn the_console_s_page_runs_no_code_but_its_own_files() {
    let (_shop, _receiver, daemon) = open_shop().await;
    let page = http().get(url(&daemon, "/console")).send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let html = page.text().await.unwrap();
    assert!(!html.contains("<style") && !html.contains(" onclick") && html.matches("<script").count() == 1, "{html}");
    for (file, kind) in
        [("console.js", "text/javascript"), ("console.css", "text/css"), ("words.js", "text/javascript")]
    {
        let answer = get(&url(&daemon, &format!("/console/{file}"))).await;
        assert!(answer.status == 200 && answer.content_type.starts_with(kind), "{file}: {answer:?}");
    }
    assert_eq!(get(&url(&daemon, "/console/nothing.js")).await.status, 404);
}
