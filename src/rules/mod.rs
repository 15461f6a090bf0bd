//! Knowledge and settings as operations wrote them: files, their shape, and the Book that they make.

mod book;
pub mod channels;
mod commas;
pub mod dialogue;
mod files;
mod fixes;
pub mod load;
pub mod lookup;
mod mail;
pub mod model;
pub mod modes;
mod network;
pub mod pilots;
mod privacy;
mod read;
pub(crate) mod report;
pub mod schema;
mod settings;
pub mod shape;
pub mod shapes;
mod tls;
mod webhook;
pub mod wording;

pub use book::{Book, Unread};
pub use channels::{ChannelKind, ChannelSpec, SIGNATURES, WechatSpec};
pub use files::{Files, read_at_most};
pub use lookup::{LookupSettings, ParcelAccount, SignMethod, SignSpec, TimeFormat};
pub use mail::{MailSpec, SmtpTls, same_mailbox};
pub use modes::{ModesSpec, PeakSpec, PeriodSpec};
pub use network::Network;
pub use pilots::StopSpec;
pub use privacy::Retention;
pub use report::{Every, ReportSpec};
pub use settings::{Access, DEFAULT_RETRY, Limits, MatchingSpec, QueueSpec, RouteSpec, ScheduleSpec, Settings, json};
pub use tls::TlsSpec;
pub use webhook::{Rate, WebhookFormat, WebhookSpec};
