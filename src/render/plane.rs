//! One plane of samples: cut, bordered, mirrored, resampled.

use fast_image_resize as fir;
use fir::images::{Image, ImageRef};

use crate::render::place::Rect;

/// One plane of 8-bit samples without padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plane {
    pub width: usize,
    pub height: usize,
    pub data: Vec<u8>,
}

impl Plane {
    /// The same sample everywhere.
    pub fn filled(width: usize, height: usize, sample: u8) -> Self {
        Self {
            width,
            height,
            data: vec![sample; width * height],
        }
    }

    /// Copies a part of a plane whose rows are `stride` bytes apart: `width` by
    /// `height` samples from (`left`, `top`) on.
    pub fn copied(
        (left, top): (usize, usize),
        (width, height): (usize, usize),
        stride: usize,
        data: &[u8],
    ) -> Self {
        let rows = data.chunks(stride.max(1)).skip(top).take(height);
        Self {
            width,
            height,
            data: rows
                .flat_map(|row| &row[left..left + width])
                .copied()
                .collect(),
        }
    }

    /// A part of it, which must lie within.
    pub fn cut(&self, from: (usize, usize), size: (usize, usize)) -> Self {
        Self::copied(from, size, self.width, &self.data)
    }

    /// With a border of zeros, so many samples at either side, and above and below:
    /// transparent, as samples are premultiplied.
    pub fn bordered(&self, (across, down): (usize, usize)) -> Self {
        let width = self.width + 2 * across;
        let mut bordered = Self::filled(width, self.height + 2 * down, 0);
        let rows = bordered.data.chunks_mut(width);
        for (to, from) in rows.skip(down).zip(self.data.chunks(self.width.max(1))) {
            to[across..across + self.width].copy_from_slice(from);
        }
        bordered
    }

    /// Mirrored across, and upside down.
    pub fn mirrored(&self, across: bool, down: bool) -> Self {
        let row = |row: usize| {
            let row = if down { self.height - 1 - row } else { row };
            &self.data[row * self.width..(row + 1) * self.width]
        };
        let mut data = Vec::with_capacity(self.data.len());
        for at in 0..self.height {
            if across {
                data.extend(row(at).iter().rev());
            } else {
                data.extend_from_slice(row(at));
            }
        }
        Self { data, ..*self }
    }

    /// Half as wide and high: the mean of each four.
    pub fn halved(&self) -> Self {
        let (width, height) = (self.width.div_ceil(2), self.height.div_ceil(2));
        let mut data = Vec::with_capacity(width * height);
        for y in 0..height {
            let upper = &self.data[2 * y * self.width..][..self.width];
            let lower = (2 * y + 1).min(self.height - 1);
            let lower = &self.data[lower * self.width..][..self.width];
            data.extend((0..width).map(|x| {
                let right = (2 * x + 1).min(self.width - 1);
                let [a, b, c, d] = [upper[2 * x], upper[right], lower[2 * x], lower[right]];
                ((u16::from(a) + u16::from(b) + u16::from(c) + u16::from(d) + 2) / 4) as u8
            }));
        }
        Self {
            width,
            height,
            data,
        }
    }

    /// The part `source` of it, which must lie within, at another size: Lanczos, and
    /// exact to fractions of a pixel, so that slow movement is smooth.
    pub fn resampled(&self, source: Rect, width: usize, height: usize) -> Self {
        let whole = source.x == 0.0 && source.y == 0.0;
        if whole
            && (source.width, source.height) == (width as f64, height as f64)
            && (self.width, self.height) == (width, height)
        {
            return self.clone();
        }
        let mut to = Image::new(width as u32, height as u32, fir::PixelType::U8);
        // A hair beyond the edge, as sums of fractions are, would be refused.
        let (left, top) = (source.x.max(0.0), source.y.max(0.0));
        let options = fir::ResizeOptions::new()
            .resize_alg(fir::ResizeAlg::Convolution(fir::FilterType::Lanczos3))
            .crop(
                left,
                top,
                source.width.min(self.width as f64 - left),
                source.height.min(self.height as f64 - top),
            );
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

    /// Each sample times that of `by`, which is 255 for one.
    pub fn multiply(&mut self, by: &[u8]) {
        for (sample, by) in self.data.iter_mut().zip(by) {
            *sample = times(*sample, *by);
        }
    }
}

/// The product of two shares in 1/255, rounded.
pub(super) fn times(a: u8, b: u8) -> u8 {
    let product = u32::from(a) * u32::from(b) + 128;
    ((product + (product >> 8)) >> 8) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting(width: usize, height: usize) -> Plane {
        Plane {
            width,
            height,
            data: (0..(width * height) as u8).collect(),
        }
    }

    #[test]
    fn products_of_shares_are_rounded_to_the_nearest() {
        for (a, b) in [
            (0, 255),
            (255, 255),
            (128, 128),
            (255, 7),
            (3, 85),
            (200, 100),
        ] {
            let exact = (f64::from(a) * f64::from(b) / 255.0).round() as u8;
            assert_eq!(times(a, b), exact, "{a} {b}");
        }
    }

    #[test]
    fn planes_are_cut_bordered_and_mirrored() {
        let plane = counting(3, 2);
        assert_eq!(plane.cut((1, 1), (2, 1)).data, [4, 5]);
        assert_eq!(plane.mirrored(true, false).data, [2, 1, 0, 5, 4, 3]);
        assert_eq!(plane.mirrored(false, true).data, [3, 4, 5, 0, 1, 2]);
        let bordered = plane.bordered((1, 2));
        assert_eq!((bordered.width, bordered.height), (5, 6));
        assert_eq!(bordered.data[10..15], [0, 0, 1, 2, 0]);
    }

    #[test]
    fn halving_takes_the_mean_also_at_odd_edges() {
        assert_eq!(counting(3, 3).halved().data, [2, 4, 7, 8]);
    }

    #[test]
    fn an_even_plane_stays_even_when_resampled() {
        let plane = Plane::filled(100, 60, 77);
        let source = Rect {
            x: 10.3,
            y: 5.7,
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
