//! Why the store refuses or fails. Every error of the file system names its path.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::index::IndexError;
use super::{MAX_CHUNK_BYTES, MAX_PARTS, MAX_SMALL_BYTES, MAX_SMALL_NAME, MAX_SMALL_VALUES};

/// Why a call to the store failed. A missing or damaged chunk is not an error:
/// see [`super::Lookup`].
#[derive(Debug, Error)]
pub enum StoreError {
    /// Another process, or another handle in this one, has the folder open.
    #[error("{}: in use by another process; a store's folder has one user at a time", dir.display())]
    InUse {
        /// The store's folder.
        dir: PathBuf,
    },
    /// No space is left on the file system, or the quota is used up.
    #[error("{}: no space left: {source}", path.display())]
    Full {
        /// The file that could not grow.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder is read-only, or this user may not write (or read) there.
    #[error("{}: not permitted: {source}", path.display())]
    Denied {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Any other failure of the file system.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The index failed while running; the next start rebuilds it if it is damaged.
    #[error("{}: {source}", path.display())]
    Index {
        /// The index's folder.
        path: PathBuf,
        /// What is wrong with it.
        source: IndexError,
    },
    /// A chunk with no part or too many.
    #[error("a chunk has {parts} parts; allowed: 1 to {MAX_PARTS}")]
    PartCount {
        /// How many it has.
        parts: usize,
    },
    /// A chunk over the size bound.
    #[error("a chunk has {bytes} bytes; allowed: up to {MAX_CHUNK_BYTES}")]
    ChunkTooLarge {
        /// How many it has.
        bytes: u64,
    },
    /// What is said of the parts and the parts themselves differ.
    #[error("part {part}: its description, the chunk's and its bytes differ, or it is empty")]
    PartMismatch {
        /// The part's place in the chunk.
        part: usize,
    },
    /// A small value over the bound.
    #[error("small value {name:?} has {bytes} bytes; allowed: up to {MAX_SMALL_BYTES}")]
    SmallTooLarge {
        /// The value's name.
        name: String,
        /// How many bytes it has.
        bytes: usize,
    },
    /// A name of a small value that is empty or too long.
    #[error("the name of a small value has {bytes} bytes; allowed: 1 to {MAX_SMALL_NAME}")]
    SmallName {
        /// How many bytes the name has.
        bytes: usize,
    },
    /// There are as many small values as there may be.
    #[error("small value {name:?}: there are already {MAX_SMALL_VALUES}, as many as allowed")]
    TooManySmall {
        /// The name of the one refused.
        name: String,
    },
}

impl StoreError {
    /// Sorts an error of the file system by what an operator would do about it.
    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::Full { path, source }
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::Denied { path, source }
            }
            _ => Self::Io {
                action,
                path,
                source,
            },
        }
    }

    /// An error of the index kept in `path`.
    pub(super) fn index(path: &Path, source: IndexError) -> Self {
        match source {
            IndexError::Io(source) => Self::io("use the index", path, source),
            IndexError::Busy => Self::InUse {
                dir: path.to_owned(),
            },
            source @ (IndexError::Damaged(_) | IndexError::Closed) => Self::Index {
                path: path.to_owned(),
                source,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_file_system_are_told_apart_and_name_the_path() {
        let path = Path::new("/var/cache/x");
        let of = |code| StoreError::io("write", path, io::Error::from_raw_os_error(code));
        assert!(matches!(of(libc::ENOSPC), StoreError::Full { .. }));
        assert!(matches!(of(libc::EDQUOT), StoreError::Full { .. }));
        assert!(matches!(of(libc::EROFS), StoreError::Denied { .. }));
        assert!(matches!(of(libc::EACCES), StoreError::Denied { .. }));
        assert!(matches!(of(libc::EIO), StoreError::Io { .. }));
        for code in [libc::ENOSPC, libc::EROFS, libc::EIO] {
            assert!(of(code).to_string().starts_with("/var/cache/x: "));
        }
    }
}
