//! Which faces there are, and which of them a text gets.
//!
//! Three sources, in this order: the files of the template, the files shipped
//! with the program, and a fixed table of files of the machine
//! ([`SYSTEM_FONTS`]). Nothing is ever found by searching the machine.
//!
//! A selection names every face by digest. Nothing is silent: a family that is
//! not there is reported together with the default taken for it, and so is
//! every character for which no face has a glyph.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use icu_properties::CodePointSetData;
use icu_properties::props::{DefaultIgnorableCodePoint, EmojiPresentation};

use super::face::{Face, FontError, FontFile, fold};
use super::visible;
use crate::digest::Digest;
use crate::template::markup::Markup;
use crate::template::richtext::{DEFAULT_FAMILY, RichText};
use crate::timeline::FontUse;

/// A file of the machine, with what is known of it without reading.
#[derive(Debug)]
pub struct SystemFont {
    /// Where Debian puts it.
    pub path: &'static str,
    /// The places in the collection, and their families.
    pub faces: &'static [(u32, &'static str)],
    /// The weight of all of them.
    pub weight: u16,
}

/// Files of the machine that take part, where they are there: Debian's
/// `fonts-noto-cjk` and `fonts-noto-color-emoji`.
pub const SYSTEM_FONTS: &[SystemFont] = &[
    SystemFont {
        path: "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
        faces: CJK_FACES,
        weight: 400,
    },
    SystemFont {
        path: "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc",
        faces: CJK_FACES,
        weight: 700,
    },
    SystemFont {
        path: "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf",
        faces: &[(0, EMOJI_FAMILY)],
        weight: 400,
    },
];
const CJK_FACES: &[(u32, &str)] = &[
    (0, "Noto Sans CJK JP"),
    (1, "Noto Sans CJK KR"),
    (2, "Noto Sans CJK SC"),
    (3, "Noto Sans CJK TC"),
];
const EMOJI_FAMILY: &str = "Noto Color Emoji";

/// The families tried, in this order, for what the requested one lacks. The
/// family for Chinese, Japanese and Korean follows, then the emoji.
pub const FALLBACK_FAMILIES: &[&str] = &[
    DEFAULT_FAMILY,
    "Noto Sans Hebrew",
    "Noto Sans Arabic",
    "Noto Sans Devanagari",
    "DejaVu Sans",
];

/// What a text wants.
#[derive(Debug, Clone, Copy)]
pub struct FontRequest<'a> {
    /// Family name, full name or file name without its ending.
    pub family: &'a str,
    /// 1 to 1000.
    pub weight: u16,
    /// Italic or oblique.
    pub italic: bool,
}

/// A font file of a template's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OwnFont {
    /// Where it is.
    pub path: PathBuf,
    /// What the file is called where it comes from: without its ending, it is
    /// one of the font's names.
    pub name: String,
}

impl From<PathBuf> for OwnFont {
    fn from(path: PathBuf) -> Self {
        let name = path.file_name().unwrap_or_default();
        Self {
            name: name.to_string_lossy().into_owned(),
            path,
        }
    }
}

/// What a text gets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FontSelection {
    /// The requested faces first, then the fallbacks that the text really needs,
    /// in the order of [`FALLBACK_FAMILIES`].
    pub faces: Vec<FontUse>,
    /// The characters no face has a glyph for, in order.
    pub missing: Vec<char>,
    /// The requested families that are not there: the default stands in for them.
    pub substituted: Vec<String>,
}

/// Every face that may take part.
#[derive(Debug, Clone)]
pub struct FontCatalogue {
    faces: Vec<Arc<Face>>,
    absent: Vec<&'static str>,
}

