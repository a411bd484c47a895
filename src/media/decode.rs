//! Frames of a moving picture, by the time at which they are shown.

use std::path::{Path, PathBuf};

use gst::prelude::*;
use gst_video::prelude::*;

use crate::media::pipeline::{Pipeline, Pulled};
use crate::media::{Claims, Frame, KeyFrames, MediaError, Pixels, PlaneLayout};
use crate::time::Time;

/// Nearer than this nobody asks where the key frames are.
const LOOK_UP_FROM: Time = Time::from_millis(400);

/// The last picture may stand this long before the end that a file claims:
/// clocks and containers are never quite of one mind.
const EARLY_END: Time = Time::from_seconds(1);

/// Decoded frames that wait to be pulled. What is decoded beyond the end of a
/// chunk is usually thrown away by a seek, and chunks are decoded side by side.
const QUEUED_FRAMES: u32 = 1;

/// The largest side of a decoded frame, in pixels: what only the container says of the
/// shape of pixels is not known before.
const MAX_SIDE: u32 = 8192;

/// Which plane of A420 says how opaque pixels are.
const ALPHA_PLANE: u32 = 3;

/// An open file, decoded in order; going back or far ahead seeks.
pub struct VideoDecoder {
    pipeline: Pipeline,
    path: PathBuf,
    claimed: Option<Time>,
    /// Looked up when they first matter.
    key_frames: Option<KeyFrames>,
    /// When the file's first frame is shown.
    first: Option<Time>,
    /// The frame on show, and the one after it.
    current: Option<Shown>,
    next: Option<Shown>,
    ended: bool,
}

/// A frame as the decoder left it: most are passed over, and not copied.
struct Shown {
    at: Time,
    picture: gst_video::VideoFrame<gst_video::video_frame::Readable>,
}

impl VideoDecoder {
    /// Opens the file at `path`, whose pictures are what `claims` says.
    pub fn open(path: &Path, claims: Claims) -> Result<Self, MediaError> {
        // Asked for only where there is some: made up, it comes out at random.
        let format = if claims.alpha {
            "(string){I420,A420}"
        } else {
            "I420"
        };
        let description = format!(
            "filesrc name=file ! decodebin name=decoder ! videoconvert ! \
             videoflip video-direction=auto ! videoconvert ! videoscale ! \
             video/x-raw,format={format},colorimetry=bt709,pixel-aspect-ratio=1/1,\
             width=[1,{MAX_SIDE}],height=[1,{MAX_SIDE}] ! \
             appsink name=out sync=false max-buffers={QUEUED_FRAMES}"
        );
        let pipeline = Pipeline::new(&description, format!("decoding {}", path.display()))?;
        let file: gst::Element = pipeline.element("file")?;
        file.set_property("location", path);
        // One thread a decoder: chunks are decoded side by side, and frame
        // threads cost more in all and keep more frames.
        pipeline.bin().connect_deep_element_added(|_, _, element| {
            if element.has_property("max-threads") {
                element.set_property("max-threads", 1i32);
            }
        });
        let decoder: gst::Element = pipeline.element("decoder")?;
        // Streams that nothing is linked to (the sound) are not decoded.
        decoder.connect("autoplug-continue", false, |values| {
            let caps = values
                .get(2)
                .and_then(|value| value.get::<gst::Caps>().ok());
            let is_sound = caps
                .as_ref()
                .and_then(|caps| caps.structure(0))
                .is_some_and(|structure| structure.name().starts_with("audio/"));
            Some((!is_sound).to_value())
        });
        pipeline.play()?;
        Ok(Self {
            pipeline,
            path: path.to_owned(),
            claimed: claims.duration,
            key_frames: None,
            first: None,
            current: None,
            next: None,
            ended: false,
        })
    }

    /// The time of the frame on show; `None` before the first.
    pub fn position(&self) -> Option<Time> {
        self.current.as_ref().map(|shown| shown.at)
    }

