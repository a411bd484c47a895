//! The HTTP face: the native API, playlists and chunks, the studio.

mod cache_control;
mod cors;
mod edge;
mod error;
mod figures;
mod join;
mod lhls;
mod live;
mod on_air;
mod pieces;
mod placed;
mod push;
mod pushing;
mod range;
mod reload;
mod repr_digest;
mod sources;

// What renders, and what is told of it.
#[cfg(feature = "media")]
mod base;
#[cfg(feature = "media")]
mod callbacks;
#[cfg(feature = "media")]
mod chunks;
#[cfg(feature = "media")]
mod edit_api;
#[cfg(feature = "media")]
mod failures;
#[cfg(feature = "media")]
mod files;
#[cfg(feature = "media")]
mod health;
#[cfg(feature = "media")]
mod keys;
#[cfg(feature = "media")]
mod metrics;
#[cfg(feature = "media")]
mod openapi;
#[cfg(feature = "media")]
mod otio;
#[cfg(feature = "media")]
mod playlists;
#[cfg(feature = "media")]
mod recordings;
#[cfg(feature = "media")]
mod router;
#[cfg(feature = "media")]
mod studio;
#[cfg(feature = "media")]
mod templates;
#[cfg(feature = "media")]
mod thumbnails;
#[cfg(feature = "media")]
mod videos;

pub use edge::edge_router;
pub use error::ApiError;
#[cfg(feature = "media")]
pub use keys::{ApiKeys, KeysError};
pub use on_air::{OnAir, live_router};
#[cfg(feature = "media")]
pub use router::{AppState, router};
#[cfg(feature = "media")]
pub use templates::{Shelf, ShelfError};
#[cfg(feature = "media")]
pub use thumbnails::Thumbnails;
#[cfg(feature = "media")]
pub use videos::file_of;

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt as _;
use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::net::TcpListener;

/// How long a client may take nothing of its answer before its connection ends.
const TAKING: Duration = Duration::from_secs(60);

/// Serves `routes` on `listener` until `shutdown` is done, then lets open
/// requests end.
pub async fn serve(
    listener: TcpListener,
    routes: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    // Parts are small and urgent: never wait to fill a packet.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps Nagle's algorithm");
        }
        // While nobody takes an answer it is not written on, and nothing would ever
        // notice: the system does.
        let milliseconds = u32::try_from(TAKING.as_millis()).unwrap_or(u32::MAX);
        if let Err(error) = set_tcp_user_timeout(stream, milliseconds) {
            tracing::debug!(%error, "a connection waits for ever to be read");
        }
    });
    let routes = routes.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, routes)
        .with_graceful_shutdown(shutdown)
        .await
}
