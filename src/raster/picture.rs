//! Still picture files to sprites.
//!
//! PNG, JPEG, WebP and the first frame of a GIF, turned the way their EXIF
//! orientation says. A file is never trusted: its dimensions are checked before
//! any pixel is decoded. Colour profiles are not applied: pixels are taken as sRGB.

use std::io::{Cursor, Read as _};
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use thiserror::Error;

use super::sprite::Sprite;
use crate::template::bind::AssetKind;

/// The largest side of a picture: twice an 8K frame's, so that it may be panned.
pub const MAX_PICTURE_SIDE: u32 = 16_384;
/// The most pixels of a picture (256 MiB of RGBA).
pub const MAX_PICTURE_PIXELS: u64 = 1 << 26;
/// The largest picture file in bytes.
pub const MAX_PICTURE_BYTES: u64 = 64 << 20;
/// The most memory a decoder may take: the pixels in 16 bits, once over.
const MAX_DECODER_MEMORY: u64 = MAX_PICTURE_PIXELS * 8 + MAX_PICTURE_BYTES;

/// Why a file is no picture for us.
#[derive(Debug, Error)]
pub enum PictureError {
    /// The file cannot be read.
    #[error("{}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The file is too large.
    #[error("the file has {bytes} bytes: expected at most {MAX_PICTURE_BYTES}")]
    TooLong {
        /// Its length.
        bytes: u64,
    },
    /// Not one of the formats.
    #[error("not a PNG, JPEG, WebP or GIF")]
    Format,
    /// The picture is too large.
    #[error(
        "{width}x{height} pixels: expected sides from 1 to {MAX_PICTURE_SIDE} and at most {MAX_PICTURE_PIXELS} pixels"
    )]
    TooLarge {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The file is damaged, or needs more memory than a decoder may take.
    #[error("cannot be decoded: {0}")]
    Decode(#[from] image::ImageError),
}

/// What the file at `path` is as an asset, if it is a picture at all. Decodes it
/// only where that is the one way to tell whether it is opaque.
pub fn probe_picture(path: &Path) -> Option<Result<AssetKind, PictureError>> {
    let mut head = [0; 32];
    let read = std::fs::File::open(path).and_then(|mut file| file.read(&mut head));
    if let Ok(read) = read
        && !image::guess_format(&head[..read]).is_ok_and(is_supported)
    {
        return None;
    }
    Some(file_bytes(path).and_then(|bytes| {
        let mut decoder = open(&bytes)?;
        let (width, height) = decoder.dimensions();
        let turned = decoder.orientation()?.to_exif() >= FIRST_TURNED;
        let size = if turned {
            (height, width)
        } else {
            (width, height)
        };
        let opaque = !decoder.color_type().has_alpha() || decode_picture(&bytes)?.is_opaque();
        Ok(AssetKind::Image { size, opaque })
    }))
}

/// Of the eight EXIF orientations the first that swaps width and height.
const FIRST_TURNED: u8 = 5;

/// Reads and decodes the picture file at `path`.
pub fn read_picture(path: &Path) -> Result<Sprite, PictureError> {
    decode_picture(&file_bytes(path)?)
}

fn file_bytes(path: &Path) -> Result<Vec<u8>, PictureError> {
    let read = |error| PictureError::Read {
        path: path.to_owned(),
        error,
    };
    let bytes = std::fs::metadata(path).map_err(read)?.len();
    if bytes > MAX_PICTURE_BYTES {
        return Err(PictureError::TooLong { bytes });
    }
    std::fs::read(path).map_err(read)
}

fn is_supported(format: ImageFormat) -> bool {
    matches!(
        format,
        ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP | ImageFormat::Gif
    )
}

/// A decoder of a picture whose size is within bounds.
fn open(bytes: &[u8]) -> Result<impl ImageDecoder + '_, PictureError> {
    let format = image::guess_format(bytes).map_err(|_| PictureError::Format)?;
    if !is_supported(format) {
        return Err(PictureError::Format);
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODER_MEMORY);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    let sides = 1..=MAX_PICTURE_SIDE;
    if !sides.contains(&width)
        || !sides.contains(&height)
        || u64::from(width) * u64::from(height) > MAX_PICTURE_PIXELS
    {
        return Err(PictureError::TooLarge { width, height });
    }
    Ok(decoder)
}

