//! Segments, parts and init segments by what they hold: the same address has
//! the same bytes for ever, for every video.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::cache::Fragment;
use crate::chunk::ChunkKey;
use crate::digest::Digest;
use crate::edge::ChunkFile;
use crate::http::placed::{self, body, fixed, is_known};
use crate::http::{ApiError, AppState};
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
        return Ok((StatusCode::NOT_MODIFIED, fixed(&etag)).into_response());
    }
    Ok(body(&headers, &etag, vec![init.segment]))
}

/// `GET /c/{key}/{decode_time}.m4s`, or a part of it
pub(super) async fn chunk(
    State(state): State<Arc<AppState>>,
    Path((key, file)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let unknown = || ApiError::NotFound(format!("no chunk {key}/{file}"));
    let (parsed, place) = match (key.parse::<ChunkKey>(), ChunkFile::parse(&file)) {
        (Ok(key), Some(file)) => (key, file),
        _ => return Err(unknown()),
    };
    let etag = placed::etag(&parsed, place);
    if is_known(&headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, fixed(&etag)).into_response());
    }
    let delivery = state.publisher.delivery();
    let wanted = state.publisher.requested(&parsed);
    let fragment = match &wanted {
        Some(wanted) => delivery.chunk(wanted, Priority::Viewer).await?.fragment,
        // Of a video that is forgotten, but perhaps still in the cache.
        None => match delivery.complete(&parsed).await? {
            Some(chunk) => Fragment::ready(chunk),
            None => return Err(unknown()),
        },
    };
    Ok(placed::answer(&fragment, &etag, place, &headers).await?)
}
