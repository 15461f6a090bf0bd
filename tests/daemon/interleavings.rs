//! Whatever order messages, people, timers, restarts and new files come in: no case is lost or taken twice, the bot is silent beside
//! a person, and the transcript has neither gaps nor repeats.
//!
//! The daemon's own way of messages on a real store, without sockets, on a clock that the test turns.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use nightdesk::clock::Clock;
use nightdesk::engine::Engine;
use nightdesk::message::{Conversation, Customer, Gesture, Kind, Role};
use nightdesk::pipeline::{Acted, Action, Actor, AgentError, Arrival, OutboxListener, Pipeline};
use nightdesk::store::sqlite::SqliteStore;
use nightdesk::store::{DeliveryFilter, EventRow, HandoffFilter};
use nightdesk::telemetry::Metrics;
use nightdesk::token::Tokens;
use proptest::prelude::*;
use serde_json::Value;

use crate::common::daemon::instant;
use crate::common::shop::Shop;

const CUSTOMERS: usize = 2;
const WORDS: &[&str] = &["怎么退货", "转人工", "我的卡被盗刷了", "紫色大象飞过了第三座桥"];
const QUEUES: &[&str] = &["general", "lead", "oncall"];
const AGENTS: &[&str] = &["anna", "bo"];

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    Say(usize, usize),
    Take(usize, usize),
    Reply(usize, usize),
    Return(usize, usize),
    Transfer(usize, usize, usize),
    Close(usize, usize),
    /// So many seconds pass, and the timers that come in them are looked at, or not yet.
    Pass(i64, bool),
    /// The timers are looked at while customers write and people act.
    AtOnce(usize, usize, usize),
    /// The daemon is killed and starts again.
    Restart,
    /// Other files.
    Reload,
}

fn step() -> impl Strategy<Value = Step> {
    let (who, word, agent) = (0..CUSTOMERS, 0..WORDS.len(), 0..AGENTS.len());
    let pause = prop_oneof![1..200_i64, 200..4_000_i64, Just(36_000)];
    prop_oneof![
        6 => (who.clone(), word.clone()).prop_map(|(who, word)| Step::Say(who, word)),
        2 => (who.clone(), agent.clone()).prop_map(|(who, agent)| Step::Take(who, agent)),
        1 => (who.clone(), agent.clone()).prop_map(|(who, agent)| Step::Reply(who, agent)),
        1 => (who.clone(), agent.clone()).prop_map(|(who, agent)| Step::Return(who, agent)),
        1 => (who.clone(), agent.clone(), 0..QUEUES.len()).prop_map(|(who, agent, queue)| Step::Transfer(who, agent, queue)),
        1 => (who.clone(), agent.clone()).prop_map(|(who, agent)| Step::Close(who, agent)),
        6 => (pause, any::<bool>()).prop_map(|(seconds, look)| Step::Pass(seconds, look)),
        2 => (who, word, agent).prop_map(|(who, word, agent)| Step::AtOnce(who, word, agent)),
        1 => Just(Step::Restart),
        1 => Just(Step::Reload),
    ]
}

/// What came before: nothing, or a person who has the conversation and has gone home, and then an emergency.
fn scene() -> impl Strategy<Value = Vec<Step>> {
    let late = vec![Step::Say(0, 1), Step::Reply(0, 0), Step::Pass(36_000, false), Step::Say(0, 2)];
    prop_oneof![2 => Just(Vec::new()), 1 => Just(late)]
}

const SETTINGS: &str = r#"timezone: Asia/Shanghai
languages: [zh]
hours:
  shop: {weekly: {mon-fri: ["09:00-18:00"]}}
  always: {weekly: {mon-sun: ["00:00-24:00"]}}
queues:
  general: {hours: shop, webhook: desk, first_response: 2m, transfer: 30m, escalate_to: lead}
  lead: {hours: shop, webhook: desk, first_response: 5m, escalate_to: head}
  head: {hours: always, webhook: desk, first_response: 10m}
  oncall: {hours: always, webhook: desk, first_response: 5m}
webhooks: {desk: {url: "http://127.0.0.1:9/desk"}}
routes: [{queue: general}]
channels: {web: {kind: websocket}}
limits: {agent_idle: 20m, back_to_bot: 1h, per_customer_per_minute: 10000}
notices: {closed: "没有人，{{ next_open }}", handed_over: 转接, delayed: 久等了, taken: 有人来了, transferred: 换了人, goodbye: 再见}
"#;

