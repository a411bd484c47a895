//! The chunk store: finished chunks on disk, found by their key.
//!
//! An index of small rows (`index/`, by sled) and one immutable file per
//! chunk (`chunks/ab/cd/<digest>`, described by its own trailer). Everything here blocks and
//! is called from plain threads; waiting, coalescing and memory are the
//! [`crate::cache`]'s business, and so is what to store.
//!
//! Invariants:
//! - A put that returned is durable: it survives the death of the process. After
//!   a power loss the index may lack its newest rows; the files give them back.
//! - A read gives the bytes that were put, all of them, or none: every byte is
//!   hashed on every read from disk.
//! - A chunk never changes: putting a key again keeps what is there.
//! - Put: file, then row. Remove: the file leaves `chunks/`, then the row goes,
//!   then the file is deleted. What a crash leaves in between, the next
//!   open mends and reports ([`RecoveryReport`]).
//!
//! The number of chunks is not bounded here: that is eviction, which stands on
//! [`ChunkStore::stats`] and [`ChunkStore::remove`].

mod error;
mod index;
mod payload;
mod record;
mod recover;
#[cfg(test)]
mod tests;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

pub use error::StoreError;
pub use index::IndexError;
pub use recover::RecoveryReport;

use crate::chunk::{ChunkKey, ChunkMeta, Part};
use crate::digest::Digest;
use index::{Index, Row};
use payload::{Payloads, Reading};

/// The largest chunk: about 2 s at 128 Mbit/s or 10 s at 25 Mbit/s. Bounds the
/// buffer of one read.
pub const MAX_CHUNK_BYTES: u64 = 32 * 1024 * 1024;

/// The most parts in one chunk: half a minute of 0.12 s parts. Bounds the row.
pub const MAX_PARTS: usize = 256;

/// The largest small value: a page of the index holds several.
pub const MAX_SMALL_BYTES: usize = 8 * 1024 - 1;

/// The longest name of a small value, in bytes.
pub const MAX_SMALL_NAME: usize = 256;

/// The most small values: an init segment per rendition ever seen, far fewer in
/// practice, and at most 128 MiB of index.
pub const MAX_SMALL_VALUES: u64 = 16 * 1024;

/// Locks that keep two writers of one key apart; more than there are disks' worth
/// of concurrent puts, so that strangers rarely meet.
const STRIPES: usize = 64;

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// The store's folder; made if it is missing.
    pub dir: PathBuf,
    /// Memory for the index's pages.
    pub index_cache_bytes: u64,
}

impl StoreConfig {
    /// A store in `dir` with 32 MiB for the index: the pages of some 200 000 chunks.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            index_cache_bytes: 32 * 1024 * 1024,
        }
    }
}

/// A chunk read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredChunk {
    /// Parts and cost.
    pub meta: ChunkMeta,
    /// The parts: slices of one buffer.
    pub parts: Vec<Part>,
    /// BLAKE3 of all parts, one after the other.
    pub digest: Digest,
}

/// What looking for a chunk found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// It is there, verified.
    Hit(StoredChunk),
    /// It is not there.
    Miss,
    /// The index had it but its file was gone; the row has been removed.
    Lost,
    /// Its file was damaged; row and file have been removed.
    Corrupt,
}

/// How much there is, and what went wrong since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Chunks.
    pub chunks: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// Small values.
    pub small_values: u64,
    /// Chunks found damaged when read.
    pub corrupt: u64,
    /// Chunks whose file was gone when read.
    pub lost: u64,
}

/// A handle on an open store; clones share it, and the last one closes it.
#[derive(Clone)]
pub struct ChunkStore(Arc<Shared>);

struct Shared {
    dir: PathBuf,
    // Dropped before the lock, so that whoever gets the lock finds the index closed.
    index: Index,
    payloads: Payloads,
    stripes: [Mutex<()>; STRIPES],
    small: Mutex<()>,
    counts: Counts,
    _lock: File,
}

#[derive(Default)]
struct Counts {
    chunks: AtomicU64,
    bytes: AtomicU64,
    small_values: AtomicU64,
    corrupt: AtomicU64,
    lost: AtomicU64,
}

