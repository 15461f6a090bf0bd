//! `GET /v1/chat`: from an HTTP request to a chat socket.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::response::Response;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::channel::Problem;
use crate::channel::websocket::{self, MAX_FRAME, Visitor};
use crate::rules::ChannelKind;

use super::{Peer, Seat, Shared, address};

/// Read buffer of a socket: an idle customer costs kilobytes, not the library's 128 of them.
const READ_BUFFER: usize = 1024;
/// Bytes that are written together, of what is ready at once. The buffer is only as large as what it has held.
const WRITE_BUFFER: usize = 16 * 1024;
/// Most bytes that wait to be written to a slow client.
const WRITE_LIMIT: usize = 256 * 1024;

#[derive(Debug, Deserialize)]
pub(super) struct Door {
    #[serde(default)]
    channel: Option<String>,
}

pub(super) async fn chat(
    State(shared): State<Shared>,
    door: Result<Query<Door>, QueryRejection>,
    mut request: Request,
) -> Result<Response, Problem> {
    let Ok(Query(door)) = door else { return Err(Problem::bad_request("Open it with ?channel=web.")) };
    let engine = shared.pipeline.engine.load_full();
    let channels = &engine.book().settings.channels;
    let wanted = door.channel.as_deref();
    let found = channels
        .iter()
        .find(|(name, spec)| spec.kind == ChannelKind::Websocket && wanted.is_none_or(|wanted| wanted == name));
    let Some((channel, spec)) = found else {
        return Err(Problem::not_found("There is no such channel of kind websocket in nightdesk.yaml."));
    };
    let peer = request.extensions().get::<Peer>().copied();
    let loopback = peer.is_some_and(|Peer(peer)| peer.ip().to_canonical().is_loopback());
    let mut head =
        axum::http::Request::builder().method(request.method()).uri(request.uri()).version(request.version());
    if let Some(headers) = head.headers_mut() {
        headers.clone_from(request.headers());
    }
    let head = head.body(()).map_err(|_| Problem::bad_request("The request cannot be read."))?;
    let upgrade = websocket::admit(&head, spec, loopback).inspect_err(|problem| {
        if problem.status() == axum::http::StatusCode::FORBIDDEN {
            shared.pipeline.metrics.refused("foreign_origin");
        }
    })?;
    if shared.stop.is_cancelled() {
        return Err(Problem::unavailable());
    }
    let seat = request.extensions().get::<Arc<Seat>>().cloned();
    let address = address::of(request.headers(), peer, &engine.book().settings.limits.trusted_proxies);
    let visitor = Visitor { channel: channel.clone(), address, stop: shared.stop.clone() };
    let pipeline = Arc::clone(&shared.pipeline);
    let upgraded = hyper::upgrade::on(&mut request);
    shared.tracker.spawn(async move {
        // The connection's place is held as long as the socket.
        let _seat = seat;
        let Ok(upgraded) = upgraded.await else { return };
        let mut config = WebSocketConfig::default();
        config.read_buffer_size = READ_BUFFER;
        config.write_buffer_size = WRITE_BUFFER;
        config.max_write_buffer_size = WRITE_LIMIT;
        config.max_message_size = Some(MAX_FRAME);
        config.max_frame_size = Some(MAX_FRAME);
        let ws = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
        websocket::run(ws, pipeline, visitor).await;
    });
    Ok(upgrade.response.map(|()| Body::empty()))
}
