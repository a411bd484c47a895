//! The sound of a file, from its first sample to its last, in stereo.
//!
//! FFmpeg decodes it and not GStreamer: it knows what an encoder put before the first
//! sample and after the last, and leaves it out, which matters where sounds are cut at
//! samples. GStreamer's resampler brings it to another rate.

use std::path::Path;

use ffmpeg_next as ffmpeg;
use ffmpeg_next::ChannelLayout as Layout;
use ffmpeg_next::format::Sample;
use ffmpeg_next::format::sample::Type;

use crate::media::MediaError;
use crate::media::pipeline::{Pipeline, Pulled};

/// Sound that is later than this in its file by less begins at its start: so far
/// the times of containers and the delays of codecs are off.
const START_TOLERANCE: f64 = 0.012;

/// A hole in the sound that is longer is one. In seconds.
const HOLE: f64 = 0.1;

/// The longest silence within a file or before its sound, in seconds: four hours.
const MAX_SILENCE: f64 = 14_400.0;

/// Planes of a frame whose place is known without more ado.
const MAX_CHANNELS: usize = 8;

/// How far the resampler may be behind, in stereo samples.
const BEHIND: u64 = 1 << 16;

/// Half the power.
const HALF: f32 = std::f32::consts::FRAC_1_SQRT_2;

/// Decodes the sound of the file at `source` to interleaved stereo at `rate`, and
/// gives it to `take` piece by piece. Beside pictures it begins where it does in the
/// file; alone with its first sample.
pub(super) fn decode(
    source: &Path,
    rate: u32,
    take: &mut dyn FnMut(&[f32]) -> Result<(), MediaError>,
) -> Result<(), MediaError> {
    crate::media::init()?;
    let what = format!("decoding the sound of {}", source.display());
    let failed = |error: &dyn std::fmt::Display| MediaError::Pipeline {
        what: what.clone(),
        message: error.to_string(),
    };
    let mut input = crate::media::input::open(source).map_err(|error| failed(&error))?;
    let origin = origin(&input);
    let stream = input
        .streams()
        .best(ffmpeg::media::Type::Audio)
        .ok_or_else(|| MediaError::Empty(what.clone()))?;
    let (index, base) = (stream.index(), f64::from(stream.time_base()));
    let mut decoder = ffmpeg::codec::context::Context::from_parameters(stream.parameters())
        .and_then(|context| {
            let mut decoder = context.decoder();
            decoder.set_packet_time_base(stream.time_base());
            decoder.audio()
        })
        .map_err(|error| failed(&error))?;
    let mut track = Track {
        what: what.clone(),
        rate,
        origin,
        run: None,
        take,
    };
    let mut frame = ffmpeg::frame::Audio::empty();
    let mut packet = ffmpeg::Packet::empty();
    loop {
        let is_over = match packet.read(&mut input) {
            Ok(()) if packet.stream() != index => continue,
            // What is damaged is left out, as players do.
            Ok(()) => {
                let _damaged = decoder.send_packet(&packet);
                false
            }
            Err(ffmpeg::Error::Eof) => true,
            Err(error) if track.run.is_none() => return Err(failed(&error)),
            Err(_) => true,
        };
        if is_over {
            let _already = decoder.send_eof();
        }
        while decoder.receive_frame(&mut frame).is_ok() {
            let at = frame.timestamp().map(|ticks| ticks as f64 * base);
            track.push(&frame, at)?;
        }
        if is_over {
            break;
        }
    }
    track.finish()
}

/// The time in the file that its sound is counted from; `None` for its first sample.
fn origin(input: &ffmpeg::format::context::Input) -> Option<f64> {
    use ffmpeg::format::stream::Disposition;
    let seen = |stream: &ffmpeg::Stream| {
        stream.parameters().medium() == ffmpeg::media::Type::Video
            && !stream.disposition().contains(Disposition::ATTACHED_PIC)
    };
    input.streams().find(seen)?;
    // Broadcast streams count from anywhere.
    if !input.format().name().starts_with("mpeg") {
        return Some(0.0);
    }
    let start = |stream: ffmpeg::Stream| {
        let ticks = stream.start_time();
        (ticks != ffmpeg::ffi::AV_NOPTS_VALUE).then(|| ticks as f64 * f64::from(stream.time_base()))
    };
    input.streams().filter_map(start).reduce(f64::min)
}

