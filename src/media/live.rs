//! Frames to H.264 for a live stream: each comes out before the next goes in.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gst::prelude::*;
use gst_video::{
    UpstreamForceKeyUnitEvent, VideoColorMatrix, VideoColorPrimaries, VideoColorRange,
    VideoColorimetry, VideoTransferFunction,
};

use crate::cmaf::Colours;
use crate::media::pipeline::{Pipeline, Pulled};
use crate::media::{Frame, MediaError};

/// Key frames come where they are asked for, never by count.
const NO_KEY_FRAMES_BY_COUNT: u32 = 100_000;

/// What quality is kept where no bit rate is given: x264's scale, on which 23 is its
/// own default and less is better. What comes was encoded once already.
const QUANTIZER: u32 = 20;

/// How a stream is encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveFormat {
    /// Width and height in pixels of what goes in; even.
    pub size: (u32, u32),
    /// The same of what comes out, if it is another.
    pub scaled: Option<(u32, u32)>,
    /// Pictures in so many seconds, as far as it is known. Times are those of the
    /// pictures; a bit rate is reckoned by this.
    pub rate: Option<(i32, i32)>,
    /// Which colours the numbers of its pictures mean.
    pub colours: Colours,
    /// Kilobits a second; `None` for even quality, whatever it takes.
    pub kilobits: Option<u32>,
}

/// One encoded picture. It is shown when it is decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LivePicture {
    /// One access unit, NAL units prefixed with their lengths (ISO/IEC 14496-15).
    pub data: Bytes,
    /// Whether decoding can begin here.
    pub sync: bool,
}

/// A running encoder, without B-frames and without looking ahead.
pub struct LiveEncoder {
    pipeline: Pipeline,
    source: gst_app::AppSrc,
    encoder: gst::Element,
    first_ms: Option<i64>,
    config: Option<Bytes>,
}

impl LiveEncoder {
    /// Starts an encoder.
    pub fn new(format: &LiveFormat) -> Result<Self, MediaError> {
        let (width, height) = format.size;
        let (pictures, seconds) = format.rate.unwrap_or((25, 1));
        crate::media::init()?;
        let colours = colorimetry(format.colours);
        let control = match format.kilobits {
            Some(kilobits) => format!("pass=cbr bitrate={kilobits} vbv-buf-capacity=1000"),
            None => format!("pass=qual quantizer={QUANTIZER} vbv-buf-capacity=0"),
        };
        let scale = format.scaled.map_or(String::new(), |(width, height)| {
            format!(
                "videoscale add-borders=false ! video/x-raw,width={width},height={height},\
                 pixel-aspect-ratio=1/1 ! "
            )
        });
        let description = format!(
            "appsrc name=in format=time block=true max-buffers=1 \
             caps=video/x-raw,format=I420,width={width},height={height},\
             framerate={pictures}/{seconds},pixel-aspect-ratio=1/1,interlace-mode=progressive,colorimetry={colours} ! {scale}\
             x264enc name=encoder speed-preset=veryfast tune=zerolatency {control} \
             key-int-max={NO_KEY_FRAMES_BY_COUNT} option-string=scenecut=0 ! \
             video/x-h264,profile=high,stream-format=avc,alignment=au ! \
             appsink name=out sync=false",
        );
        let pipeline = Pipeline::new(&description, "encoding a live stream")?;
        let source = pipeline.element("in")?;
        let encoder = pipeline.element("encoder")?;
        pipeline.play()?;
        Ok(Self {
            pipeline,
            source,
            encoder,
            first_ms: None,
            config: None,
        })
    }

    /// Encodes the picture that is shown at `time_ms`, later than those before, as a
    /// key frame if it is to be one.
    pub fn encode(
        &mut self,
        frame: impl Into<Arc<Frame>>,
        time_ms: i64,
        key: bool,
    ) -> Result<LivePicture, MediaError> {
        let since = time_ms - *self.first_ms.get_or_insert(time_ms);
        let at = gst::ClockTime::from_mseconds(u64::try_from(since).unwrap_or(0));
        if key && since > 0 {
            let event = UpstreamForceKeyUnitEvent::builder()
                .running_time(at)
                .all_headers(true)
                .build();
            // Refused by an encoder that is not running any more: what follows tells why.
            if let Some(pad) = self.encoder.static_pad("src") {
                pad.send_event(event);
            }
        }
        let mut buffer = gst::Buffer::from_slice(Shared(frame.into()));
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(at);
        }
        if self.source.push_buffer(buffer).is_err() {
            // The reason is on the bus.
            self.pipeline.try_pull(Duration::ZERO)?;
            return Err(self.pipeline.pipeline_error("it takes no more pictures"));
        }
        match self.pipeline.pull()? {
            Pulled::Sample(sample) => self.read(&sample),
            Pulled::Nothing | Pulled::End => Err(self.pipeline.pipeline_error("it has ended")),
        }
    }

    /// The AVCDecoderConfigurationRecord; known once a picture has come out.
    pub fn config(&self) -> Option<&Bytes> {
        self.config.as_ref()
    }

    fn read(&mut self, sample: &gst::Sample) -> Result<LivePicture, MediaError> {
        let broken = |what: &str| {
            self.pipeline
                .pipeline_error(format!("an encoded picture without {what}"))
        };
        let buffer = sample.buffer().ok_or_else(|| broken("data"))?;
        let data = buffer.map_readable().map_err(|_| broken("bytes"))?;
        let picture = LivePicture {
            data: Bytes::copy_from_slice(&data),
            sync: !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT),
        };
        if self.config.is_none() {
            let structure = sample.caps().and_then(|caps| caps.structure(0));
            let record =
                structure.and_then(|structure| structure.get::<gst::Buffer>("codec_data").ok());
            let record = record.ok_or_else(|| broken("codec data"))?;
            let record = record.map_readable().map_err(|_| broken("codec data"))?;
            self.config = Some(Bytes::copy_from_slice(&record));
        }
        Ok(picture)
    }
}

/// A frame that more than one encoder reads.
struct Shared(Arc<Frame>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0.data
    }
}

/// In GStreamer's words.
fn colorimetry(colours: Colours) -> String {
    let range = match colours.full_range {
        true => VideoColorRange::Range0_255,
        false => VideoColorRange::Range16_235,
    };
    VideoColorimetry::new(
        range,
        VideoColorMatrix::from_iso(colours.matrix.into()),
        VideoTransferFunction::from_iso(colours.transfer.into()),
        VideoColorPrimaries::from_iso(colours.primaries.into()),
    )
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_picture_comes_out_before_the_next_goes_in_and_keys_are_where_they_are_wanted() {
        let format = LiveFormat {
            size: (320, 180),
            scaled: None,
            rate: None,
            colours: Colours::BT709,
            kilobits: None,
        };
        let mut encoder = LiveEncoder::new(&format).expect("an encoder");
        let mut keys = Vec::new();
        for index in 0..100_u8 {
            // From black to white: a change of scene that must not make a key frame.
            let luma = if index < 50 { 16 } else { 235 };
            let frame = Frame::filled(320, 180, [luma, 128, index]);
            let wanted = index == 30 || index == 77;
            let at = 7_000 + i64::from(index) * 33 + i64::from(index) % 3;
            let picture = encoder.encode(frame, at, wanted).expect("a picture");
            if picture.sync {
                keys.push(index);
            }
        }
        assert_eq!(keys, [0, 30, 77]);
        assert!(encoder.config().is_some());
    }
}
