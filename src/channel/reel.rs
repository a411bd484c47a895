//! One video of a channel: its chunks, cut into segments.
//!
//! A segment is one or more chunks of pictures, so that it begins with a key frame, and
//! the sound of that time. Sound has a grid of its own: its frames are counted from the
//! beginning of the channel, so that it goes on without a gap over the seam of two
//! videos, however long these are; it stands up to half a frame (11 ms) beside its
//! pictures for that, never more.

use std::num::NonZeroU32;
use std::ops::Range;

use crate::chunk::ChunkKey;
use crate::partition::{Partition, PlacedChunk};
use crate::profile::{AAC_FRAME_SAMPLES, REORDER_FRAMES};
use crate::time::{FrameRate, Time};
use crate::timeline::Timeline;

/// A segment ends at the first chunk this long after its beginning. Chunks are 2 s long
/// at most, so no segment is longer than 3.5 s.
pub const LEAST_SEGMENT: Time = Time::from_seconds(1);

/// What would be shorter at a video's end belongs to the segment before.
pub const LEAST_TAIL: Time = Time::from_millis(500);

/// A chunk and which of its frames are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkUse {
    /// Its place among the chunks of its track.
    pub index: usize,
    /// Its key.
    pub key: ChunkKey,
    /// The frames, counted from its first.
    pub frames: Range<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Span {
    key: ChunkKey,
    frames: Range<u32>,
}

/// A stretch of sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// Its frames of AAC, counted from the video's first.
    pub frames: Range<u32>,
    /// When the first of them is decoded, in samples since the channel began.
    pub decode_time: u64,
}

/// A video as a channel plays it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reel {
    rate: FrameRate,
    frames: u32,
    sample_rate: Option<NonZeroU32>,
    video: Vec<Span>,
    audio: Vec<Span>,
    /// The first frame of each segment.
    segments: Vec<u32>,
}

impl Reel {
    /// The video of `timeline`, cut up as `partition` is. Smaller sizes are left out.
    pub fn of(timeline: &Timeline, partition: &Partition) -> Self {
        let rate = timeline.video.rate;
        let video = spans(&partition.video, rate.ticks_per_frame());
        let segments = segments(&video, rate, timeline.frames);
        Self {
            rate,
            frames: timeline.frames,
            sample_rate: timeline.audio.as_ref().map(|audio| audio.sample_rate),
            audio: spans(&partition.audio, AAC_FRAME_SAMPLES),
            video,
            segments,
        }
    }

    /// How long it lasts.
    pub fn duration(&self) -> Time {
        self.rate.frame_start(self.frames.into())
    }

    /// When each segment begins.
    pub fn starts(&self) -> Vec<Time> {
        let starts = self.segments.iter();
        starts
            .map(|frame| self.rate.frame_start(i64::from(*frame)))
            .collect()
    }

    /// How many chunks it has, of both tracks.
    pub fn chunks(&self) -> usize {
        self.video.len() + self.audio.len()
    }

    /// Whether it has sound.
    pub fn has_sound(&self) -> bool {
        self.sample_rate.is_some()
    }

    /// Whether `other` has the same frames and the same cuts, so that its segments can
    /// stand in the place of this one's.
    pub fn fits(&self, other: &Self) -> bool {
        let cuts = |reel: &Self| -> Vec<_> {
            let spans = reel.video.iter();
            spans.map(|span| span.frames.clone()).collect()
        };
        let length = |spans: &[Span]| spans.last().map(|last| last.frames.end);
        let looks = |reel: &Self| (reel.rate, reel.frames, reel.sample_rate);
        looks(self) == looks(other)
            && cuts(self) == cuts(other)
            && length(&self.audio) == length(&other.audio)
    }

    /// The pictures between two times of the video.
    pub fn pictures(&self, from: Time, to: Time) -> Range<u32> {
        let frame = |time: Time| {
            let frame = self.rate.frame_at_or_after(time).max(0);
            u32::try_from(frame).unwrap_or(u32::MAX).min(self.frames)
        };
        frame(from)..frame(to)
    }

