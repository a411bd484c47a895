//! Files that are encoded as they come: a track of pictures, one of sound, and the
//! file that they go to.
//!
//! FFmpeg's encoders are called here directly, not through a pipeline: a file is
//! written by one thread from its first frame to its last, and bytes depend on
//! nothing but what goes in.

use std::path::Path;

use ffmpeg_next as ffmpeg;

use crate::media::{Frame, MediaError};
use crate::profile::{AudioProfile, VideoProfile};
use ffmpeg::codec;
use ffmpeg::format::context::Output;
use ffmpeg::{ChannelLayout, Dictionary, Packet, Rational};

/// The encoders that files in other formats than the chunks' need.
const ENCODERS: [&str; 3] = ["libvpx-vp9", "libopus", "libmp3lame"];

/// Those of them that this FFmpeg lacks.
pub fn missing_encoders() -> Vec<&'static str> {
    ENCODERS
        .into_iter()
        .filter(|name| codec::encoder::find_by_name(name).is_none())
        .collect()
}

/// An encoder of FFmpeg's, with its options.
pub(super) struct Codec<'a> {
    pub name: &'a str,
    pub options: &'a [(&'a str, String)],
}

/// A file being written.
pub(super) struct Muxer {
    output: Output,
    what: &'static str,
    video: Option<VideoTrack>,
    audio: Option<AudioTrack>,
}

struct VideoTrack {
    encoder: codec::encoder::Video,
    stream: Stream,
    frames: i64,
}

struct AudioTrack {
    encoder: codec::encoder::Audio,
    stream: Stream,
    /// Interleaved samples that are no whole frame yet.
    pending: Vec<f32>,
    channels: usize,
    samples: i64,
}

/// Where a track's packets go.
#[derive(Clone, Copy)]
struct Stream {
    index: usize,
    /// The clock of the encoder, and that of the file.
    clock: Rational,
    file_clock: Rational,
}

impl Muxer {
    /// A file at `path`, over whatever was there, in FFmpeg's format `format`.
    pub fn create(path: &Path, format: &str, what: &'static str) -> Result<Self, MediaError> {
        crate::media::init()?;
        let output =
            ffmpeg::format::output_as(path, format).map_err(|error| failed(what, error))?;
        Ok(Self {
            output,
            what,
            video: None,
            audio: None,
        })
    }

    /// Adds the track of pictures.
    pub fn add_video(&mut self, profile: &VideoProfile, codec: &Codec) -> Result<(), MediaError> {
        let VideoProfile {
            width,
            height,
            rate,
            ..
        } = *profile;
        let (rate, clock) = (
            Rational(rate.num() as i32, rate.den() as i32),
            Rational(rate.den() as i32, rate.num() as i32),
        );
        let (found, mut context) = self.context(codec)?;
        context.set_time_base(clock);
        context.set_frame_rate(Some(rate));
        let fail = |error| failed(self.what, error);
        let mut encoder = context.encoder().video().map_err(fail)?;
        encoder.set_width(width);
        encoder.set_height(height);
        encoder.set_format(ffmpeg::format::Pixel::YUV420P);
        encoder.set_aspect_ratio(Rational(1, 1));
        let mut options = options(codec);
        for name in ["colorspace", "color_primaries", "color_trc"] {
            options.set(name, "bt709");
        }
        options.set("color_range", "tv");
        let encoder = encoder.open_as_with(found, options).map_err(fail)?;
        let mut stream = self.output.add_stream(found).map_err(fail)?;
        stream.set_parameters(&encoder);
        stream.set_time_base(clock);
        stream.set_avg_frame_rate(rate);
        let index = stream.index();
        self.video = Some(VideoTrack {
            encoder,
            stream: Stream {
                index,
                clock,
                file_clock: clock,
            },
            frames: 0,
        });
        Ok(())
    }

    /// Adds the track of sound, whose encoder takes samples as `format`.
    pub fn add_audio(
        &mut self,
        profile: &AudioProfile,
        bitrate: usize,
        format: ffmpeg::format::Sample,
        codec: &Codec,
    ) -> Result<(), MediaError> {
        let rate = profile.sample_rate.get() as i32;
        let clock = Rational(1, rate);
        let (found, mut context) = self.context(codec)?;
        context.set_time_base(clock);
        let fail = |error| failed(self.what, error);
        let mut encoder = context.encoder().audio().map_err(fail)?;
        encoder.set_rate(rate);
        encoder.set_format(format);
        encoder.set_channel_layout(ChannelLayout::default(i32::from(profile.channels)));
        encoder.set_bit_rate(bitrate);
        let encoder = encoder.open_as_with(found, options(codec)).map_err(fail)?;
        let mut stream = self.output.add_stream(found).map_err(fail)?;
        stream.set_parameters(&encoder);
        stream.set_time_base(clock);
        let index = stream.index();
        self.audio = Some(AudioTrack {
            encoder,
            stream: Stream {
                index,
                clock,
                file_clock: clock,
            },
            pending: Vec::new(),
            channels: usize::from(profile.channels),
            samples: 0,
        });
        Ok(())
    }

    fn context(&self, wanted: &Codec) -> Result<(ffmpeg::Codec, codec::Context), MediaError> {
        let found = codec::encoder::find_by_name(wanted.name)
            .ok_or_else(|| MediaError::Unusable(format!("FFmpeg has no {}", wanted.name)))?;
        let mut context = codec::Context::new_with_codec(found);
        let mut flags = codec::Flags::BITEXACT;
        let format = self.output.format().flags();
        if format.contains(ffmpeg::format::Flags::GLOBAL_HEADER) {
            flags |= codec::Flags::GLOBAL_HEADER;
        }
        context.set_flags(flags);
        Ok((found, context))
    }

