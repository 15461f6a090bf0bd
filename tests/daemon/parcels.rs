//! Parcels that are asked for at 快递100 and 快递鸟, and order systems that want a signature.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::RawQuery;
use axum::http::HeaderMap;
use axum::routing::any;
use data_encoding::{HEXLOWER, HEXUPPER};
use md5::{Digest, Md5};

use crate::common::carriers::{ACCOUNT, Carriers, KEY};
use crate::common::client::{Client, message};
use crate::common::daemon::Daemon;
use crate::common::receiver::Receiver;
use crate::common::shop::Shop;
use crate::common::{str_at, wait_for};

const WEDNESDAY: &str = "2026-10-14T10:00:00+08:00";

const THEN: &str = "
    then:
      - {if: lookup.error, reply: 暂时查不到。, handoff: {queue: general, reason: lookup_failed}}
      - {if: lookup.body.problem == 'unknown_number', reply: 没有这个单号。}
      - {if: lookup.body.problem == 'not_yet', reply: 还没有轨迹。}
      - {if: lookup.body.problem == 'phone', reply: 请发收件电话后四位。}
      - {if: lookup.body.problem == 'too_soon', reply: 半小时内只能查一次。}
      - {if: lookup.body.signed, reply: \"{{ lookup.body.carrier }}{{ lookup.body.state_zh }}\"}
      - {reply: \"{{ lookup.body.carrier }}{{ lookup.body.state_zh }}：{{ lookup.body.latest.text }}\"}
";

/// A shop whose customers say `查件 CARRIER NUMBER PHONE`.
async fn shop(carriers: &Carriers, kind: &str, key: &str) -> (Shop, Receiver) {
    let receiver = Receiver::start().await;
    let id = if kind == "kuaidi100" { "customer" } else { "business_id" };
    let more =
        format!("lookups: {{{kind}: {{{id}: \"{ACCOUNT}\", key: \"{key}\", base_url: \"{}\"}}}}", carriers.url());
    let shop = Shop::small_with(&receiver, &more);
    let settings = std::fs::read_to_string(shop.dir().join("nightdesk.yaml")).unwrap();
    shop.write("nightdesk.yaml", &settings.replace("\nnotices:\n", "\nnotices:\n  looking_up: 正在查询……\n"));
    let rules = format!(
        "rules:
  - id: parcel
    when: {{phrase: [查件]}}
    slots:
      carrier: {{pattern: '顺丰|圆通|某某快递', ask: 哪家快递？}}
      number: {{pattern: '\\d{{12}}', ask: 单号？}}
      phone: {{pattern: '尾号(\\d{{4}})', ask: 电话尾号？}}
    lookup:
      kind: {kind}
      carrier: \"{{{{ slots.carrier }}}}\"
      number: \"{{{{ slots.number }}}}\"
      phone: \"{{{{ slots.phone }}}}\"
      timeout: 3s{THEN}"
    );
    shop.write("rules/parcel.yaml", &rules);
    (shop, receiver)
}

/// What a new customer hears who asks for a parcel.
async fn ask(daemon: &Daemon, what: &str) -> Vec<String> {
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    let turn = client.turn(message("m-1", &format!("查件 {what}"))).await;
    turn.texts().into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn what_a_service_knows_is_answered() {
    for (kind, way) in
        [("kuaidi100", "圆通速递派送中：【上海】正在派送"), ("kdniao", "圆通速递运输中：【上海】正在派送")]
    {
        let carriers = Carriers::start().await;
        let (shop, _receiver) = shop(&carriers, kind, KEY).await;
        let daemon = Daemon::start(&shop, WEDNESDAY).await;
        for (what, said) in [
            ("圆通 100000000001 尾号0000", way),
            ("顺丰 200000000001 尾号1234", "顺丰速运已签收"),
            ("顺丰 200000000002 尾号9999", "请发收件电话后四位。"),
            ("圆通 404000000001 尾号0000", "没有这个单号。"),
            ("圆通 405000000001 尾号0000", "还没有轨迹。"),
        ] {
            assert_eq!(ask(&daemon, what).await, [said], "{kind}: {what}");
        }
    }
}

#[tokio::test]
async fn a_number_is_asked_for_once_in_half_an_hour_whoever_asks_and_across_restarts() {
    let carriers = Carriers::start().await;
    let (shop, _receiver) = shop(&carriers, "kuaidi100", KEY).await;
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let (what, said) = ("圆通 150000000001 尾号0000", ["圆通速递派送中：【上海】正在派送"]);
    // At once, while the first question is on its way.
    let slow = async |_: usize| {
        let mut client = Client::new(daemon.address(), "zh-CN").await;
        client.say("查件 圆通").await;
        client.send(message("m-9", "150000000001 尾号0000")).await;
        while client.next().await["data"]["text"] != said[0] {}
    };
    futures_util::future::join_all((0..4).map(slow)).await;
    assert_eq!(carriers.asked("150000000001"), 1);
    daemon.turn_to("2026-10-14T10:29:00+08:00");
    assert_eq!(ask(&daemon, what).await, said);
    daemon.stop().await;
    let daemon = Daemon::start(&shop, "2026-10-14T10:29:30+08:00").await;
    assert_eq!(ask(&daemon, what).await, said);
    assert_eq!(carriers.asked("150000000001"), 1, "neither later nor after a restart");
    daemon.turn_to("2026-10-14T10:31:00+08:00");
    ask(&daemon, what).await;
    wait_for("a second question after half an hour", || async { (carriers.asked("150000000001") == 2).then_some(()) })
        .await;
}

#[tokio::test]
async fn who_knows_another_phone_number_does_not_get_the_answer_of_the_one_who_knew() {
    let carriers = Carriers::start().await;
    let (shop, _receiver) = shop(&carriers, "kuaidi100", KEY).await;
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    assert_eq!(ask(&daemon, "顺丰 200000000003 尾号1234").await, ["顺丰速运已签收"]);
    assert_eq!(ask(&daemon, "顺丰 200000000003 尾号0000").await, ["半小时内只能查一次。"]);
    assert_eq!(carriers.asked("200000000003"), 1);
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_there_for_the_next_one() {
    let carriers = Carriers::start().await;
    let (shop, receiver) = shop(&carriers, "kuaidi100", KEY).await;
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    assert_eq!(ask(&daemon, "圆通 160000000001 尾号0000").await, ["正在查询……"]);
    let hits = receiver.wait("/desk", 1).await;
    assert_eq!(str_at(&hits[0].json(), "/data/handoff/reason"), "lookup_failed");
    // Waits for the end of the first question if that is still on its way.
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    client.send(message("m-1", "查件 圆通 160000000001 尾号0000")).await;
    while client.next().await["data"]["text"] != "圆通速递派送中：【上海】正在派送" {}
    assert_eq!(carriers.asked("160000000001"), 1);
}

#[tokio::test]
async fn whatever_is_wrong_with_a_service_a_person_takes_the_case() {
    for kind in ["kuaidi100", "kdniao"] {
        for number in ["500000000001", "503000000001", "600000000001", "700000000001", "800000000001", "999000000001"] {
            let carriers = Carriers::start().await;
            let (shop, receiver) = shop(&carriers, kind, KEY).await;
            let daemon = Daemon::start(&shop, WEDNESDAY).await;
            assert_eq!(ask(&daemon, &format!("圆通 {number} 尾号0000")).await, ["暂时查不到。"], "{kind} {number}");
            let hits = receiver.wait("/desk", 1).await;
            assert_eq!(str_at(&hits[0].json(), "/data/handoff/reason"), "lookup_failed");
            ask(&daemon, &format!("圆通 {number} 尾号0000")).await;
            let times = if kind == "kuaidi100" { 1 } else { 2 };
            assert_eq!(carriers.asked(number), times, "{kind}: a number that failed rests too, where it must");
        }
    }
}

#[tokio::test]
async fn a_wrong_key_is_the_shops_own_fault_and_no_unknown_number() {
    for kind in ["kuaidi100", "kdniao"] {
        let carriers = Carriers::start().await;
        let (shop, _receiver) = shop(&carriers, kind, "not the key").await;
        let daemon = Daemon::start(&shop, WEDNESDAY).await;
        assert_eq!(ask(&daemon, "圆通 100000000001 尾号0000").await, ["暂时查不到。"], "{kind}");
        assert_eq!(carriers.asked("100000000001"), 0);
    }
}

#[tokio::test]
async fn a_service_that_cannot_be_reached_was_not_asked() {
    let carriers = Carriers::start().await;
    let (shop, _receiver) = shop(&carriers, "kuaidi100", KEY).await;
    let settings = std::fs::read_to_string(shop.dir().join("nightdesk.yaml")).unwrap();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    shop.write("nightdesk.yaml", &settings.replace(&carriers.url(), &format!("http://{nobody}")));
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    assert_eq!(ask(&daemon, "圆通 100000000009 尾号0000").await, ["暂时查不到。"]);
    daemon.stop().await;
    shop.write("nightdesk.yaml", &settings);
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    assert_eq!(ask(&daemon, "圆通 100000000009 尾号0000").await, ["圆通速递派送中：【上海】正在派送"]);
}

/// The rule of docs/rules.md, as it stands there, with conversations of every branch.
#[tokio::test]
async fn the_rule_of_the_documentation_works_as_it_is_written() {
    let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/rules.md")).unwrap();
    let (_, after) = docs.split_once("### Parcels: 快递100 and 快递鸟").unwrap();
    let rule = after.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let receiver = Receiver::start().await;
    let shop = Shop::small_with(&receiver, "lookups: {kuaidi100: {customer: C1, key: k}}");
    shop.write("rules/parcel.yaml", &format!("rules:\n  - id: parcel\n    when: {{phrase: [查件]}}\n{rule}"));
    let turns = |how: &str, expect: &str| {
        format!(
            "
  - name: '{how}'
    at: {WEDNESDAY}
    turns:
      - {{say: 查件 圆通 YT2610140001, expect: {{asks: phone}}}}
      - {{say: \"1234\", lookup: {how}, expect: {{{expect}}}}}"
        )
    };
    let sample =
        turns("{}", "reply_contains: 圆通速递：派送中。【上海】正在派送, handoff: none").replace("lookup: {}, ", "");
    let all = [
        sample,
        turns("{error: timeout}", "reply_contains: 已请同事查询, handoff: lookup_failed"),
        turns("{body: {found: false, problem: not_yet}}", "reply_contains: 还没有扫描记录, handoff: none"),
        turns("{body: {found: false, problem: unknown_number}}", "reply_contains: 没有查到, handoff: unknown_number"),
    ];
    shop.write("tests/conversations/parcel.yaml", &format!("conversations:{}\n", all.concat()));
    for command in ["check", "test"] {
        let mut run = std::process::Command::new(env!("CARGO_BIN_EXE_nightdesk"));
        let output = run.arg("--dir").arg(shop.dir()).arg(command).env_remove("NIGHTDESK_DIR").output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{command}: {said}");
        assert!(command == "check" || said.contains('4'), "{said}");
    }
}

/// What an order system received: the query, the body and the header `X-Signature`.
type Received = (String, String, String);

async fn signed_erp() -> (String, Arc<Mutex<Vec<Received>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen: Arc<Mutex<Vec<Received>>> = Arc::default();
    let kept = Arc::clone(&seen);
    let answer = move |RawQuery(query): RawQuery, headers: HeaderMap, body: Bytes| {
        let header = headers.get("x-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let body = String::from_utf8(body.to_vec()).unwrap();
        kept.lock().unwrap().push((query.unwrap_or_default(), body, header.to_owned()));
        async { "{\"state\": \"已发货\"}" }
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(any(answer))).await });
    (format!("http://{address}"), seen)
}

/// A shop that asks an order system with a signature; what the system received for one question.
async fn signed(sign: &str, form: &str) -> Received {
    let (url, seen) = signed_erp().await;
    let receiver = Receiver::start().await;
    let more = format!(
        "settings: {{erp_url: \"{url}\"}}\nlookups: {{private_addresses: true, sign: {{127.0.0.1: {{{sign}}}}}}}"
    );
    let shop = Shop::small_with(&receiver, &more);
    let rules = format!(
        "rules:
  - id: track
    when: {{phrase: [查单]}}
    slots:
      order: {{pattern: '单号(\\S+)', ask: 订单号？}}
    lookup: {{url: \"{{{{ settings.erp_url }}}}/router?no={{{{ slots.order }}}}\", timeout: 5s{form}}}
    then:
      - {{reply: \"{{{{ lookup.body.state }}}}\"}}
"
    );
    shop.write("rules/track.yaml", &rules);
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    assert_eq!(client.turn(message("m-1", "查单 单号A&b=1")).await.texts(), ["已发货"]);
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 1);
    seen[0].clone()
}

fn pairs(text: &str) -> Vec<(String, String)> {
    let url: reqwest::Url = format!("http://x/?{text}").parse().unwrap();
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

#[tokio::test]
async fn an_order_system_gets_its_sorted_parameters_signed() {
    let sign =
        "method: md5_sorted_params, secret: s3cret, params: {app_key: \"42\"}, time: timestamp, time_format: datetime";
    let (query, body, _) = signed(sign, ", form: {note: \"查{{ slots.order }}\"}").await;
    let mut all = pairs(&query);
    all.extend(pairs(&body));
    let at = all.iter().position(|(name, _)| name == "sign").unwrap();
    let (_, signature) = all.remove(at);
    all.sort();
    let joined: String = all.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]).collect();
    assert_eq!(joined, "app_key42noA&b=1note查A&b=1timestamp2026-10-14 10:00:00");
    let expected = HEXUPPER.encode(&Md5::digest(format!("s3cret{joined}s3cret")));
    assert_eq!(signature, expected);
}

#[tokio::test]
async fn an_order_system_gets_an_hmac_over_what_was_sent() {
    let sign = "method: hmac_sha256_hex, secret: s3cret, header: X-Signature, time: ts";
    let (query, body, header) = signed(sign, "").await;
    assert_eq!((query.as_str(), body.as_str()), ("no=A%26b%3D1&ts=1791943200", ""));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"s3cret");
    let tag = aws_lc_rs::hmac::sign(&key, format!("/router?{query}").as_bytes());
    let expected = HEXLOWER.encode(tag.as_ref());
    assert_eq!(header, expected);
}

#[tokio::test]
async fn an_order_system_gets_the_parts_that_it_names_joined_and_signed() {
    let sign = "method: md5_concat_upper, secret: s3cret, parts: [note, secret, no], param: digest";
    let (_, body, _) = signed(sign, ", form: {note: x}").await;
    let expected = HEXUPPER.encode(&Md5::digest("xs3cretA&b=1"));
    assert_eq!(pairs(&body), [("note".to_owned(), "x".to_owned()), ("digest".to_owned(), expected)]);
}
