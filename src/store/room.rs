//! Room on the disk: what may be kept, and what goes for it.
//!
//! The bookkeeping is a [`Policy`]'s; here it is shared between threads and tied
//! to the disk: chunks are weighed by the blocks that they take and by what
//! rendering them cost, those that are pinned are spared, and the file system is
//! asked how much is free.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::chunk::ChunkKey;
use crate::policy::{Insertion, Policy, PolicyKind, Weight};

/// What a file takes on disk comes in blocks of this many bytes on the usual
/// file systems.
const BLOCK: u64 = 4096;

/// How often each pinned chunk is pinned.
type Pins = HashMap<ChunkKey, usize>;

pub(super) struct Room {
    policy: Mutex<Box<dyn Policy<ChunkKey>>>,
    pins: Arc<Mutex<Pins>>,
    dir: PathBuf,
    min_free: u64,
}

/// Keeps a chunk from being evicted while it lives. It does not keep it from
/// being removed, and a damaged one goes all the same.
#[derive(Debug)]
pub struct Pin {
    key: ChunkKey,
    pins: Arc<Mutex<Pins>>,
}

impl Room {
    /// Room for `max_bytes` in `dir`, of whose file system `min_free` bytes are
    /// left alone.
    pub fn new(kind: PolicyKind, max_bytes: u64, dir: &Path, min_free: u64) -> Self {
        Self {
            policy: Mutex::new(kind.build(max_bytes)),
            pins: Arc::default(),
            dir: dir.to_owned(),
            min_free,
        }
    }

    /// What a file of `len` bytes weighs that cost `cost_ms` to make.
    pub const fn weigh(len: u64, cost_ms: u32) -> Weight {
        Weight {
            bytes: len.div_ceil(BLOCK) * BLOCK,
            cost: cost_ms as u64,
        }
    }

    /// Notes a request.
    pub fn request(&self, key: &ChunkKey) {
        self.policy().request(key);
    }

    /// Notes a request, unless another thread is at the books just now: what is
    /// requested often is noted often enough.
    pub fn request_lightly(&self, key: &ChunkKey) {
        if let Ok(mut policy) = self.policy.try_lock() {
            policy.request(key);
        }
    }

    /// Takes room for a chunk, unless it has some. Those that are gone are to be
    /// deleted before it is written.
    pub fn take(&self, key: ChunkKey, weight: Weight) -> Insertion<ChunkKey> {
        let mut policy = self.policy();
        if policy.request(&key) {
            return Insertion {
                kept: true,
                gone: Vec::new(),
            };
        }
        let pins = self.pins();
        policy.insert(key, weight, &|key| pins.contains_key(key))
    }

    /// The next chunk that is to go, though the bound allows it.
    pub fn evict(&self) -> Option<ChunkKey> {
        let mut policy = self.policy();
        let pins = self.pins();
        policy.evict(&|key| pins.contains_key(key))
    }

    /// Gives back the room of a chunk that is not there any more.
    pub fn give_back(&self, key: &ChunkKey) {
        self.policy().remove(key);
    }

    /// Whether the chunk has room: one that was let go may be back by now.
    pub fn has(&self, key: &ChunkKey) -> bool {
        self.policy().contains(key)
    }

    /// Bytes that all chunks together take.
    pub fn bytes(&self) -> u64 {
        self.policy().bytes()
    }

    /// Whether the file system lacks room for `bytes` more. One that does not
    /// say how much is free lacks none: writing tells.
    pub fn lacks(&self, bytes: u64) -> bool {
        let free =
            rustix::fs::statvfs(&self.dir).map(|stat| stat.f_bavail.saturating_mul(stat.f_frsize));
        free.is_ok_and(|free| free < self.min_free.saturating_add(bytes))
    }

    /// Spares a chunk as long as the pin lives.
    pub fn pin(&self, key: &ChunkKey) -> Pin {
        *self.pins().entry(*key).or_default() += 1;
        Pin {
            key: *key,
            pins: Arc::clone(&self.pins),
        }
    }

    fn policy(&self) -> MutexGuard<'_, Box<dyn Policy<ChunkKey>>> {
        // Bookkeeping that a panic left half done is at worst a chunk off.
        self.policy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pins(&self) -> MutexGuard<'_, Pins> {
        lock(&self.pins)
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut pins = lock(&self.pins);
        if let Some(count) = pins.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                pins.remove(&self.key);
            }
        }
    }
}

fn lock(pins: &Mutex<Pins>) -> MutexGuard<'_, Pins> {
    // Each change is one step.
    pins.lock().unwrap_or_else(PoisonError::into_inner)
}
