//! Tags of a publisher to tracks and frames.
//!
//! Which tracks there are is known when a configuration of each has come, or when
//! one kind has come alone for long enough. Until then frames are held. What comes
//! later with another configuration, or after a jump in time, begins a new stretch.
//!
//! Times of RTMP are whole milliseconds. Pictures keep them exactly; sound, whose
//! frames last no whole milliseconds, is counted in samples, and put right where
//! it has strayed.

use std::collections::VecDeque;

use bytes::Bytes;
use h264_reader::avcc::AvcDecoderConfigurationRecord;
use thiserror::Error;

use crate::cmaf::{AudioTrack, CmafError, Track, VideoTrack, codec_string};
use crate::live::flv::{
    AudioCodec, AudioTag, FlvError, TagKind, VideoCodec, VideoTag, audio_tag, video_tag,
};
use crate::live::frame::{LiveFrame, LiveTrack};

/// Ticks a second of pictures.
const VIDEO_CLOCK: u32 = 90_000;

/// How long one kind of tags alone is taken for a stream that has but this kind yet.
const ALONE_MS: i64 = 1_000;

/// Frames that are held until the tracks are known: two seconds of pictures at 60
/// a second and of sound.
const MAX_HELD_FRAMES: usize = 256;

/// A step of the source's clock that no jitter explains.
const JUMP_MS: i64 = 5_000;

/// How far sound may stray from its times before it is put right.
const STRAY_MS: i64 = 60;

/// Bits a second of AAC that does not say.
const AAC_BITRATE: u32 = 128_000;

/// What came of a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demuxed {
    /// A stretch of the stream begins, with these tracks.
    Begin(Vec<(LiveTrack, Track)>),
    /// The next frame of one of them, its time as the source counts.
    Frame(LiveFrame),
}

