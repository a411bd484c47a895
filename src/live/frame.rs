//! Coded pictures and sound of a live stream, on one timeline.

use bytes::Bytes;

/// The tracks that a stream may have: its own two, and smaller sizes of the pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LiveTrack {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
    /// The largest rung of a ladder; those below it follow.
    Rung1,
    /// The second.
    Rung2,
    /// The third.
    Rung3,
    /// The fourth.
    Rung4,
}

impl LiveTrack {
    /// Both that come in, pictures first.
    pub const ALL: [Self; 2] = [Self::Video, Self::Audio];

    /// Those that are made of the pictures, the largest first.
    pub const RUNGS: [Self; 4] = [Self::Rung1, Self::Rung2, Self::Rung3, Self::Rung4];

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        let mut every = Self::ALL.into_iter().chain(Self::RUNGS);
        every.find(|track| track.name() == name)
    }

    /// Whether it is made of the pictures.
    pub fn is_rung(self) -> bool {
        Self::RUNGS.contains(&self)
    }

    /// Its name in addresses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Rung1 => "video-1",
            Self::Rung2 => "video-2",
            Self::Rung3 => "video-3",
            Self::Rung4 => "video-4",
        }
    }
}

/// One coded picture or audio frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveFrame {
    /// Whose it is.
    pub track: LiveTrack,
    /// When it is decoded, in ticks of its track's clock; both tracks count from
    /// the same moment.
    pub decode_time: i64,
    /// Ticks from decoding to showing, not negative.
    pub composition_offset: u32,
    /// Whether decoding can begin here.
    pub sync: bool,
    /// Length-prefixed NAL units, or one raw AAC frame.
    pub data: Bytes,
}

/// Ticks of a clock in milliseconds, rounded down.
pub fn milliseconds(ticks: i64, timescale: u32) -> i64 {
    let scaled = i128::from(ticks) * 1000;
    i64::try_from(scaled.div_euclid(i128::from(timescale.max(1)))).unwrap_or(i64::MAX)
}
