//! Filters: changes of a picture's colours, and blur.
//!
//! All that change colours are straight lines in Y'CbCr, plane by plane, so they
//! hold for premultiplied samples too, and no picture has to go through RGB.

use image::imageops::fast_blur;
use image::{GrayImage, ImageBuffer};

use crate::render::picture::Level;
use crate::render::plane::Plane;
use crate::timeline::treatment::Filter;

/// Luma of black, middle grey and white.
const BLACK: f64 = 16.0;
const GREY: f64 = 125.5;
const WHITE: f64 = 235.0;

/// Chroma of a grey.
const NEUTRAL: f64 = 128.0;

/// How much of the frame's height the radius of a blur is.
const BLUR_SHARE: f64 = 0.012;

/// A sample v becomes `factor` v + `offset`.
#[derive(Clone, Copy)]
struct Line {
    factor: f64,
    offset: f64,
}

impl Line {
    /// What stretches the distance from `centre`.
    const fn about(centre: f64, factor: f64) -> Self {
        Self {
            factor,
            offset: centre * (1.0 - factor),
        }
    }
}

/// What a filter does to luma and to chroma; `None` for one that changes no colours.
const fn lines(filter: Filter) -> Option<[Line; 2]> {
    let (luma, chroma) = match filter {
        Filter::Blur => return None,
        Filter::Boost => (Line::about(GREY, 1.2), 1.5),
        Filter::Contrast => (Line::about(GREY, 1.5), 1.2),
        Filter::Darken => (Line::about(BLACK, 0.6), 0.6),
        Filter::Greyscale => (Line::about(BLACK, 1.0), 0.0),
        Filter::Lighten => (Line::about(WHITE, 0.6), 0.6),
        Filter::Muted => (Line::about(GREY, 0.8), 0.5),
        Filter::Negative => (Line::about(GREY, -1.0), -1.0),
    };
    Some([luma, Line::about(NEUTRAL, chroma)])
}

/// Changes the colours of a picture as `filter` does.
pub(super) fn apply(filter: Filter, level: &mut Level) {
    let Some([luma, chroma]) = lines(filter) else {
        return;
    };
    for (index, plane) in level.planes.iter_mut().enumerate() {
        let (line, highest) = if index == 0 {
            (luma, WHITE)
        } else {
            (chroma, 240.0)
        };
        let of = |sample: u8, alpha: u8| {
            let share = f64::from(alpha) / 255.0;
            let value = line.factor * f64::from(sample) + line.offset * share;
            value.clamp(BLACK * share, highest * share).round() as u8
        };
        match &level.alpha {
            None => {
                let table: Vec<u8> = (0..=255).map(|sample| of(sample, 255)).collect();
                for sample in &mut plane.data {
                    *sample = table[usize::from(*sample)];
                }
            }
            Some(alpha) => {
                for (sample, alpha) in plane.data.iter_mut().zip(&alpha.of(index).data) {
                    *sample = of(*sample, *alpha);
                }
            }
        }
    }
}

/// The radius of a blur in a frame of this height, as the standard deviation of a
/// Gaussian, in pixels.
pub(super) fn blur_radius(frame_height: usize) -> f64 {
    frame_height as f64 * BLUR_SHARE
}

/// `plane` out of focus; its edges count as going on beyond it.
pub(super) fn blurred(plane: Plane, radius: f64) -> Plane {
    let Plane {
        width,
        height,
        data,
    } = plane;
    let picture: Option<GrayImage> = ImageBuffer::from_raw(width as u32, height as u32, data);
    let picture = picture.expect("a plane has width x height samples");
    let data = fast_blur(&picture, radius as f32).into_raw();
    Plane {
        width,
        height,
        data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::picture::{Picture, ycbcr};

    fn toned(filter: Filter, rgba: [u8; 4]) -> [u8; 3] {
        let picture = Picture::from_rgba(1, 1, &rgba).toned(filter);
        let (level, _) = picture.level(1.0);
        [0, 1, 2].map(|plane: usize| level.planes[plane].data[0])
    }

    #[test]
    fn filters_change_colours_as_they_are_called() {
        let grey = ycbcr([54, 54, 54]);
        let opaque = |r, g, b| [r, g, b, 255];
        // Greyscale keeps the luma of BT.709.
        let red = toned(Filter::Greyscale, opaque(255, 0, 0));
        assert_eq!((red[1], red[2]), (128, 128));
        assert!(red[0].abs_diff(grey[0]) <= 1, "{red:?} {grey:?}");
        for (rgb, turned) in [
            ([255, 0, 0], [0, 255, 255]),
            ([20, 200, 90], [235, 55, 165]),
        ] {
            let [r, g, b] = rgb;
            let negative = toned(Filter::Negative, opaque(r, g, b));
            for (is, expected) in negative.iter().zip(ycbcr(turned)) {
                assert!(is.abs_diff(expected) <= 1, "{negative:?} {rgb:?}");
            }
        }
        let luma = |filter| toned(filter, opaque(180, 180, 180))[0];
        let same = ycbcr([180, 180, 180])[0];
        assert!(luma(Filter::Darken) < same && luma(Filter::Lighten) > same);
        assert!(luma(Filter::Contrast) > luma(Filter::Boost) && luma(Filter::Boost) > same);
        assert!(luma(Filter::Muted) < same);
        let strength = |filter| toned(filter, opaque(200, 100, 100))[2].abs_diff(128);
        assert!(strength(Filter::Boost) > strength(Filter::Blur));
        assert!(strength(Filter::Muted) < strength(Filter::Blur));
    }

    #[test]
    fn transparent_pixels_stay_transparent_and_half_ones_half() {
        for (_, filter) in Filter::NAMED {
            assert_eq!(toned(filter, [0, 0, 0, 0]), [0, 0, 0], "{filter:?}");
        }
        let half = toned(Filter::Negative, [0, 0, 0, 128]);
        let white = toned(Filter::Negative, [0, 0, 0, 255]);
        assert!(half[0].abs_diff(white[0] / 2) <= 1, "{half:?} {white:?}");
    }

    #[test]
    fn blur_spreads_and_leaves_an_even_plane_even() {
        let even = blurred(Plane::filled(64, 48, 90), 6.0);
        assert!(even.data.iter().all(|sample| sample.abs_diff(90) <= 1));
        let mut point = Plane::filled(65, 65, 0);
        point.data[32 * 65 + 32] = 255;
        let spread = blurred(point, 2.0);
        assert!(spread.data[32 * 65 + 32] < 60 && spread.data[32 * 65 + 34] > 0);
    }
}
