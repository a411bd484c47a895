//! One frame of a chunk as a picture file.

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder as _};

use crate::chunk::ChunkSpec;
use crate::media::Frame;
use crate::render::compose::Composer;
use crate::render::{RenderError, Renderer};

/// JPEG quality, 1 to 100.
const QUALITY: u8 = 85;

impl Renderer {
    /// The middle frame of a video chunk as JPEG.
    pub fn still(&self, spec: &ChunkSpec) -> Result<Vec<u8>, RenderError> {
        let ChunkSpec::Video(spec) = spec else {
            return Err(RenderError::Package("sound has no picture".into()));
        };
        let mut composer = Composer::new(self, spec);
        let frame = composer.on_ground(spec.frames / 2, 0..composer.layers())?;
        composer.finish();
        let mut jpeg = Vec::new();
        JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
            .write_image(
                &rgb(&frame),
                spec.profile.width,
                spec.profile.height,
                ExtendedColorType::Rgb8,
            )
            .map_err(|error| RenderError::Package(error.to_string()))?;
        Ok(jpeg)
    }
}

/// Y'CbCr (BT.709, limited range) to RGB.
fn rgb(frame: &Frame) -> Vec<u8> {
    let (width, height, stride) = frame.plane_size(0);
    let chroma_stride = frame.plane_size(1).2;
    let [luma, cb, cr] = frame.planes();
    let mut rgb = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            let chroma = (y / 2) * chroma_stride + x / 2;
            let l = 1.164_383 * (f32::from(luma[y * stride + x]) - 16.0);
            let (b, r) = (f32::from(cb[chroma]) - 128.0, f32::from(cr[chroma]) - 128.0);
            let pixel = [
                l + 1.792_741 * r,
                l - 0.213_249 * b - 0.532_909 * r,
                l + 2.112_402 * b,
            ];
            rgb.extend(pixel.map(|value| value.round().clamp(0.0, 255.0) as u8));
        }
    }
    rgb
}
