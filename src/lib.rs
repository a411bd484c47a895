//! Loomcast weaves personalised video out of cached chunks and casts it live.
//!
//! In reading order, from what knows nothing to what knows all; each layer
//! uses only those above it in this list:
//!
//! - [`time`], [`digest`]: exact time and identity of bytes
//! - [`template`] → [`timeline`] ← [`partition`], [`chunk`]; [`profile`]: from
//!   an Edit and one person's data to the chunks that their video is made of.
//!   [`cmaf`], [`playlist`]: what players read. Pure.

pub mod digest;
pub mod time;

pub mod chunk;
pub mod cmaf;
pub mod partition;
pub mod playlist;
pub mod profile;
pub mod template;
pub mod timeline;

#[cfg(feature = "media")]
pub mod media;
