//! A shop's directory, written for one test.

use std::fs;
use std::path::{Path, PathBuf};

use super::receiver::Receiver;

/// Secret of the webhooks `desk` and `oncall`.
pub const DESK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// First secret of the channel `crm`.
pub const CRM_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
/// Second secret of the channel `crm`.
pub const CRM_OLD_SECRET: &str = "whsec_bm90LXRoZS1zYW1lLXNlY3JldC1hdC1hbGwh";

/// Waits between attempts that suit a test: many and short.
pub const SHORT_WAITS: &str =
    "[50ms, 50ms, 50ms, 50ms, 50ms, 50ms, 50ms, 50ms, 50ms, 50ms, 50ms, 50ms, 50ms, 50ms, 50ms]";

/// A shop's directory and, beside it, the daemon's data. Gone when dropped.
#[derive(Debug)]
pub struct Shop {
    root: tempfile::TempDir,
}

impl Shop {
    /// A shop with these settings and nothing else.
    pub fn new(settings: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("shop")).unwrap();
        let shop = Self { root };
        shop.write("nightdesk.yaml", settings);
        shop
    }

    /// A small shop: open Monday to Friday, a queue `general` with the webhook `desk`, a queue `oncall` that never
    /// closes with the webhook `oncall`, chat channel `web`, platform channel `crm`. See the files below.
    pub fn small(receiver: &Receiver) -> Self {
        Self::small_with(receiver, "")
    }

    /// The small shop with more in its `nightdesk.yaml`: whole keys of the top level.
    pub fn small_with(receiver: &Receiver, more: &str) -> Self {
        let shop = Self::new(&format!("{}\n{more}\n", small_settings(receiver)));
        shop.write("faq/shop.yaml", SMALL_FAQ);
        shop.write("rules/shop.yaml", SMALL_RULES);
        shop
    }

    /// A copy of the starter pack, with its queues connected to the receiver and a channel `crm`, and less patience for messages
    /// in pieces, so that a test need not wait as a customer does.
    pub fn shipped(receiver: &Receiver) -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let settings = fs::read_to_string(here.join("nightdesk.yaml")).unwrap();
        let connected = settings
            .replace("{hours: shop, ", "{hours: shop, webhook: desk, ")
            .replace("{hours: always, ", "{hours: always, webhook: oncall, ")
            .replace("wait_for_more: 1500ms", "wait_for_more: 20ms")
            .replace(
                "\nchannels:\n",
                &format!("\n{}\n\nchannels:\n  crm: {{kind: webhook, secret: {CRM_SECRET}}}\n", webhooks(receiver)),
            );
        let changed = connected.matches("webhook: ").count() > 5 && connected.contains("wait_for_more: 20ms");
        assert!(changed, "the starter pack's settings look different now");
        let shop = Self::new(&connected);
        for folder in ["faq", "rules", "calendars"] {
            copy(&here.join(folder), &shop.dir().join(folder));
        }
        shop
    }

    /// Writes a file of the shop.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.dir().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The shop's directory.
    pub fn dir(&self) -> PathBuf {
        self.root.path().join("shop")
    }

    /// Where a daemon keeps this shop's data.
    pub fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    /// A free place for a test's own files.
    pub fn aside(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// The webhooks `desk` and `oncall`, both at the receiver.
fn webhooks(receiver: &Receiver) -> String {
    let (desk, oncall) = (receiver.url("/desk"), receiver.url("/oncall"));
    format!(
        "webhooks:\n  desk: {{url: \"{desk}\", secret: {DESK_SECRET}, timeout: 2s, retry: {SHORT_WAITS}}}\n  oncall: {{url: \"{oncall}\", secret: {DESK_SECRET}, timeout: 2s, retry: {SHORT_WAITS}}}"
    )
}

fn small_settings(receiver: &Receiver) -> String {
    let (webhooks, replies) = (webhooks(receiver), receiver.url("/replies"));
    format!(
        r#"timezone: Asia/Shanghai
languages: [zh, zh-Hant, en]
hours:
  shop: {{weekly: {{mon-fri: ["09:00-18:00"]}}}}
  always: {{weekly: {{mon-sun: ["00:00-24:00"]}}}}
queues:
  general: {{hours: shop, webhook: desk, first_response: 120s}}
  oncall: {{hours: always, webhook: oncall, first_response: 5m}}
{webhooks}
routes:
  - {{queue: general}}
channels:
  web: {{kind: websocket, origins: ["https://shop.example"]}}
  crm: {{kind: webhook, secret: [{CRM_SECRET}, {CRM_OLD_SECRET}], reply_url: "{replies}"}}
notices:
  closed: {{zh: "现在不在营业时间，{{{{ next_open }}}}回复您。", en: "We are closed and will answer {{{{ next_open }}}}."}}
  handed_over: {{zh: "已转给同事。", en: "A colleague takes over."}}
  urgent_lane: {{zh: "已通知值班同事。", en: "The colleague on call knows."}}
  greeting: {{zh: "您好！", en: "Hello!"}}
  goodbye: {{zh: "再见！", en: "Goodbye!"}}
  media: {{zh: "图片已转给同事。", en: "A colleague will look at your picture."}}
  too_long: {{zh: "消息太长，已转给同事。", en: "That is long; a colleague will read it."}}
  empty: {{zh: "没有收到文字。", en: "Your message was empty."}}
"#
    )
}

const SMALL_FAQ: &str = r"faq:
  - id: returns.window
    title: {zh: 七天无理由退货, en: Returning an item}
    category: returns
    questions: [怎么退货, how do I return an item]
    answer: {zh: 七天内可以退货。, en: You can return it within seven days.}
    options: [refund.time, invoice.get]
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
";

const SMALL_RULES: &str = r"rules:
  - id: urgent.account-stolen
    priority: 900
    when: {phrase: [盗刷, account was hacked]}
    urgent: true
    tags: [security]
    reply: {zh: 请先冻结银行卡，值班同事已收到通知。, en: Please block your card; the colleague on call is alerted.}
    handoff: {queue: oncall, reason: urgent}
";