    /// When picture `frame` is decoded, in ticks since the channel began, if the video
    /// began at `airing`.
    pub fn decode_time(&self, airing: Time, frame: u32) -> u64 {
        let clock = NonZeroU32::new(self.rate.timescale()).unwrap_or(NonZeroU32::MIN);
        let began = u64::try_from(airing.to_ticks(clock)).unwrap_or(0);
        began + u64::from(frame) * u64::from(self.rate.ticks_per_frame())
    }

    /// How long a picture is, in ticks.
    pub const fn picture_ticks(&self) -> u32 {
        self.rate.ticks_per_frame()
    }

    /// The sound between two times of the channel, if the video began at `airing`;
    /// `None` if it has none.
    pub fn sound(&self, airing: Time, from: Time, to: Time) -> Option<Sound> {
        let rate = self.sample_rate?;
        // Pictures are shown as much later as they are decoded.
        let delay = self.rate.frame_start(REORDER_FRAMES.into());
        let place = |time: Time| {
            let samples = i128::from((time + delay).to_ticks(rate).max(0));
            let frame = i128::from(AAC_FRAME_SAMPLES);
            u64::try_from((samples + frame / 2) / frame).unwrap_or(0)
        };
        let first = place(airing);
        let last = self.audio.last().map_or(0, |span| span.frames.end);
        let frame = |time: Time| {
            let frame = place(time).saturating_sub(first);
            u32::try_from(frame).unwrap_or(u32::MAX).min(last)
        };
        let frames = frame(from)..frame(to);
        Some(Sound {
            decode_time: (first + u64::from(frames.start)) * u64::from(AAC_FRAME_SAMPLES),
            frames,
        })
    }

    /// The chunks that have these pictures.
    pub fn video_uses(&self, frames: Range<u32>) -> Vec<ChunkUse> {
        uses(&self.video, &frames)
    }

    /// The chunks that have these frames of sound.
    pub fn audio_uses(&self, frames: Range<u32>) -> Vec<ChunkUse> {
        uses(&self.audio, &frames)
    }
}

fn spans(chunks: &[PlacedChunk], ticks_per_frame: u32) -> Vec<Span> {
    let frame =
        |ticks: u64| u32::try_from(ticks / u64::from(ticks_per_frame.max(1))).unwrap_or(u32::MAX);
    let span = |chunk: &PlacedChunk| Span {
        key: chunk.key,
        frames: frame(chunk.decode_time)..frame(chunk.decode_time + chunk.ticks),
    };
    chunks.iter().map(span).collect()
}

fn segments(video: &[Span], rate: FrameRate, frames: u32) -> Vec<u32> {
    let least = rate.frame_at_or_after(LEAST_SEGMENT);
    let tail = rate.frame_at_or_after(LEAST_TAIL);
    let mut starts = vec![0];
    let mut last = 0;
    for span in video.iter().skip(1) {
        let start = span.frames.start;
        let lasted = i64::from(start - last);
        if lasted >= least && i64::from(frames.saturating_sub(start)) >= tail {
            starts.push(start);
            last = start;
        }
    }
    starts
}