/// Sound on its way out.
struct Track<'a> {
    what: String,
    rate: u32,
    origin: Option<f64>,
    run: Option<Run>,
    take: &'a mut dyn FnMut(&[f32]) -> Result<(), MediaError>,
}

/// What has come so far.
struct Run {
    rate: u32,
    /// The time of the first sample, and how many have come since.
    start: f64,
    samples: u64,
    resampler: Option<Resampler>,
}

impl Track<'_> {
    fn push(&mut self, frame: &ffmpeg::frame::Audio, at: Option<f64>) -> Result<(), MediaError> {
        let rate = frame.rate();
        if rate == 0 || frame.samples() == 0 {
            return Ok(());
        }
        let mut samples = stereo(frame).ok_or_else(|| self.error("samples of an unknown kind"))?;
        let mut run = match self.run.take() {
            Some(run) if run.rate == rate => run,
            Some(_) => return Err(self.error("its sample rate changes")),
            None => {
                let start = self.origin.unwrap_or(at.unwrap_or_default());
                let resampler = (rate != self.rate)
                    .then(|| Resampler::new(rate, self.rate, &self.what))
                    .transpose()?;
                let samples = 0;
                Run {
                    rate,
                    start,
                    samples,
                    resampler,
                }
            }
        };
        let expected = run.start + run.samples as f64 / f64::from(rate);
        let late = at.map_or(0.0, |at| at - expected);
        let hole = if run.samples == 0 {
            START_TOLERANCE
        } else {
            HOLE
        };
        if late > hole {
            if late > MAX_SILENCE {
                return Err(self.error("a silence of more than four hours in it"));
            }
            let silence = [0.0; 4096];
            let mut left = (late * f64::from(rate)).round() as usize;
            while left > 0 {
                let piece = left.min(silence.len() / 2);
                self.pass(&mut run, &silence[..piece * 2])?;
                left -= piece;
            }
        } else if run.samples == 0 && late < -START_TOLERANCE {
            // What the file has from before its beginning.
            let early = (-late * f64::from(rate)).round() as usize;
            samples.drain(..(early * 2).min(samples.len()));
            run.start = expected;
            if samples.is_empty() {
                return Ok(());
            }
        }
        self.pass(&mut run, &samples)?;
        self.run = Some(run);
        Ok(())
    }

    fn pass(&mut self, run: &mut Run, samples: &[f32]) -> Result<(), MediaError> {
        run.samples += samples.len() as u64 / 2;
        match &mut run.resampler {
            Some(resampler) => resampler.push(samples, self.take),
            None => (self.take)(samples),
        }
    }

    fn finish(self) -> Result<(), MediaError> {
        match self.run {
            None => Err(MediaError::Empty(self.what)),
            Some(Run {
                resampler: Some(resampler),
                ..
            }) => resampler.finish(self.take),
            Some(_) => Ok(()),
        }
    }

    fn error(&self, message: &str) -> MediaError {
        MediaError::Pipeline {
            what: self.what.clone(),
            message: message.to_owned(),
        }
    }
}

/// The samples of a frame, interleaved, in stereo; `None` for a format not known.
pub(super) fn stereo(frame: &ffmpeg::frame::Audio) -> Option<Vec<f32>> {
    let channels = usize::from(frame.channels());
    let layout = match frame.channel_layout() {
        layout if usize::try_from(layout.channels()).ok()? == channels => layout,
        _ => Layout::default(i32::try_from(channels).ok()?),
    };
    let mut samples = vec![0.0; frame.samples() * 2];
    for (channel, (left, right)) in shares(layout).into_iter().enumerate().take(channels) {
        if left == 0.0 && right == 0.0 {
            continue;
        }
        let own = channel_of(frame, channel, channels)?;
        for (pair, sample) in samples.chunks_exact_mut(2).zip(own) {
            pair[0] += sample * left;
            pair[1] += sample * right;
        }
    }
    Some(samples)
}