impl ChunkStore {
    /// Opens the store, mends what a crash left behind and says what that was.
    pub fn open(config: StoreConfig) -> Result<(Self, RecoveryReport), StoreError> {
        let dir = config.dir;
        fs::create_dir_all(&dir).map_err(|error| StoreError::io("make the folder", &dir, error))?;
        let lock = lock(&dir)?;
        let payloads = Payloads::open(&dir)?;
        let (index, index_rebuilt) = recover::open_index(&dir, config.index_cache_bytes)?;
        let mut report = recover::recover(&dir, &index, &payloads)?;
        report.index_rebuilt = index_rebuilt;
        let small_values = index
            .count_small()
            .map_err(|error| StoreError::index(&dir, error))?;
        let store = Self(Arc::new(Shared {
            counts: Counts {
                chunks: report.chunks.into(),
                bytes: report.bytes.into(),
                small_values: small_values.into(),
                ..Counts::default()
            },
            dir,
            index,
            payloads,
            stripes: std::array::from_fn(|_| Mutex::new(())),
            small: Mutex::new(()),
            _lock: lock,
        }));
        Ok((store, report))
    }

    /// The store's folder.
    pub fn dir(&self) -> &Path {
        &self.0.dir
    }

    /// Looks for a chunk and reads it.
    pub fn get(&self, key: &ChunkKey) -> Result<Lookup, StoreError> {
        let shared = &*self.0;
        let Some(row) = shared.row(key)? else {
            return Ok(Lookup::Miss);
        };
        match shared.payloads.read(key, &row)? {
            Reading::Whole(chunk) => Ok(Lookup::Hit(chunk)),
            Reading::Damaged | Reading::Gone => shared.settle(key),
        }
    }

    /// Whether the index has the chunk. Its file is not looked at.
    pub fn contains(&self, key: &ChunkKey) -> Result<bool, StoreError> {
        Ok(self.0.row(key)?.is_some())
    }

    /// Stores a chunk, durably, or nothing. A key that is there keeps what it has.
    pub fn put(&self, key: &ChunkKey, meta: &ChunkMeta, parts: &[Part]) -> Result<(), StoreError> {
        check(meta, parts)?;
        let shared = &*self.0;
        let _writing = shared.writing(key);
        if let Some(row) = shared.row(key)? {
            if shared.payloads.stands(&row) {
                return Ok(());
            }
            shared.forget(key, &row)?;
        }
        let written = shared.payloads.write(key, meta, parts, now())?;
        let row = shared.payloads.name(written)?;
        let entered = shared
            .index
            .insert(key, &row)
            .and_then(|()| shared.index.flush());
        if let Err(error) = entered {
            // Without a row the file is nobody's; should this fail too, the next start finds it.
            if let Ok(Some(aside)) = shared.payloads.set_aside(&row.file) {
                let _ = fs::remove_file(aside);
            }
            return Err(shared.index_error(error));
        }
        shared.counts.chunks.fetch_add(1, Ordering::Relaxed);
        shared
            .counts
            .bytes
            .fetch_add(Payloads::file_len(&row.record), Ordering::Relaxed);
        Ok(())
    }

    /// Removes a chunk, durably; says whether it was there.
    pub fn remove(&self, key: &ChunkKey) -> Result<bool, StoreError> {
        let shared = &*self.0;
        let _writing = shared.writing(key);
        match shared.row(key)? {
            Some(row) => shared.forget(key, &row).map(|()| true),
            None => Ok(false),
        }
    }

    /// The small value called `name`.
    pub fn get_small(&self, name: &str) -> Result<Option<Bytes>, StoreError> {
        check_name(name)?;
        self.0
            .index
            .get_small(name)
            .map_err(|error| self.0.index_error(error))
    }

    /// Stores a small value, durably, in the place of any earlier one of that name.
    pub fn put_small(&self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        check_name(name)?;
        if value.len() > MAX_SMALL_BYTES {
            return Err(StoreError::SmallTooLarge {
                name: name.to_owned(),
                bytes: value.len(),
            });
        }
        let shared = &*self.0;
        let failed = |error| shared.index_error(error);
        let _writing = shared.small.lock().unwrap_or_else(PoisonError::into_inner);
        let full = shared.counts.small_values.load(Ordering::Relaxed) >= MAX_SMALL_VALUES;
        if full && shared.index.get_small(name).map_err(failed)?.is_none() {
            return Err(StoreError::TooManySmall {
                name: name.to_owned(),
            });
        }
        if shared.index.put_small(name, value).map_err(failed)? {
            shared.counts.small_values.fetch_add(1, Ordering::Relaxed);
        }
        shared.index.flush().map_err(failed)
    }

