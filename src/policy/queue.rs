//! One queue: the least recently used goes first, or the one that came first.

use std::hash::Hash;

use hashlink::LinkedHashMap;

use super::{Insertion, Policy, Spared, Weight, make_room};

/// Who goes to the end of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// Whoever is requested.
    ByUse,
    /// Whoever is new.
    ByArrival,
}

/// Keeps what was requested last, or what came last.
pub struct Queue<K> {
    order: Order,
    /// The one that goes next first.
    kept: LinkedHashMap<K, u64>,
    bytes: u64,
    capacity: u64,
}

impl<K: Eq + Hash> Queue<K> {
    /// Keeps at most `capacity` bytes of what was requested last.
    pub fn lru(capacity: u64) -> Self {
        Self::new(Order::ByUse, capacity)
    }

    /// Keeps at most `capacity` bytes of what came last, however often the rest is
    /// requested. What the better ones are measured against.
    pub fn fifo(capacity: u64) -> Self {
        Self::new(Order::ByArrival, capacity)
    }

    fn new(order: Order, capacity: u64) -> Self {
        Self {
            order,
            kept: LinkedHashMap::new(),
            bytes: 0,
            capacity,
        }
    }
}

impl<K: Clone + Eq + Hash + Send> Policy<K> for Queue<K> {
    fn request(&mut self, key: &K) -> bool {
        match self.order {
            Order::ByUse => self.kept.to_back(key).is_some(),
            Order::ByArrival => self.kept.contains_key(key),
        }
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
