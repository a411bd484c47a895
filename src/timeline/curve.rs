//! A property that changes over a clip's own time.
//!
//! Every easing is a cubic Bézier curve as CSS has it (CSS Easing Level 1),
//! solved with the four basic operations alone, so that all machines agree to
//! the last bit.

use crate::time::Time;

/// A value over a clip's local time: constant, or a series of tweens.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    base: f64,
    tweens: Vec<Tween>,
}

/// A change from one value to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Tween {
    /// The value at `start`, and before it if this is the first tween.
    pub from: f64,
    /// The value at `start + length` and until the next tween.
    pub to: f64,
    /// When it begins, from the clip's start.
    pub start: Time,
    /// How long it takes.
    pub length: Time,
    /// How it goes from one to the other.
    pub easing: Easing,
}

impl Curve {
    /// The same value all the time.
    pub const fn constant(value: f64) -> Self {
        Self {
            base: value,
            tweens: Vec::new(),
        }
    }

    /// A series of tweens; they are put in the order of their starts. Without
    /// any it is constantly `fallback`.
    pub fn new(fallback: f64, mut tweens: Vec<Tween>) -> Self {
        tweens.sort_by_key(|tween| tween.start);
        let base = tweens.first().map_or(fallback, |first| first.from);
        Self { base, tweens }
    }

    /// Whether neither end of any change lies above `limit`.
    pub fn is_never_above(&self, limit: f64) -> bool {
        self.base <= limit
            && self
                .tweens
                .iter()
                .all(|tween| tween.from <= limit && tween.to <= limit)
    }

    /// The highest of the values between which it changes.
    pub fn highest(&self) -> f64 {
        let ends = self.tweens.iter().flat_map(|tween| [tween.from, tween.to]);
        ends.fold(self.base, f64::max)
    }

    /// The same, all values multiplied by `factor`.
    pub fn times(mut self, factor: f64) -> Self {
        self.base *= factor;
        for tween in &mut self.tweens {
            tween.from *= factor;
            tween.to *= factor;
        }
        self
    }

    /// It as corners joined by straight lines, the earliest first; constant before
    /// the first and after the last. Two corners at one time are a jump. No line is
    /// further from the curve than a thousandth of its height, or than its time is
    /// from the curve's by a ten-thousandth of the tween.
    pub fn line(&self) -> Vec<(Time, f64)> {
        let Some(first) = self.tweens.first() else {
            return vec![(Time::ZERO, self.base)];
        };
        let mut corners = vec![(first.start, first.from)];
        for (index, tween) in self.tweens.iter().enumerate() {
            let end = tween.start + tween.length;
            let until = match self.tweens.get(index + 1) {
                Some(next) => end.min(next.start),
                None => end,
            };
            // What another has replaced already is never seen.
            if until < tween.start || (until == tween.start && until < end) {
                continue;
            }
            if let Some(&(_, before)) = corners.last() {
                corners.push((tween.start, before));
            }
            let value = |share: f64| tween.from + (tween.to - tween.from) * share;
            let inner = tween.easing.corners();
            let time =
                |x: f64| tween.start + Time::from_flicks((tween.length.flicks() as f64 * x) as i64);
            corners.extend(
                inner
                    .into_iter()
                    .map(|(x, share)| (time(x), value(share)))
                    .take_while(|(at, _)| *at < until),
            );
            if until < end {
                let share = tween
                    .easing
                    .ease(progress(until - tween.start, tween.length));
                corners.push((until, value(share)));
            } else {
                if tween.easing == Easing::Hold {
                    corners.push((end, tween.from));
                }
                corners.push((end, tween.to));
            }
        }
        corners
    }

    /// Whether it has the same value from `first` to `last`, both included. May say no
    /// where it has.
    pub fn rests(&self, first: Time, last: Time) -> bool {
        let Some(tween) = self.tweens.iter().rev().find(|tween| tween.start <= last) else {
            return true;
        };
        // The last one to begin has the say, if no other had it after `first`.
        let is_done = first >= tween.start + tween.length;
        first >= tween.start && (is_done || tween.from == tween.to)
    }

    /// The value at `local`, counted from the clip's start.
    pub fn at(&self, local: Time) -> f64 {
        match self.tweens.iter().rev().find(|tween| tween.start <= local) {
            None => self.base,
            Some(tween) => {
                let share = tween
                    .easing
                    .ease(progress(local - tween.start, tween.length));
                tween.from + (tween.to - tween.from) * share
            }
        }
    }
}

/// How far `elapsed` is through `length`, within 0 to 1; an empty length is over at once.
pub fn progress(elapsed: Time, length: Time) -> f64 {
    if elapsed >= length {
        1.0
    } else if elapsed <= Time::ZERO {
        0.0
    } else {
        elapsed.flicks() as f64 / length.flicks() as f64
    }
}

/// Lines that a Bézier curve is drawn with.
const PIECES: u32 = 96;

/// How a tween moves from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Easing {
    /// At a constant speed.
    Linear,
    /// Stays at the start until the end, then jumps.
    Hold,
    /// Along a cubic Bézier with these control points: x1, y1, x2, y2.
    Bezier(f64, f64, f64, f64),
}

