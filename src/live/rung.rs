//! A rung's pictures to parts and segments: cut where its source is cut, so that each
//! segment of a rung has the number, the times and the length of its source's.
//!
//! Pictures of a rung come later than their source's, in the order in which they are
//! shown, and none is shown later than it is decoded by more or less than the source's
//! first picture of the same segment. A segment of which a picture is missing is missing
//! altogether: it is told of as a gap, and never holds up those after it.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::chunk::Part;
use crate::cmaf::CmafError;
use crate::live::cutter::TrackCutter;
use crate::live::frame::{LiveFrame, LiveTrack};
use crate::live::segmenter::Cutting;

/// Segments by which a rung may be behind its source. More are missing.
pub const MAX_BEHIND: usize = 3;

/// A segment of the source, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceSegment {
    /// Its number.
    pub number: u64,
    /// When its first picture is decoded.
    pub decode_time: i64,
    /// When that is shown.
    pub shown: i64,
}

/// What becomes of a rung's pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RungCut {
    /// The segment with this number of the source begins.
    Opened(u64),
    /// The next part of it; its decode times count from the segment's beginning.
    Part(Part),
    /// It is whole, so many ticks long.
    Closed(i64),
    /// There is nothing of the segment with this number, or it is of no use, and would
    /// have been so many ticks long.
    Missing(u64, i64),
}

/// What there is of the oldest segment that is not over.
enum Current {
    /// Nothing yet.
    Awaited,
    /// Its pictures up to now.
    Open(TrackCutter),
    /// Something is missing.
    Broken,
}

/// One rung on its way into segments.
pub struct RungCutter {
    track: LiveTrack,
    timescale: u32,
    cutting: Cutting,
    /// The segments of the source that are not over in the rung.
    segments: VecDeque<SourceSegment>,
    /// Those of them of which something is missing, beside the oldest.
    broken: Vec<u64>,
    current: Current,
}

impl RungCutter {
    /// A rung of `timescale` ticks a second cut as its source.
    pub fn new(track: LiveTrack, timescale: u32, cutting: Cutting) -> Self {
        Self {
            track,
            timescale,
            cutting,
            segments: VecDeque::new(),
            broken: Vec::new(),
            current: Current::Awaited,
        }
    }

    /// The next segment of the source begins.
    pub fn opens(&mut self, segment: SourceSegment) -> Result<Vec<RungCut>, CmafError> {
        let mut cuts = Vec::new();
        // One that came to nothing gave its number to this.
        while let Some(last) = self.segments.back()
            && last.number >= segment.number
        {
            self.segments.pop_back();
        }
        if self.segments.is_empty() {
            self.current = Current::Awaited;
        }
        self.segments.push_back(segment);
        while self.segments.len() > MAX_BEHIND + 1 {
            self.current = Current::Broken;
            self.advance(&mut cuts)?;
        }
        Ok(cuts)
    }

    /// Something of segment `number` is missing, or will be.
    pub fn lost(&mut self, number: u64) {
        match self.segments.front() {
            Some(front) if front.number == number => self.current = Current::Broken,
            Some(front) if front.number < number => self.broken.push(number),
            _ => {}
        }
    }

    /// The next picture, shown at `shown`. One of a segment that is over is left out.
    pub fn picture(
        &mut self,
        shown: i64,
        key: bool,
        data: Bytes,
    ) -> Result<Vec<RungCut>, CmafError> {
        let mut cuts = Vec::new();
        while self.segments.get(1).is_some_and(|next| shown >= next.shown) {
            self.advance(&mut cuts)?;
        }
        let Some(front) = self.segments.front().copied() else {
            return Ok(cuts);
        };
        if shown < front.shown {
            return Ok(cuts);
        }
        if matches!(self.current, Current::Awaited) {
            // Players may begin with any segment.
            if shown != front.shown || !key {
                self.current = Current::Broken;
                return Ok(cuts);
            }
            cuts.push(RungCut::Opened(front.number));
            self.current = Current::Open(TrackCutter::new(self.timescale, self.cutting));
        }
        if let Current::Open(cutter) = &mut self.current {
            let offset = front.shown - front.decode_time;
            let part = cutter.push(LiveFrame {
                track: self.track,
                decode_time: shown - offset,
                composition_offset: u32::try_from(offset).unwrap_or(0),
                sync: key,
                data,
            })?;
            cuts.extend(part.map(RungCut::Part));
        }
        Ok(cuts)
    }

    /// The source has ended at `end`: all that is left.
    pub fn ends(&mut self, end: i64) -> Result<Vec<RungCut>, CmafError> {
        let mut cuts = Vec::new();
        while self.segments.len() > 1 {
            self.advance(&mut cuts)?;
        }
        self.close(end, &mut cuts)?;
        self.segments.clear();
        self.broken.clear();
        Ok(cuts)
    }

    /// The oldest segment is over, as the next has begun.
    fn advance(&mut self, cuts: &mut Vec<RungCut>) -> Result<(), CmafError> {
        let Some(next) = self.segments.get(1).copied() else {
            return Ok(());
        };
        self.close(next.decode_time, cuts)?;
        self.segments.pop_front();
        self.broken.retain(|number| *number >= next.number);
        if self.broken.first() == Some(&next.number) {
            self.current = Current::Broken;
        }
        Ok(())
    }

