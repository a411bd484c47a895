//! Holes: what a track lists while nothing comes.
//!
//! Players that were promised a part every so often, and a segment, go on asking. So a
//! hole is filled with segments and parts of which there is nothing (`EXT-X-GAP`,
//! `GAP=YES`; rfc8216bis, 4.4.4.7 and 6.2.1), as long as the hole is, until the track
//! goes on or ends.

use std::num::NonZeroU32;

use super::{Entry, Opening, Window};
use crate::chunk::PartMeta;
use crate::playlist::UnixMillis;

/// Ticks a second of what is not there.
const CLOCK: NonZeroU32 = NonZeroU32::new(1000).expect("1000 is not zero");

impl Window {
    /// The track breaks off: if it goes on, that is another stretch of it, and what lies
    /// between is to be filled if it `fills`.
    pub fn interrupt(&mut self, fills: bool) {
        if self.interrupted {
            return;
        }
        self.close(0);
        self.interrupted = !self.whole.is_empty();
        self.filling = self.interrupted && fills;
        self.filled_ms = 0;
    }

    /// Another part of the hole, as long as parts are. Whether there is a hole.
    pub fn fill(&mut self) -> bool {
        if !self.filling || self.ended {
            return false;
        }
        if self.open.is_none()
            && let Some(begins) = self.hole()
        {
            self.open = Some(Entry {
                number: self.next,
                begins,
                ticks: 0,
                parts: Vec::new(),
                gap: true,
            });
            self.next += 1;
        }
        let part_ms = self.config.part.milliseconds();
        if let Some(open) = &mut self.open {
            open.parts.push(PartMeta {
                bytes: 0,
                ticks: part_ms,
                independent: false,
            });
            self.filled_ms += u64::from(part_ms);
            let parts = u32::try_from(open.parts.len()).unwrap_or(u32::MAX);
            if parts.saturating_mul(part_ms) >= self.config.gap_ms {
                self.close(0);
            }
        }
        true
    }

    /// The track goes on: the hole ends. What begins next has the next number.
    pub fn resume(&mut self) {
        self.filling = false;
        if self.open.as_ref().is_some_and(|open| open.gap) {
            self.close(0);
        }
    }

    /// The segment that is open, or would be next and begins so, is of no use: it stays a
    /// gap as long as it would have been. What was told of it already stays told.
    pub fn miss(&mut self, begins: Opening, ticks: u64) {
        if self.open.is_none() {
            self.open(begins);
        }
        let part_ms = u64::from(self.config.part.milliseconds());
        let Some(open) = &mut self.open else {
            return;
        };
        open.gap = true;
        let part = part_ms * u64::from(open.begins.clock.get()) / 1000;
        let told = open.parts.iter().map(|part| u64::from(part.ticks));
        let mut left = ticks.saturating_sub(told.sum());
        while left > 0 {
            let ticks = u32::try_from(left.min(part.max(1))).unwrap_or(u32::MAX);
            left -= u64::from(ticks);
            open.parts.push(PartMeta {
                bytes: 0,
                ticks,
                independent: false,
            });
        }
        self.close(ticks);
    }

    /// The next segment has this number: the track began later than the stream.
    pub fn begin_with(&mut self, number: u64) {
        if self.whole.is_empty() && self.open.is_none() {
            self.next = self.next.max(number);
        }
    }

    /// So many discontinuities were before the first segment: another track of the same
    /// name had them.
    pub fn begin_after(&mut self, discontinuities: u64) {
        if self.whole.is_empty() && self.open.is_none() {
            self.discontinuities_gone = discontinuities;
        }
    }

    /// How much was filled of the newest hole, in milliseconds.
    pub fn filled_ms(&self) -> u64 {
        self.filled_ms
    }

    /// Segments of which there is nothing at the end of a track that has ended.
    pub(super) fn closing_gaps(&self) -> usize {
        let newest = self.whole.iter().rev().filter(|_| self.ended);
        newest.take_while(|entry| entry.gap).count()
    }

    /// How the next segment of a hole begins.
    fn hole(&self) -> Option<Opening> {
        let before = self.whole.back()?;
        let taken = before.begins.taken.0.saturating_add(before.milliseconds());
        Some(Opening {
            clock: CLOCK,
            decode_time: 0,
            map: before.begins.map.clone(),
            taken: UnixMillis(taken),
            discontinuity: false,
        })
    }
}
