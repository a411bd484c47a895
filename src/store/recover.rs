//! What happens at start: index and files are brought to agree.
//!
//! 1. An index that cannot be opened or walked is set aside as `index.damaged`
//!    (one is kept, for a look at it) and an empty one takes its place.
//! 2. Temp files of puts and removals that were cut short are deleted.
//! 3. A payload file without a row is taken in again from its trailer: it was
//!    whole and durable before it got its name, so it is a put that died just
//!    before its row, or the index lost its rows. One whose trailer makes no
//!    sense, or whose key already has another file, is deleted. That is also how
//!    a whole index is rebuilt.
//! 4. A row whose file is missing or has the wrong length is dropped.
//! 5. What only the process that stored it could ask for is deleted.
//!
//! Payloads are not hashed here: a start must not read the whole cache, and
//! every read verifies. Files that are not named like ours are left alone.
//!
//! Cost: one walk of the index and of the folders, one `stat` per file, about
//! 100 bytes of memory per chunk until done.

use std::collections::HashMap;
use std::fs::{self, DirEntry};
use std::io;
use std::path::Path;

use super::error::StoreError;
use super::index::{Index, IndexError, Row};
use super::payload::{Payloads, TEMP_PREFIX, TEMP_SUFFIX};
use super::trailer;
use crate::chunk::ChunkKey;
use crate::digest::Digest;

/// What the start found and mended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Whether the index was damaged, set aside and rebuilt from the files.
    pub index_rebuilt: bool,
    /// Temp files of puts and removals cut short, deleted.
    pub temp_files_removed: u64,
    /// Files without a row that got one.
    pub files_adopted: u64,
    /// Files without a row that could not be used, deleted.
    pub orphans_removed: u64,
    /// Rows without a (whole) file, or unreadable, dropped.
    pub rows_dropped: u64,
    /// Chunks that nobody can ask for any more, deleted: segments of live streams.
    pub transient_removed: u64,
    /// Chunks let go because the store may take less than they took.
    pub evicted: u64,
    /// Chunks there are now.
    pub chunks: u64,
    /// Bytes of the payload files there are now.
    pub bytes: u64,
}

/// Opens the index in `dir`, setting it aside if it is damaged; says whether it was.
pub(super) fn open_index(dir: &Path, cache_bytes: u64) -> Result<(Index, bool), StoreError> {
    let path = dir.join("index");
    match open_and_walk(&path, cache_bytes) {
        Ok(index) => return Ok((index, false)),
        Err(IndexError::Damaged(said)) => {
            tracing::warn!(path = %path.display(), said, "the index is damaged: rebuilding it");
        }
        Err(other) => return Err(StoreError::index(&path, other)),
    }
    let aside = dir.join("index.damaged");
    let gone = if aside.is_dir() {
        fs::remove_dir_all(&aside)
    } else {
        fs::remove_file(&aside)
    };
    match gone {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(StoreError::io("delete", &aside, error));
        }
        _ => {}
    }
    fs::rename(&path, &aside).map_err(|error| StoreError::io("move aside", &path, error))?;
    let index = Index::open(&path, cache_bytes).map_err(|error| StoreError::index(&path, error))?;
    Ok((index, true))
}

/// Damage may show only when the rows are walked.
fn open_and_walk(path: &Path, cache_bytes: u64) -> Result<Index, IndexError> {
    let index = Index::open(path, cache_bytes)?;
    index.sift(|_, _| ())?;
    index.count_small()?;
    Ok(index)
}

/// Brings `index` and `payloads` to agree.
pub(super) fn recover(
    dir: &Path,
    index: &Index,
    payloads: &Payloads,
) -> Result<RecoveryReport, StoreError> {
    let failed = |error| StoreError::index(&dir.join("index"), error);
    let mut report = RecoveryReport {
        temp_files_removed: sweep_temp(&payloads.tmp)?,
        ..RecoveryReport::default()
    };
    let mut expected: HashMap<Digest, (ChunkKey, u64)> = HashMap::new();
    report.rows_dropped = index
        .sift(|key, row| {
            expected.insert(row.file, (key, Payloads::file_len(&row.record.meta)));
        })
        .map_err(failed)?;

    // Unknown files wait until every known one is seen: a key's good file goes first.
    let mut unknown = Vec::new();
    walk(&payloads.chunks, &mut |name, entry| {
        let path = entry.path();
        let len = entry
            .metadata()
            .map_err(|error| StoreError::io("read", &path, error))?
            .len();
        match expected.get(&name) {
            Some((_, known)) if *known == len => {
                expected.remove(&name);
                report.chunks += 1;
                report.bytes += len;
            }
            // The wrong length: its row is dropped below, so it is an orphan without a future.
            Some(_) => {
                delete(&path)?;
                report.orphans_removed += 1;
            }
            None => unknown.push((name, path)),
        }
        Ok(())
    })?;

    for (key, _) in expected.values() {
        index.remove(key).map_err(failed)?;
        report.rows_dropped += 1;
    }
    for (file, path) in unknown {
        let described = trailer::read(&path)?;
        match described {
            Some((key, record)) if index.get(&key).map_err(failed)?.is_none() => {
                report.chunks += 1;
                report.bytes += Payloads::file_len(&record.meta);
                report.files_adopted += 1;
                index.insert(&key, &Row { file, record }).map_err(failed)?;
            }
            _ => {
                delete(&path)?;
                report.orphans_removed += 1;
            }
        }
    }
    index.flush().map_err(failed)?;
    Ok(report)
}

fn sweep_temp(tmp: &Path) -> Result<u64, StoreError> {
    let mut removed = 0;
    for entry in list(tmp)? {
        let name = entry.file_name();
        let ours = name
            .to_str()
            .is_some_and(|name| name.starts_with(TEMP_PREFIX) && name.ends_with(TEMP_SUFFIX));
        if ours {
            delete(&entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Shows every file under `chunks/ab/cd/` that is named and placed like ours.
fn walk(
    chunks: &Path,
    show: &mut impl FnMut(Digest, &DirEntry) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    for outer in list(chunks)?.iter().filter(|entry| is_dir(entry)) {
        for inner in list(&outer.path())?.iter().filter(|entry| is_dir(entry)) {
            for entry in list(&inner.path())? {
                let name = entry.file_name();
                let Some(name) = name.to_str() else { continue };
                let placed = outer.file_name().to_str() == name.get(..2)
                    && inner.file_name().to_str() == name.get(2..4);
                match name.parse() {
                    Ok(digest) if placed && !is_dir(&entry) => show(digest, &entry)?,
                    _ => {}
                }
            }
        }
    }
    Ok(())
}

fn list(folder: &Path) -> Result<Vec<DirEntry>, StoreError> {
    fs::read_dir(folder)
        .and_then(Iterator::collect)
        .map_err(|error| StoreError::io("list the folder", folder, error))
}

fn is_dir(entry: &DirEntry) -> bool {
    entry.file_type().is_ok_and(|kind| kind.is_dir())
}

fn delete(path: &Path) -> Result<(), StoreError> {
    fs::remove_file(path).map_err(|error| StoreError::io("delete", path, error))
}
