//! How the server turns sound into AAC: FFmpeg, in the thread of each stream.

use std::sync::Arc;

use crate::broadcast::{OpenTurner, Turner, turned_frame};
use crate::live::LiveFrame;
use crate::live::other_sound::{OtherCodec, OtherFrame};
use crate::media::{AacFrame, LiveSound, MediaError, SoundCoding};

/// Opens what turns the sound of one stream.
pub(super) fn turner() -> OpenTurner {
    Arc::new(|codec, rate| {
        let coding = match codec {
            OtherCodec::Mp2 => SoundCoding::Mp2,
            OtherCodec::Mp3 => SoundCoding::Mp3,
            OtherCodec::Ac3 => SoundCoding::Ac3,
            OtherCodec::Eac3 => SoundCoding::Eac3,
        };
        let sound = LiveSound::new(coding, rate).map_err(|error| error.to_string())?;
        Ok(Box::new(Sound(sound)) as Box<dyn Turner>)
    })
}

struct Sound(LiveSound);

impl Turner for Sound {
    fn push(&mut self, frame: &OtherFrame) -> Result<Vec<LiveFrame>, String> {
        frames(self.0.push(&frame.data, frame.decode_time))
    }

    fn finish(&mut self) -> Result<Vec<LiveFrame>, String> {
        frames(self.0.finish())
    }
}

fn frames(turned: Result<Vec<AacFrame>, MediaError>) -> Result<Vec<LiveFrame>, String> {
    let turned = turned.map_err(|error| error.to_string())?.into_iter();
    Ok(turned
        .map(|frame| turned_frame(frame.time, frame.data))
        .collect())
}
