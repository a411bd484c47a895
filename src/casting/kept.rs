//! Channels in a folder, so that they are there again after a restart: a file each.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::broadcast::check_name;
use crate::channel::Definition;

/// The longest file of a channel that is read, in bytes.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// What is kept of a channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub name: String,
    pub since_unix_ms: u64,
    pub secret: Uuid,
    pub definition: Definition,
}

fn path_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.json"))
}

/// Writes `kept` to `folder`, which is made if it is not there.
pub(super) fn write(folder: &Path, kept: &Kept) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let text = serde_json::to_vec(kept)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&text)?;
    file.as_file().sync_all()?;
    file.persist(path_of(folder, &kept.name))?;
    fs::File::open(folder)?.sync_all()
}

/// Forgets channel `name`.
pub(super) fn remove(folder: &Path, name: &str) -> io::Result<()> {
    match fs::remove_file(path_of(folder, name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// The channels of `folder`. A file that is none of ours, or damaged, is left as it is,
/// and said so.
pub(super) fn read_all(folder: &Path) -> io::Result<Vec<Kept>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut all = Vec::new();
    for entry in entries {
        let path = entry?.path();
        match read(&path) {
            Ok(kept) if path == path_of(folder, &kept.name) && check_name(&kept.name).is_ok() => {
                all.push(kept);
            }
            Ok(_) => tracing::warn!(path = %path.display(), "no channel's name: left out"),
            Err(error) => tracing::warn!(path = %path.display(), %error, "left out"),
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

fn read(path: &Path) -> io::Result<Kept> {
    let bytes = fs::metadata(path)?.len();
    if bytes > MAX_FILE_BYTES {
        return Err(io::Error::other(format!("{bytes} bytes are too many")));
    }
    let kept: Kept = serde_json::from_slice(&fs::read(path)?)?;
    kept.definition.check().map_err(io::Error::other)?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kept(name: &str) -> Kept {
        Kept {
            name: name.into(),
            since_unix_ms: 7,
            secret: Uuid::from_u128(1),
            definition: serde_json::from_value(json!({"entries": [{"edit": {}}]})).expect("one"),
        }
    }

    #[test]
    fn channels_are_there_again_and_damaged_files_stay_as_they_are() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let folder = folder.path().join("channels");
        assert_eq!(read_all(&folder).expect("none yet"), []);
        for name in ["b", "a"] {
            write(&folder, &kept(name)).expect("written");
        }
        let damaged = folder.join("c.json");
        fs::write(&damaged, "{").expect("written");
        fs::copy(folder.join("a.json"), folder.join("other.json")).expect("copied");
        assert_eq!(read_all(&folder).expect("read"), [kept("a"), kept("b")]);
        remove(&folder, "a").expect("removed");
        remove(&folder, "a").expect("it is not there");
        assert_eq!(read_all(&folder).expect("read"), [kept("b")]);
        assert!(damaged.exists());
    }
}
