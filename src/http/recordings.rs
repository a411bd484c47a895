//! Recordings of live streams: begun, ended, told of, listed and downloaded.

use std::path::Path as FilePath;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use crate::broadcast::{RecordedFile, RecordingReport, RecordingState, StartError};
use crate::http::cache_control::NO_STORE;
use crate::http::files::pieces;
use crate::http::live::find;
use crate::http::range::{Asked, unsatisfiable};
use crate::http::{ApiError, AppState};

const MP4: HeaderValue = HeaderValue::from_static("video/mp4");

/// `POST /v1/live/{name}/recording`
pub(super) async fn start(
    State(state): State<Arc<AppState>>,
    Path(name): Path<String>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let stream = find(&state.hub, &name)?;
    let recorder = state.recorder.clone();
    let (report, begun) = blocking(move || recorder.start(&stream))
        .await?
        .map_err(|error| match error {
            StartError::TooMany => ApiError::Unavailable(error.to_string()),
            StartError::Folder(_) => ApiError::Internal(error.to_string()),
        })?;
    let status = if begun {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(told(&report))))
}

/// `DELETE /v1/live/{name}/recording`
pub(super) async fn stop(
    State(state): State<Arc<AppState>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let report = state.recorder.stop(&name).await;
    let report = report
        .ok_or_else(|| ApiError::NotFound(format!("no recording of {name:?} is going on")))?;
    Ok(Json(told(&report)))
}

/// `GET /v1/live/{name}/recording`
pub(super) async fn show(
    State(state): State<Arc<AppState>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let report = state.recorder.report(&name);
    let report = report.ok_or_else(|| ApiError::NotFound(format!("no recording of {name:?}")))?;
    Ok(Json(told(&report)))
}

/// `GET /v1/recordings`
pub(super) async fn list(State(state): State<Arc<AppState>>) -> Result<Json<Value>, ApiError> {
    let recorder = state.recorder.clone();
    let files = blocking(move || recorder.files()).await?;
    let files = files.map_err(|error| ApiError::Internal(error.to_string()))?;
    let file = |file: &RecordedFile| {
        json!({
            "file": file.name,
            "bytes": file.bytes,
            "modified": humantime::format_rfc3339_millis(file.modified).to_string(),
            "url": url(&file.name),
        })
    };
    Ok(Json(
        json!({ "recordings": files.iter().map(file).collect::<Vec<_>>() }),
    ))
}

/// `GET /v1/recordings/{file}`: as much as there is now.
pub(super) async fn file(
    State(state): State<Arc<AppState>>,
    Path(name): Path<String>,
    asked: HeaderMap,
) -> Result<Response, ApiError> {
    let unknown = || ApiError::NotFound(format!("no recording {name:?}"));
    let path = state.recorder.path(&name).ok_or_else(unknown)?;
    let opened = blocking(move || {
        let file = std::fs::File::open(path)?;
        let length = file.metadata()?.len();
        Ok::<_, std::io::Error>((file, length))
    });
    let (file, length) = opened.await?.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => unknown(),
        _ => ApiError::Internal(error.to_string()),
    })?;
    let asked = Asked::of(&asked, length, None);
    let headers = [
        (header::CONTENT_TYPE, MP4),
        // It may have grown when it is asked for again.
        (header::CACHE_CONTROL, NO_STORE),
    ];
    let body = match asked.bytes(length) {
        Some(range) => Body::from_stream(pieces(file, range)),
        None if asked == Asked::Whole => Body::empty(),
        None => return Ok(unsatisfiable(length)),
    };
    Ok(asked.label((headers, body).into_response(), length))
}

fn told(report: &RecordingReport) -> Value {
    let names = report.recorded.files.iter();
    let names = names.filter_map(|path: &std::path::PathBuf| {
        FilePath::new(path)
            .file_name()
            .and_then(|name| name.to_str())
    });
    let reason = match &report.state {
        RecordingState::Failed(reason) => Some(reason),
        _ => None,
    };
    json!({
        "stream": report.stream,
        "status": report.state.as_str(),
        "reason": reason,
        "since_unix_ms": report.since.0,
        "milliseconds": report.recorded.milliseconds,
        "bytes": report.recorded.bytes,
        "files": names.map(|name| json!({"file": name, "url": url(name)})).collect::<Vec<_>>(),
    })
}

fn url(name: &str) -> String {
    format!("/v1/recordings/{name}")
}

/// What waits for a disk does so on a thread of its own.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| ApiError::Internal(error.to_string()))
}
