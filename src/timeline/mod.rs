//! The timeline: what is to be seen and heard when, with every asset known by
//! the digest of its bytes and every placeholder filled in.
//!
//! Pure data and pure functions. How it was written down (Edit JSON) is
//! [`crate::template`]'s business; how it is cut up, [`crate::partition`]'s.

pub mod content;
pub mod curve;
pub mod duck;
pub mod motion;
mod rest;
pub mod scale;
pub mod state;
pub mod transition;
pub mod treatment;

pub use content::{Art, Content, Drawing, FontUse, Footage, Lottie, Markup, Speed, Svg};

use crate::digest::Digest;
use crate::profile::{AudioProfile, VideoProfile};
use crate::time::{FrameRange, Time};
use curve::Curve;
use duck::Duck;
use motion::Motion;
use scale::Scale;
use state::State;
use treatment::{Treatment, Window};

/// A whole video: pictures and sound.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline {
    /// How the pictures are encoded.
    pub video: VideoProfile,
    /// How the sound is encoded; `None` for a silent video, which has no audio track.
    pub audio: Option<AudioProfile>,
    /// The width and height in pixels of the frame in which layers are laid out: that
    /// of the profile is made of it by scaling.
    pub canvas: (u32, u32),
    /// The colour under all layers.
    pub background: Rgb,
    /// How many frames it has; at least one.
    pub frames: u32,
    /// Which frames of the whole these are. Layers and voices have the times of the whole.
    pub excerpt: Excerpt,
    /// When scenes of the template begin and end: what is in them stands at another
    /// time for others, so it is cut there.
    pub scenes: Vec<Time>,
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

    /// Its frames, counted as those of the whole.
    pub const fn shown(&self) -> FrameRange {
        FrameRange {
            start: self.excerpt.first,
            end: self.excerpt.first.saturating_add(self.frames),
        }
    }

    /// The frame of the whole that is on at `time`; after its end the last.
    pub fn frame_at(&self, time: Time) -> u32 {
        let frame = self.video.rate.frame_at(time).max(0);
        let frame = u32::try_from(frame).unwrap_or(u32::MAX);
        frame.min(self.excerpt.of.saturating_sub(1))
    }

    /// The profile of the pictures as they are laid out.
    pub fn layout(&self) -> VideoProfile {
        let (width, height) = self.canvas;
        VideoProfile {
            width,
            height,
            ..self.video.clone()
        }
    }

    /// From the layout to the pictures.
    pub const fn scale(&self) -> Scale {
        Scale::new(self.canvas, (self.video.width, self.video.height))
    }

    /// The same, encoded otherwise: at another size or rate factor, never at another
    /// frame rate.
    pub fn with_video(&self, video: VideoProfile) -> Self {
        Self {
            video,
            ..self.clone()
        }
    }
}

/// A part of a timeline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// The first frame of the whole that is in it.
    pub first: u32,
    /// How many frames the whole has.
    pub of: u32,
}

impl Excerpt {
    /// All of a timeline of so many frames.
    pub const fn whole(frames: u32) -> Self {
        Self {
            first: 0,
            of: frames,
        }
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
    /// What is done to that.
    pub treatment: Treatment,
    /// Clips whose brightness makes it transparent while they are on.
    pub mattes: Vec<Clip>,
    /// The clip that it is a part of, with which it moves.
    pub part_of: Option<Whole>,
    /// Where, how large and how opaque.
    pub motion: Motion,
    /// Whether it depends on the recipient (it had a placeholder).
    pub dynamic: bool,
}

/// A clip that is shown in parts, such as captions: transitions and tweens go by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole {
    /// When it begins.
    pub start: Time,
    /// How long it lasts.
    pub length: Time,
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
        let whole = self.whole();
        self.motion.state(
            local + self.start - whole.start,
            whole.length,
            self.window().size(),
            (video.width, video.height),
        )
    }

    /// What it moves with: the clip that it is a part of, or it alone.
    fn whole(&self) -> Whole {
        self.part_of.unwrap_or(Whole {
            start: self.start,
            length: self.length,
        })
    }

    /// The part of its picture that is used.
    pub fn window(&self) -> Window {
        let whole = Window::whole(self.content.size());
        self.treatment.window.unwrap_or(whole)
    }

    /// Whether it hides what is below it wherever it is drawn fully opaque.
    pub fn is_opaque(&self) -> bool {
        self.content.is_opaque() && self.treatment.key.is_none() && self.mattes.is_empty()
    }
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
    /// How fast it is played.
    pub speed: Speed,
    /// How loud, 0 to 1, by its own time.
    pub volume: Curve,
    /// Fades up from silence over this time; zero for none.
    pub fade_in: Time,
    /// Fades to silence over this time at its end; zero for none.
    pub fade_out: Time,
    /// Whether it is speech: see [`duck::Under::Speech`].
    pub speech: bool,
    /// Whether it goes down while others are heard.
    pub duck: Option<Duck>,
    /// Whether it depends on the recipient.
    pub dynamic: bool,
}
