//! Files in, frames and samples out, and back: GStreamer decodes and encodes,
//! FFmpeg probes, and decodes sound.
//!
//! Every pipeline here belongs to the thread that made it, is read with timed
//! pulls (nothing waits for ever) and is set to NULL when dropped. GStreamer's
//! own threads only move buffers: no code of ours runs on them.

mod aac;
mod captions;
mod decode;
mod encode;
mod error;
mod frame;
mod gif;
mod input;
mod keyframes;
mod ladder;
mod library;
mod live;
mod live_sound;
mod mp3;
mod muxer;
mod pcm;
mod pictures;
mod pipeline;
mod pixels;
mod probe;
pub mod pull;
mod report;
mod rgb;
mod sound;
mod webm;

pub use aac::{AacEncoder, aac_config};
pub use decode::VideoDecoder;
pub use encode::{EncodedFrame, Pace, VideoEncoder};
pub use error::MediaError;
pub use frame::{Frame, PlaneLayout};
pub use gif::GifWriter;
pub use keyframes::KeyFrames;
pub use ladder::{LadderEncoder, RungFormat, RungPicture};
pub use library::{AssetLibrary, Claims, LibraryError};
pub use live::{LiveEncoder, LiveFormat, LivePicture};
pub use live_sound::{AacFrame, LiveSound, SoundCoding};
pub use mp3::Mp3Writer;
pub use muxer::missing_encoders;
pub use pcm::{Pcm, PcmStore};
pub use pictures::{Decoded, PictureDecoder};
pub use pipeline::{load_elements, missing_elements};
pub use pixels::Pixels;
pub use probe::{ProbeError, probe};
pub use report::{FormatReport, MediaReport, StreamReport};
pub use rgb::rgb;
pub use webm::WebmWriter;

use std::sync::OnceLock;

/// Initialises GStreamer and FFmpeg, once a process.
pub fn init() -> Result<(), MediaError> {
    static DONE: OnceLock<Result<(), MediaError>> = OnceLock::new();
    DONE.get_or_init(|| {
        gst::init().map_err(|error| MediaError::Unusable(format!("GStreamer: {error}")))?;
        ffmpeg_next::init().map_err(|error| MediaError::Unusable(format!("FFmpeg: {error}")))?;
        // Its warnings about every odd file would go past our log, to the terminal.
        ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Fatal);
        Ok(())
    })
    .clone()
}

/// The name and version of the GStreamer in use.
pub fn version() -> String {
    gst::version_string().into()
}
