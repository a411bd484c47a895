//! A stream as its tags: configurations first, then pictures and sound in the order in
//! which a muxer writes them.

use loomcast::live::LiveTrack;
use loomcast::live::flv::{
    AudioCodec, TagKind, VideoCodec, audio_config_body, audio_frame_body, video_config_body,
    video_frame_body,
};

use super::media::{ASC, AV1C, AVCC, HVCC, OPUS_HEAD, payload};
use crate::choices::Choices;

/// How long one kind alone is taken for a stream that has but this kind yet, and a little
/// more, in milliseconds.
pub const SETTLED_MS: u32 = 1_200;

/// Milliseconds of a picture, and of a packet of sound.
const PICTURE_MS: u32 = 40;
const SOUND_MS: u32 = 21;

/// A tag.
#[derive(Clone, Debug)]
pub struct Written {
    pub kind: TagKind,
    pub timestamp_ms: u32,
    pub body: Vec<u8>,
}

/// A frame that has to come out of it.
#[derive(Clone, Debug)]
pub struct Expected {
    pub track: LiveTrack,
    /// Of which stretch of the stream, each with a clock of its own.
    pub stretch: usize,
    /// Milliseconds since that began; less than nothing for what comes late.
    pub ms: i64,
    /// How much later it is shown, in milliseconds.
    pub composition_ms: i32,
    pub sync: bool,
    pub data: Vec<u8>,
}

/// A stream: its tags, and what has to come of them.
#[derive(Default)]
pub struct FlvStream {
    pub tags: Vec<Written>,
    pub frames: Vec<Expected>,
    stretch: usize,
    /// When the stretch began, by the clock of the tags.
    begun_ms: u32,
    video: Option<VideoCodec>,
    audio: Option<AudioCodec>,
    /// Which of the configurations of a codec is in use.
    record: usize,
}

impl FlvStream {
    /// Pictures, sound, or both.
    pub fn new(choices: &mut Choices<'_>) -> Self {
        let both = choices.below(3);
        let video = choices.pick(&[
            VideoCodec::Avc,
            VideoCodec::Avc,
            VideoCodec::Hevc,
            VideoCodec::Av1,
        ]);
        let audio = choices.pick(&[AudioCodec::Aac, AudioCodec::Aac, AudioCodec::Opus]);
        let begun_ms = choices.pick(&[0, 1000, u32::MAX - 600, 1 << 31]);
        let mut stream = Self {
            video: (both != 1).then_some(video),
            audio: (both != 2).then_some(audio),
            begun_ms,
            ..Self::default()
        };
        stream.configure();
        for _ in 0..=choices.below(3) {
            let lasts = SETTLED_MS + choices.below(600) as u32;
            stream.play(choices, lasts);
            stream.goes_on_otherwise(choices, lasts);
        }
        stream
    }

    /// Where the next stretch begins: after a jump, or with other configurations.
    fn goes_on_otherwise(&mut self, choices: &mut Choices<'_>, lasted: u32) {
        self.begun_ms = self.begun_ms.wrapping_add(lasted);
        match choices.below(3) {
            0 => {
                self.begun_ms = self
                    .begun_ms
                    .wrapping_add(6_000 + choices.below(1 << 30) as u32)
            }
            1 => {
                self.begun_ms = self
                    .begun_ms
                    .wrapping_sub(8_000 + choices.below(1 << 30) as u32)
            }
            _ => {
                self.record = 1 - self.record;
                self.configure();
            }
        }
        self.stretch += 1;
    }

    fn configure(&mut self) {
        if let Some(codec) = self.video {
            let record = match codec {
                VideoCodec::Avc => AVCC[self.record],
                VideoCodec::Hevc => HVCC,
                VideoCodec::Av1 => AV1C,
            };
            self.tag(
                TagKind::Video,
                self.begun_ms,
                video_config_body(codec, record).to_vec(),
            );
        }
        if let Some(codec) = self.audio {
            let record = match codec {
                AudioCodec::Aac => ASC[self.record],
                AudioCodec::Opus => OPUS_HEAD,
            };
            self.tag(
                TagKind::Audio,
                self.begun_ms,
                audio_config_body(codec, record).to_vec(),
            );
        }
    }

    fn tag(&mut self, kind: TagKind, timestamp_ms: u32, body: Vec<u8>) {
        self.tags.push(Written {
            kind,
            timestamp_ms,
            body,
        });
    }

    fn play(&mut self, choices: &mut Choices<'_>, lasts: u32) {
        let (mut picture, mut sound) = (0, 0);
        let mut first = true;
        while picture.min(sound) < lasts {
            let pictures = self.video.is_some() && (self.audio.is_none() || picture <= sound);
            if pictures {
                // A clock that trembles.
                let late = if choices.often(10) {
                    choices.below(30) as u32
                } else {
                    0
                };
                let sync = first || choices.often(10);
                self.picture(choices, picture + late, sync);
                first = false;
            } else {
                self.sound(choices, sound);
            }
            picture += if pictures || self.video.is_none() {
                PICTURE_MS
            } else {
                0
            };
            sound += if !pictures || self.audio.is_none() {
                SOUND_MS
            } else {
                0
            };
            if choices.often(3) {
                let at = self.begun_ms.wrapping_add(picture);
                self.tag(TagKind::Script, at, b"\x02\0\x0aonMetaData".to_vec());
            }
            if choices.often(2) {
                // Said again, it changes nothing.
                let (begun, after) = (self.begun_ms, picture.min(sound));
                self.begun_ms = begun.wrapping_add(after);
                self.configure();
                self.begun_ms = begun;
            }
        }
    }

    fn picture(&mut self, choices: &mut Choices<'_>, ms: u32, sync: bool) {
        let Some(codec) = self.video else { return };
        let number = self.frames.len();
        let count = choices.below(60);
        let coded = payload(choices, number, count, None);
        let (written, data) = match codec {
            // What only a byte stream needs is left out.
            VideoCodec::Av1 => {
                let unit = [&[0x32, coded.len() as u8][..], &coded].concat();
                let delimiter: &[u8] = if choices.often(50) { b"\x12\0" } else { b"" };
                ([delimiter, &unit].concat(), unit)
            }
            VideoCodec::Avc | VideoCodec::Hevc => (coded.clone(), coded),
        };
        let composition_ms = match codec {
            VideoCodec::Av1 => 0,
            _ => choices.pick(&[0, 0, 40, 80, -40]),
        };
        let body = video_frame_body(codec, sync, composition_ms, &written).to_vec();
        self.tag(TagKind::Video, self.begun_ms.wrapping_add(ms), body);
        self.frames.push(Expected {
            track: LiveTrack::Video,
            stretch: self.stretch,
            ms: ms.into(),
            composition_ms: composition_ms.max(0),
            sync,
            data,
        });
    }

    fn sound(&mut self, choices: &mut Choices<'_>, ms: u32) {
        let Some(codec) = self.audio else { return };
        let number = self.frames.len();
        let count = choices.below(40);
        let mut data = payload(choices, number, count, None);
        if codec == AudioCodec::Opus {
            // One frame of 20 ms.
            data.insert(0, 0xfc);
        }
        let body = audio_frame_body(codec, &data).to_vec();
        self.tag(TagKind::Audio, self.begun_ms.wrapping_add(ms), body);
        self.frames.push(Expected {
            track: LiveTrack::Audio,
            stretch: self.stretch,
            ms: ms.into(),
            composition_ms: 0,
            sync: true,
            data,
        });
    }
}
