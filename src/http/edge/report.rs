//! What an edge tells of itself.

use std::fmt;
use std::time::Instant;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use serde_json::{Map, Value, json};

use crate::cache::CacheStats;
use crate::edge::rooms::RoomsTotals;
use crate::edge::{Cause, Counts, Edge, Kind, Met, UpstreamReport};
use crate::http::ApiError;
use crate::http::cache_control::NO_STORE;
use crate::http::edge::rooms;
use crate::http::figures::{count_of, family, gauge, gauge_of, told};
use crate::http::offload::{Offload, OffloadFigures};
use crate::store::StoreStats;

/// `GET /healthz`: the process answers.
pub(super) async fn alive() -> &'static str {
    "ok"
}

/// `GET /readyz`: what it does not have, it could ask for now.
pub(super) async fn ready(State(edge): State<Edge>) -> Result<&'static str, ApiError> {
    match edge.has_upstream() {
        true => Ok("ok"),
        false => Err(ApiError::Unavailable("no upstream is well".into())),
    }
}

/// `GET /v1/edge`
pub(super) async fn show(State(edge): State<Edge>) -> Response {
    let figures = Figures::of(&edge);
    let counts = &figures.counts;
    let by_kind = |value: &dyn Fn(Kind) -> Value| {
        let named = Kind::ALL.map(|kind| (kind.as_str().to_owned(), value(kind)));
        Value::Object(Map::from_iter(named))
    };
    let requests =
        by_kind(&|kind| named(Met::ALL.map(Met::as_str), counts.requests[kind as usize]));
    let egress = by_kind(&|kind| counts.egress[kind as usize].into());
    let causes = Cause::ALL.map(Cause::as_str);
    let asked = by_kind(&|kind| named(causes, counts.upstream_requests[kind as usize]));
    let came = by_kind(&|kind| named(causes, counts.upstream_bytes[kind as usize]));
    let (requests_saved, bytes_saved) = counts.offload_per_mille();
    let ratio = |saved: Option<i64>| saved.map(|saved| saved as f64 / 1000.0);
    let upstreams = figures.upstreams.iter().map(|upstream| {
        json!({
            "url": upstream.url.as_ref(),
            "resting": upstream.resting,
            "failures_in_a_row": upstream.failures_in_a_row,
            "requests": upstream.requests,
            "failures": upstream.failures,
        })
    });
    let (cache, store) = (&figures.cache, &figures.store);
    let body = json!({
        "id": edge.id().as_str(),
        "upstreams": upstreams.collect::<Vec<_>>(),
        "requests": requests,
        "egress_bytes": egress,
        "upstream_requests": asked,
        "upstream_bytes": came,
        "unverified": counts.unverified,
        "looped": counts.looped,
        // 1 - upstream / clients
        "offload": {"requests": ratio(requests_saved), "bytes": ratio(bytes_saved)},
        "cache": {
            "memory_chunks": cache.memory_chunks,
            "memory_bytes": cache.memory_bytes,
            "disk_chunks": store.chunks,
            "disk_bytes": store.bytes,
            "disk_max_bytes": store.max_bytes,
            "in_flight": cache.in_flight,
            "playlists": figures.playlists.0,
            "playlist_bytes": figures.playlists.1,
        },
    });
    ([(header::CACHE_CONTROL, NO_STORE)], Json(body)).into_response()
}

/// `GET /metrics`
pub(super) async fn metrics(
    State(edge): State<Edge>,
    Extension(offload): Extension<Offload>,
) -> Result<Response, ApiError> {
    told(Figures {
        offload: OffloadFigures::of(&offload),
        ..Figures::of(&edge)
    })
}

fn named<const N: usize>(names: [&str; N], counts: [u64; N]) -> Value {
    let pairs = names.into_iter().zip(counts);
    Value::Object(Map::from_iter(
        pairs.map(|(name, count)| (name.to_owned(), count.into())),
    ))
}

