//! Frames of one track to parts and segments.
//!
//! How long a frame lasts is known when the next one comes, so a track is one
//! frame behind. A part is closed before the frame with which it would be longer
//! than the part target: that is promised to players and never changes.

use crate::chunk::{Part, PartMeta};
use crate::cmaf::{CmafError, Sample, fragment};
use crate::live::frame::LiveFrame;
use crate::live::segmenter::Cutting;

/// What a frame is taken to last at the end of a track that had only one: 1/25 s.
const LONE_FRAME_DIVISOR: u32 = 25;

/// Bytes of frames of a part that is open: a third of a second at 200 Mbit/s. With more,
/// it is closed before it is as long as it may be.
const MAX_PART_BYTES: usize = 8 << 20;

/// Frames of such a part, whatever their times say; the same.
const MAX_PART_FRAMES: usize = 4_096;

/// One track on its way into segments.
pub(super) struct TrackCutter {
    timescale: u32,
    part_ticks: u32,
    /// The longest segment.
    longest_ticks: u32,
    /// Frames whose duration is known, of the part that is open.
    samples: Vec<Sample>,
    /// Ticks of `samples`.
    open_ticks: u32,
    /// Bytes of `samples`.
    open_bytes: usize,
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
    /// A track of `timescale` ticks a second.
    pub fn new(timescale: u32, cutting: Cutting) -> Self {
        Self {
            timescale,
            part_ticks: cutting.part.ticks(timescale),
            longest_ticks: cutting.listable_ticks(timescale),
            samples: Vec::new(),
            open_ticks: 0,
            open_bytes: 0,
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

    /// How long the open segment is before a frame at `time`; `None` before the first.
    pub fn lasted(&self, time: i64) -> Option<i64> {
        let last = self.last.as_ref()?;
        let time = time.max(last.decode_time.saturating_add(1));
        Some(time.saturating_sub(self.segment_start))
    }

    /// The next frame. Gives the part that it ends, if it ends one.
    pub fn push(&mut self, frame: LiveFrame) -> Result<Option<Part>, CmafError> {
        let frame = self.in_order(frame);
        let time = frame.decode_time;
        let Some(before) = self.last.replace(frame) else {
            self.segment_start = time;
            return Ok(None);
        };
        let lasted = u32::try_from(time - before.decode_time).unwrap_or(u32::MAX);
        let (ended, duration) = self.add(before, lasted)?;
        self.last_duration = Some(duration);
        Ok(ended)
    }

    /// Adds a frame that lasted so long to the open part, or to the next if this is full
    /// by it; gives the one that is. Also how long it is said to last: no longer than is
    /// promised of the segment, and what remains is a hole before the next.
    fn add(&mut self, frame: LiveFrame, lasted: u32) -> Result<(Option<Part>, u32), CmafError> {
        let taken = self.closed_ticks.saturating_add(self.open_ticks);
        let left = self.longest_ticks.saturating_sub(taken);
        let duration = lasted.min(left).max(1);
        let full = self.open_ticks.saturating_add(duration) > self.part_ticks
            || self.open_bytes + frame.data.len() > MAX_PART_BYTES
            || self.samples.len() >= MAX_PART_FRAMES;
        let ended = if full { self.take_part()? } else { None };
        self.open_ticks = self.open_ticks.saturating_add(duration);
        self.open_bytes += frame.data.len();
        self.samples.push(sample(frame, duration));
        Ok((ended, duration))
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
            let time = last.decode_time;
            let (ended, duration) = self.add(last, self.last_duration.unwrap_or(lone))?;
            end = time.saturating_add(duration.into());
            parts.extend(ended);
        }
        parts.extend(self.take_part()?);
        Ok((parts, std::mem::take(&mut self.closed_ticks), end))
    }

    /// No frame comes after the last, which lasts until `end`. Gives what is left.
    pub fn end_at(&mut self, end: i64) -> Result<Vec<Part>, CmafError> {
        let mut parts = Vec::new();
        if let Some(last) = self.last.take() {
            let lasted = u32::try_from(end.saturating_sub(last.decode_time)).unwrap_or(1);
            parts.extend(self.add(last, lasted)?.0);
        }
        parts.extend(self.take_part()?);
        Ok(parts)
    }

    /// The frame, at least a tick after the last: a clock that trembles gives two
    /// the same time, or the later the earlier one. Shown it is when it would be.
    fn in_order(&self, mut frame: LiveFrame) -> LiveFrame {
        if let Some(last) = &self.last {
            let next = last.decode_time.saturating_add(1);
            let late = next.saturating_sub(frame.decode_time);
            if late > 0 {
                // Steps that are little each may go back as far as they like together.
                let late = u32::try_from(late).unwrap_or(u32::MAX);
                frame.decode_time = next;
                frame.composition_offset = frame.composition_offset.saturating_sub(late);
            }
        }
        frame
    }

    fn take_part(&mut self) -> Result<Option<Part>, CmafError> {
        let samples = std::mem::take(&mut self.samples);
        let ticks = std::mem::take(&mut self.open_ticks);
        self.open_bytes = 0;
        let Some(first) = samples.first() else {
            return Ok(None);
        };
        let independent = first.sync;
        let data = fragment(self.closed_ticks.into(), 1, &samples)?;
        self.closed_ticks = self.closed_ticks.saturating_add(ticks);
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
