//! An edge's face: the addresses of its origin, answered out of [`crate::edge`].

mod counted;
mod media;
mod pass;
mod playlists;
mod report;
mod rooms;

use std::time::{Duration, Instant};

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post};
use axum::{Extension, Router};

use crate::cache::{CacheError, FillError};
use crate::edge::{Address, Edge, Kind, Met, viewer};
use crate::http::cors::cors;
use crate::http::error::MAX_BODY_BYTES;
use crate::http::watcher::Watcher;
use crate::http::{ApiError, ApiKeys, Offload, keys, offload, repr_digest};
use crate::live::presence::WatcherMark;
use counted::Served;

/// How long a client waits for a part or segment of a live stream, as at the origin.
const LIVE_PATIENCE: Duration = Duration::from_secs(10);

/// Everything that an edge answers.
pub fn edge_router(edge: Edge, offload: Offload, keys: ApiKeys) -> Router {
    let operators = Router::new()
        .route("/v1/offload", get(offload::show))
        .route("/v1/offload/nodes/{name}", post(offload::push))
        .route("/v1/offload/trace", get(offload::trace))
        .route("/v1/cache/{key}", delete(offload::purge))
        .route_layer(middleware::from_fn_with_state(keys, keys::guard_operators))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(offload.clone());
    Router::new()
        .route("/healthz", get(report::alive))
        .route("/readyz", get(report::ready))
        .route("/metrics", get(report::metrics))
        .route("/v1/edge", get(report::show))
        .route("/v1/rooms", get(rooms::list))
        .route("/v1/rooms/{name}", get(rooms::show))
        .route("/live/{file}", get(rooms::flv))
        .route("/live/{name}/ws", get(rooms::web_socket))
        .layer(Extension(offload))
        .merge(operators)
        .fallback(serve)
        .layer(middleware::from_fn_with_state(edge.clone(), counted::count))
        // Another edge may be in front of this one.
        .layer(middleware::from_fn(repr_digest::tell))
        .layer(cors())
        .with_state(edge)
}

/// Whatever has no other route: what it is follows from its path.
async fn serve(State(edge): State<Edge>, request: Request) -> Response {
    let trail = match edge.id().follow(request.headers()) {
        Ok(trail) => trail,
        Err(_) => {
            edge.counters().looped();
            let message = "the request came through this edge before, or through too many";
            return failed(Kind::Pass, ApiError::Looped(message.into()));
        }
    };
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !reads && !edge.config().passes_writes {
        let message = format!(
            "{} is not taken here: this edge serves, and changes nothing",
            request.method()
        );
        let mut refused = failed(Kind::Pass, ApiError::WrongMethod(message));
        let allowed = HeaderValue::from_static("GET, HEAD");
        refused.headers_mut().insert(header::ALLOW, allowed);
        return refused;
    }
    let address = match reads {
        true => Address::of(request.uri().path()),
        false => Address::Other,
    };
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let headers = request.headers().clone();
    match address {
        Address::Chunk(key, file) => media::chunk(&edge, key, file, &headers, &trail).await,
        Address::Segment(name, wish) => media::segment(&edge, &name, wish, &trail).await,
        Address::Init(_) | Address::LiveInit => media::init(&edge, &path, &headers, &trail).await,
        Address::LivePlaylist(playlist) => {
            let watcher = Watcher::of(request.extensions(), &headers);
            let answer = playlists::live(&edge, &playlist, &path, &query, &headers, &trail).await;
            // Whoever has the index alone does not watch yet.
            if answer.status().is_success() && !playlist.is_index {
                let who = follower(&edge, &playlist.stream, &query, watcher);
                edge.followers()
                    .heard(&playlist.stream, who, Instant::now());
            }
            answer
        }
        Address::VideoPlaylist => playlists::video(&edge, &path, &query, &headers, &trail).await,
        Address::Nothing => failed(Kind::Pass, ApiError::NotFound(format!("nothing at {path}"))),
        Address::Other => pass::pass(&edge, request, &trail).await,
    }
}

/// Which player of stream `name` asks.
fn follower(edge: &Edge, name: &str, query: &str, watcher: Watcher) -> WatcherMark {
    watcher.mark(viewer(query).filter(|id| edge.terminals().knows(name, *id)))
}

/// What goes wrong, with what was asked for.
fn failed(kind: Kind, error: ApiError) -> Response {
    let mut response = error.into_response();
    response.extensions_mut().insert(Served {
        kind,
        met: Met::Error,
        tier: None,
        cause: None,
    });
    response
}

/// A chunk that never came, as a gateway tells it.
fn gateway(error: FillError) -> ApiError {
    match error {
        FillError::Absent(what) => ApiError::NotFound(what.to_string()),
        passing if passing.is_passing() => ApiError::Unavailable(passing.to_string()),
        error => ApiError::BadGateway(error.to_string()),
    }
}

fn gateway_of(error: CacheError) -> ApiError {
    match error {
        CacheError::Fill(error) => gateway(error),
        CacheError::Busy { .. } | CacheError::ShuttingDown => {
            ApiError::Unavailable(error.to_string())
        }
        CacheError::Store(error) => ApiError::Internal(error.to_string()),
    }
}

fn too_late() -> ApiError {
    ApiError::Unavailable("what was asked for took too long to come".into())
}
