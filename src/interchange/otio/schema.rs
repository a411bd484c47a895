//! What an OTIO file says, as far as it is understood here.

use serde_json::Value;

use super::rational::{Rate, Span};
use crate::template::error::Pointer;
use crate::time::Time;

/// A whole file.
pub(super) struct Document {
    /// What the timeline is called.
    pub name: String,
    /// The rate of its timecode, if it says one.
    pub rate: Option<Rate>,
    /// Its tracks, the lowest first, and how they are trimmed.
    pub stack: Item,
    /// What Loomcast wrote about the timeline.
    pub own: Option<Value>,
}

/// A clip, a gap, or a track or stack of such.
pub(super) struct Item {
    /// Where it stands in the file.
    pub pointer: Pointer,
    /// What it is called.
    pub name: String,
    /// Which part of it is on, by its own time.
    pub source: Option<Span>,
    /// How long it lasts; `None` where nothing says it.
    pub length: Option<Time>,
    /// How fast it is played.
    pub speed: f64,
    /// Whether it takes part.
    pub enabled: bool,
    /// What it is.
    pub content: Content,
    /// What Loomcast wrote about it.
    pub own: Option<Value>,
}

/// What an item is.
pub(super) enum Content {
    Clip(Media),
    Gap,
    /// One after another.
    Track(Kind, Vec<Child>),
    /// Above one another, the lowest first.
    Stack(Vec<Item>),
}

/// What stands on a track.
pub(super) enum Child {
    Item(Box<Item>),
    Transition(Transition),
}

/// What a track is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Video,
    Audio,
}

/// From one clip to the next: it begins before the cut between them and ends after it.
pub(super) struct Transition {
    pub pointer: Pointer,
    /// What it is, as `SMPTE_Dissolve`.
    pub kind: String,
    /// How long before the cut it begins.
    pub before: Time,
    /// How long after the cut it ends.
    pub after: Time,
}

/// What a clip shows or plays.
pub(super) enum Media {
    File(File),
    Sequence(Sequence),
    Generator(Generator),
    /// It says that it does not know, or says nothing.
    Missing,
}

/// A file by its address.
pub(super) struct File {
    pub pointer: Pointer,
    pub url: String,
    /// The part of it that there is: its start is what its timecode begins with.
    pub available: Option<Span>,
    /// What Loomcast wrote about it.
    pub own: Option<Value>,
}

/// A file for each frame.
pub(super) struct Sequence {
    pub pointer: Pointer,
    /// The folder and what comes before the number.
    pub before: String,
    /// What comes after it.
    pub after: String,
    /// The number of the first, and from one to the next.
    pub first: i64,
    pub step: i64,
    /// How many digits a number has at least.
    pub digits: usize,
    pub rate: Rate,
    pub available: Option<Span>,
}

/// Something that a program makes up.
pub(super) struct Generator {
    pub kind: String,
    pub parameters: Value,
    pub available: Option<Span>,
}

impl Media {
    /// Where its own time begins.
    pub fn zero(&self) -> Time {
        self.available().map_or(Time::ZERO, |span| span.start)
    }

    /// The part of it that there is.
    pub fn available(&self) -> Option<Span> {
        match self {
            Self::File(file) => file.available,
            Self::Sequence(sequence) => sequence.available,
            Self::Generator(generator) => generator.available,
            Self::Missing => None,
        }
    }
}

impl Item {
    /// Whether anything of it is seen or heard.
    pub fn shows(&self) -> bool {
        self.enabled && !matches!(self.content, Content::Gap | Content::Clip(Media::Missing))
    }

    /// Whether it is put together from others.
    pub const fn is_nested(&self) -> bool {
        matches!(self.content, Content::Track(..) | Content::Stack(_))
    }
}
