//! `/openapi.json` and `/asyncapi.json` against what really goes over the wire: every path, and nothing that they do not tell.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use reqwest::Method;
use serde_json::{Value, json};

use crate::common::api::{forward, forwarded, http};
use crate::common::client::{Client, message};
use crate::common::daemon::Daemon;
use crate::common::foreign::foreign;
use crate::common::receiver::Receiver;
use crate::common::shop::{CRM_SECRET, Shop};
use crate::common::str_at;

const WEDNESDAY: &str = "2026-10-14T10:00:00+08:00";

/// A description whose objects have the members that it names and no others.
struct Description {
    whole: Value,
    used: BTreeSet<String>,
    /// What is to be held against it.
    checks: Vec<Value>,
}

impl Description {
    async fn read(address: SocketAddr, path: &str) -> Self {
        let answer = http().get(format!("http://{address}{path}")).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        let mut whole: Value = serde_json::from_str(&answer.text().await.expect("text")).expect("JSON");
        close(&mut whole["components"]["schemas"]);
        close(&mut whole["paths"]);
        Self { whole, used: BTreeSet::new(), checks: Vec::new() }
    }

    /// Notes a value that a schema of it is to fit.
    fn fits(&mut self, schema: &Value, value: &Value, what: &str) {
        self.checks.push(json!({"schema": schema, "value": value, "what": what}));
    }

    /// Has another library hold all that was noted against it; what does not fit.
    fn misfits(&self) -> Value {
        let task = json!({"components": self.whole["components"], "checks": self.checks});
        foreign("descriptions.py", &json!([task])).remove(0)
    }

    fn named(&mut self, schema: &str, value: &Value, what: &str) {
        self.fits(&json!({"$ref": format!("#/components/schemas/{schema}")}), value, what);
    }

    /// Asks, and holds the answer against what is said of its status.
    async fn ask(&mut self, address: SocketAddr, method: &Method, path: &str, of: &str, body: Option<Value>) -> Value {
        let what = format!("{method} {path}");
        let mut request = http().request(method.clone(), format!("http://{address}{path}"));
        if let Some(body) = &body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16().to_string();
        let kind = answer.headers().get("content-type").map_or("", |kind| kind.to_str().unwrap());
        let kind = kind.split(';').next().unwrap_or_default().to_owned();
        let text = answer.text().await.expect("text");
        self.answered(&what, of, method, &status, &kind, &text, body.as_ref())
    }

    #[allow(clippy::too_many_arguments, reason = "what one exchange is made of")]
    fn answered(
        &mut self,
        what: &str,
        of: &str,
        method: &Method,
        status: &str,
        kind: &str,
        text: &str,
        body: Option<&Value>,
    ) -> Value {
        let method = method.as_str().to_ascii_lowercase();
        let told = self.whole["paths"][of][&method].clone();
        assert!(told.is_object(), "{what}: {of} is not described");
        self.used.insert(format!("{method} {of}"));
        if let (Some(body), true) = (body, status.starts_with('2')) {
            let schema = told["requestBody"]["content"]["application/json"]["schema"].clone();
            self.fits(&schema, body, &format!("{what}, sent"));
        }
        let responses = &told["responses"];
        let response = if responses[status].is_null() { &responses["default"] } else { &responses[status] };
        assert!(response.is_object(), "{what}: {status} is not described");
        let response = match response["$ref"].as_str() {
            Some(name) => self.whole.pointer(name.trim_start_matches('#')).expect("a response").clone(),
            None => response.clone(),
        };
        if text.is_empty() && response["content"].is_null() {
            return Value::Null;
        }
        let content = response["content"][kind].clone();
        assert!(content.is_object(), "{what}: {status} with {kind:?} is not described\n{text}");
        if !kind.ends_with("json") {
            return Value::Null;
        }
        let value: Value = serde_json::from_str(text).expect("JSON");
        if !content["schema"].is_null() {
            self.fits(&content["schema"], &value, &format!("{what}, {status}"));
        }
        value
    }
}

