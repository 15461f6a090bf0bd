//! What happens in a story, and what must be true in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock};

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use nightdesk::clock::Clock;
use nightdesk::engine::Engine;
use nightdesk::lookup::Lookups;
use nightdesk::message::{Conversation, Customer, Gesture, Kind, Role};
use nightdesk::modes::{Mode, Switch};
use nightdesk::pipeline::{Action, Actor, AgentError, Arrival, OutboxListener, Pipeline};
use nightdesk::store::sqlite::SqliteStore;
use nightdesk::store::{DecisionFilter, DeliveryFilter, EventRow, HandoffFilter, Store};
use nightdesk::telemetry::Metrics;
use nightdesk::token::Tokens;
use serde_json::Value;
use tokio::task::JoinSet;

use super::paced::{Gate, Paced};
use crate::common::daemon::instant;
use crate::common::shop::Shop;
use crate::interleavings::transcript_holds;

const CUSTOMERS: usize = 3;
const AGENTS: [&str; 2] = ["anna", "bo"];
const WORDS: [&str; 6] =
    ["怎么退货", "转人工", "我的卡被盗刷了", "紫色大象飞过了第三座桥", "什么时候发货", "怎么退货，什么时候发货"];
const QUEUES: [&str; 3] = ["general", "lead", "oncall"];
/// What is chosen in one story.
const CHOICES: usize = 160;
/// Messages of one customer under way at a time.
const AT_ONCE: usize = 3;
/// The marks of the two sets of files; each text has one.
const MARKS: [char; 2] = ['①', '②'];

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
limits: {agent_idle: 20m, back_to_bot: 1h, per_customer_per_minute: 100000, wait_for_more: 0s}
notices: {closed: "没有人①，{{ next_open }}", handed_over: 转接①, delayed: 久等了①, taken: 有人来了①, transferred: 换了人①, goodbye: 再见①, degraded: 系统慢①}
"#;
const FAQ: &str = "faq: [{id: a, title: 退货, category: a, questions: [怎么退货], answer: 七天①。}, \
    {id: b, title: 发货, category: a, questions: [什么时候发货], answer: 明天①。}]";
const RULES: &str =
    "rules: [{id: u, priority: 9, when: {phrase: [盗刷]}, urgent: true, reply: 已通知①, handoff: {queue: oncall}}]";

/// The files before and after a reload: each text says which.
pub struct Files {
    _dirs: [Shop; 2],
    engines: [Arc<Engine>; 2],
}

impl Files {
    pub fn all() -> &'static Self {
        static FILES: OnceLock<Files> = OnceLock::new();
        FILES.get_or_init(|| {
            let other = |text: &str| text.replace(MARKS[0], "②").replace("first_response: 2m", "first_response: 1m");
            let texts = [[SETTINGS, FAQ, RULES].map(str::to_owned), [SETTINGS, FAQ, RULES].map(other)];
            let dirs = texts.map(|[settings, faq, rules]| {
                let shop = Shop::new(&settings);
                shop.write("faq/shop.yaml", &faq);
                shop.write("rules/shop.yaml", &rules);
                shop
            });
            let engines = [0, 1].map(|n: usize| {
                let (engine, report) = nightdesk::shop::open(&dirs[n].dir(), instant("2026-10-14T10:00:00+08:00"));
                Arc::new(engine.unwrap_or_else(|| panic!("{report:#?}")))
            });
            Self { _dirs: dirs, engines }
        })
    }
}

struct Deaf;

impl OutboxListener for Deaf {
    fn committed(&self, _: &str) {}
}

/// Numbers that hang on the seed alone.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) >> 8).unwrap() % most
    }
}

/// What a customer's program knows.
#[derive(Default)]
struct Client {
    next: usize,
    /// Sent and not acknowledged: words by id.
    open: BTreeMap<String, usize>,
    /// Under way.
    sent: BTreeSet<String>,
    /// Acknowledged: our id, its place and the answer.
    taken: BTreeMap<String, (String, u64, Value)>,
}

/// What a task has come to.
enum Done {
    Said(usize, String, Box<Result<nightdesk::pipeline::Accepted, String>>),
    Did(String),
}

