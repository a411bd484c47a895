//! Greedy-Dual-Size with frequency.
//!
//! Each key has a value: requests times cost per byte, over the value of what
//! went last. The least goes first. So what is large, cheap to get again or long
//! not requested goes, and what was worth much once ages as others go.
//! (L. Cherkasova, "Improving WWW Proxies Performance with
//! Greedy-Dual-Size-Frequency Caching Policy", HP Laboratories, 1998.)

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use super::{Insertion, Policy, Spared, Weight, make_room};

/// Keeps what saves the most per byte.
pub struct Gdsf<K> {
    entries: HashMap<K, Entry>,
    /// By rank, the next to go first.
    ranked: BTreeMap<Rank, K>,
    /// The value of what went last.
    age: f64,
    /// Counts requests, so that ranks are never the same.
    clock: u64,
    bytes: u64,
    capacity: u64,
}

struct Entry {
    weight: Weight,
    requests: u32,
    rank: Rank,
}

/// The value, and of equal ones, which was requested first.
#[derive(Clone, Copy, Debug)]
struct Rank {
    value: f64,
    requested: u64,
}

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> Ordering {
        let values = self.value.total_cmp(&other.value);
        values.then(self.requested.cmp(&other.requested))
    }
}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Rank {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Rank {}

/// A byte's cost is far below one, and a sum with a large age would lose its
/// last digits: values are in millionths.
const SCALE: f64 = 1e6;

impl<K> Gdsf<K> {
    /// Keeps at most `capacity` bytes.
    pub fn new(capacity: u64) -> Self {
        Self {
            entries: HashMap::new(),
            ranked: BTreeMap::new(),
            age: 0.0,
            clock: 0,
            bytes: 0,
            capacity,
        }
    }

    fn rank(&mut self, weight: Weight, requests: u32) -> Rank {
        self.clock += 1;
        // What costs nothing still is worth less the larger it is.
        let cost = f64::from(requests) * weight.cost.max(1) as f64 * SCALE;
        Rank {
            value: self.age + cost / weight.bytes.max(1) as f64,
            requested: self.clock,
        }
    }
}

impl<K: Clone + Eq + Hash + Send> Policy<K> for Gdsf<K> {
    fn request(&mut self, key: &K) -> bool {
        let Some(entry) = self.entries.get(key) else {
            return false;
        };
        let (weight, old) = (entry.weight, entry.rank);
        let requests = entry.requests.saturating_add(1);
        let rank = self.rank(weight, requests);
        if let Some(key) = self.ranked.remove(&old) {
            self.ranked.insert(rank, key);
        }
        if let Some(entry) = self.entries.get_mut(key) {
            (entry.requests, entry.rank) = (requests, rank);
        }
        true
    }

    fn insert(&mut self, key: K, weight: Weight, spared: Spared<K>) -> Insertion<K> {
        let made = make_room(self, weight.bytes, self.capacity, spared);
        if made.kept {
            let rank = self.rank(weight, 1);
            self.bytes += weight.bytes;
            self.ranked.insert(rank, key.clone());
            let requests = 1;
            self.entries.insert(
                key,
                Entry {
                    weight,
                    requests,
                    rank,
                },
            );
        }
        made
    }

    fn evict(&mut self, spared: Spared<K>) -> Option<K> {
        let next = self.ranked.iter().find(|(_, key)| !spared(key));
        let (rank, key) = next.map(|(rank, key)| (*rank, key.clone()))?;
        self.age = rank.value;
        self.remove(&key);
        Some(key)
    }

    fn remove(&mut self, key: &K) -> bool {
        let Some(entry) = self.entries.remove(key) else {
            return false;
        };
        self.ranked.remove(&entry.rank);
        self.bytes -= entry.weight.bytes;
        true
    }

    fn contains(&self, key: &K) -> bool {
        self.entries.contains_key(key)
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn len(&self) -> usize {
        self.entries.len()
    }
}
