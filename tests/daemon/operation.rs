//! What those who run the daemon see: figures of what happened, and a log that holds no customer's words.

use serde_json::json;

use crate::common::api::{agent, forward, forwarded, get};
use crate::common::client::Client;
use crate::common::daemon::{Daemon, Process};
use crate::common::receiver::Receiver;
use crate::common::shop::{CRM_SECRET, DESK_SECRET, Shop};

const WEDNESDAY: &str = "2026-10-14T10:00:00+08:00";

#[test]
fn it_ends_although_a_folder_hangs() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let shop = Shop::small(&runtime.block_on(Receiver::start()));
    let process = Process::start(&shop);
    // Reading it waits for somebody who writes, as a network folder waits for its server.
    let pipe = shop.dir().join("faq/hangs.yaml");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert_eq!(process.terminate(), Some(0));
}

#[tokio::test]
async fn the_figures_tell_what_was_decided_and_what_waits() {
    let receiver = Receiver::misbehaving(|_, _| (503, std::time::Duration::ZERO)).await;
    let shop = Shop::small(&receiver);
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    client.say("怎么退货").await;
    client.say("蓝色火烈鸟").await;
    let refused =
        forward(daemon.address(), "whsec_d3Jvbmctc2VjcmV0LXdyb25n", daemon.now().as_second(), &json!({})).await;
    assert_eq!(refused.status, 401);
    receiver.wait("/desk", 1).await;
    let url = format!("http://{}/metrics", daemon.address());
    let retried = "nightdesk_deliveries_total{endpoint=\"desk\",outcome=\"retry\"}";
    // The attempt is counted a moment after the receiver has answered it.
    let mut figures = String::new();
    for _ in 0..100 {
        figures = reqwest::get(&url).await.unwrap().text().await.unwrap();
        if figures.contains(retried) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(figures.contains(retried), "{figures}");
    for wanted in [
        r#"nightdesk_messages_total{channel="web",outcome="faq",reason="matched"} 1"#,
        r#"nightdesk_messages_total{channel="web",outcome="handoff",reason="no_match"} 1"#,
        r#"nightdesk_rule_hits_total{rule="returns.window"} 1"#,
        r#"nightdesk_handoffs_total{queue="general",priority="normal"} 1"#,
        r#"nightdesk_queue_waiting{queue="general"} 1"#,
        r#"nightdesk_outbox_pending{endpoint="desk"} 1"#,
        r#"nightdesk_refused_total{why="bad_signature"} 1"#,
        "nightdesk_decide_seconds_count 2",
        "nightdesk_message_seconds_count 2",
        "nightdesk_sockets 1",
        "nightdesk_last_reload_successful 1",
        concat!("nightdesk_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\",system=\""),
        "process_start_time_seconds ",
        #[cfg(target_os = "linux")]
        "process_resident_memory_bytes ",
        #[cfg(target_os = "linux")]
        "process_open_fds ",
        #[cfg(target_os = "linux")]
        "process_max_fds ",
    ] {
        assert!(figures.contains(wanted), "{wanted} is not in\n{figures}");
    }
    assert!(figures.ends_with("# EOF\n"));
}

#[tokio::test]
async fn the_days_are_told_for_which_calendars_know_the_holidays() {
    let receiver = Receiver::start().await;
    let shop = Shop::shipped(&receiver);
    // The pack knows 2025 and 2026.
    let daemon = Daemon::start(&shop, "2026-12-22T00:00:00+08:00").await;
    for (now, days) in [(None, "10.0"), (Some("2027-01-06T00:00:00+08:00"), "-5.0")] {
        if let Some(now) = now {
            daemon.turn_to(now);
        }
        let figures = reqwest::get(format!("http://{}/metrics", daemon.address())).await.unwrap().text().await.unwrap();
        let told: Vec<&str> = figures.lines().filter(|line| line.starts_with("nightdesk_calendar_days{")).collect();
        // Schedules without calendars are never out of date.
        assert_eq!(told, [format!("nightdesk_calendar_days{{schedule=\"shop\"}} {days}")]);
    }
}

#[tokio::test]
async fn health_is_told_to_anybody_and_errors_are_problem_documents() {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    for path in ["/-/healthy", "/-/ready"] {
        let answer = reqwest::get(format!("http://{}{path}", daemon.address())).await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    for (path, status) in [("/nothing", 404), ("/v1/conversations?limit=x", 400), ("/v1/inbound/crm", 405)] {
        let answer = get(&format!("http://{}{path}", daemon.address())).await;
        assert_eq!((answer.status, answer.content_type.as_str()), (status, "application/problem+json"), "{path}");
    }
}

#[tokio::test]
async fn the_log_holds_no_words_names_numbers_or_secrets_of_customers() {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let process = Process::start_with(&shop, &[("NIGHTDESK_LOG", "nightdesk=trace,warn")]);
    let mut client = Client::new(process.address, "zh-CN").await;
    client.say("我的手机号是13812345678，邮箱anna@example.com，怎么退货").await;
    client.say("转人工").await;
    let mut body = forwarded("p-1", "cust-77", "地址是光明路五号，转人工");
    body["data"]["customer"]["name"] = json!("欧阳小满");
    let now = jiff::Timestamp::now().as_second();
    assert_eq!(forward(process.address, CRM_SECRET, now, &body).await.status, 200);
    receiver.wait("/desk", 2).await;
    let reply = agent(process.address, client.conversation(), "messages", json!({"text": "请发身份证号"})).await;
    assert_eq!(reply.status, 200);
    let log = std::fs::read_to_string(shop.aside("daemon.log")).unwrap();
    assert!(log.contains("Message decided."), "{log}");
    let secret = DESK_SECRET.trim_start_matches("whsec_");
    for word in ["13812345678", "anna@example.com", "光明路", "欧阳小满", "怎么退货", "身份证", secret, "vt_", "rt_"]
    {
        assert!(!log.contains(word), "the log holds {word}:\n{log}");
    }
}
