//! The folder of fetched files: `files/`, each named by its digest, and `urls/`,
//! what is remembered of each address.
//!
//! Several processes may use it at a time: a file appears under its name only when
//! it is whole, and never changes. What was used last is told by the time of a
//! file's last access, which is set here and not left to the file system.

use std::collections::HashMap;
use std::fs::{self, File, FileTimes};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use tempfile::NamedTempFile;
use url::Url;

use super::entry::Entry;
use super::error::FetchError;
use crate::digest::Digest;

/// The most files, however small.
const MAX_FILES: usize = 20_000;

/// The most addresses remembered.
const MAX_ENTRIES: usize = 50_000;

/// Addresses are counted again after this many new ones.
const COUNTED_EVERY: usize = 1000;

/// An entry of more bytes was not written here.
const MAX_ENTRY_BYTES: u64 = 16 << 10;

/// A file used this lately stays: another process may be planning with it.
const SPARED: Duration = Duration::from_secs(600);

/// A file that a plan holds stays when it was used this lately: it may be opened at
/// any time by a chunk that is rendered.
const HELD_SPARED: Duration = Duration::from_secs(3600);

/// Files being written carry these, and a lock; what a killed process left of them is swept.
const TEMP_PREFIX: &str = "loom-";
const TEMP_SUFFIX: &str = ".part";

/// Keeps a file in the folder, for as long as it lives and the file is used now and then.
pub type Held = Arc<Digest>;

/// The folder.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    max_bytes: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The folders are there and swept.
    ready: bool,
    held: HashMap<Digest, Weak<Digest>>,
    entries_written: usize,
}

/// A file found in the folder.
struct Found {
    path: PathBuf,
    digest: Digest,
    bytes: u64,
    used: SystemTime,
}

impl Folder {
    /// Uses `path`, which is made when the first file comes, for at most `max_bytes`.
    pub fn new(path: &Path, max_bytes: u64) -> Self {
        Self {
            path: path.to_owned(),
            max_bytes,
            state: Mutex::default(),
        }
    }

    /// What is remembered of `url`, if its file is there.
    pub fn entry(&self, url: &Url) -> Option<Entry> {
        let path = self.entry_path(url);
        let fits = fs::metadata(&path).is_ok_and(|found| found.len() <= MAX_ENTRY_BYTES);
        let text = fits.then(|| fs::read(&path).ok()).flatten()?;
        let entry: Entry = serde_json::from_slice(&text).ok()?;
        let file = fs::metadata(self.file_path(&entry.digest()?)).ok()?;
        (file.is_file() && file.len() == entry.bytes).then_some(entry)
    }

    /// Remembers `entry` for `url`.
    pub fn remember(&self, url: &Url, entry: &Entry) -> Result<(), FetchError> {
        let mut state = self.ready()?;
        let path = self.entry_path(url);
        let text = serde_json::to_vec(entry).map_err(|error| disk(&path, &error.into()))?;
        let write = || {
            let mut file = self.temporary()?;
            file.write_all(&text)?;
            file.persist(&path).map_err(|error| error.error)?;
            Ok::<_, io::Error>(())
        };
        write().map_err(|error| disk(&path, &error))?;
        if state.entries_written.is_multiple_of(COUNTED_EVERY)
            && let Err(error) = self.trim_entries()
        {
            tracing::warn!(%error, "old addresses cannot be forgotten");
        }
        state.entries_written += 1;
        Ok(())
    }

