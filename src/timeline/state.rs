//! How a layer is drawn in one frame: where, turned how, how opaque.
//!
//! Everything that moves or fades a clip ends here, in fixed point. Identity and
//! renderer both use the state, never what it was made from, so two ways of
//! saying the same motion are the same chunk, and what was hashed is what is drawn.

/// Fractions of a pixel in [`State`]: 1/256.
pub const SUBPIXELS: i32 = 256;

/// [`State::opacity`] of a fully opaque layer.
pub const OPAQUE: u16 = 256;

/// Where a layer is drawn in one frame: a rectangle in 1/256 pixel from the
/// frame's top left corner, turned about its centre, with an opacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// Left edge.
    pub x: i32,
    /// Top edge.
    pub y: i32,
    /// Width; not negative.
    pub width: i32,
    /// Height; not negative.
    pub height: i32,
    /// How the rectangle is turned about its centre.
    pub turn: Turn,
    /// Which part of it is shown.
    pub wipe: Option<Wipe>,
    /// 0 (invisible) to [`OPAQUE`].
    pub opacity: u16,
}

/// A linear map about the centre of a rectangle, in 1/65536, y pointing down:
/// what stands at (x, y) from the centre is drawn at (`xx` x + `xy` y, `yx` x + `yy` y).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the formula says it")]
pub struct Turn {
    pub xx: i32,
    pub xy: i32,
    pub yx: i32,
    pub yy: i32,
}

impl Turn {
    /// A factor of one.
    pub const UNIT: i32 = 65_536;

    /// Not turned.
    pub const NONE: Self = Self {
        xx: Self::UNIT,
        xy: 0,
        yx: 0,
        yy: Self::UNIT,
    };

    /// First flipped across and down, then skewed by these degrees along x and y, then
    /// turned clockwise by `angle` degrees.
    pub fn new(angle: f64, (skew_x, skew_y): (f64, f64), (across, down): (bool, bool)) -> Self {
        if angle == 0.0 && skew_x == 0.0 && skew_y == 0.0 {
            let sign = |flip: bool| if flip { -Self::UNIT } else { Self::UNIT };
            return Self {
                xx: sign(across),
                yy: sign(down),
                ..Self::NONE
            };
        }
        // `libm`, because the system's functions round differently from one machine
        // to the next.
        let radians = |degrees: f64| degrees * (std::f64::consts::PI / 180.0);
        let (sin, cos) = libm::sincos(radians(angle));
        let (kx, ky) = (libm::tan(radians(skew_x)), libm::tan(radians(skew_y)));
        let (sx, sy) = (
            if across { -1.0 } else { 1.0 },
            if down { -1.0 } else { 1.0 },
        );
        let fixed = |factor: f64| {
            // Beyond this nothing could be told apart any more.
            const LIMIT: f64 = 1000.0;
            (factor.clamp(-LIMIT, LIMIT) * f64::from(Self::UNIT)).round() as i32
        };
        Self {
            xx: fixed((cos - sin * ky) * sx),
            xy: fixed((cos * kx - sin) * sy),
            yx: fixed((sin + cos * ky) * sx),
            yy: fixed((sin * kx + cos) * sy),
        }
    }

    /// As factors: xx, xy, yx, yy.
    pub fn factors(self) -> [f64; 4] {
        [self.xx, self.xy, self.yx, self.yy].map(|n| f64::from(n) / f64::from(Self::UNIT))
    }

    /// Whether edges stay where they are: nothing turned, or flipped only.
    const fn keeps_rectangle(self) -> bool {
        self.xy == 0
            && self.yx == 0
            && self.xx.unsigned_abs() == Self::UNIT as u32
            && self.yy.unsigned_abs() == Self::UNIT as u32
    }
}

/// Part of a layer is shown, with a soft edge: opacity rises along its width in a
/// straight line from `none` to `all`. Both are shares of the width in 1/65536 from
/// the left, and may lie outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wipe {
    /// Where it is wholly transparent.
    pub none: i32,
    /// Where it is wholly opaque.
    pub all: i32,
}

impl Wipe {
    /// The whole width.
    pub const UNIT: i32 = 65_536;

    /// Opacity, 0 to 1, at the share `u` of the width.
    pub fn at(self, u: f64) -> f64 {
        let (none, all) = (f64::from(self.none), f64::from(self.all));
        let span = all - none;
        if span == 0.0 {
            return 1.0;
        }
        ((u * f64::from(Self::UNIT) - none) / span).clamp(0.0, 1.0)
    }

    /// Whether it hides everything, or nothing.
    pub fn is_all_or_nothing(self) -> Option<bool> {
        let (left, right) = (self.at(0.0), self.at(1.0));
        (left == right && (left == 0.0 || left == 1.0)).then_some(left == 1.0)
    }
}

