//! A shop's week, written into the store as the daemon writes it, so that every figure can be worked out by hand.

use std::collections::HashMap;
use std::path::Path;

use jiff::Timestamp;
use nightdesk::store::sqlite::SqliteStore;
use nightdesk::store::{Commit, ConversationRow, DecisionRow, EventRow, HandoffRow, Store, SurveyRow, WordingRow};
use serde_json::json;

use crate::common::daemon::instant;
use crate::common::shop::Shop;

/// Open Monday to Friday from 9 to 18; `general` answers within 2 minutes, `vip` within 30 seconds, `crm` within 200.
pub const SETTINGS: &str = r#"timezone: Asia/Shanghai
languages: [zh, en]
hours:
  shop: {weekly: {mon-fri: ["09:00-18:00"]}}
queues:
  general: {hours: shop, first_response: 120s}
  vip: {hours: shop, first_response: 30s}
routes:
  - {queue: general}
channels:
  web: {kind: websocket, origins: ["https://shop.example"]}
  crm: {kind: webhook, secret: whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD, reply_url: "http://127.0.0.1:1/", first_response: 200s}
notices:
  closed: {zh: "现在不在营业时间。", en: We are closed.}
  handed_over: {zh: 已转给同事。, en: A colleague takes over.}
  urgent_lane: {zh: 已通知值班同事。, en: The colleague on call knows.}
  greeting: {zh: 您好！, en: Hello!}
  goodbye: {zh: 再见！, en: Goodbye!}
  media: {zh: 图片已转给同事。, en: A colleague will look at it.}
  too_long: {zh: 消息太长。, en: That is long.}
  empty: {zh: 没有收到文字。, en: Your message was empty.}
"#;

const FAQ: &str = "faq:
  - id: returns.window
    title: {zh: 七天无理由退货, en: Returning an item}
    category: returns
    questions: [怎么退货, how do I return an item]
    answer: {zh: 七天内可以退货。, en: You can return it within seven days.}
  - id: refund.time
    title: {zh: 退款多久到账, en: When the refund arrives}
    category: returns
    questions: [退款要多久, how long does a refund take]
    answer: {zh: 退款三天到账。, en: A refund takes three days.}
  - id: invoice.get
    title: {zh: 怎么开发票, en: Getting an invoice}
    category: invoices
    questions: [怎么开发票, how do I get an invoice]
    answer: {zh: 在订单页申请发票。, en: Ask for an invoice on the order page.}
    review_by: 2026-10-01
  - id: autumn.sale
    title: {zh: 秋季促销, en: Autumn sale}
    questions: [秋季促销到什么时候, when does the autumn sale end]
    answer: {zh: 九月底结束。, en: At the end of September.}
    until: 2026-09-30
";

const RULES: &str = r#"rules:
  - id: complaint.slow
    when: {phrase: [太慢了]}
    class: complaint
    handoff: {queue: vip}
  - id: order.status
    when: {phrase: [查订单]}
    lookup: {url: "http://127.0.0.1:1/orders", sample: {state: 已发货}}
    reply: {zh: "{{ lookup.body.state }}"}
  - id: smalltalk.thanks
    when: {phrase: [谢谢]}
    smalltalk: true
    reply: {zh: 不客气。, en: You are welcome.}
"#;

pub fn shop() -> Shop {
    let shop = Shop::new(SETTINGS);
    shop.write("faq/shop.yaml", FAQ);
    shop.write("rules/shop.yaml", RULES);
    shop
}

/// One message of a customer and what was done about it.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    pub conversation: &'a str,
    pub at: &'a str,
    pub text: &'a str,
    /// Who wrote it.
    pub role: &'a str,
    pub outcome: &'a str,
    pub reason: &'a str,
    pub rule: Option<&'a str>,
    pub queue: Option<&'a str>,
    /// Pilots as they are kept.
    pub pilots: Option<&'a str>,
    /// When the bot's answer stands in the transcript, if it answered.
    pub answered: Option<&'a str>,
}

