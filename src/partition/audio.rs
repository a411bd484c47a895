//! The audio chunks: whole AAC frames on a grid of their own.

use std::ops::Range;

use crate::chunk::ChunkSpec;
use crate::chunk::spec::{AudioSpec, GainPoint, HEARD_AFTER_FRAMES, HEARD_BEFORE_FRAMES, Stretch};
use crate::partition::cuts::{audio_cuts, within};
use crate::partition::gain::Envelope;
use crate::partition::{Partitioning, PlacedChunk};
use crate::profile::{AAC_FRAME_SAMPLES, AudioProfile};
use crate::time::Time;
use crate::timeline::duck::{Down, Duck};
use crate::timeline::{Speed, Timeline, Voice};

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
    let windows: Vec<Window> = within(&whole, grid.shown.clone(), min)
        .windows(2)
        .filter(|cut| cut[0] < cut[1])
        .map(|cut| Window::new(&grid, cut[0], cut[1]))
        .collect();
    // Voice by voice, so that a long video with many is planned in the time that
    // what is heard takes, not all voices for each chunk.
    let mut heard: Vec<Heard> = windows.iter().map(|_| Heard::default()).collect();
    let mut downs = Downs::default();
    for voice in &timeline.voices {
        let Some(sound) = Sound::new(voice, profile, timeline, &mut downs) else {
            continue;
        };
        let first = windows.partition_point(|window| window.to <= sound.start);
        let last = windows.partition_point(|window| window.from < sound.end);
        let (Some(windows), Some(heard)) = (windows.get(first..last), heard.get_mut(first..last))
        else {
            continue;
        };
        for (window, heard) in windows.iter().zip(heard) {
            if let Some(stretch) = sound.stretch(window) {
                heard.voices.push(stretch);
                heard.dynamic |= sound.is_dynamic(window);
            }
        }
    }
    let chunk = |(window, heard)| chunk(profile, &grid, window, heard);
    windows.iter().zip(heard).map(chunk).collect()
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

/// What is heard of a chunk, in samples of the timeline: all that has to do with
/// what the encoder makes of it.
struct Window {
    /// The chunk's AAC frames.
    start: u32,
    end: u32,
    /// The chunk's first sample.
    origin: i64,
    /// The first sample that is heard, and the first that is not any more.
    from: i64,
    to: i64,
}

impl Window {
    fn new(grid: &Grid, start: u32, end: u32) -> Self {
        let origin = grid.sample(start);
        Self {
            start,
            end,
            origin,
            from: origin - i64::from(HEARD_BEFORE_FRAMES) * frame_samples(),
            to: grid
                .sample(end.saturating_add(HEARD_AFTER_FRAMES))
                .min(grid.end),
        }
    }
}

#[derive(Default)]
struct Heard {
    voices: Vec<Stretch>,
    dynamic: bool,
}

fn chunk(profile: &AudioProfile, grid: &Grid, window: &Window, heard: Heard) -> PlacedChunk {
    let mut voices = heard.voices;
    // In what order sounds are written down is not heard. This one is the same in
    // all chunks that hear two voices, so that they are added up in the same order.
    voices.sort_by_key(|voice| {
        let Stretch {
            asset,
            speed,
            from,
            start,
            ..
        } = voice;
        (*asset, speed.ten_thousandths(), from - start)
    });
    let frames = window.end - window.start;
    let spec = ChunkSpec::Audio(AudioSpec {
        profile: profile.clone(),
        frames,
        voices,
    });
    PlacedChunk {
        key: spec.key(),
        spec,
        decode_time: u64::from(window.start - grid.shown.start) * u64::from(AAC_FRAME_SAMPLES),
        ticks: u64::from(frames) * u64::from(AAC_FRAME_SAMPLES),
        dynamic: heard.dynamic,
        shared_layers: 0,
    }
}

/// A voice in samples of the timeline.
struct Sound<'a> {
    voice: &'a Voice,
    start: i64,
    end: i64,
    /// The sample of its recording that is heard at `start`.
    in_point: i64,
    envelope: Envelope,
    /// Where another that depends on the recipient takes it down; in rising order.
    taken_down: Vec<(i64, i64)>,
}

impl<'a> Sound<'a> {
    /// `None` if it is never heard.
    fn new(
        voice: &'a Voice,
        profile: &AudioProfile,
        timeline: &Timeline,
        downs: &mut Downs,
    ) -> Option<Self> {
        let start = profile.sample_at(voice.start);
        let end = profile.sample_at(voice.start + voice.length);
        if start >= end || voice.volume.is_never_above(0.0) {
            return None;
        }
        // Sample `n` of what is played at a speed is heard `n` samples after its start.
        let in_point = if voice.speed == Speed::NORMAL {
            profile.sample_at(voice.trim)
        } else {
            profile.sample_at(voice.speed.takes(voice.trim)?)
        };
        let down: &[Down] = match &voice.duck {
            Some(duck) => downs.of(duck, timeline),
            None => &[],
        };
        let taken_down = voice.duck.iter().flat_map(|duck| {
            let dynamic = down.iter().filter(|down| down.dynamic);
            dynamic.map(|down| {
                let (from, until) = (down.from - duck.attack, down.until + duck.release);
                (profile.sample_at(from), profile.sample_at(until))
            })
        });
        Some(Self {
            voice,
            start,
            end,
            in_point,
            taken_down: taken_down.collect(),
            envelope: Envelope::new(voice, profile, (start, end - start), down),
        })
    }

    /// What of it is heard in `window`; `None` when nothing is.
    fn stretch(&self, window: &Window) -> Option<Stretch> {
        let (start, end) = (self.start.max(window.from), self.end.min(window.to));
        if start >= end {
            return None;
        }
        let gain = self.envelope.within(start - self.start, end - self.start);
        if gain.iter().all(|point| point.gain == 0) {
            return None;
        }
        let moved = |point: GainPoint| GainPoint {
            at: self.start + point.at - window.origin,
            ..point
        };
        Some(Stretch {
            asset: self.voice.asset,
            start: start - window.origin,
            end: end - window.origin,
            speed: self.voice.speed,
            from: self.in_point + (start - self.start),
            gain: gain.into_iter().map(moved).collect(),
            label: self.voice.label.clone(),
        })
    }

    /// Whether what of it is heard in `window` depends on the recipient.
    fn is_dynamic(&self, window: &Window) -> bool {
        let next = self
            .taken_down
            .partition_point(|(_, until)| *until <= window.from);
        let taken_down = self.taken_down.get(next);
        self.voice.dynamic || taken_down.is_some_and(|(from, _)| *from < window.to)
    }
}

/// When voices are down, found once for all that go down alike.
#[derive(Default)]
struct Downs(Vec<(Duck, Vec<Down>)>);

impl Downs {
    fn of(&mut self, duck: &Duck, timeline: &Timeline) -> &[Down] {
        let known = self.0.iter().position(|(known, _)| known == duck);
        let at = known.unwrap_or_else(|| {
            self.0.push((*duck, duck.downs(&timeline.voices)));
            self.0.len() - 1
        });
        self.0.get(at).map_or(&[], |(_, downs)| downs)
    }
}

const fn frame_samples() -> i64 {
    AAC_FRAME_SAMPLES as i64
}

fn to_u32(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}
