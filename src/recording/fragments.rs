//! Frames of a stretch of a stream to the fragments of one MP4. Pure.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::cmaf::{CmafError, Sample, Track, fragment_of_track, init_of_tracks};
use crate::live::{LiveFrame, LiveTrack, milliseconds};

/// A fragment ends at the first key frame after this; without pictures, after this.
const FRAGMENT_MS: i64 = 1_000;

/// A fragment without a key frame ends after this in any case: more is lost if the
/// writer is ended.
const LONGEST_MS: i64 = 10_000;

/// Frames of a fragment that is not whole: ten seconds of 240 pictures and 94 frames
/// of sound a second.
const MAX_FRAMES: usize = 4_096;

/// Their bytes: ten seconds of 25 Mbit/s.
const MAX_BYTES: usize = 32 << 20;

/// What a picture is taken to last where no other follows: 1/25 s.
const LAST_PICTURE_DIVISOR: u32 = 25;

/// Times that go back by less are those of sound that was put right; by more, those
/// of another clock.
const JITTER_MS: i64 = 1_000;

/// The fragments of one file, whose time begins with the first frame from which it
/// can be decoded.
#[derive(Debug)]
pub struct Fragments {
    lanes: Vec<Lane>,
    /// Where in the stream the file begins, in milliseconds.
    start_ms: Option<i64>,
    sequence: u32,
    held_bytes: usize,
    /// How much of the file's time has been given out, in milliseconds.
    reached_ms: i64,
}

/// Frames of one track that no fragment has yet.
#[derive(Debug)]
struct Lane {
    kind: LiveTrack,
    track: Track,
    held: VecDeque<LiveFrame>,
    last: Option<i64>,
    /// How long its frames last.
    step: u32,
}

impl Fragments {
    /// Of these tracks. Not more than one of each kind, and pictures first.
    pub fn new(mut tracks: Vec<(LiveTrack, Track)>) -> Self {
        tracks.sort_by_key(|(kind, _)| *kind);
        let lane = |(kind, track): (LiveTrack, Track)| {
            let step = match kind {
                LiveTrack::Video => track.timescale() / LAST_PICTURE_DIVISOR,
                _ => crate::profile::AAC_FRAME_SAMPLES,
            };
            Lane {
                kind,
                track,
                held: VecDeque::new(),
                last: None,
                step,
            }
        };
        Self {
            lanes: tracks.into_iter().map(lane).collect(),
            start_ms: None,
            sequence: 0,
            held_bytes: 0,
            reached_ms: 0,
        }
    }

    /// What the file begins with.
    pub fn init(&self) -> Result<Bytes, CmafError> {
        let tracks: Vec<_> = self.lanes.iter().map(|lane| &lane.track).collect();
        init_of_tracks(&tracks)
    }

    /// Whether it is of these tracks, in any order.
    pub fn is_of(&self, tracks: &[(LiveTrack, Track)]) -> bool {
        let has = |lane: &Lane| {
            let same =
                |(kind, track): &(LiveTrack, Track)| *kind == lane.kind && *track == lane.track;
            tracks.iter().any(same)
        };
        tracks.len() == self.lanes.len() && self.lanes.iter().all(has)
    }

    /// Whether a frame goes on where those before it were: its time has not gone back.
    pub fn goes_on(&self, frame: &LiveFrame) -> bool {
        let Some(lane) = self.lanes.iter().find(|lane| lane.kind == frame.track) else {
            return true;
        };
        let allowed = JITTER_MS * i64::from(lane.track.timescale()) / 1000;
        lane.last
            .is_none_or(|last| frame.decode_time + allowed > last)
    }

    /// Whether a file may begin with `frame`: at a key frame where there are
    /// pictures, else anywhere.
    pub fn begins_with(&self, frame: &LiveFrame) -> bool {
        match self.lanes.first().map(|lane| lane.kind) {
            Some(LiveTrack::Video) => frame.track == LiveTrack::Video && frame.sync,
            Some(kind) => frame.track == kind,
            None => false,
        }
    }

