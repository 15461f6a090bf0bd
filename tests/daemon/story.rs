//! The whole story with the shipped rules: real sockets, a real receiver, and a clock that the test turns.
//!
//! The shop is open Monday to Friday from 9 to 18. Saturday 10 October 2026 is a make-up day (调休); 1 to 7 October are holidays.

use serde_json::{Value, json};

use crate::common::client::Client;
use crate::common::daemon::Daemon;
use crate::common::receiver::Receiver;
use crate::common::shop::{CRM_SECRET, Shop};
use crate::common::{api, str_at};

/// Words that nothing in the starter pack answers.
const UNHEARD_OF: &str = "紫色大象飞过了第三座桥";
const UNHEARD_OF_HANT: &str = "紫色大象飛過了第三座橋";
const UNHEARD_OF_EN: &str = "purple elephants flew over the third bridge";

/// Texts of the notices among a turn's messages.
fn notices(turn: &crate::common::client::Turn) -> Vec<&str> {
    let said = turn.messages().into_iter().filter(|frame| frame["data"]["kind"] == "notice");
    said.map(|frame| str_at(frame, "/data/text")).collect()
}

/// The one notice of a turn, which is all that was said in it.
#[track_caller]
fn only_notice(turn: &crate::common::client::Turn) -> String {
    let notices = notices(turn);
    assert_eq!(notices.len(), 1, "one notice: {:#?}", turn.frames);
    assert_eq!(turn.texts(), notices, "and nothing else is said: {:#?}", turn.frames);
    notices[0].to_owned()
}

#[tokio::test]
async fn an_evening_question_a_closed_notice_once_and_the_days_after() {
    let receiver = Receiver::start().await;
    let shop = Shop::shipped(&receiver);
    let daemon = Daemon::start(&shop, "2026-10-09T20:15:00+08:00").await;
    let mut customer = Client::new(daemon.address(), "zh-CN").await;
    assert_eq!(customer.welcome["data"]["open"], false);
    assert_eq!(customer.welcome["data"]["next_open"], "2026-10-10T01:00:00Z", "Saturday is a working day");

    // A question that the bot can answer is answered, whatever the hour, and nobody is troubled.
    let turn = customer.say("怎么退货？").await;
    assert_eq!(turn.messages().len(), 1, "{:#?}", turn.frames);
    let answer = &turn.messages()[0]["data"];
    assert_eq!((&answer["rule"], &answer["role"]), (&json!("returns.window"), &json!("bot")));
    assert!(str_at(answer, "/text").contains("7 天") || str_at(answer, "/text").contains("七天"), "{answer:#}");
    assert!(receiver.hits().is_empty());

    // One that it cannot answer goes to people, and the customer hears when they are back.
    let turn = customer.say(UNHEARD_OF).await;
    let notice = only_notice(&turn);
    assert!(notice.contains("明天 9:00") && notice.contains("人工"), "{notice}");
    assert_eq!(turn.only("state")["data"]["state"], "queued");
    let created = receiver.wait("/desk", 1).await[0].json();
    assert_eq!(created["type"], "handoff.created");
    let data = &created["data"];
    assert_eq!((&data["handoff"]["queue"], &data["handoff"]["reason"]), (&json!("general"), &json!("no_match")));
    assert_eq!(
        data["handoff"]["deadline"], "2026-10-10T01:02:00Z",
        "two minutes of open time, counted on the make-up day"
    );
    assert_eq!(data["message"]["text"], UNHEARD_OF);
    assert_eq!(data["conversation"]["id"], customer.conversation());
    let said: Vec<&str> = data["transcript"].as_array().unwrap().iter().map(|said| str_at(said, "/role")).collect();
    assert_eq!(said, ["visitor", "bot", "visitor", "bot"], "the case comes with all that was said");

    // What follows is passed on without a second notice, also by a daemon that was started anew.
    let turn = customer.say(&format!("{UNHEARD_OF}，还是没有找到")).await;
    assert!(turn.messages().is_empty(), "{:#?}", turn.frames);
    assert_eq!(receiver.wait("/desk", 2).await[1].kind(), "handoff.message");
    daemon.stop().await;
    let daemon = Daemon::start(&shop, "2026-10-10T01:30:00+08:00").await;
    let mut customer = customer.again(daemon.address()).await;
    assert_eq!(customer.welcome["data"]["state"], "queued");
    let turn = customer.say(&format!("{UNHEARD_OF}，睡不着")).await;
    assert!(turn.messages().is_empty(), "after a restart: {:#?}", turn.frames);
    assert_eq!(receiver.wait("/desk", 3).await[2].json()["data"]["message"]["text"], format!("{UNHEARD_OF}，睡不着"));

    // In the morning, before its target, a person takes it, answers, and hands it back.
    daemon.turn_to("2026-10-10T09:01:00+08:00");
    let id = customer.conversation().to_owned();
    let written = api::agent(daemon.address(), &id, "messages", json!({"text": "大象在第四座桥。"})).await;
    assert_eq!((written.status, &written.json["state"]), (200, &json!("human")));
    assert_eq!(customer.quiet().await.texts(), ["大象在第四座桥。"]);
    assert_eq!(api::agent(daemon.address(), &id, "return", json!({})).await.status, 200);
    assert_eq!(receiver.wait("/desk", 4).await[3].kind(), "conversation.returned");
    assert_eq!(customer.quiet().await.only("state")["data"]["state"], "bot");

    // The next closed period is another one: the notice is given once again, with Monday in it.
    daemon.turn_to("2026-10-10T20:00:00+08:00");
    let notice = only_notice(&customer.say(UNHEARD_OF).await);
    assert!(notice.contains("10月12日(周一)9:00"), "{notice}");
    assert!(customer.say(UNHEARD_OF).await.messages().is_empty());
}

