//! The HTTP face: the native API, playlists and chunks, the studio.

mod base;
mod cache_control;
mod callbacks;
mod chunks;
mod edit_api;
mod error;
mod files;
mod health;
mod keys;
mod live;
mod openapi;
mod otio;
mod pieces;
mod playlists;
mod range;
mod router;
mod studio;
mod templates;
mod videos;

pub use error::ApiError;
pub use keys::{ApiKeys, KeysError};
pub use router::{AppState, router};
pub use templates::{Shelf, ShelfError};
pub use videos::file_of;

use std::future::Future;

use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;

/// Serves `state` on `listener` until `shutdown` is done, then lets open
/// requests end.
pub async fn serve(
    listener: TcpListener,
    state: AppState,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    // Parts are small and urgent: never wait to fill a packet.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps Nagle's algorithm");
        }
    });
    axum::serve(listener, router(state))
        .with_graceful_shutdown(shutdown)
        .await
}
