//! One audio chunk: mix its window, encode it, throw the pre-roll away.

use crate::chunk::spec::{AudioSpec, GainPoint, Stretch, UNITY_GAIN};
use crate::chunk::{LOOKAHEAD_FRAMES, PREROLL_FRAMES, Part};
use crate::media::AacEncoder;
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

    /// The window that the encoder hears: pre-roll, chunk, look-ahead.
    fn mix(&self, spec: &AudioSpec) -> Result<Vec<f32>, RenderError> {
        let frames = PREROLL_FRAMES + spec.frames + LOOKAHEAD_FRAMES;
        let window_start = -i64::from(PREROLL_FRAMES * AAC_FRAME_SAMPLES);
        let mut window =
            vec![0.0; (frames * AAC_FRAME_SAMPLES) as usize * usize::from(spec.profile.channels)];
        for voice in &spec.voices {
            let missing = |source| RenderError::Asset {
                what: voice.label.clone(),
                source,
            };
            let path = self.library.locate(&voice.asset).map_err(missing)?;
            let pcm = self.pcm.get(&voice.asset, &path, &spec.profile)?;
            let count = usize::try_from(voice.end - voice.start).unwrap_or(0);
            let samples = pcm.read(voice.from, count)?;
            add(&mut window, &samples, voice, window_start);
        }
        window
            .iter_mut()
            .for_each(|sample| *sample = limit(*sample));
        Ok(window)
    }
}

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
        let unity = UNITY_GAIN as f32;
        match self.points {
            [] => 1.0,
            [only] => only.gain as f32 / unity,
            [from, to, ..] => {
                let share = (at - from.at).max(0) as f32 / (to.at - from.at).max(1) as f32;
                (from.gain as f32 + (to.gain - from.gain) as f32 * share) / unity
            }
        }
    }
}

/// Below this level a mix passes untouched.
const KNEE: f32 = 0.85;

/// Bends what would clip towards full scale. Without a memory, so that a
/// sample comes out the same whatever chunk it is in.
fn limit(sample: f32) -> f32 {
    let level = sample.abs();
    if level <= KNEE {
        return sample;
    }
    let over = (level - KNEE) / (1.0 - KNEE);
    (KNEE + (1.0 - KNEE) * (over / (1.0 + over))).copysign(sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gain_goes_straight_from_corner_to_corner() {
        let points = [
            GainPoint { at: 0, gain: 0 },
            GainPoint {
                at: 10,
                gain: UNITY_GAIN,
            },
            GainPoint { at: 20, gain: 0 },
        ];
        let mut gain = Gain::new(&points);
        let values = [-5, 0, 5, 10, 15, 20, 25].map(|at| gain.at(at));
        assert_eq!(values, [0.0, 0.0, 0.5, 1.0, 0.5, 0.0, 0.0]);
    }

    #[test]
    fn a_mix_never_clips_and_a_quiet_one_passes_untouched() {
        for level in [0.0, 0.3, -0.85] {
            assert_eq!(limit(level), level);
        }
        for level in [0.9, 1.0, 2.0, -40.0] {
            assert!(limit(level).abs() < 1.0 && limit(level).abs() > KNEE);
        }
    }
}
