//! The native API, described for machines.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};

use crate::http::cache_control::REVALIDATE;

const DESCRIPTION: &str = include_str!("../../assets/api/openapi.json");

/// `GET /openapi.json`
pub(super) async fn show() -> Response {
    let json = HeaderValue::from_static("application/json");
    let headers = [
        (header::CONTENT_TYPE, json),
        (header::CACHE_CONTROL, REVALIDATE),
    ];
    (headers, DESCRIPTION).into_response()
}