impl Easing {
    /// The names of the Edit format, and their curves.
    pub const NAMED: [(&'static str, Self); 28] = [
        ("ease", Self::Bezier(0.25, 0.1, 0.25, 1.0)),
        ("easeIn", Self::Bezier(0.42, 0.0, 1.0, 1.0)),
        ("easeOut", Self::Bezier(0.0, 0.0, 0.58, 1.0)),
        ("easeInOut", Self::Bezier(0.42, 0.0, 0.58, 1.0)),
        ("easeInSine", Self::Bezier(0.12, 0.0, 0.39, 0.0)),
        ("easeOutSine", Self::Bezier(0.61, 1.0, 0.88, 1.0)),
        ("easeInOutSine", Self::Bezier(0.37, 0.0, 0.63, 1.0)),
        ("easeInQuad", Self::Bezier(0.11, 0.0, 0.5, 0.0)),
        ("easeOutQuad", Self::Bezier(0.5, 1.0, 0.89, 1.0)),
        ("easeInOutQuad", Self::Bezier(0.45, 0.0, 0.55, 1.0)),
        ("easeInCubic", Self::Bezier(0.32, 0.0, 0.67, 0.0)),
        ("easeOutCubic", Self::Bezier(0.33, 1.0, 0.68, 1.0)),
        ("easeInOutCubic", Self::Bezier(0.65, 0.0, 0.35, 1.0)),
        ("easeInQuart", Self::Bezier(0.5, 0.0, 0.75, 0.0)),
        ("easeOutQuart", Self::Bezier(0.25, 1.0, 0.5, 1.0)),
        ("easeInOutQuart", Self::Bezier(0.76, 0.0, 0.24, 1.0)),
        ("easeInQuint", Self::Bezier(0.64, 0.0, 0.78, 0.0)),
        ("easeOutQuint", Self::Bezier(0.22, 1.0, 0.36, 1.0)),
        ("easeInOutQuint", Self::Bezier(0.83, 0.0, 0.17, 1.0)),
        ("easeInExpo", Self::Bezier(0.7, 0.0, 0.84, 0.0)),
        ("easeOutExpo", Self::Bezier(0.16, 1.0, 0.3, 1.0)),
        ("easeInOutExpo", Self::Bezier(0.87, 0.0, 0.13, 1.0)),
        ("easeInCirc", Self::Bezier(0.55, 0.0, 1.0, 0.45)),
        ("easeOutCirc", Self::Bezier(0.0, 0.55, 0.45, 1.0)),
        ("easeInOutCirc", Self::Bezier(0.85, 0.0, 0.15, 1.0)),
        ("easeInBack", Self::Bezier(0.36, 0.0, 0.66, -0.56)),
        ("easeOutBack", Self::Bezier(0.34, 1.56, 0.64, 1.0)),
        ("easeInOutBack", Self::Bezier(0.68, -0.6, 0.32, 1.6)),
    ];

    /// The decelerating curve that slides and zooms use.
    pub const OUT_CUBIC: Self = Self::Bezier(0.33, 1.0, 0.68, 1.0);

    /// The corners of lines that follow it, from (0, 0) on, without (1, 1).
    fn corners(self) -> Vec<(f64, f64)> {
        match self {
            Self::Linear | Self::Hold => vec![(0.0, 0.0)],
            // Even steps of the parameter lie close together where the curve turns.
            Self::Bezier(x1, y1, x2, y2) => (0..PIECES)
                .map(|piece| f64::from(piece) / f64::from(PIECES))
                .map(|t| (bezier(x1, x2, t), bezier(y1, y2, t)))
                .collect(),
        }
    }

    /// The eased share at `x`, both within 0 to 1 (a *back* curve overshoots).
    pub fn ease(self, x: f64) -> f64 {
        match self {
            _ if x <= 0.0 => 0.0,
            _ if x >= 1.0 => 1.0,
            Self::Linear => x,
            Self::Hold => 0.0,
            Self::Bezier(x1, y1, x2, y2) => {
                // x(t) rises from 0 to 1 without turning, so halving finds t;
                // 40 halvings are far below what a pixel can show.
                const HALVINGS: u32 = 40;
                let (mut low, mut high) = (0.0, 1.0);
                for _ in 0..HALVINGS {
                    let middle = (low + high) / 2.0;
                    if bezier(x1, x2, middle) < x {
                        low = middle
                    } else {
                        high = middle
                    }
                }
                bezier(y1, y2, (low + high) / 2.0)
            }
        }
    }
}

/// A cubic Bézier from 0 to 1 with control values `a` and `b`, at parameter `t`.
fn bezier(a: f64, b: f64, t: f64) -> f64 {
    let rest = 1.0 - t;
    3.0 * rest * rest * t * a + 3.0 * rest * t * t * b + t * t * t
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(n: i64) -> Time {
        Time::from_seconds(n)
    }

    #[test]
    fn a_curve_holds_its_first_value_before_and_its_last_value_after_its_tweens() {
        let curve = Curve::new(
            9.0,
            vec![
                Tween {
                    from: 5.0,
                    to: 3.0,
                    start: second(4),
                    length: second(2),
                    easing: Easing::Linear,
                },
                Tween {
                    from: 1.0,
                    to: 2.0,
                    start: second(1),
                    length: second(1),
                    easing: Easing::Linear,
                },
            ],
        );
        let values: Vec<f64> = (0..8).map(|s| curve.at(second(s))).collect();
        assert_eq!(values, [1.0, 1.0, 2.0, 2.0, 5.0, 4.0, 3.0, 3.0]);
        assert_eq!(Curve::new(9.0, vec![]).at(second(1)), 9.0);
    }

    #[test]
    fn a_curve_rests_where_no_tween_changes_it() {
        let tween = |start, from, to| Tween {
            from,
            to,
            start: second(start),
            length: second(2),
            easing: Easing::Linear,
        };
        let curve = Curve::new(0.0, vec![tween(2, 1.0, 5.0), tween(6, 5.0, 5.0)]);
        for (first, last, rests) in [
            (0, 1, true),
            (0, 2, false),
            (3, 3, false),
            (4, 5, true),
            (6, 9, true),
            (3, 7, false),
        ] {
            assert_eq!(
                curve.rests(second(first), second(last)),
                rests,
                "{first} to {last}"
            );
        }
        assert!(Curve::constant(1.0).rests(second(0), second(9)));
    }

    #[test]
    fn every_easing_begins_at_zero_and_ends_at_one() {
        for (name, easing) in Easing::NAMED {
            assert_eq!(easing.ease(0.0), 0.0, "{name}");
            assert_eq!(easing.ease(1.0), 1.0, "{name}");
            assert!(
                easing.ease(0.001).abs() < 0.2 && (easing.ease(0.999) - 1.0).abs() < 0.2,
                "{name}"
            );
        }
    }

    #[test]
    fn ease_out_cubic_is_close_to_its_formula() {
        for step in 1..100 {
            let x = f64::from(step) / 100.0;
            let formula = 1.0 - (1.0 - x) * (1.0 - x) * (1.0 - x);
            assert!((Easing::OUT_CUBIC.ease(x) - formula).abs() < 0.02, "at {x}");
        }
    }

    /// The value of a line at `time`, after a jump there.
    fn on_line(corners: &[(Time, f64)], time: Time) -> f64 {
        let next = corners.partition_point(|(at, _)| *at <= time);
        match (next.checked_sub(1).map(|i| corners[i]), corners.get(next)) {
            (None, Some(first)) => first.1,
            (Some(last), None) => last.1,
            (Some((from, a)), Some(&(to, b))) => a + (b - a) * progress(time - from, to - from),
            (None, None) => panic!("no corners"),
        }
    }

    #[test]
    fn lines_follow_every_easing_to_a_thousandth() {
        for (name, easing) in Easing::NAMED
            .into_iter()
            .chain([("linear", Easing::Linear), ("hold", Easing::Hold)])
        {
            for (from, to) in [(0.0, 1.0), (1.0, 0.0)] {
                let tween = Tween {
                    from,
                    to,
                    start: second(1),
                    length: second(4),
                    easing,
                };
                let curve = Curve::new(0.0, vec![tween]);
                let line = curve.line();
                for step in 0..=8_571 {
                    let time = Time::from_flicks(step * 493_921);
                    let error = (on_line(&line, time) - curve.at(time)).abs();
                    // Where a curve stands upright, a ten-thousandth of its time later.
                    let later = Time::from_flicks(second(4).flicks() / 10_000);
                    let beside = [time - later, time + later].map(|time| curve.at(time));
                    let (low, high) = (beside[0].min(beside[1]), beside[0].max(beside[1]));
                    let value = on_line(&line, time);
                    assert!(
                        error < 1e-3 || (low - 1e-3..high + 1e-3).contains(&value),
                        "{name} at {time}: {error}"
                    );
                }
            }
        }
    }

    #[test]
    fn lines_jump_where_the_curve_does_and_leave_out_what_is_replaced() {
        let tween = |from, to, start, length, easing| Tween {
            from,
            to,
            start: second(start),
            length: second(length),
            easing,
        };
        let curve = Curve::new(
            0.0,
            vec![
                tween(0.2, 0.8, 1, 4, Easing::Linear),
                tween(1.0, 0.4, 2, 2, Easing::Hold),
                tween(0.3, 0.5, 6, 0, Easing::Linear),
                tween(0.9, 0.1, 6, 0, Easing::Linear),
            ],
        );
        let line = curve.line();
        for step in 0..8_000 {
            let time = Time::from_millis(step);
            assert!(
                (on_line(&line, time) - curve.at(time)).abs() < 1e-9,
                "at {time}"
            );
        }
        assert_eq!(Curve::constant(0.5).line(), [(Time::ZERO, 0.5)]);
    }

    #[test]
    fn an_empty_tween_jumps() {
        let tween = Tween {
            from: 0.0,
            to: 1.0,
            start: second(1),
            length: Time::ZERO,
            easing: Easing::Linear,
        };
        assert_eq!(Curve::new(0.0, vec![tween]).at(second(1)), 1.0);
    }
}