fn uses(spans: &[Span], wanted: &Range<u32>) -> Vec<ChunkUse> {
    let first = spans.partition_point(|span| span.frames.end <= wanted.start);
    let found = spans.iter().enumerate().skip(first);
    let found = found.take_while(|(_, span)| span.frames.start < wanted.end);
    let used = found.map(|(index, span)| {
        let from = wanted.start.max(span.frames.start) - span.frames.start;
        let to = wanted.end.min(span.frames.end) - span.frames.start;
        ChunkUse {
            index,
            key: span.key,
            frames: from..to,
        }
    });
    used.collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::digest::Digest;

    fn key(name: &str) -> ChunkKey {
        ChunkKey::new(Digest::of(name.as_bytes()))
    }

    /// A video at 25 pictures a second whose chunks end at these frames, with sound of
    /// 48 kHz in chunks of 100 frames.
    pub fn reel(ends: &[u32]) -> Reel {
        let rate = FrameRate::new(25, 1).expect("a rate");
        let frames = *ends.last().expect("one at least");
        let mut start = 0;
        let video = ends.iter().map(|end| {
            let frames = start..*end;
            start = *end;
            Span {
                key: key(&format!("picture {end}")),
                frames,
            }
        });
        let video: Vec<_> = video.collect();
        // 1920 samples a picture.
        let sound = (frames * 1920).div_ceil(AAC_FRAME_SAMPLES);
        let audio = (0..sound.div_ceil(100)).map(|chunk| Span {
            key: key(&format!("sound {chunk}")),
            frames: chunk * 100..((chunk + 1) * 100).min(sound),
        });
        Reel {
            rate,
            frames,
            sample_rate: NonZeroU32::new(48_000),
            audio: audio.collect(),
            segments: segments(&video, rate, frames),
            video,
        }
    }

    #[test]
    fn a_segment_is_a_second_of_chunks_or_more_and_no_tail_is_left_over() {
        for (ends, starts) in [
            // The short first chunk goes with the next.
            (&[8, 58, 108, 158][..], &[0, 58, 108][..]),
            (&[50, 100], &[0, 50]),
            // 12 frames are less than half a second, 13 are more.
            (&[50, 62], &[0]),
            (&[50, 63], &[0, 50]),
            (&[10, 20, 30, 40, 50], &[0, 30]),
            (&[8], &[0]),
        ] {
            assert_eq!(reel(ends).segments, starts, "{ends:?}");
        }
    }

    #[test]
    fn what_is_asked_of_chunks_is_all_frames_once() {
        let reel = reel(&[8, 58, 108]);
        let uses = reel.video_uses(5..60);
        let found: Vec<_> = uses
            .iter()
            .map(|used| (used.index, used.frames.clone()))
            .collect();
        assert_eq!(found, [(0, 5..8), (1, 0..50), (2, 0..2)]);
        assert!(reel.video_uses(8..8).is_empty());
        assert_eq!(reel.audio_uses(99..101).len(), 2);
    }

    #[test]
    fn sound_goes_on_over_every_seam_and_stays_with_its_pictures() {
        // 2.32 s, no whole number of frames of sound.
        let reel = reel(&[8, 58]);
        let half = i64::from(AAC_FRAME_SAMPLES / 2);
        let mut next = None;
        for airing in 0..1_000 {
            let start = reel.duration() * airing;
            let sound = reel
                .sound(start, start, start + reel.duration())
                .expect("sound");
            assert_eq!(sound.frames.start, 0);
            assert!(
                next.is_none_or(|next| next == sound.decode_time),
                "airing {airing}"
            );
            let lasted = u64::from(sound.frames.end * AAC_FRAME_SAMPLES);
            next = Some(sound.decode_time + lasted);
            // Shown two pictures (3840 samples) after it is decoded.
            let pictures = airing * 58 * 1920 + 3840;
            assert!(
                (sound.decode_time as i64 - pictures).abs() <= half,
                "airing {airing}"
            );
        }
    }

    #[test]
    fn the_pictures_of_an_airing_follow_those_of_the_one_before() {
        let reel = reel(&[8, 58]);
        for airing in [0, 1, 77, 1 << 20] {
            let start = reel.duration() * airing;
            assert_eq!(reel.decode_time(start, 3), (airing as u64 * 58 + 3) * 3600);
        }
        assert_eq!(reel.pictures(Time::ZERO, Time::from_millis(100)), 0..3);
        assert_eq!(reel.pictures(Time::from_millis(80), reel.duration()), 2..58);
    }

    #[test]
    fn what_is_cut_otherwise_or_is_of_another_length_does_not_fit() {
        let (one, same) = (reel(&[8, 58]), reel(&[8, 58]));
        assert!(one.fits(&same));
        for other in [reel(&[9, 58]), reel(&[8, 59])] {
            assert!(!one.fits(&other));
        }
        let silent = Reel {
            sample_rate: None,
            audio: Vec::new(),
            ..same
        };
        assert!(!one.fits(&silent));
    }
}
