//! The same picture, larger or smaller: states of one frame size in another.

use crate::timeline::state::{State, Turn};

/// From the frame in which clips are laid out to the one that is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    from: (u32, u32),
    to: (u32, u32),
}

impl Scale {
    /// From a frame of the size `from` to one of the size `to`, in pixels.
    pub const fn new(from: (u32, u32), to: (u32, u32)) -> Self {
        Self { from, to }
    }

    /// The state in the new frame of what has this one in the old. Edges are scaled,
    /// not lengths, so that what touched still does.
    pub fn state(self, state: State) -> State {
        if self.from == self.to || state == State::HIDDEN {
            return state;
        }
        let across = |x: i32| scaled(x, self.from.0, self.to.0);
        let down = |y: i32| scaled(y, self.from.1, self.to.1);
        let (x, y) = (across(state.x), down(state.y));
        let scaled = State {
            x,
            y,
            width: across(state.x.saturating_add(state.width)) - x,
            height: down(state.y.saturating_add(state.height)) - y,
            turn: self.turn(state.turn),
            ..state
        };
        if scaled.is_visible(self.to.0, self.to.1) {
            scaled
        } else {
            State::HIDDEN
        }
    }

    /// Sides are even, so the shape may change by a pixel, and angles with it.
    fn turn(self, turn: Turn) -> Turn {
        let (w, h) = (
            i64::from(self.from.0) * i64::from(self.to.1),
            i64::from(self.from.1) * i64::from(self.to.0),
        );
        Turn {
            xy: ratio(turn.xy, h, w),
            yx: ratio(turn.yx, w, h),
            ..turn
        }
    }
}

fn scaled(length: i32, from: u32, to: u32) -> i32 {
    ratio(length, i64::from(to), i64::from(from))
}

/// `value` times `num` by `den`, rounded.
fn ratio(value: i32, num: i64, den: i64) -> i32 {
    let (num, den) = (i128::from(num), i128::from(den.max(1)));
    let doubled = 2 * i128::from(value) * num + den;
    let rounded = doubled.div_euclid(2 * den);
    rounded.clamp(i128::from(i32::MIN), i128::from(i32::MAX)) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_filled_the_frame_still_does() {
        for (from, to) in [
            ((1280, 720), (640, 360)),
            ((1280, 720), (1920, 1080)),
            ((1000, 300), (1200, 360)),
            ((598, 336), (640, 360)),
        ] {
            let full = Scale::new(from, to).state(State::full(from.0, from.1));
            assert_eq!(full, State::full(to.0, to.1), "{from:?} {to:?}");
        }
    }

    #[test]
    fn neighbours_still_touch() {
        let scale = Scale::new((1280, 720), (854, 480));
        let left = State {
            width: 1001,
            ..State::full(1280, 720)
        };
        let right = State { x: 1001, ..left };
        let (left, right) = (scale.state(left), scale.state(right));
        assert_eq!(left.x + left.width, right.x);
    }

    #[test]
    fn angles_stay_and_nothing_changes_in_the_same_frame() {
        let turned = State {
            turn: Turn::new(30.0, (0.0, 0.0), (false, false)),
            ..State::full(1280, 720)
        };
        let half = Scale::new((1280, 720), (640, 360)).state(turned);
        assert_eq!(half.turn, turned.turn);
        let same = Scale::new((1280, 720), (1280, 720)).state(turned);
        assert_eq!(same, turned);
    }

    #[test]
    fn what_becomes_too_small_to_be_seen_is_hidden() {
        let tiny = State {
            width: 1,
            height: 1,
            ..State::full(1280, 720)
        };
        let scale = Scale::new((1280, 720), (64, 36));
        assert_eq!(scale.state(tiny), State::HIDDEN);
        assert_eq!(scale.state(State::HIDDEN), State::HIDDEN);
    }
}
