//! Least recently used.

use std::hash::Hash;

use hashlink::LinkedHashMap;

use super::{Insertion, Policy, Spared, Weight, make_room};

/// Keeps what was requested last.
pub struct Lru<K> {
    /// The one longest not requested first.
    kept: LinkedHashMap<K, u64>,
    bytes: u64,
    capacity: u64,
}

impl<K: Eq + Hash> Lru<K> {
    /// Keeps at most `capacity` bytes.
    pub fn new(capacity: u64) -> Self {
        Self {
            kept: LinkedHashMap::new(),
            bytes: 0,
            capacity,
        }
    }
}

impl<K: Clone + Eq + Hash + Send> Policy<K> for Lru<K> {
    fn request(&mut self, key: &K) -> bool {
        self.kept.to_back(key).is_some()
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
