//! Chunks, live segments and init segments, each out of its one fragment.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};
use tokio::time::timeout;

use crate::cache::{Access, FillError, Fragment, Outcome};
use crate::chunk::{ChunkKey, Part};
use crate::cmaf::SEGMENT_TYPE;
use crate::digest::Digest;
use crate::edge::{ChunkFile, Edge, Kind, Met, SegmentName, SegmentWish, Trail};
use crate::http::cache_control::IMMUTABLE;
use crate::http::edge::counted::Served;
use crate::http::edge::{LIVE_PATIENCE, failed, gateway, gateway_of, too_late};
use crate::http::pieces::Pieces;
use crate::http::placed::{self, Unplaced, body, fixed, is_known};
use crate::http::{ApiError, traffic_class};
use crate::offload::Cause;

const MEDIA: HeaderValue = HeaderValue::from_static("video/mp4");

/// `GET /c/{key}/{decode_time}.m4s`, or a part of it
pub(super) async fn chunk(
    edge: &Edge,
    key: ChunkKey,
    file: ChunkFile,
    headers: &HeaderMap,
    trail: &Trail,
) -> Response {
    let etag = placed::etag(&key, file);
    if is_known(headers, &etag) {
        let known = (StatusCode::NOT_MODIFIED, fixed(&etag)).into_response();
        return met(known, Kind::Chunk, Outcome::HitMemory, None);
    }
    let Access {
        fragment,
        outcome,
        cause,
    } = match edge.chunk(key, trail).await {
        Ok(access) => access,
        Err(error) => return failed(Kind::Chunk, gateway_of(error)),
    };
    match placed::answer(&fragment, &etag, file, headers).await {
        Ok(answer) => {
            let answer = traffic_class::told(headers, &edge.class_of(key.digest()), answer);
            met(answer, Kind::Chunk, outcome, cause)
        }
        Err(Unplaced::Fill(error)) => failed(Kind::Chunk, gateway(error)),
        Err(error) => failed(Kind::Chunk, error.into()),
    }
}

/// `GET /live/{name}/{epoch}/{track}/{number}.m4s`, a part of it, or all of it as it
/// grows
pub(super) async fn segment(
    edge: &Edge,
    name: &SegmentName,
    wish: SegmentWish,
    trail: &Trail,
) -> Response {
    let Access {
        fragment,
        outcome,
        cause,
    } = match edge.segment(name, trail).await {
        Ok(access) => access,
        Err(error) => return failed(Kind::Segment, gateway_of(error)),
    };
    let body = match timeout(LIVE_PATIENCE, segment_body(&fragment, wish)).await {
        Ok(Ok(body)) => body,
        Ok(Err(error)) => return failed(Kind::Segment, error),
        Err(_) => return failed(Kind::Segment, too_late()),
    };
    let headers = [
        (header::CONTENT_TYPE, MEDIA),
        (header::CACHE_CONTROL, IMMUTABLE),
    ];
    let mut answer = (headers, body).into_response();
    if wish == SegmentWish::Growing {
        // A proxy that collects an answer before it passes it on would spoil it.
        let no = HeaderValue::from_static("no");
        answer.headers_mut().insert("x-accel-buffering", no);
    }
    met(answer, Kind::Segment, outcome, cause)
}

/// Nothing of a part is sent before all of it is there (rfc8216bis, 6.2.6).
async fn segment_body(fragment: &Fragment, wish: SegmentWish) -> Result<Body, ApiError> {
    let nothing = || ApiError::NotFound("this segment has no such part".into());
    Ok(match wish {
        SegmentWish::Part(index) => {
            let part = fragment.part(index).await.map_err(gateway)?;
            Pieces::body(vec![part.ok_or_else(nothing)?.data])
        }
        SegmentWish::Whole => {
            let whole = fragment.finished().await.map_err(gateway)?;
            Pieces::body(data(&whole.parts).collect())
        }
        SegmentWish::Growing => match fragment.complete() {
            Some(whole) => {
                let pieces = [SEGMENT_TYPE].into_iter().chain(data(&whole.parts));
                Pieces::body(pieces.collect())
            }
            None => {
                // Waited for, so that what does not come can still be said in the status.
                fragment
                    .part(0)
                    .await
                    .map_err(gateway)?
                    .ok_or_else(nothing)?;
                let parts = stream::unfold((fragment.clone(), 0), |(fragment, index)| async move {
                    let part = fragment.part(index).await.transpose()?;
                    Some((part.map(|part| part.data), (fragment, index + 1)))
                });
                let head = stream::iter([Ok::<_, FillError>(SEGMENT_TYPE)]);
                Body::from_stream(head.chain(parts))
            }
        },
    })
}

fn data(parts: &[Part]) -> impl Iterator<Item = Bytes> {
    parts.iter().map(|part| part.data.clone())
}

/// `GET /i/{digest}.mp4` and `GET /live/{name}/{epoch}/{track}.{number}.mp4`
pub(super) async fn init(edge: &Edge, path: &str, headers: &HeaderMap, trail: &Trail) -> Response {
    let etag = format!("\"{}\"", Digest::of(path.as_bytes()).short());
    if is_known(headers, &etag) {
        let known = (StatusCode::NOT_MODIFIED, fixed(&etag)).into_response();
        return met(known, Kind::Init, Outcome::HitMemory, None);
    }
    match edge.init(path, trail).await {
        Ok((init, how)) => {
            let mut answer = body(headers, &etag, vec![init]);
            answer.extensions_mut().insert(Served {
                kind: Kind::Init,
                met: how,
                tier: None,
                cause: None,
            });
            answer
        }
        Err(error) => failed(Kind::Init, gateway_of(error)),
    }
}

fn met(mut answer: Response, kind: Kind, outcome: Outcome, cause: Option<Cause>) -> Response {
    let (met, tier) = match outcome {
        Outcome::HitMemory => (Met::Hit, Some("memory")),
        Outcome::HitDisk | Outcome::HitShared => (Met::Hit, Some("disk")),
        Outcome::Coalesced => (Met::Collapsed, None),
        Outcome::Filled => (Met::Miss, None),
        Outcome::FailedLately => (Met::Error, None),
    };
    let served = Served {
        kind,
        met,
        tier,
        cause,
    };
    answer.extensions_mut().insert(served);
    answer
}
