//! `GET /v1/events`: what consoles live on, as server-sent events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::time::{MissedTickBehavior, interval};

use crate::channel::Problem;
use crate::hub::{Ear, Gap, Numbered};

use super::{Peer, Shared, auth};

/// Between two looks whether a silent console may still listen; its token may be gone.
const LOOK: Duration = Duration::from_secs(10);

pub(super) async fn events(State(shared): State<Shared>, request: Request) -> Result<Response, Problem> {
    let peer = request.extensions().get::<Peer>().copied();
    let console = Console { headers: request.headers().clone(), peer, shared };
    console.may_listen()?;
    let seen = console.headers.get("last-event-id").map(|id| id.to_str().unwrap_or_default().to_owned());
    let ear = console.shared.pipeline.hub.desk.listen(seen.as_deref());
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut waiting = VecDeque::new();
    match &ear.missed {
        Some(missed) => {
            // The first event carries an id, so that a console that breaks off before any news can come back to here.
            waiting
                .push_back(Event::default().event("ready").id(console.id(ear.number - missed.len() as u64)).data("{}"));
            waiting.extend(missed.iter().map(|news| console.event(news)));
        }
        None => waiting.push_back(console.resync(ear.number)),
    }
    let listening = Listening { console, ear, waiting, look };
    let events = stream::unfold(listening, |mut listening| async move {
        let event = listening.next().await?;
        Some((Ok::<_, Infallible>(event), listening))
    });
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response();
    // A proxy that collects answers would hold the news back.
    response.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

/// Who listens.
struct Console {
    headers: HeaderMap,
    peer: Option<Peer>,
    shared: Shared,
}

struct Listening {
    console: Console,
    ear: Ear,
    waiting: VecDeque<Event>,
    look: tokio::time::Interval,
}

impl Console {
    fn may_listen(&self) -> Result<(), Problem> {
        let engine = self.shared.pipeline.engine.load();
        auth::agent(&self.headers, self.peer, &engine.book().settings.access).map(|_| ())
    }

    fn id(&self, number: u64) -> String {
        self.shared.pipeline.hub.desk.id(number)
    }

    fn event(&self, (number, news): &Numbered) -> Event {
        let data = serde_json::to_string(news).unwrap_or_default();
        Event::default().event(news.name()).id(self.id(*number)).data(data)
    }

    /// Some news are gone: read everything again.
    fn resync(&self, number: u64) -> Event {
        Event::default().event("resync").id(self.id(number)).data("{}")
    }
}

impl Listening {
    /// The next event; none when the daemon stops, or the token is no longer good.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if self.console.shared.stop.is_cancelled() || self.console.may_listen().is_err() {
                return None;
            }
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            let stop = self.console.shared.stop.clone();
            tokio::select! {
                news = self.ear.next() => {
                    let desk = &self.console.shared.pipeline.hub.desk;
                    let event = news.map_or_else(|Gap| self.console.resync(desk.last()), |news| self.console.event(&news));
                    self.waiting.push_back(event);
                }
                _ = self.look.tick() => {}
                () = stop.cancelled() => return None,
            }
        }
    }
}