    /// How much there is.
    pub fn stats(&self) -> StoreStats {
        let counts = &self.0.counts;
        StoreStats {
            chunks: counts.chunks.load(Ordering::Relaxed),
            bytes: counts.bytes.load(Ordering::Relaxed),
            small_values: counts.small_values.load(Ordering::Relaxed),
            corrupt: counts.corrupt.load(Ordering::Relaxed),
            lost: counts.lost.load(Ordering::Relaxed),
        }
    }
}

impl Shared {
    fn row(&self, key: &ChunkKey) -> Result<Option<Row>, StoreError> {
        self.index.get(key).map_err(|error| self.index_error(error))
    }

    fn index_error(&self, error: IndexError) -> StoreError {
        StoreError::index(&self.dir.join("index"), error)
    }

    fn writing(&self, key: &ChunkKey) -> MutexGuard<'_, ()> {
        let stripe = usize::from(key.digest().as_bytes()[0]) % STRIPES;
        self.stripes[stripe]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A read went wrong: looks again with writers of this key kept out (it may
    /// have been removed or replaced meanwhile) and removes what is really bad.
    fn settle(&self, key: &ChunkKey) -> Result<Lookup, StoreError> {
        let _writing = self.writing(key);
        let Some(row) = self.row(key)? else {
            return Ok(Lookup::Miss);
        };
        let (found, count) = match self.payloads.read(key, &row)? {
            Reading::Whole(chunk) => return Ok(Lookup::Hit(chunk)),
            Reading::Damaged => (Lookup::Corrupt, &self.counts.corrupt),
            Reading::Gone => (Lookup::Lost, &self.counts.lost),
        };
        let path = self.payloads.path_of(&row.file);
        tracing::warn!(%key, path = %path.display(), "a stored chunk is damaged or gone: removed");
        count.fetch_add(1, Ordering::Relaxed);
        self.forget(key, &row)?;
        Ok(found)
    }

    /// Removes a chunk's file and row. The caller keeps other writers of the key out.
    fn forget(&self, key: &ChunkKey, row: &Row) -> Result<(), StoreError> {
        let aside = self.payloads.set_aside(&row.file)?;
        self.index
            .remove(key)
            .and_then(|()| self.index.flush())
            .map_err(|error| self.index_error(error))?;
        self.counts.chunks.fetch_sub(1, Ordering::Relaxed);
        self.counts
            .bytes
            .fetch_sub(Payloads::file_len(&row.record), Ordering::Relaxed);
        if let Some(aside) = aside {
            fs::remove_file(&aside).map_err(|error| StoreError::io("delete", &aside, error))?;
        }
        Ok(())
    }
}

/// Takes the folder for this handle; the system lets go of it when the file closes.
fn lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join("lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|error| StoreError::io("open", &path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse {
            dir: dir.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(StoreError::io("lock", &path, error)),
    }
}

fn check(meta: &ChunkMeta, parts: &[Part]) -> Result<(), StoreError> {
    if parts.is_empty() || parts.len() > MAX_PARTS || parts.len() != meta.parts.len() {
        return Err(StoreError::PartCount { parts: parts.len() });
    }
    for (at, (said, part)) in meta.parts.iter().zip(parts).enumerate() {
        let agree = *said == part.meta && said.bytes as usize == part.data.len();
        if !agree || part.data.is_empty() {
            return Err(StoreError::PartMismatch { part: at });
        }
    }
    match meta.bytes() {
        bytes if bytes > MAX_CHUNK_BYTES => Err(StoreError::ChunkTooLarge { bytes }),
        _ => Ok(()),
    }
}

fn check_name(name: &str) -> Result<(), StoreError> {
    match name.len() {
        1..=MAX_SMALL_NAME => Ok(()),
        bytes => Err(StoreError::SmallName { bytes }),
    }
}

fn now() -> u64 {
    // A clock before 1970 is a machine without a clock: the age is unknown, the chunk is fine.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
