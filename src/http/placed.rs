//! Chunks as segments and parts, moved to where they stand in the video that they are
//! asked for: the same address has the same bytes for ever.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;

use crate::cache::{FillError, Fragment};
use crate::chunk::{ChunkKey, Part};
use crate::cmaf::{CmafError, Retimed, placed};
use crate::edge::ChunkFile;
use crate::http::ApiError;
use crate::http::cache_control::IMMUTABLE;
use crate::http::error::internal;
use crate::http::pieces::Pieces;
use crate::http::range::{Asked, cut, unsatisfiable};

const MEDIA: HeaderValue = HeaderValue::from_static("video/mp4");

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Unplaced {
    /// The chunk never came.
    Fill(FillError),
    /// It has no such part.
    NoPart,
    /// It cannot be moved there.
    Place(CmafError),
}

/// What `file` of chunk `key` is known by.
pub(super) fn etag(key: &ChunkKey, file: ChunkFile) -> String {
    let (key, time) = (key.short(), file.decode_time);
    match file.part {
        None => format!("\"{key}-{time}\""),
        Some(part) => format!("\"{key}-{time}.{part}\""),
    }
}

/// `file` of a chunk, as far as it is there and as it comes.
pub(super) async fn answer(
    fragment: &Fragment,
    etag: &str,
    file: ChunkFile,
    headers: &HeaderMap,
) -> Result<Response, Unplaced> {
    let start = file.decode_time;
    if let Some(index) = file.part {
        let part = fragment.part(index).await?.ok_or(Unplaced::NoPart)?;
        let Retimed { head, tail } = at_its_time(&part, start)?;
        return Ok(body(headers, etag, vec![head, tail]));
    }
    if let Some(chunk) = fragment.complete() {
        let mut pieces = Vec::with_capacity(2 * chunk.parts.len());
        for part in &chunk.parts {
            let Retimed { head, tail } = at_its_time(part, start)?;
            pieces.extend([head, tail]);
        }
        return Ok(body(headers, etag, pieces));
    }
    // Still being rendered: the viewer gets each part as it comes, all of them, as
    // its length is not known to cut a range from. The first is waited for, so
    // that a failure can still be said in the status.
    let first = fragment.part(0).await?.ok_or(Unplaced::NoPart)?;
    let parts = stream::unfold(
        (fragment.clone(), 0, Some(first)),
        move |(fragment, index, known)| async move {
            let part = match known {
                Some(part) => Ok(Some(part)),
                None => fragment.part(index).await,
            };
            let bytes = match part {
                Ok(None) => return None,
                Ok(Some(part)) => at_its_time(&part, start)
                    .map(|Retimed { head, tail }| [head, tail].concat())
                    .map_err(|_| FillError::SourceGone),
                Err(error) => Err(error),
            };
            Some((bytes.map(Bytes::from), (fragment, index + 1, None)))
        },
    );
    Ok((fixed(etag), Body::from_stream(parts)).into_response())
}

/// The part moved to where it stands in the video that it is asked for.
fn at_its_time(part: &Part, start: u64) -> Result<Retimed, Unplaced> {
    placed(&part.data, start).map_err(Unplaced::Place)
}

impl From<FillError> for Unplaced {
    fn from(error: FillError) -> Self {
        Self::Fill(error)
    }
}

impl From<Unplaced> for ApiError {
    fn from(error: Unplaced) -> Self {
        match error {
            Unplaced::Fill(error) => error.into(),
            Unplaced::NoPart => Self::NotFound("this chunk has no such part".into()),
            Unplaced::Place(error) => internal(error),
        }
    }
}

/// Headers of what never changes.
pub(super) fn fixed(etag: &str) -> [(header::HeaderName, HeaderValue); 3] {
    let etag = HeaderValue::from_str(etag).unwrap_or(HeaderValue::from_static("\"\""));
    [
        (header::CONTENT_TYPE, MEDIA),
        (header::CACHE_CONTROL, IMMUTABLE),
        (header::ETAG, etag),
    ]
}

/// Whether whoever asks has it already (RFC 9110, 13.1.2).
pub(super) fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH).iter();
    known
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|one| one.trim().trim_start_matches("W/"))
        .any(|one| one == "*" || one == etag)
}

/// Pieces that are all there, or the range of them that is asked for; nothing is copied.
pub(super) fn body(headers: &HeaderMap, etag: &str, pieces: Vec<Bytes>) -> Response {
    let length: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
    let fixed = fixed(etag);
    let asked = Asked::of(headers, length, Some(&fixed[2].1));
    if asked == Asked::Beyond {
        return unsatisfiable(length);
    }
    let pieces = match &asked {
        Asked::Part(range) => cut(pieces, range),
        Asked::Whole | Asked::Beyond => pieces,
    };
    asked.label((fixed, Pieces::body(pieces)).into_response(), length)
}
