//! Live streams that are pulled from elsewhere: what is known of their sources, and
//! the wait of the first who wants to watch.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use crate::broadcast::pulls::{Demand, Source, SourcesError};
use crate::broadcast::{Hub, LiveStream, StreamStatus, check_name};
use crate::http::live::{JOIN_DEADLINE, find};
use crate::http::{ApiError, OnAir};

/// The body of `POST /v1/live`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewStream {
    name: String,
    source: Source,
}

/// `POST /v1/live`: a stream that is pulled from its source when somebody watches.
pub(super) async fn create(
    State(state): State<OnAir>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let body = body.map_err(|rejection| ApiError::body(&rejection))?;
    let mut json = serde_json::Deserializer::from_slice(&body);
    let NewStream { name, source } =
        serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let path = error.path().to_string();
            let field = match path.as_str() {
                "." => String::new(),
                path => format!("/{}", path.replace('.', "/")),
            };
            let allowed = "{\"name\": NAME, \"source\": {\"url\": ADDRESS}}";
            ApiError::field(&field, error.into_inner().to_string(), allowed)
        })?;
    check_name(&name).map_err(|error| ApiError::field("/name", error.to_string(), ""))?;
    let taken = state.hub.stream(&name).is_some() || state.hub.is_reserved(&name);
    if taken || state.pulls.source(&name).is_some() {
        return Err(ApiError::Conflict(format!(
            "there is a live stream {name:?} already"
        )));
    }
    let pulls = state.pulls.clone();
    let (named, kept) = (name.clone(), source.clone());
    blocking(move || pulls.put(&named, kept)).await?;
    let location = [(header::LOCATION, format!("/v1/live/{name}"))];
    Ok((StatusCode::CREATED, location, Json(idle(&name, &source))).into_response())
}

/// What is told of a stream that nobody watches.
pub(super) fn idle(name: &str, source: &Source) -> Value {
    json!({
        "name": name,
        "type": "live",
        "status": "idle",
        "source": {"url": source.url.to_string()},
        "urls": urls(name),
    })
}

/// How often whoever waits for a source says again that it is wanted: a pull ends when
/// nobody has wanted it for its linger, which may be as short as a second.
const REMINDER: Duration = Duration::from_millis(500);

/// Where players find a stream.
pub(super) fn urls(name: &str) -> Value {
    json!({
        "index": format!("/live/{name}/index.m3u8"),
        "lhls": format!("/live/{name}/lhls/index.m3u8"),
        "flv": format!("/live/{name}.flv"),
        "ws": format!("/live/{name}/ws"),
    })
}

/// Forgets the source of stream `name`; whether there was one.
pub(super) async fn forget(state: &OnAir, name: &str) -> Result<bool, ApiError> {
    if state.pulls.source(name).is_none() {
        return Ok(false);
    }
    let (pulls, name) = (state.pulls.clone(), name.to_owned());
    blocking(move || pulls.remove(&name)).await
}

/// The stream `name` for somebody who wants to watch it. One that is pulled and not
/// there yet is waited for.
pub(super) async fn watched(state: &OnAir, name: &str) -> Result<Arc<LiveStream>, ApiError> {
    let deadline = Instant::now() + JOIN_DEADLINE;
    if state.hub.demand(name).is_some() {
        return cast(&state.hub, name, deadline).await;
    }
    let mut changes = state.pulls.changes();
    loop {
        changes.mark_unchanged();
        let stream = state.hub.stream(name);
        match state.pulls.demand(name) {
            Demand::NoSource => return find(&state.hub, name),
            Demand::Failed(error) => {
                return match stream {
                    Some(stream) if stream.status() == StreamStatus::Live => Ok(stream),
                    _ => Err(ApiError::BadGateway(format!(
                        "the source of {name:?} cannot be had: {error}"
                    ))),
                };
            }
            Demand::Pulling => {}
        }
        // One that is over begins again when its source comes.
        if let Some(stream) = stream
            && stream.status() != StreamStatus::Ended
        {
            return Ok(stream);
        }
        let reminder = deadline.min(Instant::now() + REMINDER);
        if timeout_at(reminder, changes.changed()).await.is_err() && reminder == deadline {
            return Err(ApiError::Unavailable(format!(
                "the source of {name:?} has not come yet"
            )));
        }
    }
}

/// The stream of channel `name` as soon as it is on the air.
async fn cast(hub: &Hub, name: &str, deadline: Instant) -> Result<Arc<LiveStream>, ApiError> {
    loop {
        let Some(mut changes) = hub.demand(name) else {
            // It is over, or was deleted.
            return find(hub, name);
        };
        if let Some(stream) = hub.stream(name)
            && stream.status() != StreamStatus::Ended
        {
            return Ok(stream);
        }
        let reminder = deadline.min(Instant::now() + REMINDER);
        if timeout_at(reminder, changes.changed()).await.is_err() && reminder == deadline {
            return Err(ApiError::Unavailable(format!(
                "the channel {name:?} is not on the air yet"
            )));
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SourcesError> + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| ApiError::Internal(error.to_string()))?
        .map_err(|error| match error {
            SourcesError::Full => ApiError::Unavailable(error.to_string()),
            SourcesError::File { .. } | SourcesError::Io { .. } => {
                ApiError::Internal(error.to_string())
            }
        })
}
