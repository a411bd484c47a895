//! The audio chunks: whole AAC frames on a grid of their own.

use std::ops::Range;

use crate::chunk::spec::{AudioSpec, GainPoint, Stretch, UNITY_GAIN};
use crate::chunk::{ChunkSpec, LOOKAHEAD_FRAMES, PREROLL_FRAMES};
use crate::partition::cuts::{audio_cuts, within};
use crate::partition::{Partitioning, PlacedChunk};
use crate::profile::{AAC_FRAME_SAMPLES, AudioProfile};
use crate::time::Time;
use crate::timeline::{Timeline, Voice};

/// The longest audio chunk as a multiple of the longest video chunk: the
/// encoder's rate control begins anew with each, which costs quality, and
/// sound is so cheap to render that reuse gains little from shorter ones.
const LENGTH_FACTOR: i64 = 2;

/// All audio chunks of the timeline.
pub(super) fn chunks(timeline: &Timeline, partitioning: &Partitioning) -> Vec<PlacedChunk> {
    let Some(profile) = &timeline.audio else {
        return Vec::new();
    };
    let grid = Grid::new(timeline, profile);
    let max = nearest(profile.sample_at(partitioning.chunk_max * LENGTH_FACTOR)).max(1);
    let min = (max / 8).max(1);
    let to_frame = |time: Time| nearest(profile.sample_at(time) - grid.base);
    let whole = audio_cuts(timeline, grid.whole, to_frame, min, max);
    let mut chunks: Vec<PlacedChunk> = within(&whole, grid.shown.clone(), min)
        .windows(2)
        .map(|cut| chunk(timeline, profile, &grid, cut[0], cut[1]))
        .collect();
    chunks.retain(|chunk| chunk.ticks > 0);
    chunks
}

/// Where AAC frames begin. An excerpt that begins where a frame of the whole does has
/// the whole's frames, any other has frames of its own.
struct Grid {
    /// The sample of the whole at which frame 0 begins.
    base: i64,
    /// How many frames there are to the end of the whole.
    whole: u32,
    /// The frames that are heard.
    shown: Range<u32>,
    /// The first sample of the whole that is not heard any more.
    end: i64,
}

impl Grid {
    fn new(timeline: &Timeline, profile: &AudioProfile) -> Self {
        let rate = timeline.video.rate;
        let sample = |frame: u32| profile.sample_at(rate.frame_start(i64::from(frame)));
        let shown = timeline.shown();
        let (first, end) = (sample(shown.start), sample(shown.end));
        let base = if first % frame_samples() == 0 {
            0
        } else {
            first
        };
        let until = |sample: i64| {
            let samples = sample - base;
            to_u32(samples.div_euclid(frame_samples()) + i64::from(samples % frame_samples() != 0))
        };
        let start = until(first);
        let last = until(end).max(start + 1);
        Self {
            base,
            whole: until(sample(timeline.excerpt.of)).max(last),
            shown: start..last,
            end,
        }
    }

    fn sample(&self, frame: u32) -> i64 {
        self.base + i64::from(frame) * frame_samples()
    }
}

fn nearest(samples: i64) -> u32 {
    to_u32((samples + frame_samples() / 2).div_euclid(frame_samples()))
}

fn chunk(
    timeline: &Timeline,
    profile: &AudioProfile,
    grid: &Grid,
    start: u32,
    end: u32,
) -> PlacedChunk {
    let origin = grid.sample(start);
    // All that the encoder hears is part of what it makes of the chunk.
    let from = origin - i64::from(PREROLL_FRAMES) * frame_samples();
    let to = grid
        .sample(end.saturating_add(LOOKAHEAD_FRAMES))
        .min(grid.end);
    let heard = |voice: &&Voice| stretch(voice, profile, origin, from, to).is_some();
    let voices = timeline
        .voices
        .iter()
        .filter_map(|voice| stretch(voice, profile, origin, from, to))
        .collect();
    let dynamic = timeline
        .voices
        .iter()
        .filter(|voice| voice.dynamic)
        .any(|voice| heard(&voice));
    let frames = end - start;
    let spec = ChunkSpec::Audio(AudioSpec {
        profile: profile.clone(),
        frames,
        voices,
    });
    PlacedChunk {
        key: spec.key(),
        spec,
        decode_time: u64::from(start - grid.shown.start) * u64::from(AAC_FRAME_SAMPLES),
        ticks: u64::from(frames) * u64::from(AAC_FRAME_SAMPLES),
        dynamic,
        shared_layers: 0,
    }
}

/// The stretch of `voice` heard between the timeline's samples `from` and
/// `to`, counted from `origin`; `None` when none is.
fn stretch(
    voice: &Voice,
    profile: &AudioProfile,
    origin: i64,
    from: i64,
    to: i64,
) -> Option<Stretch> {
    let voice_start = profile.sample_at(voice.start);
    let voice_end = profile.sample_at(voice.start + voice.length);
    let (start, end) = (voice_start.max(from), voice_end.min(to));
    if start >= end || voice.volume.is_never_above(0.0) {
        return None;
    }
    let gain = gain(voice, profile, start, end);
    if gain.iter().all(|point| point.gain == 0) {
        return None;
    }
    Some(Stretch {
        asset: voice.asset,
        start: start - origin,
        end: end - origin,
        from: profile.sample_at(voice.trim) + (start - voice_start),
        gain: gain
            .into_iter()
            .map(|point| GainPoint {
                at: point.at - origin,
                ..point
            })
            .collect(),
        label: voice.label.clone(),
    })
}

/// The corners of the voice's gain within `start..end` (samples of the
/// timeline), cut to what is heard: a fade that is over leaves no trace.
fn gain(voice: &Voice, profile: &AudioProfile, start: i64, end: i64) -> Vec<GainPoint> {
    let length = |time: Time| profile.sample_at(time);
    let first = length(voice.start);
    let last = length(voice.start + voice.length);
    let full = voice.volume.at(Time::ZERO).clamp(0.0, 1.0) * f64::from(UNITY_GAIN);
    // Where two fades overlap in a short voice they share it at their crossing.
    let fades = (length(voice.fade_in) + length(voice.fade_out)).max(1);
    let room = (last - first).min(fades);
    let fade_in = length(voice.fade_in) * room / fades;
    let fade_out = length(voice.fade_out) * room / fades;
    let at = |sample: i64| {
        let rise = if fade_in > 0 {
            (sample - first) as f64 / fade_in as f64
        } else {
            1.0
        };
        let fall = if fade_out > 0 {
            (last - sample) as f64 / fade_out as f64
        } else {
            1.0
        };
        (full * rise.min(fall).clamp(0.0, 1.0)).round() as i32
    };
    let mut corners = vec![start];
    corners.extend(
        [first + fade_in, last - fade_out]
            .into_iter()
            .filter(|corner| (start + 1..end).contains(corner)),
    );
    corners.push(end);
    corners.dedup();
    let points: Vec<GainPoint> = corners
        .into_iter()
        .map(|sample| GainPoint {
            at: sample,
            gain: at(sample),
        })
        .collect();
    match points.first() {
        // Constant: without a time, so that it is the same wherever it is cut.
        Some(level) if points.iter().all(|point| point.gain == level.gain) => {
            vec![GainPoint {
                at: start,
                gain: level.gain,
            }]
        }
        _ => points,
    }
}

const fn frame_samples() -> i64 {
    AAC_FRAME_SAMPLES as i64
}

fn to_u32(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}
