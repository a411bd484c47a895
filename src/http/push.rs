//! Live streams, pushed: FLV over HTTP and fragmented MP4 over WebSocket. Viewers
//! begin at the last key frame, and get each frame as it comes.

use std::sync::Arc;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Path, State};
use axum::response::Response;

use crate::broadcast::hooks::Event;
use crate::broadcast::{LiveStream, PushProtocol};
use crate::http::pushing::{NotBegun, Watching};
use crate::http::sources::watched;
use crate::http::{ApiError, OnAir};
use crate::live::packet::Setup;

/// `GET /live/{name}.flv`
pub(super) async fn flv(
    State(state): State<OnAir>,
    Path(file): Path<String>,
) -> Result<Response, ApiError> {
    let stream = watched(&state, named(&file)?).await?;
    let (watching, setup) = watch(&state, &stream, PushProtocol::HttpFlv).await?;
    Ok(watching.flv(&setup))
}

/// `GET /live/{name}/ws`
pub(super) async fn web_socket(
    State(state): State<OnAir>,
    Path(name): Path<String>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, ApiError> {
    let stream = watched(&state, &name).await?;
    let (watching, setup) = watch(&state, &stream, PushProtocol::WebSocket).await?;
    Ok(watching.web_socket(setup, upgrade))
}

/// The stream of which `file` is the FLV.
pub(super) fn named(file: &str) -> Result<&str, ApiError> {
    file.strip_suffix(".flv")
        .ok_or_else(|| ApiError::NotFound(format!("no stream file {file:?}: expected NAME.flv")))
}

/// A viewer, as soon as it is known what its decoders are set up with.
async fn watch(
    state: &OnAir,
    stream: &LiveStream,
    protocol: PushProtocol,
) -> Result<(Watching, Arc<Setup>), ApiError> {
    let viewer = stream.audience().enter(protocol);
    let mut watching = Watching::new(stream.feed().join(), viewer, None);
    match watching.begin().await {
        Ok(setup) => {
            let plays = Event::play(stream.name(), protocol, None);
            state.hub.hooks().tell(plays);
            Ok((watching, setup))
        }
        Err(NotBegun::Over) => Err(ApiError::NotFound(format!(
            "the live stream {:?} is over",
            stream.name()
        ))),
        Err(NotBegun::Late) => Err(ApiError::Unavailable(format!(
            "nobody publishes {:?} now",
            stream.name()
        ))),
    }
}
