//! Live streams for players: init segments, segments and parts, and what there is to
//! tell of a stream.
//!
//! Playlists ([`super::join`]) are asked for by the stream's name; what they list has the stream's
//! epoch in its address, so that a stream of the same name never has the same
//! addresses. Nothing of a segment or part is sent before all of it is there
//! (rfc8216bis, 6.2.6).

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use crate::broadcast::{
    AudienceReport, Connection, Hub, JoinsReport, LadderReport, LiveStream, Offer, PushProtocol,
    Sought, now,
};
use crate::cache::FillError;
use crate::cmaf::{Retimed, codec_string, placed};
use crate::http::cache_control::IMMUTABLE;
use crate::http::cache_status::Met;
use crate::http::error::internal;
use crate::http::pieces::Pieces;
use crate::http::{ApiError, OnAir, lhls, sources};
use crate::live::LiveTrack;
use crate::live::ladder::RungSize;
use crate::live::presence::{PlaylistProtocol, Watchers};
use crate::live::window::LEGACY_SUFFIX;

/// How long the first requests of all wait for a stream's first segment.
pub(super) const JOIN_DEADLINE: Duration = Duration::from_secs(10);

pub(super) const MEDIA: HeaderValue = HeaderValue::from_static("video/mp4");

/// `GET /live/{name}/{epoch}/{track}.{number}.mp4`
pub(super) async fn init(
    State(state): State<OnAir>,
    Path((name, epoch, file)): Path<(String, String, String)>,
) -> Result<Response, ApiError> {
    let stream = find_epoch(&state, &name, &epoch)?;
    let parsed = || {
        let (track, number) = file.strip_suffix(".mp4")?.split_once('.')?;
        Some((track_named(track)?, number.parse::<usize>().ok()?))
    };
    let init = parsed().and_then(|(track, number)| stream.init(track, number));
    let init = init.ok_or_else(|| ApiError::NotFound(format!("no init segment {file:?}")))?;
    Ok(Met::hit("live").mark((fixed(), init).into_response()))
}

/// `GET /live/{name}/{epoch}/{track}/{number}.m4s`, or `{number}.{part}.m4s`, or
/// `{number}.lhls.m4s`
pub(super) async fn segment(
    State(state): State<OnAir>,
    Path((name, epoch, track, file)): Path<(String, String, String, String)>,
) -> Result<Response, ApiError> {
    let stream = find_epoch(&state, &name, &epoch)?;
    let unknown = || ApiError::NotFound(format!("no segment {track}/{file}"));
    let kind = track_named(&track).ok_or_else(unknown)?;
    if let Some(number) = file.strip_suffix(LEGACY_SUFFIX) {
        let number = number.parse().map_err(|_| unknown())?;
        return lhls::segment(stream, kind, number).await;
    }
    let (number, part) = parse_segment(&file).ok_or_else(unknown)?;
    let deadline = Instant::now() + JOIN_DEADLINE;
    let mut changes = stream.changes();
    let (fragment, place) = loop {
        changes.mark_unchanged();
        match stream.segment(kind, number).await.map_err(internal)? {
            Sought::There(fragment, place) => break (fragment, place),
            // What was hinted at is waited for; what was never announced is not there.
            Sought::Next if part == Some(0) => wait(&mut changes, deadline).await?,
            Sought::Next | Sought::Announced | Sought::Unknown => return Err(unknown()),
        }
    };
    let met = Met::following(&fragment);
    let never = |error| never_came(error, unknown);
    let at_its_time = |data| placed(data, place.decode_time).map_err(internal);
    let pieces = match part {
        Some(part) => {
            let part = within(deadline, fragment.part(part))
                .await?
                .map_err(never)?;
            let Retimed { head, tail } = at_its_time(&part.ok_or_else(unknown)?.data)?;
            vec![head, tail]
        }
        None => {
            let chunk = within(deadline, fragment.finished())
                .await?
                .map_err(never)?;
            let mut pieces = Vec::with_capacity(2 * chunk.parts.len());
            for part in &chunk.parts {
                let Retimed { head, tail } = at_its_time(&part.data)?;
                pieces.extend([head, tail]);
            }
            pieces
        }
    };
    Ok(met.mark((fixed(), Pieces::body(pieces)).into_response()))
}