/// How much of each channel goes to the left and to the right (ITU-R BS.775), in the
/// order of the channels.
fn shares(layout: Layout) -> Vec<(f32, f32)> {
    if layout == Layout::MONO {
        return vec![(1.0, 1.0)];
    }
    let lefts = Layout::BACK_LEFT
        | Layout::SIDE_LEFT
        | Layout::FRONT_LEFT_OF_CENTER
        | Layout::TOP_FRONT_LEFT
        | Layout::TOP_BACK_LEFT
        | Layout::WIDE_LEFT
        | Layout::SURROUND_DIRECT_LEFT;
    let rights = Layout::BACK_RIGHT
        | Layout::SIDE_RIGHT
        | Layout::FRONT_RIGHT_OF_CENTER
        | Layout::TOP_FRONT_RIGHT
        | Layout::TOP_BACK_RIGHT
        | Layout::WIDE_RIGHT
        | Layout::SURROUND_DIRECT_RIGHT;
    let kinds = [
        (Layout::FRONT_LEFT | Layout::STEREO_LEFT, (1.0, 0.0)),
        (Layout::FRONT_RIGHT | Layout::STEREO_RIGHT, (0.0, 1.0)),
        (
            Layout::FRONT_CENTER | Layout::TOP_FRONT_CENTER,
            (HALF, HALF),
        ),
        (
            Layout::BACK_CENTER | Layout::TOP_CENTER | Layout::TOP_BACK_CENTER,
            (0.5, 0.5),
        ),
        (lefts, (HALF, 0.0)),
        (rights, (0.0, HALF)),
    ];
    let share = |channel: Layout| {
        let kind = kinds.iter().find(|(kind, _)| kind.contains(channel));
        // Low frequencies are in the others too.
        kind.map_or((0.0, 0.0), |(_, share)| *share)
    };
    let bits = layout.bits();
    (0..u64::BITS)
        .map(|bit| 1 << bit)
        .filter(|bit| bits & bit != 0)
        .map(|bit| share(Layout::from_bits_retain(bit)))
        .collect()
}

/// The samples of one channel, full scale being 1; `None` for a format not known.
fn channel_of(frame: &ffmpeg::frame::Audio, channel: usize, channels: usize) -> Option<Vec<f32>> {
    let count = frame.samples();
    if frame.is_planar() {
        if channel >= MAX_CHANNELS {
            return None;
        }
        return Some(match frame.format() {
            Sample::U8(_) => frame
                .plane::<u8>(channel)
                .iter()
                .map(|s| byte(*s))
                .collect(),
            Sample::I16(_) => frame
                .plane::<i16>(channel)
                .iter()
                .map(|s| short(*s))
                .collect(),
            Sample::I32(_) => frame
                .plane::<i32>(channel)
                .iter()
                .map(|s| long(*s))
                .collect(),
            Sample::F32(_) => frame.plane::<f32>(channel).to_vec(),
            Sample::F64(_) => frame
                .plane::<f64>(channel)
                .iter()
                .map(|s| *s as f32)
                .collect(),
            _ => return None,
        });
    }
    let every = Every {
        data: frame.data(0),
        channel,
        channels,
        count,
    };
    Some(match frame.format() {
        Sample::U8(Type::Packed) => every.of(|[b]| byte(b)),
        Sample::I16(Type::Packed) => every.of(|bytes| short(i16::from_ne_bytes(bytes))),
        Sample::I32(Type::Packed) => every.of(|bytes| long(i32::from_ne_bytes(bytes))),
        Sample::F32(Type::Packed) => every.of(f32::from_ne_bytes),
        Sample::F64(Type::Packed) => every.of(|bytes| f64::from_ne_bytes(bytes) as f32),
        _ => return None,
    })
}

