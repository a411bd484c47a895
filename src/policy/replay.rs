//! A policy run over requests that were recorded.

use super::{Policy, Weight, none_spared};

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<K> {
    /// For what.
    pub key: K,
    /// What keeping it takes and saves.
    pub weight: Weight,
}

/// What came of a replay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// Requests in all.
    pub requests: u64,
    /// Requests for what was not kept.
    pub misses: u64,
    /// Bytes of all requests.
    pub bytes: u64,
    /// Bytes of the misses.
    pub missed_bytes: u64,
    /// The cost of the misses.
    pub missed_cost: u64,
}

impl Replay {
    /// Counts a request for what weighs `weight`.
    pub const fn note(&mut self, weight: Weight, missed: bool) {
        self.requests += 1;
        self.bytes += weight.bytes;
        if missed {
            self.misses += 1;
            self.missed_bytes += weight.bytes;
            self.missed_cost += weight.cost;
        }
    }
}

/// Runs `policy` over `requests`: what is missed is inserted at once.
pub fn replay<K>(
    policy: &mut dyn Policy<K>,
    requests: impl IntoIterator<Item = Request<K>>,
) -> Replay {
    let mut done = Replay::default();
    for Request { key, weight } in requests {
        let missed = !policy.request(&key);
        done.note(weight, missed);
        if missed {
            policy.insert(key, weight, &none_spared);
        }
    }
    done
}
