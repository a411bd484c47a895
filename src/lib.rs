//! Loomcast weaves personalised video out of cached chunks and casts it live.

pub mod digest;
pub mod time;

pub mod chunk;
pub mod template;

#[cfg(feature = "media")]
pub mod raster;
