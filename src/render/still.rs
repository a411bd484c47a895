//! One frame of a chunk as a picture file.

use fast_image_resize::images::Image;
use fast_image_resize::{PixelType, Resizer};
use image::codecs::bmp::BmpEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder as _};

use crate::chunk::ChunkSpec;
use crate::chunk::spec::VideoSpec;
use crate::media::{Frame, rgb};
use crate::profile::Quality;
use crate::render::compose::Composer;
use crate::render::{RenderError, Renderer};

/// A kind of picture file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StillFormat {
    /// With losses.
    Jpeg(Quality),
    /// Without.
    Png,
    /// Not compressed.
    Bmp,
}

impl Renderer {
    /// The middle frame of a video chunk as JPEG.
    pub fn still(&self, spec: &ChunkSpec) -> Result<Vec<u8>, RenderError> {
        let ChunkSpec::Video(spec) = spec else {
            return Err(RenderError::Package("sound has no picture".into()));
        };
        let format = StillFormat::Jpeg(Quality::Medium);
        let size = (spec.profile.width, spec.profile.height);
        self.picture(spec, spec.frames / 2, size, format)
    }

    /// Frame `index` of a chunk as a file, scaled to `size` in pixels.
    pub fn picture(
        &self,
        spec: &VideoSpec,
        index: u32,
        size: (u32, u32),
        format: StillFormat,
    ) -> Result<Vec<u8>, RenderError> {
        let mut composer = Composer::new(self, spec);
        let frame = composer.on_ground(index, 0..composer.layers())?;
        composer.finish();
        let pixels = scaled(rgb(&frame), (spec.profile.width, spec.profile.height), size)?;
        let mut file = Vec::new();
        let (width, height) = size;
        let color = ExtendedColorType::Rgb8;
        match format {
            StillFormat::Jpeg(quality) => {
                JpegEncoder::new_with_quality(&mut file, jpeg_quality(quality))
                    .write_image(&pixels, width, height, color)
            }
            StillFormat::Png => {
                PngEncoder::new(&mut file).write_image(&pixels, width, height, color)
            }
            StillFormat::Bmp => {
                BmpEncoder::new(&mut file).write_image(&pixels, width, height, color)
            }
        }
        .map_err(|error| RenderError::Package(error.to_string()))?;
        Ok(file)
    }
}

/// A frame as a JPEG that is no wider than `max_width` pixels.
pub fn small_jpeg(frame: &Frame, max_width: u32) -> Result<Vec<u8>, RenderError> {
    // No side has more pixels than a `u32` can count.
    let (width, height) = (frame.layout.width as u32, frame.layout.height as u32);
    let smaller = width.clamp(1, max_width);
    let size = (smaller, (height * smaller / width.max(1)).max(1));
    let pixels = scaled(rgb(frame), (width, height), size)?;
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, jpeg_quality(Quality::Medium))
        .write_image(&pixels, size.0, size.1, ExtendedColorType::Rgb8)
        .map_err(|error| RenderError::Package(error.to_string()))?;
    Ok(file)
}

/// Of 1 to 100.
const fn jpeg_quality(quality: Quality) -> u8 {
    match quality {
        Quality::VeryLow => 50,
        Quality::Low => 70,
        Quality::Medium => 85,
        Quality::High => 92,
        Quality::VeryHigh => 97,
    }
}

fn scaled(pixels: Vec<u8>, from: (u32, u32), to: (u32, u32)) -> Result<Vec<u8>, RenderError> {
    if from == to {
        return Ok(pixels);
    }
    let failed = |error: &dyn std::fmt::Display| RenderError::Package(error.to_string());
    let source = Image::from_vec_u8(from.0, from.1, pixels, PixelType::U8x3)
        .map_err(|error| failed(&error))?;
    let mut target = Image::new(to.0, to.1, PixelType::U8x3);
    Resizer::new()
        .resize(&source, &mut target, None)
        .map_err(|error| failed(&error))?;
    Ok(target.into_vec())
}
