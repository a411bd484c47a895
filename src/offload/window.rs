//! The last hour, quarter by quarter: what is older is forgotten.

use std::collections::VecDeque;

use super::amount::{Amount, Size};
use super::cause::Cause;
use super::class::{Class, Classes, MAX_CLASSES};
use super::figures::{Figures, Period};
use super::point::Point;
use super::sketch::{ALL_POINTS, CLASS_POINTS, Sketch};
use super::tally::{Tally, Tier};

/// Seconds of a quarter.
pub const QUARTER_S: u64 = 15 * 60;

/// Quarters that are kept, the one that is going on included.
pub const QUARTERS: usize = 4;

/// How a request was answered, and with it those that waited for the same fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// With what was there.
    Hit(Tier),
    /// By a fetch.
    Miss {
        /// Why.
        cause: Cause,
        /// Whether a request led it; else it came ahead of all.
        asked: bool,
        /// Requests that waited for it, beside the one that led it.
        followers: u64,
    },
    /// By a fetch of what may not be kept.
    Pass,
}

impl Answer {
    /// Whether anybody asked: for a fetch ahead, perhaps nobody did yet.
    pub const fn is_request(&self) -> bool {
        !matches!(
            self,
            Self::Miss {
                asked: false,
                followers: 0,
                ..
            }
        )
    }
}

/// What was counted in each of the last quarters.
#[derive(Clone, Debug)]
pub(super) struct Window {
    /// The newest last.
    quarters: VecDeque<Quarter>,
    classes: Classes,
    /// Since the start, by place of the class: what counters that only grow are read from.
    totals: Vec<Tally>,
}

#[derive(Clone, Debug)]
struct Quarter {
    /// Counted from the start of the clock.
    number: u64,
    all: Figures,
    asked: Sketch,
    /// By place; none where a class had no traffic.
    classes: Vec<Option<Box<Figures>>>,
}

impl Quarter {
    fn new(number: u64) -> Self {
        Self {
            number,
            all: Figures::new(ALL_POINTS),
            asked: Sketch::new(ALL_POINTS),
            classes: vec![None; MAX_CLASSES],
        }
    }
}

impl Window {
    pub fn new() -> Self {
        Self {
            quarters: VecDeque::with_capacity(QUARTERS + 1),
            classes: Classes::new(),
            totals: vec![Tally::default()],
        }
    }

    /// Notes a request at `now`, in seconds of a clock that only goes forward.
    pub fn note(&mut self, now: u64, class: &Class, point: Point, size: Size, answer: Answer) {
        self.roll(now);
        let idle = |place: usize| self.quarters.iter().all(|q| q.classes[place].is_none());
        let (place, changed) = self.classes.place(class, idle);
        self.totals.resize(self.classes.len(), Tally::default());
        if changed {
            self.totals[place] = Tally::default();
        }
        let one = Amount::of(1, size);
        let count = |tally: &mut Tally| match answer {
            Answer::Hit(tier) => tally.hit(tier, one),
            Answer::Miss {
                cause,
                asked,
                followers,
            } => {
                let followers = Amount::of(followers, size);
                match asked {
                    true => tally.miss(cause, one, followers),
                    false => tally.ahead(cause, one, followers),
                }
            }
            Answer::Pass => tally.pass(one),
        };
        count(&mut self.totals[place]);
        let Some(quarter) = self.quarters.back_mut() else {
            return;
        };
        let class =
            quarter.classes[place].get_or_insert_with(|| Box::new(Figures::new(CLASS_POINTS)));
        count(&mut class.tally);
        count(&mut quarter.all.tally);
        if answer == Answer::Pass {
            return;
        }
        if answer.is_request() {
            quarter.asked.note(point, size);
        }
        if let Answer::Miss { .. } = answer {
            class.missed.note(point, size);
            quarter.all.missed.note(point, size);
        }
    }

    /// What was counted in the last `quarters` quarters, of which the last is going on.
    pub fn over(&mut self, now: u64, quarters: usize) -> Period {
        self.roll(now);
        let quarters = quarters.clamp(1, QUARTERS);
        let first = self.current(now).saturating_sub(quarters as u64 - 1);
        let mut period = Period {
            seconds: now - (first * QUARTER_S).min(now),
            ..Period::default()
        };
        for quarter in self.quarters.iter().filter(|q| q.number >= first) {
            period.all.merge(&quarter.all);
            period.asked.merge(&quarter.asked);
            for (place, figures) in quarter.classes.iter().enumerate() {
                if let Some(figures) = figures {
                    period.class(self.classes.at(place)).merge(figures);
                }
            }
        }
        period
    }