/// The files before and after a reload: other targets, another ladder.
struct Files {
    _dirs: [Shop; 2],
    engines: [Arc<Engine>; 2],
}

impl Files {
    fn new() -> Self {
        let other = SETTINGS.replace("first_response: 2m", "first_response: 30s, warn_before: 5s");
        let other = other.replace("first_response: 5m, escalate_to: head", "first_response: 1m");
        assert_ne!(other, SETTINGS);
        let dirs = [SETTINGS, &other].map(Shop::new);
        let engines = [0, 1].map(|n: usize| {
            dirs[n].write("faq/shop.yaml", "faq: [{id: a, title: 退货, category: a, questions: [怎么退货], answer: 七天。}]");
            dirs[n].write(
                "rules/shop.yaml",
                "rules: [{id: u, priority: 9, when: {phrase: [盗刷]}, urgent: true, reply: 已通知, handoff: {queue: oncall}}]",
            );
            let (engine, report) = nightdesk::shop::open(&dirs[n].dir(), instant("2026-10-14T10:00:00+08:00"));
            Arc::new(engine.unwrap_or_else(|| panic!("{report:#?}")))
        });
        Self { _dirs: dirs, engines }
    }
}

struct Deaf;

impl OutboxListener for Deaf {
    fn committed(&self, _: &str) {}
}

/// A daemon without sockets.
struct Core {
    files: Arc<Files>,
    data: PathBuf,
    clock: Clock,
    pipeline: Arc<Pipeline>,
    which: usize,
    said: usize,
}

impl Core {
    fn start(files: &Arc<Files>, data: &Path) -> Self {
        let clock = Clock::fixed(instant("2026-10-14T10:00:00+08:00"));
        let pipeline = pipeline(&files.engines[0], data, &clock);
        Self { files: Arc::clone(files), data: data.to_owned(), clock, pipeline, which: 0, said: 0 }
    }

