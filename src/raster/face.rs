//! One face of one font file: its names, its weight, what it covers.
//!
//! A face is known by the digest of its bytes. Files of the machine are large
//! (20 MB for Chinese, Japanese and Korean), so they are read when a text first
//! needs them, once, and shared from then on. What does not belong here: which
//! face a text gets (`fonts`).

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use thiserror::Error;

use super::webfont::unpacked;
use crate::digest::Digest;

/// The largest font file: twice the largest that Noto has.
pub const MAX_FONT_BYTES: u64 = 64 << 20;
/// The most faces of one collection that are looked at.
const MAX_COLLECTION_FACES: u32 = 64;

/// Why a font file cannot be used.
#[derive(Debug, Error)]
pub enum FontError {
    /// The file or folder cannot be read.
    #[error("{}: {error}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The file is too large.
    #[error("{}: {bytes} bytes: expected at most {MAX_FONT_BYTES}", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
    },
    /// The file holds no face that can be used.
    #[error("{}: not a TrueType, OpenType, WOFF or WOFF2 font with a family name", path.display())]
    NoFace {
        /// The file.
        path: PathBuf,
    },
    /// The folder of the shipped fonts lacks the default family.
    #[error("{}: no face of the default family {family:?}", path.display())]
    NoDefault {
        /// The folder.
        path: PathBuf,
        /// The family.
        family: &'static str,
    },
}

/// A font file, read once at most.
#[derive(Debug)]
pub(crate) struct FontFile {
    path: PathBuf,
    loaded: OnceLock<Option<Loaded>>,
}

#[derive(Debug)]
struct Loaded {
    bytes: Arc<Vec<u8>>,
    digest: Digest,
}

impl FontFile {
    /// A file to be read when it is needed.
    pub(crate) fn lazy(path: &Path) -> Arc<Self> {
        Arc::new(Self {
            path: path.to_owned(),
            loaded: OnceLock::new(),
        })
    }

    /// The bytes and their digest; `None` where the file cannot be read.
    fn loaded(&self) -> Option<&Loaded> {
        self.loaded.get_or_init(|| read(&self.path).ok()).as_ref()
    }
}

