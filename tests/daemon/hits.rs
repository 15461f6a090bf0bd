//! Hits of rules and entries: what the store counts at once is what a plain count of the decisions finds.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};
use nightdesk::engine::Engine;
use nightdesk::report::{Hit, Hits};
use nightdesk::rules::Files;
use nightdesk::rules::load::NoSecrets;
use nightdesk::store::sqlite::SqliteStore;
use nightdesk::store::{Commit, ConversationRow, DecisionFilter, DecisionRow, EventRow, Store};

const CONFIG: &str = r#"
timezone: Asia/Shanghai
languages: [zh]
hours: {always: {weekly: {mon-sun: ["00:00-24:00"]}}}
queues: {general: {hours: always}}
routes: [{queue: general}]
channels: {web: {kind: websocket}}
notices: {handed_over: 已转人工。}
"#;
const FAQ: &str = "faq: [{id: a, title: 甲, questions: [甲是什么], answer: 甲。}]";
const RULES: [Option<&str>; 4] = [Some("a"), Some("b"), Some("c"), None];
const REASONS: [&str; 4] = ["matched", "automatic_sender", "lookup_failed", "undelivered"];
const ROLES: [&str; 3] = ["visitor", "human", "system"];
/// Few to a page, so that there are many pages.
const PAGE: usize = 7;

fn now() -> Timestamp {
    "2026-10-31T10:30:00Z".parse().unwrap()
}

/// Decisions over four months, the older ones first; each of another mixture of rule, reason and role.
async fn decide(store: &SqliteStore, numbers: std::ops::Range<u64>, apart: SignedDuration) {
    for number in numbers {
        let at = |nth: usize| usize::try_from(number).unwrap() * 7 / nth;
        let time = now().checked_sub(apart * i32::try_from(400 - number).unwrap()).unwrap();
        let id = format!("c{number}");
        let conversation = ConversationRow {
            id: id.clone(),
            channel: "web".into(),
            thread: id.clone(),
            customer: "u".into(),
            state: "bot".into(),
            version: 0,
            seq: 1,
            queue: None,
            priority: "normal".into(),
            language: None,
            body: "{}".into(),
            created_at: time,
            updated_at: time,
        };
        let event = EventRow {
            conversation: id.clone(),
            seq: 1,
            at: time,
            kind: "message".into(),
            role: ROLES[at(5) % ROLES.len()].into(),
            body: "{}".into(),
        };
        let decision = DecisionRow {
            conversation: id,
            seq: 1,
            at: time,
            channel: "web".into(),
            outcome: "faq".into(),
            reason: REASONS[at(3) % REASONS.len()].into(),
            rule: RULES[at(1) % RULES.len()].map(str::to_owned),
            queue: None,
            score: None,
            language: "zh".into(),
            rule_set: "x".into(),
            pilots: None,
        };
        // Of some the event is gone.
        let events = if number % 11 == 0 { Vec::new() } else { vec![event] };
        let commit = Commit { conversation: Some(conversation), events, decision: Some(decision), ..Commit::default() };
        store.commit(commit).await.unwrap();
    }
}

fn filter(from: Timestamp, after: i64, limit: usize) -> DecisionFilter {
    DecisionFilter { from, until: Timestamp::MAX, after, limit }
}

type Alike = (String, String, Option<String>, i64);

async fn counted(store: &SqliteStore, from: Timestamp, look_up: &[String]) -> BTreeMap<Alike, (u64, Timestamp)> {
    let (mut all, mut after, mut pages) = (BTreeMap::new(), 0, 0);
    loop {
        let page = store.hits(filter(from, after, PAGE), look_up).await.unwrap();
        for row in page.rows {
            let (count, last) = all.entry((row.rule, row.reason, row.role, row.hour)).or_insert((0, row.last));
            (*count, *last) = (*count + row.count, row.last.max(*last));
        }
        (after, pages) = (page.after, pages + 1);
        if !page.more {
            assert!(pages > 10, "{pages}");
            return all;
        }
    }
}

#[tokio::test]
async fn pages_of_hits_have_every_decision_of_a_rule_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    decide(&store, 0..300, SignedDuration::from_hours(7)).await;
    for look_up in [vec![], vec!["b".to_owned(), "c".to_owned()]] {
        for from in [Timestamp::MIN, now().checked_sub(SignedDuration::from_hours(90 * 24)).unwrap()] {
            let mut plain = BTreeMap::new();
            for row in store.tallies(filter(from, 0, usize::MAX), &look_up).await.unwrap() {
                let Some(rule) = row.rule else { continue };
                let alike: Alike = (rule, row.reason, row.role, row.at.as_millisecond().div_euclid(3_600_000));
                let (count, last) = plain.entry(alike).or_insert((0, row.at));
                (*count, *last) = (*count + 1, row.at.max(*last));
            }
            assert!(plain.keys().any(|(.., role, _)| role.is_some()) && plain.len() > 100);
            assert_eq!(counted(&store, from, &look_up).await, plain, "{look_up:?} from {from}");
        }
    }
}

/// Every decision of the last 90 days, one by one.
async fn plainly(store: &SqliteStore) -> HashMap<String, Hit> {
    let mut hits = HashMap::<String, Hit>::new();
    let from = now().checked_sub(SignedDuration::from_hours(90 * 24)).unwrap();
    let hour = |at: Timestamp| at.as_millisecond().div_euclid(3_600_000);
    for row in store.tallies(filter(from, 0, usize::MAX), &[]).await.unwrap() {
        let customers = row.role.as_deref().is_none_or(|role| role == "visitor");
        if !customers || ["automatic_sender", "undelivered"].contains(&row.reason.as_str()) {
            continue;
        }
        let Some(rule) = row.rule else { continue };
        let hit = hits.entry(rule).or_default();
        hit.week += u64::from(hour(now()) - hour(row.at) < 7 * 24);
        hit.month += u64::from(hour(now()) - hour(row.at) < 30 * 24);
        hit.last = hit.last.max(Some(row.at));
    }
    hits
}

#[tokio::test]
async fn what_the_page_shows_is_what_a_plain_count_finds_and_goes_on_with_what_is_new() {
    let (engine, report) =
        Engine::load(Files::from_texts([("nightdesk.yaml", CONFIG), ("faq/a.yaml", FAQ)]), &NoSecrets);
    let engine = engine.unwrap_or_else(|| panic!("{:?}", report.findings));
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    let look = async |hits: &Hits| hits.look(&store, &engine, now()).await.unwrap().0;
    let kept = Hits::default();
    decide(&store, 0..200, SignedDuration::from_hours(7)).await;
    assert_eq!(look(&kept).await, plainly(&store).await);
    decide(&store, 200..400, SignedDuration::from_hours(7)).await;
    let now_found = plainly(&store).await;
    assert!(
        now_found.len() == 3 && now_found.values().all(|hit| 0 < hit.week && hit.week < hit.month),
        "{now_found:?}"
    );
    assert_eq!(look(&Hits::default()).await, now_found, "after a start");
    crate::common::wait_for("what is new", async || (look(&kept).await == now_found).then_some(())).await;
    // Erasing leaves decisions without a name, so what was counted stays. Who wrote the message of a failed look-up went with the
    // customer: a count after that takes it for the customer's, as a plain one does.
    let ids: Vec<String> = (380..400).map(|number| format!("c{number}")).collect();
    store.erase(ids, true, now()).await.unwrap();
    assert_eq!(look(&kept).await, now_found);
    assert_eq!(look(&Hits::default()).await, plainly(&store).await);
}