#[tokio::test]
async fn while_people_are_there_the_customer_hears_that_one_takes_over() {
    let receiver = Receiver::start().await;
    let shop = Shop::shipped(&receiver);
    // The make-up Saturday: people are there, although it is a weekend.
    let daemon = Daemon::start(&shop, "2026-10-10T10:00:00+08:00").await;
    let mut customer = Client::new(daemon.address(), "zh-CN").await;
    assert_eq!(customer.welcome["data"]["open"], true);
    let notice = only_notice(&customer.say("转人工").await);
    assert!(notice.contains("正在为您转接") && !notice.contains("非工作时间"), "{notice}");
    let created = receiver.wait("/desk", 1).await[0].json();
    assert_eq!(created["data"]["handoff"]["reason"], "asked");
}

#[tokio::test]
async fn the_next_opening_is_right_across_weekends_and_holidays_in_every_language() {
    let receiver = Receiver::start().await;
    let shop = Shop::shipped(&receiver);
    let daemon = Daemon::start(&shop, "2026-10-23T20:15:00+08:00").await;
    for (at, locale, text, says, when) in [
        // Friday before an ordinary weekend.
        ("2026-10-23T20:15:00+08:00", "zh-CN", UNHEARD_OF, "非工作时间", "10月26日(周一)9:00"),
        ("2026-10-23T20:15:00+08:00", "zh-TW", UNHEARD_OF_HANT, "非工作時間", "10月26日(週一)9:00"),
        ("2026-10-23T20:15:00+08:00", "en-GB", UNHEARD_OF_EN, "outside working hours", "Monday 9:00 am"),
        // Friday before the make-up Saturday.
        ("2026-10-09T20:15:00+08:00", "zh-TW", UNHEARD_OF_HANT, "非工作時間", "明天 9:00"),
        ("2026-10-09T20:15:00+08:00", "en", UNHEARD_OF_EN, "outside working hours", "tomorrow 9:00 am"),
        // The evening before the National Day holidays; and in the middle of them.
        ("2026-09-30T18:00:00+08:00", "zh-CN", UNHEARD_OF, "非工作时间", "10月8日(周四)9:00"),
        ("2026-09-30T18:00:00+08:00", "zh-Hant", UNHEARD_OF_HANT, "非工作時間", "10月8日(週四)9:00"),
        ("2026-09-30T18:00:00+08:00", "en", UNHEARD_OF_EN, "outside working hours", "Thursday, October 8, 9:00 am"),
        ("2026-10-05T11:00:00+08:00", "en", UNHEARD_OF_EN, "outside working hours", "Thursday 9:00 am"),
        // Early in the morning of a working day.
        ("2026-10-14T08:59:59+08:00", "zh-CN", UNHEARD_OF, "非工作时间", "今天 9:00"),
    ] {
        daemon.turn_to(at);
        let mut customer = Client::new(daemon.address(), locale).await;
        let notice = only_notice(&customer.say(text).await);
        assert!(notice.contains(says) && notice.contains(when), "at {at} in {locale}: {notice}");
    }
}

