//! Segments, parts and init segments by what they hold: the same address has
//! the same bytes for ever, for every video.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::chunk::ChunkKey;
use crate::digest::Digest;
use crate::edge::ChunkFile;
use crate::http::cache_status::Met;
use crate::http::placed::{self, body, fixed, is_known};
use crate::http::{ApiError, AppState, traffic_class};
use crate::render::Priority;

/// `GET /i/{digest}.mp4`
pub(super) async fn init(
    State(state): State<Arc<AppState>>,
    Path(file): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let name = file
        .strip_suffix(".mp4")
        .and_then(|name| name.parse::<Digest>().ok());
    let init = name.and_then(|name| state.publisher.delivery().init_named(&name));
    let init = init.ok_or_else(|| ApiError::NotFound(format!("no init segment {file:?}")))?;
    let etag = format!("\"{}\"", init.name);
    if is_known(&headers, &etag) {
        return Ok(unchanged(&etag));
    }
    Ok(Met::hit("memory").mark(body(&headers, &etag, vec![init.segment])))
}

/// `GET /c/{key}/{decode_time}.m4s`, or a part of it
pub(super) async fn chunk(
    State(state): State<Arc<AppState>>,
    Path((key, file)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    match answer(&state, &key, &file, &headers).await {
        Ok(answer) => answer,
        Err(error @ ApiError::NotFound(_)) => error.into_response(),
        Err(error) => Met::failed().mark(error.into_response()),
    }
}

async fn answer(
    state: &AppState,
    key: &str,
    file: &str,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let unknown = || ApiError::NotFound(format!("no chunk {key}/{file}"));
    let (parsed, place) = match (key.parse::<ChunkKey>(), ChunkFile::parse(file)) {
        (Ok(key), Some(file)) => (key, file),
        _ => return Err(unknown()),
    };
    let etag = placed::etag(&parsed, place);
    if is_known(headers, &etag) {
        return Ok(unchanged(&etag));
    }
    let delivery = state.publisher.delivery();
    let wanted = state.publisher.requested(&parsed);
    let access = match &wanted {
        Some(wanted) => delivery.chunk(wanted, Priority::Viewer).await?,
        // Of a video that is forgotten, but perhaps still in the cache.
        None => delivery.complete(&parsed).await?.ok_or_else(unknown)?,
    };
    let answer = placed::answer(&access.fragment, &etag, place, headers).await?;
    let answer = match &wanted {
        Some(wanted) => traffic_class::told(headers, &wanted.traffic, answer),
        None => answer,
    };
    Ok(Met::of(&access).mark(answer))
}

/// Whoever asks has it.
fn unchanged(etag: &str) -> Response {
    let known = (StatusCode::NOT_MODIFIED, fixed(etag)).into_response();
    Met::hit("unchanged").mark(known)
}
