//! What viewers were given last of one track.

use std::collections::VecDeque;

use crate::digest::Digest;
use crate::live::LiveFrame;

/// How many frames of a track are remembered: more than half a minute of 60 pictures a
/// second, which is longer than groups of pictures are.
pub const MAX_TAIL_FRAMES: usize = 2_048;

/// By what a frame is known again that comes another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameId {
    bytes: [u8; 16],
    composition_offset: u32,
    sync: bool,
}

impl FrameId {
    /// Of `frame`: its bytes, whether decoding can begin with them, and how much later it
    /// is shown. Not when it is decoded, which may be another time elsewhere.
    pub fn of(frame: &LiveFrame) -> Self {
        let digest = Digest::of(&frame.data);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest.as_bytes()[..16]);
        Self {
            bytes,
            composition_offset: frame.composition_offset,
            sync: frame.sync,
        }
    }
}

/// A frame that was given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given {
    pub id: FrameId,
    /// When it is decoded, in viewers' time.
    pub time: i64,
    /// The same in the time of whom it came from.
    pub source_time: i64,
}

/// What was given last, each with its number.
#[derive(Debug, Default)]
pub(super) struct Tail {
    frames: VecDeque<Given>,
    /// The number of the first of them.
    first: u64,
}

impl Tail {
    /// The next one that was given.
    pub fn push(&mut self, given: Given) {
        if self.frames.len() >= MAX_TAIL_FRAMES {
            self.frames.pop_front();
            self.first += 1;
        }
        self.frames.push_back(given);
    }

    /// None of them will come again.
    pub fn forget(&mut self) {
        self.first = self.end();
        self.frames.clear();
    }

    /// Of those frames that are the same as `id`, the number of the one whose time at
    /// its source is `source_time`, else of the last.
    pub fn find(&self, id: FrameId, source_time: i64) -> Option<u64> {
        let same = self.frames.iter().enumerate().rev();
        let mut same = same.filter(|(_, given)| given.id == id).peekable();
        let last = same.peek().map(|(index, _)| *index);
        let exact = same.find(|(_, given)| given.source_time == source_time);
        let index = exact.map(|(index, _)| index).or(last)?;
        Some(self.first + index as u64)
    }

    /// Whether `id` was given, and had just this time at its source.
    pub fn has(&self, id: FrameId, source_time: i64) -> bool {
        let number = self.find(id, source_time);
        let found = number.and_then(|number| self.get(number));
        found.is_some_and(|given| given.source_time == source_time)
    }

    /// Whether the last two are the same, as of silence, or it is not known.
    pub fn repeats(&self) -> bool {
        let mut newest = self.frames.iter().rev().map(|given| given.id);
        let (last, before) = (newest.next(), newest.next());
        before.is_none() || last == before
    }

    /// The one with this number.
    pub fn get(&self, number: u64) -> Option<&Given> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.frames.get(index)
    }

    /// The last.
    pub fn last(&self) -> Option<&Given> {
        self.frames.back()
    }

    /// The number of the one that comes next.
    pub fn end(&self) -> u64 {
        self.first + self.frames.len() as u64
    }
}
