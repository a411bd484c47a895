//! Live streams to files: fragmented MP4, frames as they came.
//!
//! A file has one `moov` with all tracks, and then fragments, each written when it is
//! whole. So whatever there is of a file can be played, whoever ends its writer and
//! how. Where the tracks change, another file begins.
//!
//! Who reads the stream, and when to begin and to end, is decided by those above.

mod file;
mod fragments;

pub use file::{Limits, MAX_FILES, Recorded, Recording, RecordingError, free_bytes, numbered};
pub use fragments::Fragments;
