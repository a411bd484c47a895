//! All routes, in one table.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::middleware;
use axum::routing::{delete, get, post};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate as _, SizeAbove};

use crate::broadcast::pulls::Pulls;
use crate::broadcast::{Hub, Recorder};
use crate::casting::Channels;
use crate::catalogue::Catalogue;
use crate::delivery::Planner;
use crate::http::connections::Connections;
use crate::http::cors::cors;
use crate::http::error::MAX_BODY_BYTES;
use crate::http::keys::{self, ApiKeys};
use crate::http::{
    Offload, OnAir, cache_status, channels, chunks, edit_api, files, health, join, live, metrics,
    offload, openapi, otio, personal, playlists, push, recordings, repr_digest, sources, studio,
    templates, thumbnails, videos,
};
use crate::jobs::callbacks::Callbacks;
use crate::jobs::orders::Orders;
use crate::publish::Publisher;

/// Below this a body is sent as it is.
const COMPRESS_FROM_BYTES: u64 = 512;

/// What handlers work with.
pub struct AppState {
    /// Edits to plans.
    pub planner: Planner,
    /// The published videos.
    pub publisher: Publisher,
    /// The shipped templates.
    pub shelf: templates::Shelf,
    /// The templates that clients keep here.
    pub catalogue: Arc<Catalogue>,
    /// Who may ask for work.
    pub keys: ApiKeys,
    /// Videos that are asked for, until they are published.
    pub orders: Orders,
    /// The live streams.
    pub hub: Hub,
    /// Those that are pulled from elsewhere.
    pub pulls: Pulls,
    /// Those that are made here, of rendered videos.
    pub channels: Channels,
    /// What is recorded of them.
    pub recorder: Recorder,
    /// What they look like now.
    pub thumbnails: thumbnails::Thumbnails,
    /// Whom to tell how they end.
    pub callbacks: Callbacks,
    /// Places for the connections of clients.
    pub connections: Connections,
    /// What the cache saves, and could save.
    pub offload: Offload,
}

impl FromRef<Arc<AppState>> for Offload {
    fn from_ref(state: &Arc<AppState>) -> Self {
        state.offload.clone()
    }
}

impl FromRef<Arc<AppState>> for OnAir {
    fn from_ref(state: &Arc<AppState>) -> Self {
        Self {
            hub: state.hub.clone(),
            pulls: state.pulls.clone(),
        }
    }
}

/// The whole service.
pub fn router(state: AppState) -> Router {
    let state = Arc::new(state);
    // Media is compressed as it is; for the rest it is worth it.
    let text_only = SizeAbove::new(COMPRESS_FROM_BYTES)
        .and(NotForContentType::new("video/"))
        .and(NotForContentType::new("audio/"))
        .and(NotForContentType::new("image/"));
    // What players ask for every few seconds goes through as little as can be.
    let media = Router::new()
        .route("/c/{key}/{file}", get(chunks::chunk))
        .route("/i/{file}", get(chunks::init))
        .route("/live/{file}", get(push::flv))
        .route("/live/{name}/ws", get(push::web_socket))
        .route("/live/{name}/{epoch}/{file}", get(live::init))
        .route("/live/{name}/{epoch}/{track}/{file}", get(live::segment))
        .route(
            "/live/{name}/for/{id}/{epoch}/{track}/{file}",
            get(personal::segment),
        );
    // It goes on and on, and is compact as it is.
    let recorded = Router::new()
        .route("/v1/offload/trace", get(offload::trace))
        .route_layer(middleware::from_fn_with_state(
            Arc::clone(&state),
            keys::guard,
        ));
    let text = Router::new()
        // Videos
        .route("/v1/videos", get(videos::list).post(videos::create))
        // `{id}`, or `{id}.mp4`, `{id}.gif` …: a path segment is one parameter.
        .route("/v1/videos/{id}", get(videos::show).delete(videos::delete))
        .route("/v1/videos/{id}/poster.jpg", get(files::poster))
        .route("/v1/videos/{id}/thumbnail.jpg", get(files::thumbnail))
        .route("/v1/videos/{id}/{playlist}", get(playlists::multivariant))
        .route("/v1/videos/{id}/{kind}/{playlist}", get(playlists::media))
        // Live streams
        .route("/v1/live", get(live::list).post(sources::create))
        .route("/v1/live/{name}", get(live::show).delete(live::delete))
        .route(
            "/v1/live/{name}/recording",
            get(recordings::show)
                .post(recordings::start)
                .delete(recordings::stop),
        )
        .route("/v1/recordings", get(recordings::list))
        .route("/v1/recordings/{file}", get(recordings::file))
        .route("/live/{name}/thumbnail.jpg", get(thumbnails::thumbnail))
        .route("/live/{name}/{file}", get(join::playlist))
        .route("/live/{name}/lhls/{file}", get(join::legacy_playlist))
        .route("/live/{name}/for/{id}/{file}", get(personal::playlist))
        // Channels
        .route("/v1/channels", get(channels::list).post(channels::create))
        .route(
            "/v1/channels/{name}",
            get(channels::show).delete(channels::delete),
        )
        .route("/v1/channels/{name}/viewers", post(channels::viewer))
        // Templates; the rest of them is among the routes of the Edit API, which has
        // the same addresses.
        .route("/v1/templates/{id}/poster.jpg", get(templates::poster))
        // Cuts of editing programs
        .route(
            "/v1/edits/from-otio",
            post(otio::import).layer(DefaultBodyLimit::max(otio::MAX_FILE_BYTES)),
        )
        .route("/v1/edits/to-otio", post(otio::export))
        .route("/openapi.json", get(openapi::show))
        // What the caches save
        .route("/v1/offload", get(offload::show))
        .route("/v1/offload/nodes/{name}", post(offload::push))
        .route("/v1/cache/{key}", delete(offload::purge))
        // Operation
        .route("/v1/stats", get(health::stats))
        .route("/metrics", get(metrics::show))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        // Studio
        .route("/", get(studio::page))
        .route("/live", get(studio::live))
        .route("/offload", get(studio::offload))
        .route("/studio/{file}", get(studio::file))
        .route_layer(middleware::from_fn_with_state(
            Arc::clone(&state),
            keys::guard,
        ))
        .merge(edit_api::routes(&state))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(CompressionLayer::new().compress_when(text_only));
    media
        .merge(recorded)
        .merge(text)
        .fallback(health::nothing)
        .method_not_allowed_fallback(health::wrong_method)
        .layer(middleware::from_fn(repr_digest::tell))
        .layer(middleware::from_fn(cache_status::tell))
        .layer(cors())
        .with_state(state)
}
