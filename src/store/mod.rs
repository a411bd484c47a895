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
//! - The chunks never take more than the bound, and leave free what is to be left
//!   free: what the policy lets go is deleted before what it goes for is written.

mod archive;
mod error;
#[cfg(test)]
mod full_disk_tests;
mod index;
mod payload;
mod put;
mod record;
mod recover;
mod room;
#[cfg(test)]
mod room_tests;
mod scrub;
mod scrubber;
#[cfg(test)]
mod tests;
mod trailer;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

pub use archive::{ArchiveError, ArchiveReport};
pub use error::StoreError;
pub use index::IndexError;
pub use recover::RecoveryReport;
pub use room::Pin;
pub use scrub::ScrubReport;
pub use scrubber::{ScrubPlan, Scrubber};

use crate::chunk::{ChunkKey, ChunkMeta, Part, ReuseClass};
use crate::digest::Digest;
use crate::offload::Cause;
use crate::policy::PolicyKind;
use index::{Index, Row};
use payload::{Payloads, Reading};
use room::Room;

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

/// What a store may take unless it is told otherwise: 16 GiB, some ten hours of
/// 720p.
pub const DEFAULT_MAX_BYTES: u64 = 16 << 30;

/// What a store leaves free unless it is told otherwise: 1 GiB.
pub const DEFAULT_MIN_FREE_BYTES: u64 = 1 << 30;

/// The small value that remembers the bound, as 8 bytes, little-endian.
const MAX_BYTES_NAME: &str = "store/max-bytes";

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
    /// The most bytes that all chunks together take on disk; `None` for what the
    /// store was opened with last, [`DEFAULT_MAX_BYTES`] at first.
    pub max_bytes: Option<u64>,
    /// Bytes of the file system that are left free.
    pub min_free_bytes: u64,
    /// Decides which chunks go when they do not all fit.
    pub policy: PolicyKind,
    /// Which chunks are kept at their first use.
    pub admission: AdmissionKind,
}

/// Which chunks are kept at their first use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AdmissionKind {
    /// All.
    #[default]
    All,
    /// All, until chunks of a class have to go that were hardly ever used: then
    /// the class is kept at its second use ([`crate::policy::Admission`]).
    Proven,
}

impl AdmissionKind {
    /// All of them, with the names they go by.
    pub const NAMED: [(&'static str, Self); 2] = [("all", Self::All), ("proven", Self::Proven)];
}

impl StoreConfig {
    /// A store in `dir` with 32 MiB for the index: the pages of some 200 000 chunks.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            index_cache_bytes: 32 * 1024 * 1024,
            max_bytes: None,
            min_free_bytes: DEFAULT_MIN_FREE_BYTES,
            policy: PolicyKind::default(),
            admission: AdmissionKind::default(),
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
    /// Bytes that the chunks take on disk, in whole blocks.
    pub disk_bytes: u64,
    /// The most that they may take.
    pub max_bytes: u64,
    /// Chunks that were let go for others since the start.
    pub evicted: u64,
    /// Chunks that were not kept since the start: the policy did not want them,
    /// or there was no room for them.
    pub refused: u64,
}

/// Why a chunk is not here any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// It went for others.
    Evicted,
    /// It was damaged.
    Corrupt,
    /// Its file was gone.
    Lost,
    /// It was removed.
    Removed,
}

impl From<Departure> for Cause {
    fn from(why: Departure) -> Self {
        match why {
            Departure::Evicted => Self::Evicted,
            Departure::Corrupt => Self::Damaged,
            Departure::Lost => Self::Lost,
            Departure::Removed => Self::Purged,
        }
    }
}

/// Who is told of chunks that go.
type Watcher = Box<dyn Fn(&ChunkKey, Departure) + Send + Sync>;

/// What became of a chunk that was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is durable.
    Kept,
    /// It is not kept: it is to be used once more first, the policy does not want
    /// it, or all that could go for it is pinned.
    Refused,
}

/// A handle on an open store; clones share it, and the last one closes it.
#[derive(Clone)]
pub struct ChunkStore(Arc<Shared>);

struct Shared {
    dir: PathBuf,
    // Dropped before the lock, so that whoever gets the lock finds the index closed.
    index: Index,
    payloads: Payloads,
    room: Room,
    max_bytes: u64,
    stripes: [Mutex<()>; STRIPES],
    small: Mutex<()>,
    counts: Counts,
    watcher: OnceLock<Watcher>,
    _lock: File,
}

