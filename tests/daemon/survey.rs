//! Satisfaction: asked once for each case that a person had, answered in words or by `rate`; a low score is itself a case. And
//! what a waiting customer sees meanwhile: the place in the line, and that somebody is writing.

use std::fs;

use jiff::Timestamp;
use nightdesk::handoff::signing::{SignedHeaders, SigningKey, TOLERANCE, verify};
use nightdesk::store::sqlite::SqliteStore;
use nightdesk::store::{Store, SurveyFilter, SurveyRow};
use serde_json::{Value, json};

use crate::common::api::{agent, forward, forwarded, http, transcript};
use crate::common::client::{Client, Turn};
use crate::common::daemon::Daemon;
use crate::common::receiver::{Hit, Receiver};
use crate::common::shop::{CRM_SECRET, DESK_SECRET, Shop};
use crate::common::{str_at, wait_for};

const WEDNESDAY: &str = "2026-10-14T10:00:00+08:00";
const QUESTION: &str = "打几分？";
const THANKS: &str = "谢谢，5 分！";
const SORRY: &str = "对不起，1 分。";

/// The small shop with a survey, and a queue `complaints` whose webhook is that of `/oncall`.
fn asking(receiver: &Receiver) -> Shop {
    let shop = Shop::small(receiver);
    let file = shop.dir().join("nightdesk.yaml");
    let settings = fs::read_to_string(&file).unwrap();
    let notices = "notices:\n  survey: {zh: 打几分？, en: How was it?}\n  rated: {zh: \"谢谢，{{ score }} 分！\"}\n  \
                   rated_low: {zh: \"对不起，{{ score }} 分。\"}\n  commented: {zh: \"记下了：{{ comment }}\"}\n";
    let settings = settings
        .replace("\nnotices:\n", &format!("\n{notices}"))
        .replace("\nqueues:\n", "\nqueues:\n  complaints: {hours: shop, webhook: oncall}\n");
    assert!(settings.contains("打几分？") && settings.contains("complaints"), "the small shop looks different now");
    shop.write("nightdesk.yaml", &settings);
    shop
}

/// A customer's case, which a person takes and closes; what the customer hears of the end.
async fn served(daemon: &Daemon, client: &mut Client) -> Turn {
    client.say("转人工").await;
    let id = client.conversation().to_owned();
    assert_eq!(agent(daemon.address(), &id, "messages", json!({"text": "您好，我是小林。"})).await.status, 200);
    client.quiet().await;
    assert_eq!(agent(daemon.address(), &id, "close", json!({})).await.status, 200);
    client.quiet().await
}

fn rate(id: &str, data: &Value) -> Value {
    json!({"type": "rate", "id": id, "data": data})
}

/// What is kept for the report.
async fn kept(shop: &Shop) -> Vec<SurveyRow> {
    let store = SqliteStore::open_beside(&shop.data()).unwrap();
    let filter = SurveyFilter { from: Timestamp::UNIX_EPOCH, until: Timestamp::MAX, limit: 100 };
    store.surveys(filter).await.unwrap()
}

fn of_kind(hits: &[Hit], kind: &str) -> Vec<Value> {
    hits.iter().filter(|hit| hit.kind() == kind).map(Hit::json).collect()
}

