//! Keeps a mix below full scale, and lets one pass untouched that is.
//!
//! A gain that goes down ahead of a peak, stays down while peaks come and rises
//! again slowly. Two things are asked of it beyond that: a sample must come out the same
//! whatever chunk it is in, and a chunk must hear little beyond itself. So the gain at a
//! sample depends on a bounded neighbourhood of it alone, exactly: it is worked out in
//! whole numbers, in which a minimum forgets and a sum that is taken back leaves nothing.

use crate::chunk::{LIMITER_AHEAD_FRAMES, LIMITER_PAST_FRAMES};
use crate::profile::AAC_FRAME_SAMPLES;

/// The highest true peak that is let through: -3 dBTP. Music limited hard comes out of the
/// encoder up to 1.3 dB higher, and is to stay below -1 dBTP there.
pub(super) const CEILING: f32 = 0.707_945_8;

/// A gain of one.
const ONE: i32 = 1 << 30;

/// Samples that the gain takes to go down, ahead of a peak: 5 ms.
const ATTACK: usize = 240;

/// Samples that it stays down after a peak: longer than half a cycle of 41 Hz, so
/// that low tones are not bent.
const HOLD: usize = 576;

/// Samples that the gain takes from nothing to one after that: 200 ms. From half
/// it is half as long.
const RELEASE: usize = 9_600;

/// What the gain rises by in a sample.
const RISE: i32 = ONE.div_euclid(RELEASE as i32) + 1;

/// Averaging twice over so many samples makes the way down smooth.
const SMOOTH: usize = ATTACK / 2 + 1;

/// Interpolation filter of ITU-R BS.1770-4, annex 2: four times the samples.
const PHASES: [[f32; TAPS]; 4] = [
    [
        0.001_708_984_4,
        0.010_986_328,
        -0.019_653_32,
        0.033_203_125,
        -0.059_448_242,
        0.137_329_1,
        0.972_167_97,
        -0.102_294_92,
        0.047_607_422,
        -0.026_611_328,
        0.014_892_578,
        -0.008_300_781,
    ],
    [
        -0.029_174_805,
        0.029_296_875,
        -0.051_757_813,
        0.089_111_33,
        -0.166_503_9,
        0.465_087_9,
        0.779_785_16,
        -0.200_317_38,
        0.101_562_5,
        -0.058_227_54,
        0.033_081_055,
        -0.018_920_898,
    ],
    [
        -0.018_920_898,
        0.033_081_055,
        -0.058_227_54,
        0.101_562_5,
        -0.200_317_38,
        0.779_785_16,
        0.465_087_9,
        -0.166_503_9,
        0.089_111_33,
        -0.051_757_813,
        0.029_296_875,
        -0.029_174_805,
    ],
    [
        -0.008_300_781,
        0.014_892_578,
        -0.026_611_328,
        0.047_607_422,
        -0.102_294_92,
        0.972_167_97,
        0.137_329_1,
        -0.059_448_242,
        0.033_203_125,
        -0.019_653_32,
        0.010_986_328,
        0.001_708_984_4,
    ],
];

const TAPS: usize = 12;

/// The filter makes no more than this of samples of one.
const MOST_OVER: f32 = 2.03;

/// Samples looked at together when there is nothing to do.
const STRIDE: usize = 64;

/// All that a gain depends on is within what a chunk hears.
const _: () = assert!(
    RELEASE + HOLD + ATTACK + TAPS <= (LIMITER_PAST_FRAMES * AAC_FRAME_SAMPLES) as usize
        && ATTACK + TAPS <= (LIMITER_AHEAD_FRAMES * AAC_FRAME_SAMPLES) as usize
);

/// Brings interleaved stereo below the [`CEILING`]. The gains of the first and last
/// samples want for what lies outside: see [`LIMITER_PAST_FRAMES`].
pub(super) fn limit(samples: &mut [f32]) {
    let Some(needed) = needed(samples) else {
        return;
    };
    for (pair, gain) in samples.chunks_exact_mut(2).zip(gains(&needed)) {
        if let Some(gain) = gain {
            pair.iter_mut().for_each(|sample| *sample *= gain);
        }
    }
}

