//! Frames to H.264: one encoder a chunk, so that no state crosses a joint.

use std::time::Duration;

use bytes::Bytes;

use crate::media::pipeline::{Pipeline, Pulled};
use crate::media::{Frame, MediaError, PlaneLayout};
use crate::profile::VideoProfile;

/// Frames that wait to be encoded.
const QUEUED_FRAMES: u64 = 2;

/// A chunk is one closed GOP (or more, where the encoder sees a scene change):
/// key frames never fall due by count.
const NO_KEY_FRAMES_BY_COUNT: u32 = 100_000;

/// How soon the pictures are wanted. The bytes depend on it (and never on how
/// many cores the machine has).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// The fewest bits for the least work: one thread, which looks ten frames
    /// ahead before it encodes one.
    Steady,
    /// As soon as may be, for a few bits more: four slices a picture, each on a
    /// thread of its own (fewer where there are not rows enough). For chunks of a
    /// fraction of a second: their size is bounded by their length, not by a buffer model.
    Hasty,
}

impl Pace {
    const fn options(self) -> &'static str {
        match self {
            // The buffer model bounds the size of any second without carrying state
            // from chunk to chunk.
            Self::Steady => "threads=1 vbv-buf-capacity=1000",
            // With the buffer model and the macroblock tree, the bytes of slices depend
            // on which thread is faster (x264 164).
            Self::Hasty => "threads=4 sliced-threads=true vbv-buf-capacity=0",
        }
    }
}

/// Which of its machine code x264 uses. What it has for AVX-512 reads memory
/// that nothing was written to (x264 164, macroblock tree with B-frames), so
/// that two runs differ, and what it has for bare SSE2 rounds unlike the rest.
/// From SSSE3 to AVX2 the bytes are the same, and SSSE3 is as fast as any.
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
fn machine_code() -> &'static str {
    if std::is_x86_feature_detected!("ssse3") {
        "option-string=asm=ssse3"
    } else {
        ""
    }
}

/// Elsewhere there is but one kind.
#[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
fn machine_code() -> &'static str {
    ""
}

/// One encoded picture, in decoding order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedFrame {
    /// One access unit, NAL units prefixed with their lengths (ISO/IEC 14496-15).
    pub data: Bytes,
    /// Its place in the order of showing, counted from the chunk's start.
    pub index: u32,
    /// Whether decoding can begin here.
    pub sync: bool,
}

/// A running encoder.
pub struct VideoEncoder {
    pipeline: Pipeline,
    source: gst_app::AppSrc,
    frame_nanos: f64,
    pushed: u32,
    config: Option<Bytes>,
}

impl VideoEncoder {
    /// Starts an encoder for `profile`.
    pub fn new(profile: &VideoProfile, pace: Pace) -> Result<Self, MediaError> {
        let VideoProfile {
            width,
            height,
            rate,
            quality,
        } = profile;
        let frame_bytes = PlaneLayout {
            width: *width as usize,
            height: *height as usize,
        }
        .bytes();
        let description = format!(
            "appsrc name=in format=time block=true max-bytes={} \
             caps=video/x-raw,format=I420,width={width},height={height},framerate={}/{},\
             colorimetry=bt709,pixel-aspect-ratio=1/1,interlace-mode=progressive ! \
             x264enc name=encoder speed-preset=veryfast pass=qual quantizer={} {} \
             key-int-max={NO_KEY_FRAMES_BY_COUNT} bitrate={} {} ! \
             video/x-h264,profile=high,stream-format=avc,alignment=au ! \
             appsink name=out sync=false",
            QUEUED_FRAMES * frame_bytes as u64,
            rate.num(),
            rate.den(),
            quality.crf(),
            pace.options(),
            profile.peak_bits_per_second() / 1000,
            machine_code(),
        );
        let pipeline = Pipeline::new(&description, "encoding H.264")?;
        let source = pipeline.element("in")?;
        pipeline.play()?;
        let frame_nanos = 1e9 * f64::from(rate.den()) / f64::from(rate.num());
        Ok(Self {
            pipeline,
            source,
            frame_nanos,
            pushed: 0,
            config: None,
        })
    }