/// Decodes the bytes of a picture file.
pub fn decode_picture(bytes: &[u8]) -> Result<Sprite, PictureError> {
    if bytes.len() as u64 > MAX_PICTURE_BYTES {
        return Err(PictureError::TooLong {
            bytes: bytes.len() as u64,
        });
    }
    let mut decoder = open(bytes)?;
    let orientation = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    let rgba = picture.into_rgba8();
    let (width, height) = rgba.dimensions();
    Ok(Sprite::from_straight(width, height, rgba.into_raw())
        .expect("a picture has as many pixels as its size says"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageEncoder, Rgba, RgbaImage};

    /// Two pixels: half transparent red, and opaque blue to its right.
    fn two_pixels() -> RgbaImage {
        RgbaImage::from_fn(2, 1, |x, _| {
            if x == 0 {
                Rgba([255, 0, 0, 128])
            } else {
                Rgba([0, 0, 255, 255])
            }
        })
    }

    fn encoded(format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        two_pixels().write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn lossless_pictures_come_out_premultiplied() {
        for format in [ImageFormat::Png, ImageFormat::WebP] {
            let sprite = decode_picture(&encoded(format)).unwrap();
            assert_eq!(
                sprite.rgba(),
                [128, 0, 0, 128, 0, 0, 255, 255],
                "{format:?}"
            );
            assert!(!sprite.is_opaque());
        }
    }

    #[test]
    fn the_exif_orientation_turns_the_picture() {
        // A TIFF header and one entry: orientation (0x0112), short, 1 value, 6 = turn clockwise.
        let exif = [
            b"MM\0\x2a\0\0\0\x08\0\x01".as_slice(),
            b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0",
            b"\0\0\0\0",
        ]
        .concat();
        let mut bytes = Vec::new();
        let mut encoder = image::codecs::png::PngEncoder::new(&mut bytes);
        encoder.set_exif_metadata(exif).unwrap();
        encoder
            .write_image(two_pixels().as_raw(), 2, 1, image::ExtendedColorType::Rgba8)
            .unwrap();
        let sprite = decode_picture(&bytes).unwrap();
        assert_eq!((sprite.width(), sprite.height()), (1, 2));
        assert_eq!(sprite.rgba()[..4], [128, 0, 0, 128]);
    }

    #[test]
    fn a_jpeg_is_opaque_and_a_gif_gives_its_first_frame() {
        let mut jpeg = Cursor::new(Vec::new());
        DynamicImage::ImageRgba8(two_pixels())
            .into_rgb8()
            .write_to(&mut jpeg, ImageFormat::Jpeg)
            .unwrap();
        assert!(decode_picture(&jpeg.into_inner()).unwrap().is_opaque());
        let mut gif = Vec::new();
        {
            let mut encoder = image::codecs::gif::GifEncoder::new(&mut gif);
            for colour in [[10, 20, 30, 255], [200, 100, 50, 255]] {
                encoder
                    .encode_frame(image::Frame::new(RgbaImage::from_pixel(3, 2, Rgba(colour))))
                    .unwrap();
            }
        }
        let sprite = decode_picture(&gif).unwrap();
        assert_eq!(
            (sprite.width(), sprite.height(), &sprite.rgba()[..4]),
            (3, 2, [10, 20, 30, 255].as_slice())
        );
    }

    #[test]
    fn what_is_no_picture_or_too_large_is_refused() {
        assert!(matches!(
            decode_picture(b"<svg/>"),
            Err(PictureError::Format)
        ));
        assert!(matches!(
            decode_picture(&encoded(ImageFormat::Png)[..40]),
            Err(PictureError::Decode(_))
        ));
        // A JPEG whose header claims 65535 x 65535 pixels.
        let mut jpeg = Cursor::new(Vec::new());
        DynamicImage::ImageRgba8(two_pixels())
            .into_rgb8()
            .write_to(&mut jpeg, ImageFormat::Jpeg)
            .unwrap();
        let mut jpeg = jpeg.into_inner();
        let frame_header = jpeg
            .windows(2)
            .position(|marker| marker == [0xff, 0xc0])
            .unwrap();
        jpeg[frame_header + 5..frame_header + 9].fill(0xff);
        assert!(matches!(
            decode_picture(&jpeg),
            Err(PictureError::TooLarge {
                width: 65535,
                height: 65535
            })
        ));
        assert!(matches!(
            read_picture(Path::new("/no/such.png")),
            Err(PictureError::Read { .. })
        ));
    }
}