#[tokio::test]
async fn a_case_that_a_person_closes_is_asked_about_once_and_the_answer_goes_to_its_queue() {
    let receiver = Receiver::start().await;
    let shop = asking(&receiver);
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    // Before anything is asked.
    let early = client.turn(rate("r-0", &json!({"score": 5}))).await;
    assert_eq!(
        (&early.only("error")["re"], &early.only("error")["data"]["code"]),
        (&json!("r-0"), &json!("not_asked"))
    );

    let end = served(&daemon, &mut client).await;
    assert_eq!(end.texts(), ["再见！", QUESTION]);
    let question = &end.messages()[1]["data"];
    let case = str_at(question, "/survey/case");
    let options: Vec<&str> =
        question["options"].as_array().unwrap().iter().map(|option| str_at(option, "/label")).collect();
    assert_eq!(options, ["很不满意", "不满意", "一般", "满意", "非常满意"]);
    assert_eq!(question["survey"]["until"], "2026-10-15T02:00:00Z");
    assert_eq!(end.only("state")["data"]["state"], "closed");
    // Another tab, or the next page, knows that it is asked.
    assert_eq!(client.again(daemon.address()).await.welcome["data"]["survey"]["case"], case);

    for (data, code) in [
        (json!({"score": 0}), "bad_frame"),
        (json!({"score": 6}), "bad_frame"),
        (json!({"score": "5"}), "bad_frame"),
        (json!({}), "bad_frame"),
        (json!({"score": 5, "text": "好".repeat(2_001)}), "bad_frame"),
    ] {
        assert_eq!(client.turn(rate("r-1", &data)).await.only("error")["data"]["code"], code, "{data}");
    }
    let turn = client.turn(rate("r-1", &json!({"score": 5, "text": "很快"}))).await;
    assert_eq!((turn.only("ack")["data"]["dup"].as_bool(), turn.texts()), (Some(false), vec![THANKS]));
    assert_eq!(turn.only("message")["data"]["survey"], json!({"case": case, "score": 5}));
    let again = client.turn(rate("r-1", &json!({"score": 5, "text": "很快"}))).await;
    assert_eq!((again.only("ack")["data"]["dup"].as_bool(), again.texts()), (Some(true), vec![]));
    let late = client.turn(rate("r-2", &json!({"score": 1}))).await;
    assert_eq!(late.only("error")["data"]["code"], "not_asked");

    // The webhook of the queue that had the case, signed like the others.
    let hits = receiver.wait("/desk", 3).await;
    let told: Vec<String> = hits.iter().map(Hit::kind).collect();
    assert_eq!(told, ["handoff.created", "conversation.closed", "survey.answered"]);
    let hit = &hits[2];
    let signed = SignedHeaders {
        id: Some(hit.id()),
        timestamp: Some(hit.header("webhook-timestamp")),
        signature: Some(hit.header("webhook-signature")),
    };
    verify(signed, &hit.body, daemon.now(), TOLERANCE, &[SigningKey::parse(DESK_SECRET).unwrap()]).unwrap();
    let told = hit.json();
    let survey = &told["data"]["survey"];
    assert_eq!((&survey["handoff"], &survey["queue"]), (&json!(case), &json!("general")));
    assert_eq!((&survey["score"], &survey["text"], &survey["agent"]), (&json!(5), &json!("很快"), &json!("local")));
    assert_eq!(
        (&told["data"]["handoff"]["id"], &told["data"]["message"]["text"]),
        (&json!(case), &json!("5 非常满意\n很快"))
    );
    assert!(receiver.hits_at("/oncall").is_empty(), "a good score is no case");

    let rows = kept(&shop).await;
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].handoff.as_str(), rows[0].score, rows[0].text.as_deref()), (case, Some(5), Some("很快")));
    assert_eq!((rows[0].agent.as_deref(), rows[0].queue.as_str()), (Some("local"), "general"));
    let metrics =
        http().get(format!("http://{}/metrics", daemon.address())).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("nightdesk_survey_total{score=\"5\"} 1"), "{metrics}");
    // The people see the score in the transcript.
    let seen = transcript(daemon.address(), client.conversation()).await;
    let rated = seen.iter().find(|event| !event["data"]["rating"].is_null()).unwrap();
    assert_eq!((&rated["data"]["rating"]["score"], &rated["data"]["role"]), (&json!(5), &json!("visitor")));
}

