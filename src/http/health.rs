//! What operators and load balancers ask.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{Method, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::http::cache_control::NO_STORE;
use crate::http::{ApiError, AppState, edit_api};

/// `GET /healthz`: the process answers.
pub(super) async fn alive() -> &'static str {
    "ok"
}

/// `GET /readyz`: it could take work now.
pub(super) async fn ready(State(state): State<Arc<AppState>>) -> Result<&'static str, ApiError> {
    let (queued, _, _) = state.publisher.delivery().pool().load();
    if queued >= crate::render::MAX_WAITING {
        return Err(ApiError::Unavailable(format!(
            "{queued} chunks wait to be rendered"
        )));
    }
    Ok("ok")
}

/// `GET /v1/stats`
pub(super) async fn stats(State(state): State<Arc<AppState>>) -> Response {
    let delivery = state.publisher.delivery();
    let (queued, busy, threads) = delivery.pool().load();
    let store = delivery.cache().store().stats();
    let cache = delivery.cache().stats();
    let body = json!({
        "store": {
            "chunks": store.chunks,
            "bytes": store.bytes,
            "disk_bytes": store.disk_bytes,
            "max_bytes": store.max_bytes,
            "evicted": store.evicted,
            "refused": store.refused,
            "corrupt": store.corrupt,
            "lost": store.lost,
        },
        "render": {"threads": threads, "busy": busy, "queued": queued},
        "cache": {
            "hits": cache.hits_memory + cache.hits_disk,
            "hits_memory": cache.hits_memory,
            "hits_disk": cache.hits_disk,
            "misses": cache.misses,
            "coalesced": cache.coalesced,
            "purged": cache.purged,
            "failed": cache.failed_fills,
            "failed_lately": cache.failed_lately,
            "abandoned": cache.abandoned,
            "handed_over": cache.handed_over,
            "promoted": cache.promoted,
            "demoted": cache.demoted,
            "store_errors": cache.store_errors,
            "in_flight": cache.in_flight,
            "backlog_bytes": cache.backlog_bytes,
            "memory_chunks": cache.memory_chunks,
            "memory_bytes": cache.memory_bytes,
        },
    });
    ([(header::CACHE_CONTROL, NO_STORE)], Json(body)).into_response()
}

/// Everything else.
pub(super) async fn nothing(uri: Uri) -> Response {
    let error = ApiError::NotFound(format!("nothing at {}", uri.path()));
    edit_api::failure_at(uri.path(), error)
}

/// A method that its address does not have.
pub(super) async fn wrong_method(method: Method, uri: Uri) -> Response {
    let error = ApiError::WrongMethod(format!("{} does not take {method}", uri.path()));
    edit_api::failure_at(uri.path(), error)
}
