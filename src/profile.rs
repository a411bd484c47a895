//! How chunks are encoded: everything of the output that is part of a chunk's
//! identity besides the pictures and the sound themselves.

use std::num::NonZeroU32;

use crate::time::{FrameRate, Time};

/// Samples in one AAC-LC frame (ISO/IEC 14496-3).
pub const AAC_FRAME_SAMPLES: u32 = 1024;

/// The smallest and largest width or height, in pixels. 4:2:0 wants even sides.
pub const SIDE_RANGE: std::ops::RangeInclusive<u32> = 16..=4096;

/// The video encoder's settings: H.264 High, 4:2:0, BT.709 limited range,
/// closed GOPs, constant rate factor.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VideoProfile {
    /// Picture width in pixels; even, within [`SIDE_RANGE`].
    pub width: u32,
    /// Picture height in pixels; even, within [`SIDE_RANGE`].
    pub height: u32,
    /// Frames a second.
    pub rate: FrameRate,
    /// How good, and so how large.
    pub quality: Quality,
}

/// Frames by which showing lags behind decoding, so that no frame is shown
/// before it is decoded: the depth of the encoder's B-pyramid. All tracks that are
/// published together begin that much later.
pub const REORDER_FRAMES: u32 = 2;

/// x264's constant rate factor, under the names of the Edit format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Quality {
    /// CRF 33.
    VeryLow,
    /// CRF 28.
    Low,
    /// CRF 23, the default.
    #[default]
    Medium,
    /// CRF 20.
    High,
    /// CRF 17.
    VeryHigh,
}

impl Quality {
    /// The constant rate factor.
    pub const fn crf(self) -> u32 {
        match self {
            Self::VeryLow => 33,
            Self::Low => 28,
            Self::Medium => 23,
            Self::High => 20,
            Self::VeryHigh => 17,
        }
    }
}

impl VideoProfile {
    /// Ticks a second of the track.
    pub const fn timescale(&self) -> u32 {
        self.rate.timescale()
    }

    /// Frames of the shortest part that a chunk is cut into early, for a clean
    /// cut: about a fifth of a second.
    pub fn least_part_frames(&self) -> u32 {
        self.frames_of(Time::from_millis(200))
    }

    /// Frames of the longest part: half a second.
    pub fn part_frames(&self) -> u32 {
        self.frames_of(Time::from_millis(500))
    }

    fn frames_of(&self, duration: Time) -> u32 {
        let frames = self.rate.frame_at_or_after(duration);
        u32::try_from(frames).unwrap_or(1).max(1)
    }

    /// Bits a second that a chunk never exceeds over one second: the bound of
    /// the encoder's buffer model, and the playlist's `BANDWIDTH`. Generous
    /// (0.25 bit a pixel), so that it shapes only the wildest pictures.
    pub fn peak_bits_per_second(&self) -> u32 {
        let pixels = u64::from(self.width) * u64::from(self.height);
        let a_second = pixels * u64::from(self.rate.num()) / u64::from(self.rate.den());
        u32::try_from(a_second / 4).unwrap_or(u32::MAX).max(500_000)
    }
}

/// The audio encoder's settings: AAC-LC.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AudioProfile {
    /// Samples a second; also the track's timescale.
    pub sample_rate: NonZeroU32,
    /// Channels.
    pub channels: u8,
    /// Bits a second.
    pub bitrate: u32,
}

impl Default for AudioProfile {
    /// 48 kHz, stereo, 128 kbit/s.
    fn default() -> Self {
        const RATE: NonZeroU32 = NonZeroU32::new(48_000).expect("not zero");
        Self {
            sample_rate: RATE,
            channels: 2,
            bitrate: 128_000,
        }
    }
}

impl AudioProfile {
    /// AAC frames of one part: about half a second.
    pub const fn part_frames(&self) -> u32 {
        self.sample_rate.get().div_ceil(2 * AAC_FRAME_SAMPLES)
    }

    /// The nearest sample to a time.
    pub const fn sample_at(&self, time: Time) -> i64 {
        time.to_ticks(self.sample_rate)
    }
}
