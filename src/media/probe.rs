//! What a media file holds, without decoding it.

use std::path::Path;

use ffmpeg_next as ffmpeg;
use thiserror::Error;

use crate::media::MediaError;
use crate::template::bind::AssetKind;
use crate::time::Time;

/// The largest picture side of footage, in pixels.
const MAX_SIDE: u32 = 8192;

/// The most pixels of a picture of footage: 8K as cinemas have it. A decoder may keep
/// 17 pictures, which are 900 MB then.
const MAX_PIXELS: u32 = 8192 * 4320;

/// Why a file is no footage and no sound.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProbeError {
    /// FFmpeg cannot read it.
    #[error("unreadable media: {0}")]
    Unreadable(String),
    /// It has neither pictures nor sound.
    #[error("there is neither a picture nor sound in it")]
    Nothing,
    /// Its pictures are too large, or of no size.
    #[error(
        "its pictures are {0}x{1}: expected sides of 2 to {MAX_SIDE} and at most {MAX_PIXELS} pixels"
    )]
    Size(u32, u32),
    /// It is a text.
    #[error("it is a text")]
    Text,
    /// It does not say how long it is.
    #[error("it does not say how long it lasts")]
    NoDuration,
    /// FFmpeg itself is not usable.
    #[error(transparent)]
    Media(#[from] MediaError),
}

/// What the file at `path` holds: footage or sound. Still pictures are not
/// FFmpeg's business here.
pub fn probe(path: &Path) -> Result<AssetKind, ProbeError> {
    crate::media::init()?;
    let input = crate::media::input::open(path)?;
    let sound = input.streams().best(ffmpeg::media::Type::Audio);
    let pictures = input
        .streams()
        .best(ffmpeg::media::Type::Video)
        .filter(|stream| {
            // The cover of a song is a picture of no duration.
            !stream
                .disposition()
                .contains(ffmpeg::format::stream::Disposition::ATTACHED_PIC)
        });
    let duration_of = |stream: &ffmpeg::Stream| {
        let base = stream.time_base();
        let ticks = i128::from(stream.duration()) * i128::from(base.numerator());
        let flicks = ticks * i128::from(crate::time::FLICKS_PER_SECOND)
            / i128::from(base.denominator().max(1));
        i64::try_from(flicks)
            .ok()
            .filter(|flicks| *flicks > 0)
            .map(Time::from_flicks)
    };
    // AV_TIME_BASE is microseconds.
    let container =
        (input.duration() > 0).then(|| Time::from_nanos(input.duration().saturating_mul(1000)));
    let stream = pictures
        .as_ref()
        .or(sound.as_ref())
        .ok_or(ProbeError::Nothing)?;
    let duration = duration_of(stream)
        .or(container)
        .ok_or(ProbeError::NoDuration)?;
    let Some(pictures) = pictures else {
        return Ok(AssetKind::Audio { duration });
    };
    let context = ffmpeg::codec::context::Context::from_parameters(pictures.parameters())
        .and_then(|context| context.decoder().video())
        .map_err(|error| ProbeError::Unreadable(error.to_string()))?;
    let (width, height) = (context.width(), context.height());
    let wide = squared(width, context.aspect_ratio());
    let sides = 2..=MAX_SIDE;
    // What the decoder keeps, and what is made of it.
    let fits = [width, wide].iter().all(|width| {
        sides.contains(width) && sides.contains(&height) && width * height <= MAX_PIXELS
    });
    if !fits {
        return Err(ProbeError::Size(wide.max(width), height));
    }
    // Decoded frames are 4:2:0 in pairs (see `Frame`), of square pixels, turned upright.
    let (width, height) = (wide & !1, height & !1);
    let size = if is_turned(&pictures) {
        (height, width)
    } else {
        (width, height)
    };
    Ok(AssetKind::Video {
        size,
        duration,
        sound: sound.is_some(),
        opaque: !has_alpha(&pictures, context.format()),
    })
}

/// The width of a picture whose pixels are so wide for their height, in square pixels.
fn squared(width: u32, aspect: ffmpeg::Rational) -> u32 {
    let (across, down) = (aspect.numerator(), aspect.denominator());
    if across <= 0 || down <= 0 {
        return width;
    }
    let wide = u64::from(width) * across.unsigned_abs() as u64 / down.unsigned_abs() as u64;
    u32::try_from(wide).unwrap_or(u32::MAX).max(2)
}

/// Whether its pictures have an alpha channel: in the pixels, or, as VP8 and VP9
/// have it, in a stream beside them.
fn has_alpha(stream: &ffmpeg::Stream, format: ffmpeg::format::Pixel) -> bool {
    let components = format
        .descriptor()
        .map_or(3, |format| format.nb_components());
    let beside = stream
        .metadata()
        .get("alpha_mode")
        .is_some_and(|mode| mode == "1");
    beside || matches!(components, 2 | 4)
}

/// Whether the stream's display matrix turns it by 90 or 270 degrees: then
/// its first row is (0, ±1).
fn is_turned(stream: &ffmpeg::Stream) -> bool {
    let matrix = stream
        .side_data()
        .find(|data| data.kind() == ffmpeg::packet::side_data::Type::DisplayMatrix);
    matrix.is_some_and(|data| {
        let entry = |index: usize| {
            data.data()
                .get(4 * index..4 * index + 4)
                .map_or(0, |b| i32::from_ne_bytes([b[0], b[1], b[2], b[3]]))
        };
        entry(0) == 0 && entry(1) != 0
    })
}
