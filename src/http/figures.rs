//! Figures as Prometheus reads them: the text format of OpenMetrics.

use std::fmt;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::http::ApiError;
use crate::http::cache_control::NO_STORE;
use crate::http::error::internal;

const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// All of them, at one moment.
pub(super) fn told(figures: impl Collector) -> Result<Response, ApiError> {
    let mut registry = Registry::with_prefix("loomcast");
    registry.register_collector(Box::new(figures));
    let mut text = String::new();
    text::encode(&mut text, &registry).map_err(internal)?;
    let headers = [
        (header::CONTENT_TYPE, OPEN_METRICS),
        (header::CACHE_CONTROL, NO_STORE),
    ];
    Ok((headers, text).into_response())
}

pub(super) fn family<'a>(
    to: &'a mut DescriptorEncoder<'_>,
    name: &'a str,
    help: &'a str,
    kind: MetricType,
) -> Result<MetricEncoder<'a>, fmt::Error> {
    to.encode_descriptor(name, help, None, kind)
}

pub(super) fn gauge(to: &mut DescriptorEncoder, name: &str, help: &str, value: u64) -> fmt::Result {
    let encoder = family(to, name, help, MetricType::Gauge)?;
    ConstGauge::new(saturating(value)).encode(encoder)
}

pub(super) fn count_of(to: &mut MetricEncoder, labels: &[(&str, &str)], value: u64) -> fmt::Result {
    ConstCounter::new(value).encode(to.encode_family(&labels)?)
}

pub(super) fn gauge_of(to: &mut MetricEncoder, labels: &[(&str, &str)], value: u64) -> fmt::Result {
    ConstGauge::new(saturating(value)).encode(to.encode_family(&labels)?)
}

/// A part of a whole.
pub(super) fn part_of(to: &mut MetricEncoder, labels: &[(&str, &str)], value: f64) -> fmt::Result {
    ConstGauge::new(value).encode(to.encode_family(&labels)?)
}

/// Milliseconds, told in seconds.
pub(super) fn seconds_of(to: &mut MetricEncoder, labels: &[(&str, &str)], ms: u64) -> fmt::Result {
    ConstCounter::new(ms as f64 / 1000.0).encode(to.encode_family(&labels)?)
}

/// Gauges have a sign.
fn saturating(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
