//! Faster and slower at the same pitch.
//!
//! Overlapping frames of the recording are set down at another distance from one
//! another than they were taken at, each moved a little to where it best goes on from the
//! one before (waveform similarity overlap-add). The middle of frame `n` stands at an exact
//! place and is moved by [`SEARCH`] samples at most, so nothing ever drifts.
//!
//! To go on from the one before, a frame must know where that was taken, and so on back
//! to the first. That a chunk can be played without all that was before it, a frame here and
//! there stays where it belongs: the one in the quietest place of every five seconds,
//! where nobody hears a frame that does not go on well.

use crate::media::{MediaError, Pcm};
use crate::timeline::Speed;

/// Samples from one frame to the next, half as many as a frame has: 21 ms. Two cycles
/// of the lowest voices, short beside a syllable.
const HOP: usize = 1024;

/// How far a frame is moved at most: 12 ms, so that one of 42 Hz still finds its cycle.
const SEARCH: i64 = 576;

/// Samples that are taken for one in the first search.
const COARSE: usize = 8;

/// Frames between those that stay where they belong, on average.
const BLOCK: i64 = 240;

/// How many frames they are moved by, at most, to where it is quiet.
const QUIET: i64 = 24;

/// Before and after a frame's middle, what a search may look at.
const REACH: i64 = HOP as i64 + SEARCH + COARSE as i64;

/// `count` stereo samples of the recording as it is when played at `speed`, from
/// its sample `from` on. Sample `n` is heard where `n * speed` of the recording is.
pub(super) fn read(
    pcm: &Pcm,
    speed: Speed,
    from: i64,
    count: usize,
) -> Result<Vec<f32>, MediaError> {
    if speed == Speed::NORMAL {
        return pcm.read(from, count);
    }
    let hop = HOP as i64;
    let end = from.saturating_add(count as i64);
    let mut samples = vec![0.0; count * 2];
    let first = from.div_euclid(hop);
    let mut frames = Frames {
        pcm,
        speed,
        stays: None,
    };
    let mut frame = frames.last_that_stays(first)?;
    let mut tail = Vec::new();
    // A frame is heard from the middle of the one before it on.
    while (frame - 1) * hop < end {
        let taken = frames.take(frame, &tail)?;
        let (rise, fall) = taken.split_at(HOP * 2);
        if frame > first {
            let begin = (frame - 1) * hop;
            let faded = tail.chunks_exact(2).zip(rise.chunks_exact(2));
            for ((at, (old, new)), share) in (begin..).zip(faded).zip(fade()) {
                let to = usize::try_from(at - from)
                    .ok()
                    .and_then(|at| samples.get_mut(at * 2..at * 2 + 2));
                if let Some(to) = to {
                    to[0] = old[0] + (new[0] - old[0]) * share;
                    to[1] = old[1] + (new[1] - old[1]) * share;
                }
            }
        }
        tail = fall.to_vec();
        frame += 1;
    }
    Ok(samples)
}

/// From zero to one over a hop, at an even pace through the middle.
fn fade() -> impl Iterator<Item = f32> {
    (0..HOP).map(|n| {
        let x = (n as f32 + 0.5) / HOP as f32;
        x * x * (3.0 - 2.0 * x)
    })
}

/// The frames of a recording at a speed.
struct Frames<'a> {
    pcm: &'a Pcm,
    speed: Speed,
    /// The block asked for last, and its frame that stays where it belongs.
    stays: Option<(i64, i64)>,
}

