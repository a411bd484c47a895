//! Everything that moves or fades a clip (fit, position, offset, scale, turns,
//! transitions, effects), and the one [`State`] a frame that comes of it.

use crate::time::Time;
use crate::timeline::curve::{Curve, progress};
use crate::timeline::state::{OPAQUE, SUBPIXELS, State, Turn};
use crate::timeline::transition::{Direction, End, Placed, Transition, shares};

/// How much larger a zoom effect gets in a second, as a share of the size.
const ZOOM_PER_SECOND: f64 = 0.02;

/// How much of the frame a slide effect travels in a second, and at the most.
const PAN_PER_SECOND: f64 = 0.03;
const PAN_MAX: f64 = 0.25;

/// How a picture of one size is put into a box of another: the frame, or a
/// clip's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fit {
    /// Fills the box, keeping its shape; what would stand over is cut off the
    /// picture, whatever happens to it after that.
    #[default]
    Crop,
    /// Fills the box by stretching.
    Cover,
    /// Wholly inside the box, keeping its shape.
    Contain,
    /// Pixel for pixel.
    None,
}

/// The point of the frame at which a clip is put, as shares of what is left
/// over: (0, 0) top left, (1, 1) bottom right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Anchor {
    /// 0 left, 1/2 centre, 1 right.
    pub x: f64,
    /// 0 top, 1/2 centre, 1 bottom.
    pub y: f64,
}

impl Anchor {
    /// The names of the Edit format.
    pub const NAMED: [(&'static str, Self); 9] = [
        ("center", Self { x: 0.5, y: 0.5 }),
        ("top", Self { x: 0.5, y: 0.0 }),
        ("topRight", Self { x: 1.0, y: 0.0 }),
        ("right", Self { x: 1.0, y: 0.5 }),
        ("bottomRight", Self { x: 1.0, y: 1.0 }),
        ("bottom", Self { x: 0.5, y: 1.0 }),
        ("bottomLeft", Self { x: 0.0, y: 1.0 }),
        ("left", Self { x: 0.0, y: 0.5 }),
        ("topLeft", Self { x: 0.0, y: 0.0 }),
    ];

    /// The middle of the frame.
    pub const CENTER: Self = Self { x: 0.5, y: 0.5 };
}

/// A slow movement over the whole clip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effect {
    /// What moves.
    pub kind: EffectKind,
    /// 1, or 0.5 for `Slow` and 2 for `Fast`.
    pub speed: f64,
}

/// What an effect does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EffectKind {
    /// Grows by 2 % a second.
    ZoomIn,
    /// Shrinks by 2 % a second, to its own size at the end.
    ZoomOut,
    /// Pans a slightly enlarged picture.
    Slide(Direction),
}

/// All that decides where a clip stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Motion {
    /// Into its box.
    pub fit: Fit,
    /// The box in pixels; the frame's where `None`.
    pub bounds: (Option<u32>, Option<u32>),
    /// A factor on the fitted size.
    pub scale: Curve,
    /// At which point of the frame.
    pub anchor: Anchor,
    /// Away from there to the right, in frame widths.
    pub offset_x: Curve,
    /// Away from there *upwards*, in frame heights.
    pub offset_y: Curve,
    /// 0 to 1.
    pub opacity: Curve,
    /// Degrees, clockwise about its centre.
    pub angle: Curve,
    /// Degrees by which upright lines lean to the right of where they begin at the top.
    pub skew_x: Curve,
    /// Degrees by which level lines fall to the right.
    pub skew_y: Curve,
    /// Mirrored across, and upside down.
    pub flip: (bool, bool),
    /// At the start of the clip.
    pub enter: Option<Transition>,
    /// At the end of the clip.
    pub leave: Option<Transition>,
    /// All the time.
    pub effect: Option<Effect>,
}

impl Default for Motion {
    fn default() -> Self {
        Self {
            fit: Fit::default(),
            bounds: (None, None),
            scale: Curve::constant(1.0),
            anchor: Anchor::CENTER,
            offset_x: Curve::constant(0.0),
            offset_y: Curve::constant(0.0),
            opacity: Curve::constant(1.0),
            angle: Curve::constant(0.0),
            skew_x: Curve::constant(0.0),
            skew_y: Curve::constant(0.0),
            flip: (false, false),
            enter: None,
            leave: None,
            effect: None,
        }
    }
}