fn read(path: &Path) -> Result<Loaded, FontError> {
    let failed = |error| FontError::Read {
        path: path.to_owned(),
        error,
    };
    let bytes = std::fs::metadata(path).map_err(failed)?.len();
    if bytes > MAX_FONT_BYTES {
        return Err(FontError::TooLong {
            path: path.to_owned(),
            bytes,
        });
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    let bytes = unpacked(bytes).ok_or_else(|| FontError::NoFace {
        path: path.to_owned(),
    })?;
    Ok(Loaded {
        digest: Digest::of(&bytes),
        bytes: Arc::new(bytes),
    })
}

/// One face.
#[derive(Debug)]
pub(crate) struct Face {
    file: Arc<FontFile>,
    /// Its place in a collection; `None` where the file is this one face.
    pub(crate) index: Option<u32>,
    /// The family as fallbacks name it.
    pub(crate) family: String,
    /// Every family name it has, folded.
    families: Vec<String>,
    /// Every full name it has, folded.
    full_names: Vec<String>,
    /// The file's name without its ending, folded.
    stem: String,
    /// One weight, or the range of a variable font.
    weights: RangeInclusive<u16>,
    /// Italic or oblique.
    pub(crate) italic: bool,
}

/// Names are compared without regard to case and outer spaces.
pub(crate) fn fold(name: &str) -> String {
    name.trim().to_lowercase()
}

impl FontError {
    /// The file or folder.
    pub fn path(&self) -> &Path {
        match self {
            Self::Read { path, .. }
            | Self::TooLong { path, .. }
            | Self::NoFace { path }
            | Self::NoDefault { path, .. } => path,
        }
    }

    /// What is wrong, without where the file is.
    pub fn reason(&self) -> String {
        let whole = self.to_string();
        let path = format!("{}: ", self.path().display());
        whole
            .strip_prefix(&path)
            .map_or(whole.clone(), str::to_owned)
    }
}

impl Face {
    /// Every usable face of the file at `path`, which is read now and called `name`.
    pub(crate) fn read_all(path: &Path, name: &str) -> Result<Vec<Arc<Self>>, FontError> {
        let loaded = read(path)?;
        let bytes = Arc::clone(&loaded.bytes);
        let collection = ttf_parser::fonts_in_collection(&bytes);
        let file = Arc::new(FontFile {
            path: path.to_owned(),
            loaded: OnceLock::from(Some(loaded)),
        });
        let faces: Vec<_> = (0..collection.unwrap_or(1).min(MAX_COLLECTION_FACES))
            .filter_map(|index| {
                let parsed = ttf_parser::Face::parse(&bytes, index).ok()?;
                Self::from_parsed(Arc::clone(&file), name, collection.map(|_| index), &parsed)
            })
            .map(Arc::new)
            .collect();
        if faces.is_empty() {
            Err(FontError::NoFace {
                path: path.to_owned(),
            })
        } else {
            Ok(faces)
        }
    }

    /// A face whose names are known beforehand, so that its file need not be read yet.
    pub(crate) fn known(
        file: &Arc<FontFile>,
        index: Option<u32>,
        family: &str,
        weight: u16,
    ) -> Arc<Self> {
        Arc::new(Self {
            index,
            family: family.to_owned(),
            families: vec![fold(family)],
            full_names: Vec::new(),
            stem: stem(&file.path),
            weights: weight..=weight,
            italic: false,
            file: Arc::clone(file),
        })
    }

    fn from_parsed(
        file: Arc<FontFile>,
        name: &str,
        index: Option<u32>,
        parsed: &ttf_parser::Face<'_>,
    ) -> Option<Self> {
        let named = |id: u16| -> Vec<String> {
            let names = parsed
                .names()
                .into_iter()
                .filter(|name| name.name_id == id && name.is_unicode());
            let mut names: Vec<_> = names
                .filter_map(|name| Some((name.language(), name.to_string()?)))
                .collect();
            // English first: the name that templates use.
            names.sort_by_key(|(language, _)| {
                *language != ttf_parser::Language::English_UnitedStates
            });
            names
                .into_iter()
                .map(|(_, name)| name)
                .filter(|name| !name.trim().is_empty())
                .collect()
        };
        let typographic = named(ttf_parser::name_id::TYPOGRAPHIC_FAMILY);
        let legacy = named(ttf_parser::name_id::FAMILY);
        let family = typographic.first().or(legacy.first())?.clone();
        let axis = parsed
            .variation_axes()
            .into_iter()
            .find(|axis| axis.tag == ttf_parser::Tag::from_bytes(b"wght"));
        let weight = parsed.weight().to_number();
        Some(Self {
            index,
            family,
            families: typographic
                .iter()
                .chain(&legacy)
                .map(|name| fold(name))
                .collect(),
            full_names: named(ttf_parser::name_id::FULL_NAME)
                .iter()
                .map(|name| fold(name))
                .collect(),
            stem: stem(Path::new(name)),
            weights: axis.map_or(weight..=weight, |axis| {
                axis.min_value as u16..=axis.max_value as u16
            }),
            italic: parsed.is_italic() || parsed.is_oblique(),
            file,
        })
    }

    /// The digest of the face's bytes; in a collection, of the file's digest
    /// and the face's place in it. `None` where the file cannot be read.
    pub(crate) fn digest(&self) -> Option<Digest> {
        let file = self.file.loaded()?.digest;
        Some(match self.index {
            None => file,
            Some(index) => Digest::of(&[file.as_bytes().as_slice(), &index.to_le_bytes()].concat()),
        })
    }

    /// The digest where the file was read already.
    pub(crate) fn digest_if_read(&self) -> Option<Digest> {
        self.file.loaded.get().and_then(|_| self.digest())
    }

    /// The bytes of the whole file; `None` where it cannot be read.
    pub(crate) fn bytes(&self) -> Option<Arc<Vec<u8>>> {
        self.file.loaded().map(|loaded| Arc::clone(&loaded.bytes))
    }

    /// Whether any of its family names is `folded`.
    pub(crate) fn is_of_family(&self, folded: &str) -> bool {
        self.families.iter().any(|name| name == folded)
    }

    /// Whether `folded` is its full name ("montserrat extrabold") or its file's stem.
    pub(crate) fn is_called(&self, folded: &str) -> bool {
        self.stem == folded || self.full_names.iter().any(|name| name == folded)
    }

    /// How badly the face fits what is wanted, by the order of CSS: style first,
    /// then the next heavier for heavy text and the next lighter for light text.
    pub(crate) fn misfit(&self, weight: u16, italic: bool) -> (bool, u8, u16) {
        let own = weight.clamp(*self.weights.start(), *self.weights.end());
        let side = match (weight, own) {
            _ if own == weight => 0,
            (400..=500, _) if own > weight && own <= 500 => 1,
            (..=500, _) if own < weight => 2,
            (501.., _) if own > weight => 1,
            _ => 3,
        };
        (self.italic != italic, side, own.abs_diff(weight))
    }

    /// Takes out of `wanted` every character that the face has a glyph for;
    /// whether there was any.
    pub(crate) fn take_covered(&self, wanted: &mut std::collections::BTreeSet<char>) -> bool {
        if wanted.is_empty() {
            return false;
        }
        let Some(bytes) = self.bytes() else {
            return false;
        };
        let Ok(parsed) = ttf_parser::Face::parse(&bytes, self.index.unwrap_or(0)) else {
            return false;
        };
        let before = wanted.len();
        wanted.retain(|character| parsed.glyph_index(*character).is_none());
        wanted.len() < before
    }
}

fn stem(path: &Path) -> String {
    fold(&path.file_stem().unwrap_or_default().to_string_lossy())
}