impl Frames<'_> {
    /// The samples of frame `frame`, where they best go on from the middle of the one
    /// before. `before` is what follows that; empty where there is none.
    fn take(&mut self, frame: i64, before: &[f32]) -> Result<Vec<f32>, MediaError> {
        let middle = self.place(frame);
        if before.is_empty() || self.that_stays(frame.div_euclid(BLOCK))? == frame {
            return self.pcm.read(middle - HOP as i64, HOP * 2);
        }
        let around = self.pcm.read(middle - REACH, REACH as usize * 2)?;
        // A frame that is not moved begins here.
        let center = REACH - HOP as i64;
        let step = COARSE as i64;
        let widely = best(
            &thinned(before),
            &thinned(&around),
            center / step,
            -SEARCH / step..=SEARCH / step,
        ) * step;
        let near = (widely - step).max(-SEARCH)..=(widely + step).min(SEARCH);
        let begin = (center + best(before, &around, center, near)) as usize * 2;
        Ok(around[begin..begin + HOP * 4].to_vec())
    }

    /// The sample of the recording that the middle of frame `frame` belongs to.
    fn place(&self, frame: i64) -> i64 {
        let units = i128::from(frame) * HOP as i128 * i128::from(self.speed.ten_thousandths());
        let unit = i128::from(Speed::NORMAL.ten_thousandths());
        i64::try_from((units + unit / 2).div_euclid(unit)).unwrap_or(i64::MAX / 2)
    }

    /// The last frame, no later than `frame`, that stays where it belongs.
    fn last_that_stays(&mut self, frame: i64) -> Result<i64, MediaError> {
        let block = frame.div_euclid(BLOCK);
        let own = self.that_stays(block)?;
        if own <= frame {
            return Ok(own);
        }
        self.that_stays(block - 1)
    }

    /// The frame of a block that stays where it belongs: the quietest of its first.
    fn that_stays(&mut self, block: i64) -> Result<i64, MediaError> {
        if let Some((known, frame)) = self.stays
            && known == block
        {
            return Ok(frame);
        }
        let first = block * BLOCK;
        let mut quietest = (f32::INFINITY, first);
        for frame in first..first + QUIET {
            let samples = self.pcm.read(self.place(frame) - HOP as i64, HOP * 2)?;
            let energy: f32 = samples.iter().map(|sample| sample * sample).sum();
            if energy < quietest.0 {
                quietest = (energy, frame);
            }
        }
        self.stays = Some((block, quietest.1));
        Ok(quietest.1)
    }
}

/// Every so many samples made one.
fn thinned(samples: &[f32]) -> Vec<f32> {
    samples
        .chunks_exact(COARSE * 2)
        .flat_map(|chunk| {
            let sum = |channel: usize| chunk.iter().skip(channel).step_by(2).sum::<f32>();
            [sum(0), sum(1)]
        })
        .collect()
}

/// By how much to move from `center`, within `moves`, for `around` to be most like
/// `wanted`. In silence not at all.
fn best(wanted: &[f32], around: &[f32], center: i64, moves: std::ops::RangeInclusive<i64>) -> i64 {
    let mut best = (0.0_f32, 0_i64);
    for moved in moves.clone() {
        let begin = (center + moved).max(0) as usize * 2;
        let Some(there) = around.get(begin..begin + wanted.len()) else {
            continue;
        };
        let (product, energy) = likeness(wanted, there);
        // The square of the correlation, with its sign.
        let like = if energy > 0.0 {
            product * product.abs() / energy
        } else {
            0.0
        };
        let nearer = like == best.0 && moved.abs() < best.1.abs();
        if like > best.0 || nearer {
            best = (like, moved);
        }
    }
    best.1.clamp(*moves.start(), *moves.end())
}

/// The product of two stretches, and the energy of the second.
fn likeness(wanted: &[f32], there: &[f32]) -> (f32, f32) {
    // Several sums side by side: one alone waits for itself.
    const LANES: usize = 8;
    let mut product = [0.0_f32; LANES];
    let mut energy = [0.0_f32; LANES];
    for (a, b) in wanted.chunks_exact(LANES).zip(there.chunks_exact(LANES)) {
        for lane in 0..LANES {
            product[lane] += a[lane] * b[lane];
            energy[lane] += b[lane] * b[lane];
        }
    }
    (product.iter().sum(), energy.iter().sum())
}
