//! Captions: what is said, and when.
//!
//! A file of captions (SRT, WebVTT or TTML) is read into cues once, whatever was
//! odd about it is told, and [`draw`] makes still and moving pictures of them. What
//! does not belong here: where the file is (`media`) and how a picture stands in the
//! frame (`timeline`).

pub mod asset;
mod decode;
pub mod draw;
mod lines;
pub mod page;
mod span;
mod ttml;

use thiserror::Error;

use crate::time::Time;

/// The longest file of captions: some ten hours of talk.
pub const MAX_CAPTION_BYTES: u64 = 2 << 20;
/// The most cues of a file.
pub const MAX_CUES: usize = 20_000;
/// The longest text of a cue, in characters.
pub const MAX_CUE_CHARS: usize = 5000;
/// How much of a file is looked at to tell what it is.
pub const HEAD_BYTES: usize = 4096;
/// The latest time that a cue may have: later ones are left out.
pub const LATEST: Time = Time::from_seconds(24 * 3600);

/// The cues of a file, by their beginnings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captions {
    /// In the order in which they begin.
    pub cues: Vec<Cue>,
    /// What was odd about the file and what was made of it.
    pub notes: Vec<String>,
}

impl Captions {
    /// When the last of them ends.
    pub fn end(&self) -> Time {
        let ends = self.cues.iter().map(|cue| cue.end);
        ends.max().unwrap_or_default()
    }
}

/// Something said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cue {
    /// When it comes, by the file's clock.
    pub start: Time,
    /// When it goes; later than `start`.
    pub end: Time,
    /// What is said, with line breaks; not empty.
    pub runs: Vec<Run>,
}

impl Cue {
    /// What is said, without its style.
    pub fn text(&self) -> String {
        self.runs.iter().map(|run| run.text.as_str()).collect()
    }
}

/// A stretch of a cue of one style.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// The characters.
    pub text: String,
    /// How they differ from the rest.
    pub face: Face,
    /// When the first of them is said, where the file says so.
    pub at: Option<Time>,
}

/// How a stretch differs from the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Face {
    pub bold: bool,
    pub italic: bool,
    pub underlined: bool,
}

/// Why a file of captions cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CaptionError {
    /// It is too long.
    #[error("captions of {0} bytes: expected at most {MAX_CAPTION_BYTES}")]
    TooLong(u64),
    /// It has too many cues.
    #[error("captions of more than {MAX_CUES} cues")]
    TooManyCues,
    /// One of its cues is too long.
    #[error("a cue of {characters} characters at {start}: expected at most {MAX_CUE_CHARS}")]
    LongCue {
        /// How long it is.
        characters: usize,
        /// Where it begins.
        start: Time,
    },
    /// It is TTML that cannot be read.
    #[error("TTML that cannot be read: {0}")]
    Xml(String),
    /// There is no cue in it.
    #[error("there is no cue in it: expected captions as SRT, WebVTT or TTML")]
    NoCue,
}

/// Whether a file that begins with `head` holds captions.
pub fn are_in(head: &[u8]) -> bool {
    let head = &head[..head.len().min(HEAD_BYTES)];
    let (text, _) = decode::text(head);
    let text = text.trim_start();
    text.starts_with("WEBVTT")
        || ttml::is_in(text)
        || text.split(['\n', '\r']).any(lines::is_timing)
}

/// Reads captions.
pub fn read(bytes: &[u8]) -> Result<Captions, CaptionError> {
    if bytes.len() as u64 > MAX_CAPTION_BYTES {
        return Err(CaptionError::TooLong(bytes.len() as u64));
    }
    let (text, note) = decode::text(bytes);
    let mut found = if ttml::is_in(text.trim_start()) {
        ttml::read(&text)?
    } else {
        lines::read(&text)?
    };
    found.notes.extend(note.map(str::to_owned));
    let Found {
        mut cues,
        mut notes,
        odd,
    } = found;
    let (before, mut late) = (cues.len(), 0);
    cues.retain(|cue| {
        let is_late = cue.end > LATEST;
        late += usize::from(is_late);
        !is_late && cue.end > cue.start && cue.start >= Time::ZERO
    });
    let odd = odd + before - cues.len() - late;
    if odd > 0 {
        notes.push(format!(
            "{odd} of its cues have no text or no time that can be read, or end before they begin: they are left out"
        ));
    }
    if late > 0 {
        notes.push(format!(
            "{late} of its cues are later than {LATEST}: they are left out"
        ));
    }
    if let Some(long) = cues
        .iter()
        .find(|cue| cue.text().chars().count() > MAX_CUE_CHARS)
    {
        return Err(CaptionError::LongCue {
            characters: long.text().chars().count(),
            start: long.start,
        });
    }
    if cues.is_empty() {
        return Err(CaptionError::NoCue);
    }
    // Stable: of two that begin together the first stays first.
    cues.sort_by_key(|cue| cue.start);
    Ok(Captions { cues, notes })
}

/// What a reader of one format found.
#[derive(Debug, Default)]
struct Found {
    cues: Vec<Cue>,
    notes: Vec<String>,
    /// How many cues could not be read.
    odd: usize,
}

impl Found {
    /// Adds a cue, if anything is said in it.
    fn push(&mut self, start: Time, end: Time, runs: Vec<Run>) -> Result<(), CaptionError> {
        if self.cues.len() == MAX_CUES {
            return Err(CaptionError::TooManyCues);
        }
        let cue = Cue {
            start,
            end,
            runs: span::tidy(runs),
        };
        if cue.runs.is_empty() {
            self.odd += 1;
        } else {
            self.cues.push(cue);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
