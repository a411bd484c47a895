//! The playlists of live streams, and who waits for them.
//!
//! Where terminals wait when they join, each has an identifier: the first request is
//! redirected to the same address with one, and the addresses in its answer carry it
//! on. A terminal that follows no redirects gets what one gets that asks again.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tokio::time::Instant;
use uuid::Uuid;

use crate::broadcast::{LiveStream, Snapshot, Waiting};
use crate::edge::{VIEWER, viewer};
use crate::http::cache_control::{self, NO_STORE};
use crate::http::error::internal;
use crate::http::live::{track_named, wait};
use crate::http::reload::{CONTENT_TYPE, MAX_BLOCK_TARGETS, lifetime_s};
use crate::http::sources::watched;
use crate::http::variants::multivariant_text;
use crate::http::watcher::Watcher;
use crate::http::{ApiError, OnAir};
use crate::live::LiveTrack;
use crate::live::join::{Join, JoinPolicy, Reached, Terminal};
use crate::live::presence::PlaylistProtocol;
use crate::live::window::Listing;
use crate::playlist::{DeliveryDirectives, Reload, decide, last_asked_for};

/// How long a multivariant playlist is kept, in seconds: another publisher of the same
/// name may have other tracks.
const MULTIVARIANT_S: u32 = 2;