#[derive(Default)]
struct Counts {
    chunks: AtomicU64,
    bytes: AtomicU64,
    small_values: AtomicU64,
    corrupt: AtomicU64,
    lost: AtomicU64,
    evicted: AtomicU64,
    refused: AtomicU64,
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
        let max_bytes = bound(&index, config.max_bytes)
            .map_err(|error| StoreError::index(&dir.join("index"), error))?;
        let room = Room::new(
            config.policy,
            config.admission,
            max_bytes,
            &dir,
            config.min_free_bytes,
        );
        let shared = Shared {
            room,
            max_bytes,
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
            watcher: OnceLock::new(),
            _lock: lock,
        };
        shared.settle_in(&mut report)?;
        Ok((Self(Arc::new(shared)), report))
    }

    /// Has `watcher` told of each chunk that goes from now on. The first who asks is; it
    /// is called while the chunk cannot come back, and must not wait.
    pub fn on_departure(&self, watcher: impl Fn(&ChunkKey, Departure) + Send + Sync + 'static) {
        if self.0.watcher.set(Box::new(watcher)).is_err() {
            tracing::warn!("a second watcher of the store is told nothing");
        }
    }

    /// The store's folder.
    pub fn dir(&self) -> &Path {
        &self.0.dir
    }

    /// Looks for a chunk and reads it.
    pub fn get(&self, key: &ChunkKey) -> Result<Lookup, StoreError> {
        let found = self.read(key)?;
        if let Lookup::Hit(_) = found {
            self.0.room.request(key);
        }
        Ok(found)
    }

    /// The same, but it counts as no request.
    fn read(&self, key: &ChunkKey) -> Result<Lookup, StoreError> {
        let shared = &*self.0;
        let Some(row) = shared.row(key)? else {
            return Ok(Lookup::Miss);
        };
        match shared.payloads.read(key, &row)? {
            Reading::Whole(chunk) => Ok(Lookup::Hit(chunk)),
            Reading::Damaged | Reading::Gone => shared.settle(key),
        }
    }

    /// Notes that the chunk was served from elsewhere: what is always in memory
    /// is not to go from the disk as if nobody wanted it. Never waits.
    pub fn note_use(&self, key: &ChunkKey) {
        self.0.room.request_lightly(key);
    }

    /// Spares the chunk from eviction as long as the pin lives.
    pub fn pin(&self, key: &ChunkKey) -> Pin {
        self.0.room.pin(key)
    }

    /// Whether the index has the chunk. Its file is not looked at.
    pub fn contains(&self, key: &ChunkKey) -> Result<bool, StoreError> {
        Ok(self.0.row(key)?.is_some())
    }

    /// Stores a chunk, durably, or nothing; others may go for it. A key that is
    /// there keeps what it has.
    pub fn put(
        &self,
        key: &ChunkKey,
        class: ReuseClass,
        meta: &ChunkMeta,
        parts: &[Part],
    ) -> Result<Put, StoreError> {
        check(meta, parts)?;
        self.0.put(key, class, meta, parts)
    }

    /// Removes a chunk, durably; says whether it was there. That a transient one went is
    /// told to nobody: it is over, and nobody asks for it again.
    pub fn remove(&self, key: &ChunkKey) -> Result<bool, StoreError> {
        let shared = &*self.0;
        let _writing = shared.writing(key);
        match shared.row(key)? {
            Some(row) => {
                if !row.record.transient {
                    shared.went(key, Departure::Removed);
                }
                shared.forget(key, &row)?;
                Ok(true)
            }
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
            disk_bytes: self.0.room.bytes(),
            max_bytes: self.0.max_bytes,
            evicted: counts.evicted.load(Ordering::Relaxed),
            refused: counts.refused.load(Ordering::Relaxed),
        }
    }
}

impl Shared {
    fn row(&self, key: &ChunkKey) -> Result<Option<Row>, StoreError> {
        self.index.get(key).map_err(|error| self.index_error(error))
    }

    fn went(&self, key: &ChunkKey, why: Departure) {
        if let Some(watcher) = self.watcher.get() {
            watcher(key, why);
        }
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
}

/// The bound that is wanted, or else the one remembered: a command that is not
/// told of a large store's bound must not empty it down to the usual one.
fn bound(index: &Index, wanted: Option<u64>) -> Result<u64, IndexError> {
    let remembered = index.get_small(MAX_BYTES_NAME)?;
    let remembered =
        remembered.and_then(|value| Some(u64::from_le_bytes(value.as_ref().try_into().ok()?)));
    if let Some(bytes) = wanted.filter(|bytes| remembered != Some(*bytes)) {
        index.put_small(MAX_BYTES_NAME, &bytes.to_le_bytes())?;
        index.flush()?;
    }
    Ok(wanted.or(remembered).unwrap_or(DEFAULT_MAX_BYTES))
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