    /// A copy of the frame on show at `time`: the last that begins no later than
    /// `tolerance` after it. Before the first frame it is the first, after the
    /// last the last.
    pub fn frame_at(&mut self, time: Time, tolerance: Time) -> Result<Frame, MediaError> {
        let limit = time + tolerance;
        let reached = self
            .next
            .as_ref()
            .or(self.current.as_ref())
            .map_or(Time::ZERO, |shown| shown.at);
        // Nothing comes before the first frame.
        let behind =
            |shown: &Shown| shown.at > limit && self.first.is_some_and(|first| shown.at > first);
        if self.current.as_ref().is_some_and(behind) {
            self.seek(time.max(Time::ZERO))?;
        } else if limit - reached > LOOK_UP_FROM && self.key_frames().worth_seeking(reached, time) {
            self.seek(time)?;
        }
        loop {
            if self.next.is_none() && !self.ended {
                self.next = self.pull()?;
            }
            match (&self.current, self.next.take()) {
                (Some(_), Some(next)) if next.at > limit => {
                    self.next = Some(next);
                    break;
                }
                (_, Some(next)) => self.current = Some(next),
                (_, None) => break,
            }
        }
        let shown = self
            .current
            .as_ref()
            .ok_or_else(|| MediaError::Empty(self.pipeline.pipeline_error("").to_string()))?;
        if let Some(claimed) = self.claimed
            && self.ended
            && self.next.is_none()
            && claimed - shown.at > EARLY_END
            && time - shown.at > EARLY_END
        {
            let what = format!("decoding {}", self.path.display());
            return Err(MediaError::EndsEarly {
                what,
                at: shown.at,
                claimed,
            });
        }
        Ok(copy(&shown.picture))
    }

    fn key_frames(&mut self) -> &KeyFrames {
        let path = &self.path;
        self.key_frames.get_or_insert_with(|| KeyFrames::of(path))
    }

    fn seek(&mut self, time: Time) -> Result<(), MediaError> {
        // Nothing has to be there before a pipeline can seek but its first buffer.
        if self.current.is_none() && self.next.is_none() {
            self.next = self.pull()?;
        }
        let nanos = u64::try_from(time.to_nanos()).unwrap_or(0);
        self.pipeline
            .seek_to_key_frame(gst::ClockTime::from_nseconds(nanos))?;
        self.current = None;
        self.next = None;
        self.ended = false;
        Ok(())
    }

    fn pull(&mut self) -> Result<Option<Shown>, MediaError> {
        match self.pipeline.pull()? {
            Pulled::Sample(sample) => {
                let shown = self.read(&sample)?;
                self.first.get_or_insert(shown.at);
                Ok(Some(shown))
            }
            Pulled::Nothing | Pulled::End => {
                self.ended = true;
                Ok(None)
            }
        }
    }

    fn read(&self, sample: &gst::Sample) -> Result<Shown, MediaError> {
        let broken = |what: &str| {
            self.pipeline
                .pipeline_error(format!("a frame without {what}"))
        };
        let buffer = sample.buffer_owned().ok_or_else(|| broken("data"))?;
        let info = sample
            .caps()
            .and_then(|caps| gst_video::VideoInfo::from_caps(caps).ok())
            .ok_or_else(|| broken("a format"))?;
        let at = buffer.pts().map(|pts| {
            let segment = sample
                .segment()
                .and_then(|segment| segment.downcast_ref::<gst::ClockTime>());
            segment
                .and_then(|segment| segment.to_stream_time(pts))
                .unwrap_or(pts)
        });
        let at = at.map_or(Time::ZERO, |at| Time::from_nanos(at.nseconds() as i64));
        let picture = gst_video::VideoFrame::from_buffer_readable(buffer, &info)
            .map_err(|_| broken("pixels"))?;
        Ok(Shown { at, picture })
    }
}

/// Copies into our layout; a decoder's rows may be wider apart.
fn copy(mapped: &gst_video::VideoFrame<gst_video::video_frame::Readable>) -> Frame {
    // 4:2:0 in pairs: an odd last row or column is cut off.
    let layout = PlaneLayout {
        width: mapped.width() as usize & !1,
        height: mapped.height() as usize & !1,
    };
    let data = Pixels::new(layout.bytes(), |data| {
        for plane in 0..3usize {
            let (width, height, stride) = layout.plane_size(plane);
            let from = mapped.plane_data(plane as u32).unwrap_or_default();
            let from_stride = mapped.plane_stride()[plane].unsigned_abs() as usize;
            if from_stride == stride && from.len() >= stride * height {
                data.extend_from_slice(&from[..stride * height]);
                continue;
            }
            for row in from.chunks(from_stride.max(1)).take(height) {
                let row = &row[..width.min(row.len())];
                data.extend_from_slice(row);
                data.resize(data.len() + stride - row.len(), 0);
            }
        }
        data.resize(layout.bytes(), 128);
    });
    let alpha = mapped.info().has_alpha().then(|| {
        let from = mapped.plane_data(ALPHA_PLANE).unwrap_or_default();
        let stride = mapped.plane_stride()[ALPHA_PLANE as usize].unsigned_abs() as usize;
        let (width, height) = (layout.width, layout.height);
        Pixels::new(width * height, |data| {
            for row in from.chunks(stride.max(1)).take(height) {
                let row = &row[..width.min(row.len())];
                data.extend_from_slice(row);
                data.resize(data.len() + width - row.len(), 255);
            }
            data.resize(width * height, 255);
        })
    });
    Frame {
        layout,
        data,
        alpha,
    }
}
