//! Live streams, pushed: FLV over HTTP and fragmented MP4 over WebSocket. Viewers
//! begin at the last key frame, and get each frame as it comes.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use serde_json::json;
use tokio::time::timeout;

use crate::broadcast::hooks::Event;
use crate::broadcast::{Ended, LiveStream, PushProtocol, Pushed, Reader, Viewer, now};
use crate::http::live::JOIN_DEADLINE;
use crate::http::sources::watched;
use crate::http::{ApiError, OnAir};
use crate::live::packet::{Packet, Setup};

/// How long a viewer by WebSocket may take for a message before it is hung up on.
const TAKING: Duration = Duration::from_secs(10);

/// The largest message that a viewer may send; it has nothing to say.
const MAX_SAID_BYTES: usize = 1 << 10;

/// What is read of a viewer at a time. Each has a buffer as large as that, so it is no
/// larger than what there is to read.
const READ_BUFFER_BYTES: usize = 2 << 10;

const FLV: HeaderValue = HeaderValue::from_static("video/x-flv");

/// `GET /live/{name}.flv`
pub(super) async fn flv(
    State(state): State<OnAir>,
    Path(file): Path<String>,
) -> Result<Response, ApiError> {
    let name = file
        .strip_suffix(".flv")
        .ok_or_else(|| ApiError::NotFound(format!("no stream file {file:?}: expected NAME.flv")))?;
    let stream = watched(&state, name).await?;
    let (audience, setup) = watch(&state, &stream, PushProtocol::HttpFlv).await?;
    let head = setup.flv_head();
    let beginning = setup.flv().cloned().unwrap_or_default();
    let first = stream::iter([Ok(head), Ok(beginning)]);
    let rest = stream::unfold(audience, |mut audience| async {
        let tag = audience.next(|setup| setup.flv().cloned(), |packet| packet.flv().cloned());
        let tag = tag.await?;
        Some((Ok::<_, std::convert::Infallible>(tag), audience))
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
    Ok((headers, body).into_response())
}

/// `GET /live/{name}/ws`: text that describes the tracks, the init segment and then
/// fragments; the first two again where the tracks change.
pub(super) async fn web_socket(
    State(state): State<OnAir>,
    Path(name): Path<String>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, ApiError> {
    let stream = watched(&state, &name).await?;
    let (watching, setup) = watch(&state, &stream, PushProtocol::WebSocket).await?;
    let upgrade = upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        // Each frame goes out as it comes.
        .write_buffer_size(0)
        .max_message_size(MAX_SAID_BYTES)
        .max_frame_size(MAX_SAID_BYTES);
    Ok(upgrade.on_upgrade(move |socket| push(socket, watching, setup)))
}

/// A viewer, as soon as it is known what its decoders are set up with.
async fn watch(
    state: &OnAir,
    stream: &LiveStream,
    protocol: PushProtocol,
) -> Result<(Watching, Arc<Setup>), ApiError> {
    let mut watching = Watching {
        reader: stream.feed().join(),
        viewer: stream.audience().enter(protocol),
    };
    match timeout(JOIN_DEADLINE, watching.reader.next()).await {
        Ok(Ok(Pushed::Setup(setup))) => {
            let plays = Event::play(stream.name(), protocol, None);
            state.hub.hooks().tell(plays);
            Ok((watching, setup))
        }
        // A reader begins with a setup.
        Ok(Ok(Pushed::Packet(_)) | Err(_)) => Err(ApiError::NotFound(format!(
            "the live stream {:?} is over",
            stream.name()
        ))),
        Err(_) => Err(ApiError::Unavailable(format!(
            "nobody publishes {:?} now",
            stream.name()
        ))),
    }
}

struct Watching {
    reader: Reader,
    viewer: Viewer,
}

impl Watching {
    /// What is sent next; `None` at the end, however it came. What cannot be written
    /// in this format is left out.
    async fn next(
        &mut self,
        setup: impl Fn(&Setup) -> Option<Bytes>,
        packet: impl Fn(&Packet) -> Option<Bytes>,
    ) -> Option<Bytes> {
        loop {
            let next = self.reader.next().await;
            self.viewer.skipped(self.reader.skips());
            let bytes = match next {
                Ok(Pushed::Setup(next)) => setup(&next),
                Ok(Pushed::Packet(next)) => packet(&next),
                Err(ended) => {
                    self.ended(ended);
                    return None;
                }
            };
            if let Some(bytes) = bytes {
                self.viewer.sent(bytes.len());
                return Some(bytes);
            }
        }
    }

    fn ended(&self, ended: Ended) {
        if ended == Ended::TooSlow {
            self.viewer.cut_off();
        }
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
            Err(ended) => {
                watching.ended(ended);
                break match ended {
                    Ended::Over => farewell(close_code::NORMAL, "the stream is over"),
                    Ended::TooSlow => farewell(close_code::POLICY, "too slow for the stream"),
                };
            }
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
            next = watching.reader.next() => next,
            () = gone(&mut socket) => return,
        };
        watching.viewer.skipped(watching.reader.skips());
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
