//! What Prometheus asks: the figures of the cache, the store, the render threads and
//! the live streams, in the text format of OpenMetrics.

use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

use crate::broadcast::{AudienceReport, JoinsReport, StreamReport};
use crate::cache::CacheStats;
use crate::http::connections::Connections;
use crate::http::figures::{count_of, family, gauge, gauge_of, told};
use crate::http::live::by_protocol;
use crate::http::offload::OffloadFigures;
use crate::http::{ApiError, AppState};
use crate::store::StoreStats;

/// `GET /metrics`
pub(super) async fn show(State(state): State<Arc<AppState>>) -> Result<Response, ApiError> {
    let delivery = state.publisher.delivery();
    let streams = state.hub.streams();
    let streams = streams.iter().map(|stream| Stream {
        name: stream.name().to_owned(),
        report: stream.report(),
        audience: stream.audience().report(),
        joins: stream.joins().report(),
        gop_bytes: stream.feed().bytes() as u64,
    });
    let figures = Figures {
        cache: delivery.cache().stats(),
        store: delivery.cache().store().stats(),
        render: delivery.pool().load(),
        connections: state.connections.clone(),
        streams: streams.collect(),
        offload: OffloadFigures::of(&state.offload),
    };
    told(figures)
}

/// Everything at one moment.
#[derive(Debug)]
struct Figures {
    cache: CacheStats,
    store: StoreStats,
    /// Chunks that wait, threads that render, threads.
    render: (usize, usize, usize),
    connections: Connections,
    streams: Vec<Stream>,
    offload: Option<OffloadFigures>,
}

#[derive(Debug)]
struct Stream {
    name: String,
    report: StreamReport,
    audience: AudienceReport,
    joins: JoinsReport,
    gop_bytes: u64,
}

impl Collector for Figures {
    fn encode(&self, mut to: DescriptorEncoder) -> fmt::Result {
        self.cache(&mut to)?;
        self.store(&mut to)?;
        if let Some(offload) = &self.offload {
            offload.encode(&mut to)?;
        }
        let (queued, busy, threads) = self.render;
        let to = &mut to;
        gauge(
            to,
            "render_queued",
            "Chunks that wait to be rendered",
            queued as u64,
        )?;
        gauge(to, "render_busy", "Threads that render", busy as u64)?;
        gauge(
            to,
            "render_threads",
            "Threads that may render",
            threads as u64,
        )?;
        self.connections(to)?;
        self.live(to)
    }
}

impl Figures {
    fn cache(&self, to: &mut DescriptorEncoder) -> fmt::Result {
        let cache = &self.cache;
        let mut requests = family(
            to,
            "cache_lookups",
            "Looks into the cache, of requests and of what is fetched ahead, by what they came to",
            MetricType::Counter,
        )?;
        for (result, count) in [
            ("memory", cache.hits_memory),
            ("disk", cache.hits_disk),
            ("coalesced", cache.coalesced),
            ("miss", cache.misses),
            ("failed", cache.failed_fills),
        ] {
            count_of(&mut requests, &[("result", result)], count)?;
        }
        gauge(
            to,
            "cache_in_flight",
            "Fragments that are being made",
            cache.in_flight,
        )?;
        gauge(
            to,
            "cache_memory_bytes",
            "Bytes of chunks in memory",
            cache.memory_bytes,
        )?;
        gauge(
            to,
            "cache_backlog_bytes",
            "Bytes that wait to be written",
            cache.backlog_bytes,
        )
    }

    fn store(&self, to: &mut DescriptorEncoder) -> fmt::Result {
        let store = &self.store;
        gauge(to, "store_chunks", "Chunks on disk", store.chunks)?;
        gauge(to, "store_bytes", "Bytes of chunks on disk", store.bytes)?;
        gauge(
            to,
            "store_max_bytes",
            "Bytes that chunks may take on disk",
            store.max_bytes,
        )?;
        let mut lost = family(
            to,
            "store_removed",
            "Chunks that left the store, by why",
            MetricType::Counter,
        )?;
        for (reason, count) in [
            ("evicted", store.evicted),
            ("corrupt", store.corrupt),
            ("lost", store.lost),
        ] {
            count_of(&mut lost, &[("reason", reason)], count)?;
        }
        Ok(())
    }

