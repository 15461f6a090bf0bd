//! The daemon's own way of messages without its sockets, for targets that go through a door.

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use nightdesk::channel::desk::{self, Incoming};
use nightdesk::channel::{Memory, Request, door};
use nightdesk::clock::Clock;
use nightdesk::engine::Engine;
use nightdesk::lookup::Lookups;
use nightdesk::pipeline::{OutboxListener, Pipeline};
use nightdesk::rules::load::NoSecrets;
use nightdesk::rules::{ChannelSpec, Files};
use nightdesk::store::sqlite::SqliteStore;
use nightdesk::store::{ConversationFilter, Store};
use nightdesk::telemetry::Metrics;
use nightdesk::token::Tokens;
use tokio::runtime::{Builder, Runtime};
use tokio_util::task::TaskTracker;

use super::instant;

/// The time of all that is received.
pub const NOW: &str = "2026-10-14T10:00:00+08:00";
/// The secret of everything, which no fuzzer hits upon.
pub const SECRET: &str = "q7Zk2vX9rT4mB8wL1cD6";
/// The same as the Standard Webhooks want it.
pub const STANDARD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// Sample values of the platforms.
pub const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
pub const APP: &str = "wx2c2769f8efd9abc2";
/// Uses after which it begins anew, so that one run hardly hangs on those before it.
const USES: u32 = 200;

const SETTINGS: &str = r#"timezone: Asia/Shanghai
languages: [zh, en]
hours: {shop: {weekly: {mon-fri: ["09:00-18:00"]}}}
queues: {general: {hours: shop, webhook: desk, first_response: 2m}}
routes: [{queue: general}]
limits: {per_customer_per_minute: 100000, per_address_per_minute: 0, wait_for_more: 0s}
notices: {closed: "没有人，{{ next_open }}", handed_over: 转接, greeting: 您好, survey: 打几分？, rated: 谢谢}
webhooks:
  desk: {url: "http://127.0.0.1:9/desk"}
  chatwoot-desk: {url: "http://127.0.0.1:9/", format: chatwoot, inbox: box, secret: SECRET}
  zendesk-desk: {url: "http://127.0.0.1:9/", format: zendesk, email: a@shop.example, token: t, secret: SECRET}
channels:
  web: {kind: websocket, identity_secret: SECRET-SECRET-SECRET-SECRET}
  standard: {kind: webhook, secret: STANDARD}
  slack: {kind: webhook, signature: slack, secret: SECRET}
  feishu: {kind: webhook, signature: feishu, secret: SECRET}
  zendesk: {kind: webhook, signature: zendesk, secret: SECRET}
  github: {kind: webhook, signature: github, secret: SECRET}
  wechat: {kind: wechat, app_id: APP, token: SECRET, app_secret: s, base_url: "http://127.0.0.1:9/"}
  wechat-safe: {kind: wechat, app_id: APP, token: SECRET, aes_key: AESKEY, app_secret: s, base_url: "http://127.0.0.1:9/"}
  weibo: {kind: weibo, secret: SECRET}
  weibo-api: {kind: weibo, secret: SECRET, access_token: t, base_url: "http://127.0.0.1:9/"}
  telegram: {kind: telegram, bot_token: "7:t", secret: SECRET, base_url: "http://127.0.0.1:9/"}
  line: {kind: line, secret: SECRET, access_token: t, base_url: "http://127.0.0.1:9/"}
  whatsapp: {kind: whatsapp, secret: SECRET, verify_token: SECRET, access_token: t, phone_number_id: "1065", base_url: "http://127.0.0.1:9/"}
  messenger: {kind: messenger, secret: SECRET, verify_token: SECRET, access_token: t, machine_apps: ["12"], base_url: "http://127.0.0.1:9/"}
  instagram: {kind: instagram, secret: SECRET, verify_token: SECRET, access_token: t, page_id: "1", base_url: "http://127.0.0.1:9/"}
  kf: {kind: wecom-kf, corp_id: APP, secret: s, token: SECRET, aes_key: AESKEY, open_kfid: [wkA], base_url: "http://127.0.0.1:9/"}
  chatwoot: {kind: chatwoot, base_url: "http://127.0.0.1:9/", account_id: 7, access_token: t, secret: SECRET}
  chatwoot-key: {kind: chatwoot, base_url: "http://127.0.0.1:9/", account_id: 7, access_token: t, url_key: SECRET}
  smtp: {kind: mail, listen: "127.0.0.1:2525", protocol: smtp, addresses: [service@shop.example], smtp: "127.0.0.1:25", smtp_tls: none}
  lmtp: {kind: mail, listen: "127.0.0.1:2526", addresses: [service@shop.example], smtp: "127.0.0.1:25", smtp_tls: none}