impl FontCatalogue {
    /// Reads the fonts in `shipped_dir` and those of the template, and notes which of [`SYSTEM_FONTS`] are there.
    pub fn load(shipped_dir: &Path, template_fonts: &[OwnFont]) -> Result<Self, FontError> {
        let failed = |error| FontError::Read {
            path: shipped_dir.to_owned(),
            error,
        };
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(shipped_dir).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let ending = path.extension().map(|ending| ending.to_ascii_lowercase());
            if ending
                .is_some_and(|ending| ["ttf", "otf", "ttc"].iter().any(|known| ending == *known))
            {
                paths.push(path);
            }
        }
        // The system lists a folder in any order; a selection must not depend on it.
        paths.sort();
        let mut faces = Vec::new();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            faces.extend(Face::read_all(&path, &name)?);
        }
        let default = fold(DEFAULT_FAMILY);
        if !faces.iter().any(|face| face.is_of_family(&default)) {
            return Err(FontError::NoDefault {
                path: shipped_dir.to_owned(),
                family: DEFAULT_FAMILY,
            });
        }
        let mut absent = Vec::new();
        for SystemFont {
            path,
            faces: known,
            weight,
        } in SYSTEM_FONTS
        {
            if !Path::new(path).is_file() {
                absent.push(*path);
                continue;
            }
            let file = FontFile::lazy(Path::new(path));
            let is_collection = known.len() > 1;
            faces.extend(known.iter().map(|(index, family)| {
                Face::known(&file, is_collection.then_some(*index), family, *weight)
            }));
        }
        Self { faces, absent }.with_fonts(template_fonts)
    }

    /// The same catalogue with the fonts of one template before all others;
    /// what was read already is shared.
    pub fn with_fonts(&self, template_fonts: &[OwnFont]) -> Result<Self, FontError> {
        let mut faces = Vec::new();
        for OwnFont { path, name } in template_fonts {
            faces.extend(Face::read_all(path, name)?);
        }
        faces.extend(self.faces.iter().cloned());
        Ok(Self {
            faces,
            absent: self.absent.clone(),
        })
    }

    /// Those of [`SYSTEM_FONTS`] that are not there.
    pub fn absent_system_fonts(&self) -> &[&'static str] {
        &self.absent
    }

    /// The faces for `text` in one face of a family.
    pub fn select(&self, text: &str, request: &FontRequest<'_>) -> FontSelection {
        let mut selection = FontSelection::default();
        let mut wanted = self.family(request.family);
        if wanted.is_empty() {
            selection.substituted.push(request.family.to_owned());
            wanted = self.family(DEFAULT_FAMILY);
        }
        let face = best(&wanted, request.weight, request.italic);
        let named = face.map(|face| (face, request.family));
        self.complete(
            text,
            named.as_slice(),
            &[request.weight],
            request.italic,
            selection,
        )
    }

    /// The faces for a rich text.
    pub fn select_rich_text(&self, text: &RichText) -> FontSelection {
        let font = &text.font;
        let request = FontRequest {
            family: &font.family,
            weight: font.weight,
            italic: font.italic,
        };
        self.select(&text.drawn_text(), &request)
    }

    /// The faces for markup: every face of the families it names, because bold
    /// and italic may come and go within it. The default family is the first.
    pub fn select_markup(&self, markup: &Markup) -> FontSelection {
        let mut selection = FontSelection::default();
        let lists = visible::font_families(markup);
        let default = vec![DEFAULT_FAMILY.to_owned()];
        let mut named = Vec::new();
        for list in std::iter::once(&default).chain(&lists) {
            let known = list
                .iter()
                .map(|name| (name, self.family(name)))
                .find(|(_, faces)| !faces.is_empty());
            match known {
                Some((name, faces)) => {
                    named.extend(faces.into_iter().map(|face| (face, name.as_str())))
                }
                // `sans-serif` asks for no family in particular: that is what the default is.
                None if list.iter().any(|name| fold(name) == "sans-serif") && list.len() == 1 => {}
                None => selection.substituted.extend(list.first().cloned()),
            }
        }
        selection.substituted.sort();
        selection.substituted.dedup();
        self.complete(
            &visible::text(markup),
            &named,
            &[400, 700],
            false,
            selection,
        )
    }

    /// The face whose digest is `digest`.
    pub(crate) fn face(&self, digest: &Digest) -> Option<Arc<Face>> {
        // Files that were read already first, so that the large ones are not
        // read for a face that is elsewhere.
        let read = self
            .faces
            .iter()
            .find(|face| face.digest_if_read().as_ref() == Some(digest));
        read.or_else(|| {
            self.faces
                .iter()
                .find(|face| face.digest().as_ref() == Some(digest))
        })
        .cloned()
    }

    /// Every face of a family; a full name or a file's stem where no family is called so.
    fn family(&self, name: &str) -> Vec<Arc<Face>> {
        let folded = fold(name);
        let of_family = |face: &&Arc<Face>| face.is_of_family(&folded);
        let of_name = |face: &&Arc<Face>| face.is_called(&folded);
        let faces: Vec<_> = self.faces.iter().filter(of_family).cloned().collect();
        if faces.is_empty() {
            self.faces.iter().filter(of_name).take(1).cloned().collect()
        } else {
            faces
        }
    }

    /// Adds the fallbacks that `text` needs beside the `named` faces.
    fn complete(
        &self,
        text: &str,
        named: &[(Arc<Face>, &str)],
        weights: &[u16],
        italic: bool,
        mut selection: FontSelection,
    ) -> FontSelection {
        let (mut plain, mut emoji) = characters(text);
        let mut fallbacks = Vec::new();
        let emoji_face = best(&self.family(EMOJI_FAMILY), 400, false);
        // Emoji want their colours even where a text face has them in black.
        let emoji_used = emoji_face
            .as_ref()
            .is_some_and(|face| face.take_covered(&mut emoji));
        plain.append(&mut emoji);
        for (face, family) in named {
            // A family in a collection keeps its own name: the engine takes the whole file in.
            let family = if face.index.is_some() {
                face.family.as_str()
            } else {
                *family
            };
            push(&mut selection.faces, face, family);
            face.take_covered(&mut plain);
        }
        for family in FALLBACK_FAMILIES
            .iter()
            .copied()
            .chain([cjk_family(&plain)])
        {
            let faces = self.family(family);
            let mut still_plain = plain.clone();
            for weight in weights {
                let Some(face) = best(&faces, *weight, italic) else {
                    continue;
                };
                let mut rest = plain.clone();
                if face.take_covered(&mut rest) {
                    still_plain = rest;
                    fallbacks.push(face);
                }
            }
            plain = still_plain;
        }
        // Signs that are emoji only on demand, where no text face has them.
        if let Some(face) = emoji_face.filter(|face| face.take_covered(&mut plain) || emoji_used) {
            fallbacks.push(face);
        }
        for face in &fallbacks {
            if face
                .digest()
                .is_none_or(|digest| !selection.faces.iter().any(|used| used.face == digest))
            {
                push(&mut selection.faces, face, &face.family);
            }
        }
        selection.missing = plain.into_iter().collect();
        selection
    }
}

