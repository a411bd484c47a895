//! A recording on disk: one file after the other, each usable as far as it is
//! written.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use thiserror::Error;

use crate::cmaf::{CmafError, Track};
use crate::live::{LiveFrame, LiveTrack};
use crate::recording::Fragments;

/// The most files of one recording: a source that changes its tracks again and again
/// is broken.
pub const MAX_FILES: usize = 1_000;

/// How much a recording may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all its files.
    pub max_bytes: u64,
    /// Bytes of the disk that are left free.
    pub keep_free: u64,
}

/// Why a recording ended before its stream did. What was written can be played.
#[derive(Debug, Error)]
pub enum RecordingError {
    /// There is a file of that name.
    #[error("{} is there already: expected a name that is free", .0.display())]
    Exists(PathBuf),
    /// The file cannot be made or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The disk is full, or as full as it may be.
    #[error("{free} bytes of the disk are free: expected {needed} or more")]
    DiskFull {
        /// How many are.
        free: u64,
        /// How many have to be.
        needed: u64,
    },
    /// It is as large as it may be.
    #[error("the recording has {bytes} bytes: expected at most {max}")]
    TooLarge {
        /// How many it has.
        bytes: u64,
        /// How many it may have.
        max: u64,
    },
    /// The tracks changed too often.
    #[error("the recording has {MAX_FILES} files: expected at most as many")]
    TooManyFiles,
    /// The frames cannot be packaged.
    #[error(transparent)]
    Cmaf(#[from] CmafError),
}

/// What there is of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Its files, in order.
    pub files: Vec<PathBuf>,
    /// Their bytes, in all.
    pub bytes: u64,
    /// How long they are, in all, in milliseconds.
    pub milliseconds: i64,
}

/// A recording that is being written.
#[derive(Debug)]
pub struct Recording {
    path: PathBuf,
    limits: Limits,
    tracks: Vec<(LiveTrack, Track)>,
    open: Option<Open>,
    /// Without what the open file has.
    before_ms: i64,
    recorded: Recorded,
}

#[derive(Debug)]
struct Open {
    path: PathBuf,
    file: File,
    bytes: u64,
    fragments: Fragments,
}

impl Recording {
    /// To `path`, then to [`numbered`] files beside it. None is made before the first
    /// frame comes, and none is written over.
    pub fn new(path: PathBuf, limits: Limits) -> Self {
        Self {
            path,
            limits,
            tracks: Vec::new(),
            open: None,
            before_ms: 0,
            recorded: Recorded::default(),
        }
    }

    /// What follows has these tracks; if they are others, it goes to another file.
    pub fn begin(&mut self, tracks: Vec<(LiveTrack, Track)>) -> Result<(), RecordingError> {
        let other = |open: &Open| !open.fragments.is_of(&tracks);
        if self.open.as_ref().is_some_and(other) {
            self.close()?;
        }
        self.tracks = tracks;
        Ok(())
    }

    /// The next frame. Whether anything was written.
    pub fn push(&mut self, frame: LiveFrame) -> Result<bool, RecordingError> {
        let goes_on = |open: &Open| open.fragments.goes_on(&frame);
        if self.open.as_ref().is_some_and(|open| !goes_on(open)) {
            self.close()?;
        }
        if self.open.is_none() {
            let fragments = Fragments::new(self.tracks.clone());
            if !fragments.begins_with(&frame) {
                return Ok(false);
            }
            let init = fragments.init()?;
            self.create(fragments)?;
            self.write(&init)?;
        }
        let Some(open) = &mut self.open else {
            return Ok(false);
        };
        let Some(fragment) = open.fragments.push(frame)? else {
            return Ok(false);
        };
        self.write(&fragment)?;
        Ok(true)
    }

    /// Writes what is left. What follows goes to another file.
    pub fn close(&mut self) -> Result<(), RecordingError> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        let written = match open.fragments.finish()? {
            Some(fragment) => self.write(&fragment),
            None => Ok(()),
        };
        if let Some(open) = self.open.take() {
            self.before_ms += open.fragments.reached_ms();
            let synced = open.file.sync_all();
            written?;
            let path = open.path;
            return synced.map_err(|error| RecordingError::Io { path, error });
        }
        written
    }

    /// What there is.
    pub fn recorded(&self) -> Recorded {
        let open = self.open.as_ref();
        let open_ms = open.map_or(0, |open| open.fragments.reached_ms());
        Recorded {
            milliseconds: self.before_ms + open_ms,
            ..self.recorded.clone()
        }
    }

    fn create(&mut self, fragments: Fragments) -> Result<(), RecordingError> {
        // The first keeps its name; of the others, whatever is there is passed over.
        let mut number = self.recorded.files.len() + 1;
        loop {
            if number > MAX_FILES {
                return Err(RecordingError::TooManyFiles);
            }
            let path = numbered(&self.path, number);
            let made = OpenOptions::new().write(true).create_new(true).open(&path);
            match made {
                Ok(file) => {
                    self.recorded.files.push(path.clone());
                    self.open = Some(Open {
                        path,
                        file,
                        bytes: 0,
                        fragments,
                    });
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => match number {
                    1 => return Err(RecordingError::Exists(path)),
                    _ => number += 1,
                },
                Err(error) => return Err(RecordingError::Io { path, error }),
            }
        }
    }

    fn write(&mut self, bytes: &Bytes) -> Result<(), RecordingError> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        let length = bytes.len() as u64;
        let all = self.recorded.bytes + length;
        if all > self.limits.max_bytes {
            return Err(RecordingError::TooLarge {
                bytes: all,
                max: self.limits.max_bytes,
            });
        }
        let needed = self.limits.keep_free.saturating_add(length);
        // A disk that does not say how much is free is tried.
        if let Some(free) = free_bytes(&open.path).filter(|free| *free < needed) {
            return Err(RecordingError::DiskFull { free, needed });
        }
        if let Err(error) = open.file.write_all(bytes) {
            // Half a fragment is of no use; if it cannot be taken back, readers stop there.
            drop(open.file.set_len(open.bytes));
            let path = open.path.clone();
            return Err(match error.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => RecordingError::DiskFull {
                    free: free_bytes(&path).unwrap_or(0),
                    needed,
                },
                _ => RecordingError::Io { path, error },
            });
        }
        open.bytes += length;
        self.recorded.bytes = all;
        Ok(())
    }
}

/// How many bytes of the disk that `path` is on are free; `None` if it does not say.
pub fn free_bytes(path: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(path).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// File `number`, from 1, of a recording to `path`: `a.mp4`, `a-2.mp4`, `a-3.mp4`, …
pub fn numbered(path: &Path, number: usize) -> PathBuf {
    if number <= 1 {
        return path.to_owned();
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let ending = path.extension().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{stem}-{number}.{ending}"))
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
