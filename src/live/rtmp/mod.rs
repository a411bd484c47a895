//! RTMP, as encoders speak it to publish (Adobe RTMP 1.0): [`Publishing`] is
//! one connection, bytes in, bytes and events out.
//!
//! ```text
//! feed ──► handshake, connect, createStream, publish ──► Publish
//!                                                           │ accept / reject
//! feed ──► audio, video, script ──► Tag, Tag, …, Unpublish ◄┘
//! ```
//!
//! Whoever publishes is asked for a key, and whether it is right may take a
//! look at a database: the answer is held back until it is there, and so is
//! all that came in the meantime. Nobody plays here: the request to is not
//! answered.
//!
//! The bounds are those of a peer that nobody knows yet, and of one that was
//! accepted; at each, the connection has failed.

mod publishing;
#[cfg(test)]
mod tests;

use std::fmt;

use bytes::Bytes;
use thiserror::Error;

use super::flv::TagKind;

pub use publishing::Publishing;

/// The most bytes that a peer may send before its request to publish is whole:
/// the handshake has 3 KiB, and what is said after it another one or two.
pub const MAX_BYTES_BEFORE_PUBLISH: usize = 64 << 10;

/// The most bytes that are kept for a peer that does not wait for the answer to
/// its request. Most do wait; [`Publishing::undecided`] says when not to read.
pub const MAX_UNDECIDED_BYTES: usize = 1 << 20;

/// The longest message: more than a second of the fastest broadcasts that RTMP
/// is used for, where a message holds a picture.
pub const MAX_MESSAGE_BYTES: usize = rtmp_runtime::chunk::MAX_MESSAGE_LEN as usize;

/// The most bytes of messages that have begun and not ended, all chunk streams
/// together; those announced count, not those that have come.
pub const MAX_BUFFERED_BYTES: usize = 2 * MAX_MESSAGE_BYTES;

/// The most chunk streams. Encoders use four or five.
pub const MAX_CHUNK_STREAMS: usize = rtmp_runtime::chunk::MAX_CSIDS;

/// The longest reason for a rejection that is told to the encoder.
pub const MAX_REASON_BYTES: usize = 1 << 10;

/// What an encoder wants or brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RtmpEvent {
    /// It asks to publish, and waits for [`Publishing::accept`] or
    /// [`Publishing::reject`]. Comes once.
    Publish {
        /// The application, `live` in `rtmp://host/live`, without a query.
        app: String,
        /// The stream key, without a query.
        key: Secret,
        /// What follows a `?` in the key, else in the application.
        query: Option<Secret>,
    },
    /// The body of an FLV tag; never empty.
    Tag {
        /// What it holds.
        kind: TagKind,
        /// When it is decoded, as the encoder counts. Goes round after 49 days.
        timestamp_ms: u32,
        /// As it is in an FLV file: of a script, without `@setDataFrame`.
        body: Bytes,
    },
    /// It has ended, in good order or not. Comes once, if it was accepted.
    Unpublish,
}

/// What must not be read in a log: a stream key, or a token beside it.
#[derive(Clone, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `secret` out of logs.
    pub const fn new(secret: String) -> Self {
        Self(secret)
    }

    /// What it is. For comparing, [`Secret::is`].
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it is `other`; how long that takes does not tell how much of it is right.
    pub fn is(&self, other: &str) -> bool {
        // Digests are compared in constant time.
        blake3::hash(self.0.as_bytes()) == blake3::hash(other.as_bytes())
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.is(&other.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("(secret)")
    }
}

/// Why a connection has failed. Nothing of what the peer said is in it.
#[derive(Debug, Error)]
pub enum RtmpError {
    /// What came is not RTMP, out of order, or beyond a bound of messages.
    #[error("RTMP: {0}")]
    Protocol(#[from] rtmp_runtime::RtmpError),
    /// A peer that talks and does not publish.
    #[error("{bytes} bytes came without a request to publish: expected it within {max}")]
    NoPublish {
        /// How many came.
        bytes: usize,
        /// How many may.
        max: usize,
    },
    /// A peer that sends on while its request is looked at.
    #[error("{bytes} bytes came before the answer to the request: expected at most {max}")]
    Impatient {
        /// How many came.
        bytes: usize,
        /// How many may.
        max: usize,
    },
    /// A second `connect` or `publish`: it would go round the answer to the first.
    #[error("the encoder asked again while it was publishing: expected one request a connection")]
    Again,
    /// An answer, but there is no request to publish that waits for one.
    #[error("there is no request to publish that waits for an answer")]
    NotAsked,
    /// Bytes after a failure.
    #[error("the connection has failed before")]
    Failed,
}
