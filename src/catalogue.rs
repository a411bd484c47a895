//! The templates that clients keep here: one JSON file each.
//!
//! A change is whole and durable before it is answered: written aside, synced,
//! renamed. Everything here blocks. What a template says is not looked at.

use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;
use uuid::Uuid;

/// The most templates.
pub const MAX_TEMPLATES: usize = 10_000;

/// The longest name, in characters.
pub const MAX_NAME: usize = 200;

/// The largest file, in bytes: what a request's body may be, and its name and times.
const MAX_FILE_BYTES: u64 = (1 << 20) + 4096;

/// What is told of a template without its Edit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// By which it is asked for.
    pub id: Uuid,
    /// What it is called by people.
    pub name: String,
    /// When it was made.
    pub created: SystemTime,
    /// When it was changed last.
    pub updated: SystemTime,
}

/// A template as it lies in its file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredTemplate {
    /// All but the Edit.
    #[serde(flatten)]
    pub about: Summary,
    /// The Edit.
    pub template: Value,
}

/// Why a template cannot be kept or had.
#[derive(Debug, Error)]
pub enum CatalogueError {
    /// There is none of this id.
    #[error("there is no template {0}")]
    Unknown(Uuid),
    /// A name that is empty or too long.
    #[error("name: {0} characters are not allowed: expected 1 to {MAX_NAME}")]
    Name(usize),
    /// An Edit that is too long.
    #[error("template: {0} bytes are not allowed: expected at most {MAX_FILE_BYTES}")]
    TooLarge(usize),
    /// There are as many as there may be.
    #[error("there are {MAX_TEMPLATES} templates, as many as may be")]
    Full,
    /// The file system.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
}

/// The folder of templates, which has one user at a time.
pub struct Catalogue {
    folder: PathBuf,
    known: Mutex<HashMap<Uuid, Summary>>,
}

impl Catalogue {
    /// Reads what is in `folder`, which is made if it is not there. A file that is
    /// none of ours, or damaged, is left as it is, and said so.
    pub fn open(folder: &Path) -> Result<Self, CatalogueError> {
        fs::create_dir_all(folder).map_err(|error| io(folder, error))?;
        let mut known = HashMap::new();
        for entry in fs::read_dir(folder).map_err(|error| io(folder, error))? {
            let path = entry.map_err(|error| io(folder, error))?.path();
            match read(&path) {
                Ok(stored) if path == path_of(folder, &stored.about.id) => {
                    known.insert(stored.about.id, stored.about);
                }
                Ok(_) => tracing::warn!(path = %path.display(), "no template's name: left out"),
                Err(error) => tracing::warn!(path = %path.display(), %error, "left out"),
            }
        }
        Ok(Self {
            folder: folder.to_owned(),
            known: Mutex::new(known),
        })
    }

    /// Keeps a new template, and says by which id.
    pub fn create(&self, name: &str, template: Value) -> Result<Uuid, CatalogueError> {
        let mut known = self.known();
        if known.len() >= MAX_TEMPLATES {
            return Err(CatalogueError::Full);
        }
        let now = SystemTime::now();
        let about = Summary {
            id: Uuid::new_v4(),
            name: name.to_owned(),
            created: now,
            updated: now,
        };
        let id = about.id;
        known.insert(id, self.write(about, template)?);
        Ok(id)
    }

    /// Puts another name and Edit in the place of a template's.
    pub fn replace(&self, id: &Uuid, name: &str, template: Value) -> Result<(), CatalogueError> {
        let mut known = self.known();
        let before = known.get(id).ok_or(CatalogueError::Unknown(*id))?;
        let about = Summary {
            id: *id,
            name: name.to_owned(),
            created: before.created,
            updated: SystemTime::now(),
        };
        known.insert(*id, self.write(about, template)?);
        Ok(())
    }

    /// A template.
    pub fn get(&self, id: &Uuid) -> Result<StoredTemplate, CatalogueError> {
        if !self.known().contains_key(id) {
            return Err(CatalogueError::Unknown(*id));
        }
        let path = path_of(&self.folder, id);
        read(&path).map_err(|error| io(&path, error))
    }

