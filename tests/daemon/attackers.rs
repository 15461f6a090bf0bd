//! Who means harm: floods by ever new visitors, guesses at tokens, values that lead elsewhere, and every route as strangers see it.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::common::api::http;
use crate::common::client::{Client, message};
use crate::common::daemon::Daemon;
use crate::common::receiver::Receiver;
use crate::common::shop::Shop;
use crate::common::str_at;

const WEDNESDAY: &str = "2026-10-14T10:00:00+08:00";
const ADMIN: &str = "the-administrators-long-token";
const ANNA: &str = "annas-long-token-of-an-agent";
const FIGURES: &str = "the-token-for-figures-alone";

fn access() -> String {
    format!("access: {{admin: {ADMIN}, agents: {{anna: {ANNA}}}, metrics: {FIGURES}}}")
}

/// What a system of the shop was asked for: the paths.
async fn system() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = Arc::clone(&asked);
    let router = Router::new().fallback(move |request: Request| {
        kept.lock().unwrap().push(request.uri().path().to_owned());
        async { axum::Json(json!({"state": "派送中"})) }
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, asked)
}

#[tokio::test]
async fn dots_instead_of_a_number_ask_for_nothing_else() {
    let (erp, asked) = system().await;
    let receiver = Receiver::start().await;
    let more = format!("settings: {{erp_url: \"http://{erp}\"}}\nlookups: {{private_addresses: true}}");
    let shop = Shop::small_with(&receiver, &more);
    let rule = "rules:
  - id: code
    when: {phrase: [查码]}
    slots: {code: {pattern: 'code (\\S+)', ask: 哪个码？}}
    lookup: {url: \"{{ settings.erp_url }}/api/orders/{{ slots.code }}\", timeout: 3s}
    then:
      - {reply: \"{{ lookup.body.state }}\"}
";
    shop.write("rules/code.yaml", rule);
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    for (number, dots) in [".", "..", "%2e%2E", "../..", "..%2f", "．．", "..;x"].into_iter().enumerate() {
        let mut client = Client::new(daemon.address(), "zh-CN").await;
        client.say("查码").await;
        let turn = client.say(&format!("code {dots}")).await;
        assert_eq!(turn.texts(), ["已转给同事。"], "{dots}");
        let cases = receiver.wait("/desk", number + 1).await;
        assert_eq!(str_at(&cases[number].json(), "/data/handoff/reason"), "lookup_failed", "{dots}");
        assert_eq!(*asked.lock().unwrap(), Vec::<String>::new(), "{dots}");
    }
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    client.say("查码").await;
    assert_eq!(client.say("code a../b").await.texts(), ["派送中"]);
    assert_eq!(*asked.lock().unwrap(), ["/api/orders/a%2E%2E%2Fb"]);
}

/// A new visitor behind a proxy says one thing; the type of what comes, and the whole frame.
async fn newcomer(daemon: &Daemon, forwarded: Option<&str>) -> (String, Value) {
    let headers: Vec<(&'static str, &str)> = forwarded.map(|value| ("x-forwarded-for", value)).into_iter().collect();
    let mut client = Client::open(daemon.address(), &headers).await.unwrap();
    client.send(json!({"type": "hello", "data": {"locale": "zh-CN"}})).await;
    assert_eq!(client.next().await["type"], "welcome");
    client.send(message("m-1", "转人工")).await;
    loop {
        let frame = client.next().await;
        if frame["re"] == "m-1" {
            return (str_at(&frame, "/type").to_owned(), frame);
        }
    }
}

#[tokio::test]
async fn ever_new_visitors_of_one_address_are_one_sender() {
    let receiver = Receiver::start().await;
    let shop = Shop::small_with(&receiver, "limits: {per_address_per_minute: 6}");
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let mut taken = 0;
    for number in 0..30 {
        // What the client says of itself before the proxy changes nothing.
        let forwarded = format!("192.0.2.{number}, 203.0.113.9");
        let (kind, frame) = newcomer(&daemon, Some(&forwarded)).await;
        if kind == "ack" {
            taken += 1;
            continue;
        }
        assert_eq!(frame["data"]["code"], "rate_limited", "{frame:#}");
        assert!(frame["data"]["retry_after_ms"].as_u64().is_some_and(|wait| wait > 0), "{frame:#}");
    }
    // One more every ten seconds: on a slow machine the minute goes on meanwhile.
    assert!((6..20).contains(&taken), "{taken} of 30 were taken where 6 a minute are allowed");
    // Others go on: another address, and this machine itself.
    assert_eq!(newcomer(&daemon, Some("203.0.113.10")).await.0, "ack");
    for _ in 0..8 {
        assert_eq!(newcomer(&daemon, None).await.0, "ack");
    }
    // A /64 is one sender.
    let mut six = 0;
    for number in 0..30 {
        let (kind, _) = newcomer(&daemon, Some(&format!("2001:db8:0:7::{number:x}"))).await;
        six += u32::from(kind == "ack");
    }
    assert!((6..20).contains(&six), "{six} of 30");
    assert_eq!(newcomer(&daemon, Some("2001:db8:0:8::1")).await.0, "ack");
    let url = format!("http://{}/metrics", daemon.address());
    let figures = http().get(url).send().await.unwrap().text().await.unwrap();
    assert!(figures.contains(r#"nightdesk_refused_total{why="too_many_messages_of_address"}"#), "{figures}");
}

#[tokio::test]
async fn without_trusted_proxies_what_they_tell_is_worth_nothing() {
    let receiver = Receiver::start().await;
    let shop = Shop::small_with(&receiver, "limits: {per_address_per_minute: 3, trusted_proxies: []}");
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let mut taken = 0;
    for number in 0..15 {
        let (kind, _) = newcomer(&daemon, Some(&format!("203.0.113.{number}"))).await;
        taken += u32::from(kind == "ack");
    }
    assert!((3..12).contains(&taken), "{taken} of 15");
}

async fn ask(address: SocketAddr, method: &Method, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
    let mut request = http().request(method.clone(), format!("http://{address}{path}")).body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.expect("an answer")
}

#[tokio::test]
async fn who_tries_tokens_has_to_wait() {
    let receiver = Receiver::start().await;
    let shop = Shop::small_with(&receiver, &access());
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let here = daemon.address();
    let get = async |token: &str, from: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("x-forwarded-for", from)];
        ask(here, &Method::GET, "/v1/queue", &headers, "").await
    };
    let guesser = "203.0.113.9";
    // One that was left open with an old token guesses nothing.
    for _ in 0..20 {
        assert_eq!(get("yesterday", guesser).await.status(), 401);
    }
    for number in 0..9 {
        assert_eq!(get(&format!("guess-{number}"), guesser).await.status(), 401, "{number}");
    }
    // The right one too: else the answer would tell which one it is.
    for token in ["guess-10", ANNA] {
        let answer = get(token, guesser).await;
        assert_eq!(answer.status(), 429, "{token}");
        let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=61).contains(&wait), "{wait}");
        let problem: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert_eq!(problem["code"], "too_many_wrong_tokens");
    }
    assert_eq!(get(ANNA, "203.0.113.10").await.status(), 200, "others need not wait");
    let page = ask(here, &Method::GET, "/console", &[("x-forwarded-for", guesser)], "").await;
    assert_eq!(page.status(), 200, "what needs no token is there");
    let figures = ask(here, &Method::GET, "/metrics", &[("authorization", &format!("Bearer {FIGURES}"))], "").await;
    let figures = figures.text().await.unwrap();
    for line in [
        r#"nightdesk_refused_total{why="wrong_token"} 29"#,
        r#"nightdesk_refused_total{why="too_many_wrong_tokens"} 2"#,
    ] {
        assert!(figures.contains(line), "{line} is not in\n{figures}");
    }
}

/// Who may do something, and what comes of it then.
#[derive(Clone, Copy, Debug)]
enum For {
    Everybody(u16),
    Staff(u16),
    Administrator(u16),
    Figures(u16),
}

impl For {
    fn status(self, who: &str) -> u16 {
        let (may, status) = match self {
            Self::Everybody(status) => (true, status),
            Self::Staff(status) => (matches!(who, "agent" | "admin"), status),
            Self::Administrator(status) => (who == "admin", status),
            Self::Figures(status) => (matches!(who, "admin" | "figures"), status),
        };
        if may { status } else { 401 }
    }
}

/// Route, method, an address of it, a body, and who may.
const ROUTES: &[(&str, &str, &str, &str, For)] = &[
    ("/", "GET", "/", "", For::Everybody(200)),
    ("/widget.js", "GET", "/widget.js", "", For::Everybody(200)),
    ("/console", "GET", "/console", "", For::Everybody(200)),
    ("/console/{file}", "GET", "/console/console.js", "", For::Everybody(200)),
    ("/openapi.json", "GET", "/openapi.json", "", For::Everybody(200)),
    ("/asyncapi.json", "GET", "/asyncapi.json", "", For::Everybody(200)),
    // No handshake.
    ("/v1/chat", "GET", "/v1/chat", "", For::Everybody(426)),
    // Without the platform's signature.
    ("/v1/inbound/{channel}", "GET", "/v1/inbound/crm", "", For::Everybody(405)),
    ("/v1/inbound/{channel}", "POST", "/v1/inbound/crm", "{}", For::Everybody(401)),
    ("/v1/desk/{webhook}", "POST", "/v1/desk/people", "{}", For::Everybody(401)),
    ("/v1/conversations", "GET", "/v1/conversations", "", For::Staff(200)),
    ("/v1/conversations/{id}", "GET", "/v1/conversations/conv_x", "", For::Staff(404)),
    (
        "/v1/conversations/{id}/messages",
        "POST",
        "/v1/conversations/conv_x/messages",
        "{\"text\":\"x\"}",
        For::Staff(404),
    ),
    ("/v1/conversations/{id}/take", "POST", "/v1/conversations/conv_x/take", "", For::Staff(404)),
    ("/v1/conversations/{id}/return", "POST", "/v1/conversations/conv_x/return", "", For::Staff(404)),
    (
        "/v1/conversations/{id}/transfer",
        "POST",
        "/v1/conversations/conv_x/transfer",
        "{\"queue\":\"general\"}",
        For::Staff(404),
    ),
    ("/v1/conversations/{id}/close", "POST", "/v1/conversations/conv_x/close", "", For::Staff(404)),
    ("/v1/conversations/{id}/typing", "POST", "/v1/conversations/conv_x/typing", "", For::Staff(404)),
    ("/v1/events", "GET", "/v1/events", "", For::Staff(200)),
    ("/v1/queue", "GET", "/v1/queue", "", For::Staff(200)),
    ("/v1/search", "GET", "/v1/search?text=x", "", For::Staff(200)),
    ("/v1/unmatched", "GET", "/v1/unmatched", "", For::Staff(200)),
    ("/v1/status", "GET", "/v1/status", "", For::Staff(200)),
    (
        "/v1/hours/{schedule}",
        "POST",
        "/v1/hours/nowhere",
        "{\"open\":true,\"until\":\"2026-10-14T12:00:00+08:00\"}",
        For::Staff(404),
    ),
    ("/v1/hours/{schedule}/release", "POST", "/v1/hours/nowhere/release", "", For::Staff(404)),
    ("/v1/modes", "GET", "/v1/modes", "", For::Staff(200)),
    ("/v1/modes/{mode}", "POST", "/v1/modes/nowhere", "{\"on\":false}", For::Staff(404)),
    ("/v1/knowledge", "GET", "/v1/knowledge", "", For::Staff(200)),
    ("/v1/knowledge/diff", "GET", "/v1/knowledge/diff", "", For::Staff(200)),
    ("/v1/knowledge/entry/{id}", "GET", "/v1/knowledge/entry/nowhere", "", For::Staff(404)),
    ("/v1/findings", "GET", "/v1/findings", "", For::Staff(200)),
    ("/v1/findings/{code}", "GET", "/v1/findings/tie", "", For::Staff(200)),
    ("/v1/try", "POST", "/v1/try", "{\"text\":\"x\"}", For::Staff(200)),
    ("/v1/deliveries", "GET", "/v1/deliveries", "", For::Staff(200)),
    ("/v1/deliveries/{id}/{what}", "POST", "/v1/deliveries/1/retry", "", For::Staff(404)),
    ("/v1/explain", "GET", "/v1/explain?text=x", "", For::Staff(200)),
    ("/-/reload", "POST", "/-/reload", "", For::Administrator(200)),
    ("/-/healthy", "GET", "/-/healthy", "", For::Everybody(200)),
    ("/-/ready", "GET", "/-/ready", "", For::Everybody(200)),
    ("/metrics", "GET", "/metrics", "", For::Figures(200)),
];

const DESK: &str = "{format: chatwoot, url: \"https://chatwoot.example\", inbox: x, secret: s}";

fn dressed(answer: &Response, what: &str) {
    let header = |name: &str| answer.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    assert_eq!(header("x-content-type-options"), "nosniff", "{what}");
    assert_eq!(header("x-frame-options"), "DENY", "{what}");
    assert!(header("content-security-policy").contains("frame-ancestors 'none'"), "{what}");
    let page = matches!(header("content-type").split(';').next(), Some("text/html" | "text/javascript" | "text/css"));
    let stream = header("content-type").starts_with("text/event-stream");
    let kept = if page || stream { "no-cache" } else { "no-store" };
    assert_eq!(header("cache-control"), kept, "{what}");
    assert_eq!(header("access-control-allow-origin"), "", "{what}: other pages may read it");
}

#[test]
fn every_route_is_in_the_table() {
    let table: BTreeSet<&str> = ROUTES.iter().map(|(route, ..)| *route).collect();
    let routes: BTreeSet<&str> = nightdesk::server::paths().into_iter().collect();
    assert_eq!(table, routes, "a route without a line in ROUTES, or the other way round");
}

#[tokio::test]
async fn every_route_knows_who_may() {
    let receiver = Receiver::start().await;
    let shop = Shop::small_with(&receiver, &access());
    let settings = std::fs::read_to_string(shop.dir().join("nightdesk.yaml")).unwrap();
    shop.write("nightdesk.yaml", &settings.replace("webhooks:\n", &format!("webhooks:\n  people: {DESK}\n")));
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let here = daemon.address();
    for (_, method, path, body, may) in ROUTES {
        let method: Method = method.parse().unwrap();
        for (who, token) in
            [("stranger", ""), ("guesser", "wrong"), ("agent", ANNA), ("admin", ADMIN), ("figures", FIGURES)]
        {
            let what = format!("{method} {path} by {who}");
            let bearer = format!("Bearer {token}");
            let headers = if token.is_empty() { vec![] } else { vec![("authorization", bearer.as_str())] };
            let answer = ask(here, &method, path, &headers, body).await;
            assert_eq!(answer.status().as_u16(), may.status(who), "{what}");
            dressed(&answer, &what);
        }
        // A page of somebody else that has got hold of a token reads nothing: the browser keeps it from the page.
        let headers = [("authorization", &*format!("Bearer {ADMIN}")), ("origin", "https://evil.example")];
        let answer = ask(here, &method, path, &headers, body).await;
        let status = if *path == "/v1/chat" { 403 } else { may.status("admin") };
        assert_eq!(answer.status().as_u16(), status, "{method} {path} from a foreign page");
        dressed(&answer, path);
    }
    // No other way to do anything there.
    for (route, _, path, ..) in ROUTES {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            if ROUTES.iter().any(|(other, known, ..)| other == route && *known == method) {
                continue;
            }
            let headers = [("authorization", &*format!("Bearer {ADMIN}"))];
            let answer = ask(here, &method.parse().unwrap(), path, &headers, "").await;
            assert_eq!(answer.status(), 405, "{method} {path}");
            dressed(&answer, path);
        }
    }
    let nothing = ask(here, &Method::GET, "/.env", &[], "").await;
    assert_eq!(nothing.status(), 404);
    dressed(&nothing, "nothing there");
}

#[tokio::test]
async fn without_tokens_only_this_machine_may() {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let here = daemon.address();
    for (_, method, path, body, may) in ROUTES.iter().filter(|(_, _, path, ..)| !path.starts_with("/v1/desk/")) {
        let method: Method = method.parse().unwrap();
        let own = ask(here, &method, path, &[], body).await;
        assert_eq!(own.status().as_u16(), may.status("admin"), "{method} {path}");
        for (name, value) in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("host", "evil.example"),
            ("x-forwarded-for", "192.0.2.1"),
        ] {
            let answer = ask(here, &method, path, &[(name, value)], body).await;
            let status = match may {
                For::Everybody(_) if *path == "/v1/chat" && name == "origin" => 403,
                For::Everybody(status) => *status,
                _ => 403,
            };
            assert_eq!(answer.status().as_u16(), status, "{method} {path} with {name}: {value}");
        }
    }
}
