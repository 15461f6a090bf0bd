//! The addresses at which mail is taken in: opened at the start, and again when a reload names others.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::pipeline::Pipeline;
use crate::rules::{MailSpec, Settings};

use super::receive::Mailroom;
use super::session::{self, Ended, Terms};

/// Most connections of one channel: each may hold a letter in memory.
const CONNECTIONS: usize = 32;
/// How soon a reload is noticed, and an address that was taken is tried again.
const LOOK: Duration = Duration::from_secs(1);

/// Happens when an address is taken or not this machine's.
#[derive(Debug, thiserror::Error)]
#[error("the channel `{channel}` cannot listen on {address}: {error}; write another address at its `listen`")]
pub struct ListenError {
    channel: String,
    address: SocketAddr,
    error: std::io::Error,
}

/// An address that is open.
#[derive(Debug)]
struct Open {
    asked: SocketAddr,
    bound: SocketAddr,
    stop: CancellationToken,
    /// Until it is listened to.
    listener: Option<TcpListener>,
}

/// The open addresses of all channels of mail.
#[derive(Debug, Default)]
pub struct Doors {
    open: Mutex<BTreeMap<String, Open>>,
}

impl Doors {
    /// Opens the address of every channel of mail.
    ///
    /// # Errors
    /// When one cannot be opened; none is open then.
    pub async fn open(settings: &Settings) -> Result<Arc<Self>, ListenError> {
        let doors = Self::default();
        for (name, spec) in specs(settings) {
            let open = bind(&name, spec.listen).await?;
            doors.lock().insert(name, open);
        }
        Ok(Arc::new(doors))
    }

    /// Where a channel takes mail in.
    #[must_use]
    pub fn address(&self, channel: &str) -> Option<SocketAddr> {
        self.lock().get(channel).map(|open| open.bound)
    }

    /// Every channel of mail, and where it takes mail in.
    #[must_use]
    pub fn addresses(&self) -> Vec<(String, SocketAddr)> {
        self.lock().iter().map(|(name, open)| (name.clone(), open.bound)).collect()
    }

    /// Takes mail in, as the settings in use have it, until `stop`.
    pub async fn serve(self: Arc<Self>, pipeline: Arc<Pipeline>, tracker: TaskTracker, stop: CancellationToken) {
        let mut failing = BTreeMap::new();
        loop {
            let engine = pipeline.engine.load_full();
            self.follow(&engine.book().settings, &mut failing).await;
            for (name, open) in self.lock().iter_mut() {
                if let Some(listener) = open.listener.take() {
                    open.stop = stop.child_token();
                    tracing::info!(channel = name, address = %open.bound, "Mail is taken in.");
                    tracker.spawn(accept(
                        listener,
                        name.clone(),
                        Arc::clone(&pipeline),
                        tracker.clone(),
                        open.stop.clone(),
                    ));
                }
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Closes what is no longer named, and opens what is new.
    async fn follow(&self, settings: &Settings, failing: &mut BTreeMap<String, SocketAddr>) {
        let wanted = specs(settings);
        self.lock().retain(|name, open| {
            let stays = wanted.iter().any(|(wanted, spec)| wanted == name && spec.listen == open.asked);
            if !stays {
                open.stop.cancel();
            }
            stays
        });
        for (name, spec) in wanted {
            if self.lock().contains_key(&name) {
                continue;
            }
            match bind(&name, spec.listen).await {
                Ok(open) => {
                    failing.remove(&name);
                    self.lock().insert(name, open);
                }
                // Said once, and tried again and again.
                Err(error) if failing.insert(name, spec.listen) != Some(spec.listen) => {
                    tracing::error!(%error, "Mail is not taken in.");
                }
                Err(_) => {}
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn specs(settings: &Settings) -> Vec<(String, MailSpec)> {
    let mail = settings.channels.iter().filter(|(_, channel)| channel.kind == crate::rules::ChannelKind::Mail);
    mail.filter_map(|(name, channel)| Some((name.clone(), MailSpec::of(channel)?))).collect()
}

async fn bind(channel: &str, address: SocketAddr) -> Result<Open, ListenError> {
    let failed = |error| ListenError { channel: channel.to_owned(), address, error };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    if !bound.ip().is_loopback() {
        tracing::warn!(channel, "Mail is taken in from other machines too: let only your mail server reach that port.");
    }
    Ok(Open { asked: address, bound, stop: CancellationToken::new(), listener: Some(listener) })
}

async fn accept(
    listener: TcpListener,
    channel: String,
    pipeline: Arc<Pipeline>,
    tracker: TaskTracker,
    stop: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, channel, "A connection could not be accepted.");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            pipeline.metrics.refused("too_many_connections");
            tracker.spawn(busy(stream));
            continue;
        };
        let (channel, pipeline, stop) = (channel.clone(), Arc::clone(&pipeline), stop.clone());
        tracker.spawn(async move {
            let _place = place;
            let _ = stream.set_nodelay(true);
            connection(stream, channel, pipeline, stop).await;
        });
    }
}

async fn busy(mut stream: TcpStream) {
    let words = b"421 4.3.2 Too many connections; come again\r\n";
    let _ = tokio::time::timeout(Duration::from_secs(5), stream.write_all(words)).await;
}

/// One connection over whatever carries it, with the settings that are in use when it begins.
pub async fn connection<S>(stream: S, channel: String, pipeline: Arc<Pipeline>, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let engine = pipeline.engine.load_full();
    let Some(spec) = engine.book().settings.channel(&channel).and_then(MailSpec::of) else { return };
    let host = spec.sender().rsplit_once('@').map_or("localhost", |(_, domain)| domain).to_owned();
    let terms = Terms { lmtp: spec.lmtp, host, addresses: spec.addresses.clone(), most: spec.letter_bytes };
    let room = Mailroom { channel: channel.clone(), spec: Arc::new(spec), pipeline: Arc::clone(&pipeline) };
    if let Ended::Closed(why) = session::serve(stream, terms, Arc::new(room), stop).await {
        pipeline.metrics.refused("mail");
        tracing::warn!(channel, why, "A connection for mail was ended.");
    }
}
