//! Signatures by the Standard Webhooks specification, in both directions, and against an independent library.

use jiff::Timestamp;
use nightdesk::handoff::signing::SigningKey;
use serde_json::{Value, json};

use crate::common::api::{Answered, agent, forwarded, get, post, transcript};
use crate::common::daemon::Daemon;
use crate::common::foreign::foreign;
use crate::common::receiver::Receiver;
use crate::common::shop::{CRM_OLD_SECRET, CRM_SECRET, DESK_SECRET, Shop};
use crate::common::str_at;

/// A daemon whose clock stands at the present time: the foreign library knows no other.
async fn start() -> (Shop, Receiver, Daemon) {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let daemon = Daemon::start(&shop, &Timestamp::now().to_string()).await;
    (shop, receiver, daemon)
}

async fn inbound(daemon: &Daemon, body: &str, headers: &[(&str, &str)]) -> Answered {
    post(&format!("http://{}/v1/inbound/crm", daemon.address()), body, headers).await
}

#[tokio::test]
async fn only_what_a_platform_signed_in_time_is_taken() {
    let (_shop, receiver, daemon) = start().await;
    let body = forwarded("p-1", "anna", "转人工").to_string();
    let now = daemon.now().as_second();
    let sign = |secret: &str, seconds: i64, body: &str| {
        SigningKey::parse(secret).unwrap().sign("evt-1", seconds, body.as_bytes())
    };
    let good = sign(CRM_SECRET, now, &body);
    let flipped = body.replace("anna", "anne");
    let spaced = body.replacen(':', ": ", 1);
    let (other_version, cut) = (good.replace("v1,", "v2,"), good[..good.len() - 2].to_owned());
    let refused = [
        ("the secret of another", &body, now, sign(DESK_SECRET, now, &body)),
        ("a byte of the body", &flipped, now, good.clone()),
        ("the same JSON in other bytes", &spaced, now, good.clone()),
        ("an old one", &body, now - 301, sign(CRM_SECRET, now - 301, &body)),
        ("one of the future", &body, now + 301, sign(CRM_SECRET, now + 301, &body)),
        ("another time than the signed one", &body, now + 1, good.clone()),
        ("an unknown version", &body, now, other_version),
        ("cut off", &body, now, cut),
        ("empty", &body, now, String::new()),
    ];
    for (what, body, seconds, signature) in &refused {
        let seconds = seconds.to_string();
        let headers =
            [("webhook-id", "evt-1"), ("webhook-timestamp", seconds.as_str()), ("webhook-signature", signature)];
        let answer = inbound(&daemon, body, &headers).await;
        assert_eq!((answer.status, answer.content_type.as_str()), (401, "application/problem+json"), "{what}");
        assert_eq!(answer.json["code"], "bad_signature", "{what}");
    }
    let seconds = now.to_string();
    let all = [("webhook-id", "evt-1"), ("webhook-timestamp", seconds.as_str()), ("webhook-signature", good.as_str())];
    for missing in 0..all.len() {
        let mut some = all.to_vec();
        let (name, _) = some.remove(missing);
        assert_eq!(inbound(&daemon, &body, &some).await.status, 401, "without {name}");
    }
    let listed = get(&format!("http://{}/v1/conversations", daemon.address())).await;
    assert_eq!(listed.json["conversations"], json!([]), "nothing was taken");

    // Now the good ones: the first secret, the second, one of several signatures, and just within five minutes.
    let several = format!("v1,bm90IHRoaXMgb25l v2,x {}", sign(CRM_SECRET, now, &body));
    for (what, seconds, signature) in [
        ("the first secret", now, good.clone()),
        ("the second secret", now, sign(CRM_OLD_SECRET, now, &body)),
        ("one of several", now, several),
        ("nearly old", now - 299, sign(CRM_SECRET, now - 299, &body)),
        ("nearly of the future", now + 299, sign(CRM_SECRET, now + 299, &body)),
    ] {
        let seconds = seconds.to_string();
        let headers =
            [("webhook-id", "evt-1"), ("webhook-timestamp", seconds.as_str()), ("webhook-signature", &signature)];
        let answer = inbound(&daemon, &body, &headers).await;
        assert_eq!(answer.status, 200, "{what}: {:#}", answer.json);
    }
    assert_eq!(receiver.wait("/desk", 1).await.len(), 1, "all of them were the same message");
}

#[tokio::test]
async fn the_daemon_takes_what_a_foreign_library_signed() {
    let (_shop, _receiver, daemon) = start().await;
    let now = daemon.now().as_second();
    let words = "怎么退货？🙂 \"x\"";
    let bodies: Vec<String> =
        (0..2).map(|n| format!("{:#}\r\n", forwarded(&format!("p-{n}"), &format!("customer-{n}"), words))).collect();
    let task = |secret: &str, n: usize| json!({"do": "sign", "secret": secret, "id": format!("evt-{n}"), "timestamp": now, "body": bodies[n]});
    let signatures = foreign("standard_webhooks.py", &json!([task(CRM_SECRET, 0), task(CRM_OLD_SECRET, 1)]));
    for (n, signature) in signatures.iter().enumerate() {
        let (id, seconds) = (format!("evt-{n}"), now.to_string());
        let headers = [
            ("webhook-id", id.as_str()),
            ("webhook-timestamp", seconds.as_str()),
            ("webhook-signature", signature.as_str().unwrap()),
        ];
        let answer = inbound(&daemon, &bodies[n], &headers).await;
        assert_eq!((answer.status, &answer.json["duplicate"]), (200, &json!(false)), "{:#}", answer.json);
        let kept = transcript(daemon.address(), str_at(&answer.json, "/conversation")).await;
        assert!(kept.iter().any(|event| event["data"]["text"] == words), "{kept:#?}");
    }
}

#[tokio::test]
async fn a_foreign_library_verifies_what_the_daemon_sends() {
    let (_shop, receiver, daemon) = start().await;
    let body = forwarded("p-1", "anna", "转人工，“引号”和 emoji 🙂");
    let taken = crate::common::api::forward(daemon.address(), CRM_SECRET, daemon.now().as_second(), &body).await;
    let id = str_at(&taken.json, "/conversation").to_owned();
    assert_eq!(agent(daemon.address(), &id, "messages", json!({"text": "您好 🙂"})).await.status, 200);
    let (case, reply) = (receiver.wait("/desk", 1).await.remove(0), receiver.wait("/replies", 2).await.remove(1));
    assert_eq!(reply.json()["data"]["message"]["text"], "您好 🙂");
    let task = |hit: &crate::common::receiver::Hit, secret: &str, body: &str| {
        let header = |name: &str| hit.header(name).to_owned();
        json!({"do": "verify", "secret": secret, "body": body, "headers": {
            "webhook-id": header("webhook-id"), "webhook-timestamp": header("webhook-timestamp"), "webhook-signature": header("webhook-signature"),
        }})
    };
    let text = |hit: &crate::common::receiver::Hit| String::from_utf8(hit.body.to_vec()).unwrap();
    let altered = text(&case).replacen("queued", "queuer", 1);
    assert_ne!(altered, text(&case));
    let results = foreign(
        "standard_webhooks.py",
        &json!([
            task(&case, DESK_SECRET, &text(&case)),
            task(&reply, CRM_SECRET, &text(&reply)),
            task(&case, DESK_SECRET, &altered),
            task(&reply, CRM_OLD_SECRET, &text(&reply)),
        ]),
    );
    assert_eq!(results[..2], [Value::Null, Value::Null], "good signatures hold");
    assert!(results[2].is_string() && results[3].is_string(), "others do not: {results:?}");
}
