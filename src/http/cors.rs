//! Pages of other origins: players live on them.

use axum::http::{HeaderName, Method};
use tower_http::cors::{Any, CorsLayer};

/// The header that keys come in.
pub const KEY_HEADER: &str = "x-api-key";

/// What pages of other origins may do and see.
pub(super) fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::DELETE,
        ])
        .allow_headers([
            HeaderName::from_static("content-type"),
            HeaderName::from_static("range"),
            HeaderName::from_static(KEY_HEADER),
        ])
        .expose_headers([
            // By which players tell how old a playlist is that a cache gives them.
            HeaderName::from_static("age"),
            HeaderName::from_static("cache-status"),
            HeaderName::from_static("content-length"),
            HeaderName::from_static("content-range"),
            HeaderName::from_static("etag"),
            HeaderName::from_static("retry-after"),
        ])
}
