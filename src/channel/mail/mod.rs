//! Channels of kind `mail`: letters in by LMTP or SMTP, letters out by SMTP.
//!
//! `session` speaks the protocol, `letter` reads what came, `manners` says whether a machine may answer, `quote` finds the sender's
//! own words, `returned` which letter of ours comes back, `receive` puts all that into ours. `compose` writes letters and `send` brings them away. The knowledge is that of every
//! channel; how often a machine may say the same is decided with it (`decide/letters.rs`).

mod compose;
pub mod letter;
mod listen;
pub mod manners;
pub mod quote;
mod receive;
pub mod returned;
mod send;
mod session;

use std::sync::Arc;

use axum::response::Response;
use futures_util::future::BoxFuture;

use crate::diag::Report;
use crate::handoff::Endpoint;
use crate::rules::{ChannelSpec, MailSpec};

use super::door::{Door, Request};
use super::problem::Problem;

pub use listen::{Doors, ListenError, connection};

/// The kind `mail`.
#[derive(Debug)]
pub struct Letters;

impl Door for Letters {
    fn answer(&self, request: Request) -> BoxFuture<'static, Result<Response, Problem>> {
        let detail = format!(
            "The channel `{}` takes mail by LMTP or SMTP, at the address that its `listen` names.",
            request.channel
        );
        Box::pin(std::future::ready(Err(Problem::not_found(detail))))
    }

    fn endpoint(&self, name: &str, spec: &ChannelSpec, _: &mut Report) -> Option<Endpoint> {
        // What cannot be used was reported with the settings.
        let spec = MailSpec::of(spec)?;
        let url = format!("smtp://{}:{}", spec.smtp.0, spec.smtp.1);
        let endpoint = Endpoint::new(&format!("reply:{name}"), &url);
        Some(Endpoint { courier: Some(Arc::new(send::Postman::new(spec))), concurrency: 4, ..endpoint })
    }
}