    /// What each class had since the start, or since it has its place.
    pub fn totals(&self) -> impl Iterator<Item = (&Class, &Tally)> {
        let classes = (0..self.classes.len()).map(|place| self.classes.at(place));
        classes.zip(&self.totals)
    }

    /// The memory that it takes, in bytes.
    pub fn memory(&self) -> usize {
        let figures = |figures: &Figures| size_of::<Figures>() + figures.missed.memory();
        let quarter = |quarter: &Quarter| {
            let classes = quarter.classes.iter().flatten();
            size_of::<Quarter>()
                + quarter.all.missed.memory()
                + quarter.asked.memory()
                + quarter.classes.capacity() * size_of::<Option<Box<Figures>>>()
                + classes.map(|class| figures(class)).sum::<usize>()
        };
        self.quarters.iter().map(quarter).sum::<usize>()
            + self.totals.capacity() * size_of::<Tally>()
    }

    fn current(&self, now: u64) -> u64 {
        let newest = self.quarters.back().map_or(0, |quarter| quarter.number);
        // A clock that goes back would otherwise bring quarters out of order.
        (now / QUARTER_S).max(newest)
    }

    fn roll(&mut self, now: u64) {
        let current = self.current(now);
        if self.quarters.back().is_none_or(|q| q.number < current) {
            self.quarters.push_back(Quarter::new(current));
        }
        let oldest = current.saturating_sub(QUARTERS as u64 - 1);
        self.quarters.retain(|quarter| quarter.number >= oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::super::amount::Unit;
    use super::super::class::Kind;
    use super::super::tally::Scope;
    use super::*;

    const SIZE: Size = Size {
        bytes: 10,
        render_ms: 3,
    };

    fn miss(cause: Cause) -> Answer {
        Answer::Miss {
            cause,
            asked: true,
            followers: 0,
        }
    }

    #[test]
    fn what_is_older_than_the_last_quarters_is_forgotten() {
        let mut window = Window::new();
        let class = Class::new(Kind::Template, "greeting");
        for quarter in 0..6 {
            let now = quarter * QUARTER_S + 5;
            window.note(now, &class, Point(quarter), SIZE, miss(Cause::Cold));
        }
        let now = 5 * QUARTER_S + 60;
        let requests = |window: &mut Window, quarters| {
            let period = window.over(now, quarters);
            (period.all.tally.asked.requests, period.seconds)
        };
        assert_eq!(requests(&mut window, 1), (1, 60));
        assert_eq!(requests(&mut window, 4), (4, 3 * QUARTER_S + 60));
        assert_eq!(requests(&mut window, 99), (4, 3 * QUARTER_S + 60));
        let later = window.over(now + 9 * QUARTER_S, 4);
        assert!(later.all.tally.asked.is_nothing() && later.classes.is_empty());
        let totals: Vec<_> = window.totals().map(|(_, t)| t.asked.requests).collect();
        assert_eq!(totals, [0, 6], "counters go on");
    }

    #[test]
    fn an_object_fetched_in_two_quarters_is_one_object_of_both_together() {
        let mut window = Window::new();
        let class = Class::other();
        for (now, cause) in [(0, Cause::Cold), (QUARTER_S, Cause::Evicted)] {
            window.note(now, &class, Point(7), SIZE, miss(cause));
        }
        let period = window.over(QUARTER_S, 2);
        let offload = period
            .all
            .tally
            .offload(&period.all.missed, Unit::Requests, Scope::Total)
            .expect("traffic");
        assert!((offload.observed, offload.maximum.value) == (0.0, 0.5));
    }

    #[test]
    fn what_may_not_be_kept_is_in_no_sketch() {
        let mut window = Window::new();
        window.note(0, &Class::other(), Point(7), SIZE, Answer::Pass);
        let period = window.over(0, 1);
        assert_eq!(period.all.missed.distinct(Unit::Requests).value, 0.0);
        assert_eq!(period.asked.distinct(Unit::Requests).value, 0.0);
        assert_eq!(period.all.tally.uncacheable.requests, 1);
    }
}
