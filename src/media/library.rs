//! The assets folder: which bytes a path names, what they hold, and where the
//! bytes of a digest are.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use thiserror::Error;

use crate::digest::Digest;
use crate::media::MediaReport;
use crate::template::bind::{AssetInfo, AssetKind};
use crate::time::Time;

/// The most files remembered; past it all are forgotten and looked at anew.
const MAX_REMEMBERED: usize = 100_000;

/// Tells what a file that no media library reads holds: a still picture, or an
/// animation of shapes.
pub type StillProbe = fn(&Path) -> Option<Result<AssetKind, String>>;

/// Why a file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LibraryError {
    /// It is not there.
    #[error("a file that is there")]
    Missing,
    /// It is there, but cannot be read or is no media.
    #[error("readable media ({0})")]
    Unreadable(String),
    /// It was changed between being looked at and being rendered.
    #[error("a file that does not change while it is rendered")]
    Changed,
}

/// Files by path and by digest. Cheap to clone.
#[derive(Clone)]
pub struct AssetLibrary {
    shared: Arc<Shared>,
}

struct Shared {
    roots: Vec<PathBuf>,
    probe_still: StillProbe,
    known: Mutex<Known>,
    /// Held while a file is looked into: one that is made to take memory takes what
    /// one may take, however many there are.
    looking: Mutex<()>,
}

#[derive(Default)]
struct Known {
    by_path: HashMap<PathBuf, (Stamp, AssetInfo)>,
    by_digest: HashMap<Digest, Located>,
}

/// Where the bytes of a digest are.
#[derive(Clone)]
struct Located {
    path: PathBuf,
    stamp: Stamp,
    claims: Claims,
    /// In the folder of downloads, from which files go that nobody uses.
    fetched: bool,
}

/// What footage or sound says of itself, and a decoder has to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// How long it lasts.
    pub duration: Option<Time>,
    /// Whether its pictures may be transparent.
    pub alpha: bool,
}

/// By which a changed file is known without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
}

impl AssetLibrary {
    /// Looks for files in `roots`, the first first.
    pub fn new(roots: Vec<PathBuf>, probe_still: StillProbe) -> Self {
        Self {
            shared: Arc::new(Shared {
                roots,
                probe_still,
                known: Mutex::default(),
                looking: Mutex::default(),
            }),
        }
    }

    /// What is known of the file `path` (relative, from a checked
    /// [`Source`](crate::template::asset::Source)). Reads it once, until it changes.
    pub fn look_up(&self, path: &str) -> Result<AssetInfo, LibraryError> {
        let (full, stamp) = self.find(path)?;
        self.read(full, stamp, false)
    }

    /// What is known of the file at `path`, which was fetched from another server.
    pub fn look_up_fetched(&self, path: &Path) -> Result<AssetInfo, LibraryError> {
        let stamp = stamp_of(path).ok_or(LibraryError::Missing)?;
        self.read(path.to_owned(), stamp, true)
    }

    fn read(&self, full: PathBuf, stamp: Stamp, fetched: bool) -> Result<AssetInfo, LibraryError> {
        let known = {
            let known = self.known();
            let known = known.by_path.get(&full).filter(|(then, _)| *then == stamp);
            known.map(|(_, info)| info.clone())
        };
        let (info, is_new) = match known {
            Some(info) => (info, false),
            None => (self.probe(&full)?, true),
        };
        let claims = Claims {
            duration: info.kind.duration(),
            alpha: matches!(info.kind, AssetKind::Video { opaque: false, .. }),
        };
        let mut known = self.known();
        if known.by_path.len() >= MAX_REMEMBERED {
            *known = Known::default();
        }
        let located = Located {
            path: full.clone(),
            stamp,
            claims,
            fetched,
        };
        // A fetched file may go before one that lies among the assets.
        let better = known.by_digest.get(&info.digest).is_none_or(|other| {
            !fetched || other.fetched || stamp_of(&other.path) != Some(other.stamp)
        });
        if better {
            known.by_digest.insert(info.digest, located);
        }
        if is_new {
            known.by_path.insert(full, (stamp, info.clone()));
        }
        Ok(info)
    }

    fn probe(&self, full: &Path) -> Result<AssetInfo, LibraryError> {
        let unreadable =
            |error: &dyn std::fmt::Display| LibraryError::Unreadable(error.to_string());
        let digest = digest_of(full).map_err(|error| unreadable(&error))?;
        let _one = self.look();
        let kind = match (self.shared.probe_still)(full) {
            Some(kind) => kind.map_err(LibraryError::Unreadable)?,
            None => match crate::media::captions::probe(full) {
                Some(kind) => kind.map_err(|error| unreadable(&error))?,
                None => crate::media::probe(full).map_err(|error| unreadable(&error))?,
            },
        };
        Ok(AssetInfo { digest, kind })
    }

