//! How a published track counts time, and so where its chunks are found.

use std::num::NonZeroU32;

use crate::delivery::Plan;
use crate::partition::{PlacedChunk, TrackKind};
use crate::playlist::{Duration, TagError, Uri};

/// The clock of a published track, and when it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackTiming {
    /// Ticks a second.
    pub clock: NonZeroU32,
    /// When its first sample is decoded, in ticks.
    pub first_decode_time: u64,
}

impl TrackTiming {
    /// The timing of a track of `plan`.
    pub fn of(plan: &Plan, kind: TrackKind) -> Self {
        Self {
            clock: plan.clock(kind),
            first_decode_time: plan.first_decode_time(kind),
        }
    }

    /// The address of a chunk as a segment.
    pub fn segment_uri(self, chunk: &PlacedChunk) -> Result<Uri, TagError> {
        Uri::new(format!("/c/{}/{}.m4s", chunk.key, self.decode_time(chunk)))
    }

    /// The address of part `part` of a chunk.
    pub fn part_uri(self, chunk: &PlacedChunk, part: usize) -> Result<Uri, TagError> {
        let time = self.decode_time(chunk);
        Uri::new(format!("/c/{}/{time}.{part}.m4s", chunk.key))
    }

    /// When the first sample of a chunk is decoded, in ticks.
    pub const fn decode_time(self, chunk: &PlacedChunk) -> u64 {
        self.first_decode_time.saturating_add(chunk.decode_time)
    }

    /// That many ticks of its clock.
    pub const fn duration(self, ticks: u64) -> Duration {
        Duration::new(ticks, self.clock)
    }
}
