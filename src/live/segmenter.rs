//! Break frames: where one segment of a live stream ends and the next begins.
//!
//! Each frame is asked, as it comes: does the stream break off here, or is the
//! interval over and can decoding begin here? Pictures decide; the sound changes
//! over at its first frame that begins no earlier. A stream of sound alone breaks
//! by the interval.
//!
//! Pure: frames in, [`Cut`]s out. What becomes of them is the stream's business.

use std::collections::VecDeque;

use crate::chunk::Part;
use crate::cmaf::CmafError;
use crate::live::cutter::TrackCutter;
use crate::live::frame::{LiveFrame, LiveTrack, milliseconds};
use crate::live::part_target::PartTarget;

/// How long sound waits to know whether pictures break before it: more than any
/// muxer lets the two drift apart.
const AUDIO_HOLD_MS: i64 = 1_000;

/// Frames of sound that are held at most, whatever their times say.
const MAX_HELD_FRAMES: usize = 256;

/// Their bytes: far more than a second of sound has.
const MAX_HELD_BYTES: usize = 4 << 20;

/// Segments by which sound may lag behind: one that is gone does not come back
/// with a segment for each that it missed.
const MAX_BREAKS: usize = 8;

/// When to cut. Fixed for a stream's life, as playlists promise it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cutting {
    /// A segment ends at the first key frame this long after its beginning.
    pub segment_ms: u32,
    /// No segment is longer, key frame or not.
    pub longest_ms: u32,
    /// No part is longer.
    pub part: PartTarget,
}

impl Cutting {
    /// The target duration that playlists promise, in seconds.
    pub const fn target_duration_s(&self) -> u32 {
        self.longest_ms.div_ceil(1000)
    }

    /// The longest segment that can be listed under it, where lengths are rounded
    /// (rfc8216bis, 4.4.3.1), in milliseconds.
    const fn listable_ms(&self) -> u32 {
        self.target_duration_s() * 1000 + 499
    }

    /// The same in ticks of a clock of `timescale` a second.
    pub(super) fn listable_ticks(&self, timescale: u32) -> u32 {
        let ticks = u64::from(self.listable_ms()) * u64::from(timescale) / 1000;
        u32::try_from(ticks).unwrap_or(u32::MAX)
    }
}

/// Ticks a second of the tracks that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// Of the pictures.
    pub video: Option<u32>,
    /// Of the sound.
    pub audio: Option<u32>,
}

/// What becomes of a stream's frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// A segment of a track begins.
    Opened {
        /// Of which track.
        track: LiveTrack,
        /// When its first sample is decoded, in ticks.
        decode_time: i64,
    },
    /// The next part of the segment that began last.
    Part {
        /// Of which track.
        track: LiveTrack,
        /// Its decode times count from the segment's beginning.
        part: Part,
    },
    /// The segment that began last is whole.
    Closed {
        /// Of which track.
        track: LiveTrack,
        /// How long it is, in ticks.
        ticks: u32,
    },
}

/// What is left when a stream breaks off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// The last parts and segments.
    pub cuts: Vec<Cut>,
    /// When each track ends, in ticks of its clock.
    pub ends: Vec<(LiveTrack, i64)>,
}

/// One uninterrupted stretch of a stream, on its way into segments.
pub struct Segmenter {
    cutting: Cutting,
    clocks: Clocks,
    video: Option<TrackCutter>,
    audio: Option<TrackCutter>,
    /// When the pictures' segments begin to which the sound has not changed over
    /// yet, in milliseconds.
    breaks: VecDeque<i64>,
    held: VecDeque<LiveFrame>,
    held_bytes: usize,
    /// The newest picture, in milliseconds.
    seen_ms: i64,
    started: bool,
}

impl Segmenter {
    /// Cuts a stream of these tracks.
    pub fn new(cutting: Cutting, clocks: Clocks) -> Self {
        let cutter = |timescale: u32| TrackCutter::new(timescale, cutting);
        Self {
            cutting,
            clocks,
            video: clocks.video.map(cutter),
            audio: clocks.audio.map(cutter),
            breaks: VecDeque::new(),
            held: VecDeque::new(),
            held_bytes: 0,
            seen_ms: i64::MIN,
            started: false,
        }
    }

    /// The next frame, and what follows from it. Frames before the first key frame,
    /// and of a track that there is not, are left out.
    pub fn push(&mut self, frame: LiveFrame) -> Result<Vec<Cut>, CmafError> {
        let mut cuts = Vec::new();
        match frame.track {
            LiveTrack::Video => self.picture(frame, &mut cuts)?,
            LiveTrack::Audio => {
                self.held_bytes += frame.data.len();
                self.held.push_back(frame);
                self.release(false, &mut cuts)?;
            }
            // They are cut where the pictures are.
            _ => {}
        }
        Ok(cuts)
    }

    /// The stream breaks off: all that is left, and when each track ends.
    pub fn end(&mut self) -> Result<Ending, CmafError> {
        let mut cuts = Vec::new();
        self.release(true, &mut cuts)?;
        let mut ends = Vec::new();
        for track in LiveTrack::ALL {
            let Some(cutter) = self.cutter(track) else {
                continue;
            };
            if cutter.segment_start().is_none() {
                continue;
            }
            let (parts, ticks, end) = cutter.end()?;
            cuts.extend(parts.into_iter().map(|part| Cut::Part { track, part }));
            cuts.push(Cut::Closed { track, ticks });
            ends.push((track, end));
        }
        Ok(Ending { cuts, ends })
    }

