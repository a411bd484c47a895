//! A cache without bounds.

use std::collections::HashSet;

use crate::policy::{Replay, Request};

/// Runs `requests` against a cache from which nothing goes: each key is missed once.
pub fn infinite(requests: &[Request<u64>]) -> Replay {
    let mut seen = HashSet::new();
    let mut done = Replay::default();
    for Request { key, weight } in requests {
        let missed = seen.insert(*key);
        done.note(*weight, missed);
    }
    done
}
