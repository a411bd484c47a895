//! How clips come in and go out.
//!
//! A transition bends where a clip stands and how opaque it is near one of its
//! ends; what comes of it is in the clip's [`State`](super::state::State)s like all
//! other motion. Only + - * / here: the numbers are the same on every machine.

use crate::time::Time;
use crate::timeline::curve::Easing;
use crate::timeline::state::Wipe;

/// How long a transition without a suffix lasts; `Slow` doubles, `Fast` halves.
pub const TRANSITION: Time = Time::from_seconds(1);

/// How much of the frame a slide transition moves: "slightly".
const SLIDE_SHARE: f64 = 0.1;

/// The size from which a zoom transition grows.
const ZOOM_FROM: f64 = 0.5;

/// How soft the edge of a wipe is: a tenth of the width.
pub const WIPE_SOFTNESS: i32 = Wipe::UNIT / 10;

/// How soft the edge of a reveal is: half the width.
pub const REVEAL_SOFTNESS: i32 = Wipe::UNIT / 2;

/// How far aside a shuffle swerves, as a share of the frame.
const SHUFFLE_SHARE: f64 = 0.25;

/// The way something moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Towards the left edge.
    Left,
    /// Towards the right edge.
    Right,
    /// Towards the top edge.
    Up,
    /// Towards the bottom edge.
    Down,
}

impl Direction {
    /// The unit vector, y pointing down.
    pub(super) const fn vector(self) -> (f64, f64) {
        match self {
            Self::Left => (-1.0, 0.0),
            Self::Right => (1.0, 0.0),
            Self::Up => (0.0, -1.0),
            Self::Down => (0.0, 1.0),
        }
    }
}

/// How a clip comes in or goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// What happens.
    pub kind: TransitionKind,
    /// How long it takes.
    pub length: Time,
}

/// What a transition does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransitionKind {
    /// Opacity only.
    Fade,
    /// Moves a tenth of the frame and fades.
    Slide(Direction),
    /// Moves in from, or out to, beyond the frame's edge.
    Carousel(Direction),
    /// Moves in from, or out to, beyond one edge, and swerves towards another on
    /// its way.
    Shuffle {
        /// The edge that it comes from and leaves over.
        edge: Direction,
        /// Where it swerves.
        aside: Direction,
    },
    /// Grows from half its size, or shrinks to it, and fades.
    Zoom,
    /// A soft edge that moves across and shows the clip, or hides it.
    Wipe {
        /// The way the edge moves.
        towards: Direction,
        /// How soft it is, as a share of the clip's width in 1/65536.
        softness: i32,
    },
}

/// At which end of a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Enter,
    Leave,
}

/// Where a clip stands, in pixels, while it is worked out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    /// The left edge, before zooming.
    pub x: f64,
    /// The top edge, before zooming.
    pub y: f64,
    pub width: f64,
    pub height: f64,
    /// A factor on the size, about the centre.
    pub zoom: f64,
    pub opacity: f64,
    pub wipe: Option<Wipe>,
}

impl Placed {
    /// Moves it this way by a share of what it takes to be out of sight.
    fn move_out(&mut self, (dx, dy): (f64, f64), share: f64, frame: (f64, f64)) {
        let way = |to: f64, at: f64, size: f64, frame: f64| {
            if to < 0.0 {
                -(at + size)
            } else {
                to * (frame - at)
            }
        };
        if dx != 0.0 {
            self.x += share * way(dx, self.x, self.width, frame.0);
        }
        if dy != 0.0 {
            self.y += share * way(dy, self.y, self.height, frame.1);
        }
    }
}

impl TransitionKind {
    /// Bends `placed` at this end of the clip, of which `presence` (0 to 1, less than
    /// 1) has come in or is still there.
    pub(super) fn apply(self, end: End, presence: f64, frame: (f64, f64), placed: &mut Placed) {
        let away = 1.0 - Easing::OUT_CUBIC.ease(presence);
        // What moves in a direction comes from the other side.
        let side = match end {
            End::Enter => -1.0,
            End::Leave => 1.0,
        };
        match self {
            Self::Fade => placed.opacity *= presence,
            Self::Slide(direction) => {
                let (dx, dy) = direction.vector();
                placed.x += side * away * dx * SLIDE_SHARE * frame.0;
                placed.y += side * away * dy * SLIDE_SHARE * frame.1;
                placed.opacity *= presence;
            }
            Self::Carousel(direction) => {
                let (dx, dy) = direction.vector();
                placed.move_out((side * dx, side * dy), away, frame);
            }
            Self::Shuffle { edge, aside } => {
                placed.move_out(edge.vector(), away, frame);
                // An arc: nothing at both ends, most of it half-way.
                let swerve = 4.0 * away * (1.0 - away) * SHUFFLE_SHARE;
                let (dx, dy) = aside.vector();
                placed.x += swerve * dx * frame.0;
                placed.y += swerve * dy * frame.1;
            }
            Self::Zoom => {
                placed.zoom *= ZOOM_FROM + (1.0 - ZOOM_FROM) * Easing::OUT_CUBIC.ease(presence);
                placed.opacity *= presence;
            }
            Self::Wipe { towards, softness } => {
                // At a steady speed: the eye follows the edge.
                let whole = f64::from(Wipe::UNIT) + f64::from(softness);
                let passed = match end {
                    End::Enter => presence,
                    End::Leave => 1.0 - presence,
                };
                // The soft edge begins before the clip and ends behind it.
                let front = (passed * whole).round() as i32;
                let back = front - softness;
                let (mut none, mut all) = match end {
                    End::Enter => (front, back),
                    End::Leave => (back, front),
                };
                if towards == Direction::Left {
                    (none, all) = (Wipe::UNIT - none, Wipe::UNIT - all);
                }
                let wipe = Wipe { none, all };
                match wipe.is_all_or_nothing() {
                    Some(true) => {}
                    Some(false) => placed.opacity = 0.0,
                    None => placed.wipe = Some(wipe),
                }
            }
        }
    }
}

/// The lengths of both transitions, shortened in proportion where the clip is
/// too short for them.
pub(super) fn shares(
    enter: Option<Transition>,
    leave: Option<Transition>,
    length: Time,
) -> (Time, Time) {
    let of = |transition: Option<Transition>| transition.map_or(Time::ZERO, |t| t.length);
    let (enter, leave) = (of(enter), of(leave));
    let both = enter + leave;
    if both <= length {
        return (enter, leave);
    }
    let share = |part: Time| {
        let flicks = i128::from(part.flicks()) * i128::from(length.flicks())
            / i128::from(both.flicks().max(1));
        Time::from_flicks(flicks as i64)
    };
    (share(enter), share(leave))
}