    fn picture(&mut self, frame: LiveFrame, cuts: &mut Vec<Cut>) -> Result<(), CmafError> {
        let Some(timescale) = self.clocks.video else {
            return Ok(());
        };
        let now = milliseconds(frame.decode_time, timescale);
        if !self.started {
            if !frame.sync {
                return Ok(());
            }
            self.started = true;
            self.breaks.push_back(now);
        }
        let sync = frame.sync;
        let due = self.is_due(LiveTrack::Video, frame.decode_time, sync, timescale);
        if due {
            self.breaks.push_back(now);
            if self.breaks.len() > MAX_BREAKS {
                self.breaks.pop_front();
            }
        }
        self.seen_ms = self.seen_ms.max(now);
        self.take(frame, due, cuts)?;
        self.release(false, cuts)
    }

    /// Whether the segment of `track` ends before a frame at `time`.
    fn is_due(&mut self, track: LiveTrack, time: i64, sync: bool, timescale: u32) -> bool {
        let cutting = self.cutting;
        // A frame that comes a little early is near enough to the interval.
        let interval_ms =
            cutting.segment_ms - (cutting.part.milliseconds() / 8).min(cutting.segment_ms);
        let over = sync && self.has_lasted(track, time, interval_ms, timescale);
        over || self.has_lasted(track, time, cutting.longest_ms, timescale)
    }

    /// Whether the segment of `track` is as long as that before a frame at `time`.
    fn has_lasted(&mut self, track: LiveTrack, time: i64, ms: u32, timescale: u32) -> bool {
        let lasted = self.cutter(track).and_then(|cutter| cutter.lasted(time));
        let ticks = i64::from(ms) * i64::from(timescale) / 1000;
        lasted.is_some_and(|lasted| lasted >= ticks)
    }

    /// Lets go of the sound of which it is known where it belongs.
    fn release(&mut self, all: bool, cuts: &mut Vec<Cut>) -> Result<(), CmafError> {
        let Some(timescale) = self.clocks.audio else {
            self.held.clear();
            self.held_bytes = 0;
            return Ok(());
        };
        let with_pictures = self.clocks.video.is_some();
        while let Some(frame) = self.held.front() {
            let now = milliseconds(frame.decode_time, timescale);
            let newest = self
                .held
                .back()
                .map_or(now, |newest| milliseconds(newest.decode_time, timescale));
            let known = !with_pictures || now < self.seen_ms;
            let late = newest - now > AUDIO_HOLD_MS
                || self.held.len() > MAX_HELD_FRAMES
                || self.held_bytes > MAX_HELD_BYTES;
            if !(known || late || all) {
                break;
            }
            let Some(frame) = self.held.pop_front() else {
                break;
            };
            self.held_bytes -= frame.data.len();
            let due = match with_pictures {
                // Nothing is shown yet: what is heard before is not kept.
                true if !self.started => continue,
                true => self.changes_over(now, frame.decode_time, timescale),
                false => Some(self.is_due(LiveTrack::Audio, frame.decode_time, true, timescale)),
            };
            if let Some(due) = due {
                self.take(frame, due, cuts)?;
            }
        }
        Ok(())
    }

    /// Whether sound at `now`, in milliseconds, which is `time` in ticks, belongs to a new
    /// segment; `None` if it comes before the first picture.
    fn changes_over(&mut self, now: i64, time: i64, timescale: u32) -> Option<bool> {
        let begun = self.audio.as_ref()?.segment_start().is_some();
        match self.breaks.front() {
            Some(at) if now >= *at => {
                self.breaks.pop_front();
                Some(begun)
            }
            // It may come long after, or never: pictures may stand still for as long as
            // they like.
            pending => {
                let longest_ms = match pending {
                    Some(_) => self.cutting.listable_ms(),
                    None => self.cutting.longest_ms,
                };
                begun.then(|| self.has_lasted(LiveTrack::Audio, time, longest_ms, timescale))
            }
        }
    }

    fn take(&mut self, frame: LiveFrame, due: bool, cuts: &mut Vec<Cut>) -> Result<(), CmafError> {
        let (track, decode_time) = (frame.track, frame.decode_time);
        let Some(cutter) = self.cutter(track) else {
            return Ok(());
        };
        let first = cutter.segment_start().is_none();
        if due {
            let (parts, ticks) = cutter.begin(frame)?;
            cuts.extend(parts.into_iter().map(|part| Cut::Part { track, part }));
            cuts.push(Cut::Closed { track, ticks });
        } else if let Some(part) = cutter.push(frame)? {
            cuts.push(Cut::Part { track, part });
        }
        if due || first {
            cuts.push(Cut::Opened { track, decode_time });
        }
        Ok(())
    }

    fn cutter(&mut self, track: LiveTrack) -> Option<&mut TrackCutter> {
        match track {
            LiveTrack::Video => self.video.as_mut(),
            LiveTrack::Audio => self.audio.as_mut(),
            _ => None,
        }
    }
}

#[cfg(test)]
#[path = "segmenter_tests.rs"]
mod tests;