"#;
const ENTRIES: &str = "faq: [{id: a.b, title: 退货, category: a, questions: [怎么退货], answer: {zh: 七天。, en: Seven days.}},\n\
    {id: a.c, title: 发货, category: a, questions: [什么时候发货], answer: {zh: 明天。, en: Tomorrow.}}]\n";

struct Deaf;

impl OutboxListener for Deaf {
    fn committed(&self, _: &str) {}
}

/// A daemon without sockets, and where it keeps things.
pub struct Core {
    pub pipeline: Arc<Pipeline>,
    pub memory: Arc<Memory>,
    runtime: Runtime,
    uses: u32,
    _data: tempfile::TempDir,
}

fn engine() -> &'static Arc<Engine> {
    static ENGINE: OnceLock<Arc<Engine>> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let settings = [("SECRET", SECRET), ("STANDARD", STANDARD), ("AESKEY", AES_KEY), ("APP", APP)]
            .into_iter()
            .fold(SETTINGS.to_owned(), |text, (name, value)| text.replace(name, value));
        let files = Files::from_texts([("nightdesk.yaml", settings.as_str()), ("faq/shop.yaml", ENTRIES)]);
        let (engine, report) = Engine::load(files, &NoSecrets);
        Arc::new(engine.unwrap_or_else(|| panic!("{:#?}", report.findings)))
    })
}

impl Core {
    fn new() -> Self {
        // In memory where there is such a place: what a power cut does is shown elsewhere.
        let data = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let clock = Clock::fixed(instant(NOW));
        let pipeline = runtime.block_on(async {
            let store: Arc<dyn Store> = Arc::new(SqliteStore::open(data.path()).unwrap());
            let lookups = Lookups::new(Arc::clone(&store), clock.clone()).unwrap();
            let engine = Arc::new(ArcSwap::from(Arc::clone(engine())));
            let tokens = Arc::new(Tokens::from_key(&[7; 32]));
            Arc::new(Pipeline::new(store, engine, clock, Arc::new(Metrics::new()), tokens, lookups, Arc::new(Deaf)))
        });
        Self { pipeline, memory: Arc::default(), runtime, uses: 0, _data: data }
    }

    /// Runs something on the core of this thread.
    pub fn with<T>(run: impl AsyncFnOnce(&Self) -> T) -> T {
        thread_local!(static CORE: RefCell<Option<Core>> = const { RefCell::new(None) });
        CORE.with_borrow_mut(|core| {
            let core = match core {
                Some(known) if known.uses < USES => core.as_mut().unwrap(),
                _ => core.insert(Self::new()),
            };
            core.uses += 1;
            let core = &*core;
            core.runtime.block_on(run(core))
        })
    }

    pub fn channel(&self, name: &str) -> Option<ChannelSpec> {
        self.pipeline.engine.load().book().settings.channel(name).cloned()
    }

    /// What a channel's door, or a desk's, answers: the status.
    pub async fn answers(&self, to: &str, asked: Asked) -> u16 {
        let engine = self.pipeline.engine.load_full();
        let (memory, pipeline) = (Arc::clone(&self.memory), Arc::clone(&self.pipeline));
        let Asked { method, query, headers, body } = asked;
        let body = body.into();
        if let Some(name) = to.strip_prefix("desk/") {
            let Some(spec) = engine.book().settings.webhooks.get(name).cloned() else { return 404 };
            let incoming = Incoming { name: name.to_owned(), spec, query, headers, body, pipeline, memory };
            return status(desk::answer(incoming).await);
        }
        let Some(spec) = self.channel(to) else { return 404 };
        let Some(door) = door(spec.kind) else { return 404 };
        let tracker = TaskTracker::new();
        let channel = to.to_owned();
        status(door.answer(Request { channel, spec, method, query, headers, body, pipeline, memory, tracker }).await)
    }

    /// A number that grows with everything that is kept of conversations.
    pub async fn kept(&self) -> u64 {
        let all = self.pipeline.store.conversations(ConversationFilter { state: None, limit: 10_000 }).await.unwrap();
        all.iter().map(|row| row.seq + 1).sum()
    }
}

/// A request.
#[derive(Clone)]
pub struct Asked {
    pub method: axum::http::Method,
    pub query: Vec<(String, String)>,
    pub headers: axum::http::HeaderMap,
    pub body: Vec<u8>,
}

fn status(answer: Result<axum::response::Response, nightdesk::channel::Problem>) -> u16 {
    match answer {
        Ok(response) => response.status().as_u16(),
        Err(problem) => problem.status().as_u16(),
    }
}
