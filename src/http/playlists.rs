//! The playlists of a video: `live.m3u8`, growing, and `index.m3u8`, complete
//! at once; each with a playlist a track.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use tokio::time::timeout_at;

use crate::http::error::internal;
use crate::http::reload::{CONTENT_TYPE, MAX_BLOCK_TARGETS, lifetime_s};
use crate::http::videos::find;
use crate::http::{ApiError, AppState, cache_control, traffic_class};
use crate::partition::{PlacedChunk, TrackKind};
use crate::playlist::{DeliveryDirectives, MediaPlaylist, Reload, TagError, Uri, decide};
use crate::publish::live::{for_player_at, snapshot};
use crate::publish::playlists::{self, PlaylistError};
use crate::publish::timing::TrackTiming;
use crate::publish::{Video, VideoStatus};

/// How long the first request for a growing playlist waits for its segments.
const FIRST_SEGMENT_WAIT: Duration = Duration::from_secs(20);

/// `GET /v1/videos/{id}/live.m3u8` and `index.m3u8`
pub(super) async fn multivariant(
    State(state): State<Arc<AppState>>,
    Path((id, file)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let video = find(&state, &id)?;
    let folder = match file.as_str() {
        "live.m3u8" => "live",
        "index.m3u8" => "index",
        _ => {
            return Err(ApiError::NotFound(format!(
                "no playlist {file:?}: expected live.m3u8 or index.m3u8"
            )));
        }
    };
    let text = multivariant_text(&video, folder).map_err(internal)?;
    let own = [
        (header::CONTENT_TYPE, CONTENT_TYPE),
        (header::CACHE_CONTROL, cache_control::VOD_PLAYLIST),
    ];
    let answer = (own, text).into_response();
    Ok(traffic_class::told(&headers, &video.traffic, answer))
}

fn multivariant_text(video: &Video, folder: &str) -> Result<String, PlaylistError> {
    let tracks = video.kinds().filter_map(|kind| {
        let track = video.init(kind)?.track.clone();
        let uri = Uri::new(format!("{folder}/{kind}.m3u8"));
        Some(uri.map(|uri| (kind, track, uri)))
    });
    let tracks = tracks.collect::<Result<Vec<_>, _>>()?;
    Ok(playlists::multivariant(&video.plan, tracks)?.to_text())
}

/// `GET /v1/videos/{id}/{live|index}/{track}.m3u8`
pub(super) async fn media(
    State(state): State<Arc<AppState>>,
    Path((id, folder, file)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let video = find(&state, &id)?;
    let name = file.strip_suffix(".m3u8");
    let kind = name.and_then(|name| name.parse::<TrackKind>().ok());
    let kind = kind.filter(|kind| video.init(*kind).is_some());
    let kind =
        kind.ok_or_else(|| ApiError::NotFound(format!("this video has no playlist {file:?}")))?;
    let answer = match folder.as_str() {
        "index" => {
            video.watched();
            vod(&video, kind)
        }
        "live" => live(&video, kind, &query.unwrap_or_default(), least(&headers)).await,
        _ => Err(ApiError::NotFound(format!(
            "no playlists {folder:?}: expected live or index"
        ))),
    };
    Ok(traffic_class::told(&headers, &video.traffic, answer?))
}

fn vod(video: &Video, kind: TrackKind) -> Result<Response, ApiError> {
    let timing = TrackTiming::of(&video.plan, kind);
    let segment = |_: usize, chunk: &PlacedChunk| timing.segment_uri(chunk);
    let playlist = map(video, kind)
        .and_then(|map| {
            playlists::vod(
                video.chunks(kind),
                timing.clock,
                video.targets,
                map,
                segment,
            )
        })
        .map_err(internal)?;
    let headers = [
        (header::CONTENT_TYPE, CONTENT_TYPE),
        (header::CACHE_CONTROL, cache_control::VOD_PLAYLIST),
    ];
    Ok((headers, playlist.to_text()).into_response())
}

/// How many segments the player wants to see in its first playlist.
///
/// GStreamer's hlsdemux2 1.22, when it reads a playlist again, looks for the
/// segments that it knows from the last down to the second: with one alone it
/// finds none, takes the stream for another one and starts over.
fn least(headers: &HeaderMap) -> usize {
    let agent = headers.get(header::USER_AGENT).map(HeaderValue::as_bytes);
    match agent {
        Some(agent) if agent.starts_with(b"GStreamer") => 2,
        _ => 1,
    }
}

/// Answers at once, or when what was asked for is there. A plain request waits
/// for the first segments: players want some.
async fn live(
    video: &Arc<Video>,
    kind: TrackKind,
    query: &str,
    least: usize,
) -> Result<Response, ApiError> {
    let directives = DeliveryDirectives::parse(query)
        .map_err(|error| ApiError::field("query", error.to_string(), ""))?;
    let blocking = directives.msn.is_some();
    let patience = if blocking {
        Duration::from_secs(u64::from(MAX_BLOCK_TARGETS * video.targets.segment_s))
    } else {
        FIRST_SEGMENT_WAIT
    };
    let deadline = tokio::time::Instant::now() + patience;
    let mut changes = video.changes();
    loop {
        changes.mark_unchanged();
        let playlist = now(video, kind).map_err(internal)?;
        if !playlist.ended {
            // Wants what comes next; and still does when it waits for long.
            video.watched_at((kind, playlist.segments.len()));
        }
        let early = playlist.segments.len() < least && !playlist.ended;
        let playlist = match directives.msn {
            Some(msn) if kind != TrackKind::Audio => for_player_at(playlist, msn),
            _ => playlist,
        };
        if let Some(answer) = answered(&playlist, directives, early)? {
            return Ok(answer);
        }
        if playlist.ended && playlist.segments.is_empty() && video.status() == VideoStatus::Failed {
            return Err(ApiError::Internal(
                "the first chunk could not be rendered".into(),
            ));
        }
        if timeout_at(deadline, changes.changed()).await.is_err() {
            return Err(ApiError::Unavailable(
                "what was asked for took too long to come".into(),
            ));
        }
    }
}

/// What a snapshot answers to `directives`; `None` where a later one is to be waited
/// for, as with any that comes too `early` for players.
fn answered(
    playlist: &MediaPlaylist,
    directives: DeliveryDirectives,
    early: bool,
) -> Result<Option<Response>, ApiError> {
    let blocking = directives.msn.is_some();
    match decide(playlist, directives) {
        Reload::BadRequest(error) => Err(ApiError::field("query", error.to_string(), "")),
        Reload::Full if !early => Ok(Some(answer(playlist, blocking))),
        Reload::Delta if !early => {
            let delta = playlist.delta();
            Ok(Some(answer(delta.as_ref().unwrap_or(playlist), blocking)))
        }
        Reload::Full | Reload::Delta | Reload::Wait => Ok(None),
    }
}

fn answer(playlist: &MediaPlaylist, blocking: bool) -> Response {
    let lifetime = lifetime_s(playlist, blocking);
    let headers = [
        (header::CONTENT_TYPE, CONTENT_TYPE),
        (header::CACHE_CONTROL, cache_control::seconds(lifetime)),
    ];
    (headers, playlist.to_text()).into_response()
}

fn now(video: &Video, kind: TrackKind) -> Result<MediaPlaylist, TagError> {
    snapshot(
        video.chunks(kind),
        &video.states(kind),
        video.reached_elsewhere(kind),
        TrackTiming::of(&video.plan, kind),
        video.targets,
        map(video, kind)?,
    )
}

fn map(video: &Video, kind: TrackKind) -> Result<Uri, TagError> {
    let name = video
        .init(kind)
        .map(|init| init.name.to_string())
        .unwrap_or_default();
    Uri::new(format!("/i/{name}.mp4"))
}
