//! Plug-in ends of the cache dictionary: they take a stream of a server, and may give
//! one back.
//!
//! The server's side is in `broadcast::dictionary`, and what both say first in
//! [`crate::live::dictionary`]. A plug-in end that is lost harms neither the server nor
//! the stream that it took.
//!
//! - [`attend`]: connects, and connects again where the server was away.
//! - [`record`]: the stream to files, as it is.
//! - `watermark`: the stream with a mark over its pictures. Only with the feature
//!   `media`.

mod attend;
mod connection;
mod incoming;
pub mod record;
#[cfg(feature = "media")]
pub mod watermark;

pub use attend::{Over, Served, attend};
pub use connection::{Connection, Target};
pub use incoming::Incoming;

use std::time::Duration;

use thiserror::Error;

use crate::live::demux::DemuxError;
use crate::live::dictionary::RequestError;
use crate::live::flv::FlvError;
use crate::recording::RecordingError;

/// Why a plug-in end could not do its work.
#[derive(Debug, Error)]
pub enum PlugInError {
    /// There is no server at that address, or none that can be reached.
    #[error("no connection to {address}: {error}")]
    Connect {
        /// Where.
        address: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// The server does not let it in.
    #[error("the server refused: {0}")]
    Refused(RequestError),
    /// What answers is no cache dictionary.
    #[error("{address} answered {said:?}: expected the answer of a cache dictionary")]
    Answer {
        /// Who.
        address: String,
        /// What, or the beginning of it.
        said: String,
    },
    /// The connection was lost.
    #[error("the connection was lost: {0}")]
    Io(#[from] std::io::Error),
    /// The server took nothing.
    #[error("the server took nothing for {} s", .0.as_secs())]
    Deaf(Duration),
    /// What came is no FLV.
    #[error(transparent)]
    Flv(#[from] FlvError),
    /// What came cannot be used.
    #[error(transparent)]
    Demux(#[from] DemuxError),
    /// The recording ended early.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// The pictures cannot be worked on.
    #[error("{0}")]
    Pictures(String),
    /// A server that went did not come back.
    #[error("the server did not come back in {tries} tries: {last}")]
    GivenUp {
        /// How often it was looked for.
        tries: u32,
        /// What was found last.
        last: Box<PlugInError>,
    },
}

impl PlugInError {
    /// Whether the one who wrote the request can mend it.
    pub const fn is_bad_input(&self) -> bool {
        matches!(
            self,
            Self::Refused(_) | Self::Recording(RecordingError::Exists(_))
        )
    }

    /// Whether it may be otherwise in a while, as where a server starts again.
    fn is_passing(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Io(_) | Self::Deaf(_) => true,
            // The stream is not there yet again; what was given back is still.
            Self::Refused(error) => matches!(error.field.as_str(), "name" | "identity"),
            _ => false,
        }
    }
}