/// A daemon that runs step by step, and those around it.
pub struct World {
    pub trace: Vec<String>,
    files: &'static Files,
    dice: Dice,
    which: usize,
    switches: Vec<Switch>,
    clock: Clock,
    data: tempfile::TempDir,
    store: Arc<dyn Store>,
    paced: Arc<Paced>,
    pipeline: Arc<Pipeline>,
    tasks: JoinSet<Done>,
    clients: Vec<Client>,
}

fn pipeline(files: &Files, which: usize, paced: &Arc<Paced>, clock: &Clock) -> Arc<Pipeline> {
    let store = Arc::clone(paced) as Arc<dyn Store>;
    let engine = Arc::new(ArcSwap::from(Arc::clone(&files.engines[which])));
    let lookups = Lookups::new(Arc::clone(&store), clock.clone()).unwrap();
    let (metrics, tokens) = (Arc::new(Metrics::new()), Arc::new(Tokens::from_key(&[7; 32])));
    Arc::new(Pipeline::new(store, engine, clock.clone(), metrics, tokens, lookups, Arc::new(Deaf)))
}

fn opened(data: &tempfile::TempDir) -> (Arc<dyn Store>, Arc<Paced>) {
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(data.path()).unwrap());
    let paced = Paced { store: Mutex::new(Some(Arc::clone(&store))), gate: Arc::default() };
    (store, Arc::new(paced))
}

fn id(who: usize) -> String {
    Tokens::conversation("web", &format!("t{who}"))
}

impl World {
    pub fn new(files: &'static Files, seed: u64) -> Self {
        let clock = Clock::fixed(instant("2026-10-14T10:00:00+08:00"));
        // What a disk does in a power cut is shown elsewhere.
        let data = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let (store, paced) = opened(&data);
        let pipeline = pipeline(files, 0, &paced, &clock);
        let clients = (0..CUSTOMERS).map(|_| Client::default()).collect();
        Self {
            trace: Vec::new(),
            files,
            dice: Dice(seed),
            which: 0,
            switches: Vec::new(),
            clock,
            data,
            store,
            paced,
            pipeline,
            tasks: JoinSet::new(),
            clients,
        }
    }

    /// The whole story.
    pub async fn live(&mut self) {
        for _ in 0..CHOICES {
            self.settle().await;
            let waiting = self.paced.gate.waiting();
            if waiting > 0 && self.dice.below(10) < 7 {
                let committed = self.let_one_through(waiting).await;
                // Between the disk and the answer.
                if self.dice.below(60) == 0 {
                    self.crash().await;
                }
                if committed {
                    self.holds().await;
                }
            } else {
                self.begin().await;
            }
        }
        self.ends().await;
    }

    /// Lets everything run that can, up to the next call of the store.
    async fn settle(&mut self) {
        for _ in 0..32 {
            tokio::task::yield_now().await;
        }
        while let Some(done) = self.tasks.try_join_next() {
            self.heard(done.expect("no task panics"));
        }
    }

    fn heard(&mut self, done: Done) {
        match done {
            Done::Did(what) => self.trace.push(what),
            Done::Said(who, id, accepted) => {
                let client = &mut self.clients[who];
                client.sent.remove(&id);
                match *accepted {
                    Err(error) => self.trace.push(format!("c{who} {id} is not taken: {error}")),
                    Ok(accepted) => {
                        self.trace.push(format!("c{who} {id} is {} (again: {})", accepted.seq, accepted.duplicate));
                        client.open.remove(&id);
                        let now = (accepted.message, accepted.seq, accepted.response);
                        if let Some(before) = client.taken.get(&id) {
                            assert_eq!((&before.0, before.1), (&now.0, now.1), "{id} of c{who} is one message");
                            assert_eq!(before.2["messages"], now.2["messages"], "{id} of c{who} has one answer");
                        }
                        client.taken.insert(id, now);
                    }
                }
            }
        }
    }

    /// One call of the store; whether it was a commit.
    async fn let_one_through(&mut self, waiting: usize) -> bool {
        let index = self.dice.below(waiting);
        let name = self.paced.gate.let_through(index).await;
        self.trace.push(format!("  {name}"));
        name == "commit"
    }