/// An answer of an entry, in the same step.
pub fn faq<'a>(conversation: &'a str, at: &'a str, rule: &'a str) -> Said<'a> {
    let (text, rule, answered) = ("怎么办", Some(rule), Some(at));
    Said {
        conversation,
        at,
        text,
        role: "visitor",
        outcome: "faq",
        reason: "matched",
        rule,
        queue: None,
        pilots: None,
        answered,
    }
}

/// A message that goes to people.
pub fn handed<'a>(conversation: &'a str, at: &'a str, reason: &'a str, queue: &'a str) -> Said<'a> {
    let (rule, queue) = (None, Some(queue));
    Said { outcome: "handoff", reason, rule, queue, ..faq(conversation, at, "") }
}

/// The times of a case.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    pub id: &'a str,
    pub conversation: &'a str,
    pub queue: &'a str,
    pub reason: &'a str,
    pub state: &'a str,
    pub began: &'a str,
    pub taken: Option<&'a str>,
    pub ended: Option<&'a str>,
}

/// Writes rows as the daemon does: one commit for each step.
#[derive(Debug)]
pub struct Recorder {
    pub store: SqliteStore,
    /// Version, last number and beginning of each conversation.
    known: HashMap<String, (u64, u64, Timestamp)>,
    /// What stands in the customers' attributes.
    pub products: HashMap<String, String>,
}

impl Recorder {
    pub fn new(data: &Path) -> Self {
        Self { store: SqliteStore::open(data).unwrap(), known: HashMap::new(), products: HashMap::new() }
    }

    /// The channel that a conversation is on: `c_crm_…` on `crm`, all others on `web`.
    fn channel(id: &str) -> String {
        if id.starts_with("c_crm") { "crm" } else { "web" }.to_owned()
    }

    async fn write(
        &mut self,
        id: &str,
        at: Timestamp,
        events: &[(&str, Timestamp, serde_json::Value)],
        commit: Commit,
    ) {
        let (version, seq, began) = self.known.get(id).copied().unwrap_or((0, 0, at));
        let rows = events.iter().zip(seq + 1..).map(|((role, at, data), seq)| EventRow {
            conversation: id.to_owned(),
            seq,
            at: *at,
            kind: "message".to_owned(),
            role: (*role).to_owned(),
            body: data.to_string(),
        });
        let events: Vec<EventRow> = rows.collect();
        let seq = seq + u64::try_from(events.len()).unwrap();
        let attributes = self.products.get(id).map(|product| json!({"product": product}));
        let conversation = ConversationRow {
            id: id.to_owned(),
            channel: Self::channel(id),
            thread: id.to_owned(),
            customer: id.to_owned(),
            state: "bot".to_owned(),
            version: 0,
            seq,
            queue: None,
            priority: "normal".to_owned(),
            language: Some("zh".to_owned()),
            body: json!({"customer": {"id": id, "attributes": attributes}}).to_string(),
            created_at: began,
            updated_at: at,
        };
        let expected_version = (version > 0).then_some(version);
        self.store
            .commit(Commit { conversation: Some(conversation), expected_version, events, ..commit })
            .await
            .unwrap();
        self.known.insert(id.to_owned(), (version + 1, seq, began));
    }

    /// A message with its decision.
    pub async fn said(&mut self, said: Said<'_>) {
        let at = instant(said.at);
        let seq = self.known.get(said.conversation).map_or(0, |known| known.1) + 1;
        let near = json!([{"rule": "returns.window", "score": 0.31}]);
        let decision = json!({"outcome": said.outcome, "reason": said.reason, "candidates": near});
        let mut events = vec![(said.role, at, json!({"text": said.text, "decision": decision}))];
        if let Some(answered) = said.answered {
            events.push(("bot", instant(answered), json!({"text": "好的。", "rule": said.rule})));
        }
        let row = DecisionRow {
            conversation: said.conversation.to_owned(),
            seq,
            at,
            channel: Self::channel(said.conversation),
            outcome: said.outcome.to_owned(),
            reason: said.reason.to_owned(),
            rule: said.rule.map(str::to_owned),
            queue: said.queue.map(str::to_owned),
            score: None,
            language: "zh".to_owned(),
            rule_set: "hash".to_owned(),
            pilots: said.pilots.map(str::to_owned),
        };
        self.write(said.conversation, at, &events, Commit { decision: Some(row), ..Commit::default() }).await;
    }

