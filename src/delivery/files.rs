//! Finished files, kept by what they show so that the same one is made once: a
//! folder of a bounded size, from which what was not used for longest goes. Any file
//! in it may be deleted; it is made again when it is asked for.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tempfile::NamedTempFile;

/// The most bytes of all files in the folder, but for the newest: as many as
/// [`MAX_FILE_BYTES`](super::MAX_FILE_BYTES), so that no file is alone in it.
pub const MAX_FOLDER_BYTES: u64 = 8 << 30;

/// Files being written carry these; what a killed process left of them is swept.
const TEMP_PREFIX: &str = "loom-";
const TEMP_SUFFIX: &str = ".part";

/// The folder, which has one user at a time.
#[derive(Clone)]
pub struct FileStore {
    folder: PathBuf,
    max_bytes: u64,
    /// Room is made by one at a time.
    making_room: Arc<Mutex<()>>,
}

/// A file that is there, open: it stays readable even when it has to go.
#[derive(Debug)]
pub struct KeptFile {
    /// Its bytes.
    pub file: File,
    /// How many.
    pub len: u64,
}

impl FileStore {
    /// Uses `folder`, which is made if it is not there.
    pub fn open(folder: &Path) -> io::Result<Self> {
        Self::bounded(folder, MAX_FOLDER_BYTES)
    }

    fn bounded(folder: &Path, max_bytes: u64) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let ours = entry
                .file_name()
                .to_str()
                .is_some_and(|name| name.starts_with(TEMP_PREFIX) && name.ends_with(TEMP_SUFFIX));
            if ours {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(Self {
            folder: folder.to_owned(),
            max_bytes,
            making_room: Arc::default(),
        })
    }

    /// The file `name`, if it is there.
    pub(super) fn get(&self, name: &str) -> io::Result<Option<KeptFile>> {
        match File::open(self.folder.join(name)) {
            Ok(file) => {
                // So that the oldest are those not used for longest.
                let _noted = file.set_modified(SystemTime::now());
                let len = file.metadata()?.len();
                Ok(Some(KeptFile { file, len }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// An empty file to write to.
    pub(super) fn temporary(&self) -> io::Result<NamedTempFile> {
        tempfile::Builder::new()
            .prefix(TEMP_PREFIX)
            .suffix(TEMP_SUFFIX)
            .tempfile_in(&self.folder)
    }

    /// Keeps `temporary` as `name`; the oldest go for it.
    pub(super) fn keep(&self, temporary: NamedTempFile, name: &str) -> io::Result<()> {
        let path = self.folder.join(name);
        temporary.persist(&path).map_err(|error| error.error)?;
        if let Err(error) = self.make_room(&path) {
            tracing::warn!(%error, folder = %self.folder.display(), "old files cannot be deleted");
        }
        Ok(())
    }

    fn make_room(&self, newest: &Path) -> io::Result<()> {
        let _alone = self
            .making_room
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let is_temporary = name
                .to_str()
                .is_some_and(|name| name.ends_with(TEMP_SUFFIX));
            let found = entry.metadata()?;
            if found.is_file() && entry.path() != newest && !is_temporary {
                files.push((found.modified()?, found.len(), entry.path()));
            }
        }
        files.sort();
        let mut bytes: u64 = files.iter().map(|(_, len, _)| len).sum();
        bytes += fs::metadata(newest)?.len();
        for (_, len, path) in files {
            if bytes <= self.max_bytes {
                break;
            }
            fs::remove_file(path)?;
            bytes -= len;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::Duration;

    use super::*;

    fn keep(store: &FileStore, name: &str, bytes: usize) {
        let mut file = store.temporary().unwrap();
        file.write_all(&vec![1; bytes]).unwrap();
        store.keep(file, name).unwrap();
    }

    #[test]
    fn what_was_not_used_for_longest_goes_and_who_reads_it_still_can() {
        let folder = tempfile::TempDir::new().unwrap();
        let store = FileStore::bounded(folder.path(), 1000).unwrap();
        keep(&store, "a.gif", 400);
        keep(&store, "b.gif", 400);
        for (name, age) in [("a.gif", 90), ("b.gif", 80)] {
            let file = File::open(folder.path().join(name)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(age))
                .unwrap();
        }
        let read = store.get("a.gif").unwrap().unwrap();
        assert_eq!(read.len, 400);
        keep(&store, "c.gif", 400);
        assert!(store.get("b.gif").unwrap().is_none());
        keep(&store, "d.gif", 4000);
        assert!(store.get("a.gif").unwrap().is_none());
        assert!(store.get("d.gif").unwrap().is_some());
        assert_eq!(io::read_to_string(&read.file).unwrap().len(), 400);
    }

    #[test]
    fn what_a_killed_process_left_is_swept() {
        let folder = tempfile::TempDir::new().unwrap();
        let left = folder.path().join("loom-abc.part");
        fs::write(&left, b"x").unwrap();
        fs::write(folder.path().join("a.gif"), b"x").unwrap();
        let store = FileStore::open(folder.path()).unwrap();
        assert!(!left.exists() && store.get("a.gif").unwrap().is_some());
    }
}
