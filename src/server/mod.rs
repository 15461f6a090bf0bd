//! One port: the accept loop, the routes, who may use them, and the pages.

mod address;
mod agents;
mod auth;
mod connections;
mod console;
mod descriptions;
mod events;
mod guard;
mod guesses;
mod hours;
mod knowledge;
mod modes;
mod operation;
mod pages;
mod request;
mod routes;
mod sockets;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

pub use connections::{Connections, Seat};
pub use guesses::Guesses;
pub use knowledge::Looks;
pub use operation::Ready;
pub use request::Shared;
pub use routes::{paths, router};
pub use tls::{Tls, TlsStartError, TlsState, watch as watch_tls};

/// Time for the head of a request; also how long a connection may lie idle.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time that a client may not read while something waits to be written.
const WRITE_TIMEOUT: Duration = Duration::from_secs(15);
/// Largest head of a request, in bytes.
const MAX_HEAD: usize = 32 * 1024;

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// A connection whose writes have a limit in time.
type Wire = Pin<Box<TimeoutStream<TcpStream>>>;

/// What a connection needs of the listener.
#[derive(Clone, Debug)]
struct Inside {
    router: Router,
    tls: Option<Arc<Tls>>,
    metrics: Arc<crate::telemetry::Metrics>,
    stop: CancellationToken,
}

/// Accepts connections until `stop`. Sockets and requests under way are on `tracker`.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    router: Router,
    connections: Arc<Connections>,
    metrics: Arc<crate::telemetry::Metrics>,
    tracker: TaskTracker,
    stop: CancellationToken,
) {
    let inside = Inside { router, tls, metrics, stop };
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = inside.stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, peer)) => match connections.take(peer.ip()) {
                Ok(seat) => {
                    tracker.spawn(connection(stream, peer, Arc::new(seat), inside.clone()));
                }
                Err(why) => {
                    inside.metrics.refused(why);
                    // Before a handshake there are no words that a client of TLS would understand.
                    if inside.tls.is_none() {
                        refuse(&stream);
                    }
                }
            },
            Err(error) => {
                // Out of descriptors, mostly: what is open will end, new ones wait in the kernel's queue.
                tracing::warn!(%error, "A connection could not be accepted.");
                if !is_of_the_peer(&error) {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }
}

/// Errors that are about one peer and say nothing about the listener.
fn is_of_the_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

/// Tells a client to come again, as far as the kernel takes the words without waiting.
fn refuse(stream: &TcpStream) {
    let words = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let _ = stream.try_write(words);
}

fn wire(stream: TcpStream) -> Wire {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIMEOUT));
    Box::pin(stream)
}

async fn connection(stream: TcpStream, peer: SocketAddr, seat: Arc<Seat>, inside: Inside) {
    // An answer is one small packet; waiting for more to send with it only costs time.
    let _ = stream.set_nodelay(true);
    let Some(tls) = inside.tls.clone() else { return speak(wire(stream), peer, seat, inside, None).await };
    let shaken = tokio::select! {
        shaken = tls.accept(stream) => shaken,
        () = inside.stop.cancelled() => return,
    };
    match shaken {
        Ok(Some(stream)) => speak(stream, peer, seat, inside, tls.hsts()).await,
        Ok(None) => {}
        Err(why) => inside.metrics.refused(why),
    }
}

/// Speaks HTTP with a client; `hsts` is told to it with every answer.
async fn speak<S>(stream: S, peer: SocketAddr, seat: Arc<Seat>, inside: Inside, hsts: Option<HeaderValue>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Inside { router, stop, .. } = inside;
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        request.extensions_mut().insert(Arc::clone(&seat));
        let (answer, hsts) = (router.clone().oneshot(request.map(axum::body::Body::new) as Request), hsts.clone());
        async move {
            answer.await.map(|mut response| {
                if let Some(hsts) = hsts {
                    response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, hsts);
                }
                response
            })
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "A connection ended early.");
    }
}
