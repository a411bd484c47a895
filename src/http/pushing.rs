//! A live stream as it is pushed to one viewer, wherever he reads it from: FLV over HTTP
//! and fragmented MP4 over WebSocket.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use serde_json::json;
use tokio::time::timeout;

use crate::broadcast::{Ended, Pushed, Reader, Viewer, now};
use crate::edge::rooms::Seat;
use crate::http::live::JOIN_DEADLINE;
use crate::live::packet::{Packet, Setup};

/// How long a viewer by WebSocket may take for a message before it is hung up on.
const TAKING: Duration = Duration::from_secs(10);

/// The largest message that a viewer may send; it has nothing to say.
const MAX_SAID_BYTES: usize = 1 << 10;

/// What is read of a viewer at a time. Each has a buffer as large as that, so it is no
/// larger than what there is to read.
const READ_BUFFER_BYTES: usize = 2 << 10;

const FLV: HeaderValue = HeaderValue::from_static("video/x-flv");

/// One who is pushed a stream.
pub(super) struct Watching {
    reader: Reader,
    viewer: Viewer,
    /// His seat in a room, at an edge.
    seat: Option<Seat>,
}

/// Why a stream does not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotBegun {
    /// It is over.
    Over,
    /// Nothing came of it.
    Late,
}

impl Watching {
    pub(super) const fn new(reader: Reader, viewer: Viewer, seat: Option<Seat>) -> Self {
        Self {
            reader,
            viewer,
            seat,
        }
    }

    /// What his decoders are set up with, as soon as it is known.
    pub(super) async fn begin(&mut self) -> Result<Arc<Setup>, NotBegun> {
        match timeout(JOIN_DEADLINE, self.reader.next()).await {
            Ok(Ok(Pushed::Setup(setup))) => Ok(setup),
            // A reader begins with a setup.
            Ok(Ok(Pushed::Packet(_)) | Err(_)) => Err(NotBegun::Over),
            Err(_) => Err(NotBegun::Late),
        }
    }

    /// His seat in a room, at an edge.
    pub(super) const fn seat(&self) -> Option<&Seat> {
        self.seat.as_ref()
    }

    /// As FLV, to its end.
    pub(super) fn flv(self, setup: &Setup) -> Response {
        let head = setup.flv_head();
        let beginning = setup.flv().cloned().unwrap_or_default();
        self.viewer.sent(head.len() + beginning.len());
        let first = stream::iter([Ok(head), Ok(beginning)]);
        let rest = stream::unfold(self, |mut watching| async {
            let tag = watching.next(|setup| setup.flv().cloned(), |packet| packet.flv().cloned());
            let tag = tag.await?;
            Some((Ok::<_, std::convert::Infallible>(tag), watching))
        });
        let headers = [
            (header::CONTENT_TYPE, FLV),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            // A proxy that collects an answer before it passes it on would never begin.
            (
                header::HeaderName::from_static("x-accel-buffering"),
                HeaderValue::from_static("no"),
            ),
        ];
        let body = Body::from_stream(futures_util::StreamExt::chain(first, rest));
        (headers, body).into_response()
    }

    /// By WebSocket: text that describes the tracks, the init segment and then fragments;
    /// the first two again where the tracks change.
    pub(super) fn web_socket(self, setup: Arc<Setup>, upgrade: WebSocketUpgrade) -> Response {
        let upgrade = upgrade
            .read_buffer_size(READ_BUFFER_BYTES)
            // Each frame goes out as it comes.
            .write_buffer_size(0)
            .max_message_size(MAX_SAID_BYTES)
            .max_frame_size(MAX_SAID_BYTES);
        upgrade.on_upgrade(move |socket| push(socket, self, setup))
    }

    /// What is sent next; `None` at the end, however it came. What cannot be written
    /// in this format is left out.
    async fn next(
        &mut self,
        setup: impl Fn(&Setup) -> Option<Bytes>,
        packet: impl Fn(&Packet) -> Option<Bytes>,
    ) -> Option<Bytes> {
        loop {
            let bytes = match self.pushed().await {
                Ok(Pushed::Setup(next)) => setup(&next),
                Ok(Pushed::Packet(next)) => packet(&next),
                Err(_) => return None,
            };
            if let Some(bytes) = bytes {
                self.viewer.sent(bytes.len());
                return Some(bytes);
            }
        }
    }

    /// What comes next, and what is to be noted of it.
    async fn pushed(&mut self) -> Result<Pushed, Ended> {
        let next = self.reader.next().await;
        self.viewer.skipped(self.reader.skips());
        match &next {
            Ok(Pushed::Packet(_)) => {
                if let Some(seat) = &mut self.seat {
                    seat.given();
                }
            }
            Ok(Pushed::Setup(_)) | Err(Ended::Over) => {}
            Err(Ended::TooSlow) => self.viewer.cut_off(),
        }
        next
    }
}

/// Sends until either side has enough.
async fn push(mut socket: WebSocket, mut watching: Watching, setup: Arc<Setup>) {
    let mut next = Ok(Pushed::Setup(setup));
    let farewell = loop {
        let messages = match next {
            Ok(Pushed::Setup(setup)) => match beginning(&setup) {
                Some(messages) => Vec::from(messages),
                None => break farewell(close_code::UNSUPPORTED, "these codecs are not packaged"),
            },
            Ok(Pushed::Packet(packet)) => {
                let fragment = packet.mp4().cloned();
                fragment.into_iter().map(Message::Binary).collect()
            }
            Err(Ended::Over) => break farewell(close_code::NORMAL, "the stream is over"),
            Err(Ended::TooSlow) => break farewell(close_code::POLICY, "too slow for the stream"),
        };
        for message in messages {
            let bytes = length(&message);
            match timeout(TAKING, socket.send(message)).await {
                Ok(Ok(())) => watching.viewer.sent(bytes),
                // Gone, or as good as gone.
                Ok(Err(_)) | Err(_) => return,
            }
        }
        next = tokio::select! {
            next = watching.pushed() => next,
            () = gone(&mut socket) => return,
        };
    };
    drop(timeout(TAKING, socket.send(farewell)).await);
}

/// What a player needs before the first fragment.
fn beginning(setup: &Setup) -> Option<[Message; 2]> {
    let codecs = setup.codecs().ok()?;
    let kinds = setup.tracks().iter().map(|(kind, _)| kind.name());
    let described = json!({
        "type": "setup",
        "mime": format!("video/mp4; codecs=\"{codecs}\""),
        "tracks": kinds.collect::<Vec<_>>(),
        "taken_unix_ms": setup.taken().0,
        "now_unix_ms": now().0,
    });
    let init = setup.mp4()?.clone();
    Some([
        Message::Text(described.to_string().into()),
        Message::Binary(init),
    ])
}

/// Waits until the viewer has gone; what it says is not listened to.
async fn gone(socket: &mut WebSocket) {
    while let Some(Ok(said)) = socket.recv().await {
        if matches!(said, Message::Close(_)) {
            break;
        }
    }
}

fn farewell(code: u16, reason: &'static str) -> Message {
    Message::Close(Some(CloseFrame {
        code,
        reason: reason.into(),
    }))
}

fn length(message: &Message) -> usize {
    match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) => bytes.len(),
        Message::Close(_) => 0,
    }
}
