//! The callbacks that are still owed, one JSON file each, so that a restart loses none.
//!
//! Everything here blocks.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::jobs::orders::Order;

/// The largest file, in bytes: what a request's body may be twice over (a template and
/// its data), and a little.
const MAX_FILE_BYTES: u64 = (2 << 20) + 16384;

/// What the name of a file begins with until it is whole.
const UNFINISHED: &str = ".unfinished-";

/// Somebody is to be told how a video ends.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// The video.
    pub id: Uuid,
    /// Where the message goes.
    pub url: String,
    /// By which address the service was asked, without a path: what the message names
    /// is found there.
    pub base: String,
    /// The video's order, until its end is known: after a restart it is placed anew.
    pub order: Option<Order>,
    /// What is sent, once the video's end is known.
    pub message: Option<Value>,
    /// Attempts that failed.
    pub failed: u32,
    /// When the next one is made.
    pub due: SystemTime,
}

/// The folder that they lie in.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder at `path`, which is made if it is not there. What was being written
    /// when the process died is swept out.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        fs::create_dir_all(path)?;
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let name = entry.file_name();
            if name
                .to_str()
                .is_some_and(|name| name.starts_with(UNFINISHED))
            {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(Self(path.to_owned()))
    }

    /// All records, at most `most`. A file that is none of ours, or damaged, is left
    /// as it is, and said so.
    pub fn read(&self, most: usize) -> std::io::Result<Vec<Record>> {
        let mut records = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let path = entry?.path();
            if records.len() >= most {
                tracing::warn!(most, "there are more callbacks than are followed");
                break;
            }
            match read(&path) {
                Ok(record) if path == self.path_of(&record.id) => records.push(record),
                Ok(_) => tracing::warn!(path = %path.display(), "no callback's name: left out"),
                Err(error) => tracing::warn!(path = %path.display(), %error, "left out"),
            }
        }
        Ok(records)
    }

    /// Writes `record` in the place of what it was before; it is durable then.
    pub fn write(&self, record: &Record) -> std::io::Result<()> {
        let text = serde_json::to_vec(record)?;
        if text.len() as u64 > MAX_FILE_BYTES {
            let message = format!("{} bytes are too many", text.len());
            return Err(std::io::Error::other(message));
        }
        let mut file = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempfile_in(&self.0)?;
        file.write_all(&text)?;
        file.as_file().sync_all()?;
        file.persist(self.path_of(&record.id))?;
        fs::File::open(&self.0)?.sync_all()
    }

    /// Nothing is owed any more.
    pub fn remove(&self, id: &Uuid) -> std::io::Result<()> {
        match fs::remove_file(self.path_of(id)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    fn path_of(&self, id: &Uuid) -> PathBuf {
        self.0.join(format!("{id}.json"))
    }
}

fn read(path: &Path) -> std::io::Result<Record> {
    let bytes = fs::metadata(path)?.len();
    if bytes > MAX_FILE_BYTES {
        return Err(std::io::Error::other(format!("{bytes} bytes are too many")));
    }
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(id: u128) -> Record {
        Record {
            id: Uuid::from_u128(id),
            url: "https://example.com/done".into(),
            base: "http://here".into(),
            order: None,
            message: Some(json!({"status": "done"})),
            failed: 2,
            due: SystemTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn what_is_owed_is_there_again_after_a_restart_until_it_is_paid() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        folder.write(&record(1)).unwrap();
        folder
            .write(&Record {
                failed: 3,
                ..record(1)
            })
            .unwrap();
        folder.write(&record(2)).unwrap();
        fs::write(dir.path().join("torn.json"), b"{\"id").unwrap();
        let unfinished = dir.path().join(format!("{UNFINISHED}x"));
        fs::write(&unfinished, b"{\"id").unwrap();
        folder.remove(&Uuid::from_u128(2)).unwrap();
        folder.remove(&Uuid::from_u128(2)).unwrap();
        let again = Folder::open(dir.path()).unwrap().read(10).unwrap();
        assert_eq!(again.len(), 1);
        assert!(!unfinished.exists());
        assert_eq!(
            (again[0].failed, &again[0].message),
            (3, &record(1).message)
        );
        folder.write(&record(3)).unwrap();
        assert_eq!(folder.read(1).unwrap().len(), 1);
    }
}