    /// What a person wrote.
    pub async fn person(&mut self, conversation: &str, at: &str, text: &str) {
        self.write(conversation, instant(at), &[("human", instant(at), json!({"text": text}))], Commit::default())
            .await;
    }

    pub async fn case(&self, case: Case<'_>) {
        let row = HandoffRow {
            id: case.id.to_owned(),
            conversation: case.conversation.to_owned(),
            channel: Self::channel(case.conversation),
            queue: case.queue.to_owned(),
            priority: "normal".to_owned(),
            reason: case.reason.to_owned(),
            state: case.state.to_owned(),
            message: String::new(),
            created_at: instant(case.began),
            taken_at: case.taken.map(instant),
            taken_by: case.taken.map(|_| "小林".to_owned()),
            ended_at: case.ended.map(instant),
            deadline: None,
        };
        self.store.commit(Commit { handoffs: vec![row], ..Commit::default() }).await.unwrap();
    }

    pub async fn asked(&self, case: &str, conversation: &str, at: &str, score: Option<u8>) {
        let row = SurveyRow {
            handoff: case.to_owned(),
            conversation: conversation.to_owned(),
            channel: Self::channel(conversation),
            queue: "general".to_owned(),
            agent: Some("小林".to_owned()),
            asked_at: instant(at),
            score,
            answered_at: score.map(|_| instant(at)),
            text: None,
        };
        self.store.commit(Commit { survey: Some(row), ..Commit::default() }).await.unwrap();
    }

    pub async fn wording(&self, at: &str, sent: bool) {
        let row = WordingRow {
            at: instant(at),
            agent: "小林".to_owned(),
            conversation: "c_e".to_owned(),
            wording: "wording.absolute".to_owned(),
            sent,
        };
        self.store.commit(Commit { wordings: vec![row], ..Commit::default() }).await.unwrap();
    }
}

