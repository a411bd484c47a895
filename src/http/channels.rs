//! Channels: live streams of rendered videos. Made by POST, looked at by GET; and their
//! viewers, each with an address of their own.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use serde_path_to_error::Segment;

use crate::broadcast::{PublishError, now};
use crate::casting::{CastError, Channel, EntryReport, Status, Viewer};
use crate::channel::{Definition, Entry};
use crate::http::videos::{asked_edit, parse};
use crate::http::{ApiError, AppState, sources};
use crate::template::merge::Data;

/// The body of `POST /v1/channels/{name}/viewers`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewViewer {
    data: Data,
}

/// `POST /v1/channels`
pub(super) async fn create(
    State(state): State<Arc<AppState>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let body = body.map_err(|rejection| ApiError::body(&rejection))?;
    let (name, mut definition) = read(&body)?;
    for (index, entry) in definition.entries.iter_mut().enumerate() {
        let edit = (!entry.edit.is_null()).then(|| entry.edit.take());
        let edit = asked_edit(&state, entry.template.as_deref(), edit, None);
        entry.edit = edit.map_err(|error| within_entry(index, error))?;
    }
    if state.pulls.source(&name).is_some() {
        let message = format!("there is a live stream {name:?} already");
        return Err(ApiError::Conflict(message));
    }
    let channel = state.channels.create(name, definition).await?;
    let location = [(header::LOCATION, format!("/v1/channels/{}", channel.name))];
    Ok((StatusCode::CREATED, location, Json(report(&channel))).into_response())
}

/// The name and the rest of a channel that is asked for.
fn read(body: &[u8]) -> Result<(String, Definition), ApiError> {
    let mut whole: serde_json::Map<String, Value> = parse(body)?;
    let allowed = "the channel's name: letters, digits, '-' and '_'";
    let name = match whole.shift_remove("name") {
        Some(Value::String(name)) => name,
        Some(other) => {
            return Err(ApiError::field(
                "/name",
                format!("{other} is not allowed"),
                allowed,
            ));
        }
        None => return Err(ApiError::field("/name", "it is missing", allowed)),
    };
    let definition = serde_path_to_error::deserialize(Value::Object(whole)).map_err(|error| {
        let pieces = error.path().iter().filter_map(|piece| match piece {
            Segment::Seq { index } => Some(format!("/{index}")),
            Segment::Map { key } => Some(format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
            Segment::Enum { .. } | Segment::Unknown => None,
        });
        ApiError::BadRequest {
            field: Some(pieces.collect()),
            message: error.inner().to_string(),
            allowed: None,
        }
    })?;
    Ok((name, definition))
}

/// An entry's template is none, or not the only one that it names.
fn within_entry(index: usize, error: ApiError) -> ApiError {
    let field = format!("/entries/{index}/template");
    match error {
        ApiError::NotFound(message) => ApiError::field(&field, message, "a template's id"),
        ApiError::BadRequest {
            message, allowed, ..
        } => ApiError::BadRequest {
            field: Some(field),
            message,
            allowed,
        },
        other => other,
    }
}

/// `GET /v1/channels`
pub(super) async fn list(State(state): State<Arc<AppState>>) -> Json<Value> {
    let channels = state.channels.all();
    let channels: Vec<_> = channels.iter().map(|channel| report(channel)).collect();
    Json(json!({"now_unix_ms": now().0, "channels": channels}))
}

/// `GET /v1/channels/{name}`
pub(super) async fn show(
    State(state): State<Arc<AppState>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let mut report = report(&*state.channels.channel(&name)?);
    report["now_unix_ms"] = json!(now().0);
    Ok(Json(report))
}

/// `DELETE /v1/channels/{name}`: its stream ends.
pub(super) async fn delete(
    State(state): State<Arc<AppState>>,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    state.channels.delete(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/channels/{name}/viewers`: an address at which the channel has this data in it.
pub(super) async fn viewer(
    State(state): State<Arc<AppState>>,
    Path(name): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let body = body.map_err(|rejection| ApiError::body(&rejection))?;
    let NewViewer { data } = parse(&body)?;
    let viewer = state.channels.viewer(&name, data).await?;
    let Viewer { id, .. } = &*viewer;
    let told = json!({
        "id": id,
        "own_chunks": viewer.chunks(),
        "urls": {"index": format!("/live/{name}/for/{id}/index.m3u8")},
    });
    Ok((StatusCode::CREATED, Json(told)).into_response())
}

fn report(channel: &Channel) -> Value {
    let told = channel.report();
    let definition = &channel.definition;
    let planned = told.entries.iter().map(Some).chain(std::iter::repeat(None));
    let entry = |(entry, planned): (&Entry, Option<&EntryReport>)| {
        json!({
            "template": entry.template,
            "data": entry.data,
            "personal": entry.personal,
            "milliseconds": planned.map(|planned| planned.milliseconds),
            "chunks": planned.map(|planned| planned.chunks),
            "width": planned.map(|planned| planned.size.0),
            "height": planned.map(|planned| planned.size.1),
        })
    };
    let reason = match &told.status {
        Status::Failed(reason) => Some(reason),
        _ => None,
    };
    json!({
        "name": channel.name,
        "status": told.status.as_str(),
        "reason": reason,
        "since_unix_ms": channel.since.0,
        "render": definition.render,
        "rounds": definition.rounds,
        "schedule": definition.schedule,
        "entries": definition.entries.iter().zip(planned).map(entry).collect::<Vec<_>>(),
        "now": told.now.map(|(entry, segment)| json!({"entry": entry, "segment": segment})),
        "segments": {"played": told.played, "late": told.gaps},
        "viewers": {"known": told.viewers.0, "watching": told.viewers.1},
        "urls": sources::urls(&channel.name),
    })
}

impl From<CastError> for ApiError {
    fn from(error: CastError) -> Self {
        match error {
            CastError::Definition(error) => Self::BadRequest {
                field: Some(error.field),
                message: error.message,
                allowed: Some(error.allowed),
            },
            CastError::Edit { entry, error } => Self::BadRequest {
                field: Some(format!("/entries/{entry}/edit{}", error.pointer.as_str())),
                message: error.to_string(),
                allowed: Some(error.allowed),
            },
            CastError::Unavailable(message) => Self::Unavailable(message),
            CastError::Name(error @ PublishError::Name { .. }) => {
                Self::field("/name", error.to_string(), "")
            }
            CastError::Name(error @ PublishError::TooMany) => Self::Unavailable(error.to_string()),
            CastError::Name(PublishError::Busy { name } | PublishError::Type { name, .. }) => {
                Self::Conflict(format!(
                    "there is a live stream or channel {name:?} already"
                ))
            }
            CastError::Unknown(message) => Self::NotFound(message),
            CastError::Internal(message) => Self::Internal(message),
        }
    }
}
