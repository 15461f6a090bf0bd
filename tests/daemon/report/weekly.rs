//! The report by itself: at its time, once, also across restarts; a page in a folder and a digest to a webhook.

use nightdesk::handoff::signing::{SignedHeaders, SigningKey, TOLERANCE, verify};
use serde_json::json;

use crate::common::api::agent;
use crate::common::client::Client;
use crate::common::daemon::Daemon;
use crate::common::receiver::{Hit, Receiver};
use crate::common::shop::{DESK_SECRET, Shop};
use crate::common::{str_at, wait_for};

const SATURDAY: &str = "2026-10-17T10:00:00+08:00";
const MONDAY: &str = "2026-10-19T08:00:00+08:00";

fn told(receiver: &Receiver) -> Vec<Hit> {
    receiver.hits().into_iter().filter(|hit| hit.kind() == "report.weekly").collect()
}

fn pages(shop: &Shop) -> Vec<String> {
    let Ok(folder) = std::fs::read_dir(shop.data().join("weekly")) else { return Vec::new() };
    let mut names: Vec<String> = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Waits until it is known when the last report was due.
async fn remembers(daemon: &Daemon, due: &str) {
    let due = crate::common::daemon::instant(due).to_string();
    let last = || async {
        daemon.app.pipeline.store.kept("report", "last", daemon.now()).await.unwrap().filter(|kept| *kept == due)
    };
    wait_for("the time of the last report", last).await;
}

#[tokio::test]
async fn a_report_is_made_once_a_week_also_across_restarts() {
    let receiver = Receiver::start().await;
    let shop = Shop::small_with(&receiver, "report: {every: mon 08:00, dir: weekly, webhook: desk, keep: 2}");
    let daemon = Daemon::start(&shop, SATURDAY).await;
    // A shop that has just begun reports nothing of the Monday before.
    remembers(&daemon, "2026-10-12T08:00:00+08:00").await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    client.say("怎么退货").await;
    client.say("转人工").await;
    let id = client.conversation().to_owned();
    assert_eq!(agent(daemon.address(), &id, "messages", json!({"text": "您好。"})).await.status, 200);
    drop(client);
    daemon.stop().await;
    assert_eq!((told(&receiver).len(), pages(&shop).len()), (0, 0));

    // It was off at eight, and makes up for it.
    let daemon = Daemon::start(&shop, "2026-10-19T11:30:00+08:00").await;
    remembers(&daemon, MONDAY).await;
    assert_eq!(pages(&shop), ["report-2026-10-19.html"]);
    let hit = wait_for("the digest", || async { told(&receiver).pop() }).await;
    let key = SigningKey::parse(DESK_SECRET).unwrap();
    let headers = SignedHeaders {
        id: Some(hit.header("webhook-id")),
        timestamp: Some(hit.header("webhook-timestamp")),
        signature: Some(hit.header("webhook-signature")),
    };
    verify(headers, &hit.body, daemon.now(), TOLERANCE, &[key]).unwrap();
    let body = hit.json();
    assert_eq!(str_at(&body, "/data/report/file"), "report-2026-10-19.html");
    assert_eq!(str_at(&body, "/data/report/period/until"), "2026-10-19T00:00:00Z");
    let messages = json!({"label": "顾客消息", "value": "2", "before": "0"});
    assert_eq!(body["data"]["report"]["figures"][0], messages, "{body:#}");
    assert!(!body.to_string().contains("怎么退货"), "no customer's words");
    let page = std::fs::read_to_string(shop.data().join("weekly/report-2026-10-19.html")).unwrap();
    assert!(page.contains("七天无理由退货"));
    daemon.stop().await;

    // The same Monday again, after a restart; then two more Mondays, of which the last two pages stay.
    std::fs::write(shop.data().join("weekly/notes.txt"), "ours").unwrap();
    let daemon = Daemon::start(&shop, "2026-10-19T12:00:00+08:00").await;
    for (number, (monday, page)) in [
        ("2026-10-26T08:00:00+08:00", "report-2026-10-26.html"),
        ("2026-11-02T08:00:00+08:00", "report-2026-11-02.html"),
    ]
    .into_iter()
    .enumerate()
    {
        daemon.turn_to(monday);
        remembers(&daemon, monday).await;
        assert!(pages(&shop).iter().any(|name| name == page), "{:?}", pages(&shop));
        wait_for("the digest", || async { (told(&receiver).len() >= number + 2).then_some(()) }).await;
    }
    assert_eq!(pages(&shop), ["notes.txt", "report-2026-10-26.html", "report-2026-11-02.html"]);
    let ids: std::collections::BTreeSet<String> = told(&receiver).iter().map(|hit| hit.id().to_owned()).collect();
    assert_eq!((told(&receiver).len(), ids.len()), (3, 3), "one for each Monday");
    daemon.stop().await;
}

#[tokio::test]
async fn a_group_of_people_reads_the_figures_as_a_message() {
    let receiver = Receiver::start().await;
    let shop =
        Shop::small_with(&receiver, "report: {every: mon 08:00, webhook: group}\npublic_url: https://desk.example");
    let file = shop.dir().join("nightdesk.yaml");
    let settings = std::fs::read_to_string(&file).unwrap();
    let group = format!("\nwebhooks:\n  group: {{url: \"{}\", format: slack}}", receiver.url("/group"));
    shop.write("nightdesk.yaml", &settings.replacen("\nwebhooks:", &group, 1));
    let daemon = Daemon::start(&shop, SATURDAY).await;
    remembers(&daemon, "2026-10-12T08:00:00+08:00").await;
    daemon.turn_to(MONDAY);
    let hit = wait_for("the message", || async { receiver.hits_at("/group").pop() }).await;
    let message = hit.json().to_string();
    for part in ["客服报告", "2026-10-12 08:00", "顾客消息", "0 (0)", "report-2026-10-19.html"] {
        assert!(message.contains(part), "`{part}` is missing in {message}");
    }
    assert!(shop.data().join("reports/report-2026-10-19.html").is_file());
    daemon.stop().await;
}