#[tokio::test]
async fn a_low_score_is_a_case_of_the_complaints_and_is_not_asked_about_again() {
    let receiver = Receiver::start().await;
    let shop = asking(&receiver);
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    let end = served(&daemon, &mut client).await;
    let case = str_at(&end.messages()[1]["data"], "/survey/case").to_owned();
    let turn = client.say("1分").await;
    assert_eq!(turn.texts(), [SORRY]);
    assert_eq!(
        (&turn.only("state")["data"]["state"], &turn.only("state")["data"]["queue"]),
        (&json!("queued"), &json!("complaints"))
    );
    let created = receiver.wait("/oncall", 1).await[0].json();
    let data = &created["data"];
    assert_eq!((&created["type"], &data["class"]), (&json!("handoff.created"), &json!("complaint")));
    assert_eq!((&data["handoff"]["reason"], &data["handoff"]["priority"]), (&json!("low_score"), &json!("high")));
    assert_eq!((&data["survey"]["score"], &data["survey"]["agent"]), (&json!(1), &json!("local")));
    assert_eq!((&data["survey"]["handoff"], &data["message"]["rating"]["score"]), (&json!(case), &json!(1)));
    assert_ne!(data["handoff"]["id"], json!(case));

    assert_eq!(client.say("等了很久").await.texts(), ["记下了：等了很久"]);
    let message = receiver.wait("/oncall", 2).await[1].json();
    assert_eq!(
        (&message["type"], &message["data"]["message"]["text"]),
        (&json!("handoff.message"), &json!("等了很久"))
    );
    assert_eq!(message["data"]["survey"]["text"], "等了很久");
    let answers = of_kind(&receiver.wait("/desk", 4).await, "survey.answered");
    let texts: Vec<&Value> = answers.iter().map(|answer| &answer["data"]["survey"]["text"]).collect();
    assert_eq!(texts, [&json!(null), &json!("等了很久")]);
    assert_eq!(kept(&shop).await[0].text.as_deref(), Some("等了很久"));

    // That case is served and closed: the customer hears the closing words and is not asked again.
    let id = client.conversation().to_owned();
    assert_eq!(agent(daemon.address(), &id, "take", json!({})).await.status, 200);
    assert_eq!(agent(daemon.address(), &id, "close", json!({})).await.status, 200);
    assert_eq!(client.quiet().await.texts(), ["再见！"]);
    assert_eq!(client.turn(rate("r-9", &json!({"score": 5}))).await.only("error")["data"]["code"], "not_asked");
    assert_eq!(kept(&shop).await.len(), 1);
}

#[tokio::test]
async fn a_platform_s_customer_is_asked_in_numbered_words_and_answers_after_a_restart() {
    let receiver = Receiver::start().await;
    let shop = asking(&receiver);
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let (here, seconds) = (daemon.address(), daemon.now().as_second());
    let first = forward(here, CRM_SECRET, seconds, &forwarded("p-1", "ann", "转人工")).await;
    let id = str_at(&first.json, "/conversation").to_owned();
    assert_eq!(agent(here, &id, "take", json!({})).await.status, 200);
    assert_eq!(agent(here, &id, "close", json!({})).await.status, 200);
    let asked = wait_for("the question", || async {
        let said = of_kind(&receiver.hits_at("/replies"), "message.created");
        said.into_iter().find(|said| said["data"]["message"]["survey"].is_object())
    })
    .await;
    assert_eq!(str_at(&asked, "/data/message/text"), "打几分？\n1 很不满意\n2 不满意\n3 一般\n4 满意\n5 非常满意");
    daemon.stop().await;

    let daemon = Daemon::start(&shop, "2026-10-15T09:30:00+08:00").await;
    let (here, seconds) = (daemon.address(), daemon.now().as_second());
    let body = forwarded("p-2", "ann", "五星");
    let answer = forward(here, CRM_SECRET, seconds, &body).await;
    assert_eq!((&answer.json["decision"]["outcome"], &answer.json["state"]), (&json!("survey"), &json!("closed")));
    assert_eq!(answer.json["messages"][0]["text"], THANKS);
    let again = forward(here, CRM_SECRET, seconds, &body).await;
    assert_eq!((&again.json["duplicate"], &again.json["messages"]), (&json!(true), &answer.json["messages"]));
    let answered =
        wait_for("the event", || async { of_kind(&receiver.hits_at("/desk"), "survey.answered").pop() }).await;
    assert_eq!(answered["data"]["survey"]["score"], 5);
    assert_eq!(kept(&shop).await.len(), 1);
    // What is said next with words of its own is answered as always.
    let next = forward(here, CRM_SECRET, seconds, &forwarded("p-3", "ann", "怎么退货")).await;
    assert_eq!(next.json["decision"]["outcome"], "faq");
}

