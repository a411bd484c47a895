//! Loomcast weaves personalised video out of cached chunks and casts it live.
//!
//! In reading order, from what knows nothing to what knows all; each layer
//! uses only those above it in this list:
//!
//! - [`time`], [`digest`]: exact time and identity of bytes
//! - [`template`] → [`timeline`] ← [`partition`], [`chunk`]; [`profile`]: from
//!   an Edit and one person's data to the chunks that their video is made of.
//!   [`cmaf`], [`playlist`]: what players read. Pure.
//! - [`interchange`]: Edits from and to the files of editing programs. Pure.
//! - [`channel`]: live streams that this server plays: what is on when. Pure.
//! - [`policy`]: what to keep when not all can be. Pure.
//! - [`offload`]: what caches save, and what they could save at most. Pure.
//! - [`store`] ← [`cache`]: chunks on disk, in memory and on their way.
//! - [`fetch`]: files of other servers.
//! - [`media`], [`raster`] → [`render`]: files to pixels and samples, and those
//!   to chunks. Only with the feature `media`.
//! - [`live`]: frames of live streams to segments. Pure.
//! - [`recording`]: live streams to files.
//! - [`room`]: one stream for all viewers of an edge, of several from upstream. Pure.
//! - [`broadcast`]: live streams on the air, in the cache.
//! - [`plugin`]: what works on live streams from outside of their server.
//! - [`edge`]: a cache in front of an origin.
//! - [`delivery`]: the one way to a chunk, cache else render.
//! - [`casting`]: channels, live streams of rendered videos. Only with `media`.

pub mod digest;
pub mod time;

pub mod channel;
pub mod chunk;
pub mod cmaf;
pub mod interchange;
pub mod offload;
pub mod partition;
pub mod playlist;
pub mod policy;
pub mod profile;
pub mod template;
pub mod timeline;

pub mod cache;
pub mod catalogue;
pub mod fetch;
pub mod live;
pub mod recording;
pub mod room;
pub mod store;

#[cfg(feature = "media")]
pub mod media;
#[cfg(feature = "media")]
pub mod raster;
#[cfg(feature = "media")]
pub mod render;

pub mod broadcast;
#[cfg(feature = "media")]
pub mod casting;
#[cfg(feature = "media")]
pub mod delivery;
pub mod edge;
#[cfg(feature = "media")]
pub mod jobs;
pub mod plugin;
#[cfg(feature = "media")]
pub mod publish;

pub mod http;

pub mod cli;

#[cfg(feature = "media")]
pub mod app;