/// The week from Monday 2026-10-12, and a message of the week before.
pub async fn week(data: &Path) -> Recorder {
    let mut recorder = Recorder::new(data);
    let r = &mut recorder;
    r.said(faq("c_h", "2026-10-08T10:00:00+08:00", "returns.window")).await;

    r.products.insert("c_a".to_owned(), "台灯 13812345678".to_owned());
    let pilot = Some(r#"["returns.new"]"#);
    let rest = Some("[]");
    r.said(Said { pilots: pilot, ..faq("c_a", "2026-10-12T10:00:00+08:00", "returns.window") }).await;
    r.said(Said { outcome: "smalltalk", pilots: pilot, ..faq("c_a", "2026-10-12T10:05:00+08:00", "smalltalk.thanks") })
        .await;
    // A colleague wrote through the platform, and a look-up answered late: neither is a message of a customer.
    let theirs = Said {
        role: "human",
        outcome: "silent",
        reason: "automatic_sender",
        rule: None,
        answered: None,
        ..faq("c_a", "2026-10-12T10:06:00+08:00", "")
    };
    r.said(theirs).await;
    r.said(Said {
        role: "bot",
        outcome: "rule",
        answered: None,
        ..faq("c_a", "2026-10-12T10:07:00+08:00", "order.status")
    })
    .await;

    r.said(faq("c_h", "2026-10-13T10:00:00+08:00", "returns.window")).await;

    r.said(Said { pilots: rest, ..faq("c_b", "2026-10-13T11:00:00+08:00", "refund.time") }).await;
    r.said(Said { reason: "repeated", pilots: rest, ..faq("c_b", "2026-10-14T11:00:00+08:00", "refund.time") }).await;
    r.said(Said { pilots: rest, ..handed("c_b", "2026-10-14T11:01:00+08:00", "asked", "general") }).await;
    r.person("c_b", "2026-10-14T11:02:30+08:00", "您好，我是小林。").await;
    let owned = Said {
        outcome: "silent",
        pilots: rest,
        answered: None,
        ..handed("c_b", "2026-10-14T11:03:00+08:00", "human_owns", "general")
    };
    r.said(owned).await;
    let case = Case {
        id: "h_b",
        conversation: "c_b",
        queue: "general",
        reason: "asked",
        state: "closed",
        began: "2026-10-14T11:01:00+08:00",
        taken: Some("2026-10-14T11:02:00+08:00"),
        ended: Some("2026-10-14T11:31:00+08:00"),
    };
    r.case(case).await;
    r.asked("h_b", "c_b", "2026-10-14T11:31:00+08:00", Some(5)).await;

    // Began in the queue vip, and was passed on to general; it took the place of another case.
    let angry = Said {
        rule: Some("complaint.slow"),
        pilots: rest,
        ..handed("c_e", "2026-10-15T14:00:00+08:00", "policy", "vip")
    };
    r.said(angry).await;
    r.person("c_e", "2026-10-15T14:00:40+08:00", "绝对没问题。").await;
    let began = "2026-10-15T14:00:00+08:00";
    let replaced =
        Case { id: "h_x", conversation: "c_e", state: "moved", began, taken: None, ended: Some(began), ..case };
    r.case(replaced).await;
    let (taken, ended) = (Some("2026-10-15T14:00:20+08:00"), Some("2026-10-15T14:10:40+08:00"));
    r.case(Case { id: "h_e", conversation: "c_e", reason: "policy", began, taken, ended, ..case }).await;
    r.asked("h_e", "c_e", "2026-10-15T14:10:40+08:00", None).await;
    r.wording("2026-10-15T14:00:30+08:00", false).await;
    r.wording("2026-10-15T14:00:35+08:00", false).await;
    r.wording("2026-10-15T14:00:40+08:00", true).await;

    doubtful(r, pilot).await;
    recorder
}

/// What nothing surely answered.
async fn doubtful(r: &mut Recorder, pilot: Option<&str>) {
    let unsure = Said {
        outcome: "choice",
        reason: "ambiguous",
        rule: None,
        text: "那个灯",
        pilots: pilot,
        answered: Some("2026-10-15T15:00:01+08:00"),
        ..faq("c_f", "2026-10-15T15:00:00+08:00", "")
    };
    r.said(unsure).await;
    r.said(Said { pilots: pilot, ..faq("c_f", "2026-10-15T15:00:30+08:00", "returns.window") }).await;

    let lamp = "那个灯能调光吗？打我13812345678";
    r.said(Said { text: lamp, ..handed("c_crm_c", "2026-10-16T17:59:00+08:00", "no_match", "general") }).await;
    r.person("c_crm_c", "2026-10-19T09:02:00+08:00", "可以调光。").await;
    let waiting = Case {
        id: "h_c",
        conversation: "c_crm_c",
        reason: "no_match",
        state: "taken",
        began: "2026-10-16T17:59:00+08:00",
        taken: Some("2026-10-19T09:01:30+08:00"),
        ended: None,
        queue: "general",
    };
    r.case(waiting).await;
    // The same words, but for the punctuation and the width of the digits.
    let again = "那个灯能调光吗 打我１３８１２３４５６７８";
    r.said(Said {
        text: again,
        answered: None,
        ..handed("c_crm_d", "2026-10-17T12:00:00+08:00", "no_match", "general")
    })
    .await;
    r.case(Case {
        id: "h_d",
        conversation: "c_crm_d",
        state: "queued",
        began: "2026-10-17T12:00:00+08:00",
        taken: None,
        ..waiting
    })
    .await;
}
