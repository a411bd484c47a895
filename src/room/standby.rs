//! A stream that is received and not passed on: as much of it as is needed to go on
//! with, when the one that is passed on is no more.
//!
//! That is what has come since the newest key frame that viewers were given: when the
//! other stalls, this one has run on for as long as it took to notice, and none of that
//! may be missing then.

use std::collections::VecDeque;

use super::splice::{Splice, lead};
use super::tail::FrameId;
use crate::cmaf::Track;
use crate::live::demux::Demuxed;
use crate::live::gop::GopLimits;
use crate::live::{LiveFrame, LiveTrack, milliseconds};

/// How much is kept, in milliseconds and from the key frame before, of a stream in which
/// nothing is what viewers were given.
pub const KEPT_MS: i64 = 4_000;

/// What is kept of a stream that stands by.
#[derive(Debug)]
pub struct Standby {
    limits: GopLimits,
    tracks: Vec<(LiveTrack, Track)>,
    kept: VecDeque<Kept>,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    frame: LiveFrame,
    /// By what it is known, if the stream can begin with it.
    start: Option<FrameId>,
}

impl Standby {
    /// Nothing yet; at most so much.
    pub const fn new(limits: GopLimits) -> Self {
        Self {
            limits,
            tracks: Vec::new(),
            kept: VecDeque::new(),
            bytes: 0,
        }
    }

    /// What comes next of it, while viewers have been given what `given` says.
    pub fn push(&mut self, demuxed: Demuxed, given: &Splice) {
        let frame = match demuxed {
            Demuxed::Begin(tracks) => {
                self.tracks = tracks;
                self.kept.clear();
                self.bytes = 0;
                return;
            }
            Demuxed::Frame(frame) => frame,
            Demuxed::Other(_) | Demuxed::LeftOut(_) => return,
        };
        let starts = frame.sync && Some(frame.track) == lead(&self.tracks);
        let start = starts.then(|| FrameId::of(&frame));
        if self.kept.is_empty() && !starts {
            return;
        }
        self.bytes += frame.data.len();
        self.kept.push_back(Kept { frame, start });
        if starts {
            self.trim(given);
        }
        while self.bytes > self.limits.bytes || self.kept.len() > self.limits.packets {
            let next = self.starts().nth(1).map(|(index, _)| index);
            self.drop_to(next.unwrap_or(self.kept.len()));
        }
    }

    /// All that is to be gone on with, after what `given` says.
    pub fn replay(mut self, given: &Splice) -> Vec<Demuxed> {
        if let Some(index) = self.beginning(given) {
            self.drop_to(index);
        }
        let frames = self.kept.into_iter();
        let frames = frames.map(|kept| Demuxed::Frame(kept.frame));
        let tracks = (!self.tracks.is_empty()).then_some(Demuxed::Begin(self.tracks));
        tracks.into_iter().chain(frames).collect()
    }

    /// Bytes of media that are held.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Frames that are held.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Drops what is before the newest key frame that viewers were given.
    fn trim(&mut self, given: &Splice) {
        let index = self.known(given).or_else(|| {
            // Who is given something else goes on elsewhere.
            let newest = self.kept.back().map(|kept| self.ms(&kept.frame))?;
            let old = |frame: &LiveFrame| newest - self.ms(frame) >= KEPT_MS;
            let old = self.starts().filter(|(_, kept)| old(&kept.frame));
            old.last().map(|(index, _)| index)
        });
        if let Some(index) = index {
            self.drop_to(index);
        }
    }

    /// The newest key frame that viewers were given.
    fn known(&self, given: &Splice) -> Option<usize> {
        let is_known = |kept: &Kept| {
            let time = kept.frame.decode_time;
            kept.start.is_some_and(|id| given.knows(id, time))
        };
        let known = self.starts().filter(|(_, kept)| is_known(kept));
        known.last().map(|(index, _)| index)
    }

    /// The key frame to begin with: one that viewers were given, to follow from there;
    /// else the first after what they were given, if both count time alike; else the
    /// newest.
    fn beginning(&self, given: &Splice) -> Option<usize> {
        let newest = || self.starts().last().map(|(index, _)| index);
        let after = || {
            let last = given.source_time()?;
            let oldest = self.kept.front()?.frame.decode_time;
            let mut starts = self.starts();
            let first = starts.find(|(_, kept)| kept.frame.decode_time > last);
            // A clock that began anew tells nothing.
            let near = |time: i64| (time - last) < self.ticks(KEPT_MS);
            first.filter(|_| near(oldest)).map(|(index, _)| index)
        };
        self.known(given).or_else(after).or_else(newest)
    }

    fn starts(&self) -> impl Iterator<Item = (usize, &Kept)> {
        let kept = self.kept.iter().enumerate();
        kept.filter(|(_, kept)| kept.start.is_some())
    }

    fn drop_to(&mut self, index: usize) {
        let gone = self.kept.drain(..index);
        self.bytes -= gone.map(|kept| kept.frame.data.len()).sum::<usize>();
    }

    fn ticks(&self, ms: i64) -> i64 {
        let scale = self
            .tracks
            .first()
            .map_or(1, |(_, track)| track.timescale());
        ms * i64::from(scale) / 1000
    }

    /// When a frame is decoded.
    fn ms(&self, frame: &LiveFrame) -> i64 {
        let track = self.tracks.iter().find(|(kind, _)| *kind == frame.track);
        milliseconds(
            frame.decode_time,
            track.map_or(1, |(_, track)| track.timescale()),
        )
    }
}

#[cfg(test)]
#[path = "standby_tests.rs"]
mod tests;