/// `GET /v1/live`
pub(super) async fn list(State(state): State<OnAir>) -> Json<Value> {
    let there = state.hub.streams();
    let mut streams: Vec<_> = there.iter().map(|stream| report(stream)).collect();
    // Those that are pulled, and that nobody watches.
    let idle = state.pulls.sources().into_iter();
    let idle = idle.filter(|(name, _)| !there.iter().any(|stream| stream.name() == name));
    streams.extend(idle.map(|(name, source)| sources::idle(&name, &source)));
    Json(json!({"now_unix_ms": now().0, "streams": streams}))
}

/// `GET /v1/live/{name}`
pub(super) async fn show(
    State(state): State<OnAir>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let mut report = match (state.hub.stream(&name), state.pulls.source(&name)) {
        (None, Some(source)) => sources::idle(&name, &source),
        _ => report(&*find(&state.hub, &name)?),
    };
    report["now_unix_ms"] = json!(now().0);
    Ok(Json(report))
}

/// `DELETE /v1/live/{name}`: ends the stream, sends its publisher away and forgets it.
pub(super) async fn delete(
    State(state): State<OnAir>,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    if state.hub.is_reserved(&name) {
        return Err(ApiError::Conflict(format!(
            "{name:?} is a channel: it ends with DELETE /v1/channels/{name}"
        )));
    }
    // First its source, or who watches would have it pulled again.
    let source = sources::forget(&state, &name).await?;
    match state.hub.delete(&name) || source {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::NotFound(format!("no live stream {name:?}"))),
    }
}

fn report(stream: &LiveStream) -> Value {
    let told = stream.report();
    let connection = |known: Connection| {
        json!({
            "index": known.index,
            "role": known.role.as_str(),
            "door": known.door.as_str(),
            "peer": known.peer.map(|peer| peer.to_string()),
        })
    };
    let connections = stream.connections().all().into_iter().map(connection);
    let track = |(offer, current): &(Offer, u64)| {
        json!({
            "track": offer.kind.name(),
            "codec": codec_string(&offer.track).ok(),
            "current_segment": current,
            "bandwidth": offer.rates.map(|rates| rates.peak),
            "average_bandwidth": offer.rates.map(|rates| rates.average),
        })
    };
    json!({
        "name": stream.name(),
        "type": stream.stream_type().as_str(),
        "status": told.status.as_str(),
        "identity": told.identity,
        "address": told.address,
        "since_unix_ms": told.since.0,
        "bytes_in": told.bytes_in,
        "bits_per_second": told.rates.bits_per_second,
        "pictures_per_second": told.rates.pictures_per_kilosecond as f64 / 1000.0,
        "key_interval_ms": told.rates.key_interval_ms,
        "other_sound": told.other_sound.map(|other| json!({
            "codec": other.codec.as_str(),
            "turned": other.turned,
            "lost": other.lost,
        })),
        "ladder": ladder(&told.ladder),
        "tracks": told.tracks.iter().map(track).collect::<Vec<_>>(),
        "joins": joins(&stream.joins().report()),
        "connections": connections.collect::<Vec<_>>(),
        "gop_bytes": stream.feed().bytes(),
        "audience": audience(&stream.audience().report()),
        "urls": sources::urls(stream.name()),
    })
}

/// Of the smaller sizes.
fn ladder(told: &LadderReport) -> Value {
    let rung = |(size, missing): &(RungSize, u64)| {
        json!({
            "track": size.track.name(),
            "width": size.width,
            "height": size.height,
            "kilobits": size.kilobits,
            "missing_segments": missing,
        })
    };
    json!({
        "decoders": told.decoders,
        "rungs": told.rungs.iter().map(rung).collect::<Vec<_>>(),
    })
}

