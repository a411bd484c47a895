//! What other room and other policies would change, by simulating them on a sample.
//!
//! A simulation begins with an empty cache and sees an hour at most, so all it says of
//! is the traffic of that time: what was there before counts as missed once. That is the same at
//! every size, so differences between sizes are what to go by.

use serde::{Deserialize, Serialize};

use super::super::simulate::{Algorithm, Curve, Miniature, Ratios, Step, sizes};
use super::{Cache, rounded};
use crate::policy::PolicyKind;

/// So much more room is weighed: 10 GB.
pub const GAIN_BYTES: u64 = 10_000_000_000;

/// What a cache misses, by its size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chart {
    /// Room that there is now, in bytes: one of the sizes.
    pub capacity: u64,
    /// Requests in the sample.
    pub sampled_requests: u64,
    /// Objects in the sample.
    pub sampled_objects: u64,
    /// What part of all objects they are.
    pub rate: f64,
    /// What is missed at each size by the policy that runs, by one that knows what will
    /// be asked for (`belady`), and by a cache without bounds (`infinite`).
    pub curves: Vec<Curve>,
    /// What more room would give.
    pub gain: Gain,
    /// What every policy misses at the present size.
    pub policies: Vec<Alternative>,
}

/// What more room would give.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gain {
    /// So many bytes more.
    pub more_bytes: u64,
    /// By how much the offload would grow: 0.05 is 5 points.
    pub offload: Ratios,
}

/// What one policy misses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alternative {
    /// Which.
    pub policy: String,
    /// What part of the traffic.
    pub misses: Ratios,
}

impl Chart {
    /// Simulates on `sample` what `cache` does; `None` where there was no traffic, no
    /// room, or no policy that is known.
    pub fn of(sample: &Miniature, cache: &Cache) -> Option<Self> {
        let kind = cache.kind()?;
        let capacity = cache.capacity;
        if sample.is_empty() || capacity == 0 {
            return None;
        }
        let more = capacity.saturating_add(GAIN_BYTES);
        let sizes = sizes_with(capacity, more);
        let run = Curve::of(sample, Algorithm::Policy(kind), &sizes);
        let belady = Curve::of(sample, Algorithm::Belady, &sizes);
        // Its room is no matter: once is enough.
        let unbounded = sample.misses(Algorithm::Infinite, 0);
        let infinite = Curve {
            algorithm: Algorithm::Infinite.to_string(),
            steps: sizes.iter().map(|size| step(*size, unbounded)).collect(),
        };
        let policies = PolicyKind::NAMED.iter().map(|(name, other)| Alternative {
            policy: (*name).to_owned(),
            misses: near(match *other == kind {
                true => at(&run, capacity),
                false => sample.misses(Algorithm::Policy(*other), capacity),
            }),
        });
        Some(Self {
            capacity,
            sampled_requests: sample.len() as u64,
            sampled_objects: sample.objects() as u64,
            rate: rounded(sample.rate()),
            gain: Gain {
                more_bytes: GAIN_BYTES,
                offload: less(at(&run, capacity), at(&run, more)),
            },
            policies: policies.collect(),
            curves: [run, belady, infinite].map(shown).into(),
        })
    }

    /// What `policy` misses at the present size.
    pub fn policy(&self, policy: &str) -> Option<Ratios> {
        let found = self.policies.iter().find(|one| one.policy == policy);
        found.map(|one| one.misses)
    }
}

/// The sizes of a curve, with these two among them.
fn sizes_with(capacity: u64, more: u64) -> Vec<u64> {
    /// Sizes that are no further apart are one: [`sizes`] rounds to so many.
    const APART: u64 = 8;
    let mut sizes = sizes(capacity);
    sizes.retain(|size| size.abs_diff(capacity) >= APART && size.abs_diff(more) >= APART);
    sizes.extend([capacity, more]);
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

fn at(curve: &Curve, capacity: u64) -> Ratios {
    let found = curve.steps.iter().find(|step| step.capacity == capacity);
    found.map(|step| step.misses).unwrap_or_default()
}

fn less(one: Ratios, other: Ratios) -> Ratios {
    near(Ratios {
        requests: one.requests - other.requests,
        bytes: one.bytes - other.bytes,
        render: one.render - other.render,
    })
}

fn near(ratios: Ratios) -> Ratios {
    Ratios {
        requests: rounded(ratios.requests),
        bytes: rounded(ratios.bytes),
        render: rounded(ratios.render),
    }
}

const fn step(capacity: u64, misses: Ratios) -> Step {
    Step { capacity, misses }
}

fn shown(curve: Curve) -> Curve {
    let steps = curve.steps.into_iter();
    Curve {
        algorithm: curve.algorithm,
        steps: steps
            .map(|one| step(one.capacity, near(one.misses)))
            .collect(),
    }
}
