//! The doors: how messages come in and answers go out, one folder or file for each kind of channel.
//!
//! A kind that platforms post to is a [`Door`] and one line in [`door`]; its settings are a row in `rules/channels.rs`. Every door
//! keeps the same order: check the raw bytes, see whether the message came before, bring it to disk, answer.

pub mod access_token;
pub mod chatwoot;
pub mod desk;
mod door;
pub mod incoming;
pub mod line;
pub mod mail;
mod memory;
pub mod meta;
pub mod parts;
pub mod platform;
mod problem;
pub mod signature;
pub mod telegram;
pub mod webhook;
pub mod websocket;
pub mod wechat;
pub mod wecom_kf;
pub mod weibo;

pub use door::{Door, MAX_BODY, Request};
pub use memory::Memory;
pub use problem::Problem;

use crate::diag::Report;
use crate::handoff::Endpoint;
use crate::rules::{ChannelKind, ChannelSpec};

/// What answers requests to channels of this kind; none for sockets, which have their own path.
#[must_use]
pub fn door(kind: ChannelKind) -> Option<&'static dyn Door> {
    match kind {
        ChannelKind::Websocket => None,
        ChannelKind::Webhook => Some(&webhook::Webhook),
        ChannelKind::Wechat => Some(&wechat::Wechat),
        ChannelKind::WecomKf => Some(&wecom_kf::WecomKf),
        ChannelKind::Weibo => Some(&weibo::Weibo),
        ChannelKind::Telegram => Some(&telegram::Telegram),
        ChannelKind::Line => Some(&line::Line),
        ChannelKind::Whatsapp => Some(&meta::whatsapp::Whatsapp),
        ChannelKind::Messenger | ChannelKind::Instagram => Some(&meta::messenger::Messenger),
        ChannelKind::Chatwoot => Some(&chatwoot::Chatwoot),
        ChannelKind::Mail => Some(&mail::Letters),
    }
}

/// Where a channel's later messages go, if they go anywhere. Reports secrets that cannot be used.
#[must_use]
pub fn endpoint(name: &str, spec: &ChannelSpec, report: &mut Report) -> Option<Endpoint> {
    door(spec.kind)?.endpoint(name, spec, report)
}