    /// Gives the encoder the next frame, waiting while it has enough, and
    /// takes what has come out meanwhile.
    pub fn push(&mut self, frame: Frame) -> Result<Vec<EncodedFrame>, MediaError> {
        let at = |index: u32| {
            gst::ClockTime::from_nseconds((f64::from(index) * self.frame_nanos).round() as u64)
        };
        let (start, end) = (at(self.pushed), at(self.pushed + 1));
        let mut buffer = gst::Buffer::from_mut_slice(frame.data);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(start);
            buffer.set_duration(end - start);
        }
        self.pushed += 1;
        if self.source.push_buffer(buffer).is_err() {
            // The reason is on the bus.
            self.pipeline.try_pull(Duration::ZERO)?;
            return Err(self
                .pipeline
                .pipeline_error("the encoder takes no more frames"));
        }
        let mut frames = Vec::new();
        while let Pulled::Sample(sample) = self.pipeline.try_pull(Duration::ZERO)? {
            frames.push(self.read(&sample)?);
        }
        Ok(frames)
    }

    /// Ends the stream; then [`next_frame`](Self::next_frame) until `None`.
    pub fn finish(&mut self) -> Result<(), MediaError> {
        self.source
            .end_of_stream()
            .map(drop)
            .map_err(|_| self.pipeline.pipeline_error("cannot end"))
    }

    /// The next frame; `None` at the end of the stream.
    pub fn next_frame(&mut self) -> Result<Option<EncodedFrame>, MediaError> {
        match self.pipeline.pull()? {
            Pulled::Sample(sample) => self.read(&sample).map(Some),
            Pulled::Nothing | Pulled::End => Ok(None),
        }
    }

    /// The AVCDecoderConfigurationRecord; known once a frame has come out.
    pub fn config(&self) -> Option<&Bytes> {
        self.config.as_ref()
    }

    fn read(&mut self, sample: &gst::Sample) -> Result<EncodedFrame, MediaError> {
        let broken = |what: &str| {
            self.pipeline
                .pipeline_error(format!("an encoded frame without {what}"))
        };
        let buffer = sample.buffer().ok_or_else(|| broken("data"))?;
        let pts = buffer.pts().ok_or_else(|| broken("a time"))?;
        // x264enc shifts all times by 1000 hours to leave room for DTS; the
        // segment takes that back.
        let segment = sample
            .segment()
            .and_then(|segment| segment.downcast_ref::<gst::ClockTime>());
        let pts = segment
            .and_then(|segment| segment.to_stream_time(pts))
            .unwrap_or(pts);
        let data = buffer.map_readable().map_err(|_| broken("bytes"))?;
        let frame = EncodedFrame {
            data: Bytes::copy_from_slice(&data),
            index: (pts.nseconds() as f64 / self.frame_nanos).round() as u32,
            sync: !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT),
        };
        if self.config.is_none() {
            let structure = sample.caps().and_then(|caps| caps.structure(0));
            let codec_data =
                structure.and_then(|structure| structure.get::<gst::Buffer>("codec_data").ok());
            let record = codec_data.ok_or_else(|| broken("codec data"))?;
            let record = record.map_readable().map_err(|_| broken("codec data"))?;
            self.config = Some(Bytes::copy_from_slice(&record));
        }
        Ok(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Quality;
    use crate::time::FrameRate;

    #[test]
    fn one_decoder_configuration_serves_both_paces() {
        let profile = VideoProfile {
            width: 640,
            height: 360,
            rate: FrameRate::new(30, 1).expect("supported"),
            quality: Quality::Medium,
        };
        let [steady, hasty] = [Pace::Steady, Pace::Hasty].map(|pace| {
            let mut encoder = VideoEncoder::new(&profile, pace).expect("an encoder");
            for luma in 0..20 {
                let frame = Frame::filled(640, 360, [luma * 10, 128, 128]);
                encoder.push(frame).expect("takes frames");
            }
            encoder.finish().expect("ends");
            while encoder.next_frame().expect("gives frames").is_some() {}
            encoder.config().cloned().expect("known by now")
        });
        assert_eq!(steady, hasty);
    }
}
