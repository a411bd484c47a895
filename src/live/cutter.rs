//! Frames of one track to parts and segments.
//!
//! How long a frame lasts is known when the next one comes, so a track is one
//! frame behind. A part is closed before the frame with which it would be longer
//! than the part target: that is promised to players and never changes.

use crate::chunk::{Part, PartMeta};
use crate::cmaf::{CmafError, Sample, fragment};
use crate::live::frame::LiveFrame;

/// What a frame is taken to last at the end of a track that had only one: 1/25 s.
const LONE_FRAME_DIVISOR: u32 = 25;

/// One track on its way into segments.
pub(super) struct TrackCutter {
    timescale: u32,
    part_ticks: u32,
    /// Frames whose duration is known, of the part that is open.
    samples: Vec<Sample>,
    /// Ticks of `samples`.
    open_ticks: u32,
    /// The newest frame.
    last: Option<LiveFrame>,
    /// How long the frame before it lasted.
    last_duration: Option<u32>,
    /// When the open segment began.
    segment_start: i64,
    /// Ticks of the parts of the open segment that are closed.
    closed_ticks: u32,
}

impl TrackCutter {
    /// A track of `timescale` ticks a second whose parts last at most `part_ticks`.
    pub fn new(timescale: u32, part_ticks: u32) -> Self {
        Self {
            timescale,
            part_ticks,
            samples: Vec::new(),
            open_ticks: 0,
            last: None,
            last_duration: None,
            segment_start: 0,
            closed_ticks: 0,
        }
    }

    /// When the open segment began; `None` before the first frame.
    pub fn segment_start(&self) -> Option<i64> {
        self.last.as_ref().map(|_| self.segment_start)
    }

    /// The next frame. Gives the part that it ends, if it ends one.
    pub fn push(&mut self, frame: LiveFrame) -> Result<Option<Part>, CmafError> {
        let frame = self.in_order(frame);
        let time = frame.decode_time;
        let Some(before) = self.last.replace(frame) else {
            self.segment_start = time;
            return Ok(None);
        };
        let duration = u32::try_from(time - before.decode_time).unwrap_or(u32::MAX);
        self.last_duration = Some(duration);
        let ended = match self.open_ticks + duration > self.part_ticks {
            true => self.take_part()?,
            false => None,
        };
        self.samples.push(sample(before, duration));
        self.open_ticks += duration;
        Ok(ended)
    }

    /// A new segment begins with `frame`. Gives the last part of the one before and
    /// how long it was.
    pub fn begin(&mut self, frame: LiveFrame) -> Result<(Vec<Part>, u32), CmafError> {
        let start = self.in_order(frame.clone()).decode_time;
        let parts = self.push(frame)?.into_iter().chain(self.take_part()?);
        let parts = parts.collect();
        let ticks = std::mem::take(&mut self.closed_ticks);
        self.segment_start = start;
        Ok((parts, ticks))
    }

    /// No frame comes after the last. Gives what is left, how long the segment was,
    /// and when the track ends.
    pub fn end(&mut self) -> Result<(Vec<Part>, u32, i64), CmafError> {
        let mut parts = Vec::new();
        let mut end = self.segment_start;
        if let Some(last) = self.last.take() {
            let lone = self.timescale / LONE_FRAME_DIVISOR;
            let duration = self.last_duration.unwrap_or(lone);
            end = last.decode_time + i64::from(duration);
            if self.open_ticks + duration > self.part_ticks {
                parts.extend(self.take_part()?);
            }
            self.samples.push(sample(last, duration));
            self.open_ticks += duration;
        }
        parts.extend(self.take_part()?);
        Ok((parts, std::mem::take(&mut self.closed_ticks), end))
    }

    /// No frame comes after the last, which lasts until `end`. Gives what is left.
    pub fn end_at(&mut self, end: i64) -> Result<Vec<Part>, CmafError> {
        let mut parts = Vec::new();
        if let Some(last) = self.last.take() {
            let duration = u32::try_from(end - last.decode_time).unwrap_or(1).max(1);
            if self.open_ticks + duration > self.part_ticks {
                parts.extend(self.take_part()?);
            }
            self.samples.push(sample(last, duration));
            self.open_ticks += duration;
        }
        parts.extend(self.take_part()?);
        Ok(parts)
    }

    /// The frame, at least a tick after the last: a clock that trembles gives two
    /// the same time, or the later the earlier one. Shown it is when it would be.
    fn in_order(&self, mut frame: LiveFrame) -> LiveFrame {
        if let Some(last) = &self.last {
            let late = last.decode_time + 1 - frame.decode_time;
            if let Ok(late @ 1..) = u32::try_from(late) {
                frame.decode_time += i64::from(late);
                frame.composition_offset = frame.composition_offset.saturating_sub(late);
            }
        }
        frame
    }

    fn take_part(&mut self) -> Result<Option<Part>, CmafError> {
        let samples = std::mem::take(&mut self.samples);
        let ticks = std::mem::take(&mut self.open_ticks);
        let Some(first) = samples.first() else {
            return Ok(None);
        };
        let independent = first.sync;
        let data = fragment(self.closed_ticks.into(), 1, &samples)?;
        self.closed_ticks += ticks;
        let meta = PartMeta {
            bytes: u32::try_from(data.len()).unwrap_or(u32::MAX),
            ticks,
            independent,
        };
        Ok(Some(Part { meta, data }))
    }
}

fn sample(frame: LiveFrame, duration: u32) -> Sample {
    Sample {
        data: frame.data,
        duration,
        composition_offset: i32::try_from(frame.composition_offset).unwrap_or(i32::MAX),
        sync: frame.sync,
    }
}
