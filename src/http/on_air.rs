//! The live streams alone: what a build can serve that renders nothing.

use axum::routing::get;
use axum::{Router, middleware};

use crate::broadcast::Hub;
use crate::broadcast::pulls::Pulls;
use crate::http::{cache_status, join, live, push, sources};

/// What handlers of live streams work with.
#[derive(Clone)]
pub struct OnAir {
    /// The live streams.
    pub hub: Hub,
    /// Those that are pulled from elsewhere.
    pub pulls: Pulls,
}

/// The live streams for players, and what is told of them.
pub fn live_router(on_air: OnAir) -> Router {
    Router::new()
        .route("/live/{file}", get(push::flv))
        .route("/live/{name}/ws", get(push::web_socket))
        .route("/live/{name}/{epoch}/{file}", get(live::init))
        .route("/live/{name}/{epoch}/{track}/{file}", get(live::segment))
        .route("/live/{name}/{file}", get(join::playlist))
        .route("/live/{name}/lhls/{file}", get(join::legacy_playlist))
        .route("/v1/live", get(live::list).post(sources::create))
        .route("/v1/live/{name}", get(live::show).delete(live::delete))
        .layer(middleware::from_fn(cache_status::tell))
        .with_state(on_air)
}