#[tokio::test]
async fn an_urgent_case_at_three_in_the_morning_reaches_the_colleague_on_call() {
    let receiver = Receiver::start().await;
    let shop = Shop::shipped(&receiver);
    let daemon = Daemon::start(&shop, "2026-10-14T03:00:00+08:00").await;
    for (locale, text, words) in [
        ("zh-CN", "我的账号被盗了，有人盗刷！", "已按紧急情况优先转给值班同事"),
        ("zh-TW", "我的帳號被盜了，有人盜刷！", "緊急"),
        ("en", "My account was hacked and someone is using my card", "passed to the colleague on call as urgent"),
    ] {
        let before = receiver.hits_at("/oncall").len();
        let mut customer = Client::new(daemon.address(), locale).await;
        let turn = customer.say(text).await;
        assert_eq!(turn.texts().len(), 1, "its own words and no notice: {:#?}", turn.frames);
        assert!(turn.texts()[0].contains(words), "{:#?}", turn.texts());
        assert!(notices(&turn).is_empty());
        let state = &turn.only("state")["data"];
        assert_eq!((&state["queue"], &state["urgent"]), (&json!("oncall"), &json!(true)));

        let case = receiver.wait("/oncall", before + 1).await[before].json();
        assert_eq!((&case["type"], &case["data"]["class"]), (&json!("handoff.created"), &json!("urgent")));
        let handoff = &case["data"]["handoff"];
        assert_eq!((&handoff["queue"], &handoff["priority"]), (&json!("oncall"), &json!("urgent")));
        assert_eq!(handoff["reason"], "account_stolen");
        assert_eq!(
            handoff["deadline"], "2026-10-13T19:05:00Z",
            "the queue never closes: five minutes are five minutes"
        );
        assert_eq!(case["data"]["matched"][0], "urgent.account-stolen");

        // Somebody is there at this hour: the customer hears once that the case waits its turn, not that nobody is there.
        let turn = customer.say("转人工").await;
        let waiting = only_notice(&turn);
        assert!(!waiting.contains("9:00"), "{waiting}");
        let turn = customer.say("转人工").await;
        assert!(turn.messages().is_empty(), "{:#?}", turn.frames);
        receiver.wait("/oncall", before + 3).await;
    }
    assert!(receiver.hits_at("/desk").is_empty(), "the day's desk is asleep");
}

#[tokio::test]
async fn a_waiting_case_that_turns_urgent_moves_to_the_colleague_on_call() {
    let receiver = Receiver::start().await;
    let shop = Shop::shipped(&receiver);
    let daemon = Daemon::start(&shop, "2026-10-14T03:00:00+08:00").await;
    let mut customer = Client::new(daemon.address(), "zh-CN").await;
    only_notice(&customer.say(UNHEARD_OF).await);
    let turn = customer.say("我的账号被盗了").await;
    assert!(turn.texts()[0].contains("紧急"), "{:#?}", turn.frames);
    let kinds: Vec<String> = receiver.wait("/desk", 2).await.iter().map(crate::common::receiver::Hit::kind).collect();
    assert_eq!(kinds, ["handoff.created", "handoff.moved"]);
    let case = receiver.wait("/oncall", 1).await[0].json();
    assert_eq!(case["data"]["handoff"]["priority"], "urgent");
    let said = case["data"]["transcript"].as_array().unwrap();
    assert!(said.iter().any(|said| said["text"] == UNHEARD_OF), "with all that was said before: {case:#}");
}

#[tokio::test]
async fn a_good_customer_of_a_platform_goes_to_the_queue_of_her_tier() {
    let receiver = Receiver::start().await;
    let shop = Shop::shipped(&receiver);
    let daemon = Daemon::start(&shop, "2026-10-09T20:15:00+08:00").await;
    let mut body = api::forwarded("p-1", "anna", "转人工");
    body["data"]["customer"]["tier"] = json!("vip");
    let answer = api::forward(daemon.address(), CRM_SECRET, daemon.now().as_second(), &body).await;
    assert_eq!((answer.status, &answer.json["handoff"]["queue"]), (200, &json!("vip")), "{:#}", answer.json);
    let said: Vec<&Value> = answer.json["messages"].as_array().unwrap().iter().collect();
    assert!(said.len() == 1 && str_at(said[0], "/text").contains("明天 9:00"), "{said:#?}");
    assert_eq!(receiver.wait("/desk", 1).await[0].json()["data"]["customer"]["tier"], "vip");
}
