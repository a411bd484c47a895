//! What to keep when not all can be: eviction policies.
//!
//! Pure bookkeeping over keys, bytes and costs, behind one trait: the store runs
//! what a simulation of its traffic runs. Nothing here reads a clock or a disk.

mod admission;
mod gdsf;
mod queue;
mod replay;
mod s3fifo;
mod sieve;
#[cfg(test)]
mod tests;

pub use admission::Admission;
pub use gdsf::Gdsf;
pub use queue::Queue;
pub use replay::{Replay, Request, replay};
pub use s3fifo::S3Fifo;
pub use sieve::Sieve;

use std::fmt;
use std::hash::Hash;
use std::str::FromStr;

use thiserror::Error;

/// What keeping something takes, and what it saves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weight {
    /// Its size in bytes.
    pub bytes: u64,
    /// What getting it again would cost, in any unit that is the same for all;
    /// for chunks, milliseconds of a render thread.
    pub cost: u64,
}

/// What came of making room for something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Insertion<K> {
    /// Whether it is kept now.
    pub kept: bool,
    /// What is not kept any more, in the order in which it went.
    pub gone: Vec<K>,
}

/// Which of them are not to go just now.
pub type Spared<'a, K> = &'a dyn Fn(&K) -> bool;

/// Spares nothing.
pub fn none_spared<K>(_: &K) -> bool {
    false
}

/// Decides what is kept within a bound of bytes.
pub trait Policy<K>: Send {
    /// Notes a request for `key`, and says whether it is kept.
    fn request(&mut self, key: &K) -> bool;

    /// Keeps `key`, which was not kept, if the policy wants it and it fits once
    /// others have gone; of those, none that is `spared`.
    fn insert(&mut self, key: K, weight: Weight, spared: Spared<K>) -> Insertion<K>;

    /// Lets go what is to go next, though there is room; `None` if nothing is
    /// kept that is not `spared`.
    fn evict(&mut self, spared: Spared<K>) -> Option<K>;

    /// Keeps `key` no more, and says whether it did.
    fn remove(&mut self, key: &K) -> bool;

    /// Whether `key` is kept; notes no request.
    fn contains(&self, key: &K) -> bool;

    /// The bytes of all that is kept: never more than the bound.
    fn bytes(&self) -> u64;

    /// How many there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Lets others go until `bytes` more are within `capacity`: `kept` says whether
/// they are. What can never be pushes nothing out.
fn make_room<K>(
    policy: &mut impl Policy<K>,
    bytes: u64,
    capacity: u64,
    spared: Spared<K>,
) -> Insertion<K> {
    let mut gone = Vec::new();
    if bytes > capacity {
        return Insertion { kept: false, gone };
    }
    while policy.bytes() + bytes > capacity {
        match policy.evict(spared) {
            Some(key) => gone.push(key),
            None => return Insertion { kept: false, gone },
        }
    }
    Insertion { kept: true, gone }
}

/// The policies, by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PolicyKind {
    /// Greedy-Dual-Size with frequency: what saves the most per byte stays.
    #[default]
    Gdsf,
    /// What was requested last stays.
    Lru,
    /// Three queues: what is requested once only goes early.
    S3Fifo,
    /// What was not requested since the hand came by last goes.
    Sieve,
    /// What came first goes.
    Fifo,
}

impl PolicyKind {
    /// All of them, with the names they go by.
    pub const NAMED: [(&'static str, Self); 5] = [
        ("gdsf", Self::Gdsf),
        ("lru", Self::Lru),
        ("s3-fifo", Self::S3Fifo),
        ("sieve", Self::Sieve),
        ("fifo", Self::Fifo),
    ];

    /// This policy, keeping at most `capacity` bytes.
    pub fn build<K>(self, capacity: u64) -> Box<dyn Policy<K>>
    where
        K: Clone + Eq + Hash + Send + 'static,
    {
        match self {
            Self::Gdsf => Box::new(Gdsf::new(capacity)),
            Self::Lru => Box::new(Queue::lru(capacity)),
            Self::S3Fifo => Box::new(S3Fifo::new(capacity)),
            Self::Sieve => Box::new(Sieve::new(capacity)),
            Self::Fifo => Box::new(Queue::fifo(capacity)),
        }
    }
}

impl fmt::Display for PolicyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Self::NAMED.iter().find(|(_, kind)| kind == self);
        f.write_str(named.map_or("", |(name, _)| name))
    }
}

/// There is no policy of this name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is no eviction policy: expected gdsf, lru, s3-fifo, sieve or fifo")]
pub struct UnknownPolicy(pub String);

impl FromStr for PolicyKind {
    type Err = UnknownPolicy;

    fn from_str(name: &str) -> Result<Self, UnknownPolicy> {
        let known = Self::NAMED.iter().find(|(known, _)| *known == name);
        known
            .map(|(_, kind)| *kind)
            .ok_or_else(|| UnknownPolicy(name.to_owned()))
    }
}
