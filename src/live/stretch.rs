//! What is the same for all sources: which tracks there are, and where a stretch
//! of the stream begins.
//!
//! Which tracks there are is known when a configuration of each has come, or when
//! one kind has come alone for long enough. Until then frames are held. What comes
//! later with another configuration, or after a jump in time, begins a new stretch.
//!
//! Pictures keep their times exactly. Sound, whose frames last no whole ticks of
//! its source's clock, is counted in samples, and put right where it has strayed.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::cmaf::{AudioConfig, Track, VideoConfig};
use crate::live::describe::{DescribeError, aac_record, pictures, sound};
use crate::live::frame::{LiveFrame, LiveTrack};
use crate::live::other_sound::{OtherCodec, OtherFrame, OtherHead, OtherSounds};

/// Ticks a second of pictures, and of the times that are given here.
pub(super) const CLOCK: u32 = 90_000;

/// How long one kind alone is taken for a stream that has but this kind yet: a second.
const ALONE: i64 = CLOCK as i64;

/// Frames that are held until the tracks are known: two seconds of pictures at 60
/// a second and of sound.
const MAX_HELD_FRAMES: usize = 256;

/// Bytes of such frames: a second at 128 Mbit/s.
const MAX_HELD_BYTES: usize = 16 << 20;

/// A step of the source's clock that no jitter explains: 5 s.
pub(super) const JUMP: i64 = 5 * CLOCK as i64;

/// How far sound may stray from its times before it is put right, in milliseconds.
const STRAY_MS: i64 = 60;

/// What came of what was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demuxed {
    /// A stretch of the stream begins, with these tracks.
    Begin(Vec<(LiveTrack, Track)>),
    /// The next frame of one of them, its time as the source counts.
    Frame(LiveFrame),
    /// The next frame of the sound, which is to be turned into AAC.
    Other(OtherFrame),
    /// Sound in this codec begins, and is left out.
    LeftOut(OtherCodec),
}

/// Sound, as it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Heard {
    /// Published as it is.
    AsItIs(AudioConfig),
    /// Turned into AAC of this rate.
    Turned(OtherCodec, u32),
}

/// A coded picture as it comes.
pub(super) struct Picture {
    /// When it is decoded.
    pub decode_time: i64,
    /// How much later it is shown; less than nothing is taken for nothing.
    pub composition_offset: i64,
    /// Whether decoding can begin here.
    pub sync: bool,
    /// As it stands in an MP4.
    pub data: Bytes,
}

/// From frames, in the order in which they come, to stretches.
#[derive(Default)]
pub(super) struct Stretches {
    video: Option<(VideoConfig, Track)>,
    audio: Option<(Heard, Track)>,
    others: OtherSounds,
    left_out: Option<OtherCodec>,
    begun: bool,
    held: VecDeque<Demuxed>,
    held_bytes: usize,
    /// The time of the first frame since nothing was known, and of the last.
    since: Option<i64>,
    now: i64,
    /// When the next frame of sound is due, in samples.
    due: Option<i64>,
}

impl Stretches {
    /// Other sound becomes this from here on.
    pub const fn set_others(&mut self, others: OtherSounds) {
        self.others = others;
    }

    /// The source's clock shows `now` and went there by `step`.
    pub fn at(&mut self, now: i64, step: i64) {
        if step.saturating_abs() > JUMP && self.since.is_some() {
            self.begin_anew();
        }
        self.now = now;
        self.since.get_or_insert(now);
    }

    /// What follows has nothing to do with what was.
    fn begin_anew(&mut self) {
        self.begun = false;
        self.held.clear();
        self.held_bytes = 0;
        self.since = None;
        self.due = None;
    }

    /// How pictures are coded from here on. What is said again changes nothing.
    pub fn describe_video(&mut self, config: VideoConfig) -> Result<(), DescribeError> {
        if self.video_config() == Some(&config) {
            return Ok(());
        }
        let track = pictures(&config)?;
        let changed = self.video.replace((config, track)).is_some();
        self.reconfigured(changed);
        Ok(())
    }

    /// How sound is coded from here on.
    pub fn describe_audio(&mut self, config: AudioConfig) -> Result<(), DescribeError> {
        self.hear(Heard::AsItIs(config))
    }

    fn hear(&mut self, heard: Heard) -> Result<(), DescribeError> {
        if self
            .audio
            .as_ref()
            .is_some_and(|(known, _)| *known == heard)
        {
            return Ok(());
        }
        let track = match &heard {
            Heard::AsItIs(config) => sound(config)?,
            Heard::Turned(_, rate) => sound(&AudioConfig::Aac(aac_record(*rate)?))?,
        };
        let changed = self.audio.replace((heard, track)).is_some();
        self.due = None;
        self.reconfigured(changed);
        Ok(())
    }

    /// The next frame of other sound, whose head says how long it is.
    pub fn other(
        &mut self,
        time: i64,
        head: OtherHead,
        data: Bytes,
        out: &mut Vec<Demuxed>,
    ) -> Result<(), DescribeError> {
        if self.others == OtherSounds::LeftOut {
            if self.left_out.replace(head.codec) != Some(head.codec) {
                out.push(Demuxed::LeftOut(head.codec));
            }
            return Ok(());
        }
        // Channels that are beside those of another frame are not heard.
        if head.samples > 0 {
            self.hear(Heard::Turned(head.codec, head.rate))?;
            self.sound(time, head.samples, data, out);
        }
        Ok(())
    }

