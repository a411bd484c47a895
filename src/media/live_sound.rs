//! Sound of a live stream, decoded and encoded to AAC-LC in stereo as it comes.
//!
//! Samples are counted, and each frame of AAC gets the time of its first one. The
//! encoder's transform overlaps by a frame: the first packet holds what was before the
//! first sample, and is left out; each packet after it decodes to the frame before the
//! one that was given last. No delay of the encoder is in any time.

use std::collections::VecDeque;

use bytes::Bytes;
use ffmpeg_next as ffmpeg;

use crate::media::MediaError;
use crate::media::sound::stereo;
use crate::profile::AAC_FRAME_SAMPLES;
use ffmpeg::codec::{self, Id};
use ffmpeg::format::Sample;
use ffmpeg::format::sample::Type;
use ffmpeg::{ChannelLayout, Dictionary, Packet, Rational};

/// Channels of what comes out, whatever goes in.
const CHANNELS: usize = 2;

/// What is missing and shorter than this is silence, as a packet that was damaged; what is
/// longer is missing in what comes out, too. A tenth of a second.
const FILLED_DIVISOR: i64 = 10;

/// How far times that tremble may be off before they are believed, in milliseconds.
const TREMBLE_MS: i64 = 60;

/// How many pieces in a row may be off by half a frame or more before that is no trembling:
/// something was missing that was shorter than it. About half a second.
const MAX_OFF: u32 = 25;

/// Packets in a row that cannot be decoded before the sound is given up: ten seconds.
const MAX_BAD: u32 = 400;

/// Bits a second of rates from [`HIGH_RATE`] on, and below.
const BITS: usize = 128_000;
const LOW_BITS: usize = 64_000;
const HIGH_RATE: u32 = 32_000;

/// How sound is coded that is to be AAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoundCoding {
    /// MPEG audio, layer II.
    Mp2,
    /// MPEG audio, layer III.
    Mp3,
    /// AC-3.
    Ac3,
    /// Enhanced AC-3.
    Eac3,
}

/// One raw frame of AAC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AacFrame {
    /// When its first sample is heard, in samples.
    pub time: i64,
    /// The frame.
    pub data: Bytes,
}

/// A decoder and an encoder, for one thread.
pub struct LiveSound {
    decoder: codec::decoder::Audio,
    aac: AacStream,
    bad: u32,
}

impl LiveSound {
    /// For whole frames in `coding` of `rate` samples a second, whose times are counted
    /// to the sample.
    pub fn new(coding: SoundCoding, rate: u32) -> Result<Self, MediaError> {
        crate::media::init()?;
        let id = match coding {
            SoundCoding::Mp2 => Id::MP2,
            SoundCoding::Mp3 => Id::MP3,
            SoundCoding::Ac3 => Id::AC3,
            SoundCoding::Eac3 => Id::EAC3,
        };
        let found = codec::decoder::find(id)
            .ok_or_else(|| MediaError::Unusable(format!("FFmpeg has no decoder of {id:?}")))?;
        let context = codec::Context::new_with_codec(found);
        let decoder = context.decoder().audio().map_err(failed)?;
        Ok(Self {
            decoder,
            aac: AacStream::new(rate, 0)?,
            bad: 0,
        })
    }

    /// For packets of a stream that FFmpeg reads; their times tremble as its clock does.
    pub(super) fn of(parameters: codec::Parameters) -> Result<Self, MediaError> {
        let context = codec::Context::from_parameters(parameters).map_err(failed)?;
        let decoder = context.decoder().audio().map_err(failed)?;
        let rate = decoder.rate();
        Ok(Self {
            decoder,
            aac: AacStream::new(rate, i64::from(rate) * TREMBLE_MS / 1000)?,
            bad: 0,
        })
    }

    /// Samples a second, of what goes in and what comes out.
    pub const fn rate(&self) -> u32 {
        self.aac.rate
    }

    /// The encoder, by which a file is told how its packets are coded.
    pub(super) const fn encoder(&self) -> &codec::encoder::Audio {
        &self.aac.encoder
    }

    /// The next coded frame, heard at `time` samples. What is damaged is left out.
    pub fn push(&mut self, data: &[u8], time: i64) -> Result<Vec<AacFrame>, MediaError> {
        let mut packet = Packet::copy(data);
        packet.set_pts(Some(time));
        packet.set_dts(Some(time));
        let sent = self.decoder.send_packet(&packet);
        let mut out = Vec::new();
        let any = self.decoded(&mut out)?;
        self.bad = match sent.is_ok() && any {
            true => 0,
            false => self.bad + 1,
        };
        match (sent, self.bad > MAX_BAD) {
            (Err(error), true) => Err(failed(error)),
            _ => Ok(out),
        }
    }