/// Of those who waited for something to begin with.
fn joins(told: &JoinsReport) -> Value {
    json!({
        "waiting": told.waiting,
        "served": told.served,
        "timed_out": told.timed_out,
        "waits": told.waits,
    })
}

/// Of those who watch.
fn audience(told: &AudienceReport) -> Value {
    let counts = |pushed: [u64; PushProtocol::ALL.len()], players: Watchers| {
        by_protocol(pushed, players)
            .map(|(protocol, count)| (protocol.to_owned(), count.into()))
            .collect::<serde_json::Map<_, _>>()
    };
    json!({
        "now": counts(told.there, told.players),
        "ever": counts(told.ever, told.players_ever),
        "bytes_out": told.bytes,
        "skips": told.skips,
        "cut_off": told.cut_off,
    })
}

/// Viewers with the names of their protocols.
pub(super) fn by_protocol(
    pushed: [u64; PushProtocol::ALL.len()],
    players: Watchers,
) -> impl Iterator<Item = (&'static str, u64)> {
    let pushed = PushProtocol::ALL.iter().zip(pushed);
    let players = PlaylistProtocol::ALL.iter().zip(players);
    pushed
        .map(|(protocol, count)| (protocol.as_str(), count))
        .chain(players.map(|(protocol, count)| (protocol.as_str(), count)))
}

pub(super) fn find(hub: &Hub, name: &str) -> Result<Arc<LiveStream>, ApiError> {
    let stream = hub.stream(name);
    stream.ok_or_else(|| ApiError::NotFound(format!("no live stream {name:?}")))
}

pub(super) fn find_epoch(
    state: &OnAir,
    name: &str,
    epoch: &str,
) -> Result<Arc<LiveStream>, ApiError> {
    // Who loads its segments still wants a stream that is pulled, or a channel.
    drop(state.pulls.demand(name));
    drop(state.hub.demand(name));
    let stream = find(&state.hub, name)?;
    match stream.epoch() == epoch {
        true => Ok(stream),
        false => Err(ApiError::NotFound(format!(
            "the live stream {name:?} of that time is over"
        ))),
    }
}

/// Why a segment that had begun has not what was asked for: its stream was over before
/// that came, or something is wrong.
pub(super) fn never_came(error: FillError, unknown: impl FnOnce() -> ApiError) -> ApiError {
    match error {
        FillError::SourceGone | FillError::SourceDied(_) | FillError::Empty => unknown(),
        error => internal(error),
    }
}

pub(super) fn track_named(name: &str) -> Option<LiveTrack> {
    LiveTrack::named(name)
}

/// `{number}.m4s` or `{number}.{part}.m4s`
pub(super) fn parse_segment(file: &str) -> Option<(u64, Option<usize>)> {
    let name = file.strip_suffix(".m4s")?;
    match name.split_once('.') {
        None => Some((name.parse().ok()?, None)),
        Some((number, part)) => Some((number.parse().ok()?, Some(part.parse().ok()?))),
    }
}

pub(super) async fn wait(
    changes: &mut tokio::sync::watch::Receiver<u64>,
    deadline: Instant,
) -> Result<(), ApiError> {
    drop(within(deadline, changes.changed()).await?);
    Ok(())
}

pub(super) async fn within<T>(
    deadline: Instant,
    waited: impl Future<Output = T>,
) -> Result<T, ApiError> {
    let waited = timeout_at(deadline, waited).await;
    waited.map_err(|_| ApiError::Unavailable("what was asked for took too long to come".into()))
}

/// Headers of what never changes.
pub(super) fn fixed() -> [(header::HeaderName, HeaderValue); 2] {
    [
        (header::CONTENT_TYPE, MEDIA),
        (header::CACHE_CONTROL, IMMUTABLE),
    ]
}
