//! Tags of a publisher to tracks and frames.
//!
//! Times of RTMP are whole milliseconds.

use bytes::Bytes;
use thiserror::Error;

use crate::cmaf::{AudioConfig, VideoConfig};
use crate::live::clock::RollingClock;
use crate::live::describe::DescribeError;
use crate::live::flv::{
    AudioCodec, AudioTag, FlvError, TagKind, VideoCodec, VideoTag, audio_tag, video_tag,
};
use crate::live::other_sound::{OtherFamily, OtherSounds};
use crate::live::stretch::{CLOCK, JUMP, Picture, Stretches, ticks};
use crate::live::{av1, opus};
use crate::profile::AAC_FRAME_SAMPLES;

pub use crate::live::stretch::Demuxed;

/// Ticks a millisecond.
const TICKS: i64 = CLOCK as i64 / 1000;

/// Bits of a tag's time.
const CLOCK_BITS: u32 = 32;

/// A step of it that no jitter explains, in milliseconds.
const JUMP_MS: u64 = (JUMP / TICKS).unsigned_abs();

/// Why a tag could not be used.
#[derive(Debug, Error)]
pub enum DemuxError {
    /// It could not be read.
    #[error(transparent)]
    Flv(#[from] FlvError),
    /// A decoder configuration from which no track can be made.
    #[error(transparent)]
    Describe(#[from] DescribeError),
}

/// From tags, in the order in which they come, to tracks and frames.
pub struct Demuxer {
    clock: RollingClock,
    stretches: Stretches,
}

impl Default for Demuxer {
    fn default() -> Self {
        Self {
            clock: RollingClock::new(CLOCK_BITS, JUMP_MS),
            stretches: Stretches::default(),
        }
    }
}

impl Demuxer {
    /// The same, of which other sound becomes this.
    #[must_use]
    pub fn with_others(mut self, others: OtherSounds) -> Self {
        self.stretches.set_others(others);
        self
    }

    /// The next tag. Script tags say nothing that is needed.
    pub fn push(
        &mut self,
        kind: TagKind,
        timestamp_ms: u32,
        body: &Bytes,
    ) -> Result<Vec<Demuxed>, DemuxError> {
        let mut out = Vec::new();
        if kind == TagKind::Script {
            return Ok(out);
        }
        let step = self.clock.step(timestamp_ms.into()) * TICKS;
        let now = self.clock.now() * TICKS;
        self.stretches.at(now, step);
        match kind {
            TagKind::Video => self.video(now, body, &mut out)?,
            TagKind::Audio => self.audio(now, body, &mut out)?,
            TagKind::Script => {}
        }
        self.stretches.settle(&mut out);
        Ok(out)
    }

    fn video(&mut self, now: i64, body: &Bytes, out: &mut Vec<Demuxed>) -> Result<(), DemuxError> {
        match video_tag(body)? {
            VideoTag::Config { codec, record } if !record.is_empty() => {
                let config = match codec {
                    VideoCodec::Avc => VideoConfig::Avc,
                    VideoCodec::Hevc => VideoConfig::Hevc,
                    VideoCodec::Av1 => VideoConfig::Av1,
                };
                self.stretches.describe_video(config(record))?;
            }
            VideoTag::Frame {
                codec,
                key,
                composition_ms,
                data,
            } => {
                let data = match codec {
                    VideoCodec::Avc | VideoCodec::Hevc => data,
                    VideoCodec::Av1 => av1::without_delimiters(data),
                };
                let picture = Picture {
                    decode_time: now,
                    composition_offset: i64::from(composition_ms) * TICKS,
                    sync: key,
                    data,
                };
                self.stretches.picture(picture, out);
            }
            VideoTag::Config { .. }
            | VideoTag::End
            | VideoTag::Metadata { .. }
            | VideoTag::Command => {}
        }
        Ok(())
    }

    fn audio(&mut self, now: i64, body: &Bytes, out: &mut Vec<Demuxed>) -> Result<(), DemuxError> {
        match audio_tag(body)? {
            AudioTag::Config { codec, record } if !record.is_empty() => {
                let config = match codec {
                    AudioCodec::Aac => AudioConfig::Aac,
                    AudioCodec::Opus => AudioConfig::Opus,
                };
                self.stretches.describe_audio(config(record))?;
            }
            AudioTag::Frame { codec, data } => {
                let samples = match codec {
                    AudioCodec::Aac => Some(AAC_FRAME_SAMPLES),
                    AudioCodec::Opus => opus::samples(&data),
                };
                // A packet that does not even say how long it is cannot be heard.
                if let Some(samples) = samples {
                    self.stretches.sound(now, samples, data, out);
                }
            }
            AudioTag::Other { family, data } => self.others(now, family, data, out)?,
            AudioTag::Config { .. } | AudioTag::End | AudioTag::Channels { .. } => {}
        }
        Ok(())
    }

    /// Frames of other sound that follow one another. What is none of them cannot be heard.
    fn others(
        &mut self,
        now: i64,
        family: OtherFamily,
        mut data: Bytes,
        out: &mut Vec<Demuxed>,
    ) -> Result<(), DescribeError> {
        let mut samples = 0;
        while let Some(head) = family.head(&data)
            && head.bytes <= data.len()
        {
            let time = now.saturating_add(ticks(samples, head.rate));
            let frame = data.split_to(head.bytes);
            self.stretches.other(time, head, frame, out)?;
            samples += u64::from(head.samples);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmaf::Track;
    use crate::live::LiveTrack;
    use crate::live::flv::{
        audio_config_body, audio_frame_body, video_config_body, video_frame_body,
    };

    /// 1280 by 720, High.
    const AVCC: &[u8] = &[
        0x01, 0x64, 0x00, 0x1f, 0xff, 0xe1, 0x00, 0x1a, 0x67, 0x64, 0x00, 0x1f, 0xac, 0xd9, 0x40,
        0x50, 0x05, 0xbb, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0x20,
        0xf1, 0x83, 0x19, 0x60, 0x01, 0x00, 0x06, 0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0, 0xfd, 0xf8,
        0xf8, 0x00,
    ];
    /// AAC-LC, 48 kHz, stereo.
    const ASC: [u8; 2] = [0x11, 0x90];

    fn video_config() -> Bytes {
        [&[0x17, 0, 0, 0, 0], AVCC].concat().into()
    }

    fn audio_config(asc: [u8; 2]) -> Bytes {
        [&[0xaf, 0][..], &asc].concat().into()
    }

    fn picture(key: bool) -> Bytes {
        Bytes::from(vec![
            if key { 0x17 } else { 0x27 },
            1,
            0,
            0,
            80,
            0,
            0,
            0,
            1,
            9,
        ])
    }

    fn heard() -> Bytes {
        Bytes::from_static(&[0xaf, 1, 5, 6, 7])
    }

    struct Source(Demuxer, Vec<Demuxed>);

    impl Source {
        fn new() -> Self {
            Self(Demuxer::default(), Vec::new())
        }

        fn video(&mut self, at: u32, body: &Bytes) {
            self.1
                .extend(self.0.push(TagKind::Video, at, body).expect("a tag"));
        }

        fn audio(&mut self, at: u32, body: &Bytes) {
            self.1
                .extend(self.0.push(TagKind::Audio, at, body).expect("a tag"));
        }

        /// The tracks of each stretch, by name.
        fn stretches(&self) -> Vec<Vec<&'static str>> {
            let begin = |demuxed: &Demuxed| match demuxed {
                Demuxed::Begin(tracks) => {
                    Some(tracks.iter().map(|(kind, _)| kind.name()).collect())
                }
                _ => None,
            };
            self.1.iter().filter_map(begin).collect()
        }

        fn times(&self, wanted: LiveTrack) -> Vec<i64> {
            let time = |demuxed: &Demuxed| match demuxed {
                Demuxed::Frame(frame) if frame.track == wanted => Some(frame.decode_time),
                _ => None,
            };
            self.1.iter().filter_map(time).collect()
        }
    }

    #[test]
    fn a_stream_begins_when_both_configurations_are_there() {
        let mut source = Source::new();
        source.video(0, &video_config());
        source.video(0, &picture(true));
        assert!(source.1.is_empty());
        source.audio(0, &audio_config(ASC));
        source.audio(0, &heard());
        assert_eq!(source.stretches(), [["video", "audio"]]);
        let Demuxed::Begin(tracks) = &source.1[0] else {
            panic!("begins")
        };
        let Track::Video(video) = &tracks[0].1 else {
            panic!("pictures")
        };
        assert_eq!((video.width, video.height), (1280, 720));
        let Track::Audio(audio) = &tracks[1].1 else {
            panic!("sound")
        };
        assert_eq!((audio.timescale, audio.channels), (48_000, 2));
        let Demuxed::Frame(frame) = &source.1[1] else {
            panic!("the held picture")
        };
        assert_eq!((frame.composition_offset, frame.sync), (7200, true));
    }

    #[test]
    fn one_kind_that_comes_alone_for_a_second_is_all_there_is() {
        let mut source = Source::new();
        source.audio(0, &audio_config(ASC));
        (0..60).for_each(|index| source.audio(index * 21, &heard()));
        assert_eq!(source.stretches(), [["audio"]]);
        assert_eq!(source.times(LiveTrack::Audio).len(), 60);
        // Pictures that come after all begin a new stretch.
        source.video(1300, &video_config());
        source.audio(1310, &heard());
        assert_eq!(source.stretches(), [vec!["audio"], vec!["video", "audio"]]);
    }

    #[test]
    fn sound_is_counted_in_samples_whatever_its_milliseconds() {
        let mut source = Source::new();
        source.video(0, &video_config());
        source.audio(0, &audio_config(ASC));
        let mut expected = Vec::new();
        for index in 0..2000_i64 {
            // As an encoder rounds it.
            source.audio((index * 1024 / 48) as u32, &heard());
            expected.push(index * 1024);
        }
        assert_eq!(source.times(LiveTrack::Audio), expected);
    }

    #[test]
    fn sound_that_has_strayed_is_put_right() {
        let mut source = Source::new();
        source.video(0, &video_config());
        source.audio(0, &audio_config(ASC));
        source.audio(0, &heard());
        source.audio(500, &heard());
        assert_eq!(source.times(LiveTrack::Audio), [0, 24_000]);
    }

    #[test]
    fn another_configuration_begins_a_stretch_and_the_same_does_not() {
        let mut source = Source::new();
        source.video(0, &video_config());
        source.audio(0, &audio_config(ASC));
        source.audio(10, &audio_config(ASC));
        source.video(20, &video_config());
        assert_eq!(source.stretches().len(), 1);
        // 44.1 kHz.
        source.audio(30, &audio_config([0x12, 0x10]));
        source.audio(40, &heard());
        assert_eq!(source.stretches().len(), 2);
        assert_eq!(source.times(LiveTrack::Audio), [40 * 44_100 / 1000]);
    }

    #[test]
    fn a_jump_in_time_begins_a_stretch_and_a_clock_that_goes_round_does_not() {
        let mut source = Source::new();
        source.video(u32::MAX - 39, &video_config());
        source.audio(u32::MAX - 39, &audio_config(ASC));
        source.video(u32::MAX - 39, &picture(true));
        source.video(0, &picture(false));
        assert_eq!(source.stretches().len(), 1);
        let times = source.times(LiveTrack::Video);
        assert_eq!(times[1] - times[0], 3600);
        for jump in [60_000, 1_000] {
            let before = source.stretches().len();
            source.video(jump, &picture(true));
            assert_eq!(source.stretches().len(), before + 1, "to {jump}");
        }
    }

    #[test]
    fn hevc_and_av1_and_opus_are_published_as_they_come() {
        let hvcc = b"\x01\x01\x60\0\0\0\x90\0\0\0\0\0\x3c\xf0\0\xfc\xfd\xf8\xf8\0\0\x0f\x01\
            \xa1\0\x01\0\x2b\x42\x01\x01\x01\x60\0\0\x03\0\x90\0\0\x03\0\0\x03\0\x3c\xa0\x0a\
            \x08\x0c\x1f\x3e\x59\x59\x52\x93\x0b\xc0\x5a\x02\0\0\x03\0\x02\0\0\x03\0\x32\x10";
        let av1c = b"\x81\0\x0c\0\x0a\x0b\0\0\0\x04\x3c\xfe\xcc\x02\xf8\0\x40";
        for (codec, record, frame, stored) in [
            (
                VideoCodec::Hevc,
                &hvcc[..],
                &b"\0\0\0\x01\x26"[..],
                &b"\0\0\0\x01\x26"[..],
            ),
            (VideoCodec::Av1, av1c, b"\x12\0\x32\x01a", b"\x32\x01a"),
        ] {
            let mut source = Source::new();
            source.video(0, &video_config_body(codec, record));
            let head = b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0";
            source.audio(0, &audio_config_body(AudioCodec::Opus, head));
            source.video(40, &video_frame_body(codec, true, 0, frame));
            // Twice 20 ms.
            for at in [40, 61] {
                source.audio(at, &audio_frame_body(AudioCodec::Opus, &[0xfc, 1]));
            }
            let Demuxed::Begin(tracks) = &source.1[0] else {
                panic!("begins")
            };
            let Track::Video(video) = &tracks[0].1 else {
                panic!("pictures")
            };
            assert_eq!((video.width, video.height), (320, 180));
            assert_eq!(video.config.record(), record);
            let Demuxed::Frame(picture) = &source.1[1] else {
                panic!("a picture")
            };
            assert_eq!((picture.decode_time, &picture.data[..]), (3600, stored));
            assert_eq!(source.times(LiveTrack::Audio), [1920, 2880]);
        }
    }

    #[test]
    fn what_cannot_be_published_is_named() {
        let mut demuxer = Demuxer::default();
        let broken = Bytes::from_static(&[0x17, 0, 0, 0, 0, 1, 2, 3]);
        let error = demuxer
            .push(TagKind::Video, 0, &broken)
            .expect_err("no record");
        assert!(
            error.to_string().contains("configuration of the video"),
            "{error}"
        );
    }
}
