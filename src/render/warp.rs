//! Turns planes: every sample of the result is looked up in the source, between
//! its pixels, by a cubic filter.

use crate::render::plane::Plane;

/// A linear map of points: (x, y) to (`xx` x + `xy` y + `x0`, `yx` x + `yy` y + `y0`).
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "the formula says it")]
pub(super) struct Map {
    pub xx: f64,
    pub xy: f64,
    pub x0: f64,
    pub yx: f64,
    pub yy: f64,
    pub y0: f64,
}

impl Map {
    /// Each coordinate by a factor, then moved.
    pub const fn scaled(x: f64, y: f64, x0: f64, y0: f64) -> Self {
        Self {
            xx: x,
            xy: 0.0,
            x0,
            yx: 0.0,
            yy: y,
            y0,
        }
    }

    /// This one, then `next`.
    pub fn then(self, next: Self) -> Self {
        Self {
            xx: next.xx * self.xx + next.xy * self.yx,
            xy: next.xx * self.xy + next.xy * self.yy,
            x0: next.xx * self.x0 + next.xy * self.y0 + next.x0,
            yx: next.yx * self.xx + next.yy * self.yx,
            yy: next.yx * self.xy + next.yy * self.yy,
            y0: next.yx * self.x0 + next.yy * self.y0 + next.y0,
        }
    }

    /// Where it puts a point.
    pub fn at(self, x: f64, y: f64) -> (f64, f64) {
        (
            self.xx * x + self.xy * y + self.x0,
            self.yx * x + self.yy * y + self.y0,
        )
    }
}

/// Places between two pixels that are told apart.
const PHASES: usize = 256;

/// The four weights of each place, in 1/2^14: Catmull-Rom, which is sharp and goes
/// through the samples.
static WEIGHTS: [[i32; 4]; PHASES] = weights();

const WEIGHT_BITS: u32 = 14;

const fn weights() -> [[i32; 4]; PHASES] {
    let mut all = [[0; 4]; PHASES];
    let mut phase = 0;
    while phase < PHASES {
        // In integers, so that they are the same on every machine.
        let one = PHASES as i64;
        let t = phase as i64;
        let (t1, t2, t3) = (t * one * one, t * t * one, t * t * t);
        let full = 2 * one * one * one;
        let twice = [
            -t1 + 2 * t2 - t3,
            full - 5 * t2 + 3 * t3,
            t1 + 4 * t2 - 3 * t3,
            -t2 + t3,
        ];
        let unit = 1i64 << WEIGHT_BITS;
        let mut sum = 0;
        let mut index = 0;
        while index < 4 {
            let weight = twice[index] * unit / full;
            all[phase][index] = weight as i32;
            sum += weight as i32;
            index += 1;
        }
        // What rounding lost goes to the nearest sample.
        let nearest = if phase * 2 < PHASES { 1 } else { 2 };
        all[phase][nearest] += (1 << WEIGHT_BITS) - sum;
        phase += 1;
    }
    all
}

/// `width` by `height` samples, each that of `source` at the point that `map` gives
/// for its place; zero outside of the source.
pub(super) fn warped(source: &Plane, map: Map, width: usize, height: usize) -> Plane {
    let mut data = vec![0; width * height];
    let (columns, rows) = (source.width as i64, source.height as i64);
    for (y, row) in data.chunks_mut(width.max(1)).enumerate() {
        for (x, sample) in row.iter_mut().enumerate() {
            let (u, v) = map.at(x as f64, y as f64);
            // Three samples away nothing is left.
            if !(u > -2.0 && v > -2.0 && u < columns as f64 + 1.0 && v < rows as f64 + 1.0) {
                continue;
            }
            let ((left, across), (top, down)) = (split(u), split(v));
            *sample = if left >= 1 && top >= 1 && left + 2 < columns && top + 2 < rows {
                let first = (top - 1) as usize * source.width + (left - 1) as usize;
                inside(&source.data[first..], source.width, across, down)
            } else {
                at_edge(source, (left, top), across, down)
            };
        }
    }
    Plane {
        width,
        height,
        data,
    }
}

