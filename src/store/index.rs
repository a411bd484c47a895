//! The index: which chunk lies in which file, and the small values. The only
//! file that knows sled.
//!
//! Rows are compact and hand-encoded: `version u8 | file digest 32 | record`
//! (see [`super::record`]). Payloads do not belong here: sled with values of
//! 50 KB and more grows without bound.
//!
//! A write that fails, as on a full disk, leaves sled refusing all that comes
//! after, whether the disk has room again or not. So an index that failed is
//! closed, and opened again by who calls a little later: what was durable is there
//! again, what was not was not promised.
//!
//! What sled gives: after [`Index::flush`] a row survives the death of the
//! process. It does not promise the last half second after a power loss, and it
//! may panic on a damaged file. So every call is fenced, a panic becomes
//! [`IndexError::Damaged`], and nothing here is needed to serve a chunk that the
//! payload files could not give back (see [`super::recover`]).

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use thiserror::Error;

use super::record::Record;
use crate::chunk::ChunkKey;
use crate::digest::Digest;

const ROW_VERSION: u8 = 1;
const SMALL_VERSION: u8 = 1;

/// How long opening waits for the threads of an index just closed in this
/// process to let go of its file.
const CLOSING_WAIT: Duration = Duration::from_secs(5);

/// How long an index that failed stays closed, so that a disk without room is not
/// asked at every call.
const REOPEN_PAUSE: Duration = Duration::from_secs(1);

/// What is wrong with the index.
#[derive(Debug, Error)]
pub enum IndexError {
    /// Its files do not make sense; they are to be set aside and rebuilt.
    #[error("the index is damaged: {0}")]
    Damaged(String),
    /// The file system failed; the index itself may be sound.
    #[error(transparent)]
    Io(io::Error),
    /// Someone else has it open.
    #[error("the index is open elsewhere")]
    Busy,
    /// It failed less than a second ago and is not opened again yet.
    #[error("the index failed just now")]
    Closed,
}

impl From<sled::Error> for IndexError {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(source) if source.to_string().contains("could not acquire lock") => {
                Self::Busy
            }
            // What sled reports of its own files' content, as opposed to what the system reports.
            sled::Error::Io(source)
                if matches!(
                    source.kind(),
                    io::ErrorKind::Other
                        | io::ErrorKind::InvalidData
                        | io::ErrorKind::UnexpectedEof
                ) && source.raw_os_error().is_none() =>
            {
                Self::Damaged(source.to_string())
            }
            // Something that is no index stands in its place.
            sled::Error::Io(source) if source.kind() == io::ErrorKind::NotADirectory => {
                Self::Damaged(source.to_string())
            }
            sled::Error::Io(source) => Self::Io(source),
            other => Self::Damaged(other.to_string()),
        }
    }
}

/// One chunk's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// BLAKE3 of the whole payload file, which is also its name.
    pub file: Digest,
    /// What is known about the chunk.
    pub record: Record,
}

impl Row {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(33 + self.record.encoded_len());
        out.push(ROW_VERSION);
        out.extend_from_slice(self.file.as_bytes());
        self.record.encode(&mut out);
        out
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (&version, rest) = bytes.split_first()?;
        let (file, record) = rest.split_first_chunk::<32>()?;
        (version == ROW_VERSION).then_some(())?;
        Some(Self {
            file: Digest::from_bytes(*file),
            record: Record::decode(record)?,
        })
    }
}

/// The index.
pub(super) struct Index {
    path: PathBuf,
    cache_bytes: u64,
    state: RwLock<State>,
}

enum State {
    Open(Trees),
    /// A call failed, or opening it again did.
    Failed(Instant),
}

/// sled's part of an open index.
struct Trees {
    db: sled::Db,
    chunks: sled::Tree,
    small: sled::Tree,
}

impl Trees {
    fn open(path: &Path, cache_bytes: u64) -> Result<Self, IndexError> {
        fenced(|| {
            let db = sled::Config::new()
                .path(path)
                .cache_capacity(cache_bytes)
                .open()?;
            let chunks = db.open_tree("chunks")?;
            let small = db.open_tree("small")?;
            Ok(Self { db, chunks, small })
        })
    }
}

impl Index {
    /// Opens the index in `path`, making it if there is none.
    pub fn open(path: &Path, cache_bytes: u64) -> Result<Self, IndexError> {
        let since = Instant::now();
        let trees = loop {
            match Trees::open(path, cache_bytes) {
                Err(IndexError::Busy) if since.elapsed() < CLOSING_WAIT => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                other => break other?,
            }
        };
        Ok(Self {
            path: path.to_owned(),
            cache_bytes,
            state: RwLock::new(State::Open(trees)),
        })
    }

