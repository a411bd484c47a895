//! At which size shapes are drawn: that at which they are shown, so that they are
//! crisp, however small they say they are.

use crate::timeline::motion::{Fit, Motion};

/// The longest side of what is drawn, in pixels; shown larger, it is enlarged.
const MAX_SIDE: f64 = 4096.0;

/// The most pixels of a still drawing: twice a 4K frame.
pub(super) const STILL_PIXELS: f64 = 16_777_216.0;

/// The most pixels of an animation, each frame of which is drawn anew: a little
/// more than a 1080p frame.
pub(super) const MOVING_PIXELS: f64 = 4_194_304.0;

/// Factors nearer to one another than this make no visible difference.
const SLIGHT: f64 = 0.01;

/// How a drawing that wants to be `natural` pixels large is drawn for a clip that
/// moves like `motion` in a frame of `frame` pixels: the size in pixels, and by how
/// much the clip's scale is to be multiplied for that.
pub(super) fn drawn(
    natural: (f64, f64),
    motion: &Motion,
    frame: (u32, u32),
    most_pixels: f64,
) -> ((u32, u32), f64) {
    let (across, down) = motion.bounds_in(frame);
    let (x, y) = (f64::from(across) / natural.0, f64::from(down) / natural.1);
    let fitted = match motion.fit {
        Fit::None => 1.0,
        Fit::Contain => x.min(y),
        Fit::Crop | Fit::Cover => x.max(y),
    };
    let scale = motion.scale.highest();
    let wanted = fitted * if scale > 0.0 { scale } else { 1.0 };
    let side = MAX_SIDE / natural.0.max(natural.1);
    let area = (most_pixels / (natural.0 * natural.1)).sqrt();
    let mut factor = wanted.min(side).min(area);
    if (factor - 1.0).abs() < SLIGHT {
        factor = 1.0;
    }
    let pixels = |length: f64| (length * factor).round().clamp(1.0, MAX_SIDE) as u32;
    let size = (pixels(natural.0), pixels(natural.1));
    // All other fits go by the shape alone.
    let scale = if motion.fit == Fit::None {
        1.0 / factor
    } else {
        1.0
    };
    (size, scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::curve::Curve;

    #[test]
    fn a_drawing_is_drawn_as_large_as_it_is_shown() {
        for (fit, bounds, scale, size, factor) in [
            (Fit::None, (None, None), 1.0, (100, 50), 1.0),
            (Fit::None, (None, None), 4.0, (400, 200), 0.25),
            (Fit::None, (None, None), 0.5, (50, 25), 2.0),
            (Fit::None, (None, None), 0.0, (100, 50), 1.0),
            (Fit::None, (None, None), 100.0, (4096, 2048), 1.0 / 40.96),
            (Fit::Contain, (None, None), 1.0, (1280, 640), 1.0),
            (Fit::Contain, (Some(200), Some(200)), 2.0, (400, 200), 1.0),
            (Fit::Crop, (None, None), 1.0, (1440, 720), 1.0),
            (Fit::Cover, (Some(64), Some(64)), 1.0, (128, 64), 1.0),
        ] {
            let motion = Motion {
                fit,
                bounds,
                scale: Curve::constant(scale),
                ..Motion::default()
            };
            let drawn = drawn((100.0, 50.0), &motion, (1280, 720), STILL_PIXELS);
            assert_eq!(drawn, (size, factor), "{fit:?} {bounds:?} {scale}");
        }
    }

    #[test]
    fn what_moves_is_drawn_with_fewer_pixels() {
        let motion = Motion {
            fit: Fit::Crop,
            ..Motion::default()
        };
        let ((width, height), _) = drawn((1.0, 1.0), &motion, (4096, 2160), MOVING_PIXELS);
        assert_eq!((width, height), (2048, 2048));
    }
}
