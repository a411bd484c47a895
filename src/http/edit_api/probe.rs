//! What a media file is made of.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::envelope::{Failure, done};
use crate::fetch::{FetchError, Freshness};
use crate::http::{ApiError, AppState};
use crate::template::asset::{Place, Source};

/// The longest that a probe waits for another server.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// `GET /probe/{url}`: the name or address of an asset, percent-encoded into one path segment
pub(super) async fn show(
    State(state): State<Arc<AppState>>,
    Path(asset): Path<String>,
) -> Result<Response, Failure> {
    let place = Place::parse(&asset).ok_or_else(|| {
        let message = format!("{asset:?} is not allowed");
        ApiError::field("url", message, Source::ALLOWED)
    })?;
    let planner = state.planner.clone();
    let probe = move || {
        let (path, _held) = match &place {
            Place::Asset(path) => {
                let found = planner.library().path(path);
                let missing = |error| ApiError::NotFound(format!("{asset}: expected {error}"));
                (found.map_err(missing)?, None)
            }
            Place::Remote(url) => {
                let patience = Instant::now() + MAX_WAIT;
                let fetched = planner.downloads().get(url, Freshness::AsSaid, patience);
                let file = fetched.map_err(|error| unavailable(&asset, &error))?;
                (file.path, Some(file.held))
            }
        };
        let reported = planner.library().report(&path);
        reported.map_err(|error| {
            ApiError::field("url", format!("{asset} is not allowed"), error.to_string())
        })
    };
    let probed = tokio::task::spawn_blocking(probe).await;
    let metadata = probed.map_err(|error| ApiError::Internal(error.to_string()))??;
    Ok(done(StatusCode::OK, "OK", json!({"metadata": metadata})))
}

fn unavailable(asset: &str, error: &FetchError) -> ApiError {
    if error.is_ours() {
        ApiError::Unavailable(format!("{asset}: expected {error}"))
    } else {
        ApiError::field("url", format!("{asset} is not allowed"), error.to_string())
    }
}