    /// Nothing of the one before is left but its store; as at every start, all timers are looked at anew.
    async fn restart(&mut self) {
        let (engine, data, clock) =
            (Arc::clone(&self.files.engines[self.which]), self.data.clone(), self.clock.clone());
        let old = std::mem::replace(&mut self.pipeline, pipeline(&engine, &self.data.join("elsewhere"), &clock));
        // A process that ends takes its tasks with it; here the last of them may still hold the store, for a moment.
        for _ in 0..500 {
            if Arc::strong_count(&old) == 1 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        drop(old);
        self.pipeline = pipeline(&engine, &data, &clock);
        self.pipeline.store.set_timers(clock.now()).await.unwrap();
    }

    async fn say(&self, number: usize, who: usize, word: usize) {
        let arrival = Arrival {
            channel: "web".into(),
            account: String::new(),
            thread: format!("t{who}"),
            customer: Customer { id: format!("cu{who}"), ..Customer::default() },
            id: format!("m{number}"),
            kind: Kind::Text,
            text: WORDS[word].into(),
            url: None,
            locale: None,
            gesture: Gesture::Write,
            role: Role::Visitor,
            origin: None,
            reply_with: serde_json::Value::Null,
        };
        self.pipeline.accept(arrival).await.unwrap();
    }

    async fn act(&self, who: usize, agent: usize, action: Action) {
        let actor = Actor::Agent(AGENTS[agent].to_owned());
        accepted(self.pipeline.act(&id(who), &actor, action).await);
    }

    async fn step(&mut self, step: &Step) {
        self.said += 1;
        let number = self.said;
        match *step {
            Step::Say(who, word) => self.say(number, who, word).await,
            Step::Take(who, agent) => self.act(who, agent, Action::Take).await,
            Step::Reply(who, agent) => {
                self.act(who, agent, Action::Reply { text: "您好".into(), id: None, anyway: false, stays: false })
                    .await;
            }
            Step::Return(who, agent) => self.act(who, agent, Action::Return { summary: Some("等待退款".into()) }).await,
            Step::Transfer(who, agent, queue) => {
                let actor = Actor::Agent(AGENTS[agent].to_owned());
                let done = self.pipeline.transfer(&id(who), &actor, QUEUES[queue], Some("请看一下")).await;
                accepted(done);
            }
            Step::Close(who, agent) => self.act(who, agent, Action::Close).await,
            Step::Pass(seconds, look) => {
                self.clock.set(self.clock.now().checked_add(SignedDuration::from_secs(seconds)).unwrap());
                if look {
                    self.pipeline.run_timers().await.unwrap();
                }
            }
            Step::AtOnce(who, word, agent) => {
                let timers = async { self.pipeline.run_timers().await.unwrap() };
                tokio::join!(self.act(who, agent, Action::Take), timers, self.say(number, who, word));
            }
            Step::Restart => self.restart().await,
            Step::Reload => {
                self.which = 1 - self.which;
                self.pipeline.engine.store(Arc::clone(&self.files.engines[self.which]));
                self.pipeline.store.set_timers(self.clock.now()).await.unwrap();
            }
        }
    }

    /// What must be true after every step.
    async fn check(&self) {
        let store = &self.pipeline.store;
        let timers = store.timers(100).await.unwrap();
        let handoffs = store.handoffs(HandoffFilter { limit: 1_000, ..HandoffFilter::default() }).await.unwrap();
        for who in 0..CUSTOMERS {
            let Some(row) = store.conversation(&id(who)).await.unwrap() else { continue };
            let conversation: Conversation = serde_json::from_str(&row.body).unwrap();
            let events = store.events_after(&row.id, 0, 10_000).await.unwrap();
            transcript_holds(&events, row.seq, &row.state);
            let own = handoffs.iter().filter(|handoff| handoff.conversation == row.id);
            let open: Vec<_> = own.filter(|handoff| ["queued", "taken"].contains(&handoff.state.as_str())).collect();
            let timed = timers.iter().any(|timer| timer.conversation == row.id);
            let Some(handoff) = &conversation.handoff else {
                assert!(["bot", "closed"].contains(&row.state.as_str()), "{row:#?}");
                assert!(open.is_empty() && !timed, "a case that is no case: {open:#?} {timers:#?}");
                continue;
            };
            assert_eq!(open.len(), 1, "one open case: {open:#?}");
            assert_eq!((&open[0].id, &open[0].queue), (&handoff.id, &handoff.queue));
            assert_eq!(open[0].priority, handoff.priority.as_str());
            match row.state.as_str() {
                "queued" => assert!(open[0].state == "queued" && timed, "somebody will hear of it: {open:#?}"),
                "human" => assert_eq!(open[0].state == "queued", handoff.ladder.besides, "{open:#?}"),
                other => panic!("an open case in a conversation that is {other}"),
            }
        }
    }

    /// In the end every case that nobody took has been said to the last queue of its ladder.
    async fn ends(&mut self) {
        let before = self.waiting().await;
        for _ in 0..8 {
            self.clock.set(self.clock.now().checked_add(SignedDuration::from_hours(24)).unwrap());
            self.pipeline.run_timers().await.unwrap();
            self.check().await;
        }
        let after = self.waiting().await;
        let filter = DeliveryFilter { limit: 100_000, ..DeliveryFilter::default() };
        let sent = self.pipeline.store.deliveries(filter).await.unwrap();
        for (id, _) in before {
            let (conversation, queue) = &after[&id];
            let last = ["head", "oncall", "lead"];
            assert!(last.contains(&queue.as_str()), "{id} is still in {queue}");
            let heard = |row: &&nightdesk::store::OutboxRow| {
                row.conversation == *conversation && row.kind == "handoff.escalated"
            };
            assert!(sent.iter().any(|row| heard(&row)), "nobody heard of {id}");
        }
    }

    /// Cases that nobody has taken: conversation and queue by id.
    async fn waiting(&self) -> BTreeMap<String, (String, String)> {
        let filter = HandoffFilter { state: Some("queued".into()), limit: 100, ..HandoffFilter::default() };
        let rows = self.pipeline.store.handoffs(filter).await.unwrap();
        rows.into_iter().map(|row| (row.id, (row.conversation, row.queue))).collect()
    }
}

/// Done, or refused because of what is so.
fn accepted(done: Result<Acted, AgentError>) {
    use AgentError::{TakenBy, ThereAlready, Unknown, WrongState};
    match done {
        Ok(_) | Err(Unknown | TakenBy(_) | WrongState(_) | ThereAlready(_)) => {}
        Err(error) => panic!("{error}"),
    }
}

fn id(who: usize) -> String {
    Tokens::conversation("web", &format!("t{who}"))
}

fn pipeline(engine: &Arc<Engine>, data: &Path, clock: &Clock) -> Arc<Pipeline> {
    let store: Arc<dyn nightdesk::store::Store> = Arc::new(SqliteStore::open(data).unwrap());
    let tokens = Arc::new(Tokens::open(data).unwrap());
    let engine = Arc::new(ArcSwap::from(Arc::clone(engine)));
    let lookups = nightdesk::lookup::Lookups::new(Arc::clone(&store), clock.clone()).unwrap();
    Arc::new(Pipeline::new(store, engine, clock.clone(), Arc::new(Metrics::new()), tokens, lookups, Arc::new(Deaf)))
}

/// Numbers without gaps; nothing said by the bot, and nobody else, while a person has the conversation.
pub fn transcript_holds(events: &[EventRow], last: u64, state: &str) {
    let numbers: Vec<u64> = events.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (1..=last).collect::<Vec<u64>>());
    let mut owner: Option<String> = None;
    let mut now = "bot".to_owned();
    for (index, event) in events.iter().enumerate() {
        let data: Value = serde_json::from_str(&event.body).unwrap();
        if event.kind == "state" {
            let agent = data["agent"].as_str().map(str::to_owned);
            data["state"].as_str().unwrap().clone_into(&mut now);
            if now == "human" {
                let other = owner.as_ref().filter(|owner| Some(*owner) != agent.as_ref());
                assert!(other.is_none(), "taken by {agent:?} from {owner:?}: {events:#?}");
            }
            owner = agent.filter(|_| now == "human");
        } else if event.role == "bot" && now == "human" {
            // The goodbye is a person's: said when that person ends the conversation.
            let next = events.get(index + 1).map(|next| next.body.as_str()).unwrap_or_default();
            assert!(next.contains("\"closed\""), "the bot speaks beside a person: {events:#?}");
        }
    }
    // A message to a closed conversation that nobody is told anything of opens it without an event.
    assert!(now == state || (now == "closed" && state == "bot"), "{now} in the transcript, {state} in the row");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_whatever_order_things_happen_no_case_is_lost_or_taken_twice(before in scene(), then in prop::collection::vec(step(), 5..40)) {
        static FILES: std::sync::OnceLock<Arc<Files>> = std::sync::OnceLock::new();
        let files = FILES.get_or_init(|| Arc::new(Files::new()));
        let data = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut core = Core::start(files, data.path());
            for step in before.iter().chain(&then) {
                Box::pin(core.step(step)).await;
                core.check().await;
            }
            core.ends().await;
        });
    }
}

