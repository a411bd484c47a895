//! What asking the cache came to: where the bytes came from, or why there are none.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::fragment::Fragment;
use crate::offload::Cause;
use crate::store::{MAX_CHUNK_BYTES, MAX_PARTS, StoreError};

/// Where the bytes of one request come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// From memory.
    HitMemory,
    /// From disk, read by this request.
    HitDisk,
    /// From the tier shared with other machines, read by this request.
    HitShared,
    /// From what another request is already fetching.
    Coalesced,
    /// From the source, set going by this request.
    Filled,
    /// From nowhere: the source failed a moment ago, and rests.
    FailedLately,
}

/// A fragment to read, and how it was come by.
#[derive(Clone, Debug)]
pub struct Access {
    /// The fragment, in progress or complete.
    pub fragment: Fragment,
    /// Where it comes from.
    pub outcome: Outcome,
    /// Why it has to be fetched, if it has and that is counted.
    pub cause: Option<Cause>,
}

/// Where a chunk is, without fetching it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Presence {
    /// In memory.
    Memory,
    /// On disk.
    Disk,
    /// Being fetched.
    InFlight,
    /// Nowhere.
    Absent,
}

/// Why a fragment will never be complete. Every reader of it is told the same.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FillError {
    /// Whoever saw to it is gone: the cache is shutting down.
    #[error("the source went away before the chunk was complete")]
    SourceGone,
    /// One writer after the other was dropped before it finished: their threads died.
    #[error("the source died {0} times before the chunk was complete")]
    SourceDied(u32),
    /// Nobody wanted the chunk any more.
    #[error("nobody wanted the chunk any more")]
    Abandoned,
    /// The source has no room for more work now.
    #[error("the source is busy: {0}")]
    Busy(Arc<str>),
    /// A second writer gave something else than the one before it.
    #[error("part {part}: the source gave other bytes than before")]
    Changed {
        /// Its place in the chunk.
        part: usize,
    },
    /// The source has no such chunk.
    #[error("there is no such chunk: {0}")]
    Absent(Arc<str>),
    /// The source says why.
    #[error("the source failed: {0}")]
    Source(Arc<str>),
    /// Nothing came for longer than allowed.
    #[error("the source gave nothing for {0:?}")]
    Stalled(Duration),
    /// A chunk with more parts than allowed.
    #[error("the source gave more than {MAX_PARTS} parts")]
    TooManyParts,
    /// A chunk with more bytes than allowed.
    #[error("the source gave {bytes} bytes; allowed: up to {MAX_CHUNK_BYTES}")]
    TooLarge {
        /// How many there would have been.
        bytes: u64,
    },
    /// A part that is empty or not as long as it says.
    #[error("part {part} says {said} bytes and has {bytes}; both are to be equal and above 0")]
    BadPart {
        /// Its place in the chunk.
        part: usize,
        /// What its description says.
        said: u32,
        /// What it has.
        bytes: usize,
    },
    /// Finished without a part.
    #[error("the source finished without a part")]
    Empty,
}

impl FillError {
    /// Whether another try might well go better at once: nothing was wrong with the chunk.
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::SourceGone | Self::Abandoned | Self::Busy(_))
    }

    /// The source's own reason.
    pub fn source_failed(reason: impl std::fmt::Display) -> Self {
        Self::Source(reason.to_string().into())
    }
}

/// Why a request got no fragment at all.
#[derive(Debug, Error)]
pub enum CacheError {
    /// As many chunks are being fetched as allowed; try again later.
    #[error("{in_flight} fragments are being fetched, as many as allowed")]
    Busy {
        /// The bound.
        in_flight: usize,
    },
    /// The runtime is shutting down.
    #[error("the cache is shutting down")]
    ShuttingDown,
    /// The store failed (only where there is no source to turn to).
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A small value could not be made.
    #[error(transparent)]
    Fill(#[from] FillError),
}