/// Everything at one moment.
#[derive(Debug)]
struct Figures {
    counts: Counts,
    upstreams: Vec<UpstreamReport>,
    cache: CacheStats,
    store: StoreStats,
    playlists: (u64, u64),
    rooms: RoomsTotals,
    offload: Option<OffloadFigures>,
    followers: u64,
}

impl Figures {
    fn of(edge: &Edge) -> Self {
        let rooms = edge.rooms().totals();
        Self {
            counts: edge.counters().now().with_rooms(&rooms),
            upstreams: edge.upstream_report(),
            cache: edge.cache().stats(),
            store: edge.cache().store().stats(),
            playlists: edge.playlists(),
            rooms,
            followers: edge.followers().counts(Instant::now()).values().sum(),
            offload: None,
        }
    }
}

impl Collector for Figures {
    fn encode(&self, mut to: DescriptorEncoder) -> fmt::Result {
        let to = &mut to;
        let counts = &self.counts;
        let counter = MetricType::Counter;
        let help = "Requests of clients, by what was asked for and how that was met";
        let mut requests = family(to, "edge_requests", help, counter)?;
        for kind in Kind::ALL {
            for met in Met::ALL {
                let labels = [("kind", kind.as_str()), ("result", met.as_str())];
                let count = counts.requests[kind as usize][met as usize];
                count_of(&mut requests, &labels, count)?;
            }
        }
        let help = "Bytes of bodies sent to clients";
        let mut egress = family(to, "edge_egress_bytes", help, counter)?;
        for kind in Kind::ALL {
            let labels = [("kind", kind.as_str())];
            count_of(&mut egress, &labels, counts.egress[kind as usize])?;
        }
        for (name, help, table) in [
            (
                "edge_upstream_requests",
                "Requests to upstreams, by what was asked for and why",
                &counts.upstream_requests,
            ),
            (
                "edge_upstream_bytes",
                "Bytes of bodies that came from upstreams",
                &counts.upstream_bytes,
            ),
        ] {
            let mut counters = family(to, name, help, counter)?;
            for kind in Kind::ALL {
                for cause in Cause::ALL {
                    let labels = [("kind", kind.as_str()), ("cause", cause.as_str())];
                    count_of(&mut counters, &labels, table[kind as usize][cause as usize])?;
                }
            }
        }
        let help = "Answers of upstreams that did not verify";
        let mut unverified = family(to, "edge_unverified", help, counter)?;
        count_of(&mut unverified, &[], counts.unverified)?;
        let help = "Requests that went in a circle";
        let mut looped = family(to, "edge_looped", help, counter)?;
        count_of(&mut looped, &[], counts.looped)?;
        let help = "Whether an upstream may be asked";
        let mut well = family(to, "edge_upstream_up", help, MetricType::Gauge)?;
        for upstream in &self.upstreams {
            let labels = [("upstream", upstream.url.as_ref())];
            gauge_of(&mut well, &labels, u64::from(!upstream.resting))?;
        }
        let help = "Bytes of chunks, by where they are kept";
        let mut kept = family(to, "edge_stored_bytes", help, MetricType::Gauge)?;
        for (tier, bytes) in [
            ("memory", self.cache.memory_bytes),
            ("disk", self.store.bytes),
        ] {
            gauge_of(&mut kept, &[("tier", tier)], bytes)?;
        }
        gauge(
            to,
            "edge_in_flight",
            "Fragments that are being fetched",
            self.cache.in_flight,
        )?;
        gauge(
            to,
            "edge_playlist_bytes",
            "Memory that playlists take",
            self.playlists.1,
        )?;
        if let Some(offload) = &self.offload {
            offload.encode(to)?;
        }
        let help = "Players of HLS that follow live streams";
        gauge(to, "edge_hls_viewers", help, self.followers)?;
        rooms::encode(&self.rooms, to)
    }
}
