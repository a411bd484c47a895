//! What a media file is made of.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::envelope::{Failure, done};
use crate::http::{ApiError, AppState};
use crate::media::report;
use crate::template::asset::Source;

/// `GET /probe/{url}`: the name of an asset, percent-encoded into one path segment
pub(super) async fn show(
    State(state): State<Arc<AppState>>,
    Path(asset): Path<String>,
) -> Result<Response, Failure> {
    if !Source::is_inside(&asset) {
        let message = format!("{asset:?} is not allowed");
        return Err(ApiError::field("url", message, Source::ALLOWED).into());
    }
    let library = state.planner.library().clone();
    let probe = move || {
        let path = library
            .path(&asset)
            .map_err(|error| ApiError::NotFound(format!("{asset}: expected {error}")))?;
        report(&path)
            .map_err(|error| ApiError::field("url", format!("{asset}: {error}"), "a media file"))
    };
    let probed = tokio::task::spawn_blocking(probe).await;
    let metadata = probed.map_err(|error| ApiError::Internal(error.to_string()))??;
    Ok(done(StatusCode::OK, "OK", json!({"metadata": metadata})))
}
