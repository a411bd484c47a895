//! A channel as one of its viewers sees it: the playlists of its stream with their own
//! segments in it, and those.
//!
//! Whoever knows the address of a viewer may watch; nobody can guess it.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use tokio::time::Instant;

use crate::broadcast::{LiveStream, Snapshot, Sought};
use crate::casting::Watched;
use crate::cmaf::{Retimed, placed};
use crate::http::error::internal;
use crate::http::join::{Asked, media, multivariant, told};
use crate::http::live::{
    JOIN_DEADLINE, find_epoch, fixed, never_came, parse_segment, track_named, wait, within,
};
use crate::http::pieces::Pieces;
use crate::http::sources::watched;
use crate::http::watcher::Watcher;
use crate::http::{ApiError, AppState, OnAir};
use crate::live::window::Listing;

/// `GET /live/{name}/for/{id}/index.m3u8`, `video.m3u8`, `audio.m3u8`
pub(super) async fn playlist(
    State(state): State<Arc<AppState>>,
    State(on_air): State<OnAir>,
    Path((name, viewer, file)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let known = state.channels.known_viewer(&name, &viewer)?;
    let stream = watched(&on_air, &name).await?;
    if file == "index.m3u8" {
        // Its addresses are relative, so they stay beside this one.
        let answer = multivariant(&stream, None).await?;
        // What they ask for next is made ready meanwhile.
        state.channels.watch(&known, stream).await?;
        return Ok(answer);
    }
    let track = file.strip_suffix(".m3u8").and_then(track_named);
    let track = track.ok_or_else(|| {
        ApiError::NotFound(format!(
            "no playlist {file:?}: expected index.m3u8, or one that it lists"
        ))
    })?;
    let watched = state.channels.watch(&known, stream).await?;
    let stream: &LiveStream = watched.stream();
    let asked = Asked {
        listing: Listing::LowLatency,
        query: query.unwrap_or_default(),
        watcher: Watcher::called(&viewer),
        headers,
    };
    let (snapshot, blocking, delta) = media(stream, track, &asked, None).await?;
    let playlist = watched.playlist(track, &snapshot.playlist);
    let snapshot = Snapshot::new(playlist.map_err(internal)?);
    Ok(told(&snapshot, blocking, delta, None, &asked.headers))
}

/// `GET /live/{name}/for/{id}/{epoch}/{track}/{number}.m4s`, or `{number}.{part}.m4s`
pub(super) async fn segment(
    State(state): State<Arc<AppState>>,
    State(on_air): State<OnAir>,
    Path((name, viewer, epoch, track, file)): Path<(String, String, String, String, String)>,
) -> Result<Response, ApiError> {
    let known = state.channels.known_viewer(&name, &viewer)?;
    let stream = find_epoch(&on_air, &name, &epoch)?;
    let unknown = || ApiError::NotFound(format!("no segment {track}/{file}"));
    let kind = track_named(&track).ok_or_else(unknown)?;
    let (number, part) = parse_segment(&file).ok_or_else(unknown)?;
    let never = |error| never_came(error, unknown);
    let deadline = Instant::now() + JOIN_DEADLINE;
    let mut changes = stream.changes();
    // It is there when that of all viewers is.
    let (of_all, place) = loop {
        changes.mark_unchanged();
        match stream.segment(kind, number).await.map_err(internal)? {
            Sought::There(fragment, place) => break (fragment, place),
            Sought::Next if part == Some(0) => wait(&mut changes, deadline).await?,
            Sought::Next | Sought::Announced | Sought::Unknown => return Err(unknown()),
        }
    };
    match part {
        Some(part) => {
            let there = within(deadline, of_all.part(part)).await?;
            there.map_err(never)?.ok_or_else(unknown)?;
        }
        None => drop(within(deadline, of_all.finished()).await?.map_err(never)?),
    }
    let target = state.hub.part_target();
    let watched: Arc<Watched> = state.channels.watch(&known, Arc::clone(&stream)).await?;
    let parts = within(deadline, watched.parts(kind, number, target)).await??;
    let parts = parts.ok_or_else(unknown)?;
    let wanted = match part {
        Some(part) => parts.get(part..=part).ok_or_else(unknown)?,
        None => &parts[..],
    };
    let mut pieces = Vec::with_capacity(2 * wanted.len());
    for part in wanted {
        let Retimed { head, tail } = placed(&part.data, place.decode_time).map_err(internal)?;
        pieces.extend([head, tail]);
    }
    Ok((fixed(), Pieces::body(pieces)).into_response())
}