impl State {
    /// Not drawn. All invisible states are this one.
    pub const HIDDEN: Self = Self {
        x: 0,
        y: 0,
        width: 0,
        height: 0,
        turn: Turn::NONE,
        wipe: None,
        opacity: 0,
    };

    /// The whole of a frame of this size in pixels, opaque.
    pub const fn full(width: u32, height: u32) -> Self {
        let (width, height) = (width as i32 * SUBPIXELS, height as i32 * SUBPIXELS);
        Self {
            x: 0,
            y: 0,
            width,
            height,
            turn: Turn::NONE,
            wipe: None,
            opacity: OPAQUE,
        }
    }

    /// The edges of the smallest upright rectangle around it: left, top, right,
    /// bottom, in 1/256 pixel.
    pub fn bounds(&self) -> [f64; 4] {
        let (w, h) = (f64::from(self.width) / 2.0, f64::from(self.height) / 2.0);
        let (x, y) = (f64::from(self.x) + w, f64::from(self.y) + h);
        let [xx, xy, yx, yy] = self.turn.factors().map(f64::abs);
        let (across, down) = (xx * w + xy * h, yx * w + yy * h);
        [x - across, y - down, x + across, y + down]
    }

    /// Whether anything of it can be seen in a frame of this size in pixels.
    pub fn is_visible(&self, width: u32, height: u32) -> bool {
        let edge = |pixels: u32| f64::from(pixels) * f64::from(SUBPIXELS);
        let [left, top, right, bottom] = self.bounds();
        self.opacity > 0
            && self.width > 0
            && self.height > 0
            && left < edge(width)
            && top < edge(height)
            && right > 0.0
            && bottom > 0.0
    }

    /// Whether it hides all that lies below it, if its content is opaque.
    pub const fn covers(&self, width: u32, height: u32) -> bool {
        self.opacity >= OPAQUE
            && self.wipe.is_none()
            && self.turn.keeps_rectangle()
            && self.x <= 0
            && self.y <= 0
            && self.x + self.width >= width as i32 * SUBPIXELS
            && self.y + self.height >= height as i32 * SUBPIXELS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_go_clockwise_and_flips_come_first() {
        let unit = Turn::UNIT;
        let turn = |angle, skew, flip| {
            let Turn { xx, xy, yx, yy } = Turn::new(angle, skew, flip);
            [xx, xy, yx, yy]
        };
        let none = (0.0, 0.0);
        for (angle, skew, flip, expected) in [
            (0.0, none, (false, false), [unit, 0, 0, unit]),
            (0.0, none, (true, false), [-unit, 0, 0, unit]),
            (90.0, none, (false, false), [0, -unit, unit, 0]),
            (180.0, none, (false, false), [-unit, 0, 0, -unit]),
            (90.0, none, (true, false), [0, -unit, -unit, 0]),
            (0.0, (45.0, 0.0), (false, false), [unit, unit, 0, unit]),
        ] {
            assert_eq!(
                turn(angle, skew, flip),
                expected,
                "{angle} {skew:?} {flip:?}"
            );
        }
    }

    #[test]
    fn a_turned_state_needs_more_room_and_covers_nothing() {
        let square = State {
            turn: Turn::new(45.0, (0.0, 0.0), (false, false)),
            ..State::full(100, 100)
        };
        let [left, _, right, _] = square.bounds();
        assert!((right - left - 141.42 * 256.0).abs() < 2.0);
        assert!(!square.covers(50, 50));
        let flipped = State {
            turn: Turn::new(0.0, (0.0, 0.0), (true, true)),
            ..State::full(100, 100)
        };
        assert!(flipped.covers(100, 100));
    }

    #[test]
    fn a_wipe_rises_from_none_to_all_in_either_direction() {
        let half = Wipe::UNIT / 2;
        let rising = Wipe { none: 0, all: half };
        let falling = Wipe {
            none: Wipe::UNIT,
            all: half,
        };
        assert_eq!(
            [0.0, 0.25, 0.5, 1.0].map(|u| rising.at(u)),
            [0.0, 0.5, 1.0, 1.0]
        );
        assert_eq!(
            [0.0, 0.5, 0.75, 1.0].map(|u| falling.at(u)),
            [1.0, 1.0, 0.5, 0.0]
        );
        let beyond = |none, all| Wipe { none, all }.is_all_or_nothing();
        assert_eq!(beyond(-200, -100), Some(true));
        assert_eq!(beyond(70_000, 80_000), Some(false));
        assert_eq!(beyond(0, 80_000), None);
    }
}