    /// The full path of the file `path` of the roots.
    pub fn path(&self, path: &str) -> Result<PathBuf, LibraryError> {
        self.find(path).map(|(full, _)| full)
    }

    /// What the media file at the full path `path` is made of.
    pub fn report(&self, path: &Path) -> Result<MediaReport, LibraryError> {
        let unreadable = |error: String| LibraryError::Unreadable(error);
        let _one = self.look();
        // A picture too large to be one is not decoded to be described either.
        if let Some(still) = (self.shared.probe_still)(path) {
            still.map_err(unreadable)?;
        }
        crate::media::report::report(path).map_err(|error| unreadable(error.to_string()))
    }

    fn look(&self) -> MutexGuard<'_, ()> {
        // It guards nothing that a panic could spoil.
        self.shared
            .looking
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the bytes of `digest` are, if the file that had them still has.
    pub fn locate(&self, digest: &Digest) -> Result<PathBuf, LibraryError> {
        let located = self.known().by_digest.get(digest).cloned();
        let Located {
            path,
            stamp,
            fetched,
            ..
        } = located.ok_or(LibraryError::Missing)?;
        match stamp_of(&path) {
            Some(now) if now == stamp => {
                if fetched {
                    note_use(&path);
                }
                Ok(path)
            }
            Some(_) => Err(LibraryError::Changed),
            None => Err(LibraryError::Missing),
        }
    }

    /// What the footage or sound of these bytes says of itself.
    pub fn claims(&self, digest: &Digest) -> Claims {
        let known = self.known();
        known
            .by_digest
            .get(digest)
            .map(|located| located.claims)
            .unwrap_or_default()
    }

    fn find(&self, path: &str) -> Result<(PathBuf, Stamp), LibraryError> {
        let found = self
            .shared
            .roots
            .iter()
            .map(|root| root.join(path))
            .find_map(|full| {
                let stamp = stamp_of(&full)?;
                Some((full, stamp))
            });
        found.ok_or(LibraryError::Missing)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // What is remembered is replaced whole, never left half changed.
        self.shared
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn stamp_of(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some(Stamp {
        bytes: metadata.len(),
        modified: metadata.modified().ok(),
    })
}

/// Notes that a fetched file is used: those go first that were not for longest.
fn note_use(path: &Path) {
    let used = fs::FileTimes::new().set_accessed(SystemTime::now());
    // Where it cannot be noted, the file goes as if it had not been used.
    let _noted = fs::File::open(path).and_then(|file| file.set_times(used));
}

fn digest_of(path: &Path) -> std::io::Result<Digest> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(fs::File::open(path)?)?;
    Ok(Digest::from(hasher.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(folder: &Path) -> AssetLibrary {
        AssetLibrary::new(vec![folder.to_owned()], |_| {
            Some(Ok(AssetKind::Image {
                size: (1, 1),
                opaque: true,
            }))
        })
    }

    #[test]
    fn a_changed_file_is_another_asset_and_the_old_one_is_gone() {
        let folder = tempfile::tempdir().expect("folder");
        let library = library(folder.path());
        fs::write(folder.path().join("a.png"), b"one").expect("write");
        let before = library.look_up("a.png").expect("there");
        assert_eq!(
            library.locate(&before.digest),
            Ok(folder.path().join("a.png"))
        );
        fs::write(folder.path().join("a.png"), b"other").expect("write");
        assert_eq!(library.locate(&before.digest), Err(LibraryError::Changed));
        assert_ne!(
            library.look_up("a.png").expect("there").digest,
            before.digest
        );
    }

    #[test]
    fn a_file_among_the_assets_stands_in_for_the_same_one_fetched() {
        let (assets, downloads) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let library = library(assets.path());
        let own = assets.path().join("a.png");
        let fetched = downloads.path().join("digest");
        fs::write(&fetched, b"one").unwrap();
        let info = library.look_up_fetched(&fetched).unwrap();
        assert_eq!(library.locate(&info.digest), Ok(fetched.clone()));
        fs::write(&own, b"one").unwrap();
        library.look_up("a.png").unwrap();
        library.look_up_fetched(&fetched).unwrap();
        assert_eq!(library.locate(&info.digest), Ok(own.clone()));
        fs::write(&own, b"other").unwrap();
        library.look_up_fetched(&fetched).unwrap();
        assert_eq!(library.locate(&info.digest), Ok(fetched));
    }

    #[test]
    fn what_is_not_there_or_no_file_is_missing() {
        let folder = tempfile::tempdir().expect("folder");
        fs::create_dir(folder.path().join("sub")).expect("folder");
        for path in ["none.png", "sub"] {
            assert_eq!(
                library(folder.path()).look_up(path),
                Err(LibraryError::Missing),
                "{path}"
            );
        }
    }
}