    /// Throws a template away.
    pub fn remove(&self, id: &Uuid) -> Result<(), CatalogueError> {
        let mut known = self.known();
        if !known.contains_key(id) {
            return Err(CatalogueError::Unknown(*id));
        }
        let path = path_of(&self.folder, id);
        fs::remove_file(&path).map_err(|error| io(&path, error))?;
        known.remove(id);
        Ok(())
    }

    /// All templates, the one changed last first.
    pub fn list(&self) -> Vec<Summary> {
        let mut all: Vec<Summary> = self.known().values().cloned().collect();
        all.sort_by(|a, b| b.updated.cmp(&a.updated).then(a.id.cmp(&b.id)));
        all
    }

    fn write(&self, about: Summary, template: Value) -> Result<Summary, CatalogueError> {
        let name = about.name.chars().count();
        if !(1..=MAX_NAME).contains(&name) {
            return Err(CatalogueError::Name(name));
        }
        let path = path_of(&self.folder, &about.id);
        let stored = StoredTemplate { about, template };
        let text = serde_json::to_vec(&stored).map_err(|error| io(&path, error.into()))?;
        if text.len() as u64 > MAX_FILE_BYTES {
            return Err(CatalogueError::TooLarge(text.len()));
        }
        let written = || {
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            file.write_all(&text)?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            fs::File::open(&self.folder)?.sync_all()
        };
        written().map_err(|error| io(&path, error))?;
        Ok(stored.about)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Uuid, Summary>> {
        // Changed only after the file was.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn path_of(folder: &Path, id: &Uuid) -> PathBuf {
    folder.join(format!("{id}.json"))
}

fn read(path: &Path) -> std::io::Result<StoredTemplate> {
    let bytes = fs::metadata(path)?.len();
    if bytes > MAX_FILE_BYTES {
        return Err(std::io::Error::other(format!("{bytes} bytes are too many")));
    }
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

fn io(path: &Path, error: std::io::Error) -> CatalogueError {
    CatalogueError::Io {
        path: path.to_owned(),
        error,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn templates_are_kept_changed_listed_and_thrown_away_also_after_reopening() {
        let dir = TempDir::new().unwrap();
        let catalogue = Catalogue::open(dir.path()).unwrap();
        let first = catalogue.create("first", json!({"a": 1})).unwrap();
        let second = catalogue.create("second", json!({"b": 2})).unwrap();
        catalogue.replace(&first, "again", json!({"a": 3})).unwrap();
        drop(catalogue);

        let catalogue = Catalogue::open(dir.path()).unwrap();
        let names: Vec<String> = catalogue
            .list()
            .into_iter()
            .map(|about| about.name)
            .collect();
        assert_eq!(names, ["again", "second"]);
        let stored = catalogue.get(&first).unwrap();
        assert_eq!(stored.template, json!({"a": 3}));
        assert!(stored.about.updated > stored.about.created);
        catalogue.remove(&second).unwrap();
        for unknown in [
            catalogue.get(&second).map(drop),
            catalogue.remove(&second),
            catalogue.replace(&second, "x", json!({})),
        ] {
            assert!(matches!(unknown, Err(CatalogueError::Unknown(id)) if id == second));
        }
        assert_eq!(Catalogue::open(dir.path()).unwrap().list().len(), 1);
    }

    #[test]
    fn what_is_out_of_bounds_or_damaged_is_left_out() {
        let dir = TempDir::new().unwrap();
        let catalogue = Catalogue::open(dir.path()).unwrap();
        let long = "x".repeat(MAX_NAME + 1);
        for name in ["", &long] {
            let refused = catalogue.create(name, json!({}));
            assert!(matches!(refused, Err(CatalogueError::Name(_))), "{name}");
        }
        let large = json!("x".repeat(MAX_FILE_BYTES as usize));
        let refused = catalogue.create("large", large);
        assert!(matches!(refused, Err(CatalogueError::TooLarge(_))));
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            0,
            "nothing is left"
        );

        let id = catalogue.create("good", json!({})).unwrap();
        fs::write(dir.path().join("notes.txt"), b"hello").unwrap();
        fs::write(path_of(dir.path(), &Uuid::new_v4()), b"{\"torn").unwrap();
        let again = Catalogue::open(dir.path()).unwrap();
        assert_eq!(again.list()[0].id, id);
        assert_eq!(
            (
                again.list().len(),
                fs::read_dir(dir.path()).unwrap().count()
            ),
            (1, 3)
        );
    }
}
