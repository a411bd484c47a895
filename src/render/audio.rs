//! One audio chunk: mix its window, limit it, encode it, throw the pre-roll away.

mod limiter;
mod tempo;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::chunk::spec::{
    AudioSpec, GainPoint, HEARD_AFTER_FRAMES, HEARD_BEFORE_FRAMES, LIMITER_AHEAD_FRAMES,
    LIMITER_PAST_FRAMES, Stretch, UNITY_GAIN,
};
use crate::chunk::{PREROLL_FRAMES, Part};
use crate::media::{AacEncoder, Pcm};
use crate::profile::AAC_FRAME_SAMPLES;
use crate::render::parts::{Cutting, PartCutter};
use crate::render::{RenderError, Renderer};

/// Packets before the one that holds an input frame: the transform overlaps by one.
const ENCODER_DELAY: u32 = 1;

impl Renderer {
    pub(super) fn audio(
        &self,
        spec: &AudioSpec,
        emit: &mut dyn FnMut(Part) -> Result<(), RenderError>,
    ) -> Result<(), RenderError> {
        let samples = self.mix(spec)?;
        let packets = AacEncoder::encode(&spec.profile, samples)?;
        let first = (PREROLL_FRAMES + ENCODER_DELAY) as usize;
        let wanted = packets
            .get(first..first + spec.frames as usize)
            .ok_or_else(|| {
                RenderError::Package(format!(
                    "{} packets for {} frames",
                    packets.len(),
                    spec.frames
                ))
            })?;
        let part_frames = spec.profile.part_frames();
        let mut cutter = PartCutter::new(Cutting {
            ticks_per_sample: AAC_FRAME_SAMPLES,
            delay: 0,
            total: spec.frames,
            longest: part_frames,
            least: 1,
        });
        for (index, packet) in wanted.iter().enumerate() {
            if let Some(part) = cutter.push(packet.clone(), index as u32, true)? {
                emit(part)?;
            }
        }
        cutter.take_rest()?.map_or(Ok(()), emit)
    }

    /// The sound of a chunk, with what is heard before and after it, as its encoder
    /// hears it: see [`PREROLL_FRAMES`].
    pub(super) fn mix(&self, spec: &AudioSpec) -> Result<Vec<f32>, RenderError> {
        mix(spec, &|voice| {
            let missing = |source| RenderError::Asset {
                what: voice.label.clone(),
                source,
            };
            let path = self.library.locate(&voice.asset).map_err(missing)?;
            Ok(self.pcm.get(&voice.asset, &path, &spec.profile)?)
        })
    }
}

/// What the encoder hears: pre-roll, chunk, look-ahead. `recording` has the file of a voice.
fn mix(
    spec: &AudioSpec,
    recording: &dyn Fn(&Stretch) -> Result<Arc<Pcm>, RenderError>,
) -> Result<Vec<f32>, RenderError> {
    let samples_of = |frames: u32| (frames * AAC_FRAME_SAMPLES) as usize * CHANNELS;
    let frames = HEARD_BEFORE_FRAMES + spec.frames + HEARD_AFTER_FRAMES;
    let window_start = -i64::from(HEARD_BEFORE_FRAMES * AAC_FRAME_SAMPLES);
    let mut window = vec![0.0; samples_of(frames)];
    for voice in &spec.voices {
        let count = usize::try_from(voice.end - voice.start).unwrap_or(0);
        let samples = tempo::read(&*recording(voice)?, voice.speed, voice.from, count)?;
        add(&mut window, &samples, voice, window_start);
    }
    limiter::limit(&mut window);
    window.truncate(window.len() - samples_of(LIMITER_AHEAD_FRAMES));
    window.drain(..samples_of(LIMITER_PAST_FRAMES));
    Ok(window)
}

/// What is mixed is stereo.
const CHANNELS: usize = 2;

/// Adds a voice's stereo samples to the window.
fn add(window: &mut [f32], samples: &[f32], voice: &Stretch, window_start: i64) {
    let skip = usize::try_from(voice.start - window_start).unwrap_or(0) * 2;
    let mut gain = Gain::new(&voice.gain);
    let pairs = window
        .get_mut(skip..)
        .unwrap_or_default()
        .chunks_exact_mut(2)
        .zip(samples.chunks_exact(2));
    for (at, (to, from)) in (voice.start..).zip(pairs) {
        let gain = gain.at(at);
        to[0] += from[0] * gain;
        to[1] += from[1] * gain;
    }
}

/// Walks along a gain's corners.
struct Gain<'a> {
    points: &'a [GainPoint],
}

impl<'a> Gain<'a> {
    const fn new(points: &'a [GainPoint]) -> Self {
        Self { points }
    }

    /// The gain at sample `at`; asked in rising order.
    fn at(&mut self, at: i64) -> f32 {
        while let [_, next, ..] = self.points
            && next.at <= at
        {
            self.points = &self.points[1..];
        }
        match self.points {
            [] => 1.0,
            [only] => (f64::from(only.gain) / f64::from(UNITY_GAIN)) as f32,
            [from, to, ..] => {
                // A line may be hours long: in f64 every sample of it counts.
                let share = (at - from.at).max(0) as f64 / (to.at - from.at).max(1) as f64;
                let gain = f64::from(from.gain) + f64::from(to.gain - from.gain) * share;
                (gain / f64::from(UNITY_GAIN)) as f32
            }
        }
    }
}