    /// Runs `call` on the open index. If that fails, the index is closed.
    fn with<T>(&self, call: impl FnOnce(&Trees) -> Result<T, IndexError>) -> Result<T, IndexError> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let state = match &*state {
            State::Open(_) => state,
            State::Failed(_) => {
                drop(state);
                self.reopen()?;
                self.state.read().unwrap_or_else(PoisonError::into_inner)
            }
        };
        let State::Open(trees) = &*state else {
            // Another's call failed meanwhile.
            return Err(IndexError::Closed);
        };
        let done = fenced(|| call(trees));
        drop(state);
        if let Err(error) = &done {
            tracing::warn!(path = %self.path.display(), %error, "the index failed: closing it");
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            *state = State::Failed(Instant::now());
        }
        done
    }

    /// Opens an index that failed, unless it failed just now or another has opened it.
    fn reopen(&self) -> Result<(), IndexError> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        match &*state {
            State::Open(_) => return Ok(()),
            State::Failed(since) if since.elapsed() < REOPEN_PAUSE => {
                return Err(IndexError::Closed);
            }
            State::Failed(_) => {}
        }
        match Trees::open(&self.path, self.cache_bytes) {
            Ok(trees) => {
                tracing::info!(path = %self.path.display(), "the index is open again");
                *state = State::Open(trees);
                Ok(())
            }
            Err(error) => {
                *state = State::Failed(Instant::now());
                Err(error)
            }
        }
    }

    /// The row of `key`. One that cannot be read counts as none.
    pub fn get(&self, key: &ChunkKey) -> Result<Option<Row>, IndexError> {
        self.with(|trees| {
            let row = trees.chunks.get(key.digest().as_bytes())?;
            Ok(row.and_then(|bytes| Row::decode(&bytes)))
        })
    }

    /// Writes the row of `key`; durable after [`Index::flush`].
    pub fn insert(&self, key: &ChunkKey, row: &Row) -> Result<(), IndexError> {
        self.with(|trees| {
            trees.chunks.insert(key.digest().as_bytes(), row.encode())?;
            Ok(())
        })
    }

    /// Removes the row of `key`; durable after [`Index::flush`].
    pub fn remove(&self, key: &ChunkKey) -> Result<(), IndexError> {
        self.with(|trees| {
            trees.chunks.remove(key.digest().as_bytes())?;
            Ok(())
        })
    }

    /// Makes everything written so far survive the process.
    pub fn flush(&self) -> Result<(), IndexError> {
        self.with(|trees| {
            trees.db.flush()?;
            Ok(())
        })
    }

    /// Shows every readable row, removes every unreadable one and says how many those were.
    pub fn sift(&self, mut show: impl FnMut(ChunkKey, Row)) -> Result<u64, IndexError> {
        self.with(|trees| {
            let mut dropped = 0;
            for entry in trees.chunks.iter() {
                let (name, bytes) = entry?;
                let key = <[u8; 32]>::try_from(name.as_ref()).ok();
                match (key, Row::decode(&bytes)) {
                    (Some(key), Some(row)) => {
                        show(ChunkKey::new(Digest::from_bytes(key)), row);
                    }
                    _ => {
                        trees.chunks.remove(name)?;
                        dropped += 1;
                    }
                }
            }
            Ok(dropped)
        })
    }

    /// The small value called `name`.
    pub fn get_small(&self, name: &str) -> Result<Option<Bytes>, IndexError> {
        self.with(|trees| {
            let value = trees.small.get(name)?;
            Ok(value.and_then(|bytes| match bytes.split_first() {
                Some((&SMALL_VERSION, value)) => Some(Bytes::copy_from_slice(value)),
                _ => None,
            }))
        })
    }

    /// Writes a small value and says whether its name is new; durable after [`Index::flush`].
    pub fn put_small(&self, name: &str, value: &[u8]) -> Result<bool, IndexError> {
        self.with(|trees| {
            let mut row = Vec::with_capacity(1 + value.len());
            row.push(SMALL_VERSION);
            row.extend_from_slice(value);
            Ok(trees.small.insert(name, row)?.is_none())
        })
    }

    /// All small values.
    pub fn small_values(&self) -> Result<Vec<(String, Bytes)>, IndexError> {
        self.with(|trees| {
            let mut values = Vec::new();
            for entry in trees.small.iter() {
                let (name, row) = entry?;
                if let (Ok(name), Some((&SMALL_VERSION, value))) =
                    (std::str::from_utf8(&name), row.split_first())
                {
                    values.push((name.to_owned(), Bytes::copy_from_slice(value)));
                }
            }
            Ok(values)
        })
    }

    /// Counts the small values by walking them.
    pub fn count_small(&self) -> Result<u64, IndexError> {
        self.with(|trees| {
            let mut count = 0;
            for entry in trees.small.iter() {
                entry?;
                count += 1;
            }
            Ok(count)
        })
    }
}

/// Runs one call into sled; a panic in there is a damaged index, not our end.
fn fenced<T>(call: impl FnOnce() -> Result<T, IndexError>) -> Result<T, IndexError> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let said = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("it panicked");
        Err(IndexError::Damaged(said.chars().take(200).collect()))
    })
}
