//! The shop's knowledge as pages show it: entries with their hits, findings, a message tried, the last change; and who may see it.

use serde_json::{Value, json};

use crate::common::api::{Answered, agent, get, get_as, http, post};
use crate::common::client::Client;
use crate::common::daemon::Daemon;
use crate::common::receiver::Receiver;
use crate::common::shop::Shop;
use crate::common::{str_at, wait_for};

const WEDNESDAY: &str = "2026-10-14T10:00:00+08:00";

async fn open_shop(more: &str) -> (Shop, Receiver, Daemon) {
    let receiver = Receiver::start().await;
    let shop = Shop::small_with(&receiver, more);
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    (shop, receiver, daemon)
}

fn url(daemon: &Daemon, path: &str) -> String {
    format!("http://{}{path}", daemon.address())
}

async fn ask(daemon: &Daemon, path: &str) -> Value {
    let answer = get(&url(daemon, path)).await;
    assert_eq!(answer.status, 200, "{path}: {:#}", answer.json);
    answer.json
}

async fn try_it(daemon: &Daemon, body: &Value) -> Answered {
    post(&url(daemon, "/v1/try"), body.to_string(), &[]).await
}

fn ids(list: &Value) -> Vec<&str> {
    list["entries"].as_array().unwrap().iter().map(|row| str_at(row, "/id")).collect()
}

fn row<'a>(list: &'a Value, id: &str) -> &'a Value {
    list["entries"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["id"] == id)
        .unwrap_or_else(|| panic!("no {id}: {list:#}"))
}

#[tokio::test]
async fn every_path_is_for_agents_and_the_administrator_alone() {
    let (_shop, _receiver, daemon) = open_shop("access: {admin: an-admin-token, agents: {lin: a-token-of-lin}}").await;
    for (method, path) in [
        ("GET", "/v1/knowledge"),
        ("GET", "/v1/knowledge/diff"),
        ("GET", "/v1/knowledge/entry/refund.time"),
        ("GET", "/v1/findings"),
        ("GET", "/v1/findings/missing-key"),
        ("POST", "/v1/try"),
    ] {
        for (token, status) in [
            (None, 401),
            (Some("Bearer an-agent-token"), 401),
            (Some("Bearer a-token-of-lin"), 200),
            (Some("Bearer an-admin-token"), 200),
        ] {
            let mut request = http().request(method.parse().unwrap(), url(&daemon, path));
            if let Some(token) = token {
                request = request.header("authorization", token);
            }
            let answer = request.body("{\"text\":\"怎么退货\"}").send().await.unwrap();
            assert_eq!(answer.status(), status, "{method} {path} {token:?}");
        }
        let other = if method == "GET" { "POST" } else { "GET" };
        let answer = http().request(other.parse().unwrap(), url(&daemon, path)).send().await.unwrap();
        assert_eq!(answer.status(), 405, "{other} {path}");
    }
}

#[tokio::test]
async fn without_tokens_no_page_from_elsewhere_may_look() {
    let (_shop, _receiver, daemon) = open_shop("").await;
    for path in ["/v1/knowledge", "/v1/findings", "/v1/knowledge/diff"] {
        let answer = http().get(url(&daemon, path)).header("origin", "https://evil.example").send().await.unwrap();
        assert_eq!(answer.status(), 403, "{path}");
    }
}

