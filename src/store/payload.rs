//! The payload files: one immutable file per chunk, named by the BLAKE3 of its
//! whole content (`b3sum` prints its name), under `chunks/ab/cd/`.
//!
//! A file is the payload and then a [trailer](super::trailer) that describes it.
//!
//! The key is part of the content, so two keys with equal payloads have two
//! files: nothing is shared, nothing is counted, removing one never touches the
//! other. (Equal pictures already have equal keys.)
//!
//! Invariants: a file under `chunks/` was whole and durable before it got its
//! name and is never written again; leaving goes through `tmp/`, so a file
//! under `chunks/` without a row can only come from a put that was cut short or
//! a lost index, never from a removal.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use tempfile::NamedTempFile;

use super::StoredChunk;
use super::error::StoreError;
use super::index::Row;
use super::record::Record;
use super::trailer::{self, KEY};
use crate::chunk::{ChunkKey, ChunkMeta, Part};
use crate::digest::Digest;

/// Temp files carry these, so that a sweep never takes a file that is not ours.
pub(super) const TEMP_PREFIX: &str = "loom-";
pub(super) const TEMP_SUFFIX: &str = ".part";

/// The folders the payload files live in.
pub(super) struct Payloads {
    pub chunks: PathBuf,
    pub tmp: PathBuf,
    /// Held while a fan-out folder is looked for and made, so that nobody builds
    /// on one that is not durable yet.
    fanout: Mutex<()>,
}

/// A whole, durable file that has no name yet; dropped, it is gone.
pub(super) struct Written {
    temp: NamedTempFile,
    pub row: Row,
}

/// What reading a payload file found.
pub(super) enum Reading {
    /// The chunk, verified.
    Whole(StoredChunk),
    /// The file does not hold what the row says.
    Damaged,
    /// There is no file.
    Gone,
}

impl Payloads {
    /// Makes the folders in `dir` if they are missing.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let payloads = Self {
            chunks: dir.join("chunks"),
            tmp: dir.join("tmp"),
            fanout: Mutex::new(()),
        };
        for folder in [&payloads.chunks, &payloads.tmp] {
            fs::create_dir_all(folder)
                .map_err(|error| StoreError::io("make the folder", folder, error))?;
        }
        sync_folder(dir)?;
        Ok(payloads)
    }

    /// Where the file called `name` lies.
    pub fn path_of(&self, name: &Digest) -> PathBuf {
        let name = name.to_string();
        self.chunks.join(&name[..2]).join(&name[2..4]).join(&name)
    }

    /// Length of the file of `record`.
    pub fn file_len(meta: &ChunkMeta) -> u64 {
        meta.bytes() + trailer::len_for(meta) as u64
    }

    /// Writes a chunk into a temp file and makes its bytes durable.
    pub fn write(
        &self,
        key: &ChunkKey,
        meta: &ChunkMeta,
        parts: &[Part],
        (created, transient): (u64, bool),
    ) -> Result<Written, StoreError> {
        let mut temp = tempfile::Builder::new()
            .prefix(TEMP_PREFIX)
            .suffix(TEMP_SUFFIX)
            .tempfile_in(&self.tmp)
            .map_err(|error| StoreError::io("make a file in", &self.tmp, error))?;
        let path = temp.path().to_owned();
        let failed = |error| StoreError::io("write", &path, error);

        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&part.data);
            temp.write_all(&part.data).map_err(failed)?;
        }
        let record = Record {
            digest: hasher.finalize().into(),
            created,
            meta: meta.clone(),
            transient,
        };
        let trailer = trailer::encode(key, &record);
        hasher.update(&trailer);
        temp.write_all(&trailer).map_err(failed)?;
        temp.as_file().sync_data().map_err(failed)?;
        Ok(Written {
            temp,
            row: Row {
                file: hasher.finalize().into(),
                record,
            },
        })
    }

    /// Gives a written file its name, durably.
    pub fn name(&self, written: Written) -> Result<Row, StoreError> {
        let path = self.path_of(&written.row.file);
        let folder = parent(&path);
        self.make_fanout(folder)?;
        written
            .temp
            .persist(&path)
            .map_err(|error| StoreError::io("rename a file to", &path, error.error))?;
        sync_folder(folder)?;
        Ok(written.row)
    }

    fn make_fanout(&self, folder: &Path) -> Result<(), StoreError> {
        let _making = self.fanout.lock().unwrap_or_else(PoisonError::into_inner);
        if !folder.is_dir() {
            fs::create_dir_all(folder)
                .map_err(|error| StoreError::io("make the folder", folder, error))?;
            sync_folder(parent(folder))?;
            sync_folder(&self.chunks)?;
        }
        Ok(())
    }

    /// Whether the file of `row` is there and has its length.
    pub fn stands(&self, row: &Row) -> bool {
        fs::metadata(self.path_of(&row.file))
            .is_ok_and(|found| found.is_file() && found.len() == Self::file_len(&row.record.meta))
    }

    /// Reads the chunk of `key` in one read and verifies every byte; the parts
    /// are slices of that one buffer.
    pub fn read(&self, key: &ChunkKey, row: &Row) -> Result<Reading, StoreError> {
        let path = self.path_of(&row.file);
        let failed = |error| StoreError::io("read", &path, error);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Reading::Gone),
            Err(error) => return Err(failed(error)),
        };
        let expected = Self::file_len(&row.record.meta);
        let found = file.metadata().map_err(failed)?;
        if found.is_file() && found.len() != expected {
            return Ok(Reading::Damaged);
        }
        let mut bytes = vec![0; expected as usize];
        match file.read_exact(&mut bytes) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Ok(Reading::Damaged);
            }
            Err(error) => return Err(failed(error)),
        }
        // The name covers the trailer too; that it is this key's is what the row cannot vouch for.
        let payload = row.record.meta.bytes() as usize;
        if Digest::of(&bytes) != row.file
            || bytes[payload..payload + KEY] != *key.digest().as_bytes()
        {
            return Ok(Reading::Damaged);
        }
        let bytes = Bytes::from(bytes);
        let Some(parts) = row.record.meta.split(&bytes) else {
            return Ok(Reading::Damaged);
        };
        Ok(Reading::Whole(StoredChunk {
            parts,
            meta: row.record.meta.clone(),
            digest: row.record.digest,
        }))
    }

    /// Takes the file called `name` out of `chunks/`, durably. Gives the path in
    /// `tmp/` where it waits to be deleted, or `None` if there was no file.
    pub fn set_aside(&self, name: &Digest) -> Result<Option<PathBuf>, StoreError> {
        let path = self.path_of(name);
        let aside = self
            .tmp
            .join(format!("{TEMP_PREFIX}removed-{name}{TEMP_SUFFIX}"));
        match fs::rename(&path, &aside) {
            Ok(()) => {
                sync_folder(parent(&path))?;
                Ok(Some(aside))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io("move aside", &path, error)),
        }
    }
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| StoreError::io("sync the folder", path, error))
}

fn parent(path: &Path) -> &Path {
    path.parent().expect("the path was joined to a folder")
}