/// Lets objects have no members but those that are named, unless the description says that there may be others.
fn close(value: &mut Value) {
    match value {
        Value::Object(map) => {
            let part = map.remove("x-part").is_some();
            let object = map.get("properties").is_some_and(Value::is_object) || map.contains_key("allOf");
            if object && !part && !map.contains_key("additionalProperties") {
                map.insert("unevaluatedProperties".to_owned(), json!(false));
            }
            map.values_mut().for_each(close);
        }
        Value::Array(list) => list.iter_mut().for_each(close),
        _ => {}
    }
}

async fn shop(receiver: &Receiver) -> (Shop, Daemon) {
    let shop = Shop::small(receiver);
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    (shop, daemon)
}

#[tokio::test]
async fn every_path_is_described_and_no_other() {
    let receiver = Receiver::start().await;
    let (_shop, daemon) = shop(&receiver).await;
    let described = Description::read(daemon.address(), "/openapi.json").await;
    let paths: BTreeSet<&str> = described.whole["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(paths, nightdesk::server::paths().into_iter().collect());
    assert_eq!(described.whole["servers"][0]["url"], format!("http://{}", daemon.address()));
    assert_eq!(described.whole["info"]["version"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn others_understand_the_descriptions() {
    let receiver = Receiver::start().await;
    let (_shop, daemon) = shop(&receiver).await;
    let whole = async |path: &str| {
        let answer = http().get(format!("http://{}{path}", daemon.address())).send().await.unwrap();
        serde_json::from_str::<Value>(&answer.text().await.unwrap()).unwrap()
    };
    let (openapi, asyncapi) = (whole("/openapi.json").await, whole("/asyncapi.json").await);
    let mut broken = openapi.clone();
    broken["paths"]["/v1/queue"]["get"]["responses"] = json!({"200": {}});
    let told = foreign("descriptions.py", &json!([{"openapi": openapi}, {"openapi": broken}]));
    assert_eq!(told[0], json!([]));
    assert_ne!(told[1], json!([]), "a validator that finds nothing");
    // Every reference of the other leads somewhere.
    let mut references = Vec::new();
    collect(&asyncapi, &mut references);
    assert!(references.len() > 40);
    for reference in references {
        assert!(asyncapi.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
}

fn collect(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            out.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| collect(value, out));
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, out)),
        _ => {}
    }
}

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "a line for each path")]
async fn what_goes_over_http_is_as_described() {
    let receiver = Receiver::start().await;
    let (shop, daemon) = shop(&receiver).await;
    let here = daemon.address();
    let mut described = Description::read(here, "/openapi.json").await;
    let (get, post) = (Method::GET, Method::POST);

    // A platform forwards: an answer, a hand-off, the same again, something else, and what is not signed.
    for (id, text) in [("m-1", "怎么退货"), ("m-2", "转人工"), ("m-2", "转人工")] {
        let body = forwarded(id, "cu-1", text);
        let answer = forward(here, CRM_SECRET, daemon.now().as_second(), &body).await;
        let (status, text) = (answer.status.to_string(), answer.json.to_string());
        described.answered(id, "/v1/inbound/{channel}", &post, &status, "application/json", &text, Some(&body));
    }
    let other = forward(
        here,
        CRM_SECRET,
        daemon.now().as_second(),
        &json!({"type": "customer.updated", "data": {"customer": {"id": "cu-1"}}}),
    )
    .await;
    described.answered(
        "other",
        "/v1/inbound/{channel}",
        &post,
        "200",
        "application/json",
        &other.json.to_string(),
        None,
    );
    described.ask(here, &post, "/v1/inbound/crm", "/v1/inbound/{channel}", Some(json!({}))).await;
    described.ask(here, &get, "/v1/inbound/crm", "/v1/inbound/{channel}", None).await;
    described.ask(here, &post, "/v1/desk/nobody", "/v1/desk/{webhook}", Some(json!({}))).await;
    described.ask(here, &get, "/v1/chat", "/v1/chat", None).await;

    // People.
    let list = described.ask(here, &get, "/v1/conversations?state=queued", "/v1/conversations", None).await;
    let id = str_at(&list, "/conversations/0/id").to_owned();
    described.ask(here, &get, "/v1/conversations?state=nowhere", "/v1/conversations", None).await;
    described.ask(here, &get, &format!("/v1/conversations/{id}"), "/v1/conversations/{id}", None).await;
    described.ask(here, &get, "/v1/conversations/c_0", "/v1/conversations/{id}", None).await;
    described.ask(here, &get, "/v1/queue", "/v1/queue", None).await;
    let steps = [
        ("transfer", Some(json!({"queue": "oncall", "note": "请看一下"}))),
        ("take", None),
        ("typing", None),
        ("messages", Some(json!({"text": "您好", "id": "r-1"}))),
        ("messages", Some(json!({"text": ""}))),
        ("return", Some(json!({"summary": "没事了"}))),
        ("take", None),
        ("close", None),
        ("close", None),
    ];
    for (what, body) in steps {
        let (path, of) = (format!("/v1/conversations/{id}/{what}"), format!("/v1/conversations/{{id}}/{what}"));
        described.ask(here, &post, &path, &of, body).await;
    }

    // The console.
    let said = forward(here, CRM_SECRET, daemon.now().as_second(), &forwarded("m-9", "cu-2", "没有人知道的事")).await;
    assert_eq!(said.status, 200);
    let until = json!({"open": false, "until": "2026-10-14T12:00:00+08:00"});
    for (method, path, of, body) in [
        (&get, "/v1/search?text=%E9%80%80%E8%B4%A7".to_owned(), "/v1/search", None),
        (&get, "/v1/search".to_owned(), "/v1/search", None),
        (&get, "/v1/unmatched".to_owned(), "/v1/unmatched", None),
        (&post, "/v1/hours/shop".to_owned(), "/v1/hours/{schedule}", Some(until)),
        (&post, "/v1/hours/nowhere/release".to_owned(), "/v1/hours/{schedule}/release", None),
        (
            &post,
            "/v1/modes/peak".to_owned(),
            "/v1/modes/{mode}",
            Some(json!({"on": true, "until": "2026-10-14T12:00:00+08:00"})),
        ),
        (&get, "/v1/modes".to_owned(), "/v1/modes", None),
        (&get, "/v1/status".to_owned(), "/v1/status", None),
        (&post, "/v1/hours/shop/release".to_owned(), "/v1/hours/{schedule}/release", None),
        (&get, "/v1/knowledge".to_owned(), "/v1/knowledge", None),
        (&get, "/v1/knowledge/diff".to_owned(), "/v1/knowledge/diff", None),
        (&get, "/v1/knowledge/entry/nothing".to_owned(), "/v1/knowledge/entry/{id}", None),
        (&get, "/v1/findings".to_owned(), "/v1/findings", None),
        (&get, "/v1/findings/tie".to_owned(), "/v1/findings/{code}", None),
        (&post, "/v1/try".to_owned(), "/v1/try", Some(json!({"text": "怎么退货"}))),
        (&get, "/v1/explain?text=%E9%80%80%E8%B4%A7".to_owned(), "/v1/explain", None),
        (&get, "/v1/deliveries?state=all".to_owned(), "/v1/deliveries", None),
        (&post, "/v1/deliveries/1/retry".to_owned(), "/v1/deliveries/{id}/{what}", None),
        (&get, "/".to_owned(), "/", None),
        (&get, "/widget.js".to_owned(), "/widget.js", None),
        (&get, "/console".to_owned(), "/console", None),
        (&get, "/console/console.js".to_owned(), "/console/{file}", None),
        (&get, "/openapi.json".to_owned(), "/openapi.json", None),
        (&get, "/asyncapi.json".to_owned(), "/asyncapi.json", None),
        (&get, "/-/healthy".to_owned(), "/-/healthy", None),
        (&get, "/-/ready".to_owned(), "/-/ready", None),
        (&get, "/metrics".to_owned(), "/metrics", None),
        (&post, "/-/reload".to_owned(), "/-/reload", None),
    ] {
        described.ask(here, method, &path, of, body).await;
    }
    let entries = described.ask(here, &get, "/v1/knowledge", "/v1/knowledge", None).await;
    let entry = str_at(&entries, "/entries/0/id").to_owned();
    described.ask(here, &get, &format!("/v1/knowledge/entry/{entry}"), "/v1/knowledge/entry/{id}", None).await;
    shop.write("faq/broken.yaml", "faq:\n  - id: [\n");
    described.ask(here, &post, "/-/reload", "/-/reload", None).await;

    let all = described.whole["paths"].as_object().unwrap().iter();
    let all = all.flat_map(|(path, told)| {
        let methods = ["get", "post"].into_iter().filter(|method| told[*method].is_object());
        methods.map(move |method| format!("{method} {path}"))
    });
    // A stream does not end; who may read it is in the table of routes.
    let left: Vec<String> = all.filter(|one| !described.used.contains(one) && one != "get /v1/events").collect();
    assert_eq!(left, Vec::<String>::new(), "described, and not tried");

    // What was told to others meanwhile.
    let mut kinds = BTreeMap::new();
    for (path, schema) in [("/desk", "QueueEvent"), ("/oncall", "QueueEvent"), ("/replies", "ReplyEvent")] {
        for hit in receiver.wait(path, 1).await {
            *kinds.entry(hit.kind()).or_insert(0) += 1;
            described.named(schema, &hit.json(), &format!("{} to {path}", hit.kind()));
        }
    }
    let kinds: Vec<&str> = kinds.keys().map(String::as_str).collect();
    for kind in ["handoff.created", "handoff.moved", "message.created", "conversation.state"] {
        assert!(kinds.contains(&kind), "{kind} is not among {kinds:?}");
    }
    assert!(described.checks.len() > 60);
    assert_eq!(described.misfits(), json!([]));
    // What is not told of is found.
    described.named(
        "Acted",
        &json!({"conversation": "c_1", "state": "human", "seq": 1, "agent": null, "more": 1}),
        "more",
    );
    described.named("ReplyEvent", &json!({"type": "message.created", "timestamp": "yesterday"}), "less");
    assert_eq!(described.misfits().as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn what_goes_over_the_socket_is_as_described() {
    let receiver = Receiver::start().await;
    let (_shop, daemon) = shop(&receiver).await;
    let here = daemon.address();
    let mut described = Description::read(here, "/asyncapi.json").await;
    let mut seen = BTreeSet::new();
    let mut frame = |described: &mut Description, side: &str, frame: &Value| {
        let kind = str_at(frame, "/type");
        let messages = described.whole["operations"][side]["messages"].as_array().unwrap();
        let names = messages.iter().filter_map(|message| message["$ref"].as_str()?.rsplit('/').next());
        let schemas: Vec<String> = names
            .map(str::to_owned)
            .filter(|name| {
                let told = &described.whole["components"]["schemas"][name]["properties"]["type"];
                told["const"] == kind || told["enum"].as_array().is_some_and(|all| all.iter().any(|one| one == kind))
            })
            .collect();
        assert_eq!(schemas.len(), 1, "{side}: {kind}");
        described.named(&schemas[0], frame, side);
        seen.insert(format!("{side} {kind}"));
    };
    let mut client = Client::open(here, &[]).await.unwrap();
    let said = [
        json!({"type": "message", "id": "m-0", "data": {"text": "早"}}),
        json!({"type": "hello", "id": "1", "data": {"locale": "zh-CN"}}),
        json!({"type": "ping", "id": "p-1"}),
        message("m-1", "怎么退货"),
        json!({"type": "handoff", "id": "h-1"}),
        json!({"type": "typing"}),
        json!({"type": "history", "id": "h-2", "data": {"limit": 5}}),
        json!({"type": "rate", "id": "r-1", "data": {"score": 5}}),
        json!({"type": "close", "id": "c-1"}),
        json!({"type": "ping", "id": "end"}),
    ];
    for one in said {
        frame(&mut described, "clientSays", &one);
        client.send(one).await;
    }
    loop {
        let told = client.next().await;
        frame(&mut described, "daemonSays", &told);
        if told["re"] == "end" {
            break;
        }
    }
    for kind in ["welcome", "ack", "message", "state", "history", "error", "pong"] {
        assert!(seen.contains(&format!("daemonSays {kind}")), "{kind} is not among {seen:?}");
    }
    assert_eq!(described.misfits(), json!([]));
}
