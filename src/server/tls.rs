//! TLS of the port: the handshake with its deadline, and a certificate that is read again whenever it changes on disk. What is
//! connected stays; a pair that cannot be used leaves the old one in use and says so.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::http::HeaderValue;
use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error as TlsError, ServerConfig};
use tokio_rustls::server::TlsStream;

use crate::certificate::{Files, Mark, Pair, PairError};
use crate::pipeline::Pipeline;
use crate::rules::TlsSpec;
use crate::telemetry::Metrics;

use super::Wire;

/// Time for the handshake, as for the head of a request.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Between two looks at the files. They are small, and a look sees what no watch on folders does: links, mounts, other machines.
const LOOK: Duration = Duration::from_secs(5);
/// Between two warnings in the log about the same thing.
const REMIND: Duration = Duration::from_hours(24);
/// What a client hears that speaks plain HTTP here.
const PLAIN: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 53\r\nConnection: close\r\n\r\n\
                       This port speaks TLS: use https:// or wss:// for it.\n";

/// The port's TLS.
pub struct Tls {
    dir: PathBuf,
    acceptor: TlsAcceptor,
    shown: Arc<Shown>,
    /// The pair in use, and the files as they were read last.
    pair: ArcSwap<Pair>,
    last: ArcSwap<Last>,
    hsts: AtomicU64,
    bell: Notify,
}

/// What became of the files when they were looked at last.
#[derive(Clone, Debug, Default)]
struct Last {
    mark: Option<Mark>,
    problem: Option<String>,
}

/// How it stands with the certificate.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct TlsState {
    /// Until when the certificate in use is good.
    pub ends: Timestamp,
    /// Whole days until then; negative after.
    pub days: i64,
    /// Why the files on disk are not the ones in use, or what is wrong with the time of those in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("last", &self.last).finish_non_exhaustive()
    }
}

/// Which certificate a client is shown.
#[derive(Debug)]
struct Shown(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// Why TLS cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub enum TlsStartError {
    /// Happens when the certificate or its key cannot be used.
    #[error(transparent)]
    Pair(#[from] PairError),
    /// Happens when the library refuses its own protocol versions.
    #[error("TLS cannot be spoken: {0}")]
    Library(#[from] TlsError),
}

impl Tls {
    /// Reads the certificate and its key.
    ///
    /// # Errors
    /// When they cannot be used. One that has ended is used all the same: clients decide.
    pub fn open(dir: PathBuf, spec: &TlsSpec) -> Result<Self, TlsStartError> {
        let files = Files::read(&dir, spec)?;
        let pair = files.pair()?;
        let shown = Arc::new(Shown(ArcSwap::new(Arc::clone(&pair.key))));
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&shown) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            dir,
            acceptor: TlsAcceptor::from(Arc::new(config)),
            shown,
            pair: ArcSwap::from_pointee(pair),
            last: ArcSwap::from_pointee(Last { mark: Some(files.mark()), problem: None }),
            hsts: AtomicU64::new(spec.hsts.as_secs()),
            bell: Notify::new(),
        })
    }

    /// How it stands with the certificate.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> TlsState {
        let (pair, last) = (self.pair.load(), self.last.load());
        let days = pair.ends.duration_since(now).as_hours().div_euclid(24);
        TlsState { ends: pair.ends, days, problem: last.problem.clone().or_else(|| pair.worry(now)) }
    }

    /// Has the files looked at now.
    pub fn look_now(&self) {
        self.bell.notify_one();
    }

    /// The header that keeps browsers with HTTPS.
    pub(super) fn hsts(&self) -> Option<HeaderValue> {
        let seconds = self.hsts.load(Ordering::Relaxed);
        HeaderValue::from_str(&format!("max-age={seconds}")).ok().filter(|_| seconds > 0)
    }

    /// The handshake with a client; none if it came to nothing, with the word under which that is counted.
    /// One that ends before its first byte is a look whether somebody is there, and not counted.
    pub(super) async fn accept(&self, stream: TcpStream) -> Result<Option<TlsStream<Wire>>, &'static str> {
        let shaken = timeout(HANDSHAKE, async {
            // The first byte of a handshake is 22; that of a request is a letter.
            let mut first = [0; 1];
            match stream.peek(&mut first).await {
                Ok(1) if first[0].is_ascii_alphabetic() => {
                    say_plainly(stream).await;
                    return Err("plain_http");
                }
                Ok(1) => {}
                Ok(_) => return Ok(None),
                _ => return Err("tls_handshake"),
            }
            self.acceptor.accept(super::wire(stream)).await.map(Some).map_err(|error| {
                tracing::debug!(%error, "A TLS handshake failed.");
                "tls_handshake"
            })
        });
        shaken.await.unwrap_or(Err("tls_handshake"))
    }

    /// Looks whether the files have changed, and uses them if they are good.
    fn look(&self, spec: &TlsSpec) {
        self.hsts.store(spec.hsts.as_secs(), Ordering::Relaxed);
        let before = self.last.load_full();
        let read = Files::read(&self.dir, spec);
        let mark = read.as_ref().ok().map(Files::mark);
        if mark.is_some() && mark == before.mark {
            return;
        }
        let problem = match read.and_then(|files| files.pair()) {
            Ok(pair) => {
                tracing::info!(ends = %pair.ends, "The certificate was read anew and is in use.");
                self.shown.0.store(Arc::clone(&pair.key));
                self.pair.store(Arc::new(pair));
                None
            }
            Err(error) => Some(format!("{error}; the old certificate stays in use")),
        };
        if let Some(problem) = problem.as_ref().filter(|problem| before.problem.as_ref() != Some(problem)) {
            tracing::error!(problem, "The new certificate cannot be used.");
        }
        self.last.store(Arc::new(Last { mark, problem }));
    }

    fn tell(&self, spec: &TlsSpec, metrics: &Metrics, now: Timestamp) {
        let days = self.pair.load().ends.duration_since(now).as_secs_f64() / 86_400.0;
        metrics.certificate(&spec.certificate.value, days, self.last.load().problem.is_none());
    }
}

