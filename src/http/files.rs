//! Files of a video that are not put together from its chunks: other formats, poster
//! and thumbnail. What is not there yet is made first.

use std::fs::File;
use std::io;
use std::ops::RangeInclusive;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use crate::delivery::Recipe;
use crate::http::cache_control::NO_STORE;
use crate::http::range::{Asked, unsatisfiable};
use crate::http::videos::find;
use crate::http::{ApiError, AppState};
use crate::publish::Video;
use crate::template::output::Format;

/// Bytes read from a file at a time.
const PIECE_BYTES: u64 = 256 << 10;

/// `GET /v1/videos/{id}.{ending}` of the formats that are not put together from chunks
pub(super) async fn whole(
    state: &AppState,
    video: &Video,
    format: Format,
    asked: &HeaderMap,
) -> Result<Response, ApiError> {
    let recipe = Recipe::whole(&video.plan, format)
        .ok_or_else(|| ApiError::NotFound("there is no sound in this video".into()))?;
    let name = format!("loomcast-{}.{}", video.id, format.name());
    answer(state, &recipe, &name, asked).await
}

/// `GET /v1/videos/{id}/poster.jpg`
pub(super) async fn poster(
    State(state): State<Arc<AppState>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let video = find(&state, &id)?;
    let recipe = Recipe::poster(&video.plan);
    let recipe = recipe.ok_or_else(|| ApiError::NotFound("this video has no poster".into()))?;
    answer(&state, &recipe, &format!("{id}-poster.jpg"), &headers).await
}

/// `GET /v1/videos/{id}/thumbnail.jpg`
pub(super) async fn thumbnail(
    State(state): State<Arc<AppState>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let video = find(&state, &id)?;
    let recipe = Recipe::thumbnail(&video.plan);
    let recipe = recipe.ok_or_else(|| ApiError::NotFound("this video has no thumbnail".into()))?;
    answer(&state, &recipe, &format!("{id}-thumbnail.jpg"), &headers).await
}

async fn answer(
    state: &AppState,
    recipe: &Recipe,
    name: &str,
    asked: &HeaderMap,
) -> Result<Response, ApiError> {
    let kept = state.publisher.delivery().files().file(recipe).await?;
    let etag = HeaderValue::from_str(&format!("\"{}\"", recipe.key()));
    let etag = etag.unwrap_or(HeaderValue::from_static("\"\""));
    let asked = Asked::of(asked, kept.len, Some(&etag));
    let Some(range) = asked.bytes(kept.len) else {
        return Ok(unsatisfiable(kept.len));
    };
    let disposition = HeaderValue::from_str(&format!("inline; filename=\"{name}\""));
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static(content_type(recipe.format())),
        ),
        (header::ETAG, etag),
        (
            header::CONTENT_DISPOSITION,
            disposition.unwrap_or(HeaderValue::from_static("inline")),
        ),
        (header::CACHE_CONTROL, NO_STORE),
    ];
    let body = Body::from_stream(pieces(kept.file, range));
    Ok(asked.label((headers, body).into_response(), kept.len))
}

const fn content_type(format: Format) -> &'static str {
    match format {
        Format::Mp4 => "video/mp4",
        Format::Hls => "application/vnd.apple.mpegurl",
        Format::Gif => "image/gif",
        Format::Webm => "video/webm",
        Format::Mp3 => "audio/mpeg",
        Format::Jpg => "image/jpeg",
        Format::Png => "image/png",
        Format::Bmp => "image/bmp",
    }
}

/// These bytes of a file, in order.
pub(super) fn pieces(
    file: File,
    range: RangeInclusive<u64>,
) -> impl stream::Stream<Item = io::Result<Bytes>> + Send {
    let file = Arc::new(file);
    let end = range.end().saturating_add(1);
    stream::try_unfold(*range.start(), move |at| {
        let file = Arc::clone(&file);
        async move {
            if at >= end {
                return Ok(None);
            }
            let count = PIECE_BYTES.min(end - at);
            let read = tokio::task::spawn_blocking(move || {
                // At most a piece.
                let mut piece = vec![0; count as usize];
                file.read_exact_at(&mut piece, at).map(|()| piece)
            });
            let piece = read.await.map_err(io::Error::other)??;
            Ok(Some((Bytes::from(piece), at + count)))
        }
    })
}
