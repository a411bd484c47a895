//! Still pictures as the compositor wants them: planar, premultiplied, in
//! several sizes.

use fast_image_resize as fir;
use fir::images::{Image, ImageRef};

/// One plane of 8-bit samples without padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plane {
    pub width: usize,
    pub height: usize,
    pub data: Vec<u8>,
}

/// A picture in Y'CbCr 4:4:4, BT.709 limited range, each sample already
/// multiplied by alpha, with the alpha plane unless it is opaque.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    /// The full size first, each next one half of it.
    levels: Vec<Level>,
}

/// One size of a picture.
#[derive(Clone, Debug)]
pub(super) struct Level {
    /// Y', Cb, Cr.
    pub planes: [Plane; 3],
    pub alpha: Option<Plane>,
}

/// Below this side no smaller size is made.
const SMALLEST_SIDE: usize = 64;

/// BT.709 to limited range, in 1/65536: rows Y', Cb, Cr; columns R, G, B.
/// (Y': 219 Kr, Kg, Kb; chroma: 224/2 over 1-Kb and 1-Kr; each over 255.)
const FROM_RGB: [[i32; 3]; 3] = [
    [11_966, 40_254, 4_064],
    [-6_596, -22_189, 28_784],
    [28_784, -26_145, -2_639],
];

/// What each sample is at black, times alpha.
const OFFSET: [i32; 3] = [16, 128, 128];

impl Picture {
    /// From premultiplied RGBA, row by row.
    pub fn from_rgba(width: usize, height: usize, rgba: &[u8]) -> Self {
        let opaque = rgba.chunks_exact(4).all(|pixel| pixel[3] == 255);
        let plane = |of: &dyn Fn(&[u8]) -> u8| Plane {
            width,
            height,
            data: rgba.chunks_exact(4).map(of).collect(),
        };
        let planes = [0, 1, 2].map(|row: usize| plane(&|pixel| convert(row, pixel)));
        let alpha = (!opaque).then(|| plane(&|pixel| pixel[3]));
        let mut levels = vec![Level { planes, alpha }];
        while let Some(last) = levels.last()
            && last.planes[0].width.min(last.planes[0].height) >= 2 * SMALLEST_SIDE
        {
            let next = last.halved();
            levels.push(next);
        }
        Self { levels }
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (usize, usize) {
        let luma = &self.levels[0].planes[0];
        (luma.width, luma.height)
    }

    /// Whether no pixel is transparent.
    pub fn is_opaque(&self) -> bool {
        self.levels[0].alpha.is_none()
    }

    /// The smallest size that is not enlarged when drawn `width` pixels wide.
    pub fn level(&self, width: f64) -> &Level {
        let large_enough = |level: &&Level| level.planes[0].width as f64 >= width;
        self.levels
            .iter()
            .rev()
            .find(large_enough)
            .unwrap_or(&self.levels[0])
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        self.levels
            .iter()
            .map(|level| level.planes[0].data.len() * if level.alpha.is_some() { 4 } else { 3 })
            .sum()
    }
}

/// One sample of a premultiplied pixel.
fn convert(row: usize, pixel: &[u8]) -> u8 {
    let [r, g, b] = FROM_RGB[row];
    let sum = r * i32::from(pixel[0]) + g * i32::from(pixel[1]) + b * i32::from(pixel[2]);
    let offset = OFFSET[row] * i32::from(pixel[3]) * 65_536 / 255;
    ((sum + offset + 32_768) >> 16).clamp(0, 255) as u8
}

/// A colour as Y', Cb, Cr.
pub(super) fn ycbcr([r, g, b]: [u8; 3]) -> [u8; 3] {
    [0, 1, 2].map(|row| convert(row, &[r, g, b, 255]))
}

impl Level {
    fn halved(&self) -> Self {
        let half = |plane: &Plane| {
            let source = Source {
                left: 0.0,
                top: 0.0,
                width: plane.width as f64,
                height: plane.height as f64,
            };
            plane.resampled(source, plane.width.div_ceil(2), plane.height.div_ceil(2))
        };
        Self {
            planes: [0, 1, 2].map(|plane: usize| half(&self.planes[plane])),
            alpha: self.alpha.as_ref().map(half),
        }
    }
}

/// The part of a plane that is drawn, in its pixels; may begin and end between them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

impl Plane {
    /// Copies a plane whose rows are `stride` bytes apart.
    pub fn copied(width: usize, height: usize, stride: usize, data: &[u8]) -> Self {
        let rows = data.chunks(stride).take(height);
        Self {
            width,
            height,
            data: rows.flat_map(|row| &row[..width]).copied().collect(),
        }
    }

