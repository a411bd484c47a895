//! Room on the disk for what live playlists list.
//!
//! A listed segment must not go from the disk for others: it is pinned. So that the
//! streams do not have the whole disk to themselves, half of it is theirs; beyond that
//! their windows get shorter.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::chunk::ChunkKey;
use crate::store::{ChunkStore, Pin};

/// What part of the disk's room may be pinned for live playlists.
const SHARE: u64 = 2;

/// The room of all live streams; clones share it.
#[derive(Clone, Debug)]
pub(super) struct Shelf(Arc<Room>);

#[derive(Debug)]
struct Room {
    bytes: u64,
    taken: AtomicU64,
}

/// A segment that is kept on the disk as long as this lives.
#[derive(Debug)]
pub(super) struct Kept {
    /// Its number.
    pub number: u64,
    /// What it is called in the cache.
    pub key: ChunkKey,
    bytes: u64,
    shelf: Shelf,
    _pin: Pin,
}

impl Shelf {
    /// The room that live streams may take of `store`.
    pub fn new(store: &ChunkStore) -> Self {
        Self(Arc::new(Room {
            bytes: store.stats().max_bytes / SHARE,
            taken: AtomicU64::new(0),
        }))
    }

    /// Keeps segment `number`, which is `key` in `store`.
    pub fn keep(&self, store: &ChunkStore, key: &ChunkKey, number: u64) -> Kept {
        Kept {
            number,
            key: *key,
            bytes: 0,
            shelf: self.clone(),
            _pin: store.pin(key),
        }
    }

    /// Whether more is kept than may be.
    pub fn is_full(&self) -> bool {
        self.0.taken.load(Ordering::Relaxed) > self.0.bytes
    }
}

impl Kept {
    /// It has another part of `bytes`.
    pub fn grow(&mut self, bytes: u32) {
        self.bytes += u64::from(bytes);
        let taken = &self.shelf.0.taken;
        taken.fetch_add(bytes.into(), Ordering::Relaxed);
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let taken = &self.shelf.0.taken;
        taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
