//! `signature:` of the generic webhook: each platform's form, as its own library or the formula of its documentation makes it.

use serde_json::{Value, json};

use crate::common::api::{Answered, forwarded, post};
use crate::common::daemon::Daemon;
use crate::common::foreign::foreign;
use crate::common::platform::{Mood, Platform, Sent, WEDNESDAY, channel_test, hex, inbound, nothing_happened};
use crate::common::receiver::Receiver;
use crate::common::shop::Shop;
use crate::common::str_at;

const SECRET: &str = "a platform's secret";
const FORMS: [&str; 7] = ["chatwoot", "zendesk", "meta", "github", "line", "slack", "feishu"];

async fn start() -> (Shop, Receiver, Daemon) {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let all = std::fs::read_to_string(shop.dir().join("nightdesk.yaml")).unwrap();
    let lines: Vec<String> = FORMS
        .iter()
        .map(|form| format!("  {form}: {{kind: webhook, signature: {form}, secret: [\"new\", \"{SECRET}\"]}}\n"))
        .collect();
    shop.write("nightdesk.yaml", &all.replace("\nchannels:\n", &format!("\nchannels:\n{}", lines.concat())));
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    (shop, receiver, daemon)
}

/// Headers of a request as the platform sends it, `away` seconds from now. What is signed is made by other code than ours.
fn signed(daemon: &Daemon, form: &str, secret: &str, body: &str, away: i64) -> Vec<(&'static str, String)> {
    let at = daemon.now().checked_add(jiff::SignedDuration::from_secs(away)).unwrap();
    let (seconds, date) = (at.as_second().to_string(), at.to_string());
    let hmac = |content: String, how: &str| -> String {
        let task = json!({"do": "hmac", "secret": secret, "content": content, "as": how});
        foreign("platforms.py", &json!([task])).remove(0).as_str().unwrap().to_owned()
    };
    match form {
        "chatwoot" => vec![
            ("X-Chatwoot-Signature", format!("sha256={}", hmac(format!("{seconds}.{body}"), "hex"))),
            ("X-Chatwoot-Timestamp", seconds),
        ],
        "zendesk" => vec![
            ("X-Zendesk-Webhook-Signature", hmac(format!("{date}{body}"), "b64")),
            ("X-Zendesk-Webhook-Signature-Timestamp", date),
        ],
        "meta" | "github" => vec![("X-Hub-Signature-256", format!("sha256={}", hmac(body.to_owned(), "hex")))],
        "line" => vec![("x-line-signature", hmac(body.to_owned(), "b64"))],
        "slack" => {
            let task = json!({"do": "slack sign", "secret": secret, "body": body, "timestamp": seconds});
            let signature = foreign("platforms.py", &json!([task])).remove(0);
            vec![("X-Slack-Signature", signature.as_str().unwrap().to_owned()), ("X-Slack-Request-Timestamp", seconds)]
        }
        "feishu" => {
            let sum = aws_lc_rs::digest::digest(
                &aws_lc_rs::digest::SHA256,
                format!("{seconds}nonce-1{secret}{body}").as_bytes(),
            );
            let signature = hex(sum.as_ref());
            vec![
                ("X-Lark-Signature", signature),
                ("X-Lark-Request-Timestamp", seconds),
                ("X-Lark-Request-Nonce", "nonce-1".to_owned()),
            ]
        }
        _ => panic!("{form}"),
    }
}

