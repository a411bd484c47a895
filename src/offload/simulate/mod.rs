//! Other caches for the same traffic: other sizes, other policies, and the bounds
//! that no policy passes.

mod belady;
mod curve;
mod infinite;
mod miniature;

pub use belady::belady;
pub use curve::{Curve, Step, sizes};
pub use infinite::infinite;
pub use miniature::{Miniature, Ratios};

use std::fmt;

use crate::policy::{PolicyKind, Replay, Request, replay};

/// What decides what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// A policy that could run here.
    Policy(PolicyKind),
    /// What is needed again last goes: for objects of one size, no policy has fewer
    /// misses.
    Belady,
    /// Nothing goes.
    Infinite,
}

impl Algorithm {
    /// All of them, the bounds last.
    pub fn all() -> Vec<Self> {
        let policies = PolicyKind::NAMED
            .iter()
            .map(|(_, kind)| Self::Policy(*kind));
        policies.chain([Self::Belady, Self::Infinite]).collect()
    }

    /// Runs it over `requests` with room for `capacity` bytes.
    pub fn run(self, requests: &[Request<u64>], capacity: u64) -> Replay {
        match self {
            Self::Policy(kind) => replay(&mut *kind.build(capacity), requests.iter().copied()),
            Self::Belady => belady(requests, capacity),
            Self::Infinite => infinite(requests),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy(kind) => kind.fmt(f),
            Self::Belady => f.write_str("belady"),
            Self::Infinite => f.write_str("infinite"),
        }
    }
}