/// One channel of interleaved ones.
struct Every<'a> {
    data: &'a [u8],
    channel: usize,
    channels: usize,
    count: usize,
}

impl Every<'_> {
    fn of<const N: usize>(&self, value: impl Fn([u8; N]) -> f32) -> Vec<f32> {
        let samples = self.data.chunks_exact(N).skip(self.channel);
        samples
            .step_by(self.channels)
            .take(self.count)
            .map(|bytes| value(bytes.try_into().unwrap_or([0; N])))
            .collect()
    }
}

fn byte(sample: u8) -> f32 {
    (f32::from(sample) - 128.0) / 128.0
}

fn short(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}

fn long(sample: i32) -> f32 {
    (f64::from(sample) / 2_147_483_648.0) as f32
}

/// Interleaved stereo to another rate: nothing up to 20 kHz is changed audibly, and what
/// would be mirrored is below -110 dB.
struct Resampler {
    pipeline: Pipeline,
    source: gst_app::AppSrc,
    /// Out of which rate, into which.
    rates: (u32, u32),
    pushed: u64,
    pulled: u64,
}

impl Resampler {
    fn new(from: u32, to: u32, what: &str) -> Result<Self, MediaError> {
        let description = format!(
            "appsrc name=in format=time max-bytes=0 \
             caps=audio/x-raw,format=F32LE,layout=interleaved,rate={from},channels=2 ! \
             audioresample quality=10 ! audio/x-raw,rate={to} ! appsink name=out sync=false"
        );
        let pipeline = Pipeline::new(&description, what)?;
        let source: gst_app::AppSrc = pipeline.element("in")?;
        pipeline.play()?;
        Ok(Self {
            pipeline,
            source,
            rates: (from, to),
            pushed: 0,
            pulled: 0,
        })
    }

    fn push(
        &mut self,
        samples: &[f32],
        take: &mut dyn FnMut(&[f32]) -> Result<(), MediaError>,
    ) -> Result<(), MediaError> {
        let data: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
        let mut buffer = gst::Buffer::from_mut_slice(data);
        if self.pushed == 0
            && let Some(buffer) = buffer.get_mut()
        {
            buffer.set_pts(gst::ClockTime::ZERO);
        }
        self.source.push_buffer(buffer).map_err(|_| {
            self.pipeline
                .pipeline_error("the resampler takes no samples")
        })?;
        self.pushed += samples.len() as u64 / 2;
        // So that it never has much to keep.
        let (from, to) = self.rates;
        let due = (self.pushed * u64::from(to) / u64::from(from)).saturating_sub(BEHIND);
        while self.pulled < due {
            if !self.pull(take)? {
                return Err(self.pipeline.pipeline_error("the resampler ended"));
            }
        }
        Ok(())
    }

    fn finish(
        mut self,
        take: &mut dyn FnMut(&[f32]) -> Result<(), MediaError>,
    ) -> Result<(), MediaError> {
        self.source
            .end_of_stream()
            .map_err(|_| self.pipeline.pipeline_error("the resampler cannot end"))?;
        while self.pull(take)? {}
        Ok(())
    }

    /// False at the end.
    fn pull(
        &mut self,
        take: &mut dyn FnMut(&[f32]) -> Result<(), MediaError>,
    ) -> Result<bool, MediaError> {
        let Pulled::Sample(sample) = self.pipeline.pull()? else {
            return Ok(false);
        };
        let data = sample
            .buffer()
            .and_then(|buffer| buffer.map_readable().ok())
            .ok_or_else(|| self.pipeline.pipeline_error("samples without bytes"))?;
        let samples: Vec<f32> = data
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            .collect();
        self.pulled += samples.len() as u64 / 2;
        take(&samples)?;
        Ok(true)
    }
}
