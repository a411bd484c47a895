//! SIEVE: a queue in order of arrival, and a hand that moves from the oldest to the
//! newest.
//!
//! What the hand finds requested since it last came by stays where it is; the first
//! that was not, goes. Unlike in S3-FIFO nothing moves, so what is new is judged soon and
//! what lasted is passed over. (Y. Zhang, J. Yang, Y. Yue, Y. Vigfusson, K. V. Rashmi, "SIEVE is
//! Simpler than LRU", NSDI 2024.)

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use super::{Insertion, Policy, Spared, Weight, make_room};

/// Keeps what was requested since the hand came by.
pub struct Sieve<K> {
    entries: HashMap<K, Entry>,
    /// By arrival.
    queue: BTreeMap<u64, K>,
    /// The arrival at which the hand stands, if any; else it begins with the oldest.
    hand: Option<u64>,
    arrivals: u64,
    bytes: u64,
    capacity: u64,
}

struct Entry {
    arrival: u64,
    bytes: u64,
    requested: bool,
}

impl<K> Sieve<K> {
    /// Keeps at most `capacity` bytes.
    pub fn new(capacity: u64) -> Self {
        Self {
            entries: HashMap::new(),
            queue: BTreeMap::new(),
            hand: None,
            arrivals: 0,
            bytes: 0,
            capacity,
        }
    }
}

impl<K: Clone + Eq + Hash + Send> Policy<K> for Sieve<K> {
    fn request(&mut self, key: &K) -> bool {
        match self.entries.get_mut(key) {
            Some(entry) => {
                entry.requested = true;
                true
            }
            None => false,
        }
    }

    fn insert(&mut self, key: K, weight: Weight, spared: Spared<K>) -> Insertion<K> {
        let made = make_room(self, weight.bytes, self.capacity, spared);
        if made.kept {
            let entry = Entry {
                arrival: self.arrivals,
                bytes: weight.bytes,
                requested: false,
            };
            self.arrivals += 1;
            self.bytes += weight.bytes;
            self.queue.insert(entry.arrival, key.clone());
            self.entries.insert(key, entry);
        }
        made
    }

    fn evict(&mut self, spared: Spared<K>) -> Option<K> {
        // The first round takes the marks, the second finds what has none: after
        // that, only what is spared is left.
        for _ in 0..2 * self.queue.len() {
            let from = self.hand.unwrap_or(0);
            let (&arrival, key) = self.queue.range(from..).next()?;
            let key = key.clone();
            let entry = self.entries.get_mut(&key)?;
            if entry.requested || spared(&key) {
                entry.requested = false;
                self.hand = self.queue.range(arrival + 1..).next().map(|next| *next.0);
            } else {
                self.remove(&key);
                return Some(key);
            }
        }
        None
    }

    fn remove(&mut self, key: &K) -> bool {
        let Some(entry) = self.entries.remove(key) else {
            return false;
        };
        self.bytes -= entry.bytes;
        self.queue.remove(&entry.arrival);
        // At the newest the hand begins anew, and does not wait for what comes next.
        if self.hand.unwrap_or(entry.arrival) == entry.arrival {
            self.hand = self.queue.range(entry.arrival..).next().map(|next| *next.0);
        }
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