    fn connections(&self, to: &mut DescriptorEncoder) -> fmt::Result {
        let connections = &self.connections;
        gauge(
            to,
            "http_connections",
            "Connections of clients by HTTP",
            connections.there(),
        )?;
        let mut refused = family(
            to,
            "http_connections_refused",
            "Connections by HTTP that were one too many",
            MetricType::Counter,
        )?;
        count_of(&mut refused, &[], connections.refused())
    }

    fn live(&self, to: &mut DescriptorEncoder) -> fmt::Result {
        let streams = &self.streams;
        let mut by_status = family(
            to,
            "live_streams",
            "Live streams, by how they are",
            MetricType::Gauge,
        )?;
        for status in ["live", "away", "ended"] {
            let there = streams
                .iter()
                .filter(|stream| stream.report.status.as_str() == status);
            gauge_of(&mut by_status, &[("status", status)], there.count() as u64)?;
        }
        type Value = fn(&Stream) -> u64;
        let counters: [(&str, &str, Value); 7] = [
            ("live_received_bytes", "Bytes of media that came in", |s| {
                s.report.bytes_in
            }),
            (
                "live_pushed_bytes",
                "Bytes that were pushed to viewers",
                |s| s.audience.bytes,
            ),
            (
                "live_viewer_skips",
                "Times that viewers were too slow and went on at a key frame",
                |s| s.audience.skips,
            ),
            (
                "live_viewers_cut_off",
                "Viewers that were too slow too often",
                |s| s.audience.cut_off,
            ),
            (
                "live_join_waits",
                "Waits that terminals shared when they joined",
                |s| s.joins.waits,
            ),
            (
                "live_joins_served",
                "Terminals that waited when they joined, and were served",
                |s| s.joins.served,
            ),
            (
                "live_joins_timed_out",
                "Terminals that waited too long when they joined",
                |s| s.joins.timed_out,
            ),
        ];
        for (name, help, value) in counters {
            let mut counter = family(to, name, help, MetricType::Counter)?;
            for stream in streams {
                count_of(&mut counter, &[("stream", &stream.name)], value(stream))?;
            }
        }
        let gauges: [(&str, &str, Value); 4] = [
            (
                "live_bits_per_second",
                "How much of a stream comes in",
                |s| s.report.rates.bits_per_second,
            ),
            (
                "live_pictures_per_kilosecond",
                "Pictures of a stream in a thousand seconds",
                |s| s.report.rates.pictures_per_kilosecond,
            ),
            (
                "live_key_interval_milliseconds",
                "Between the last two key frames",
                |s| s.report.rates.key_interval_ms.unwrap_or(0),
            ),
            (
                "live_gop_bytes",
                "Bytes of media that are kept for those who are pushed a stream",
                |s| s.gop_bytes,
            ),
        ];
        for (name, help, value) in gauges {
            let mut gauge = family(to, name, help, MetricType::Gauge)?;
            for stream in streams {
                gauge_of(&mut gauge, &[("stream", &stream.name)], value(stream))?;
            }
        }
        let mut viewers = family(
            to,
            "live_viewers",
            "Viewers of a stream, by protocol",
            MetricType::Gauge,
        )?;
        for stream in streams {
            let AudienceReport { there, players, .. } = stream.audience;
            for (protocol, count) in by_protocol(there, players) {
                let labels = [("stream", stream.name.as_str()), ("protocol", protocol)];
                gauge_of(&mut viewers, &labels, count)?;
            }
        }
        Ok(())
    }
}