/// `GET /live/{name}/index.m3u8`, `video.m3u8`, `audio.m3u8`
pub(super) async fn playlist(
    State(state): State<OnAir>,
    Path((name, file)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    watcher: Watcher,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let asked = Asked {
        listing: Listing::LowLatency,
        query: query.unwrap_or_default(),
        watcher,
        headers,
    };
    answer(&state, &name, &file, asked).await
}

/// `GET /live/{name}/lhls/index.m3u8`, `video.m3u8`, `audio.m3u8`
pub(super) async fn legacy_playlist(
    State(state): State<OnAir>,
    Path((name, file)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    watcher: Watcher,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let asked = Asked {
        listing: Listing::Legacy,
        query: query.unwrap_or_default(),
        watcher,
        headers,
    };
    answer(&state, &name, &file, asked).await
}

/// A request for a playlist, beside which it is.
pub(super) struct Asked {
    pub listing: Listing,
    pub query: String,
    pub watcher: Watcher,
    pub headers: HeaderMap,
}

async fn answer(state: &OnAir, name: &str, file: &str, asked: Asked) -> Result<Response, ApiError> {
    let stream = watched(state, name).await?;
    let query = &asked.query;
    let viewer = match stream.joins().config().policy {
        JoinPolicy::Wait => viewer(query).filter(|id| stream.joins().knows(*id)),
        JoinPolicy::LowLatency | JoinPolicy::Off => None,
    };
    if file == "index.m3u8" {
        if stream.joins().config().policy == JoinPolicy::Wait && viewer.is_none() {
            return redirect(file, query, stream.joins().issue());
        }
        // Its addresses are relative, so they stay beside this one.
        return multivariant(&stream, viewer).await;
    }
    let track = file.strip_suffix(".m3u8").and_then(track_named);
    let track = track.ok_or_else(|| {
        ApiError::NotFound(format!(
            "no playlist {file:?}: expected index.m3u8, or one that it lists"
        ))
    })?;
    let (snapshot, blocking, delta) = media(&stream, track, &asked, viewer).await?;
    Ok(told(&snapshot, blocking, delta, viewer, &asked.headers))
}

/// To the same address, with an identifier; what else was asked with stays.
pub(super) fn redirect(file: &str, query: &str, id: Uuid) -> Result<Response, ApiError> {
    let is_own = |pair: &&str| pair.split('=').next() == Some(VIEWER);
    let others = query
        .split('&')
        .filter(|pair| !pair.is_empty() && !is_own(pair));
    let own = format!("{VIEWER}={id}");
    let pairs: Vec<&str> = others.chain([own.as_str()]).collect();
    let to = format!("{file}?{}", pairs.join("&"));
    let headers = [
        (
            header::LOCATION,
            HeaderValue::from_str(&to).map_err(internal)?,
        ),
        (header::CACHE_CONTROL, NO_STORE),
    ];
    Ok((StatusCode::FOUND, headers).into_response())
}

/// Waits until it is known which tracks there are, and for smaller sizes that are about to be there:
/// a player does not ask again.
pub(super) async fn multivariant(
    stream: &LiveStream,
    viewer: Option<Uuid>,
) -> Result<Response, ApiError> {
    let deadline = Instant::now() + patience(stream);
    let mut changes = stream.changes();
    let tracks = loop {
        changes.mark_unchanged();
        let tracks = stream.tracks();
        if tracks.is_empty() {
            wait(&mut changes, deadline).await?;
        } else if stream.is_settled() || wait(&mut changes, deadline).await.is_err() {
            break tracks;
        }
    };
    let text = multivariant_text(&tracks, viewer)?;
    let headers = [
        (header::CONTENT_TYPE, CONTENT_TYPE),
        (header::CACHE_CONTROL, lifetime(MULTIVARIANT_S, viewer)),
    ];
    Ok((headers, text).into_response())
}

/// A track's playlist as soon as what is asked for is there; whether it was asked for
/// by its number; and whether a delta update is wanted.
pub(super) async fn media(
    stream: &LiveStream,
    track: LiveTrack,
    asked: &Asked,
    viewer: Option<Uuid>,
) -> Result<(Arc<Snapshot>, bool, bool), ApiError> {
    let listing = asked.listing;
    let directives = match listing {
        Listing::LowLatency => DeliveryDirectives::parse(&asked.query)
            .map_err(|error| ApiError::field("query", error.to_string(), ""))?,
        // It offers none.
        Listing::Legacy => DeliveryDirectives::default(),
    };
    let blocking = directives.msn.is_some();
    stream.audience().heard(
        asked.watcher.mark(viewer),
        PlaylistProtocol::of(listing, blocking),
    );
    let joins = stream.joins();
    // Who names a segment has a playlist already.
    let terminal = match blocking {
        true => Terminal::Known,
        false => joins.asks(viewer, track, listing),
    };
    let reached = stream.reached(track);
    if let (false, Some(reached)) = (blocking, reached)
        && let Join::Segment(number) = joins.config().join(terminal, reached)
    {
        let waiting = joins.wait();
        return match stream.join(track, listing, number).await {
            Some(index) => {
                waiting.served();
                Ok((index, false, false))
            }
            None => {
                waiting.timed_out();
                Err(too_late())
            }
        };
    }
    let begun = Instant::now();
    let mut changes = stream.changes();
    let mut waiting: Option<Waiting<'_>> = None;
    loop {
        changes.mark_unchanged();
        let snapshot = stream.snapshot(track, listing);
        let mut patience = patience(stream);
        if let Some(snapshot) = snapshot.transpose().map_err(internal)? {
            let playlist = &snapshot.playlist;
            if blocking {
                let targets = MAX_BLOCK_TARGETS * playlist.target_duration_s;
                patience = Duration::from_secs(targets.into());
            }
            let reached = Reached {
                whole: playlist.segments.len(),
                current: playlist.next_msn(),
                ended: playlist.ended,
            };
            let join = joins.config().join(terminal, reached);
            let enough = blocking || joins.config().is_there(join, reached);
            match decide(playlist, directives) {
                Reload::BadRequest(error) => {
                    return Err(ApiError::field("query", error.to_string(), ""));
                }
                reload @ (Reload::Full | Reload::Delta) if enough => {
                    if let Some(waiting) = waiting {
                        waiting.served();
                    }
                    let whole = last_asked_for(playlist, directives)
                        .filter(|_| listing == Listing::LowLatency)
                        .and_then(|last| stream.snapshot_up_to(track, last));
                    let answer = whole.transpose().map_err(internal)?.unwrap_or(snapshot);
                    return Ok((answer, blocking, reload == Reload::Delta));
                }
                Reload::Full | Reload::Delta | Reload::Wait => {}
            }
        } else if !stream.tracks().is_empty() {
            return Err(ApiError::NotFound(format!(
                "{} has no {}",
                stream.name(),
                track.name()
            )));
        }
        if !blocking && waiting.is_none() {
            waiting = Some(joins.wait());
        }
        if let Err(error) = wait(&mut changes, begun + patience).await {
            if let Some(waiting) = waiting {
                waiting.timed_out();
            }
            return Err(error);
        }
    }
}

fn patience(stream: &LiveStream) -> Duration {
    match stream.joins().config().policy {
        JoinPolicy::Off => Duration::ZERO,
        JoinPolicy::LowLatency | JoinPolicy::Wait => stream.joins().patience(),
    }
}

fn too_late() -> ApiError {
    ApiError::Unavailable("what was asked for took too long to come".into())
}

/// An answer to one terminal is no other's: a cache that gave it to another would have
/// that one wait for nothing, or not at all.
fn lifetime(seconds: u32, viewer: Option<Uuid>) -> HeaderValue {
    match viewer {
        Some(_) => cache_control::private_seconds(seconds),
        None => cache_control::seconds(seconds),
    }
}

/// The text, compressed for those who take it so: once for all of them.
pub(super) fn told(
    snapshot: &Snapshot,
    blocking: bool,
    delta: bool,
    viewer: Option<Uuid>,
    headers: &HeaderMap,
) -> Response {
    let text = if delta {
        snapshot.delta()
    } else if blocking {
        snapshot.following()
    } else {
        snapshot.text()
    };
    let lifetime = lifetime(lifetime_s(&snapshot.playlist, blocking), viewer);
    let gzip = takes_gzip(headers).then(|| text.gzip()).flatten();
    let headers = [
        (header::CONTENT_TYPE, CONTENT_TYPE),
        (header::CACHE_CONTROL, lifetime),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
    ];
    match gzip {
        Some(gzip) => {
            let encoding = [(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))];
            (headers, encoding, gzip).into_response()
        }
        None => (headers, text.plain()).into_response(),
    }
}

/// Whether a client says that it takes gzip (RFC 9110, 12.5.3).
pub(super) fn takes_gzip(headers: &HeaderMap) -> bool {
    let said = headers.get_all(header::ACCEPT_ENCODING).iter();
    let codings = said.filter_map(|value| value.to_str().ok());
    codings.flat_map(|value| value.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let never = weight
            .trim()
            .strip_prefix("q=")
            .is_some_and(|weight| weight.parse() == Ok(0.0_f32));
        name.trim().eq_ignore_ascii_case("gzip") && !never
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_read_only_where_it_is_one() {
        let id = Uuid::from_u128(7);
        for (query, read) in [
            (format!("viewer={id}"), Some(id)),
            (format!("a=1&viewer={id}&_HLS_msn=3"), Some(id)),
            ("viewer=7".to_owned(), None),
            ("viewer=".to_owned(), None),
            (format!("Viewer={id}"), None),
            (String::new(), None),
        ] {
            assert_eq!(viewer(&query), read, "{query}");
        }
    }

    #[test]
    fn a_redirect_keeps_what_else_was_asked_with() {
        let id = Uuid::from_u128(7);
        for (query, to) in [
            ("", format!("index.m3u8?viewer={id}")),
            ("viewer=x", format!("index.m3u8?viewer={id}")),
            (
                "a=%20&viewer=x&b",
                format!("index.m3u8?a=%20&b&viewer={id}"),
            ),
        ] {
            let answer = redirect("index.m3u8", query, id).expect("an answer");
            assert_eq!(answer.status(), StatusCode::FOUND);
            assert_eq!(answer.headers()[header::LOCATION], to, "{query}");
            assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
        }
    }

    #[test]
    fn gzip_is_for_those_who_say_that_they_take_it() {
        for (said, takes) in [
            ("gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("br, gzip; q=0", false),
            ("gzip;q=0.000", false),
            ("identity", false),
            ("", false),
        ] {
            let value = HeaderValue::from_static(said);
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, value)]);
            assert_eq!(takes_gzip(&headers), takes, "{said}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
