//! What a chunk looks or sounds like: the whole input of its rendering.
//!
//! A spec is position-free: it knows neither when nor in which video it is
//! shown. The renderer gets nothing but a spec (and the files named in it), so
//! what is not in here cannot be in the picture, and [`super::encode`] hashes
//! all that is.

use crate::digest::Digest;
use crate::profile::{AudioProfile, VideoProfile};
use crate::time::Time;
use crate::timeline::state::State;
use crate::timeline::treatment::Treatment;
use crate::timeline::{Art, Rgb, Speed};

/// One chunk of either track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChunkSpec {
    /// Pictures.
    Video(VideoSpec),
    /// Sound.
    Audio(AudioSpec),
}

/// The pictures of one chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoSpec {
    /// How they are encoded.
    pub profile: VideoProfile,
    /// How many there are.
    pub frames: u32,
    /// The colour under the layers; `None` where they hide it in every frame.
    pub background: Option<Rgb>,
    /// What is seen, the lowest first. Only layers that are.
    pub layers: Vec<Layer>,
}

/// One layer of a chunk's pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// What it shows.
    pub content: LayerContent,
    /// What is done to that.
    pub treatment: Treatment,
    /// Where it stands, frame by frame.
    pub path: Path,
    /// What makes it transparent in places. Only those that do in some frame.
    pub mattes: Vec<Matte>,
    /// For people: not part of identity.
    pub label: String,
}

/// What a layer shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LayerContent {
    /// A moving picture.
    Footage {
        /// The bytes of its file.
        asset: Digest,
        /// The time in the file that the chunk's first frame shows.
        from: Time,
        /// How fast it goes on from there.
        speed: Speed,
    },
    /// A still picture.
    Still {
        /// The bytes of its file.
        asset: Digest,
    },
    /// A picture that is drawn here.
    Drawn {
        /// What is drawn.
        art: Art,
        /// By which time of its own.
        moment: Moment,
    },
}

impl LayerContent {
    /// The own time of what is drawn here and does not stand still from the chunk's
    /// first frame on.
    pub fn moves(&self) -> Option<Moment> {
        match self {
            Self::Drawn { moment, .. } => Some(*moment).filter(|moment| moment.from < moment.until),
            _ => None,
        }
    }
}

/// The own time of a picture that is drawn here. Normal form: `from` is no later
/// than `until`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// The time that the chunk's first frame shows.
    pub from: Time,
    /// The time at which it stands still from then on; zero for a still.
    pub until: Time,
}

impl Moment {
    /// What is drawn from `from` on, if it changes until `until`.
    pub fn new(from: Time, until: Time) -> Self {
        Self {
            from: from.min(until),
            until,
        }
    }

    /// The time shown `later` than the chunk's first frame.
    pub fn at(self, later: Time) -> Time {
        (self.from + later).min(self.until)
    }
}

/// Something whose brightness is a layer's opacity: white keeps, black hides, and
/// so does what lies outside of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matte {
    /// What it shows.
    pub content: LayerContent,
    /// What is done to that.
    pub treatment: Treatment,
    /// Where it stands; `None` in frames in which it hides nothing.
    pub path: Path<Option<State>>,
}

/// The states of a layer over a chunk. A layer that stands still has no time
/// in it, so that seconds of the same still are one chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Path<S = State> {
    /// The same in every frame.
    Rest(S),
    /// One state a frame.
    Moving(Vec<S>),
}

impl<S: Copy + PartialEq> Path<S> {
    /// The path through these states, in its one normal form.
    pub fn new(states: Vec<S>) -> Self {
        match states.first() {
            Some(first) if states.iter().all(|state| state == first) => Self::Rest(*first),
            _ => Self::Moving(states),
        }
    }

    /// The states, the same ones after one another once at the least.
    pub fn states(&self) -> &[S] {
        match self {
            Self::Rest(state) => std::slice::from_ref(state),
            Self::Moving(states) => states,
        }
    }

    fn get(&self, index: u32) -> Option<S> {
        match self {
            Self::Rest(state) => Some(*state),
            Self::Moving(states) => states.get(index as usize).copied(),
        }
    }
}

impl Path {
    /// The state in frame `index` of the chunk.
    pub fn at(&self, index: u32) -> State {
        self.get(index).unwrap_or(State::HIDDEN)
    }
}

impl Path<Option<State>> {
    /// The state in frame `index` of the chunk.
    pub fn at(&self, index: u32) -> Option<State> {
        self.get(index).flatten()
    }
}

/// AAC frames encoded before a chunk's first and thrown away, so that the
/// encoder has settled and joined chunks sound like one encode.
pub const PREROLL_FRAMES: u32 = 8;

/// AAC frames fed after a chunk's last: what the encoder looks ahead.
pub const LOOKAHEAD_FRAMES: u32 = 2;

/// AAC frames before the pre-roll that the limiter's gain still remembers.
pub const LIMITER_PAST_FRAMES: u32 = 11;

/// AAC frames after the look-ahead that the limiter's gain already knows of.
pub const LIMITER_AHEAD_FRAMES: u32 = 1;

/// AAC frames before a chunk's first that are heard.
pub const HEARD_BEFORE_FRAMES: u32 = PREROLL_FRAMES + LIMITER_PAST_FRAMES;

/// AAC frames after a chunk's last that are heard.
pub const HEARD_AFTER_FRAMES: u32 = LOOKAHEAD_FRAMES + LIMITER_AHEAD_FRAMES;

/// The sound of one chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioSpec {
    /// How it is encoded.
    pub profile: AudioProfile,
    /// How many AAC frames it has.
    pub frames: u32,
    /// What is heard from [`HEARD_BEFORE_FRAMES`] before it to [`HEARD_AFTER_FRAMES`] after it.
    pub voices: Vec<Stretch>,
}

/// A stretch of one file in a chunk's sound. Samples are counted at the
/// profile's rate, from the chunk's first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The bytes of its file.
    pub asset: Digest,
    /// The first sample of the chunk in which it is heard (negative: in the pre-roll).
    pub start: i64,
    /// One past the last sample in which it is heard.
    pub end: i64,
    /// How fast the file is played.
    pub speed: Speed,
    /// The sample that is heard at `start`: of the file as it is when played at that
    /// speed.
    pub from: i64,
    /// Gain over time: joined by straight lines, constant outside; at least one point.
    pub gain: Vec<GainPoint>,
    /// For people: not part of identity.
    pub label: String,
}

/// The gain at one sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GainPoint {
    /// The sample, counted from the chunk's first.
    pub at: i64,
    /// The factor in 1/65536.
    pub gain: i32,
}

/// [`GainPoint::gain`] of a factor of one.
pub const UNITY_GAIN: i32 = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_never_moves_has_no_time_in_it() {
        let state = State::full(16, 16);
        assert_eq!(Path::new(vec![state; 5]), Path::new(vec![state; 50]));
        let moving = Path::new(vec![state, State::HIDDEN]);
        assert_eq!(
            (moving.at(0), moving.at(1), moving.at(2)),
            (state, State::HIDDEN, State::HIDDEN)
        );
    }
}
