//! The HTTP face: the native API, playlists and chunks, the studio.

mod cache_control;
mod cache_status;
mod connections;
mod cors;
mod edge;
mod error;
mod figures;
mod join;
mod keys;
mod lhls;
mod live;
mod offload;
mod on_air;
mod pieces;
mod placed;
mod push;
mod pushing;
mod range;
mod reload;
mod repr_digest;
mod serve;
mod sources;
mod traffic_class;
mod variants;
mod watcher;

// What renders, and what is told of it.
#[cfg(feature = "media")]
mod base;
#[cfg(feature = "media")]
mod callbacks;
#[cfg(feature = "media")]
mod channels;
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
mod metrics;
#[cfg(feature = "media")]
mod openapi;
#[cfg(feature = "media")]
mod otio;
#[cfg(feature = "media")]
mod personal;
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

pub use connections::{Connections, DEFAULT_CONNECTIONS};
pub use edge::edge_router;
pub use error::ApiError;
pub use keys::{ApiKeys, KeysError};
pub use offload::{MAX_NODES, Offload, check_name};
pub use on_air::{OnAir, live_router};
#[cfg(feature = "media")]
pub use router::{AppState, router};
pub use serve::serve;
#[cfg(feature = "media")]
pub use templates::{Shelf, ShelfError};
#[cfg(feature = "media")]
pub use thumbnails::Thumbnails;
#[cfg(feature = "media")]
pub use videos::file_of;
