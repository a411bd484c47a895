//! The API that clients of the Shotstack Edit API already speak, over the same
//! videos: their SDKs work with another base URL.
//!
//! The same routes under `/edit/v1`, `/edit/stage`, `/v1` and `/stage`. Where one of
//! them is also one of the native API, requests that carry an API key, as those of
//! such clients do, are answered here. Keys are not checked: put a proxy in front
//! that does.

mod envelope;
mod probe;
mod renders;
mod templates;

use std::sync::Arc;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::{get, post};

use crate::http::AppState;
use crate::http::templates as native;

/// Where the API is found.
const BASES: [&str; 4] = ["/edit/v1", "/edit/stage", "/v1", "/stage"];

/// All its routes.
pub(super) fn routes() -> Router<Arc<AppState>> {
    BASES.iter().fold(Router::new(), |router, base| {
        let at = |path: &str| format!("{base}{path}");
        let one = get(templates::show)
            .put(templates::replace)
            .delete(templates::remove);
        let all = get(templates::list).post(templates::create);
        let (one, all) = if *base == "/v1" {
            let one = get(templates::show_or_native)
                .put(templates::replace)
                .delete(templates::remove);
            let all = get(templates::list_or_native).post(templates::create);
            (one, all)
        } else {
            (one, all)
        };
        router
            .route(&at("/render"), post(renders::create))
            .route(&at("/render/{id}"), get(renders::show))
            .route(&at("/templates"), all)
            .route(&at("/templates/{id}"), one)
            .route(
                &at("/templates/render"),
                post(renders::create_from_template),
            )
            .route(&at("/probe/{url}"), get(probe::show))
    })
}

/// Whether a client of this API asks.
fn has_key(headers: &HeaderMap) -> bool {
    headers.contains_key("x-api-key")
}