#[tokio::test]
async fn nobody_is_asked_about_a_case_that_no_person_had_nor_when_it_goes_back_to_the_bot() {
    let receiver = Receiver::start().await;
    let shop = asking(&receiver);
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let mut client = Client::new(daemon.address(), "zh-CN").await;
    let id = client.conversation().to_owned();
    // The customer closes what nobody has taken.
    client.say("转人工").await;
    assert_eq!(client.turn(json!({"type": "close", "id": "c-1"})).await.texts(), ["再见！"]);
    // A person hands it back.
    client.say("转人工").await;
    agent(daemon.address(), &id, "take", json!({})).await;
    agent(daemon.address(), &id, "return", json!({})).await;
    assert!(client.quiet().await.messages().is_empty());
    assert!(kept(&shop).await.is_empty());
    // The customer closes what a person has: it is that person's.
    client.say("转人工").await;
    agent(daemon.address(), &id, "take", json!({})).await;
    client.quiet().await;
    assert_eq!(client.turn(json!({"type": "close", "id": "c-2"})).await.texts(), ["再见！", QUESTION]);
    assert_eq!(kept(&shop).await[0].agent.as_deref(), Some("local"));
    // The question lapses.
    daemon.turn_to("2026-10-15T10:00:00+08:00");
    assert!(client.again(daemon.address()).await.welcome["data"]["survey"].is_null());
    assert_eq!(client.turn(rate("r-1", &json!({"score": 4}))).await.only("error")["data"]["code"], "not_asked");
    assert_eq!(kept(&shop).await[0].score, None);
}

#[tokio::test]
async fn a_waiting_customer_sees_the_place_come_nearer_and_the_person_writing() {
    let receiver = Receiver::start().await;
    let shop = asking(&receiver);
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let here = daemon.address();
    let mut clients = Vec::new();
    for place in 1..=3 {
        let mut client = Client::new(here, "zh-CN").await;
        assert_eq!(client.say("转人工").await.only("state")["data"]["position"], place);
        clients.push(client);
    }
    let first = clients[0].conversation().to_owned();
    assert_eq!(agent(here, &first, "take", json!({})).await.status, 200);
    for (client, place) in clients[1..].iter_mut().zip(1..) {
        let told = client.next().await;
        assert_eq!((&told["type"], &told["data"]["position"]), (&json!("position"), &json!(place)), "{told:#}");
        assert!(told.get("seq").is_none(), "a place is not kept: {told:#}");
    }
    // The next page shows it at once.
    let again = clients[2].again(here).await;
    assert_eq!((&again.welcome["data"]["state"], &again.welcome["data"]["position"]), (&json!("queued"), &json!(2)));

    // The person who has a conversation writes; in one that nobody has, nobody does.
    let second = clients[1].conversation().to_owned();
    for id in [&first, &second] {
        assert_eq!(agent(here, id, "typing", json!({})).await.status, 204);
    }
    assert_eq!(agent(here, "c_000000000000000000000000", "typing", json!({})).await.status, 404);
    let turn = clients[0].quiet().await;
    assert_eq!(turn.only("typing")["data"]["on"], true);
    assert!(clients[1].quiet().await.frames.is_empty());
}