    /// Something new.
    async fn begin(&mut self) {
        let who = self.dice.below(CUSTOMERS);
        match self.dice.below(30) {
            0..=9 => self.say(who),
            10 => self.say_again(who),
            11..=17 => self.act(who),
            18..=23 => self.pass(),
            24 | 25 => self.look_at_timers(),
            26 | 27 => self.reload(),
            28 => self.switch(),
            _ => self.crash().await,
        }
    }

    fn say(&mut self, who: usize) {
        let client = &mut self.clients[who];
        if client.sent.len() >= AT_ONCE {
            return;
        }
        // What was not acknowledged goes first.
        let known = client.open.iter().find(|(id, _)| !client.sent.contains(*id)).map(|(id, word)| (id.clone(), *word));
        let (id, word) = known.unwrap_or_else(|| {
            client.next += 1;
            (format!("m{}", client.next), self.dice.below(WORDS.len()))
        });
        self.send(who, id, word);
    }

    /// A message that was taken comes again.
    fn say_again(&mut self, who: usize) {
        let known: Vec<String> = self.clients[who].taken.keys().cloned().collect();
        if !known.is_empty() {
            let id = known[self.dice.below(known.len())].clone();
            if !self.clients[who].sent.contains(&id) {
                self.send(who, id, 0);
            }
        }
    }

    fn send(&mut self, who: usize, id: String, word: usize) {
        self.trace.push(format!("c{who} sends {id}: {}", WORDS[word]));
        let client = &mut self.clients[who];
        client.sent.insert(id.clone());
        if !client.taken.contains_key(&id) {
            client.open.insert(id.clone(), word);
        }
        let arrival = Arrival {
            channel: "web".into(),
            account: String::new(),
            thread: format!("t{who}"),
            customer: Customer { id: format!("cu{who}"), ..Customer::default() },
            id: id.clone(),
            kind: Kind::Text,
            text: WORDS[word].into(),
            url: None,
            locale: None,
            gesture: Gesture::Write,
            role: Role::Visitor,
            origin: None,
            reply_with: Value::Null,
        };
        let pipeline = Arc::clone(&self.pipeline);
        self.tasks.spawn(async move {
            let accepted = pipeline.accept(arrival).await.map_err(|error| error.to_string());
            Done::Said(who, id, Box::new(accepted))
        });
    }

    fn act(&mut self, who: usize) {
        let (agent, pipeline) = (AGENTS[self.dice.below(2)], Arc::clone(&self.pipeline));
        let (actor, conversation) = (Actor::Agent(agent.to_owned()), id(who));
        let queue = QUEUES[self.dice.below(QUEUES.len())];
        let what = match self.dice.below(6) {
            0 | 1 => Some(Action::Take),
            2 => Some(Action::Reply { text: "您好".into(), id: None, anyway: false, stays: false }),
            3 => Some(Action::Return { summary: None }),
            4 => Some(Action::Close),
            _ => None,
        };
        self.trace.push(format!("{agent} does {what:?} with c{who}"));
        self.tasks.spawn(async move {
            let done = match what {
                Some(action) => pipeline.act(&conversation, &actor, action).await,
                None => pipeline.transfer(&conversation, &actor, queue, None).await,
            };
            Done::Did(match done {
                Ok(_) => format!("{agent} did it"),
                Err(
                    error @ (AgentError::Unknown
                    | AgentError::TakenBy(_)
                    | AgentError::WrongState(_)
                    | AgentError::ThereAlready(_)),
                ) => format!("{agent} did not: {error}"),
                Err(error) => panic!("{error}"),
            })
        });
    }

    /// The clock goes on, seldom far, and now and then back a little, as clocks do.
    fn pass(&mut self) {
        let seconds = match self.dice.below(12) {
            0 => 36_000,
            1 => 90_000,
            2 => -30,
            3..=6 => i64::try_from(self.dice.below(3_000)).unwrap(),
            _ => i64::try_from(self.dice.below(150)).unwrap(),
        };
        self.trace.push(format!("{seconds} s pass"));
        self.clock.set(self.clock.now().checked_add(SignedDuration::from_secs(seconds)).unwrap());
    }

    fn look_at_timers(&mut self) {
        self.trace.push("timers".to_owned());
        let pipeline = Arc::clone(&self.pipeline);
        self.tasks.spawn(async move {
            pipeline.run_timers().await.unwrap();
            Done::Did("timers were looked at".to_owned())
        });
    }