fn push(faces: &mut Vec<FontUse>, face: &Face, family: &str) {
    let Some(digest) = face.digest() else { return };
    let used = FontUse {
        face: digest,
        family: family.trim().to_owned(),
    };
    if !faces.contains(&used) {
        faces.push(used);
    }
}

fn best(faces: &[Arc<Face>], weight: u16, italic: bool) -> Option<Arc<Face>> {
    faces
        .iter()
        .min_by_key(|face| face.misfit(weight, italic))
        .cloned()
}

/// The characters of `text` that need a glyph: those to be drawn as text, and
/// those to be drawn as emoji.
fn characters(text: &str) -> (BTreeSet<char>, BTreeSet<char>) {
    let emoji_presentation = CodePointSetData::new::<EmojiPresentation>();
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    let (mut plain, mut emoji) = (BTreeSet::new(), BTreeSet::new());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character.is_control() || character.is_whitespace() || ignorable.contains(character) {
            continue;
        }
        let is_emoji = match characters.peek() {
            Some('\u{fe0f}') => true,
            Some('\u{fe0e}') => false,
            _ => emoji_presentation.contains(character),
        };
        if is_emoji {
            emoji.insert(character)
        } else {
            plain.insert(character)
        };
    }
    (plain, emoji)
}

/// One family draws all of Chinese, Japanese and Korean, each in its own
/// shapes: kana tell Japanese, Hangul Korean and bopomofo traditional Chinese;
/// Han alone is drawn in the simplified Chinese shapes.
fn cjk_family(characters: &BTreeSet<char>) -> &'static str {
    let any = |range: std::ops::RangeInclusive<char>| characters.range(range).next().is_some();
    if any('\u{3041}'..='\u{30ff}') {
        "Noto Sans CJK JP"
    } else if any('\u{ac00}'..='\u{d7a3}')
        || any('\u{1100}'..='\u{11ff}')
        || any('\u{3131}'..='\u{318e}')
    {
        "Noto Sans CJK KR"
    } else if any('\u{3105}'..='\u{312f}') {
        "Noto Sans CJK TC"
    } else {
        "Noto Sans CJK SC"
    }
}