/// The gain that each sample needs by itself; `None` if none needs any.
fn needed(samples: &[f32]) -> Option<Vec<i32>> {
    let is_quiet = |samples: &[f32]| {
        samples
            .iter()
            .all(|sample| sample.abs() * MOST_OVER <= CEILING)
    };
    if is_quiet(samples) {
        return None;
    }
    let frames = samples.len() / 2;
    let mut peaks = vec![0.0_f32; frames + 1];
    for begin in (0..frames).step_by(STRIDE) {
        let end = (begin + STRIDE).min(frames);
        // Taps reach so far to either side.
        let reach = begin.saturating_sub(TAPS)..(end + TAPS).min(frames);
        if is_quiet(&samples[reach.start * 2..reach.end * 2]) {
            continue;
        }
        for index in begin..end {
            let between = between(samples, index);
            for at in [index, index + 1] {
                let own = samples.get(at * 2..at * 2 + 2).unwrap_or_default();
                let own = own
                    .iter()
                    .fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
                peaks[at] = peaks[at].max(between).max(own);
            }
        }
    }
    let gain = |peak: &f32| {
        if *peak <= CEILING {
            ONE
        } else {
            (f64::from(CEILING) / f64::from(*peak) * f64::from(ONE)) as i32
        }
    };
    Some(peaks.iter().take(frames).map(gain).collect())
}

/// The highest of either channel between sample `index` and the next.
fn between(samples: &[f32], index: usize) -> f32 {
    let first = index as i64 - (TAPS as i64 / 2 - 1);
    let mut window = [[0.0_f32; TAPS]; 2];
    let [left, right] = &mut window;
    for ((left, right), at) in left.iter_mut().zip(right).zip(first..) {
        let at = usize::try_from(at).ok();
        if let Some(pair) = at.and_then(|at| samples.get(at * 2..at * 2 + 2)) {
            *left = pair[0];
            *right = pair[1];
        }
    }
    let mut peak = 0.0_f32;
    for channel in &window {
        for phase in &PHASES {
            let sum: f32 = channel.iter().zip(phase).map(|(a, b)| a * b).sum();
            peak = peak.max(sum.abs());
        }
    }
    peak
}

/// The gain of each sample, smooth, never above what is needed; `None` where it is one.
fn gains(needed: &[i32]) -> impl Iterator<Item = Option<f32>> {
    // Rising from each need until another is lower. What one needs is forgotten after
    // `RELEASE` samples at the latest: by then it is above one.
    let mut last = ONE;
    let risen: Vec<i32> = needed
        .iter()
        .map(|need| {
            last = (*need).min(last.saturating_add(RISE).min(ONE));
            last
        })
        .collect();
    let held = minimum(&risen, HOLD, ATTACK);
    let smooth = average(average(held.into_iter().map(i64::from)));
    const WHOLE: i64 = ONE as i64 * (SMOOTH * SMOOTH) as i64;
    smooth.map(|sum| (sum < WHOLE).then(|| (sum as f64 / WHOLE as f64) as f32))
}

/// The lowest from `past` before to `ahead` after each.
fn minimum(values: &[i32], past: usize, ahead: usize) -> Vec<i32> {
    // Indices of rising values: the first is the lowest.
    let mut lowest: std::collections::VecDeque<usize> = std::collections::VecDeque::new();
    let mut next = 0;
    (0..values.len())
        .map(|index| {
            while next < values.len() && next <= index + ahead {
                while lowest
                    .back()
                    .is_some_and(|back| values[*back] >= values[next])
                {
                    lowest.pop_back();
                }
                lowest.push_back(next);
                next += 1;
            }
            while lowest.front().is_some_and(|front| front + past < index) {
                lowest.pop_front();
            }
            lowest.front().map_or(ONE, |front| values[*front])
        })
        .collect()
}

