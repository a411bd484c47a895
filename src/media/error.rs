//! What can go wrong with media.

use thiserror::Error;

use crate::time::Time;

/// Why media could not be decoded or encoded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MediaError {
    /// A library or one of its elements is not there.
    #[error("{0} (run `loomcast doctor`)")]
    Unusable(String),
    /// A pipeline reported an error.
    #[error("{what}: {message}")]
    Pipeline {
        /// What it was doing.
        what: String,
        /// GStreamer's message with its debug string.
        message: String,
    },
    /// Nothing came out for too long.
    #[error("{what}: nothing for {seconds} seconds")]
    Stalled {
        /// What it was doing.
        what: String,
        /// The deadline.
        seconds: u64,
    },
    /// A file ended long before the end that it claims: it is cut off or damaged.
    #[error("{what}: the pictures end at {at}, although the file claims {claimed}")]
    EndsEarly {
        /// What it was doing.
        what: String,
        /// The time of the last picture.
        at: Time,
        /// How long the file says it is.
        claimed: Time,
    },
    /// A file ended before its first picture or sample.
    #[error("{0}: there is nothing in it")]
    Empty(String),
    /// A file could not be read or written.
    #[error("{0}")]
    Io(String),
}