impl Motion {
    /// The box in a frame of `frame` pixels.
    pub fn bounds_in(&self, frame: (u32, u32)) -> (u32, u32) {
        (
            self.bounds.0.unwrap_or(frame.0),
            self.bounds.1.unwrap_or(frame.1),
        )
    }

    /// The state at `local` in a clip that lasts `length`, for a picture of
    /// `natural` pixels in a frame of `frame` pixels. [`State::HIDDEN`] when
    /// nothing of it can be seen.
    pub fn state(
        &self,
        local: Time,
        length: Time,
        natural: (f64, f64),
        frame: (u32, u32),
    ) -> State {
        let (frame_w, frame_h) = (f64::from(frame.0), f64::from(frame.1));
        let (mut w, mut h) = fitted(self.fit, natural, self.bounds_in(frame));
        let scale = self.scale.at(local).max(0.0);
        w *= scale;
        h *= scale;
        let mut x = (frame_w - w) * self.anchor.x + self.offset_x.at(local) * frame_w;
        let mut y = (frame_h - h) * self.anchor.y - self.offset_y.at(local) * frame_h;
        let opacity = self.opacity.at(local).clamp(0.0, 1.0);

        let mut zoom = 1.0;
        if let Some(effect) = self.effect {
            let (factor, dx, dy) = effect.at(local, length);
            zoom *= factor;
            x += dx * w;
            y += dy * h;
        }
        let mut placed = Placed {
            x,
            y,
            width: w,
            height: h,
            zoom,
            opacity,
            wipe: None,
        };
        // Both transitions fit into the clip: in a short one they share it.
        let (enter, leave) = shares(self.enter, self.leave, length);
        let ends = [
            (self.enter, progress(local, enter), End::Enter),
            (self.leave, progress(length - local, leave), End::Leave),
        ];
        for (transition, presence, end) in ends {
            if let Some(transition) = transition.filter(|_| presence < 1.0) {
                transition
                    .kind
                    .apply(end, presence, (frame_w, frame_h), &mut placed);
            }
        }
        let Placed {
            x,
            y,
            zoom,
            opacity,
            wipe,
            ..
        } = placed;
        let (x, y) = (x - w * (zoom - 1.0) / 2.0, y - h * (zoom - 1.0) / 2.0);
        let state = State {
            x: fixed(x),
            y: fixed(y),
            width: fixed(w * zoom),
            height: fixed(h * zoom),
            turn: self.turn(local),
            wipe,
            opacity: (opacity * f64::from(OPAQUE)).round() as u16,
        };
        if state.is_visible(frame.0, frame.1) {
            state
        } else {
            State::HIDDEN
        }
    }
}

impl Motion {
    fn turn(&self, local: Time) -> Turn {
        // Pictures turned or leant by this much are seen from the edge.
        const STEEPEST: f64 = 89.0;
        let skew = |curve: &Curve| curve.at(local).clamp(-STEEPEST, STEEPEST);
        let skew = (skew(&self.skew_x), skew(&self.skew_y));
        Turn::new(self.angle.at(local), skew, self.flip)
    }
}

impl Effect {
    /// (size factor, shift in widths, shift in heights) at `local`.
    fn at(self, local: Time, length: Time) -> (f64, f64, f64) {
        let seconds = |time: Time| time.as_seconds();
        match self.kind {
            EffectKind::ZoomIn => (
                1.0 + ZOOM_PER_SECOND * self.speed * seconds(local),
                0.0,
                0.0,
            ),
            EffectKind::ZoomOut => (
                1.0 + ZOOM_PER_SECOND * self.speed * seconds(length - local),
                0.0,
                0.0,
            ),
            EffectKind::Slide(direction) => {
                // The picture is enlarged by what it travels, so that its edge
                // never comes into sight.
                let travel = (PAN_PER_SECOND * self.speed * seconds(length)).min(PAN_MAX);
                let along = travel * (progress(local, length) - 0.5);
                let (dx, dy) = direction.vector();
                (1.0 + travel, along * dx, along * dy)
            }
        }
    }
}

