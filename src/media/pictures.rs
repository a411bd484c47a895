//! Pictures of a live stream, decoded as they come.
//!
//! FFmpeg's decoder is called directly, not through a pipeline: what goes in comes
//! out of the same call as soon as the order of showing allows, and nothing waits.

use ffmpeg_next as ffmpeg;

use ffmpeg::util::format::Pixel;
use ffmpeg::{Packet, codec};

use crate::cmaf::VideoConfig;
use crate::media::{Frame, MediaError, Pixels, PlaneLayout};

/// A picture and when it is shown, in whatever unit went in.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// When it is shown.
    pub time: i64,
    /// The picture.
    pub frame: Frame,
}

/// A decoder of pictures as [`Elementary`](crate::cmaf::Elementary) gives them.
pub struct PictureDecoder {
    decoder: codec::decoder::Video,
}

impl PictureDecoder {
    /// For pictures that are coded so; has seen nothing yet.
    pub fn new(config: &VideoConfig) -> Result<Self, MediaError> {
        crate::media::init()?;
        let (name, id) = match config {
            VideoConfig::Avc(_) => ("H.264", codec::Id::H264),
            VideoConfig::Hevc(_) => ("H.265", codec::Id::HEVC),
            VideoConfig::Av1(_) => ("AV1", codec::Id::AV1),
        };
        let codec = codec::decoder::find(id)
            .ok_or_else(|| MediaError::Unusable(format!("FFmpeg has no decoder of {name}")))?;
        let context = codec::context::Context::new_with_codec(codec);
        let decoder = context.decoder().video().map_err(failed)?;
        Ok(Self { decoder })
    }

    /// The next coded picture, shown at `time`. Then [`Self::next_picture`] until `None`.
    pub fn push(&mut self, data: &[u8], time: i64) -> Result<(), MediaError> {
        let mut packet = Packet::copy(data);
        packet.set_pts(Some(time));
        self.decoder.send_packet(&packet).map_err(failed)
    }

    /// No more comes. Then [`Self::next_picture`] until `None`, and it is of no more use.
    pub fn finish(&mut self) -> Result<(), MediaError> {
        self.decoder.send_eof().map_err(failed)
    }

    /// The next picture in the order of showing, if it is known by now.
    pub fn next_picture(&mut self) -> Result<Option<Decoded>, MediaError> {
        let mut picture = ffmpeg::frame::Video::empty();
        match self.decoder.receive_frame(&mut picture) {
            Ok(()) => {}
            Err(ffmpeg::Error::Eof) => return Ok(None),
            Err(ffmpeg::Error::Other { errno }) if errno == ffmpeg::util::error::EAGAIN => {
                return Ok(None);
            }
            Err(error) => return Err(failed(error)),
        }
        // What has no time was shown before what went in; there is no such thing.
        let time = picture.pts().or(picture.timestamp()).unwrap_or_default();
        Ok(Some(Decoded {
            time,
            frame: copy(&picture)?,
        }))
    }

    /// How many pictures a second the stream says that it has.
    pub fn rate(&self) -> Option<(i32, i32)> {
        let rate = self.decoder.frame_rate()?;
        let (pictures, seconds) = (rate.numerator(), rate.denominator());
        let sensible = seconds > 0 && pictures >= seconds && pictures / seconds <= 240;
        sensible.then_some((pictures, seconds))
    }
}

fn failed(error: ffmpeg::Error) -> MediaError {
    MediaError::Pipeline {
        what: "decoding a live stream".into(),
        message: error.to_string(),
    }
}

/// Copies into our layout; a decoder's rows are wider apart.
fn copy(picture: &ffmpeg::frame::Video) -> Result<Frame, MediaError> {
    if !matches!(picture.format(), Pixel::YUV420P | Pixel::YUVJ420P) {
        return Err(MediaError::Unusable(format!(
            "pictures of the kind {:?}: expected 4:2:0 of 8 bits",
            picture.format()
        )));
    }
    // 4:2:0 in pairs: an odd last row or column is cut off.
    let layout = PlaneLayout {
        width: picture.width() as usize & !1,
        height: picture.height() as usize & !1,
    };
    let data = Pixels::new(layout.bytes(), |data| {
        for plane in 0..3 {
            let (width, height, stride) = layout.plane_size(plane);
            let rows = picture.data(plane).chunks(picture.stride(plane).max(1));
            for row in rows.take(height) {
                let row = &row[..width.min(row.len())];
                data.extend_from_slice(row);
                data.resize(data.len() + stride - row.len(), 0);
            }
        }
        data.resize(layout.bytes(), 128);
    });
    Ok(Frame {
        layout,
        data,
        alpha: None,
    })
}
