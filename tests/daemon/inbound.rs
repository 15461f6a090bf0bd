//! `POST /v1/inbound/{channel}`: platforms forward their customers' messages and get the answer at once.

use serde_json::{Value, json};

use crate::common::api::{Answered, agent, forward, forwarded, get, post, transcript};
use crate::common::daemon::Daemon;
use crate::common::receiver::{Hit, Receiver};
use crate::common::shop::{CRM_SECRET, Shop};
use crate::common::str_at;

const WEDNESDAY: &str = "2026-10-14T10:00:00+08:00";
const RETURNS: &str = "七天内可以退货。";

async fn open_shop() -> (Shop, Receiver, Daemon) {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    (shop, receiver, daemon)
}

async fn send(daemon: &Daemon, body: &Value) -> Answered {
    forward(daemon.address(), CRM_SECRET, daemon.now().as_second(), body).await
}

/// Sends and expects 200.
async fn taken(daemon: &Daemon, body: &Value) -> Value {
    let answer = send(daemon, body).await;
    assert_eq!(answer.status, 200, "{:#}", answer.json);
    answer.json
}

/// A message with more, or other, fields.
fn with(id: &str, fields: &Value) -> Value {
    let mut body = forwarded(id, "anna", "怎么退货");
    body["data"].as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn the_answer_is_in_the_response() {
    let (_shop, receiver, daemon) = open_shop().await;
    let answer = taken(&daemon, &forwarded("p-1", "anna", "怎么退货？")).await;
    assert!(str_at(&answer, "/conversation").starts_with("c_"));
    assert_eq!((&answer["state"], &answer["duplicate"]), (&json!("bot"), &json!(false)));
    let messages = answer["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 1);
    assert_eq!((&messages[0]["role"], &messages[0]["text"]), (&json!("bot"), &json!(RETURNS)));
    assert_eq!(messages[0]["options"][0], json!({"id": "refund.time", "label": "退款多久到账"}));
    assert!(str_at(&messages[0], "/message").starts_with("msg_"));
    let decision = &answer["decision"];
    assert_eq!((&decision["outcome"], &decision["reason"]), (&json!("faq"), &json!("matched")));
    assert_eq!(
        (&decision["rule"], &decision["candidates"][0]["rule"]),
        (&json!("returns.window"), &json!("returns.window"))
    );
    assert!((0.0..=1.0).contains(&decision["score"].as_f64().unwrap()));
    assert_eq!(answer.get("handoff"), None);

    // The option is pressed; then the customer wants a person.
    let pressed = taken(&daemon, &with("p-2", &json!({"text": "", "option": "invoice.get"}))).await;
    assert_eq!(pressed["decision"]["rule"], "invoice.get");
    let asked = taken(
        &daemon,
        &with(
            "p-3",
            &json!({"text": "转人工", "customer": {"id": "anna", "name": "安娜", "attributes": {"points": 7}}}),
        ),
    )
    .await;
    assert_eq!((&asked["state"], &asked["conversation"]), (&json!("queued"), &answer["conversation"]));
    let handoff = &asked["handoff"];
    assert_eq!(
        (&handoff["queue"], &handoff["priority"], &handoff["reason"]),
        (&json!("general"), &json!("normal"), &json!("asked"))
    );
    let case = receiver.wait("/desk", 1).await[0].json();
    assert_eq!(
        (&case["data"]["handoff"]["id"], &case["data"]["conversation"]["channel"]),
        (&handoff["id"], &json!("crm"))
    );
    let customer = &case["data"]["customer"];
    assert_eq!(
        (&customer["id"], &customer["name"], &customer["attributes"]["points"]),
        (&json!("anna"), &json!("安娜"), &json!(7))
    );
}

#[tokio::test]
async fn a_repeated_id_gets_the_same_answer_and_nothing_happens_twice() {
    let (shop, receiver, daemon) = open_shop().await;
    let (question, wish) = (forwarded("p-1", "anna", "怎么退货"), forwarded("p-2", "anna", "转人工"));
    let first = [taken(&daemon, &question).await, taken(&daemon, &wish).await];
    let same = async |daemon: &Daemon| {
        for (body, first) in [&question, &wish].into_iter().zip(&first) {
            let mut again = taken(daemon, body).await;
            assert_eq!(again["duplicate"], true);
            again["duplicate"] = json!(false);
            assert_eq!(again, *first);
        }
    };
    same(&daemon).await;
    daemon.stop().await;
    // After a restart, and two days later.
    let daemon = Daemon::start(&shop, "2026-10-16T10:00:00+08:00").await;
    same(&daemon).await;
    assert_eq!(
        transcript(daemon.address(), str_at(&first[0], "/conversation")).await.len(),
        5,
        "2 messages, 2 answers, 1 state"
    );

    // The same id of another customer is another message.
    let other = taken(&daemon, &forwarded("p-1", "bert", "怎么退货")).await;
    assert_eq!(other["duplicate"], false);
    assert_ne!(other["conversation"], first[0]["conversation"]);
    // (That nobody took the case in two days is said, too.)
    let created = receiver.hits_at("/desk").iter().filter(|hit| hit.kind() == "handoff.created").count();
    assert_eq!(created, 1);
}

#[tokio::test]
async fn ten_requests_at_once_with_one_id_are_one_message() {
    let (_shop, receiver, daemon) = open_shop().await;
    let body = forwarded("p-1", "anna", "转人工");
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let (address, seconds, body) = (daemon.address(), daemon.now().as_second(), body.clone());
        requests.spawn(async move { forward(address, CRM_SECRET, seconds, &body).await });
    }
    let mut answers = requests.join_all().await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:#?}");
    assert_eq!(answers.iter().filter(|answer| answer.json["duplicate"] == false).count(), 1);
    for answer in &mut answers {
        answer.json["duplicate"] = json!(false);
    }
    assert!(answers.iter().all(|answer| answer == &answers[0]), "all get the same: {answers:#?}");
    assert_eq!(transcript(daemon.address(), str_at(&answers[0].json, "/conversation")).await.len(), 3);
    // The next message of the same customer comes to the desk behind it: had there been a second case, it would be there.
    taken(&daemon, &forwarded("p-2", "anna", "转人工")).await;
    let kinds: Vec<String> = receiver.wait("/desk", 2).await.iter().map(Hit::kind).collect();
    assert_eq!(kinds, ["handoff.created", "handoff.message"]);
}

#[tokio::test]
async fn what_has_no_words_has_its_own_outcome() {
    let (_shop, receiver, daemon) = open_shop().await;
    for (n, (fields, outcome, reason, text)) in [
        (
            json!({"kind": "image", "text": "", "url": "https://pictures.example/1.jpg"}),
            "handoff",
            "media",
            "图片已转给同事。",
        ),
        (json!({"text": "长".repeat(2001)}), "handoff", "too_long", "消息太长，已转给同事。"),
        (json!({"text": "  "}), "smalltalk", "empty", "没有收到文字。"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut body = with(&format!("p-{n}"), &fields);
        body["data"]["customer"]["id"] = json!(format!("customer-{n}"));
        body["data"]["conversation"] = json!(format!("thread-{n}"));
        body["data"]["locale"] = json!("zh-CN");
        let answer = taken(&daemon, &body).await;
        assert_eq!((&answer["decision"]["outcome"], &answer["decision"]["reason"]), (&json!(outcome), &json!(reason)));
        assert_eq!(answer["messages"][0]["text"], text);
    }
    // People see the picture's address.
    let cases = receiver.wait("/desk", 2).await;
    let pictures: Vec<Value> =
        cases.iter().map(|case| case.json()["data"]["message"]["url"].clone()).filter(Value::is_string).collect();
    assert_eq!(pictures, ["https://pictures.example/1.jpg"]);
    // A picture with words is answered by its words; 2000 characters are not too many.
    let answer = taken(&daemon, &with("q-1", &json!({"kind": "image", "text": "怎么退货"}))).await;
    assert_eq!(answer["decision"]["rule"], "returns.window");
    let answer = taken(&daemon, &with("q-2", &json!({"text": "长".repeat(2000)}))).await;
    assert_ne!(answer["decision"]["reason"], "too_long");
}

#[tokio::test]
async fn a_machine_gets_no_answer() {
    let (_shop, receiver, daemon) = open_shop().await;
    for (n, role) in ["bot", "system", "agent"].into_iter().enumerate() {
        let answer = taken(&daemon, &with(&format!("p-{n}"), &json!({"role": role, "text": "转人工"}))).await;
        assert_eq!((&answer["messages"], &answer["state"]), (&json!([]), &json!("bot")), "{role}");
        assert_eq!(
            (&answer["decision"]["outcome"], &answer["decision"]["reason"]),
            (&json!("silent"), &json!("automatic_sender"))
        );
    }
    // What a platform forwards besides messages is taken and left.
    let answer = taken(&daemon, &json!({"type": "conversation.updated", "data": {"id": "x"}})).await;
    assert_eq!(answer["ignored"], true);
    assert!(receiver.hits().is_empty());
}

#[tokio::test]
async fn a_request_that_cannot_be_read_is_told_why() {
    let (_shop, _receiver, daemon) = open_shop().await;
    let url = format!("http://{}/v1/inbound", daemon.address());
    let key = nightdesk::handoff::signing::SigningKey::parse(CRM_SECRET).unwrap();
    let seconds = daemon.now().as_second();
    let signed = async |path: &str, body: Vec<u8>| {
        let (stamp, signature) = (seconds.to_string(), key.sign("evt-1", seconds, &body));
        let headers =
            [("webhook-id", "evt-1"), ("webhook-timestamp", stamp.as_str()), ("webhook-signature", signature.as_str())];
        post(&format!("{url}/{path}"), body, &headers).await
    };
    let message = |data: Value| json!({"type": "message.created", "data": data}).to_string().into_bytes();
    let padded = |length: usize| {
        let mut body = forwarded("p-1", "anna", "怎么退货").to_string().into_bytes();
        body.resize(length, b' ');
        body
    };
    for (what, path, body, status, code) in [
        ("no JSON", "crm", b"{\"type\":".to_vec(), 400, "bad_request"),
        ("no UTF-8", "crm", b"{\"type\":\"\xff\"}".to_vec(), 400, "bad_request"),
        ("a list", "crm", b"[]".to_vec(), 400, "bad_request"),
        ("nothing", "crm", Vec::new(), 400, "bad_request"),
        ("no type", "crm", b"{}".to_vec(), 400, "bad_request"),
        ("no data", "crm", message(Value::Null), 400, "bad_request"),
        ("no customer", "crm", message(json!({"text": "x"})), 400, "bad_request"),
        ("an empty customer", "crm", message(json!({"customer": {"id": ""}, "text": "x"})), 400, "bad_request"),
        ("a number for text", "crm", message(json!({"customer": {"id": "a"}, "text": 1})), 400, "bad_request"),
        ("an unknown kind", "crm", message(json!({"customer": {"id": "a"}, "kind": "dance"})), 400, "bad_request"),
        (
            "a long id",
            "crm",
            message(json!({"customer": {"id": "a"}, "id": "x".repeat(257), "text": "x"})),
            400,
            "bad_request",
        ),
        ("a deep one", "crm", [b"[".repeat(100_000), b"]".repeat(100_000)].concat(), 400, "bad_request"),
        ("too big", "crm", padded(1024 * 1024 + 1), 413, "too_big"),
        ("an unknown channel", "nowhere", message(json!({})), 404, "not_found"),
        ("a channel of another kind", "web", message(json!({})), 404, "not_found"),
    ] {
        let answer = signed(path, body).await;
        assert_eq!(
            (answer.status, answer.content_type.as_str()),
            (status, "application/problem+json"),
            "{what}: {:#}",
            answer.json
        );
        assert_eq!((&answer.json["code"], &answer.json["status"]), (&json!(code), &json!(status)), "{what}");
        assert!(!str_at(&answer.json, "/detail").is_empty() && !str_at(&answer.json, "/title").is_empty(), "{what}");
    }
    assert_eq!(get(&format!("{url}/crm")).await.status, 405);
    // One that is as big as it may be is read.
    let answer = signed("crm", padded(1024 * 1024)).await;
    assert_eq!((answer.status, &answer.json["messages"][0]["text"]), (200, &json!(RETURNS)));
}

#[tokio::test]
async fn what_a_person_writes_later_goes_to_the_platform_in_order() {
    let (_shop, receiver, daemon) = open_shop().await;
    let asked = taken(&daemon, &forwarded("p-1", "anna", "转人工")).await;
    let id = str_at(&asked, "/conversation").to_owned();
    for n in 0..5 {
        assert_eq!(agent(daemon.address(), &id, "messages", json!({"text": format!("第 {n} 句")})).await.status, 200);
    }
    assert_eq!(agent(daemon.address(), &id, "return", json!({})).await.status, 200);
    let hits = receiver.wait("/replies", 7).await;
    let bodies: Vec<Value> = hits.iter().map(Hit::json).collect();
    let said: Vec<&str> = bodies
        .iter()
        .filter(|body| body["type"] == "message.created")
        .map(|body| str_at(body, "/data/message/text"))
        .collect();
    assert_eq!(said, ["第 0 句", "第 1 句", "第 2 句", "第 3 句", "第 4 句"]);
    let seqs: Vec<u64> = bodies.iter().map(|body| body["data"]["seq"].as_u64().unwrap()).collect();
    assert!(seqs.is_sorted(), "{seqs:?}");
    for body in &bodies {
        assert_eq!((&body["data"]["conversation"], &body["data"]["thread"]), (&json!(id), &json!("thread-of-anna")));
        assert_eq!(body["data"]["customer"]["id"], "anna");
    }
    let states: Vec<&Value> =
        bodies.iter().filter(|body| body["type"] == "conversation.state").map(|body| &body["data"]["state"]).collect();
    assert_eq!(states, ["human", "bot"]);
    // While the person had it, the bot was silent; now it answers again.
    assert_eq!(taken(&daemon, &forwarded("p-2", "anna", "怎么退货")).await["messages"][0]["text"], RETURNS);
}

#[tokio::test]
async fn an_address_in_a_message_is_never_asked() {
    let (_shop, receiver, daemon) = open_shop().await;
    let trap = receiver.url("/trap");
    for (n, fields) in [
        json!({"text": format!("请看 {trap} 转人工")}),
        json!({"kind": "image", "text": "", "url": trap}),
        json!({"kind": "file", "text": "转人工", "url": trap}),
        json!({"text": "转人工", "reply_url": trap, "webhook": trap, "customer": {"id": "anna", "attributes": {"avatar": trap, "reply_url": trap}}}),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = taken(&daemon, &with(&format!("p-{n}"), &fields)).await;
        assert_eq!(answer["state"], "queued");
    }
    let id = str_at(&taken(&daemon, &forwarded("p-9", "anna", "转人工")).await, "/conversation").to_owned();
    assert_eq!(agent(daemon.address(), &id, "messages", json!({"text": trap})).await.status, 200);
    // The desk was told of all of it, the platform of the reply, and nothing else was asked.
    receiver.wait("/desk", 5).await;
    receiver.wait("/replies", 2).await;
    daemon.stop().await;
    assert!(receiver.hits_at("/trap").is_empty());
}
