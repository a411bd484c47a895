//! Live rooms of an edge: streams pushed to viewers, and what is told of the rooms.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use serde_json::{Map, Value, json};

use crate::broadcast::{PushProtocol, check_name};
use crate::edge::Edge;
use crate::edge::rooms::{
    JoinError, JoinTimesReport, LiveRoomReport, RoomsTotals, Watcher, offload_per_mille,
};
use crate::http::ApiError;
use crate::http::cache_control::NO_STORE;
use crate::http::figures::{count_of, family, gauge, gauge_of};
use crate::http::push::named;
use crate::http::pushing::{NotBegun, Watching};
use crate::live::packet::Setup;
use crate::room::{Reason, Why};

/// `GET /live/{name}.flv`
pub(super) async fn flv(
    State(edge): State<Edge>,
    Path(file): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let name = named(&file)?;
    let (watching, setup) = watch(&edge, name, PushProtocol::HttpFlv, &headers).await?;
    Ok(watching.flv(&setup))
}

/// `GET /live/{name}/ws`
pub(super) async fn web_socket(
    State(edge): State<Edge>,
    Path(name): Path<String>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, ApiError> {
    let (watching, setup) = watch(&edge, &name, PushProtocol::WebSocket, &headers).await?;
    Ok(watching.web_socket(setup, upgrade))
}

/// A viewer in the room of stream `name`, as soon as it is known what its decoders are
/// set up with.
async fn watch(
    edge: &Edge,
    name: &str,
    protocol: PushProtocol,
    headers: &HeaderMap,
) -> Result<(Watching, Arc<Setup>), ApiError> {
    // No other can be a stream's, and rooms are not opened for whatever is asked.
    check_name(name).map_err(|error| ApiError::NotFound(error.to_string()))?;
    let trail = edge.id().follow(headers).map_err(|_| {
        edge.counters().looped();
        let message = "the request came through this edge before, or through too many";
        ApiError::Looped(message.into())
    })?;
    let refused = |error: JoinError| refused(name, error);
    let joined = edge.rooms().join(name, protocol, trail).map_err(refused)?;
    let Watcher {
        reader,
        viewer,
        seat,
    } = joined;
    let mut watching = Watching::new(reader, viewer, Some(seat));
    match watching.begin().await {
        Ok(setup) => Ok((watching, setup)),
        Err(NotBegun::Late) => Err(refused(JoinError::Silent)),
        Err(NotBegun::Over) => {
            let why = watching.seat().map_or(JoinError::Over, |seat| seat.ended());
            Err(refused(why))
        }
    }
}

fn refused(name: &str, error: JoinError) -> ApiError {
    let message = format!("the live stream {name:?}: {error}");
    match error {
        JoinError::Missing | JoinError::Over => ApiError::NotFound(message),
        JoinError::Unreachable => ApiError::BadGateway(message),
        JoinError::Silent | JoinError::TooManyRooms | JoinError::TooManyViewers => {
            ApiError::Unavailable(message)
        }
    }
}

/// `GET /v1/rooms`
pub(super) async fn list(State(edge): State<Edge>) -> Response {
    let followers = edge.followers().counts(Instant::now());
    let follow = |name: &str| followers.get(name).copied().unwrap_or(0);
    let reports = edge.rooms().report();
    let rooms = reports.iter().map(|report| {
        (
            report.name.as_str(),
            described(report, follow(&report.name)),
        )
    });
    let mut rooms: BTreeMap<&str, Value> = rooms.collect();
    for (name, count) in &followers {
        let room = rooms.entry(name);
        room.or_insert_with(|| followed(name, *count));
    }
    let totals = edge.rooms().totals();
    let body = json!({
        "rooms": rooms.into_values().collect::<Vec<_>>(),
        "viewers": totals.viewers as u64 + followers.values().sum::<u64>(),
        "joins": totals.joins,
        "opened": totals.opened,
        "closed": by_name(Why::ALL.map(Why::as_str), totals.closed),
        "upstream_requests": totals.upstream_requests,
        "upstream_bytes": totals.upstream_bytes,
        "egress_bytes": totals.egress_bytes,
        "offload": {"bytes": ratio(totals.upstream_bytes, totals.egress_bytes)},
        "known_missing": totals.known_missing,
        "handovers": handovers(totals.handovers),
        "first_frame_ms": times(totals.times),
        "held_bytes": totals.held_bytes,
    });
    ([(header::CACHE_CONTROL, NO_STORE)], Json(body)).into_response()
}

/// `GET /v1/rooms/{name}`
pub(super) async fn show(
    State(edge): State<Edge>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let followers = edge.followers().count(&name, Instant::now());
    let room = match (edge.rooms().room(&name), followers) {
        (Some(room), _) => described(&room, followers),
        (None, 0) => return Err(ApiError::NotFound(format!("there is no room {name:?}"))),
        (None, _) => followed(&name, followers),
    };
    let headers = [(header::CACHE_CONTROL, NO_STORE)];
    Ok((headers, Json(room)).into_response())
}

/// A stream that nobody is pushed: all who watch it are slaves of the fragment cache.
fn followed(name: &str, followers: u64) -> Value {
    json!({
        "name": name,
        "state": "segments",
        "masters": [],
        "slaves": followers,
        "viewers": viewers([0; PushProtocol::ALL.len()], followers),
    })
}

/// Viewers by how they watch.
fn viewers(pushed: [u64; PushProtocol::ALL.len()], followers: u64) -> Value {
    let mut viewers = by_name(PushProtocol::ALL.map(PushProtocol::as_str), pushed);
    viewers["hls"] = followers.into();
    viewers
}

fn described(report: &LiveRoomReport, followers: u64) -> Value {
    let room = &report.room;
    let masters = room.masters.iter().zip(&report.from);
    let masters = masters.map(|(master, from)| {
        json!({
            "role": master.role.as_str(),
            "viewer": master.viewer.map(|viewer| viewer.0),
            "state": master.flow.as_str(),
            "upstream": from.as_deref(),
        })
    });
    let audience = &report.audience;
    json!({
        "name": report.name,
        "generation": room.generation.0,
        "state": room.state.as_str(),
        "masters": masters.collect::<Vec<_>>(),
        "slaves": room.slaves as u64 + followers,
        "viewers": viewers(audience.there, followers),
        "viewers_ever": audience.ever.iter().sum::<u64>(),
        "upstream_bytes": report.upstream_bytes,
        "egress_bytes": audience.bytes,
        "offload": {"bytes": ratio(report.upstream_bytes, audience.bytes)},
        "skips": audience.skips,
        "cut_off": audience.cut_off,
        "handovers": handovers(room.handovers),
        "first_frame_ms": times(report.times),
        "held_bytes": report.held_bytes,
    })
}

/// How much of what viewers got cost nothing upstream, from 0 to 1.
fn ratio(upstream: u64, egress: u64) -> Option<f64> {
    offload_per_mille(upstream, egress).map(|saved| saved as f64 / 1000.0)
}

fn handovers(counts: [u64; Reason::HANDOVERS.len()]) -> Value {
    by_name(Reason::HANDOVERS.map(Reason::as_str), counts)
}

fn times(times: JoinTimesReport) -> Value {
    let ms = |us: u64| us as f64 / 1000.0;
    json!({
        "count": times.count,
        "p50": ms(times.p50_us),
        "p99": ms(times.p99_us),
        "max": ms(times.max_us),
    })
}

fn by_name<const N: usize>(names: [&str; N], counts: [u64; N]) -> Value {
    let pairs = names.into_iter().zip(counts);
    Value::Object(Map::from_iter(
        pairs.map(|(name, count)| (name.to_owned(), count.into())),
    ))
}

/// What Prometheus is told of rooms.
pub(super) fn encode(totals: &RoomsTotals, to: &mut DescriptorEncoder<'_>) -> std::fmt::Result {
    let counter = MetricType::Counter;
    for (name, help, count) in [
        (
            "edge_rooms_opened",
            "Live rooms that were opened",
            totals.opened,
        ),
        (
            "edge_room_joins",
            "Viewers who joined a live room",
            totals.joins,
        ),
        (
            "edge_room_upstream_requests",
            "Streams that live rooms asked for upstream",
            totals.upstream_requests,
        ),
        (
            "edge_room_upstream_bytes",
            "Bytes that came into live rooms from upstream",
            totals.upstream_bytes,
        ),
        (
            "edge_room_egress_bytes",
            "Bytes that viewers of live rooms were sent",
            totals.egress_bytes,
        ),
        (
            "edge_room_known_missing",
            "Viewers who were told that a stream is missing without asking upstream",
            totals.known_missing,
        ),
    ] {
        count_of(&mut family(to, name, help, counter)?, &[], count)?;
    }
    let help = "Hand-overs of live rooms to another stream from upstream, by reason";
    let mut handovers = family(to, "edge_room_handovers", help, counter)?;
    for (reason, count) in Reason::HANDOVERS.iter().zip(totals.handovers) {
        count_of(&mut handovers, &[("reason", reason.as_str())], count)?;
    }
    let help = "Live rooms that were closed, by reason";
    let mut closed = family(to, "edge_rooms_closed", help, counter)?;
    for (why, count) in Why::ALL.iter().zip(totals.closed) {
        count_of(&mut closed, &[("reason", why.as_str())], count)?;
    }
    for (name, help, value) in [
        ("edge_rooms", "Live rooms that are open", totals.rooms),
        ("edge_room_viewers", "Viewers in live rooms", totals.viewers),
        (
            "edge_room_upstreams",
            "Streams from upstream that live rooms have or have asked for",
            totals.upstreams,
        ),
        (
            "edge_room_held_bytes",
            "Bytes of media that live rooms hold",
            totals.held_bytes,
        ),
    ] {
        gauge(to, name, help, value as u64)?;
    }
    let help = "How long viewers of live rooms waited for their first frame, in microseconds";
    let mut waited = family(to, "edge_room_first_frame_us", help, MetricType::Gauge)?;
    for (quantile, value) in [
        ("0.5", totals.times.p50_us),
        ("0.99", totals.times.p99_us),
        ("1", totals.times.max_us),
    ] {
        gauge_of(&mut waited, &[("quantile", quantile)], value)?;
    }
    Ok(())
}