/// Why a tag could not be used.
#[derive(Debug, Error)]
pub enum DemuxError {
    /// It could not be read.
    #[error(transparent)]
    Flv(#[from] FlvError),
    /// It could be read, but its codec cannot be published.
    #[error("the {track} is {codec}: expected {expected}")]
    Codec {
        /// Of which track.
        track: &'static str,
        /// What it is.
        codec: &'static str,
        /// What it may be.
        expected: &'static str,
    },
    /// A decoder configuration that makes no sense.
    #[error("the configuration of the {track} cannot be used: {reason}")]
    Config {
        /// Of which track.
        track: &'static str,
        /// Why.
        reason: String,
    },
    /// A decoder configuration from which no track can be made.
    #[error(transparent)]
    Cmaf(#[from] CmafError),
}

/// From tags, in the order in which they come, to tracks and frames.
#[derive(Default)]
pub struct Demuxer {
    video: Option<Track>,
    audio: Option<Track>,
    /// The records that those were made of.
    video_record: Bytes,
    audio_record: Bytes,
    begun: bool,
    held: VecDeque<LiveFrame>,
    /// The time of the first tag since nothing was known, and of the last.
    since_ms: Option<i64>,
    clock: Clock,
    sound: Option<i64>,
}

impl Demuxer {
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
        let step = self.clock.step(timestamp_ms);
        let now = self.clock.now;
        if step.abs() > JUMP_MS && self.since_ms.is_some() {
            self.begin_anew();
        }
        let since = *self.since_ms.get_or_insert(now);
        match kind {
            TagKind::Video => self.video(now, body, &mut out)?,
            TagKind::Audio => self.audio(now, body, &mut out)?,
            TagKind::Script => {}
        }
        let both = self.video.is_some() && self.audio.is_some();
        let waited = now - since >= ALONE_MS || self.held.len() >= MAX_HELD_FRAMES;
        if !self.begun && (both || waited && (self.video.is_some() || self.audio.is_some())) {
            self.begin(&mut out);
        }
        Ok(out)
    }

    fn begin(&mut self, out: &mut Vec<Demuxed>) {
        self.begun = true;
        let tracks = [
            (LiveTrack::Video, &self.video),
            (LiveTrack::Audio, &self.audio),
        ];
        let tracks = tracks
            .into_iter()
            .filter_map(|(kind, track)| Some((kind, track.clone()?)));
        out.push(Demuxed::Begin(tracks.collect()));
        out.extend(self.held.drain(..).map(Demuxed::Frame));
    }

    /// What follows has nothing to do with what was.
    fn begin_anew(&mut self) {
        self.begun = false;
        self.held.clear();
        self.since_ms = None;
        self.sound = None;
    }

    fn video(&mut self, now: i64, body: &Bytes, out: &mut Vec<Demuxed>) -> Result<(), DemuxError> {
        match video_tag(body)? {
            VideoTag::Config { codec, record } => {
                known_video(codec)?;
                if record.is_empty() || record == self.video_record {
                    return Ok(());
                }
                let changed = self.video.replace(pictures(&record)?).is_some();
                self.video_record = record;
                self.reconfigured(changed);
            }
            VideoTag::Frame {
                codec,
                key,
                composition_ms,
                data,
            } => {
                known_video(codec)?;
                if self.video.is_none() || data.is_empty() {
                    return Ok(());
                }
                let ticks = i64::from(VIDEO_CLOCK) / 1000;
                let offset = i64::from(composition_ms).max(0) * ticks;
                let frame = LiveFrame {
                    track: LiveTrack::Video,
                    decode_time: now * ticks,
                    composition_offset: u32::try_from(offset).unwrap_or(0),
                    sync: key,
                    data,
                };
                self.frame(frame, out);
            }
            VideoTag::End | VideoTag::Metadata { .. } | VideoTag::Command => {}
        }
        Ok(())
    }

    fn audio(&mut self, now: i64, body: &Bytes, out: &mut Vec<Demuxed>) -> Result<(), DemuxError> {
        match audio_tag(body)? {
            AudioTag::Config { codec, record } => {
                known_audio(codec)?;
                if record.is_empty() || record == self.audio_record {
                    return Ok(());
                }
                let changed = self.audio.replace(sound(&record)?).is_some();
                self.audio_record = record;
                self.sound = None;
                self.reconfigured(changed);
            }
            AudioTag::Frame { codec, data } => {
                known_audio(codec)?;
                let Some(track) = self.audio.as_ref().filter(|_| !data.is_empty()) else {
                    return Ok(());
                };
                let rate = i64::from(track.timescale());
                let said = now * rate / 1000;
                let counted = self.sound.unwrap_or(said);
                let strayed = (counted - said).abs() * 1000 > STRAY_MS * rate;
                let decode_time = if strayed { said } else { counted };
                self.sound = Some(decode_time + i64::from(crate::profile::AAC_FRAME_SAMPLES));
                let frame = LiveFrame {
                    track: LiveTrack::Audio,
                    decode_time,
                    composition_offset: 0,
                    sync: true,
                    data,
                };
                self.frame(frame, out);
            }
            AudioTag::End | AudioTag::Channels { .. } => {}
        }
        Ok(())
    }

    /// A configuration came that there was not.
    fn reconfigured(&mut self, changed: bool) {
        // A track that comes late is a change too: until then there was none.
        if self.begun || changed {
            self.begin_anew();
        }
    }

    fn frame(&mut self, frame: LiveFrame, out: &mut Vec<Demuxed>) {
        if self.begun {
            out.push(Demuxed::Frame(frame));
        } else {
            self.held.push_back(frame);
        }
    }
}

/// A clock of 32 bits that goes round, made one that does not.
#[derive(Default)]
struct Clock {
    now: i64,
    last: Option<u32>,
}

impl Clock {
    /// How far it went to `timestamp_ms`.
    fn step(&mut self, timestamp_ms: u32) -> i64 {
        let step = match self.last.replace(timestamp_ms) {
            // Nearer forwards or backwards, whichever is less.
            Some(last) => i64::from(timestamp_ms.wrapping_sub(last).cast_signed()),
            None => i64::from(timestamp_ms),
        };
        self.now += step;
        step
    }
}

const fn known_video(codec: VideoCodec) -> Result<(), DemuxError> {
    let codec = match codec {
        VideoCodec::Avc => return Ok(()),
        VideoCodec::Hevc => "HEVC",
        VideoCodec::Av1 => "AV1",
    };
    Err(DemuxError::Codec {
        track: "video",
        codec,
        expected: "H.264",
    })
}

const fn known_audio(codec: AudioCodec) -> Result<(), DemuxError> {
    match codec {
        AudioCodec::Aac => Ok(()),
        AudioCodec::Opus => Err(DemuxError::Codec {
            track: "audio",
            codec: "Opus",
            expected: "AAC",
        }),
    }
}

/// The track of an AVCDecoderConfigurationRecord.
fn pictures(record: &Bytes) -> Result<Track, DemuxError> {
    let bad = |reason: String| DemuxError::Config {
        track: "video",
        reason,
    };
    let parsed = AvcDecoderConfigurationRecord::try_from(&record[..])
        .map_err(|error| bad(format!("{error:?}")))?;
    let context = parsed
        .create_context()
        .map_err(|error| bad(format!("{error:?}")))?;
    let sps = context
        .sps()
        .next()
        .ok_or_else(|| bad("there is no SPS".into()))?;
    let (width, height) = sps
        .pixel_dimensions()
        .map_err(|error| bad(format!("{error:?}")))?;
    let side =
        |pixels: u32| u16::try_from(pixels).map_err(|_| bad(format!("{pixels} pixels a side")));
    let track = Track::Video(VideoTrack {
        timescale: VIDEO_CLOCK,
        width: side(width)?,
        height: side(height)?,
        avcc: record.clone(),
    });
    codec_string(&track)?;
    Ok(track)
}

/// The track of an AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1).
fn sound(record: &Bytes) -> Result<Track, DemuxError> {
    const RATES: [u32; 13] = [
        96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025,
        8_000, 7_350,
    ];
    let bad = |reason: &str| DemuxError::Config {
        track: "audio",
        reason: reason.to_owned(),
    };
    let [first, second, ..] = record[..] else {
        return Err(bad("it has less than two bytes"));
    };
    let index = usize::from((first & 7) << 1 | second >> 7);
    let rate = RATES
        .get(index)
        .ok_or_else(|| bad("a sample rate of its own"))?;
    let channels = match second >> 3 & 0xf {
        channels @ 1..=6 => channels,
        7 => 8,
        _ => return Err(bad("channels of its own")),
    };
    let track = Track::Audio(AudioTrack {
        timescale: *rate,
        channels,
        asc: record.clone(),
        bitrate: AAC_BITRATE,
    });
    codec_string(&track)?;
    Ok(track)
}

#[cfg(test)]
mod tests {
    use super::*;

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
                Demuxed::Frame(_) => None,
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
    fn what_cannot_be_published_is_named() {
        let mut demuxer = Demuxer::default();
        let hevc = Bytes::from_static(b"\x90hvc1\x01");
        let error = demuxer.push(TagKind::Video, 0, &hevc).expect_err("HEVC");
        assert_eq!(error.to_string(), "the video is HEVC: expected H.264");
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
