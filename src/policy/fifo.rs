//! First in, first out.

use std::hash::Hash;

use hashlink::LinkedHashMap;

use super::{Insertion, Policy, Spared, Weight, make_room};

/// Keeps what came last, however often the rest is requested. What the better ones
/// are measured against.
pub struct Fifo<K> {
    /// The one that came first, first.
    kept: LinkedHashMap<K, u64>,
    bytes: u64,
    capacity: u64,
}

impl<K: Eq + Hash> Fifo<K> {
    /// Keeps at most `capacity` bytes.
    pub fn new(capacity: u64) -> Self {
        Self {
            kept: LinkedHashMap::new(),
            bytes: 0,
            capacity,
        }
    }
}

impl<K: Clone + Eq + Hash + Send> Policy<K> for Fifo<K> {
    fn request(&mut self, key: &K) -> bool {
        self.kept.contains_key(key)
    }

    fn insert(&mut self, key: K, weight: Weight, spared: Spared<K>) -> Insertion<K> {
        let made = make_room(self, weight.bytes, self.capacity, spared);
        if made.kept {
            self.bytes += weight.bytes;
            self.kept.insert(key, weight.bytes);
        }
        made
    }

    fn evict(&mut self, spared: Spared<K>) -> Option<K> {
        let key = self.kept.keys().find(|key| !spared(key))?.clone();
        self.remove(&key);
        Some(key)
    }

    fn remove(&mut self, key: &K) -> bool {
        match self.kept.remove(key) {
            Some(bytes) => {
                self.bytes -= bytes;
                true
            }
            None => false,
        }
    }

    fn contains(&self, key: &K) -> bool {
        self.kept.contains_key(key)
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn len(&self) -> usize {
        self.kept.len()
    }
}
