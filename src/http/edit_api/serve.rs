//! The files of a render, as clients of the Serve API look for them: they lie where
//! they were made, and are nowhere sent.
//!
//! A file has the id of its render.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::envelope::{Failure, OWNER};
use crate::http::base::base;
use crate::http::cache_control::NO_STORE;
use crate::http::videos::{file_of, find};
use crate::http::{ApiError, AppState};
use crate::publish::{Video, VideoStatus};

/// `GET /assets/render/{id}`: the files of a render
pub(super) async fn of_render(
    State(state): State<Arc<AppState>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let video = find_ended(&state, &id)?;
    Ok(told(json!([asset(&video, &headers)])))
}

/// `GET /assets/{id}`: one file
pub(super) async fn show(
    State(state): State<Arc<AppState>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let video = find_ended(&state, &id)?;
    Ok(told(asset(&video, &headers)))
}

/// `DELETE /assets/{id}`: its render is forgotten
pub(super) async fn remove(
    State(state): State<Arc<AppState>>,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let video = find(&state, &id)?;
    state.publisher.forget(&video.id);
    Ok((StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, NO_STORE)]).into_response())
}

/// A file comes to be when its render begins to give something.
fn find_ended(state: &AppState, id: &str) -> Result<Arc<Video>, ApiError> {
    let unknown = |_| ApiError::NotFound(format!("there is no asset of a render {id:?}"));
    find(state, id).map_err(unknown)
}

fn told(data: Value) -> Response {
    let headers = [(header::CACHE_CONTROL, NO_STORE)];
    (headers, Json(json!({"data": data}))).into_response()
}

fn asset(video: &Video, headers: &HeaderMap) -> Value {
    let time = |time| humantime::format_rfc3339_millis(time).to_string();
    let status = match video.status() {
        VideoStatus::Done => "ready",
        VideoStatus::Failed => "failed",
        VideoStatus::Rendering | VideoStatus::Saving | VideoStatus::OnDemand => "importing",
    };
    let path = file_of(video);
    let mut attributes = json!({
        "id": video.id,
        "owner": OWNER,
        "renderId": video.id,
        "providerId": video.id,
        "filename": path.rsplit('/').next(),
        "status": status,
        "created": time(video.created),
        "updated": time(video.updated()),
    });
    if status == "ready" {
        attributes["url"] = format!("{}{path}", base(headers)).into();
    }
    json!({"type": "asset", "attributes": attributes})
}
