//! The timeline: what is to be seen and heard when, with every asset known by
//! the digest of its bytes and every placeholder filled in.
//!
//! Pure data and pure functions. How it was written down (Edit JSON) is
//! [`crate::template`]'s business; how it is cut up, [`crate::partition`]'s.

pub mod curve;
pub mod motion;
pub mod transition;

use crate::digest::Digest;
use crate::profile::{AudioProfile, VideoProfile};
use crate::time::{FrameRange, Time};
use motion::{Motion, State};

/// A whole video: pictures and sound.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline {
    /// How the pictures are encoded.
    pub video: VideoProfile,
    /// How the sound is encoded; `None` for a silent video, which has no audio track.
    pub audio: Option<AudioProfile>,
    /// The colour under all layers.
    pub background: Rgb,
    /// How many frames it has; at least one.
    pub frames: u32,
    /// The layers, the lowest first.
    pub layers: Vec<Clip>,
    /// What is heard.
    pub voices: Vec<Voice>,
}

impl Timeline {
    /// How long it lasts; exact.
    pub fn duration(&self) -> Time {
        self.video.rate.frame_start(i64::from(self.frames))
    }
}

/// A colour, 8 bits a channel, sRGB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rgb(pub [u8; 3]);

/// Something seen for a while.
#[derive(Clone, Debug, PartialEq)]
pub struct Clip {
    /// For people: what and where in the template. Not part of identity.
    pub label: String,
    /// When it begins. Need not be on a frame.
    pub start: Time,
    /// How long it lasts.
    pub length: Time,
    /// What is seen.
    pub content: Content,
    /// Where, how large and how opaque.
    pub motion: Motion,
    /// Whether it depends on the recipient (it had a placeholder).
    pub dynamic: bool,
}

impl Clip {
    /// The frames in which it is on: those that begin within it.
    pub fn frames(&self, video: &VideoProfile) -> FrameRange {
        let frame =
            |time| u32::try_from(video.rate.frame_at_or_after(time).max(0)).unwrap_or(u32::MAX);
        let start = frame(self.start);
        FrameRange {
            start,
            end: frame(self.start + self.length).max(start),
        }
    }

    /// Its state in frame `frame` of the timeline.
    pub fn state(&self, frame: u32, video: &VideoProfile) -> State {
        let local = video.rate.frame_start(i64::from(frame)) - self.start;
        if local < Time::ZERO || local >= self.length {
            return State::HIDDEN;
        }
        self.motion.state(
            local,
            self.length,
            self.content.size(),
            (video.width, video.height),
        )
    }
}

/// What a clip shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A moving picture.
    Footage {
        /// Its bytes.
        asset: Digest,
        /// Its size in pixels.
        size: (u32, u32),
        /// Where in it the clip begins.
        trim: Time,
    },
    /// A still picture.
    Still {
        /// Its bytes.
        asset: Digest,
        /// Its size in pixels.
        size: (u32, u32),
        /// Whether no pixel of it is transparent.
        opaque: bool,
    },
    /// Text or a card, to be rasterised.
    Markup(Markup),
}

impl Content {
    /// Width and height in pixels.
    pub const fn size(&self) -> (u32, u32) {
        match self {
            Self::Footage { size, .. } | Self::Still { size, .. } => *size,
            Self::Markup(markup) => (markup.width, markup.height),
        }
    }
}

/// HTML and CSS with all that decides how they look.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Markup {
    /// The elements.
    pub html: String,
    /// Their style.
    pub css: String,
    /// Width of the picture in pixels.
    pub width: u32,
    /// Height of the picture in pixels.
    pub height: u32,
    /// The faces that take part, in the order of preference.
    pub fonts: Vec<FontUse>,
}

/// A font face that takes part in a text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FontUse {
    /// The digest of the face's bytes.
    pub face: Digest,
    /// The family by which the markup calls it.
    pub family: String,
}

/// Something heard for a while.
#[derive(Clone, Debug, PartialEq)]
pub struct Voice {
    /// For people: what and where in the template. Not part of identity.
    pub label: String,
    /// The bytes of the file that it is in.
    pub asset: Digest,
    /// When it begins.
    pub start: Time,
    /// How long it lasts.
    pub length: Time,
    /// Where in the file it begins.
    pub trim: Time,
    /// How loud, 0 to 1.
    pub volume: f64,
    /// Fades up from silence over this time; zero for none.
    pub fade_in: Time,
    /// Fades to silence over this time at its end; zero for none.
    pub fade_out: Time,
    /// Whether it depends on the recipient.
    pub dynamic: bool,
}