    fn set_timers(&mut self) {
        let (pipeline, now) = (Arc::clone(&self.pipeline), self.clock.now());
        self.tasks.spawn(async move {
            pipeline.store.set_timers(now).await.unwrap();
            Done::Did("timers were set".to_owned())
        });
    }

    fn reload(&mut self) {
        self.which = 1 - self.which;
        self.trace.push(format!("files {}", MARKS[self.which]));
        self.put_engine();
        self.set_timers();
    }

    fn put_engine(&self) {
        let engine = self.files.engines[self.which].with_switches(&self.switches);
        self.pipeline.engine.store(Arc::new(engine));
    }

    fn switch(&mut self) {
        let (from, on) = (self.clock.now(), self.dice.below(2) == 0);
        let until = from.checked_add(SignedDuration::from_hours(2)).unwrap();
        self.trace.push(format!("degraded: {on}"));
        self.switches.push(Switch { mode: Mode::Degraded, on, from, until, by: "anna".into(), note: None });
        self.put_engine();
    }

    /// The process is killed where it stands, and starts again with what is on disk.
    async fn crash(&mut self) {
        self.trace.push("crash".to_owned());
        *self.paced.store.lock().unwrap() = None;
        self.tasks.abort_all();
        while self.tasks.join_next().await.is_some() {}
        for client in &mut self.clients {
            client.sent.clear();
        }
        let nothing: Arc<Paced> = Arc::new(Paced { store: Mutex::new(None), gate: Arc::<Gate>::default() });
        self.pipeline = pipeline(self.files, self.which, &nothing, &self.clock);
        self.store = Arc::clone(&self.pipeline.store);
        let (store, paced) = opened(&self.data);
        (self.store, self.paced) = (store, paced);
        self.pipeline = pipeline(self.files, self.which, &self.paced, &self.clock);
        self.put_engine();
        self.set_timers();
    }

    /// Everything that was begun comes to its end.
    async fn drain(&mut self) {
        loop {
            self.settle().await;
            let waiting = self.paced.gate.waiting();
            if waiting > 0 {
                if self.let_one_through(waiting).await {
                    self.holds().await;
                }
            } else if self.tasks.is_empty() {
                return;
            }
        }
    }

    /// Everything is sent until it is taken; then time passes until nothing is due.
    async fn ends(&mut self) {
        self.trace.push("the end begins".to_owned());
        self.drain().await;
        for who in 0..CUSTOMERS {
            let open: Vec<(String, usize)> = self.clients[who].open.clone().into_iter().collect();
            for (id, word) in open {
                self.send(who, id, word);
                self.drain().await;
            }
            assert!(self.clients[who].open.is_empty(), "all of c{who} is taken: {:?}", self.clients[who].open);
        }
        for _ in 0..6 {
            self.clock.set(self.clock.now().checked_add(SignedDuration::from_hours(24)).unwrap());
            self.look_at_timers();
            self.drain().await;
            // Two that look at once do nothing twice.
            let before = self.outbox().await.len();
            self.look_at_timers();
            self.look_at_timers();
            self.drain().await;
            assert_eq!(self.outbox().await.len(), before, "what was due has happened");
        }
        self.holds().await;
        self.answered_once().await;
    }

    async fn outbox(&self) -> Vec<nightdesk::store::OutboxRow> {
        self.store.deliveries(DeliveryFilter { limit: 100_000, ..DeliveryFilter::default() }).await.unwrap()
    }