    fn close(&mut self, end: i64, cuts: &mut Vec<RungCut>) -> Result<(), CmafError> {
        let Some(front) = self.segments.front() else {
            return Ok(());
        };
        let ticks = end - front.decode_time;
        match std::mem::replace(&mut self.current, Current::Awaited) {
            Current::Open(mut cutter) => {
                let parts = cutter.end_at(end)?;
                cuts.extend(parts.into_iter().map(RungCut::Part));
                cuts.push(RungCut::Closed(ticks));
            }
            Current::Awaited | Current::Broken => cuts.push(RungCut::Missing(front.number, ticks)),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::part_target::PartTarget;

    const CLOCK: u32 = 90_000;
    /// One picture of 25 a second; a segment has 50.
    const PICTURE: i64 = 3600;
    const SEGMENT: i64 = 50 * PICTURE;
    /// As with two B-frames.
    const OFFSET: i64 = 2 * PICTURE;

    fn source(number: u64) -> SourceSegment {
        let decode_time = (number as i64 - 1) * SEGMENT;
        SourceSegment {
            number,
            decode_time,
            shown: decode_time + OFFSET,
        }
    }

    /// Segments of two seconds, and parts of 400 ms.
    fn cutting() -> Cutting {
        Cutting {
            segment_ms: 2_000,
            longest_ms: 4_000,
            part: PartTarget::new(400).expect("allowed"),
        }
    }

    struct Rung(RungCutter, Vec<RungCut>);

    impl Rung {
        fn new() -> Self {
            let cutter = RungCutter::new(LiveTrack::RUNGS[0], CLOCK, cutting());
            Self(cutter, Vec::new())
        }

        fn opens(&mut self, number: u64) {
            let cuts = self.0.opens(source(number)).expect("cuts");
            self.1.extend(cuts);
        }

        fn pictures(&mut self, of: std::ops::Range<i64>) {
            for index in of {
                let shown = index * PICTURE + OFFSET;
                let data = Bytes::from_static(&[1]);
                let cuts = self.0.picture(shown, index % 50 == 0, data);
                self.1.extend(cuts.expect("cuts"));
            }
        }

        fn ends(&mut self, pictures: i64) {
            let cuts = self.0.ends(pictures * PICTURE).expect("cuts");
            self.1.extend(cuts);
        }

        /// Each segment, with how long its parts are together.
        fn segments(&self) -> Vec<(u64, Option<i64>)> {
            let (mut segments, mut number, mut parts) = (Vec::new(), 0, 0);
            for cut in &self.1 {
                match cut {
                    RungCut::Opened(opened) => (number, parts) = (*opened, 0),
                    RungCut::Part(part) => {
                        assert!(part.meta.ticks <= 36_000);
                        parts += i64::from(part.meta.ticks);
                    }
                    RungCut::Closed(ticks) => {
                        assert_eq!(parts, *ticks);
                        segments.push((number, Some(parts)));
                    }
                    RungCut::Missing(number, ticks) => {
                        assert_eq!(*ticks, SEGMENT);
                        segments.push((*number, None));
                    }
                }
            }
            segments
        }
    }

    #[test]
    fn a_rung_has_its_sources_segments() {
        let mut rung = Rung::new();
        // It is behind by some pictures, and by one segment.
        rung.opens(1);
        rung.opens(2);
        rung.pictures(0..60);
        rung.opens(3);
        rung.pictures(60..120);
        rung.ends(120);
        let expected = [
            (1, Some(SEGMENT)),
            (2, Some(SEGMENT)),
            (3, Some(20 * PICTURE)),
        ];
        assert_eq!(rung.segments(), expected);
    }

    #[test]
    fn a_segment_of_which_something_is_missing_is_a_gap_and_the_next_is_whole() {
        let mut rung = Rung::new();
        (1..=4).for_each(|number| rung.opens(number));
        rung.pictures(0..20);
        rung.0.lost(1);
        rung.pictures(30..110);
        // Said before it comes, as by who leaves it out.
        rung.0.lost(4);
        rung.pictures(110..200);
        rung.ends(200);
        let expected = [(1, None), (2, Some(SEGMENT)), (3, Some(SEGMENT)), (4, None)];
        assert_eq!(rung.segments(), expected);
    }

    #[test]
    fn a_segment_begins_with_its_first_picture_and_that_is_a_key_frame() {
        let mut rung = Rung::new();
        (1..=3).for_each(|number| rung.opens(number));
        rung.pictures(1..150);
        rung.ends(150);
        assert_eq!(rung.segments()[0], (1, None));
        assert_eq!(
            rung.segments()[1..],
            [(2, Some(SEGMENT)), (3, Some(SEGMENT))]
        );
    }

    #[test]
    fn one_that_is_too_far_behind_gives_up_its_oldest_segments() {
        let mut rung = Rung::new();
        rung.opens(1);
        rung.pictures(0..30);
        (2..=5).for_each(|number| rung.opens(number));
        assert_eq!(rung.segments(), [(1, None)]);
        // What comes of it now is of no use.
        rung.pictures(30..250);
        rung.ends(250);
        let whole = rung.segments()[1..]
            .iter()
            .all(|(_, parts)| parts.is_some());
        assert!(whole && rung.segments().len() == 5, "{:?}", rung.segments());
    }
}
