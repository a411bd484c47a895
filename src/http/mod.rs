//! The HTTP face: the native API, playlists and chunks, the studio.

mod base;
mod cache_control;
mod callbacks;
mod chunks;
mod edit_api;
mod error;
mod files;
mod health;
mod join;
mod keys;
mod lhls;
mod live;
mod metrics;
mod openapi;
mod otio;
mod pieces;
mod playlists;
mod push;
mod range;
mod recordings;
mod router;
mod sources;
mod studio;
mod templates;
mod thumbnails;
mod variants;
mod videos;

pub use error::ApiError;
pub use keys::{ApiKeys, KeysError};
pub use router::{AppState, router};
pub use templates::{Shelf, ShelfError};
pub use thumbnails::Thumbnails;
pub use videos::file_of;

use std::future::Future;
use std::time::Duration;

use axum::serve::ListenerExt as _;
use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::net::TcpListener;

/// How long a client may take nothing of its answer before its connection ends.
const TAKING: Duration = Duration::from_secs(60);

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
        // While nobody takes an answer it is not written on, and nothing would ever
        // notice: the system does.
        let milliseconds = u32::try_from(TAKING.as_millis()).unwrap_or(u32::MAX);
        if let Err(error) = set_tcp_user_timeout(stream, milliseconds) {
            tracing::debug!(%error, "a connection waits for ever to be read");
        }
    });
    axum::serve(listener, router(state))
        .with_graceful_shutdown(shutdown)
        .await
}
