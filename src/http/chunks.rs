//! Segments, parts and init segments by what they hold: the same address has
//! the same bytes for ever, for every video.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use crate::cache::{FillError, Fragment};
use crate::chunk::{ChunkKey, Part};
use crate::cmaf::{Retimed, placed};
use crate::digest::Digest;
use crate::http::cache_control::IMMUTABLE;
use crate::http::pieces::Pieces;
use crate::http::range::{Asked, cut, unsatisfiable};
use crate::http::{ApiError, AppState};
use crate::render::Priority;

const MEDIA: HeaderValue = HeaderValue::from_static("video/mp4");

/// `{decode_time}.m4s` or `{decode_time}.{part}.m4s`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct File {
    decode_time: u64,
    part: Option<usize>,
}

impl File {
    fn parse(name: &str) -> Option<Self> {
        let name = name.strip_suffix(".m4s")?;
        // One spelling a number, or one segment would have many addresses.
        let number = |text: &str| {
            let number: u64 = text.parse().ok()?;
            (number.to_string() == text).then_some(number)
        };
        match name.split_once('.') {
            None => Some(Self {
                decode_time: number(name)?,
                part: None,
            }),
            Some((time, part)) => Some(Self {
                decode_time: number(time)?,
                part: Some(usize::try_from(number(part)?).ok()?),
            }),
        }
    }
}

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
    let (parsed, place) = match (key.parse::<ChunkKey>(), File::parse(&file)) {
        (Ok(key), Some(file)) => (key, file),
        _ => return Err(unknown()),
    };
    let etag = format!("\"{}-{}\"", parsed.short(), file.trim_end_matches(".m4s"));
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
    if let Some(index) = place.part {
        let part = fragment.part(index).await?.ok_or_else(unknown)?;
        let Retimed { head, tail } = at_its_time(&part, place.decode_time)?;
        return Ok(body(&headers, &etag, vec![head, tail]));
    }
    if let Some(chunk) = fragment.complete() {
        let mut pieces = Vec::with_capacity(2 * chunk.parts.len());
        for part in &chunk.parts {
            let Retimed { head, tail } = at_its_time(part, place.decode_time)?;
            pieces.extend([head, tail]);
        }
        return Ok(body(&headers, &etag, pieces));
    }
    // Still being rendered: the viewer gets each part as it comes, all of them, as
    // its length is not known to cut a range from. The first is waited for, so
    // that a failure can still be said in the status.
    let first = fragment.part(0).await?.ok_or_else(unknown)?;
    let parts = stream::unfold(
        (fragment, 0, Some(first)),
        move |(fragment, index, known)| async move {
            let part = match known {
                Some(part) => Ok(Some(part)),
                None => fragment.part(index).await,
            };
            let bytes = match part {
                Ok(None) => return None,
                Ok(Some(part)) => at_its_time(&part, place.decode_time)
                    .map(|Retimed { head, tail }| [head, tail].concat())
                    .map_err(|_| FillError::SourceGone),
                Err(error) => Err(error),
            };
            Some((bytes.map(Bytes::from), (fragment, index + 1, None)))
        },
    );
    Ok((fixed(&etag), Body::from_stream(parts)).into_response())
}

/// The part moved to where it stands in the video that it is asked for.
fn at_its_time(part: &Part, start: u64) -> Result<Retimed, ApiError> {
    placed(&part.data, start).map_err(|error| ApiError::Internal(error.to_string()))
}

/// Headers of what never changes.
fn fixed(etag: &str) -> [(header::HeaderName, HeaderValue); 3] {
    let etag = HeaderValue::from_str(etag).unwrap_or(HeaderValue::from_static("\"\""));
    [
        (header::CONTENT_TYPE, MEDIA),
        (header::CACHE_CONTROL, IMMUTABLE),
        (header::ETAG, etag),
    ]
}

/// Whether whoever asks has it already (RFC 9110, 13.1.2).
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH).iter();
    known
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|one| one.trim().trim_start_matches("W/"))
        .any(|one| one == "*" || one == etag)
}

/// Pieces that are all there, or the range of them that is asked for; nothing is copied.
fn body(headers: &HeaderMap, etag: &str, pieces: Vec<Bytes>) -> Response {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_has_one_spelling() {
        for (name, expected) in [
            ("0.m4s", Some((0, None))),
            ("180000.m4s", Some((180_000, None))),
            ("180000.2.m4s", Some((180_000, Some(2)))),
            ("00.m4s", None),
            ("+1.m4s", None),
            ("1.02.m4s", None),
            ("1.2.3.m4s", None),
            ("-1.m4s", None),
            ("1.mp4", None),
            (".m4s", None),
        ] {
            let parsed = File::parse(name).map(|file| (file.decode_time, file.part));
            assert_eq!(parsed, expected, "{name}");
        }
    }
}