    /// With a border of zeros: transparent, as samples are premultiplied.
    pub fn bordered(&self, border: usize) -> Self {
        let (width, height) = (self.width + 2 * border, self.height + 2 * border);
        let mut data = vec![0; width * height];
        for (to, from) in data
            .chunks_mut(width)
            .skip(border)
            .zip(self.data.chunks(self.width))
        {
            to[border..border + self.width].copy_from_slice(from);
        }
        Self {
            width,
            height,
            data,
        }
    }

    /// The part `source` of it at another size: Lanczos, and exact to fractions
    /// of a pixel, so that slow movement is smooth.
    pub fn resampled(&self, source: Source, width: usize, height: usize) -> Self {
        let whole = source.left == 0.0 && source.top == 0.0;
        if whole
            && (source.width, source.height) == (width as f64, height as f64)
            && (self.width, self.height) == (width, height)
        {
            return self.clone();
        }
        let mut to = Image::new(width as u32, height as u32, fir::PixelType::U8);
        let options = fir::ResizeOptions::new()
            .resize_alg(fir::ResizeAlg::Convolution(fir::FilterType::Lanczos3))
            .crop(source.left, source.top, source.width, source.height);
        let from = ImageRef::new(
            self.width as u32,
            self.height as u32,
            &self.data,
            fir::PixelType::U8,
        )
        .expect("a plane has width x height samples");
        fir::Resizer::new()
            .resize(&from, &mut to, &options)
            .expect("the source was cut to the plane, and both are 8-bit");
        Self {
            width,
            height,
            data: to.into_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primaries_come_out_as_bt_709_limited_range() {
        for (rgb, expected) in [
            ([0, 0, 0], [16, 128, 128]),
            ([255, 255, 255], [235, 128, 128]),
            ([255, 0, 0], [63, 102, 240]),
            ([0, 255, 0], [173, 42, 26]),
            ([0, 0, 255], [32, 240, 118]),
            ([128, 128, 128], [126, 128, 128]),
        ] {
            assert_eq!(ycbcr(rgb), expected, "{rgb:?}");
        }
    }

    #[test]
    fn a_transparent_pixel_adds_nothing() {
        let picture = Picture::from_rgba(1, 1, &[0, 0, 0, 0]);
        assert_eq!(
            [0, 1, 2].map(|plane: usize| picture.levels[0].planes[plane].data[0]),
            [0, 0, 0]
        );
        assert!(!picture.is_opaque());
    }

    #[test]
    fn a_picture_is_drawn_from_the_smallest_size_that_is_large_enough() {
        let picture = Picture::from_rgba(1024, 512, &vec![255; 1024 * 512 * 4]);
        for (width, expected) in [
            (2000.0, 1024),
            (1024.0, 1024),
            (513.0, 1024),
            (512.0, 512),
            (100.0, 128),
        ] {
            assert_eq!(picture.level(width).planes[0].width, expected, "{width}");
        }
    }

    #[test]
    fn an_even_plane_stays_even_when_resampled() {
        let plane = Plane {
            width: 100,
            height: 60,
            data: vec![77; 6000],
        };
        let source = Source {
            left: 10.3,
            top: 5.7,
            width: 50.4,
            height: 40.2,
        };
        assert!(
            plane
                .resampled(source, 33, 21)
                .data
                .iter()
                .all(|sample| *sample == 77)
        );
    }
}
