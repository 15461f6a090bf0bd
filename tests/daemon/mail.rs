//! Channels of kind `mail`: letters in by LMTP and SMTP, letters out by SMTP, with programs that others wrote at both ends.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt};

use crate::common::api::{agent, get, transcript};
use crate::common::daemon::{Daemon, Process};
use crate::common::mail::{MailServer, hand_over, header};
use crate::common::receiver::Receiver;
use crate::common::shop::Shop;
use crate::common::{str_at, wait_for};

const WEDNESDAY: &str = "2026-10-14T10:00:00+08:00";
const SHOP: &str = "service@shop.example";
const ANNA: &str = "anna@example.org";

fn settings(listen: &str, server: &MailServer, more: &str) -> String {
    format!(
        "kind: mail, listen: \"{listen}\", addresses: [{SHOP}, help@shop.example], sender_name: 商城客服, \
         footer: [商城客服, 周一至周五 9-18 点], smtp: \"localhost:{}\", smtp_tls: none{more}",
        server.port
    )
}

/// The small shop with two channels of mail: `post` by LMTP, `smtp` by SMTP.
fn shop(receiver: &Receiver, listen: &str, server: &MailServer, more: &str) -> Shop {
    let shop = Shop::small(receiver);
    let all = std::fs::read_to_string(shop.dir().join("nightdesk.yaml")).unwrap();
    let channels = format!(
        "\nchannels:\n  post: {{{}}}\n  smtp: {{{}, protocol: smtp}}\n",
        settings(listen, server, more),
        settings("127.0.0.1:0", server, more)
    );
    shop.write("nightdesk.yaml", &all.replace("\nchannels:\n", &channels));
    shop
}

struct Stage {
    shop: Shop,
    receiver: Receiver,
    server: MailServer,
    daemon: Daemon,
}

impl Stage {
    async fn with(more: &str) -> Self {
        let (receiver, server) = (Receiver::start().await, MailServer::start(&[]));
        let shop = shop(&receiver, "127.0.0.1:0", &server, more);
        let daemon = Daemon::start(&shop, WEDNESDAY).await;
        Self { shop, receiver, server, daemon }
    }

    async fn start() -> Self {
        Self::with("").await
    }

    fn port(&self, channel: &str) -> u16 {
        port(&self.daemon, channel)
    }

    /// Hands a letter over, which is taken.
    async fn send(&self, from: &str, raw: &str) {
        let done = hand_over("lmtp", self.port("post"), &[(from, &[SHOP], raw.as_bytes().to_vec())]).await;
        assert_eq!(done, [json!({"refused": {}})], "{raw}");
    }

    async fn conversations(&self) -> Vec<Value> {
        let found = get(&format!("http://{}/v1/conversations?limit=100", self.daemon.address())).await;
        found.json["conversations"].as_array().unwrap_or_else(|| panic!("{:#}", found.json)).clone()
    }

    async fn conversation(&self) -> String {
        let all = self.conversations().await;
        assert_eq!(all.len(), 1, "{all:#?}");
        str_at(&all[0], "/id").to_owned()
    }

