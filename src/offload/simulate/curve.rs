//! The curve of a cache: what it would miss if it were smaller or larger.

use serde::{Deserialize, Serialize};

use super::{Algorithm, Miniature, Ratios};

/// One size on the curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Room, in bytes.
    pub capacity: u64,
    /// What part of the traffic would be missed.
    pub misses: Ratios,
}

/// What one algorithm misses at several sizes, the smallest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// Which.
    pub algorithm: String,
    /// Size by size.
    pub steps: Vec<Step>,
}

impl Curve {
    /// Simulates `algorithm` on `traffic` at each of `capacities`, which ascend.
    pub fn of(traffic: &Miniature, algorithm: Algorithm, capacities: &[u64]) -> Self {
        let step = |capacity: &u64| Step {
            capacity: *capacity,
            misses: traffic.misses(algorithm, *capacity),
        };
        Self {
            algorithm: algorithm.to_string(),
            steps: capacities.iter().map(step).collect(),
        }
    }

    /// What part of the requests would be missed at `capacity`, on a straight line
    /// between the sizes that were simulated; `None` where there are none.
    pub fn at(&self, capacity: u64) -> Option<f64> {
        let after = self.steps.iter().position(|step| step.capacity >= capacity);
        match after {
            None => self.steps.last().map(|step| step.misses.requests),
            Some(0) => self.steps.first().map(|step| step.misses.requests),
            Some(at) => {
                let (low, high) = (&self.steps[at - 1], &self.steps[at]);
                let way = (capacity - low.capacity) as f64 / (high.capacity - low.capacity) as f64;
                Some((1.0 - way) * low.misses.requests + way * high.misses.requests)
            }
        }
    }

    /// By how much the offload by requests would grow with `more` bytes beside `capacity`.
    pub fn gain(&self, capacity: u64, more: u64) -> Option<f64> {
        Some(self.at(capacity)? - self.at(capacity.saturating_add(more))?)
    }
}

/// Sizes around `capacity` that a curve is drawn through: from an eighth of it to
/// eight times as much.
pub fn sizes(capacity: u64) -> Vec<u64> {
    const EIGHTHS: [u64; 9] = [1, 2, 4, 6, 8, 12, 16, 32, 64];
    let size = |eighths: &u64| (capacity / 8).saturating_mul(*eighths).max(1);
    let mut sizes: Vec<u64> = EIGHTHS.iter().map(size).collect();
    sizes.dedup();
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{PolicyKind, Request, Weight};

    #[test]
    fn more_room_than_there_are_objects_gains_nothing_more() {
        let weight = Weight { bytes: 10, cost: 1 };
        let requests: Vec<_> = (0..1000_u64)
            .map(|at| Request {
                key: at % 20,
                weight,
            })
            .collect();
        let traffic = Miniature::whole(requests);
        let lru = Algorithm::Policy(PolicyKind::Lru);
        // Of a loop, LRU misses all or, where all of it fits, nothing.
        let curve = Curve::of(&traffic, lru, &[100, 200, 400]);
        let misses: Vec<f64> = curve.steps.iter().map(|s| s.misses.requests).collect();
        assert_eq!(misses, [1.0, 0.02, 0.02]);
        assert!((curve.gain(100, 100).expect("steps") - 0.98).abs() < 1e-12);
        assert_eq!(curve.gain(200, 10_000), Some(0.0));
        assert!((curve.at(150).expect("steps") - 0.51).abs() < 1e-12);
        assert_eq!(curve.at(1), Some(1.0));
    }

    #[test]
    fn the_sizes_of_a_curve_lie_around_what_there_is() {
        let gib = 1 << 30;
        assert_eq!(sizes(8 * gib).first(), Some(&gib));
        assert!(sizes(8 * gib).contains(&(8 * gib)));
        assert_eq!(sizes(0), [1], "a cache without room has a curve too");
    }
}
