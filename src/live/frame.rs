//! Coded pictures and sound of a live stream, on one timeline.

use bytes::Bytes;

/// The two tracks that a stream may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LiveTrack {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
}

impl LiveTrack {
    /// Both, pictures first.
    pub const ALL: [Self; 2] = [Self::Video, Self::Audio];

    /// Its name in addresses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
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