    /// What is true whenever something was committed.
    async fn holds(&self) {
        let handoffs = self.store.handoffs(HandoffFilter { limit: 10_000, ..HandoffFilter::default() }).await.unwrap();
        for who in 0..CUSTOMERS {
            let Some(row) = self.store.conversation(&id(who)).await.unwrap() else { continue };
            let conversation: Conversation = serde_json::from_str(&row.body).unwrap();
            let events = self.store.events_after(&row.id, 0, 10_000).await.unwrap();
            transcript_holds(&events, row.seq, &row.state);
            let own = handoffs.iter().filter(|handoff| handoff.conversation == row.id);
            let open: Vec<_> = own.filter(|handoff| ["queued", "taken"].contains(&handoff.state.as_str())).collect();
            match &conversation.handoff {
                Some(handoff) => {
                    assert_eq!(open.len(), 1, "one open case: {open:#?}");
                    assert_eq!((&open[0].id, &open[0].queue), (&handoff.id, &handoff.queue));
                }
                None => assert!(open.is_empty(), "a case that is no case: {open:#?}"),
            }
        }
        let mut told = BTreeSet::new();
        for row in self.outbox().await {
            let event: Value = serde_json::from_slice(&row.body).unwrap();
            let data = &event["data"];
            let case = data["handoff"]["id"].as_str().unwrap_or_default().to_owned();
            let begins = row.kind == "handoff.created" && data["transfer"].is_null() && data["escalation"].is_null();
            if begins {
                assert!(told.insert((case.clone(), String::new())), "{case} is told twice");
            } else if !data["escalation"].is_null() {
                // One step of a case happens once, whoever looks at the clock.
                let step = format!("{} {}", row.kind, data["escalation"]);
                assert!(told.insert((case.clone(), step.clone())), "{case} climbs twice: {step}");
            }
        }
        // What a person took without being called is that person's.
        for handoff in handoffs.iter().filter(|handoff| !handoff.message.is_empty()) {
            assert!(told.contains(&(handoff.id.clone(), String::new())), "nobody was told of {}", handoff.id);
        }
    }

    /// What is true of each message that was taken.
    async fn answered_once(&self) {
        let all = DecisionFilter { from: Timestamp::MIN, until: Timestamp::MAX, after: 0, limit: 100_000 };
        let decisions = self.store.decisions(all).await.unwrap();
        let hashes = [0, 1].map(|n: usize| self.files.engines[n].knowledge().hash.clone());
        for (who, client) in self.clients.iter().enumerate() {
            let events = self.store.events_after(&id(who), 0, 10_000).await.unwrap();
            let written = events.iter().filter(|event| event.role == "visitor" && event.kind == "message");
            assert_eq!(written.count(), client.taken.len(), "each message of c{who} is kept once");
            closed_is_said_once_in_a_period(&events, &self.files.engines[0]);
            for (name, (message, seq, response)) in &client.taken {
                let body = |event: &EventRow| serde_json::from_str::<Value>(&event.body).unwrap();
                let here: Vec<u64> =
                    events.iter().filter(|event| body(event)["message"] == **message).map(|event| event.seq).collect();
                assert_eq!(here, [*seq], "{name} of c{who} stands in one place");
                let decided: Vec<_> =
                    decisions.iter().filter(|(_, row)| row.conversation == id(who) && row.seq == *seq).collect();
                assert_eq!(decided.len(), 1, "{name} of c{who} is decided once: {decided:#?}");
                let mut said = String::new();
                for answer in response["messages"].as_array().unwrap() {
                    let there = events.iter().filter(|event| body(event)["message"] == answer["message"]);
                    assert_eq!(there.count(), 1, "an answer to {name} of c{who} is said once: {answer}");
                    said.push_str(answer["text"].as_str().unwrap());
                }
                // All of it is of one set of files, and it is the one that is named.
                let marks = MARKS.map(|mark| said.contains(mark));
                assert_ne!(marks, [true, true], "a mixture of two sets of files: {said}");
                let named = hashes.each_ref().map(|hash| decided[0].1.rule_set == *hash);
                assert!(marks == [false, false] || marks == named, "{said} was said by {named:?}");
            }
        }
    }
}

/// The word that nobody is there is said once in the time in which nobody is; again only to who has a new case by then.
fn closed_is_said_once_in_a_period(events: &[EventRow], engine: &Engine) {
    let schedule = &engine.knowledge().queues["general"].schedule;
    let (mut periods, mut cases) = (BTreeSet::new(), 0);
    for event in events {
        let ended = ["\"state\":\"bot\"", "\"state\":\"closed\""].iter().any(|state| event.body.contains(state));
        cases += u32::from(event.kind == "state" && ended);
        if event.body.contains("没有人") {
            let state = schedule.at(event.at);
            assert!(!state.open && periods.insert((state.since, cases)), "again at {}: {events:#?}", event.at);
        }
    }
}
