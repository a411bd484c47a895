//! S3-FIFO: a small queue for what is new, a main queue for what came again,
//! and the names of what went early.
//!
//! What is requested twice in the small queue moves to the main one; the rest
//! goes, and only its name is kept for a while: should it be inserted again, it
//! goes straight to the main queue. There, what was requested gets another round.
//! (J. Yang, Y. Zhang, Z. Qiu, Y. Yue, K. V. Rashmi, "FIFO queues are all you need for
//! cache eviction", SOSP 2023.) As long as nothing had to go, what finds the small
//! queue full goes to the main one, as its authors' later simulator has it.

use std::hash::Hash;

use hashlink::{LinkedHashMap, LinkedHashSet};

use super::{Insertion, Policy, Spared, Weight, make_room};

/// Of a hundred bytes, so many are for the small queue.
const SMALL_PERCENT: u64 = 10;

/// The names that are kept stand for so many of a hundred bytes.
const GHOST_PERCENT: u64 = 90;

/// Requests, beside the first, that move a key from the small queue to the main one.
const MOVE_AT: u8 = 2;

/// More requests than this count no further: so many rounds in the main queue.
const MOST_REQUESTS: u8 = 3;

/// Keeps what is requested again and again.
pub struct S3Fifo<K> {
    small: Queue<K>,
    main: Queue<K>,
    ghost: Ghost<K>,
    capacity: u64,
    /// Whether anything had to go yet.
    full: bool,
}

/// In order of arrival, the oldest first.
struct Queue<K> {
    kept: LinkedHashMap<K, Entry>,
    bytes: u64,
    capacity: u64,
}

#[derive(Clone, Copy)]
struct Entry {
    bytes: u64,
    requests: u8,
}

impl<K: Eq + Hash> Queue<K> {
    fn new(capacity: u64) -> Self {
        Self {
            kept: LinkedHashMap::new(),
            bytes: 0,
            capacity,
        }
    }

    fn push(&mut self, key: K, entry: Entry) {
        self.bytes += entry.bytes;
        self.kept.insert(key, entry);
    }

    fn pop(&mut self) -> Option<(K, Entry)> {
        let (key, entry) = self.kept.pop_front()?;
        self.bytes -= entry.bytes;
        Some((key, entry))
    }

    fn remove(&mut self, key: &K) -> bool {
        let removed = self.kept.remove(key);
        self.bytes -= removed.map_or(0, |entry| entry.bytes);
        removed.is_some()
    }

    fn request(&mut self, key: &K) -> bool {
        match self.kept.get_mut(key) {
            Some(entry) => {
                entry.requests = entry.requests.saturating_add(1);
                true
            }
            None => false,
        }
    }
}

/// Names of what went from the small queue, the oldest first.
struct Ghost<K> {
    names: LinkedHashMap<K, u64>,
    bytes: u64,
    capacity: u64,
    /// Names that were requested again and are not inserted yet.
    awaited: LinkedHashSet<K>,
}

/// Names that may be awaited: more than are ever fetched at a time.
const MAX_AWAITED: usize = 4096;

impl<K: Clone + Eq + Hash> Ghost<K> {
    fn push(&mut self, key: K, bytes: u64) {
        if bytes > self.capacity {
            return;
        }
        while self.bytes + bytes > self.capacity {
            let Some((_, oldest)) = self.names.pop_front() else {
                break;
            };
            self.bytes -= oldest;
        }
        self.bytes += bytes;
        if let Some(before) = self.names.insert(key, bytes) {
            self.bytes -= before;
        }
    }

    fn forget(&mut self, key: &K) -> bool {
        let forgotten = self.names.remove(key);
        self.bytes -= forgotten.unwrap_or(0);
        forgotten.is_some()
    }

    /// A request for what is not kept: if its name is known, it is awaited.
    fn request(&mut self, key: &K) {
        if self.forget(key) {
            if self.awaited.len() >= MAX_AWAITED {
                self.awaited.pop_front();
            }
            self.awaited.insert(key.clone());
        }
    }

    fn returns(&mut self, key: &K) -> bool {
        let (awaited, known) = (self.awaited.remove(key), self.forget(key));
        awaited || known
    }
}

impl<K: Clone + Eq + Hash> S3Fifo<K> {
    /// Keeps at most `capacity` bytes.
    pub fn new(capacity: u64) -> Self {
        let percent = |percent: u64| (u128::from(capacity) * u128::from(percent) / 100) as u64;
        let small = percent(SMALL_PERCENT);
        Self {
            small: Queue::new(small),
            main: Queue::new(capacity - small),
            ghost: Ghost {
                names: LinkedHashMap::new(),
                bytes: 0,
                capacity: percent(GHOST_PERCENT),
                awaited: LinkedHashSet::new(),
            },
            capacity,
            full: false,
        }
    }

    fn total(&self) -> u64 {
        self.small.bytes + self.main.bytes
    }

    /// What goes from the small queue; those requested often enough move on.
    fn evict_small(&mut self, spared: Spared<K>) -> Option<K> {
        while let Some((key, entry)) = self.small.pop() {
            if entry.requests >= MOVE_AT || spared(&key) {
                self.main.push(
                    key,
                    Entry {
                        requests: 0,
                        ..entry
                    },
                );
            } else {
                self.ghost.push(key.clone(), entry.bytes);
                return Some(key);
            }
        }
        None
    }

    /// What goes from the main queue; those requested go to its end.
    fn evict_main(&mut self, spared: Spared<K>) -> Option<K> {
        // Each round takes a request from every key: after the last, only those
        // that are spared are left.
        for _ in 0..self.main.kept.len() * (usize::from(MOST_REQUESTS) + 1) {
            let (key, entry) = self.main.pop()?;
            if entry.requests == 0 && !spared(&key) {
                return Some(key);
            }
            let requests = entry.requests.min(MOST_REQUESTS).saturating_sub(1);
            self.main.push(key, Entry { requests, ..entry });
        }
        None
    }
}

impl<K: Clone + Eq + Hash + Send> Policy<K> for S3Fifo<K> {
    fn request(&mut self, key: &K) -> bool {
        let kept = self.small.request(key) || self.main.request(key);
        if !kept {
            self.ghost.request(key);
        }
        kept
    }

    fn insert(&mut self, key: K, weight: Weight, spared: Spared<K>) -> Insertion<K> {
        let returns = self.ghost.returns(&key);
        // What would push all else out of the small queue is not worth it.
        if weight.bytes >= self.small.capacity {
            let (kept, gone) = (false, Vec::new());
            return Insertion { kept, gone };
        }
        let made = make_room(self, weight.bytes, self.capacity, spared);
        if made.kept {
            let entry = Entry {
                bytes: weight.bytes,
                requests: 0,
            };
            let early = !self.full && self.small.bytes >= self.small.capacity;
            match returns || early {
                true => self.main.push(key, entry),
                false => self.small.push(key, entry),
            }
        }
        made
    }

    fn evict(&mut self, spared: Spared<K>) -> Option<K> {
        self.full = true;
        let from_main = self.main.bytes > self.main.capacity || self.small.bytes == 0;
        if !from_main && let Some(key) = self.evict_small(spared) {
            return Some(key);
        }
        self.evict_main(spared)
    }

    fn remove(&mut self, key: &K) -> bool {
        self.small.remove(key) || self.main.remove(key)
    }

    fn contains(&self, key: &K) -> bool {
        self.small.kept.contains_key(key) || self.main.kept.contains_key(key)
    }

    fn bytes(&self) -> u64 {
        self.total()
    }

    fn len(&self) -> usize {
        self.small.kept.len() + self.main.kept.len()
    }
}
