//! Room on the disk: what may be kept, and what goes for it.
//!
//! The bookkeeping is a [`Policy`]'s; here it is shared between threads and tied
//! to the disk: chunks are weighed by the blocks that they take and by what
//! rendering them cost, those that are pinned are spared, and the file system is
//! asked how much is free.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::AdmissionKind;
use crate::chunk::{ChunkKey, ReuseClass};
use crate::policy::{Admission, Insertion, Policy, PolicyKind, Weight};

/// What a file takes on disk comes in blocks of this many bytes on the usual
/// file systems.
const BLOCK: u64 = 4096;

/// How often each pinned chunk is pinned.
type Pins = HashMap<ChunkKey, usize>;

pub(super) struct Room {
    books: Mutex<Books>,
    noted: Noted,
    opened: Instant,
    pins: Arc<Mutex<Pins>>,
    dir: PathBuf,
    max_bytes: u64,
    min_free: u64,
}

/// What was noted in the last second: a table that forgets when two meet, so it
/// costs neither a lock nor memory that grows.
struct Noted(Box<[AtomicU64]>);

/// Slots of that table.
const NOTED: usize = 4096;

impl Default for Noted {
    fn default() -> Self {
        Self((0..NOTED).map(|_| AtomicU64::new(u64::MAX)).collect())
    }
}

impl Noted {
    /// Whether the table does not say that `key` was noted in this second; now it does.
    fn is_new(&self, key: &ChunkKey, second: u64) -> bool {
        let [a, b, c, d, e, f, ..] = *key.digest().as_bytes();
        let slot = usize::from(u16::from_le_bytes([a, b])) % NOTED;
        let mark = u64::from(u32::from_le_bytes([c, d, e, f])) << 32 | (second & 0xFFFF_FFFF);
        self.0[slot].swap(mark, Ordering::Relaxed) != mark
    }
}

/// What is kept, and what came of it.
struct Books {
    policy: Box<dyn Policy<ChunkKey>>,
    /// `None` where everything is kept at its first use.
    admission: Option<Admission<ChunkKey, ReuseClass>>,
}

impl Books {
    fn went(&mut self, gone: &[ChunkKey]) {
        if let Some(admission) = &mut self.admission {
            gone.iter().for_each(|key| admission.evicted(key));
        }
    }
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
    pub fn new(
        kind: PolicyKind,
        admission: AdmissionKind,
        max_bytes: u64,
        dir: &Path,
        min_free: u64,
    ) -> Self {
        let books = Books {
            policy: kind.build(max_bytes),
            admission: (admission == AdmissionKind::Proven).then(Admission::default),
        };
        Self {
            books: Mutex::new(books),
            noted: Noted::default(),
            opened: Instant::now(),
            pins: Arc::default(),
            dir: dir.to_owned(),
            max_bytes,
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

    /// Notes a request that the disk served.
    pub fn request(&self, key: &ChunkKey) {
        let mut books = self.books();
        books.policy.request(key);
        if let Some(admission) = &mut books.admission {
            admission.used(key);
        }
    }

    /// Notes a request, unless one of the same chunk was noted in the same second,
    /// or another thread is at the books just now: what is requested often is noted
    /// often enough.
    pub fn request_lightly(&self, key: &ChunkKey) {
        if self.noted.is_new(key, self.opened.elapsed().as_secs())
            && let Ok(mut books) = self.books.try_lock()
        {
            books.policy.request(key);
        }
    }

    /// Takes room for a chunk, unless it has some, or is to be used once more
    /// before it gets some (`class` is `None` for what is there already, or is spared). Those
    /// that are gone are to be deleted before it is written.
    pub fn take(
        &self,
        key: ChunkKey,
        class: Option<ReuseClass>,
        weight: Weight,
    ) -> Insertion<ChunkKey> {
        let mut books = self.books();
        let Books { policy, admission } = &mut *books;
        let untouched = |kept| Insertion {
            kept,
            gone: Vec::new(),
        };
        if policy.request(&key) {
            return untouched(true);
        }
        let fits = policy.bytes() + weight.bytes <= self.max_bytes;
        if let (Some(admission), Some(class), false) = (admission, class, fits)
            && !admission.admits(&key, class)
        {
            return untouched(false);
        }
        let pins = self.pins();
        let inserted = policy.insert(key, weight, &|key| pins.contains_key(key));
        books.went(&inserted.gone);
        if let (Some(admission), Some(class), true) = (&mut books.admission, class, inserted.kept) {
            admission.kept(key, class);
        }
        inserted
    }

    /// The next chunk that is to go, though the bound allows it.
    pub fn evict(&self) -> Option<ChunkKey> {
        let mut books = self.books();
        let pins = self.pins();
        let gone = books.policy.evict(&|key| pins.contains_key(key));
        books.went(gone.as_slice());
        gone
    }

    /// Gives back the room of a chunk that is not there any more.
    pub fn give_back(&self, key: &ChunkKey) {
        let mut books = self.books();
        books.policy.remove(key);
        if let Some(admission) = &mut books.admission {
            admission.forget(key);
        }
    }

    /// Whether the chunk has room: one that was let go may be back by now.
    pub fn has(&self, key: &ChunkKey) -> bool {
        self.books().policy.contains(key)
    }

    /// Bytes that all chunks together take.
    pub fn bytes(&self) -> u64 {
        self.books().policy.bytes()
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

    /// Whether a chunk is spared now.
    pub fn is_pinned(&self, key: &ChunkKey) -> bool {
        self.pins().contains_key(key)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        // Bookkeeping that a panic left half done is at worst a chunk off.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    #[test]
    fn a_request_is_noted_once_a_second_and_chunk() {
        let noted = Noted::default();
        let [a, b] = [b"a", b"b"].map(|name| ChunkKey::new(Digest::of(name)));
        let new = [
            (&a, 0),
            (&a, 0),
            (&b, 0),
            (&a, 0),
            (&a, 1),
            (&a, 1),
            (&b, 1),
        ];
        let new = new.map(|(key, second)| noted.is_new(key, second));
        assert_eq!(new, [true, false, true, false, true, false, true]);
    }
}