/// The size in pixels after fitting.
fn fitted(fit: Fit, natural: (f64, f64), bounds: (u32, u32)) -> (f64, f64) {
    let (w, h) = (natural.0.max(1.0), natural.1.max(1.0));
    let (across, down) = (f64::from(bounds.0), f64::from(bounds.1));
    let factor = match fit {
        Fit::None => 1.0,
        // What stands over was cut off the picture.
        Fit::Crop | Fit::Cover => return (across, down),
        Fit::Contain => (across / w).min(down / h),
    };
    (w * factor, h * factor)
}

/// To 1/256 pixel. Whatever a tween asks for, a rectangle stays where the sum
/// of an edge and a length still fits into 32 bits.
fn fixed(pixels: f64) -> i32 {
    const LIMIT: f64 = 1e6;
    (pixels.clamp(-LIMIT, LIMIT) * f64::from(SUBPIXELS)).round() as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::transition::TransitionKind;

    const FRAME: (u32, u32) = (1280, 720);
    const PICTURE: (f64, f64) = (1280.0, 720.0);

    fn millis(ms: i64) -> Time {
        Time::from_millis(ms)
    }

    fn rect(state: State) -> (i32, i32, i32, i32) {
        (
            state.x / SUBPIXELS,
            state.y / SUBPIXELS,
            state.width / SUBPIXELS,
            state.height / SUBPIXELS,
        )
    }

    fn at_rest(motion: &Motion, natural: (f64, f64)) -> State {
        motion.state(millis(5000), millis(10_000), natural, FRAME)
    }

    #[test]
    fn fit_decides_the_size() {
        for (fit, expected) in [
            (Fit::Crop, (0, 0, 1280, 720)),
            (Fit::Cover, (0, 0, 1280, 720)),
            (Fit::Contain, (280, 0, 720, 720)),
            (Fit::None, (590, 310, 100, 100)),
        ] {
            let motion = Motion {
                fit,
                ..Motion::default()
            };
            assert_eq!(rect(at_rest(&motion, (100.0, 100.0))), expected, "{fit:?}");
        }
    }

    #[test]
    fn a_position_puts_the_scaled_clip_at_that_edge_and_offsets_go_up() {
        for (name, anchor) in Anchor::NAMED {
            let motion = Motion {
                fit: Fit::None,
                scale: Curve::constant(2.0),
                anchor,
                offset_x: Curve::constant(0.1),
                offset_y: Curve::constant(0.1),
                ..Motion::default()
            };
            let x = 128
                + if name.ends_with("eft") {
                    0
                } else if name.ends_with("ight") {
                    1080
                } else {
                    540
                };
            let y = if name.starts_with("top") {
                0
            } else if name.starts_with("bottom") {
                620
            } else {
                310
            } - 72;
            assert_eq!(
                rect(at_rest(&motion, (100.0, 50.0))),
                (x, y, 200, 100),
                "{name}"
            );
        }
    }

    #[test]
    fn a_fade_goes_from_nothing_to_opaque_and_back() {
        let fade = Some(Transition {
            kind: TransitionKind::Fade,
            length: millis(1000),
        });
        let motion = Motion {
            enter: fade,
            leave: fade,
            ..Motion::default()
        };
        let opacity = |ms| {
            motion
                .state(millis(ms), millis(6000), PICTURE, FRAME)
                .opacity
        };
        assert_eq!(
            [0, 250, 500, 1000, 5000, 5750, 6000].map(opacity),
            [0, 64, 128, 256, 256, 64, 0]
        );
    }

    #[test]
    fn two_transitions_share_a_clip_that_is_too_short_for_both() {
        let fade = Some(Transition {
            kind: TransitionKind::Fade,
            length: millis(1000),
        });
        let motion = Motion {
            enter: fade,
            leave: fade,
            ..Motion::default()
        };
        assert_eq!(
            motion
                .state(millis(500), millis(1000), PICTURE, FRAME)
                .opacity,
            OPAQUE
        );
    }

    #[test]
    fn a_carousel_comes_from_outside_and_leaves_on_the_other_side() {
        for direction in [
            Direction::Left,
            Direction::Right,
            Direction::Up,
            Direction::Down,
        ] {
            let transition = Some(Transition {
                kind: TransitionKind::Carousel(direction),
                length: millis(1000),
            });
            let motion = Motion {
                enter: transition,
                leave: transition,
                ..Motion::default()
            };
            let state = |ms| motion.state(millis(ms), millis(4000), PICTURE, FRAME);
            assert_eq!(state(0), State::HIDDEN, "{direction:?} begins outside");
            assert_eq!(
                state(2000),
                State::full(1280, 720),
                "{direction:?} rests inside"
            );
            let (early, late) = (state(10), state(3990));
            let (dx, dy) = direction.vector();
            assert!(
                f64::from(early.x) * dx <= 0.0 && f64::from(early.y) * dy <= 0.0,
                "{early:?}"
            );
            assert!(
                f64::from(late.x) * dx >= 0.0 && f64::from(late.y) * dy >= 0.0,
                "{late:?}"
            );
        }
    }

    #[test]
    fn a_shuffle_comes_from_its_edge_and_swerves_aside_on_its_way() {
        let towards = |edge, aside| {
            let transition = Some(Transition {
                kind: TransitionKind::Shuffle { edge, aside },
                length: millis(1000),
            });
            let motion = Motion {
                enter: transition,
                leave: transition,
                ..Motion::default()
            };
            let state = |ms| motion.state(millis(ms), millis(4000), PICTURE, FRAME);
            assert_eq!(state(0), State::HIDDEN, "begins outside");
            assert_eq!(state(4000), State::HIDDEN, "ends outside");
            assert_eq!(rect(state(2000)), (0, 0, 1280, 720));
            // It goes the way that it came.
            assert_eq!(state(300), state(3700));
            let (early, half) = (rect(state(50)), rect(state(200)));
            ((early.0, early.1), (half.0, half.1))
        };
        let (early, half) = towards(Direction::Up, Direction::Right);
        assert!(early.1 < -500 && early.0 < half.0, "{early:?} {half:?}");
        assert!(half.0 > 200 && half.1 > early.1, "{early:?} {half:?}");
        let (early, half) = towards(Direction::Right, Direction::Up);
        assert!(early.0 > 900 && half.1 < -100, "{early:?} {half:?}");
        let (early, half) = towards(Direction::Left, Direction::Down);
        assert!(early.0 < -900 && half.1 > 100, "{early:?} {half:?}");
    }

    #[test]
    fn a_zoom_effect_grows_by_two_percent_a_second_about_the_centre() {
        let effect = Some(Effect {
            kind: EffectKind::ZoomIn,
            speed: 1.0,
        });
        let motion = Motion {
            effect,
            ..Motion::default()
        };
        let state = motion.state(millis(6000), millis(6000), PICTURE, FRAME);
        assert_eq!(state.width, fixed(1280.0 * 1.12));
        assert_eq!(state.x * 2 + state.width, 1280 * SUBPIXELS);
    }

    #[test]
    fn a_slide_effect_never_shows_the_edge() {
        for direction in [
            Direction::Left,
            Direction::Right,
            Direction::Up,
            Direction::Down,
        ] {
            let effect = Some(Effect {
                kind: EffectKind::Slide(direction),
                speed: 2.0,
            });
            let motion = Motion {
                effect,
                ..Motion::default()
            };
            for ms in (0..=8000).step_by(100) {
                assert!(
                    motion
                        .state(millis(ms), millis(8000), PICTURE, FRAME)
                        .covers(1280, 720),
                    "{direction:?} {ms}"
                );
            }
        }
    }

    #[test]
    fn all_that_cannot_be_seen_is_the_one_hidden_state() {
        let off_frame = Motion {
            offset_x: Curve::constant(2.0),
            ..Motion::default()
        };
        let transparent = Motion {
            opacity: Curve::constant(0.0),
            ..Motion::default()
        };
        let shrunk = Motion {
            scale: Curve::constant(0.0),
            ..Motion::default()
        };
        for motion in [off_frame, transparent, shrunk] {
            assert_eq!(at_rest(&motion, PICTURE), State::HIDDEN);
        }
    }

    #[test]
    fn absurd_numbers_stay_within_bounds() {
        let motion = Motion {
            scale: Curve::constant(1e300),
            offset_x: Curve::constant(-1e300),
            ..Motion::default()
        };
        let state = at_rest(&motion, PICTURE);
        assert!(state.x.checked_add(state.width).is_some());
    }
}