/// A coordinate as a whole pixel and the weights of the place after it.
fn split(at: f64) -> (i64, &'static [i32; 4]) {
    let fixed = (at * PHASES as f64).floor() as i64;
    let phase = fixed.rem_euclid(PHASES as i64) as usize;
    (fixed.div_euclid(PHASES as i64), &WEIGHTS[phase])
}

fn inside(samples: &[u8], stride: usize, across: &[i32; 4], down: &[i32; 4]) -> u8 {
    let mut sum = 0i64;
    for (row, weight) in down.iter().enumerate() {
        let four = &samples[row * stride..row * stride + 4];
        let line: i32 = four
            .iter()
            .zip(across)
            .map(|(sample, weight)| i32::from(*sample) * weight)
            .sum();
        sum += i64::from(line) * i64::from(*weight);
    }
    rounded(sum)
}

fn at_edge(source: &Plane, (left, top): (i64, i64), across: &[i32; 4], down: &[i32; 4]) -> u8 {
    let sample = |x: i64, y: i64| {
        let within = x >= 0 && y >= 0 && x < source.width as i64 && y < source.height as i64;
        match within {
            true => i64::from(source.data[y as usize * source.width + x as usize]),
            false => 0,
        }
    };
    let mut sum = 0;
    for (row, down) in (top - 1..).zip(down) {
        for (column, across) in (left - 1..).zip(across) {
            sum += sample(column, row) * i64::from(*across) * i64::from(*down);
        }
    }
    rounded(sum)
}

fn rounded(sum: i64) -> u8 {
    let half = 1i64 << (2 * WEIGHT_BITS - 1);
    ((sum + half) >> (2 * WEIGHT_BITS)).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slope(width: usize, height: usize) -> Plane {
        Plane {
            width,
            height,
            data: (0..width * height)
                .map(|at| (10 + at % width * 4) as u8)
                .collect(),
        }
    }

    #[test]
    fn nothing_changes_without_a_turn() {
        let plane = slope(20, 10);
        let same = warped(&plane, Map::scaled(1.0, 1.0, 0.0, 0.0), 20, 10);
        assert_eq!(same, plane);
    }

    #[test]
    fn weights_add_up_to_one() {
        for weights in WEIGHTS {
            assert_eq!(weights.iter().sum::<i32>(), 1 << WEIGHT_BITS);
        }
        assert_eq!(WEIGHTS[0], [0, 1 << WEIGHT_BITS, 0, 0]);
    }

    #[test]
    fn a_slope_stays_straight_between_pixels() {
        let moved = warped(&slope(20, 10), Map::scaled(1.0, 1.0, 0.5, 0.0), 18, 10);
        for x in 2..16 {
            assert_eq!(moved.data[5 * 18 + x], (12 + x * 4) as u8, "{x}");
        }
    }

    #[test]
    fn a_quarter_turn_moves_every_sample_to_its_place() {
        let plane = slope(8, 8);
        // (x, y) of the result is (y, 7 - x) of the source.
        let map = Map {
            xx: 0.0,
            xy: 1.0,
            x0: 0.0,
            yx: -1.0,
            yy: 0.0,
            y0: 7.0,
        };
        let turned = warped(&plane, map, 8, 8);
        for y in 0..8 {
            for x in 0..8 {
                assert_eq!(turned.data[y * 8 + x], plane.data[(7 - x) * 8 + y]);
            }
        }
    }

    #[test]
    fn maps_are_applied_one_after_the_other() {
        let first = Map::scaled(2.0, 3.0, 1.0, -1.0);
        let second = Map {
            xx: 0.0,
            xy: -1.0,
            x0: 5.0,
            yx: 1.0,
            yy: 0.0,
            y0: 0.5,
        };
        let (x, y) = first.at(3.0, 4.0);
        assert_eq!(first.then(second).at(3.0, 4.0), second.at(x, y));
    }
}