#[tokio::test]
async fn entries_are_listed_with_what_customers_asked_of_them() {
    let (shop, _receiver, daemon) = open_shop("").await;
    shop.write(
        "faq/old.yaml",
        "faq:\n  - id: gift.wrap\n    title: {zh: 禮品包裝, en: Gift wrapping}\n    category: gifts\n    questions: [可以包礼盒吗]\n    review_by: 2026-09-01\n    answer: {zh: \"<img src=x onerror=alert(1)>\", en: Yes.}\n",
    );
    assert_eq!(post(&url(&daemon, "/-/reload"), "", &[]).await.status, 200);
    // Before 7 days, before 30, and today; a colleague's words and a hand-off count for nothing.
    for (at, text) in [
        ("2026-09-10T10:00:00+08:00", "怎么开发票"),
        ("2026-10-01T10:00:00+08:00", "退款要多久"),
        ("2026-10-14T10:00:00+08:00", "退款要多久"),
        ("2026-10-14T10:00:00+08:00", "转人工"),
    ] {
        daemon.turn_to(at);
        let mut client = Client::new(daemon.address(), "zh-CN").await;
        client.say(text).await;
        if text == "转人工" {
            let said = json!({"text": "怎么开发票"});
            assert_eq!(agent(daemon.address(), client.conversation(), "messages", said).await.status, 200);
        }
    }
    // What was counted a moment ago is used again for a while.
    let list = wait_for("the hits", async || {
        let list = ask(&daemon, "/v1/knowledge").await;
        (row(&list, "refund.time")["hits"]["month"] == 2).then_some(list)
    })
    .await;
    let refund = row(&list, "refund.time");
    assert_eq!(refund["hits"], json!({"week": 1, "month": 2, "last": "2026-10-14T02:00:00Z"}), "{refund:#}");
    assert_eq!(row(&list, "invoice.get")["hits"], json!({"week": 0, "month": 0, "last": "2026-09-10T02:00:00Z"}));
    assert_eq!(row(&list, "gift.wrap")["hits"], json!({"week": 0, "month": 0, "last": null}));
    assert_eq!((str_at(refund, "/file"), &refund["line"]), ("faq/shop.yaml", &json!(8)));
    assert_eq!((str_at(refund, "/title/en"), &refund["asked_by"]), ("When the refund arrives", &json!(2)));
    assert_eq!((&refund["kind"], str_at(refund, "/category")), (&json!("faq"), "returns"));
    assert_eq!(str_at(refund, "/reply/zh"), "退款三天到账。");
    assert_eq!(ids(&list)[0], "refund.time", "the most used comes first");
    assert_eq!(str_at(row(&list, "gift.wrap"), "/reply/zh"), "<img src=x onerror=alert(1)>");
    assert_eq!((&list["total"], &list["overdue"], &list["unused"]), (&json!(5), &json!(1), &json!(3)));
    assert_eq!(str_at(&list, "/counted_since"), "2026-07-16T02:00:00Z");
    // Found by every word, in any writing; sorted and cut.
    for (query, expected) in [
        ("find=礼品", vec!["gift.wrap"]),
        ("find=GIFT%20yes", vec!["gift.wrap"]),
        ("find=gift%20refund", vec![]),
        ("find=how%20long%20does", vec!["refund.time"]),
        ("only=overdue", vec!["gift.wrap"]),
        ("only=unused&sort=id", vec!["gift.wrap", "returns.window", "urgent.account-stolen"]),
        ("only=pilots", vec![]),
        ("sort=id&limit=2", vec!["gift.wrap", "invoice.get"]),
        ("sort=id&limit=2&offset=4", vec!["urgent.account-stolen"]),
        ("sort=file&reverse=true&limit=1", vec!["urgent.account-stolen"]),
        ("sort=last&limit=2", vec!["refund.time", "invoice.get"]),
        ("sort=review&limit=1", vec!["gift.wrap"]),
    ] {
        assert_eq!(ids(&ask(&daemon, &format!("/v1/knowledge?{query}")).await), expected, "{query}");
    }
    for bad in ["sort=beauty", "only=x", "limit=-1", "colour=red", &format!("find={}", "x".repeat(401))] {
        assert_eq!(get(&url(&daemon, &format!("/v1/knowledge?{bad}"))).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn one_entry_is_shown_whole_with_its_lines_but_no_secret() {
    let (shop, _receiver, daemon) = open_shop("").await;
    shop.write(
        "rules/order.yaml",
        "rules:\n  # of the shop\n  - id: order.where\n    when: {phrase: [我的订单]}\n    lookup: {url: \"https://erp.example/o?api_key=s3cr3t\", timeout: 1s}\n    reply: {zh: 在路上。, en: On its way.}\n",
    );
    assert_eq!(post(&url(&daemon, "/-/reload"), "", &[]).await.status, 200);
    let entry = ask(&daemon, "/v1/knowledge/entry/returns.window").await;
    assert_eq!(entry["questions"], json!(["怎么退货", "how do I return an item"]));
    assert_eq!(entry["replies"], json!([{"zh": "七天内可以退货。", "en": "You can return it within seven days."}]));
    assert_eq!(entry["options"], json!(["refund.time", "invoice.get"]));
    assert_eq!((str_at(&entry, "/source/0"), entry["source"].as_array().unwrap().len()), ("  - id: returns.window", 6));
    let order = ask(&daemon, "/v1/knowledge/entry/order.where").await;
    assert_eq!((&order["line"], &order["end_line"], &order["looks_up"]), (&json!(3), &json!(6), &json!(true)));
    assert!(!order.to_string().contains("s3cr3t") && order["source"].to_string().contains("api_key=⋯"), "{order:#}");
    assert_eq!(order["phrases"], json!(["我的订单"]));
    assert_eq!(get(&url(&daemon, "/v1/knowledge/entry/nothing")).await.status, 404);
}

#[tokio::test]
async fn findings_of_files_that_are_not_in_use_are_shown_with_their_place_and_page() {
    let (shop, _receiver, daemon) = open_shop("access: {admin: an-admin-token}").await;
    let bearer = [("authorization", "Bearer an-admin-token")];
    let ask = async |path: &str| get_as(&url(&daemon, path), &bearer).await.json;
    let before = ask("/v1/findings").await;
    assert_eq!((&before["errors"], &before["in_use"]), (&json!(0), &json!(true)));
    // The warnings of the start are there from the start.
    let codes = |value: &Value| {
        value["findings"].as_array().unwrap().iter().map(|f| str_at(f, "/code").to_owned()).collect::<Vec<_>>()
    };
    assert!(codes(&before).contains(&"plain-secret".to_owned()), "{before:#}");
    assert!(!before.to_string().contains("whsec_") && !before.to_string().contains("an-admin-token"), "{before:#}");
    shop.write(
        "faq/broken.yaml",
        "faq:\n  - id: x\n    qestions: [y]\n    title: {zh: 题, en: T}\n    answer: {zh: 好, en: ok}\n",
    );
    assert_eq!(post(&url(&daemon, "/-/reload"), "", &bearer).await.status, 422);
    let found = ask("/v1/findings").await;
    assert_eq!((&found["in_use"], &found["rule_set"]), (&json!(false), &before["rule_set"]));
    let broken = found["findings"].as_array().unwrap().iter().find(|f| f["code"] == "unknown-key").unwrap();
    assert_eq!(
        (&broken["line"], &broken["severity"], str_at(broken, "/file")),
        (&json!(3), &json!("error"), "faq/broken.yaml")
    );
    let marked =
        json!({"line": 3, "parts": [{"text": "    "}, {"text": "qestions", "marked": true}, {"text": ": [y]"}]});
    assert_eq!(broken["snippet"][1], marked, "{broken:#}");
    assert!(str_at(broken, "/help").contains("questions"), "{broken:#}");
    let page = ask("/v1/findings/unknown-key").await;
    assert!(str_at(&page, "/page").starts_with("# "), "{page:#}");
    assert_eq!(ask("/v1/findings/README").await["status"], 404);
    // Mended, it is gone; and an entry tells of its own findings.
    shop.write("faq/broken.yaml", "faq:\n  - id: x\n    title: {zh: 题, en: T}\n    questions: [y]\n    review_by: 2026-01-01\n    answer: {zh: 好, en: ok}\n");
    assert_eq!(post(&url(&daemon, "/-/reload"), "", &bearer).await.status, 200);
    let found = ask("/v1/findings").await;
    assert_eq!((&found["errors"], &found["in_use"]), (&json!(0), &json!(true)));
    let own = ask("/v1/knowledge/entry/x").await;
    assert_eq!(codes(&own), ["review-overdue"], "{own:#}");
}

#[tokio::test]
async fn a_message_is_tried_and_nothing_remains_of_it() {
    let (_shop, receiver, daemon) = open_shop("").await;
    let before = (ask(&daemon, "/v1/conversations").await, daemon.app.pipeline.store.outbox_stats().await.unwrap());
    let tried = try_it(&daemon, &json!({"text": "怎么退货呀"})).await;
    assert_eq!(tried.status, 200, "{tried:?}");
    assert_eq!(
        (str_at(&tried.json, "/decision/rule"), str_at(&tried.json, "/decision/outcome")),
        ("returns.window", "faq")
    );
    assert_eq!(str_at(&tried.json, "/replies/0/text"), "七天内可以退货。");
    assert!(tried.json["trace"]["near"][0]["confidence"].as_f64().unwrap() > 0.5, "{tried:?}");
    let pieces = tried.json["pieces"].as_array().unwrap();
    assert_eq!(pieces.iter().map(|piece| str_at(piece, "/text")).collect::<String>(), "怎么退货呀");
    assert!(pieces.iter().any(|piece| piece["text"] == "退" && piece["weight"].as_f64().unwrap() > 0.1), "{pieces:#?}");
    // By a phrase, out of hours, with the queue that people would find it in.
    let body = json!({"text": "我的卡被盗刷了！", "at": "2026-10-17T22:00", "channel": "crm", "tier": "vip"});
    let stolen = try_it(&daemon, &body).await.json;
    assert_eq!((str_at(&stolen, "/handoff/queue"), str_at(&stolen, "/handoff/state")), ("oncall", "new"));
    assert_eq!(str_at(&stolen, "/at"), "2026-10-17T14:00:00Z");
    let matched: Vec<_> =
        stolen["pieces"].as_array().unwrap().iter().filter(|piece| piece["matched"] == true).collect();
    assert_eq!(matched.iter().map(|piece| str_at(piece, "/text")).collect::<String>(), "盗刷");
    let person = try_it(&daemon, &json!({"text": "转人工", "at": "2026-10-17T22:00:00+08:00"})).await.json;
    assert_eq!((&person["trace"]["hours"]["open"], str_at(&person, "/trace/notice/id")), (&json!(false), "closed"));
    let row = try_it(&daemon, &json!({"text": "要多久", "earlier": ["退款"]})).await.json;
    assert_eq!((row["earlier"].as_array().unwrap().len(), str_at(&row, "/earlier/0/text")), (1, "退款"));
    for (body, word) in [
        (json!({}), "text"),
        (json!({"text": "x", "colour": 1}), "colour"),
        (json!({"text": "x", "at": "tomorrow"}), "at"),
        (json!({"text": "x", "channel": "fax"}), "channel"),
        (json!({"text": "x".repeat(17_000)}), "bytes"),
        (json!({"text": "x", "earlier": vec!["y"; 11]}), "earlier"),
    ] {
        let refused = try_it(&daemon, &body).await;
        assert!(refused.status == 400 && str_at(&refused.json, "/detail").contains(word), "{word}: {refused:?}");
    }
    // Nothing was kept, counted, told or sent.
    let after = (ask(&daemon, "/v1/conversations").await, daemon.app.pipeline.store.outbox_stats().await.unwrap());
    assert_eq!(before, after);
    assert_eq!(ask(&daemon, "/v1/queue").await["total"], 0);
    let decided = daemon.app.pipeline.store.unmatched(jiff::Timestamp::MIN, 10).await.unwrap();
    assert!(decided.is_empty() && receiver.hits().is_empty());
    let list = ask(&daemon, "/v1/knowledge").await;
    assert_eq!(list["unused"], list["total"], "{list:#}");
    // And there is an end to it. (All at once: on a slow machine the allowance would grow back between them.)
    let body = json!({"text": "怎么退货"});
    let all = futures_util::future::join_all((0..100).map(|_| try_it(&daemon, &body))).await;
    assert!(all.iter().any(|answer| answer.status == 429), "{:?}", all.last());
}

#[tokio::test]
async fn the_last_change_is_shown_by_lines_and_by_entries_without_secrets() {
    let (shop, _receiver, daemon) = open_shop("access: {admin: first-token}").await;
    let answer = async |path: &str, token: &str| {
        get_as(&url(&daemon, path), &[("authorization", format!("Bearer {token}").as_str())]).await.json
    };
    // The set of the start is kept a moment after it.
    wait_for("the first set", async || {
        let diff = answer("/v1/knowledge/diff", "first-token").await;
        assert_eq!(diff["before"], Value::Null);
        diff["now"]["since"].is_string().then_some(())
    })
    .await;
    daemon.turn_to("2026-10-14T10:05:00+08:00");
    let faq = std::fs::read_to_string(shop.dir().join("faq/shop.yaml")).unwrap();
    let faq = faq.replace("退款三天到账。", "退款两天到账。").replace("- id: invoice.get", "- id: invoice.how");
    shop.write("faq/shop.yaml", &faq.replace("invoice.get", "invoice.how"));
    let settings = std::fs::read_to_string(shop.dir().join("nightdesk.yaml")).unwrap();
    shop.write("nightdesk.yaml", &settings.replace("first-token", "second-token").replace("您好！", "您好呀！"));
    assert_eq!(post(&url(&daemon, "/-/reload"), "", &[("authorization", "Bearer first-token")]).await.status, 200);
    let diff = answer("/v1/knowledge/diff", "second-token").await;
    assert_ne!(diff["now"]["rule_set"], diff["before"]["rule_set"]);
    let changed =
        json!({"added": ["invoice.how"], "changed": ["refund.time", "returns.window"], "removed": ["invoice.get"]});
    assert_eq!(diff["entries"], changed, "{diff:#}");
    let files: Vec<_> = diff["files"].as_array().unwrap().iter().map(|file| str_at(file, "/file")).collect();
    assert_eq!(files, ["faq/shop.yaml", "nightdesk.yaml"]);
    let lines: Vec<(&str, &str)> = diff["files"][0]["hunks"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|hunk| hunk.as_array().unwrap())
        .map(|line| (str_at(line, "/sign"), str_at(line, "/text").trim()))
        .collect();
    assert!(lines.contains(&("-", "answer: {zh: 退款三天到账。, en: A refund takes three days.}")), "{lines:#?}");
    assert!(lines.contains(&("+", "answer: {zh: 退款两天到账。, en: A refund takes three days.}")), "{lines:#?}");
    assert!(lines.iter().any(|(sign, _)| *sign == " "));
    assert_eq!((&diff["files"][1]["hides"], &diff["files"][0]["hides"]), (&json!(true), &json!(false)));
    let all = diff.to_string();
    assert!(
        all.contains("您好呀！")
            && !all.contains("-token\"")
            && !all.contains("second-token")
            && !all.contains("whsec_"),
        "{diff:#}"
    );
    // A file that is broken changes nothing of it.
    shop.write("faq/shop.yaml", "faq: [");
    assert_eq!(post(&url(&daemon, "/-/reload"), "", &[("authorization", "Bearer second-token")]).await.status, 422);
    assert_eq!(answer("/v1/knowledge/diff", "second-token").await, diff);
}

#[tokio::test]
async fn consoles_hear_that_the_files_were_read() {
    let (shop, _receiver, daemon) = open_shop("").await;
    let mut ear = daemon.app.pipeline.hub.desk.listen(None);
    shop.write("faq/broken.yaml", "faq: [");
    let mut told = Vec::new();
    for text in ["faq: [", "faq: []\n"] {
        shop.write("faq/broken.yaml", text);
        post(&url(&daemon, "/-/reload"), "", &[]).await;
        // The files are watched as well, so one change may be told twice.
        let wanted = text.ends_with('\n');
        loop {
            let (_, news) = ear.next().await.unwrap();
            told.push(news.name());
            let news = serde_json::to_value(&news).unwrap();
            if news["ok"] == wanted {
                assert_eq!(news["rule_set"].as_str().unwrap().len(), 16);
                break;
            }
        }
    }
    assert!(told.iter().all(|name| *name == "files"), "{told:?}");
}