/// The sum of each and the ones before it, [`SMOOTH`] in all. Before the first, all
/// were as the first.
fn average(values: impl Iterator<Item = i64>) -> impl Iterator<Item = i64> {
    let mut window: std::collections::VecDeque<i64> = std::collections::VecDeque::new();
    let mut sum = 0;
    values.map(move |value| {
        if window.is_empty() {
            window.extend([value; SMOOTH]);
            sum = value * SMOOTH as i64;
        }
        window.push_back(value);
        sum += value - window.pop_front().unwrap_or_default();
        sum
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sine tones, the same in both channels: cycles a sample, and how loud.
    fn tones(frames: usize, tones: &[(f64, f64)]) -> Vec<f32> {
        let value = |n: usize| {
            let tone = |(rate, level): &(f64, f64)| {
                level * libm::sin(std::f64::consts::TAU * rate * n as f64 + 0.6)
            };
            tones.iter().map(tone).sum::<f64>() as f32
        };
        (0..frames).flat_map(|n| [value(n); 2]).collect()
    }

    /// The true peak by a filter eight times as long as the limiter's.
    fn true_peak(samples: &[f32]) -> f32 {
        const REACH: i64 = 48;
        let left: Vec<f32> = samples.iter().step_by(2).copied().collect();
        let mut peak = 0.0_f32;
        for n in REACH..left.len() as i64 - REACH {
            for part in 0..8 {
                let offset = f64::from(part) / 8.0;
                let sum: f64 = (-REACH..REACH)
                    .map(|k| {
                        let x = std::f64::consts::PI * (offset - k as f64);
                        let sinc = if x.abs() < 1e-9 {
                            1.0
                        } else {
                            libm::sin(x) / x
                        };
                        let window = 0.5 + 0.5 * libm::cos(x / REACH as f64);
                        f64::from(left[(n + k) as usize]) * sinc * window
                    })
                    .sum();
                peak = peak.max(sum.abs() as f32);
            }
        }
        peak
    }

    #[test]
    fn no_true_peak_is_above_the_ceiling() {
        // The second one's samples miss the peaks between them by 3 dB.
        for tones_of in [
            &[(0.01, 1.3)][..],
            &[(0.25, 1.0)],
            &[(0.001, 0.9), (0.07, 0.9), (0.21, 1.4)],
            &[(0.0004, 3.0)],
        ] {
            let mut samples = tones(9_000, tones_of);
            // And all of a sudden.
            samples[..6_000].fill(0.0);
            limit(&mut samples);
            let peak = true_peak(&samples);
            assert!(peak <= CEILING * 1.025, "{tones_of:?}: {peak}");
            assert!(peak > CEILING * 0.9, "{tones_of:?}: {peak}");
        }
    }

    #[test]
    fn a_mix_below_the_ceiling_passes_untouched() {
        let quiet = tones(20_000, &[(0.003, 0.3), (0.013, 0.4)]);
        let mut samples = quiet.clone();
        limit(&mut samples);
        assert!(samples == quiet);
    }

    #[test]
    fn a_peak_is_forgotten_and_not_known_of_before_its_time() {
        let mut samples = tones(30_000, &[(0.01, 0.7)]);
        let at = 12_000;
        samples[at * 2] = 3.0;
        let before = samples.clone();
        limit(&mut samples);
        let changed: Vec<usize> = (0..samples.len())
            .filter(|index| samples[*index] != before[*index])
            .map(|index| index / 2)
            .collect();
        let (first, last) = (changed[0], changed[changed.len() - 1]);
        assert!(first > at - ATTACK - TAPS && first < at, "{first}");
        assert!(
            last < at + RELEASE + HOLD + ATTACK + TAPS && last > at + HOLD,
            "{last}"
        );
    }

    #[test]
    fn a_steady_low_tone_is_made_quieter_and_not_bent() {
        let tone = tones(60_000, &[(50.0 / 48_000.0, 1.6)]);
        let mut samples = tone.clone();
        limit(&mut samples);
        let gain = samples[40_000] / tone[40_000];
        let error = (36_000..80_000)
            .map(|index| (samples[index] - tone[index] * gain).abs())
            .fold(0.0_f32, f32::max);
        assert!(error < 1e-3, "{error}");
    }

    #[test]
    fn a_sample_is_the_same_whatever_is_heard_beyond_its_neighbourhood() {
        let mut all = tones(80_000, &[(0.0007, 0.9), (0.013, 0.8), (0.11, 0.5)]);
        let rest = all.split_off(30_000);
        all.iter_mut().for_each(|sample| *sample *= 0.2);
        all.extend(rest);
        let mut whole = all.clone();
        limit(&mut whole);
        let frame = AAC_FRAME_SAMPLES as usize;
        let past = LIMITER_PAST_FRAMES as usize * frame;
        let ahead = LIMITER_AHEAD_FRAMES as usize * frame;
        for begin in [1_000, 13_337, 20_001, 40_000] {
            let mut piece = all[begin * 2..(begin + past + ahead + 5_000) * 2].to_vec();
            limit(&mut piece);
            let same = past * 2..(past + 5_000) * 2;
            let expected = &whole[(begin + past) * 2..(begin + past + 5_000) * 2];
            assert!(piece[same] == *expected, "from {begin}");
        }
    }
}