#[tokio::test]
async fn a_clock_that_jumps_does_no_harm() {
    let files = Arc::new(Files::new());
    let data = tempfile::tempdir().unwrap();
    let mut core = Core::start(&files, data.path());
    let escalated = async |core: &Core| {
        let all =
            core.pipeline.store.deliveries(DeliveryFilter { limit: 100, ..DeliveryFilter::default() }).await.unwrap();
        all.iter().filter(|row| row.kind == "handoff.escalated").count()
    };
    Box::pin(core.step(&Step::Say(0, 1))).await;
    // Back by a day: nothing is due, and nothing is lost.
    let now: Timestamp = core.clock.now();
    core.clock.set(now.checked_sub(SignedDuration::from_hours(24)).unwrap());
    core.pipeline.run_timers().await.unwrap();
    core.check().await;
    assert_eq!(escalated(&core).await, 0);
    // Ahead by a year: one step, once, and the next has its own time.
    core.clock.set(now.checked_add(SignedDuration::from_hours(24 * 365)).unwrap());
    assert_eq!(core.pipeline.run_timers().await.unwrap(), 1);
    assert_eq!(core.pipeline.run_timers().await.unwrap(), 0);
    assert_eq!(escalated(&core).await, 1);
    core.check().await;
    // And back again: it waits for its time, as everything on the wall does.
    core.clock.set(now);
    core.pipeline.run_timers().await.unwrap();
    assert_eq!(escalated(&core).await, 1);
    core.check().await;
}