    /// What is left; nothing comes any more.
    pub fn finish(&mut self) -> Result<Vec<AacFrame>, MediaError> {
        let mut out = Vec::new();
        // Told twice, it has nothing to add.
        let _already = self.decoder.send_eof();
        self.decoded(&mut out)?;
        self.aac.finish(&mut out)?;
        Ok(out)
    }

    fn decoded(&mut self, out: &mut Vec<AacFrame>) -> Result<bool, MediaError> {
        let mut any = false;
        let mut frame = ffmpeg::frame::Audio::empty();
        while self.decoder.receive_frame(&mut frame).is_ok() {
            any = true;
            if frame.rate() != self.aac.rate {
                return Err(broken("its sample rate changes"));
            }
            let samples = stereo(&frame).ok_or_else(|| broken("samples of an unknown kind"))?;
            self.aac.push(samples, frame.timestamp(), out)?;
        }
        Ok(any)
    }
}

/// Samples to AAC, with their times.
struct AacStream {
    encoder: codec::encoder::Audio,
    rate: u32,
    /// How far times may be off that are counted on.
    tremble: i64,
    /// Pieces in a row whose times were off.
    off: u32,
    /// Interleaved samples that are no whole frame yet, and the time of the first.
    pending: Vec<f32>,
    begins: Option<i64>,
    /// The times of the frames that have not come out.
    times: VecDeque<i64>,
    /// Samples that the encoder was given, by which it counts.
    given: i64,
    primed: bool,
}

impl AacStream {
    fn new(rate: u32, tremble: i64) -> Result<Self, MediaError> {
        let found = codec::encoder::find(Id::AAC)
            .ok_or_else(|| MediaError::Unusable("FFmpeg has no encoder of AAC".into()))?;
        let clock = i32::try_from(rate).map_err(|_| broken("its sample rate is none"))?;
        let mut context = codec::Context::new_with_codec(found);
        context.set_time_base(Rational(1, clock));
        let mut encoder = context.encoder().audio().map_err(failed)?;
        encoder.set_rate(clock);
        encoder.set_format(Sample::F32(Type::Planar));
        encoder.set_channel_layout(ChannelLayout::STEREO);
        encoder.set_bit_rate(if rate < HIGH_RATE { LOW_BITS } else { BITS });
        let mut options = Dictionary::new();
        // Its default, mid/side at any price, puts half of what is on one side on the other.
        options.set("aac_ms", "0");
        let encoder = encoder.open_as_with(found, options).map_err(failed)?;
        Ok(Self {
            encoder,
            rate,
            tremble,
            off: 0,
            pending: Vec::new(),
            begins: None,
            times: VecDeque::new(),
            given: 0,
            primed: false,
        })
    }

    /// The next samples, interleaved, heard at `time` or behind those before.
    fn push(
        &mut self,
        mut samples: Vec<f32>,
        time: Option<i64>,
        out: &mut Vec<AacFrame>,
    ) -> Result<(), MediaError> {
        let due = self
            .begins
            .map(|begins| begins + (self.pending.len() / CHANNELS) as i64);
        let missing = match (due, time) {
            (Some(due), Some(time)) => time - due,
            _ => 0,
        };
        self.off = match missing.abs() >= i64::from(AAC_FRAME_SAMPLES / 2) {
            true => self.off + 1,
            false => 0,
        };
        if missing.abs() > self.tremble || self.off > MAX_OFF {
            match usize::try_from(missing) {
                Ok(short) if missing <= i64::from(self.rate) / FILLED_DIVISOR => {
                    let silence = self.pending.len() + short * CHANNELS;
                    self.pending.resize(silence, 0.0);
                }
                Ok(_) => {
                    self.pad(out)?;
                    self.begins = time;
                }
                // What has a time that was given already is left out.
                Err(_) => {
                    let early = usize::try_from(missing.unsigned_abs()).unwrap_or(usize::MAX);
                    let early = early.saturating_mul(CHANNELS).min(samples.len());
                    samples.drain(..early);
                }
            }
        }
        // What has no time at all begins where it likes.
        self.begins = self.begins.or(time).or(Some(0));
        self.pending.append(&mut samples);
        let whole = AAC_FRAME_SAMPLES as usize * CHANNELS;
        let mut pending = std::mem::take(&mut self.pending);
        let mut frames = pending.chunks_exact(whole);
        for frame in frames.by_ref() {
            self.frame(frame, out)?;
        }
        let rest = frames.remainder().len();
        pending.drain(..pending.len() - rest);
        self.pending = pending;
        Ok(())
    }

