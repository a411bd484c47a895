//! WebM: VP9 and Opus.

use std::path::Path;

use ffmpeg_next as ffmpeg;

use crate::media::muxer::{Codec, Muxer};
use crate::media::{Frame, MediaError};
use crate::profile::{AudioProfile, Quality, VideoProfile};

/// Frames from one key frame to the next at the most: a seek decodes up to so many.
const KEY_FRAME_SECONDS: u32 = 5;

/// A WebM file being written, by one thread.
pub struct WebmWriter(Muxer);

impl WebmWriter {
    /// A file at `path` of pictures and, where there is any, sound.
    pub fn create(
        path: &Path,
        video: &VideoProfile,
        audio: Option<&AudioProfile>,
    ) -> Result<Self, MediaError> {
        let mut muxer = Muxer::create(path, "webm", "writing WebM")?;
        let rate = video.rate;
        let options = [
            ("crf", crf(video.quality).to_string()),
            // Or the factor would be a bound only.
            ("b", "0".into()),
            ("deadline", "realtime".into()),
            ("cpu-used", "7".into()),
            ("threads", "1".into()),
            ("lag-in-frames", "0".into()),
            (
                "g",
                (KEY_FRAME_SECONDS * rate.num() / rate.den()).to_string(),
            ),
        ];
        let vp9 = Codec {
            name: "libvpx-vp9",
            options: &options,
        };
        muxer.add_video(video, &vp9)?;
        if let Some(audio) = audio {
            let packed = ffmpeg::format::sample::Type::Packed;
            let opus = Codec {
                name: "libopus",
                options: &[],
            };
            muxer.add_audio(
                audio,
                bitrate(video.quality),
                ffmpeg::format::Sample::F32(packed),
                &opus,
            )?;
        }
        muxer.begin()?;
        Ok(Self(muxer))
    }

    /// The next picture.
    pub fn frame(&mut self, frame: &Frame) -> Result<(), MediaError> {
        self.0.frame(frame)
    }

    /// The next samples, interleaved: about as far as the pictures go.
    pub fn samples(&mut self, samples: &[f32]) -> Result<(), MediaError> {
        self.0.samples(samples)
    }

    /// Ends the file.
    pub fn finish(self) -> Result<(), MediaError> {
        self.0.finish()
    }
}

/// VP9's constant quality level, 0 to 63.
const fn crf(quality: Quality) -> u32 {
    match quality {
        Quality::VeryLow => 48,
        Quality::Low => 40,
        Quality::Medium => 33,
        Quality::High => 27,
        Quality::VeryHigh => 20,
    }
}

/// Bits a second of sound.
const fn bitrate(quality: Quality) -> usize {
    match quality {
        Quality::VeryLow => 48_000,
        Quality::Low => 64_000,
        Quality::Medium => 96_000,
        Quality::High => 128_000,
        Quality::VeryHigh => 192_000,
    }
}