    /// Forgets `url`, and the file that it gave.
    pub fn forget(&self, url: &Url) {
        let Some(digest) = self.entry(url).and_then(|entry| entry.digest()) else {
            return;
        };
        for path in [self.entry_path(url), self.file_path(&digest)] {
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!(%error, path = %path.display(), "a download cannot be deleted");
            }
        }
    }

    /// Where the file `digest` is, noted as used and held; `None` if it is gone.
    pub fn hold(&self, digest: &Digest) -> Option<(PathBuf, Held)> {
        let path = self.file_path(digest);
        let mut state = self.state();
        // Under the lock under which files are deleted.
        let file = File::open(&path).ok()?;
        touch(&file);
        let known = state.held.get(digest).and_then(Weak::upgrade);
        let held = known.unwrap_or_else(|| {
            let held = Arc::new(*digest);
            state.held.insert(*digest, Arc::downgrade(&held));
            held
        });
        Some((path, held))
    }

    /// A file to write into: locked, and gone when dropped.
    pub fn temporary_file(&self) -> Result<NamedTempFile, FetchError> {
        drop(self.ready()?);
        let file = self.temporary().map_err(|error| disk(&self.path, &error))?;
        Ok(file)
    }

    /// Keeps a file that is written, whose digest is `digest`; what was not used for
    /// longest goes for it.
    pub fn keep(&self, file: NamedTempFile, digest: &Digest, bytes: u64) -> Result<(), FetchError> {
        let path = self.file_path(digest);
        let failed = |error: &io::Error| disk(&path, error);
        file.as_file().sync_data().map_err(|error| failed(&error))?;
        touch(file.as_file());
        let mut state = self.ready()?;
        self.make_room(&mut state, bytes, digest)?;
        file.persist(&path).map_err(|error| failed(&error.error))?;
        let folder = File::open(self.files()).and_then(|folder| folder.sync_all());
        folder.map_err(|error| failed(&error))
    }

    /// Deletes files until `more` bytes fit.
    fn make_room(&self, state: &mut State, more: u64, newest: &Digest) -> Result<(), FetchError> {
        let list = || {
            let mut files = Vec::new();
            for entry in fs::read_dir(self.files())? {
                let entry = entry?;
                let metadata = entry.metadata()?;
                let name = entry.file_name();
                let Some(digest) = name.to_str().and_then(|name| name.parse().ok()) else {
                    continue;
                };
                if digest != *newest {
                    files.push(Found {
                        path: entry.path(),
                        digest,
                        bytes: metadata.len(),
                        used: metadata.accessed()?,
                    });
                }
            }
            Ok::<_, io::Error>(files)
        };
        let mut files = list().map_err(|error| disk(&self.files(), &error))?;
        let mut bytes: u64 = files.iter().map(|file| file.bytes).sum::<u64>() + more;
        let mut count = files.len() + 1;
        if bytes <= self.max_bytes && count <= MAX_FILES {
            return Ok(());
        }
        state.held.retain(|_, held| held.strong_count() > 0);
        files.sort_by_key(|file| (state.held.contains_key(&file.digest), file.used));
        let now = SystemTime::now();
        for file in files {
            if bytes <= self.max_bytes && count <= MAX_FILES {
                break;
            }
            let spared = if state.held.contains_key(&file.digest) {
                HELD_SPARED
            } else {
                SPARED
            };
            let idle = now.duration_since(file.used).unwrap_or_default();
            if idle < spared {
                continue;
            }
            // Whoever reads it has it open.
            fs::remove_file(&file.path).map_err(|error| disk(&file.path, &error))?;
            bytes -= file.bytes;
            count -= 1;
        }
        if bytes <= self.max_bytes && count <= MAX_FILES {
            Ok(())
        } else {
            Err(FetchError::NoRoom)
        }
    }

    /// Forgets the addresses that were asked longest ago, down to the bound.
    fn trim_entries(&self) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(self.urls())? {
            let entry = entry?;
            entries.push((entry.metadata()?.modified()?, entry.path()));
        }
        entries.sort();
        let excess = entries.len().saturating_sub(MAX_ENTRIES);
        entries
            .iter()
            .take(excess)
            .try_for_each(|(_, path)| fs::remove_file(path))
    }

    /// The state, once the folders are there.
    fn ready(&self) -> Result<MutexGuard<'_, State>, FetchError> {
        let mut state = self.state();
        if !state.ready {
            for folder in [self.files(), self.urls()] {
                fs::create_dir_all(&folder).map_err(|error| disk(&folder, &error))?;
            }
            self.sweep().map_err(|error| disk(&self.path, &error))?;
            state.ready = true;
        }
        Ok(state)
    }

    /// Deletes what killed processes left half written: such files have no lock any more.
    fn sweep(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            let is_temporary = name
                .to_str()
                .is_some_and(|name| name.starts_with(TEMP_PREFIX) && name.ends_with(TEMP_SUFFIX));
            if is_temporary
                && let Ok(file) = File::open(entry.path())
                && file.try_lock().is_ok()
            {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    fn temporary(&self) -> io::Result<NamedTempFile> {
        let file = tempfile::Builder::new()
            .prefix(TEMP_PREFIX)
            .suffix(TEMP_SUFFIX)
            .tempfile_in(&self.path)?;
        // Nobody else has a reason to; one who sweeps just now lets go at once.
        file.as_file().lock()?;
        Ok(file)
    }

    fn files(&self) -> PathBuf {
        self.path.join("files")
    }

    fn urls(&self) -> PathBuf {
        self.path.join("urls")
    }

    fn file_path(&self, digest: &Digest) -> PathBuf {
        self.files().join(digest.to_string())
    }

    /// Addresses may hold secrets, so their files are named by their digests.
    fn entry_path(&self, url: &Url) -> PathBuf {
        let name = Digest::of(url.as_str().as_bytes());
        self.urls().join(format!("{name}.json"))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is one step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes that a file is used. Where that cannot be noted, files go in the order in
/// which they came.
fn touch(file: &File) {
    let _noted = file.set_times(FileTimes::new().set_accessed(SystemTime::now()));
}

fn disk(path: &Path, error: &io::Error) -> FetchError {
    FetchError::Disk(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::entry::Validity;

    fn kept(folder: &Folder, bytes: &[u8], used_ago: u64) -> Digest {
        let digest = Digest::of(bytes);
        let mut file = folder.temporary_file().unwrap();
        file.write_all(bytes).unwrap();
        folder.keep(file, &digest, bytes.len() as u64).unwrap();
        let then = SystemTime::now() - Duration::from_secs(used_ago);
        let file = File::open(folder.file_path(&digest)).unwrap();
        file.set_times(FileTimes::new().set_accessed(then)).unwrap();
        digest
    }

    fn there(folder: &Folder, digests: &[Digest]) -> Vec<bool> {
        let exists = |digest| folder.file_path(digest).exists();
        digests.iter().map(exists).collect()
    }

    #[test]
    fn what_was_not_used_for_longest_goes_and_what_is_in_use_stays() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::new(&place.path().join("downloads"), 1000);
        let old = kept(&folder, &[1; 400], 5000);
        let held = kept(&folder, &[2; 400], 5000);
        let (_, hold) = folder.hold(&held).unwrap();
        let newer = kept(&folder, &[3; 200], 4000);
        let newest = kept(&folder, &[4; 300], 0);
        assert_eq!(
            there(&folder, &[old, held, newer, newest]),
            [false, true, true, true]
        );
        // All that is left was used just now, or is held.
        drop(folder.hold(&newer));
        let mut file = folder.temporary_file().unwrap();
        file.write_all(&[5; 900]).unwrap();
        let refused = folder.keep(file, &Digest::of(&[5; 900]), 900);
        assert_eq!(refused, Err(FetchError::NoRoom));
        assert_eq!(there(&folder, &[held, newer, newest]), [true; 3]);
        // A video that nobody has looked at for long does not block the others.
        let long_ago = SystemTime::now() - Duration::from_secs(7200);
        for digest in [held, newer, newest] {
            let file = File::open(folder.file_path(&digest)).unwrap();
            file.set_times(FileTimes::new().set_accessed(long_ago))
                .unwrap();
        }
        let large = kept(&folder, &[6; 900], 0);
        assert_eq!(there(&folder, &[held, large]), [false, true]);
        drop(hold);
    }

    #[test]
    fn an_entry_without_its_whole_file_is_none() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::new(place.path(), 1000);
        let url = Url::parse("https://example.com/a?key=secret").unwrap();
        let digest = kept(&folder, b"abc", 0);
        let entry = Entry::new(&digest, 3, Validity::default(), SystemTime::now());
        folder.remember(&url, &entry).unwrap();
        assert_eq!(folder.entry(&url), Some(entry.clone()));
        let names = fs::read_dir(folder.urls()).unwrap();
        for name in names {
            let text = fs::read_to_string(name.unwrap().path()).unwrap();
            assert!(!text.contains("secret"), "{text}");
        }
        fs::write(folder.file_path(&digest), b"ab").unwrap();
        assert_eq!(folder.entry(&url), None);
        fs::remove_file(folder.file_path(&digest)).unwrap();
        assert_eq!(folder.entry(&url), None);
        fs::write(folder.entry_path(&url), b"{").unwrap();
        assert_eq!(folder.entry(&url), None);
    }

    #[test]
    fn what_a_killed_process_left_is_swept_and_what_another_writes_is_not() {
        let place = tempfile::tempdir().unwrap();
        let writing = Folder::new(place.path(), 1000).temporary_file().unwrap();
        let left = place.path().join("loom-left.part");
        let other = place.path().join("notes.txt");
        fs::write(&left, b"half").unwrap();
        fs::write(&other, b"mine").unwrap();
        drop(Folder::new(place.path(), 1000).temporary_file().unwrap());
        assert!(!left.exists() && other.exists() && writing.path().exists());
    }
}
