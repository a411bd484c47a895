//! The stream sources that are known, in one file: they are there again when the
//! server starts.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::live::source::SourceUrl;

/// The most sources.
pub const MAX_SOURCES: usize = 1_000;

/// The largest file, in bytes: as many addresses as there may be.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// Where one stream is pulled from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its address.
    pub url: SourceUrl,
}

/// Why the sources cannot be read or kept.
#[derive(Debug, Error)]
pub enum SourcesError {
    /// There are as many as there may be.
    #[error("there are {MAX_SOURCES} stream sources already, as many as allowed")]
    Full,
    /// The file says something else.
    #[error("{}: not a file of stream sources: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The file system.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
}

/// The sources of streams, by the names of these.
#[derive(Debug)]
pub(super) struct Sources {
    path: PathBuf,
    known: BTreeMap<String, Source>,
}

impl Sources {
    /// Reads the file at `path`; without one there are none.
    pub fn open(path: &Path) -> Result<Self, SourcesError> {
        let io = |error| SourcesError::Io {
            path: path.to_owned(),
            error,
        };
        let bad = |reason: String| SourcesError::File {
            path: path.to_owned(),
            reason,
        };
        let known = match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(io(error)),
            Ok(about) if about.len() > MAX_FILE_BYTES => {
                return Err(bad(format!("{} bytes", about.len())));
            }
            Ok(_) => {
                let text = std::fs::read(path).map_err(io)?;
                serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?
            }
        };
        Ok(Self {
            path: path.to_owned(),
            known,
        })
    }

    /// The source of stream `name`.
    pub fn get(&self, name: &str) -> Option<&Source> {
        self.known.get(name)
    }

    /// All, by name.
    pub fn all(&self) -> impl Iterator<Item = (&String, &Source)> {
        self.known.iter()
    }

    /// Keeps a source; whole and durable before this returns.
    pub fn put(&mut self, name: &str, source: Source) -> Result<(), SourcesError> {
        if self.known.len() >= MAX_SOURCES && !self.known.contains_key(name) {
            return Err(SourcesError::Full);
        }
        let before = self.known.insert(name.to_owned(), source);
        self.write().inspect_err(|_| match before {
            Some(before) => drop(self.known.insert(name.to_owned(), before)),
            None => drop(self.known.remove(name)),
        })
    }

    /// Forgets a source; whether there was one.
    pub fn remove(&mut self, name: &str) -> Result<bool, SourcesError> {
        let Some(before) = self.known.remove(name) else {
            return Ok(false);
        };
        self.write().inspect_err(|_| {
            self.known.insert(name.to_owned(), before);
        })?;
        Ok(true)
    }

    fn write(&self) -> Result<(), SourcesError> {
        let io = |error| SourcesError::Io {
            path: self.path.clone(),
            error,
        };
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(io)?;
        let text = serde_json::to_vec_pretty(&self.known).map_err(|error| io(error.into()))?;
        file.write_all(&text).map_err(io)?;
        file.as_file().sync_all().map_err(io)?;
        file.persist(&self.path).map_err(|error| io(error.error))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_there_again_and_what_is_no_file_of_them_is_said() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let path = folder.path().join("sources.json");
        let source = |url: &str| Source {
            url: url.parse().expect("an address"),
        };
        let mut sources = Sources::open(&path).expect("none yet");
        sources.put("a", source("rtmp://host/a")).expect("kept");
        sources.put("b", source("rtsp://u:p@host/b")).expect("kept");
        assert!(sources.remove("a").expect("kept") && !sources.remove("a").expect("kept"));
        let again = Sources::open(&path).expect("a file");
        assert_eq!(again.get("b"), Some(&source("rtsp://u:p@host/b")));
        assert_eq!(again.all().count(), 1);
        std::fs::write(&path, "[]").expect("written");
        let error = Sources::open(&path).expect_err("no file of sources");
        assert!(error.to_string().contains("sources.json"), "{error}");
    }
}