    /// The next letter that was sent. Without one, what became of the deliveries.
    async fn letter(&mut self) -> Value {
        let began = std::time::Instant::now();
        loop {
            if let Some(letter) = self.server.offered() {
                return letter;
            }
            if began.elapsed() > crate::common::PATIENCE {
                let filter = nightdesk::store::DeliveryFilter { limit: 10, ..Default::default() };
                panic!("no letter: {:#?}", self.daemon.app.pipeline.store.deliveries(filter).await);
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    /// Nothing else was sent than a letter that is answered now.
    async fn quiet(&mut self) {
        let raw = letter("sentinel@example.org", "sentinel", "", "怎么开发票");
        self.send("sentinel@example.org", &raw).await;
        let only = self.letter().await;
        assert_eq!(only["to"], json!(["sentinel@example.org"]), "{only:#}");
    }
}

fn port(daemon: &Daemon, channel: &str) -> u16 {
    daemon.app.mail_addresses().into_iter().find(|(name, _)| name == channel).unwrap().1.port()
}

/// A letter to the shop.
fn letter(from: &str, id: &str, head: &str, body: &str) -> String {
    let body = body.replace('\n', "\r\n");
    format!(
        "From: Anna Li <{from}>\r\nTo: {SHOP}\r\nMessage-ID: <{id}@example.org>\r\nDate: Wed, 14 Oct 2026 10:00:00 +0800\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n{head}\r\n{body}\r\n"
    )
}

fn roles(events: &[Value]) -> Vec<String> {
    let message =
        |event: &Value| Some(format!("{}: {}", event["data"]["role"].as_str()?, event["data"]["text"].as_str()?));
    events.iter().filter_map(message).collect()
}

#[tokio::test]
async fn a_customer_is_answered_by_letter_then_by_a_person_and_the_thread_is_kept() {
    let mut stage = Stage::start().await;
    // As a mail program of China writes: GBK in subject and words, and a page beside them.
    let gbk = STANDARD.encode(b"\xc4\xfa\xba\xc3\xa3\xba\r\n\xd4\xf5\xc3\xb4\xcd\xcb\xbb\xf5\r\n\r\n-- \r\nAnna\r\n");
    let raw = format!(
        "From: =?GB2312?B?sLLErA==?= <{ANNA}>\r\nTo: \"shop\" <{SHOP}>\r\nSubject: =?gbk?B?0rvLq9Cs?=\r\nMessage-ID: <first@example.org>\r\n\
         References: \r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\
         Content-Type: text/plain; charset=gbk\r\nContent-Transfer-Encoding: base64\r\n\r\n{gbk}\r\n--b\r\nContent-Type: text/html\r\n\r\n\
         <p>page</p>\r\n--b--\r\n"
    );
    stage.send(ANNA, &raw).await;
    let answer = stage.letter().await;
    assert_eq!((&answer["from"], &answer["to"]), (&json!(""), &json!([ANNA])), "{answer:#}");
    assert_eq!(header(&answer, "from"), format!("商城客服 <{SHOP}>"));
    assert_eq!(header(&answer, "subject"), "自动回复：一双鞋");
    assert_eq!(header(&answer, "in-reply-to"), "<first@example.org>");
    assert_eq!(header(&answer, "references"), "<first@example.org>");
    assert_eq!(header(&answer, "auto-submitted"), "auto-replied");
    assert_eq!(header(&answer, "precedence"), "bulk");
    assert_eq!(header(&answer, "x-auto-response-suppress"), "All");
    assert_eq!(header(&answer, "x-loop"), SHOP);
    assert_eq!(answer["defects"], json!([]));
    let body = "安默，您好：\n\n七天内可以退货。\n\n您也可以直接回复编号：\n1. 退款多久到账\n2. 怎么开发票\n\n\
                这是自动回复。需要人工服务时，请直接回复本邮件，写上“转人工”。\n\n-- \n商城客服\n周一至周五 9-18 点\n";
    assert_eq!(answer["text"], body);

    // The number of an option, above the quoted letter.
    let ours = header(&answer, "message-id").to_owned();
    let reply = |id: &str, text: &str, to: &str| {
        let quoted =
            format!("{text}\n\n在 2026年10月14日，商城客服 <{SHOP}> 写道：\n\n> 七天内可以退货。\n> 怎么退货\n");
        letter(
            ANNA,
            id,
            &format!(
                "Subject: Re: =?utf-8?B?{}?=\r\nIn-Reply-To: {to}\r\nReferences: <first@example.org> {to}\r\n",
                STANDARD.encode("自动回复：一双鞋")
            ),
            &quoted,
        )
    };
    stage.send(ANNA, &reply("second", "1", &ours)).await;
    let second = stage.letter().await;
    assert!(str_at(&second, "/text").contains("退款三天到账。"), "{second:#}");
    assert_eq!(header(&second, "subject"), "自动回复：一双鞋");
    assert_eq!(header(&second, "references"), format!("<first@example.org> {ours} <second@example.org>"));

    stage.send(ANNA, &reply("third", "转人工", header(&second, "message-id"))).await;
    let handed = stage.letter().await;
    assert!(str_at(&handed, "/text").contains("已转给同事。\n\n这是自动回复。如需补充"), "{handed:#}");
    let conversation = stage.conversation().await;
    let told =
        wait_for("the hand-off", async || stage.receiver.hits().into_iter().find(|hit| hit.path == "/desk")).await;
    let told: Value = serde_json::from_slice(&told.body).unwrap();
    // People see the whole letter.
    assert!(str_at(&told, "/data/message/text").contains("> 怎么退货"), "{told:#}");
    assert_eq!(told["data"]["message"]["letter"]["subject"], "Re: 自动回复：一双鞋");

    let said =
        agent(stage.daemon.address(), &conversation, "messages", json!({"text": "您好，我来处理。", "agent": "李雷"}))
            .await;
    assert_eq!(said.status, 200, "{:#}", said.json);
    let person = stage.letter().await;
    assert_eq!((&person["from"], &person["to"]), (&json!(SHOP), &json!([ANNA])), "{person:#}");
    assert!(person["headers"]["auto-submitted"].is_null() && person["headers"]["precedence"].is_null(), "{person:#}");
    assert_eq!(header(&person, "subject"), "Re: 一双鞋");
    assert_eq!(header(&person, "in-reply-to"), "<third@example.org>");
    assert_eq!(person["text"], "您好，我来处理。\n\n-- \n商城客服\n周一至周五 9-18 点\n");

    // With a person nothing is answered by machine; what is closed is said in one letter.
    stage.send(ANNA, &reply("fourth", "怎么退货", header(&person, "message-id"))).await;
    let closed = agent(stage.daemon.address(), &conversation, "close", json!({})).await;
    assert_eq!(closed.status, 200, "{:#}", closed.json);
    let goodbye = stage.letter().await;
    assert_eq!(header(&goodbye, "in-reply-to"), "<fourth@example.org>");
    assert!(str_at(&goodbye, "/text").contains("再见！"), "{goodbye:#}");
    assert_eq!(header(&goodbye, "auto-submitted"), "auto-replied");
    assert_eq!(stage.conversation().await, conversation);
    stage.quiet().await;
}

#[tokio::test]
async fn what_no_machine_may_answer_is_not_answered_and_reaches_people_where_they_want_it() {
    let mut stage = Stage::start().await;
    let nobody = [
        ("", ""),
        (ANNA, "Auto-Submitted: auto-generated (failure)\r\n"),
        (ANNA, "List-Unsubscribe: <mailto:x@y>\r\n"),
        (ANNA, "Precedence: bulk\r\n"),
        (ANNA, "X-Spam-Flag: YES\r\n"),
        (ANNA, "X-Loop: service@shop.example\r\n"),
        ("MAILER-DAEMON@example.org", ""),
        ("owner-list@example.org", ""),
    ];
    for (number, (from, head)) in nobody.iter().enumerate() {
        stage.send(from, &letter(ANNA, &format!("n{number}"), head, "怎么退货")).await;
    }
    stage.send("x@example.org", &letter("help@shop.example", "own", "", "怎么退货")).await;
    assert!(stage.conversations().await.is_empty());

    let people = [
        ("p1@example.org", "X-Auto-Response-Suppress: OOF\r\n", SHOP),
        ("p2@example.org", "", "somebody@else.example"),
        ("no-reply@example.org", "", SHOP),
    ];
    for (number, (from, head, to)) in people.iter().enumerate() {
        let raw =
            letter(from, &format!("p{number}"), head, "怎么退货").replace(&format!("To: {SHOP}"), &format!("To: {to}"));
        stage.send(from, &raw).await;
        let all = stage.conversations().await;
        let found = all.iter().find(|one| one["customer"]["id"] == *from || one["customer"] == *from);
        let found = found.unwrap_or_else(|| panic!("{from} is not with people: {all:#?}"));
        assert_eq!(found["state"], "queued", "{found:#}");
        let events = transcript(stage.daemon.address(), str_at(found, "/id")).await;
        assert_eq!(roles(&events).len(), 1, "{events:#?}");
        assert_eq!(events[0]["data"]["decision"]["reason"], "not_by_machine");
    }
    // A person's answer goes out all the same, and to where the sender wants it.
    let raw = letter(
        "form@example.org",
        "form",
        "X-Auto-Response-Suppress: All\r\nReply-To: <real@example.org>\r\n",
        "怎么退货",
    );
    stage.send("form@example.org", &raw).await;
    let all = stage.conversations().await;
    let id = all
        .iter()
        .find(|one| one.to_string().contains("form@example.org"))
        .map(|one| str_at(one, "/id").to_owned())
        .unwrap();
    agent(stage.daemon.address(), &id, "messages", json!({"text": "七天内可以。"})).await;
    let person = stage.letter().await;
    assert_eq!(person["to"], json!(["real@example.org"]), "{person:#}");
    stage.quiet().await;
}

#[tokio::test]
async fn the_same_is_answered_once_in_a_period_and_then_by_people() {
    let mut stage = Stage::start().await;
    let ask = |id: &str, text: &str| letter(ANNA, id, "Subject: question\r\n", text);
    stage.send(ANNA, &ask("1", "怎么退货")).await;
    assert!(str_at(&stage.letter().await, "/text").contains("七天内可以退货"));
    // The very same words: two machines would go on for ever.
    stage.send(ANNA, &ask("2", "怎么退货")).await;
    let conversation = stage.conversation().await;
    let events = transcript(stage.daemon.address(), &conversation).await;
    assert_eq!(events.last().unwrap()["data"]["decision"]["reason"], "duplicate", "{events:#?}");
    // Something else is answered, and so is somebody else.
    stage.send(ANNA, &ask("3", "怎么开发票")).await;
    assert!(str_at(&stage.letter().await, "/text").contains("在订单页申请发票"));
    stage.send("bob@example.org", &letter("bob@example.org", "4", "", "怎么退货")).await;
    assert_eq!(stage.letter().await["to"], json!(["bob@example.org"]));
    // Asked in other words it did not help: a person, and no letter.
    stage.send(ANNA, &ask("5", "请问怎么退货呢")).await;
    let shown = get(&format!("http://{}/v1/conversations/{conversation}", stage.daemon.address())).await;
    assert_eq!(
        shown.json["conversation"]["state"].as_str().or(shown.json["state"].as_str()),
        Some("queued"),
        "{:#}",
        shown.json
    );
    agent(stage.daemon.address(), &conversation, "return", json!({})).await;
    stage.quiet().await;
    stage.daemon.turn_to("2026-10-22T10:00:00+08:00");
    stage.send(ANNA, &ask("6", "怎么退货")).await;
    assert!(str_at(&stage.letter().await, "/text").contains("七天内可以退货"));
}

#[tokio::test]
async fn a_sender_gets_no_more_automatic_letters_a_day_than_allowed() {
    let mut stage = Stage::with(", per_day: 1").await;
    stage.send(ANNA, &letter(ANNA, "1", "", "怎么退货")).await;
    assert_eq!(stage.letter().await["to"], json!([ANNA]));
    stage.send(ANNA, &letter(ANNA, "2", "", "怎么开发票")).await;
    let all = stage.conversations().await;
    assert_eq!(all[0]["state"], "queued", "{all:#?}");
    stage.quiet().await;
}

#[tokio::test]
async fn notices_count_as_automatic_letters_and_are_bounded_too() {
    let mut stage = Stage::with(", per_day: 2").await;
    stage.send(ANNA, &letter(ANNA, "1", "", "怎么退货")).await;
    assert!(str_at(&stage.letter().await, "/text").contains("七天内可以退货"));
    let id = stage.conversation().await;
    assert_eq!(agent(stage.daemon.address(), &id, "close", json!({})).await.status, 200);
    assert!(str_at(&stage.letter().await, "/text").contains("再见！"));
    // The goodbye was the second of today.
    stage.send(ANNA, &letter(ANNA, "2", "", "怎么开发票")).await;
    assert_eq!(stage.conversations().await[0]["state"], "queued");
    assert_eq!(agent(stage.daemon.address(), &id, "close", json!({})).await.status, 200);
    stage.quiet().await;
    // A person's letter goes out all the same.
    agent(stage.daemon.address(), &id, "messages", json!({"text": "七天内可以。"})).await;
    assert_eq!(stage.letter().await["to"], json!([ANNA]));
}

#[tokio::test]
async fn a_letter_that_comes_again_is_taken_again_and_answered_once() {
    let mut stage = Stage::start().await;
    let with_id = letter(ANNA, "1", "", "怎么退货");
    let without = letter("bob@example.org", "x", "", "怎么退货").replace("Message-ID: <x@example.org>\r\n", "");
    for _ in 0..3 {
        stage.send(ANNA, &with_id).await;
        stage.send("bob@example.org", &format!("Received: from a by b; {}\r\n{without}", "now")).await;
    }
    let mut to =
        [stage.letter().await, stage.letter().await].map(|letter| letter["to"][0].as_str().unwrap().to_owned());
    to.sort();
    assert_eq!(to, [ANNA, "bob@example.org"]);
    for one in stage.conversations().await {
        let events = transcript(stage.daemon.address(), str_at(&one, "/id")).await;
        assert_eq!(roles(&events).len(), 2, "{events:#?}");
    }
    stage.quiet().await;
}

#[tokio::test]
async fn only_our_recipients_are_taken_and_each_is_answered() {
    let mut stage = Stage::start().await;
    let raw = letter(ANNA, "1", "", "怎么退货").into_bytes();
    let to: &[&str] = &[SHOP, "victim@else.example", "help+tag@shop.example"];
    let done = hand_over(
        "lmtp",
        stage.port("post"),
        &[(ANNA, to, raw.clone()), (ANNA, &["victim@else.example"], raw.clone())],
    )
    .await;
    assert_eq!(
        done,
        [
            json!({"refused": {"victim@else.example": 550}, "more": [250]}),
            json!({"refused": {"victim@else.example": 550}})
        ]
    );
    assert_eq!(stage.letter().await["to"], json!([ANNA]));
    let bobs = letter("bob@example.org", "2", "", "怎么退货").into_bytes();
    let done = hand_over("smtp", stage.port("smtp"), &[("bob@example.org", to, bobs)]).await;
    assert_eq!(done, [json!({"refused": {"victim@else.example": 550}})]);
    assert_eq!(stage.letter().await["to"], json!(["bob@example.org"]));
    let large = [raw.as_slice(), &vec![b'x'; 11 << 20]].concat();
    let done = hand_over("lmtp", stage.port("post"), &[(ANNA, &[SHOP], large)]).await;
    assert_eq!(done[0]["code"], 552, "{done:?}");
    let done = hand_over("lmtp", stage.port("post"), &[(ANNA, &[SHOP], b"no letter at all".to_vec())]).await;
    assert_eq!(done[0]["code"], 554, "{done:?}");
    stage.quiet().await;
}

#[tokio::test]
async fn files_are_told_to_people_and_pages_are_read() {
    let mut stage = Stage::start().await;
    let raw = format!(
        "From: <{ANNA}>\r\nTo: {SHOP}\r\nMessage-ID: <1@x>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\nContent-Type: image/jpeg\r\nContent-Disposition: attachment; filename*=utf-8''%E7%A0%B4%E6%8D%9F.jpg\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n/9j/4AAQ\r\n--b--\r\n"
    );
    stage.send(ANNA, &raw).await;
    let told = stage.letter().await;
    assert!(str_at(&told, "/text").contains("图片已转给同事。"), "{told:#}");
    let events = transcript(stage.daemon.address(), &stage.conversation().await).await;
    assert_eq!(events[0]["data"]["kind"], "image");
    assert_eq!(
        events[0]["data"]["letter"]["attachments"],
        json!([{"name": "破损.jpg", "type": "image/jpeg", "bytes": 6}])
    );
    let case = stage.receiver.wait("/desk", 1).await[0].json();
    assert_eq!(str_at(&case, "/data/message/text"), "[破损.jpg · image/jpeg · 6 B]");
    let page = format!(
        "From: <bob@example.org>\r\nTo: {SHOP}\r\nMessage-ID: <2@x>\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=big5\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}\r\n",
        // 怎麼退貨 in Big5.
        STANDARD.encode(b"<html><style>p{}</style><p>\xab\xe7\xbb\xf2\xb0\x68\xb3\x66</p></html>")
    );
    stage.send("bob@example.org", &page).await;
    let answer = stage.letter().await;
    assert_eq!(answer["to"], json!(["bob@example.org"]));
    // Whoever writes Traditional Chinese reads it.
    let text = str_at(&answer, "/text");
    assert!(text.contains("七天內可以退貨") && text.contains("這是自動回覆"), "{answer:#}");
}

#[tokio::test]
async fn another_sender_in_a_conversation_is_a_persons_business() {
    let mut stage = Stage::with(", subaddress: true").await;
    stage.send(ANNA, &letter(ANNA, "1", "", "how do I return an item")).await;
    let answer = stage.letter().await;
    assert!(
        str_at(&answer, "/text").starts_with("Dear Anna Li,\n\nYou can return it within seven days."),
        "{answer:#}"
    );
    assert!(str_at(&answer, "/text").contains("Or answer with a number:\n1. When the refund arrives"), "{answer:#}");
    assert_eq!(header(&answer, "subject"), "Auto: your letter");
    let back = header(&answer, "reply-to");
    assert!(back.starts_with("service+c") && back.ends_with("@shop.example"), "{back}");
    // By the address that was given for answers, without any reference.
    let raw = letter("bob@example.org", "2", "", "how do I get an invoice")
        .replace(&format!("To: {SHOP}"), &format!("To: {back}"));
    let done = hand_over("lmtp", stage.port("post"), &[("bob@example.org", &[back], raw.into_bytes())]).await;
    assert_eq!(done, [json!({"refused": {}})]);
    // Each has a conversation of their own: nothing that is said to one reaches the other.
    let conversations = wait_for("both conversations", async || {
        let all = stage.conversations().await;
        (all.len() == 2).then_some(all)
    })
    .await;
    for (customer, state) in [(ANNA, "bot"), ("bob@example.org", "queued")] {
        let of = conversations.iter().find(|one| one["customer"]["id"] == customer).unwrap();
        assert_eq!(of["state"], state, "{of:#}");
        agent(stage.daemon.address(), str_at(of, "/id"), "messages", json!({"text": "Hello"})).await;
        let person = stage.letter().await;
        assert_eq!(person["to"], json!([customer]), "{person:#}");
    }
    stage.quiet().await;
}

#[tokio::test]
async fn a_server_that_refuses_for_now_is_tried_again_and_one_that_refuses_for_good_is_not() {
    let mut stage = Stage::start().await;
    for mood in ["451 4.3.0 greylisted", "drop", "slow 3"] {
        stage.server.mood(mood);
    }
    stage.send(ANNA, &letter(ANNA, "1", "", "怎么退货")).await;
    let store = std::sync::Arc::clone(&stage.daemon.app.pipeline.store);
    let delivery = async |state: &str| {
        let filter = nightdesk::store::DeliveryFilter { state: Some(state.into()), endpoint: None, limit: 10 };
        store.deliveries(filter).await.unwrap().pop()
    };
    let mut ids = Vec::new();
    let last = loop {
        let found = stage.letter().await;
        ids.push(header(&found, "message-id").to_owned());
        if found["answer"] == "250 2.0.0 taken" {
            break found;
        }
        // The daemon's clock stands still: the next attempt is due when it is turned.
        let row = wait_for("the attempt to be written down", async || {
            delivery("pending").await.filter(|row| row.attempts as usize == ids.len())
        })
        .await;
        assert!(row.last_error.is_some(), "{row:?}");
        let due = row.next_try_at + jiff::SignedDuration::from_secs(1);
        stage.daemon.turn_to(&due.to_string());
    };
    assert_eq!(ids.len(), 3, "{ids:?}");
    ids.dedup();
    assert_eq!(ids.len(), 1, "the same letter every time");
    assert_eq!(last["to"], json!([ANNA]));

    stage.server.mood("554 5.7.1 we do not want it");
    stage.send("bob@example.org", &letter("bob@example.org", "2", "", "怎么退货")).await;
    assert_eq!(stage.letter().await["answer"], "554 5.7.1 we do not want it");
    let dead = wait_for("the dead letter", async || delivery("dead").await).await;
    assert_eq!(dead.last_status, Some(554));
    let error = dead.last_error.unwrap();
    assert!(error.contains("refuses the letter for good") && error.contains("we do not want it"), "{error}");
    stage.quiet().await;
}

#[tokio::test]
async fn a_server_that_refuses_us_without_any_letter_is_tried_again() {
    let mut stage = Stage::start().await;
    for _ in 0..2 {
        stage.server.mood("away 554 5.7.1 not from this address");
    }
    stage.send(ANNA, &letter(ANNA, "1", "", "怎么退货")).await;
    let store = std::sync::Arc::clone(&stage.daemon.app.pipeline.store);
    let row = wait_for("the attempt to be written down", async || {
        let filter = nightdesk::store::DeliveryFilter { limit: 10, ..Default::default() };
        store.deliveries(filter).await.unwrap().into_iter().find(|row| row.last_error.is_some())
    })
    .await;
    assert_eq!((row.state.as_str(), row.last_status), ("pending", Some(554)), "{row:?}");
    let error = row.last_error.unwrap();
    assert!(error.contains("takes no letters from this machine") && error.contains("not from this address"), "{error}");
    stage.daemon.turn_to(&(row.next_try_at + jiff::SignedDuration::from_secs(1)).to_string());
    assert_eq!(stage.letter().await["to"], json!([ANNA]));
}

/// What a mail server says of a letter of ours that it could not deliver.
fn bounce(ours: &str, action: &str) -> String {
    format!(
        "From: Mail Delivery System <MAILER-DAEMON@mx.example>\r\nTo: {SHOP}\r\nSubject: Undelivered Mail Returned to Sender\r\n\
         Message-ID: <{action}.1@mx.example>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n\
         This is the mail system.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n\
         Final-Recipient: rfc822; {ANNA}\r\nAction: {action}\r\nStatus: 5.2.2\r\nDiagnostic-Code: smtp; 552 5.2.2 mailbox full\r\n\r\n\
         --b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: {ours}\r\nSubject: Re: x\r\n\r\nwords\r\n--b--\r\n"
    )
}

#[tokio::test]
async fn a_persons_letter_that_comes_back_is_told_to_people_where_they_have_the_case() {
    let mut stage = Stage::start().await;
    stage.send(ANNA, &letter(ANNA, "1", "", "转人工")).await;
    stage.letter().await;
    let conversation = stage.conversation().await;
    agent(stage.daemon.address(), &conversation, "messages", json!({"text": "您好，我来处理。"})).await;
    let person = stage.letter().await;
    let ours = header(&person, "message-id").to_owned();
    let other = if ours.contains("0@") { "1@" } else { "0@" };
    let (name, domain) = ours.split_once('@').unwrap();
    let forged = format!("{}{other}{domain}", &name[..name.len() - 1]);
    for (id, action) in [(&ours, "delayed"), (&forged, "failed")] {
        stage.send("", &bounce(id, action)).await;
    }
    let told =
        |events: &[Value]| roles(events).into_iter().filter(|line| line.starts_with("system")).collect::<Vec<_>>();
    let events = transcript(stage.daemon.address(), &conversation).await;
    assert_eq!(told(&events), Vec::<String>::new(), "neither a delay nor what is not ours is told");
    for _ in 0..2 {
        let raw = bounce(&ours, "failed").replace("failed.1@", "real.1@");
        stage.send("", &raw).await;
    }
    let events = transcript(stage.daemon.address(), &conversation).await;
    assert_eq!(told(&events), [format!("system: 邮件未能送达 {ANNA}：552 5.2.2 mailbox full")]);
    let heard = wait_for("the queue to hear of it", async || {
        let hits = stage.receiver.hits_at("/desk");
        hits.iter().map(crate::common::receiver::Hit::json).find(|event| event["type"] == "handoff.message")
    })
    .await;
    assert!(str_at(&heard, "/data/message/text").contains("mailbox full"), "{heard:#}");
    assert_eq!(heard["data"]["message"]["undelivered"], true);
    assert_eq!(stage.conversations().await.len(), 1, "a report opens no conversation");
    // The case is closed when the answer comes back: somebody has to know. Once, however many reports there are.
    let answer = agent(stage.daemon.address(), &conversation, "messages", json!({"text": "已经退款。"})).await;
    assert_eq!(answer.status, 200);
    let last = header(&stage.letter().await, "message-id").to_owned();
    agent(stage.daemon.address(), &conversation, "close", json!({})).await;
    stage.letter().await;
    for n in 0..3 {
        stage.send("", &bounce(&last, "failed").replace("failed.1@", &format!("late.{n}@"))).await;
    }
    let row = &stage.conversations().await[0];
    assert_eq!(row["state"], "queued", "{row:#}");
    assert_eq!(told(&transcript(stage.daemon.address(), &conversation).await).len(), 2);
    stage.quiet().await;
}

#[tokio::test]
async fn nothing_is_said_to_be_taken_while_the_store_refuses() {
    let stage = Stage::start().await;
    let path = stage.shop.data().join(nightdesk::store::sqlite::DATABASE);
    let other = rusqlite::Connection::open(path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let raw = letter(ANNA, "1", "", "怎么退货");
    let done = hand_over("lmtp", stage.port("post"), &[(ANNA, &[SHOP], raw.as_bytes().to_vec())]).await;
    assert_eq!(done[0]["code"], 451, "{done:?}");
    other.execute_batch("ROLLBACK").unwrap();
    let mut stage = stage;
    stage.send(ANNA, &raw).await;
    assert_eq!(stage.letter().await["to"], json!([ANNA]));
}

#[tokio::test]
async fn a_letter_that_was_taken_is_answered_though_the_daemon_is_killed() {
    let (receiver, mut server) = (Receiver::start().await, MailServer::start(&[]));
    // A port of its own, known before and after.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let shop = shop(&receiver, &free.to_string(), &server, "");
    let mut ids: Vec<String> = Vec::new();
    for round in 0..3 {
        server.mood("drop");
        let process = Process::start(&shop);
        let from = format!("anna{round}@example.org");
        let raw = letter(&from, &format!("k{round}"), "", "怎么退货").into_bytes();
        let port = free.port();
        wait_for("the door", async || std::net::TcpStream::connect(free).ok()).await;
        let done = hand_over("lmtp", port, &[(from.as_str(), &[SHOP], raw.clone())]).await;
        assert_eq!(done, [json!({"refused": {}})]);
        process.kill();
        let process = Process::start(&shop);
        wait_for("the door", async || std::net::TcpStream::connect(free).ok()).await;
        // The sender did not hear that it was taken, and sends again.
        let done = hand_over("lmtp", port, &[(from.as_str(), &[SHOP], raw)]).await;
        assert_eq!(done, [json!({"refused": {}})]);
        let found = loop {
            let found = server.letter();
            if found["answer"] == "250 2.0.0 taken" && found["to"] == json!([from]) {
                break found;
            }
        };
        ids.push(header(&found, "message-id").to_owned());
        process.kill();
    }
    // What is offered again after a kill is the same letter.
    while let Some(again) = server.offered() {
        assert!(ids.contains(&header(&again, "message-id").to_owned()), "{again:#}");
    }
}

#[tokio::test]
async fn letters_leave_encrypted_and_with_a_password() {
    for words in [["starttls", "auth"], ["tls", "auth"]] {
        let (receiver, mut server) = (Receiver::start().await, MailServer::start(&words));
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let shop = shop(&receiver, &free.to_string(), &server, ", user: shop, password: right");
        let all = std::fs::read_to_string(shop.dir().join("nightdesk.yaml")).unwrap();
        shop.write("nightdesk.yaml", &all.replace("smtp_tls: none", &format!("smtp_tls: {}", words[0])));
        let authority = server.authority();
        let environment = [("SSL_CERT_FILE", authority.to_str().unwrap())];
        let _process = Process::start_with(&shop, &environment);
        wait_for("the door", async || std::net::TcpStream::connect(free).ok()).await;
        let raw = letter(ANNA, "1", "", "怎么退货").into_bytes();
        hand_over("lmtp", free.port(), &[(ANNA, &[SHOP], raw)]).await;
        let answer = server.letter();
        assert_eq!((&answer["tls"], &answer["user"]), (&json!(true), &json!("shop")), "{answer:#}");

        let command = |password: &str, authority: &str| {
            let all = std::fs::read_to_string(shop.dir().join("nightdesk.yaml")).unwrap();
            shop.write("nightdesk.yaml", &all.replace("password: right", &format!("password: {password}")));
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_nightdesk"));
            command.args(["channel", "test", "post", "--dir"]).arg(shop.dir()).env("SSL_CERT_FILE", authority);
            let output = command.output().unwrap();
            (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
        };
        let (code, said) = command("right", authority.to_str().unwrap());
        assert_eq!(code, Some(0), "{said}");
        let test = server.letter();
        assert_eq!(test["to"], json!([SHOP]));
        assert_eq!(header(&test, "auto-submitted"), "auto-replied");
        // An authority that did not sign.
        let (code, said) = command("right", shop.dir().join("nightdesk.yaml").to_str().unwrap());
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("cannot be encrypted"), "{said}");
        let (code, said) = command("wrong", authority.to_str().unwrap());
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("refuses user and password"), "{said}");
    }
}

#[tokio::test]
async fn a_reload_moves_the_door() {
    let mut stage = Stage::start().await;
    let old = stage.port("post");
    let all = std::fs::read_to_string(stage.shop.dir().join("nightdesk.yaml")).unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    stage.shop.write("nightdesk.yaml", &all.replacen("listen: \"127.0.0.1:0\"", &format!("listen: \"{free}\""), 1));
    stage.daemon.app.reload();
    wait_for("the new door", async || (stage.port("post") == free.port()).then_some(())).await;
    wait_for("the old door to close", async || std::net::TcpStream::connect(("127.0.0.1", old)).err()).await;
    wait_for("the new door to open", async || std::net::TcpStream::connect(free).ok()).await;
    stage.send(ANNA, &letter(ANNA, "1", "", "怎么退货")).await;
    assert_eq!(stage.letter().await["to"], json!([ANNA]));
}

#[tokio::test]
async fn connections_are_bounded_and_those_that_wait_are_told_of_a_stop() {
    let stage = Stage::start().await;
    let mut open = Vec::new();
    for number in 0..33 {
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", stage.port("post"))).await.unwrap();
        let mut stream = tokio::io::BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        let wanted = if number < 32 {
            "220 shop.example nightdesk LMTP\r\n"
        } else {
            "421 4.3.2 Too many connections; come again\r\n"
        };
        assert_eq!(line, wanted, "connection {number}");
        open.push(stream);
    }
    stage.daemon.stop().await;
    let mut last = String::new();
    open[0].read_to_string(&mut last).await.unwrap();
    assert_eq!(last, "421 4.3.2 Shutting down, come again\r\n");
}