    /// How pictures are coded, if that was said.
    pub fn video_config(&self) -> Option<&VideoConfig> {
        self.video.as_ref().map(|(config, _)| config)
    }

    /// A configuration came that there was not.
    fn reconfigured(&mut self, changed: bool) {
        // A track that comes late is a change too: until then there was none.
        if self.begun || changed {
            let now = self.now;
            self.begin_anew();
            self.since = Some(now);
        }
    }

    /// The next picture; left out as long as nothing is known of its track.
    pub fn picture(&mut self, picture: Picture, out: &mut Vec<Demuxed>) {
        if self.video.is_none() || picture.data.is_empty() {
            return;
        }
        let frame = LiveFrame {
            track: LiveTrack::Video,
            decode_time: picture.decode_time,
            composition_offset: u32::try_from(picture.composition_offset.max(0)).unwrap_or(0),
            sync: picture.sync,
            data: picture.data,
        };
        let bytes = frame.data.len();
        self.frame(Demuxed::Frame(frame), bytes, out);
    }

    /// The next frame of sound, of so many samples; left out as pictures are.
    pub fn sound(&mut self, time: i64, samples: u32, data: Bytes, out: &mut Vec<Demuxed>) {
        let Some((heard, track)) = self.audio.as_ref().filter(|_| !data.is_empty()) else {
            return;
        };
        let turned = match heard {
            Heard::AsItIs(_) => None,
            Heard::Turned(codec, rate) => Some((*codec, *rate)),
        };
        let rate = i64::from(track.timescale());
        let said = in_samples(time, rate);
        let counted = self.due.unwrap_or(said);
        let strayed = counted.abs_diff(said) * 1000 > (STRAY_MS * rate).unsigned_abs();
        let decode_time = if strayed { said } else { counted };
        self.due = Some(decode_time.saturating_add(samples.into()));
        let bytes = data.len();
        let frame = match turned {
            Some((codec, rate)) => Demuxed::Other(OtherFrame {
                codec,
                rate,
                decode_time,
                data,
            }),
            None => Demuxed::Frame(LiveFrame {
                track: LiveTrack::Audio,
                decode_time,
                composition_offset: 0,
                sync: true,
                data,
            }),
        };
        self.frame(frame, bytes, out);
    }

    fn frame(&mut self, frame: Demuxed, bytes: usize, out: &mut Vec<Demuxed>) {
        if self.begun {
            out.push(frame);
        } else {
            self.held_bytes += bytes;
            self.held.push_back(frame);
        }
    }

    /// Begins the stretch if by now its tracks are known.
    pub fn settle(&mut self, out: &mut Vec<Demuxed>) {
        let tracks = [
            self.video
                .as_ref()
                .map(|(_, track)| (LiveTrack::Video, track)),
            self.audio
                .as_ref()
                .map(|(_, track)| (LiveTrack::Audio, track)),
        ];
        let known = tracks.iter().flatten().count();
        let waited = self.since.is_some_and(|since| self.now - since >= ALONE)
            || self.held.len() >= MAX_HELD_FRAMES
            || self.held_bytes >= MAX_HELD_BYTES;
        if self.begun || known == 0 || known < LiveTrack::ALL.len() && !waited {
            return;
        }
        self.begun = true;
        let tracks = tracks.into_iter().flatten();
        let tracks = tracks.map(|(kind, track)| (kind, track.clone())).collect();
        out.push(Demuxed::Begin(tracks));
        out.extend(self.held.drain(..));
        self.held_bytes = 0;
    }
}

/// Ticks that so many samples last.
pub(super) fn ticks(samples: u64, rate: u32) -> i64 {
    let ticks = u128::from(samples) * u128::from(CLOCK) / u128::from(rate.max(1));
    i64::try_from(ticks).unwrap_or(i64::MAX)
}

/// A time in samples of `rate` a second.
fn in_samples(time: i64, rate: i64) -> i64 {
    let scaled = i128::from(time) * i128::from(rate) / i128::from(CLOCK);
    i64::try_from(scaled).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_until_the_tracks_are_known_is_bounded() {
        let sound = |stretches: &mut Stretches, bytes: usize| {
            let mut out = Vec::new();
            stretches.sound(0, 1024, vec![1; bytes].into(), &mut out);
            stretches.settle(&mut out);
            out.len()
        };
        for (bytes, frames) in [(100, MAX_HELD_FRAMES), (MAX_HELD_BYTES / 4, 4)] {
            let mut stretches = Stretches::default();
            stretches.at(0, 0);
            let config = AudioConfig::Aac(Bytes::from_static(&[0x11, 0x90]));
            stretches.describe_audio(config).expect("AAC");
            for _ in 1..frames {
                assert_eq!(sound(&mut stretches, bytes), 0);
            }
            // The beginning and all of them.
            assert_eq!(sound(&mut stretches, bytes), 1 + frames);
        }
    }
}
