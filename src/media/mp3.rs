//! MP3, at a constant bit rate.

use std::path::Path;

use ffmpeg_next as ffmpeg;

use crate::media::MediaError;
use crate::media::muxer::{Codec, Muxer};
use crate::profile::{AudioProfile, Quality};

/// An MP3 file being written, by one thread. Its head says how many samples of the
/// encoder's to leave out at both ends, so that it lasts exactly as long as what went in.
pub struct Mp3Writer(Muxer);

impl Mp3Writer {
    /// A file at `path`.
    pub fn create(
        path: &Path,
        profile: &AudioProfile,
        quality: Quality,
    ) -> Result<Self, MediaError> {
        let mut muxer = Muxer::create(path, "mp3", "writing MP3")?;
        let planar = ffmpeg::format::sample::Type::Planar;
        let lame = Codec {
            name: "libmp3lame",
            options: &[],
        };
        muxer.add_audio(
            profile,
            bitrate(quality),
            ffmpeg::format::Sample::F32(planar),
            &lame,
        )?;
        muxer.begin()?;
        Ok(Self(muxer))
    }

    /// The next samples, interleaved.
    pub fn samples(&mut self, samples: &[f32]) -> Result<(), MediaError> {
        self.0.samples(samples)
    }

    /// Ends the file.
    pub fn finish(self) -> Result<(), MediaError> {
        self.0.finish()
    }
}

/// Bits a second.
const fn bitrate(quality: Quality) -> usize {
    match quality {
        Quality::VeryLow => 64_000,
        Quality::Low => 96_000,
        Quality::Medium => 128_000,
        Quality::High => 192_000,
        Quality::VeryHigh => 320_000,
    }
}