    /// Fills the frame that is begun with silence.
    fn pad(&mut self, out: &mut Vec<AacFrame>) -> Result<(), MediaError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let mut last = std::mem::take(&mut self.pending);
        last.resize(AAC_FRAME_SAMPLES as usize * CHANNELS, 0.0);
        self.frame(&last, out)
    }

    fn finish(&mut self, out: &mut Vec<AacFrame>) -> Result<(), MediaError> {
        self.pad(out)?;
        self.encoder.send_eof().map_err(failed)?;
        self.encoded(out)
    }

    fn frame(&mut self, samples: &[f32], out: &mut Vec<AacFrame>) -> Result<(), MediaError> {
        let layout = self.encoder.channel_layout();
        let count = samples.len() / CHANNELS;
        let mut frame = ffmpeg::frame::Audio::new(Sample::F32(Type::Planar), count, layout);
        frame.set_rate(self.rate);
        for channel in 0..CHANNELS {
            let own = samples.iter().skip(channel).step_by(CHANNELS);
            let plane = frame.plane_mut::<f32>(channel);
            plane.iter_mut().zip(own).for_each(|(a, b)| *a = *b);
        }
        frame.set_pts(Some(self.given));
        self.given += count as i64;
        let begins = self.begins.unwrap_or_default();
        self.times.push_back(begins);
        self.begins = Some(begins + count as i64);
        self.encoder.send_frame(&frame).map_err(failed)?;
        self.encoded(out)
    }

    fn encoded(&mut self, out: &mut Vec<AacFrame>) -> Result<(), MediaError> {
        let mut packet = Packet::empty();
        loop {
            match self.encoder.receive_packet(&mut packet) {
                Ok(()) => {}
                Err(ffmpeg::Error::Eof) => return Ok(()),
                Err(ffmpeg::Error::Other { errno }) if errno == ffmpeg::error::EAGAIN => {
                    return Ok(());
                }
                Err(error) => return Err(failed(error)),
            }
            if !std::mem::replace(&mut self.primed, true) {
                continue;
            }
            if let (Some(time), Some(data)) = (self.times.pop_front(), packet.data()) {
                let data = Bytes::copy_from_slice(data);
                out.push(AacFrame { time, data });
            }
        }
    }
}

fn failed(error: ffmpeg::Error) -> MediaError {
    broken(&error.to_string())
}

fn broken(message: &str) -> MediaError {
    MediaError::Pipeline {
        what: "turning the sound of a live stream into AAC".into(),
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 48_000;

    /// A tone, interleaved.
    fn tone(samples: usize) -> Vec<f32> {
        let wave = |index: usize| (index as f32 * 0.06).sin() * 0.5;
        (0..samples).flat_map(|index| [wave(index); 2]).collect()
    }

    fn times(pieces: &[(i64, usize)], tremble: i64) -> Vec<i64> {
        crate::media::init().expect("FFmpeg");
        let mut stream = AacStream::new(RATE, tremble).expect("an encoder");
        let mut out = Vec::new();
        for (time, samples) in pieces {
            let pushed = stream.push(tone(*samples), Some(*time), &mut out);
            pushed.expect("samples");
        }
        stream.finish(&mut out).expect("an end");
        out.iter().map(|frame| frame.time).collect()
    }

    #[test]
    fn each_frame_has_the_time_of_its_first_sample() {
        // As MP3 has them: 1152 at a time.
        let pieces: Vec<_> = (0..8).map(|index| (700 + index * 1152, 1152)).collect();
        let expected: Vec<_> = (0..9).map(|index| 700 + index * 1024).collect();
        assert_eq!(times(&pieces, 0), expected);
    }

    #[test]
    fn a_hole_is_kept_and_a_damaged_packet_is_silence() {
        let long = [(0, 1536), (48_000, 1536)];
        assert_eq!(times(&long, 0), [0, 1024, 48_000, 49_024]);
        let short = [(0, 1024), (2048, 1024)];
        assert_eq!(times(&short, 0), [0, 1024, 2048]);
    }

    #[test]
    fn what_was_given_already_is_left_out_and_what_trembles_is_counted_on() {
        let again = [(10_000, 1024), (10_000, 1024), (10_512, 1024)];
        assert_eq!(times(&again, 0), [10_000, 11_024]);
        let trembles = [(0, 1024), (1100, 1024), (2000, 1024), (3072, 1024)];
        assert_eq!(times(&trembles, 2880), [0, 1024, 2048, 3072]);
        // What stays off is put right: two packets of 20 ms are missing.
        let packets = (0..60).filter(|index| !(5..7).contains(index));
        let pieces: Vec<_> = packets.map(|index| (index * 960, 960)).collect();
        let last = times(&pieces, 2880).last().copied();
        let ends = last.map(|time| 60 * 960 - time);
        assert!(
            ends.is_some_and(|left| (0..=1024).contains(&left)),
            "{last:?}"
        );
    }
}