/// Answers a client that takes the port for a plain one. Its request is read to the end, or the answer would be lost with it.
async fn say_plainly(mut stream: TcpStream) {
    let answer = async {
        stream.write_all(PLAIN).await?;
        stream.shutdown().await?;
        let mut rest = [0; 1024];
        for _ in 0..64 {
            if stream.read(&mut rest).await? == 0 {
                break;
            }
        }
        std::io::Result::Ok(())
    };
    let _ = timeout(Duration::from_secs(1), answer).await;
}

/// Keeps an eye on the files, the settings and the end of the certificate. Never ends.
pub async fn watch(tls: Option<Arc<Tls>>, pipeline: Arc<Pipeline>) {
    let mut warned: Option<(String, Instant)> = None;
    loop {
        let settings = pipeline.engine.load().book().settings.tls.clone();
        let warning = match (&tls, settings) {
            (None, None) => None,
            (None, Some(_)) => {
                Some("`tls` is new in nightdesk.yaml; the port speaks plain HTTP until a restart".to_owned())
            }
            (Some(_), None) => {
                Some("`tls` is gone from nightdesk.yaml; the port speaks TLS until a restart".to_owned())
            }
            (Some(tls), Some(spec)) => {
                let (clone, looked) = (Arc::clone(tls), spec.clone());
                // A disk that hangs holds up this look and nothing else.
                let _ = tokio::task::spawn_blocking(move || clone.look(&looked)).await;
                let now = pipeline.clock.now();
                tls.tell(&spec, &pipeline.metrics, now);
                tls.state(now).problem
            }
        };
        let known = |(said, at): &(String, Instant)| Some(said) == warning.as_ref() && at.elapsed() < REMIND;
        if let Some(problem) = warning.as_ref().filter(|_| !warned.as_ref().is_some_and(known)) {
            tracing::warn!(problem, "TLS of the port needs somebody's hand.");
            warned = Some((problem.clone(), Instant::now()));
        } else if warning.is_none() {
            warned = None;
        }
        match &tls {
            Some(tls) => {
                let _ = timeout(LOOK, tls.bell.notified()).await;
            }
            None => tokio::time::sleep(LOOK).await,
        }
    }
}
