//! `hello` and `welcome`: who it is, where the client left off, and what it needs to draw its first picture.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::channel::websocket::frame::{self, Hello};
use crate::channel::websocket::identity::{self, IdentityError};
use crate::channel::websocket::{MAX_FRAME, close};
use crate::decide::survey;
use crate::message::{Conversation, Customer, Gesture, Inbound, Kind, Priority, State};
use crate::store::ConversationRow;
use crate::token::Tokens;

use super::{End, Known, Session};

/// Most events that are sent again on resume.
const MAX_RESUME: u64 = 500;

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(super) async fn hello(&mut self, re: Option<&str>, hello: Hello) -> Result<(), End> {
        // Those who are here already are served first.
        if self.pipeline.is_busy() {
            self.pipeline.metrics.refused("busy");
            return Err(End::Close(1013, "try again later"));
        }
        let tokens = Arc::clone(&self.pipeline.tokens);
        let given = hello.token.as_deref().and_then(|token| Some((tokens.visitor(token)?, token.to_owned())));
        let (visitor, token) = given.unwrap_or_else(|| tokens.new_visitor());
        let channel = self.visitor.channel.clone();
        let customer = match &hello.identity {
            None => Customer { id: visitor, ..Customer::default() },
            Some(identity) => match self.identified(identity) {
                Ok(customer) => customer,
                // Never a silent stranger: the shop's page believes that this customer is known.
                Err(error) => {
                    self.pipeline.metrics.refused("bad_identity");
                    self.send(&frame::error(re, "bad_identity", &error.to_string(), None)).await?;
                    return Err(End::Close(close::BAD_IDENTITY, "bad identity"));
                }
            },
        };
        let conversation = Tokens::conversation(&channel, &customer.id);
        // Listening begins before the state is read, so that nothing falls between the two.
        let listener = self.pipeline.hub.listen(&conversation);
        let Ok(row) = self.pipeline.store.conversation(&conversation).await else {
            let frame = frame::error(re, "unavailable", "the conversation cannot be read at the moment", Some(2_000));
            self.send(&frame).await?;
            return Err(End::Close(1013, "try again later"));
        };
        let seq = row.as_ref().map_or(0, |row| row.seq);
        // A conversation that was erased begins with the same name: what a client knows of the old one is not of this one.
        let plain = tokens.epoch();
        let epoch =
            row.as_ref().map_or_else(|| plain.clone(), |row| format!("{plain}.{:x}", row.created_at.as_millisecond()));
        let since = hello.resume.filter(|resume| {
            resume.conversation == conversation
                && (resume.epoch == epoch || resume.epoch == plain)
                && resume.seq <= seq
                && seq - resume.seq <= MAX_RESUME
        });
        let mut welcome = self.welcome(row.as_ref(), &customer, hello.locale.as_deref());
        welcome["data"]["visitor"] = json!(customer.id);
        welcome["data"]["token"] = json!(token);
        welcome["data"]["conversation"] = json!(conversation);
        welcome["data"]["epoch"] = json!(epoch);
        welcome["data"]["seq"] = json!(seq);
        welcome["data"]["recovered"] = json!(since.is_some());
        if let Some(re) = re {
            welcome["re"] = json!(re);
        }
        let until = row.as_ref().map_or_else(|| self.pipeline.clock.now(), |row| row.updated_at);
        let locale = hello.locale;
        self.known = Some(Known { customer, locale, conversation: conversation.clone(), listener, seq, until });
        self.send(&welcome).await?;
        if let Some(resume) = since.filter(|resume| resume.seq < seq) {
            let limit = usize::try_from(MAX_RESUME).unwrap_or(usize::MAX);
            let Ok(missed) = self.pipeline.store.events_after(&conversation, resume.seq, limit).await else {
                return Err(End::Close(1013, "try again later"));
            };
            for row in missed.iter().filter(|row| row.seq <= seq) {
                self.send(&frame::row(row)).await?;
            }
        }
        Ok(())
    }

    fn identified(&self, token: &str) -> Result<Customer, IdentityError> {
        let engine = self.pipeline.engine.load_full();
        let channel = engine.book().settings.channel(&self.visitor.channel);
        let secrets = channel.map(|channel| channel.identity_secrets.as_slice()).unwrap_or_default();
        identity::verify(token, secrets, self.pipeline.clock.now())
    }

    /// What a client needs to draw its first picture.
    fn welcome(&self, row: Option<&ConversationRow>, customer: &Customer, locale: Option<&str>) -> Value {
        let engine = self.pipeline.engine.load_full();
        let now = self.pipeline.clock.now();
        let kept = row.and_then(|row| serde_json::from_str::<Conversation>(&row.body).ok());
        let begun = kept.is_some();
        let conversation = kept.unwrap_or_else(|| {
            Conversation::new(String::new(), &self.visitor.channel, &customer.id, customer.clone(), now)
        });
        let inbound = Inbound {
            message: String::new(),
            channel: self.visitor.channel.clone(),
            customer: customer.clone(),
            kind: Kind::Text,
            text: String::new(),
            locale: locale.map(str::to_owned),
            gesture: Gesture::Write,
            fetched: None,
            waiting: BTreeMap::new(),
        };
        let (open, next_open) = engine.hours(&inbound, &conversation, now);
        let greeting = if begun { None } else { engine.notice("greeting", &inbound, &conversation, now) };
        let asked = survey::open(engine.knowledge(), &conversation, now)
            .map(|asked| json!({"case": asked.handoff.id, "until": survey::until(engine.knowledge(), asked)}));
        let (case, waits) = (conversation.handoff.as_ref(), conversation.state == State::Queued);
        json!({"type": "welcome", "ts": now, "data": {
            "state": conversation.state,
            "survey": asked,
            "queue": case.map(|case| &case.queue),
            "urgent": case.is_some_and(|case| case.priority == Priority::Urgent),
            "position": case.filter(|_| waits).and_then(|_| self.pipeline.place(&conversation.id)),
            "language": engine.language(&inbound, &conversation),
            "open": open,
            "next_open": next_open,
            "greeting": greeting,
            "limits": {"text": engine.knowledge().limits.message_chars, "frame": MAX_FRAME},
        }})
    }
}
