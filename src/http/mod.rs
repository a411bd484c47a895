//! The HTTP face: the native API, playlists and chunks, the studio.

mod base;
mod cache_control;
mod callbacks;
mod chunks;
mod connections;
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
mod serve;
mod sources;
mod studio;
mod templates;
mod thumbnails;
mod videos;

pub use connections::{Connections, DEFAULT_CONNECTIONS};
pub use error::ApiError;
pub use keys::{ApiKeys, KeysError};
pub use router::{AppState, router};
pub use serve::serve;
pub use templates::{Shelf, ShelfError};
pub use thumbnails::Thumbnails;
pub use videos::file_of;