    /// The next frame; what is whole by it. Frames before the first that the file can
    /// begin with, or shown before it, are left out.
    pub fn push(&mut self, mut frame: LiveFrame) -> Result<Option<Bytes>, CmafError> {
        let Some(index) = self.lanes.iter().position(|lane| lane.kind == frame.track) else {
            return Ok(None);
        };
        let timescale = self.lanes[index].track.timescale();
        let start_ms = match self.start_ms {
            Some(start_ms) => start_ms,
            None if self.begins_with(&frame) => *self
                .start_ms
                .insert(milliseconds(frame.decode_time, timescale)),
            None => return Ok(None),
        };
        if frame.decode_time < start_ms * i64::from(timescale) / 1000 {
            return Ok(None);
        }
        if let Some(last) = self.lanes[index].last {
            frame.decode_time = frame.decode_time.max(last + 1);
        }
        let written = match self.is_whole_before(index, &frame) {
            true => self.cut(Some((index, frame.decode_time)))?,
            false => None,
        };
        self.held_bytes += frame.data.len();
        let lane = &mut self.lanes[index];
        if let Some(last) = lane.last.replace(frame.decode_time) {
            lane.step = u32::try_from(frame.decode_time - last).unwrap_or(lane.step);
        }
        lane.held.push_back(frame);
        Ok(written)
    }

    /// All that is left; nothing comes any more.
    pub fn finish(&mut self) -> Result<Option<Bytes>, CmafError> {
        self.cut(None)
    }

    /// How much has been given out, in milliseconds.
    pub const fn reached_ms(&self) -> i64 {
        self.reached_ms
    }

    /// Whether what is held ends where `frame` of track `index` begins.
    fn is_whole_before(&self, index: usize, frame: &LiveFrame) -> bool {
        let frames: usize = self.lanes.iter().map(|lane| lane.held.len()).sum();
        if frames >= MAX_FRAMES || self.held_bytes + frame.data.len() > MAX_BYTES {
            return frames > 0;
        }
        let lane = &self.lanes[index];
        let lasted = lane.held.front().map_or(0, |first| {
            milliseconds(
                frame.decode_time - first.decode_time,
                lane.track.timescale(),
            )
        });
        lasted >= LONGEST_MS || lasted >= FRAGMENT_MS && self.begins_with(frame)
    }

    /// What is held becomes a fragment of each track, as far as it is known how long
    /// each frame lasts: the next one of track `next.0` is at `next.1`.
    fn cut(&mut self, next: Option<(usize, i64)>) -> Result<Option<Bytes>, CmafError> {
        let start_ms = self.start_ms.unwrap_or_default();
        let mut out = Vec::new();
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            let end = match next {
                Some((of, at)) if of == index => Some(at),
                // Nothing follows, so that what is guessed holds.
                None => lane.last.map(|last| last + i64::from(lane.step)),
                Some(_) => None,
            };
            // Without an end the last one waits for the next.
            let kept = usize::from(end.is_none());
            let count = lane.held.len().saturating_sub(kept);
            let frames: Vec<_> = lane.held.drain(..count).collect();
            let Some(first) = frames.first() else {
                continue;
            };
            let end = end.or_else(|| lane.held.front().map(|next| next.decode_time));
            let ends = frames.iter().skip(1).map(|frame| frame.decode_time);
            let ends = ends.chain(end);
            let timescale = lane.track.timescale();
            let base = start_ms * i64::from(timescale) / 1000;
            let time = u64::try_from(first.decode_time - base).unwrap_or(0);
            let samples: Vec<_> = frames
                .iter()
                .zip(ends)
                .map(|(frame, end)| Sample {
                    data: frame.data.clone(),
                    duration: u32::try_from(end - frame.decode_time).unwrap_or(lane.step),
                    composition_offset: i32::try_from(frame.composition_offset).unwrap_or(0),
                    sync: frame.sync,
                })
                .collect();
            self.held_bytes -= frames.iter().map(|frame| frame.data.len()).sum::<usize>();
            if let Some(end) = end {
                let reached = milliseconds(end - base, timescale);
                self.reached_ms = self.reached_ms.max(reached);
            }
            self.sequence += 1;
            // Tracks are numbered from 1, as there are few.
            let id = index as u32 + 1;
            out.extend_from_slice(&fragment_of_track(id, time, self.sequence, &samples)?);
        }
        Ok((!out.is_empty()).then(|| out.into()))
    }
}

#[cfg(test)]
#[path = "fragments_tests.rs"]
mod tests;