    /// Writes the head of the file; then frames and samples, about in step.
    pub fn begin(&mut self) -> Result<(), MediaError> {
        // Or the file would have a number in it that was thrown by chance.
        let mut options = Dictionary::new();
        options.set("fflags", "+bitexact");
        self.output
            .write_header_with(options)
            .map_err(|error| failed(self.what, error))?;
        let clock = |index: usize| self.output.stream(index).map(|stream| stream.time_base());
        let streams = [
            self.video.as_mut().map(|track| &mut track.stream),
            self.audio.as_mut().map(|track| &mut track.stream),
        ];
        for stream in streams.into_iter().flatten() {
            stream.file_clock = clock(stream.index).unwrap_or(stream.clock);
        }
        Ok(())
    }

    /// The next picture.
    pub fn frame(&mut self, frame: &Frame) -> Result<(), MediaError> {
        let Some(track) = &mut self.video else {
            return Ok(());
        };
        let mut picture = ffmpeg::frame::Video::new(
            ffmpeg::format::Pixel::YUV420P,
            frame.layout.width as u32,
            frame.layout.height as u32,
        );
        for (plane, samples) in frame.planes().into_iter().enumerate() {
            let (width, height, stride) = frame.plane_size(plane);
            let target = picture.stride(plane);
            let rows = picture.data_mut(plane).chunks_mut(target.max(1));
            for (row, samples) in rows.zip(samples.chunks(stride)).take(height) {
                row[..width].copy_from_slice(&samples[..width]);
            }
        }
        picture.set_pts(Some(track.frames));
        track.frames += 1;
        let sent = track.encoder.send_frame(&picture);
        sent.map_err(|error| failed(self.what, error))?;
        drain(&mut track.encoder, track.stream, &mut self.output)
            .map_err(|error| failed(self.what, error))
    }

    /// The next samples, interleaved.
    pub fn samples(&mut self, samples: &[f32]) -> Result<(), MediaError> {
        let Some(track) = &mut self.audio else {
            return Ok(());
        };
        track
            .send(samples, &mut self.output)
            .map_err(|error| failed(self.what, error))
    }

    /// Ends the file.
    pub fn finish(mut self) -> Result<(), MediaError> {
        self.end().map_err(|error| failed(self.what, error))
    }

    fn end(&mut self) -> Result<(), ffmpeg::Error> {
        if let Some(track) = &mut self.video {
            track.encoder.send_eof()?;
            drain(&mut track.encoder, track.stream, &mut self.output)?;
        }
        if let Some(track) = &mut self.audio {
            track.end(&mut self.output)?;
        }
        self.output.write_trailer()
    }
}

impl AudioTrack {
    fn send(&mut self, samples: &[f32], output: &mut Output) -> Result<(), ffmpeg::Error> {
        self.pending.extend_from_slice(samples);
        let whole = self.encoder.frame_size() as usize * self.channels;
        let mut pending = std::mem::take(&mut self.pending);
        let mut frames = pending.chunks_exact(whole.max(1));
        for frame in frames.by_ref() {
            self.frame(frame, output)?;
        }
        let rest = frames.remainder().len();
        pending.drain(..pending.len() - rest);
        self.pending = pending;
        Ok(())
    }

    fn end(&mut self, output: &mut Output) -> Result<(), ffmpeg::Error> {
        let rest = std::mem::take(&mut self.pending);
        if !rest.is_empty() {
            self.frame(&rest, output)?;
        }
        self.encoder.send_eof()?;
        drain(&mut self.encoder, self.stream, output)
    }

    fn frame(&mut self, samples: &[f32], output: &mut Output) -> Result<(), ffmpeg::Error> {
        let count = samples.len() / self.channels.max(1);
        let layout = self.encoder.channel_layout();
        let mut frame = ffmpeg::frame::Audio::new(self.encoder.format(), count, layout);
        frame.set_rate(self.encoder.rate());
        if frame.is_planar() {
            for channel in 0..self.channels {
                let of_channel = samples.iter().skip(channel).step_by(self.channels.max(1));
                let plane = frame.plane_mut::<f32>(channel);
                plane.iter_mut().zip(of_channel).for_each(|(a, b)| *a = *b);
            }
        } else {
            let bytes = samples.iter().flat_map(|sample| sample.to_ne_bytes());
            let plane = frame.data_mut(0);
            plane.iter_mut().zip(bytes).for_each(|(a, b)| *a = b);
        }
        frame.set_pts(Some(self.samples));
        self.samples += count as i64;
        self.encoder.send_frame(&frame)?;
        drain(&mut self.encoder, self.stream, output)
    }
}

/// Takes what has come out of an encoder to the file.
fn drain(
    encoder: &mut codec::encoder::Encoder,
    stream: Stream,
    output: &mut Output,
) -> Result<(), ffmpeg::Error> {
    let mut packet = Packet::empty();
    loop {
        match encoder.receive_packet(&mut packet) {
            Ok(()) => {}
            Err(ffmpeg::Error::Eof) => return Ok(()),
            Err(ffmpeg::Error::Other { errno }) if errno == ffmpeg::error::EAGAIN => return Ok(()),
            Err(error) => return Err(error),
        }
        packet.set_stream(stream.index);
        packet.rescale_ts(stream.clock, stream.file_clock);
        packet.write_interleaved(output)?;
    }
}

fn options(codec: &Codec) -> Dictionary<'static> {
    let mut options = Dictionary::new();
    for (name, value) in codec.options {
        options.set(name, value);
    }
    options
}

fn failed(what: &str, error: ffmpeg::Error) -> MediaError {
    MediaError::Pipeline {
        what: what.to_owned(),
        message: error.to_string(),
    }
}
