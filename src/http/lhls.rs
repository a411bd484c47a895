//! Segments of live streams for legacy low-latency players (LHLS), which are sent
//! while they are made.
//!
//! A segment's answer begins at once, with the segment's header, though nothing else
//! may be there yet. Each part follows when it is whole. Its end is the end of the
//! segment; an answer that breaks off is of one that was not finished.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::broadcast::{LiveStream, Sought};
use crate::cache::Fragment;
use crate::cmaf::{Retimed, SEGMENT_TYPE, placed};
use crate::http::ApiError;
use crate::http::cache_control::{self, IMMUTABLE};
use crate::http::cache_status::Met;
use crate::http::error::internal;
use crate::http::live::MEDIA;
use crate::http::pieces::Pieces;
use crate::live::LiveTrack;
use crate::live::window::Place;

/// How long a segment that is being sent may give nothing before its answer breaks
/// off: three target durations, as for playlists that are waited for.
const PATIENCE: Duration = Duration::from_secs(12);

/// How long an answer is kept whose segment had not begun, in seconds: one that
/// never comes is empty, and must not be kept for good.
const ANNOUNCED_S: u32 = 4;

/// Segment `number` of a track, as far as it is there and as it comes.
pub(super) async fn segment(
    stream: Arc<LiveStream>,
    track: LiveTrack,
    number: u64,
) -> Result<Response, ApiError> {
    let (found, lifetime) = match stream.segment(track, number).await.map_err(internal)? {
        Sought::There(fragment, place) => (Some((fragment, place)), IMMUTABLE),
        Sought::Next | Sought::Announced => (None, cache_control::seconds(ANNOUNCED_S)),
        Sought::Unknown => {
            return Err(ApiError::NotFound(format!(
                "no segment {}/{number}",
                track.name()
            )));
        }
    };
    let met = found.as_ref().map(|(fragment, _)| Met::following(fragment));
    let body = match found
        .as_ref()
        .and_then(|(fragment, place)| Some((fragment.complete()?, place)))
    {
        Some((chunk, place)) => {
            let mut pieces = vec![SEGMENT_TYPE];
            for part in &chunk.parts {
                let Retimed { head, tail } =
                    placed(&part.data, place.decode_time).map_err(internal)?;
                pieces.extend([head, tail]);
            }
            Pieces::body(pieces)
        }
        None => {
            let loading = Loading {
                changes: stream.changes(),
                stream,
                track,
                number,
                following: found,
                parts: 0,
                ready: VecDeque::from([SEGMENT_TYPE]),
                over: false,
            };
            Body::from_stream(stream::unfold(loading, |mut loading| async {
                let piece = loading.next().await?;
                Some((piece, loading))
            }))
        }
    };
    let headers = [
        (header::CONTENT_TYPE, MEDIA),
        (header::CACHE_CONTROL, lifetime),
        // A proxy that collects an answer before it passes it on would spoil it.
        (
            HeaderName::from_static("x-accel-buffering"),
            HeaderValue::from_static("no"),
        ),
    ];
    let answer = (headers, body).into_response();
    Ok(match met {
        Some(met) => met.mark(answer),
        None => answer,
    })
}

/// A segment on its way to one player. It only ever reads: who takes it slowly, or
/// not at all, holds nobody else.
struct Loading {
    stream: Arc<LiveStream>,
    changes: watch::Receiver<u64>,
    track: LiveTrack,
    number: u64,
    following: Option<(Fragment, Place)>,
    /// How many parts were sent.
    parts: usize,
    /// What can be sent now.
    ready: VecDeque<Bytes>,
    over: bool,
}

impl Loading {
    /// The next piece; `None` at the end of the segment.
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        if self.ready.is_empty() && !self.over {
            let deadline = Instant::now() + PATIENCE;
            match timeout_at(deadline, self.part()).await {
                Ok(Ok(Some(part))) => self.ready.extend([part.head, part.tail]),
                Ok(Ok(None)) => self.over = true,
                Ok(Err(error)) => return self.break_off(error),
                Err(_) => return self.break_off(io::ErrorKind::TimedOut.into()),
            }
        }
        self.ready.pop_front().map(Ok)
    }

    fn break_off(&mut self, error: io::Error) -> Option<io::Result<Bytes>> {
        self.over = true;
        Some(Err(error))
    }

    /// The next part; `None` if there is none, or the segment never begins.
    async fn part(&mut self) -> io::Result<Option<Retimed>> {
        loop {
            if let Some((fragment, place)) = &self.following {
                match fragment.part(self.parts).await {
                    Ok(Some(part)) => {
                        let part = placed(&part.data, place.decode_time);
                        self.parts += 1;
                        return part.map(Some).map_err(io::Error::other);
                    }
                    Ok(None) => return Ok(None),
                    Err(error) if self.parts > 0 => return Err(io::Error::other(error)),
                    // Its number goes to whatever begins next.
                    Err(_) => self.following = None,
                }
            } else {
                self.changes.mark_unchanged();
                let found = self.stream.segment(self.track, self.number).await;
                match found.map_err(io::Error::other)? {
                    Sought::There(fragment, place) => {
                        self.following = Some((fragment, place));
                        continue;
                    }
                    Sought::Next | Sought::Announced => {}
                    Sought::Unknown => return Ok(None),
                }
            }
            if self.changes.changed().await.is_err() {
                return Ok(None);
            }
        }
    }
}