async fn give(daemon: &Daemon, form: &str, body: impl Into<Vec<u8>>, headers: &[(&'static str, String)]) -> Answered {
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    post(&inbound(daemon, form), body, &headers).await
}

#[tokio::test]
async fn each_form_takes_what_its_platform_signed_and_nothing_else() {
    let (_shop, _receiver, daemon) = start().await;
    for form in FORMS {
        let body = forwarded("p-1", form, "怎么开发票").to_string();
        let good = signed(&daemon, form, SECRET, &body, 0);
        let refused = async |what: &str, body: Vec<u8>, headers: &[(&'static str, String)]| {
            let answer = give(&daemon, form, body, headers).await;
            assert_eq!((answer.status, str_at(&answer.json, "/code")), (401, "bad_signature"), "{form}: {what}");
        };
        refused("another secret", body.clone().into(), &signed(&daemon, form, "another", &body, 0)).await;
        let mut flipped = body.clone().into_bytes();
        flipped[20] ^= 1;
        refused("one flipped bit", flipped, &good).await;
        refused("a body that is not UTF-8 under another's signature", vec![b'{', 0xff], &good).await;
        refused("no body", Vec::new(), &good).await;
        for missing in 0..good.len() {
            let mut some = good.clone();
            some.remove(missing);
            refused("a header is missing", body.clone().into(), &some).await;
        }
        if good.len() > 1 {
            refused("stale", body.clone().into(), &signed(&daemon, form, SECRET, &body, -301)).await;
            refused("of the future", body.clone().into(), &signed(&daemon, form, SECRET, &body, 301)).await;
            let mut other = good.clone();
            other[1].1 = signed(&daemon, form, SECRET, &body, 1)[1].1.clone();
            refused("another time than the signed one", body.clone().into(), &other).await;
        }
        let mut cut = good.clone();
        cut[0].1.pop();
        refused("cut off", body.clone().into(), &cut).await;
        assert_eq!(give(&daemon, form, vec![b' '; (1 << 20) + 1], &good).await.status, 413, "{form}");
    }
    nothing_happened(&daemon).await;
    // Feishu's own library takes what the test signs for it.
    let made = signed(&daemon, "feishu", SECRET, "{}", 0);
    let task = json!({
        "do": "lark verify", "secret": SECRET, "body": "{}", "timestamp": made[1].1, "nonce": made[2].1, "signature": made[0].1,
    });
    assert_eq!(foreign("platforms.py", &json!([task])), [json!(true)]);
    for form in FORMS {
        let body = forwarded("p-1", form, "怎么开发票").to_string();
        for secret in [SECRET, "new"] {
            let answer = give(&daemon, form, body.clone(), &signed(&daemon, form, secret, &body, -299)).await;
            assert_eq!(answer.status, 200, "{form}: {:#}", answer.json);
            assert_eq!(str_at(&answer.json, "/messages/0/text"), "在订单页申请发票。", "{form}");
        }
    }
}

#[tokio::test]
async fn what_is_not_signed_makes_no_new_message_of_an_old_one() {
    let (_shop, _receiver, daemon) = start().await;
    let mut body = forwarded("", "anna", "怎么开发票");
    body["data"].as_object_mut().unwrap().remove("id");
    let body = body.to_string();
    let mut all: Vec<Value> = Vec::new();
    for delivery in ["d-1", "d-1", "d-2"] {
        let mut headers = signed(&daemon, "github", SECRET, &body, 0);
        headers.push(("X-GitHub-Delivery", delivery.to_owned()));
        all.push(give(&daemon, "github", body.clone(), &headers).await.json);
    }
    let other = body.replace("怎么开发票", "退款要多久");
    all.push(give(&daemon, "github", other.clone(), &signed(&daemon, "github", SECRET, &other, 0)).await.json);
    let messages: Vec<&str> = all.iter().map(|answer| str_at(answer, "/messages/0/message")).collect();
    assert!(messages[0] == messages[1] && messages[0] == messages[2] && messages[0] != messages[3], "{messages:?}");
}

#[tokio::test]
async fn a_channels_test_says_who_we_are_to_the_platform_or_what_is_wrong() {
    let platform = Platform::start(|sent: &Sent| match sent.path.as_str() {
        "/bot7:t/getMe" => json!({"ok": true, "result": {"id": 7, "username": "shop_bot"}}),
        "/v2/bot/info" => json!({"userId": "U", "displayName": "木屋小店"}),
        "/1065?fields=display_phone_number,verified_name" => {
            json!({"verified_name": "Cabin", "display_phone_number": "+86 138"})
        }
        "/me?fields=name" => json!({"name": "Cabin on Facebook", "id": "P"}),
        "/oauth2/get_token_info" => json!({"uid": 1_902_538_057, "expire_in": 9}),
        path => json!({"path": path}),
    })
    .await;
    let wrong = json!({"message": "no", "error": {"message": "no", "code": 190}, "ok": false, "error_code": 401, "description": "no"});
    for (settings, who, error) in [
        ("kind: telegram, bot_token: \"7:t\", secret: s", "knows us as @shop_bot", "bot_token is wrong"),
        ("kind: line, secret: s, access_token: t", "knows us as 木屋小店", "access_token is not accepted"),
        (
            "kind: whatsapp, secret: s, verify_token: v, access_token: t, phone_number_id: \"1065\"",
            "knows us as Cabin +86 138",
            "access_token is not accepted",
        ),
        (
            "kind: messenger, secret: s, verify_token: v, access_token: t",
            "knows us as Cabin on Facebook",
            "access_token is not accepted",
        ),
        ("kind: weibo, secret: s, access_token: t", "knows us as 1902538057", "access_token is not accepted"),
    ] {
        let receiver = Receiver::start().await;
        let shop = platform.shop(&receiver, "there", settings);
        let (exit, said) = channel_test(&shop, "there").await;
        assert!(exit == Some(0) && said.contains(who) && said.contains("nothing was sent"), "{settings}: {said}");
        let weibo = json!({"error": "no", "error_code": 21_327});
        platform.moods(&[Mood::Says(401, if settings.contains("weibo") { weibo } else { wrong.clone() })]);
        let (exit, said) = channel_test(&shop, "there").await;
        assert!(exit == Some(1) && said.contains(error), "{settings}: {said}");
        platform.moods(&[Mood::Truncated]);
        let (exit, said) = channel_test(&shop, "there").await;
        assert!(exit == Some(1) && said.contains("cannot be read"), "{settings}: {said}");
    }
    assert!(
        platform.sent().iter().all(|sent| sent.path.ends_with("/getMe") || sent.path.starts_with("/oauth2/")),
        "no message left"
    );
}
