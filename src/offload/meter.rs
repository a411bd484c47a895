//! All that one node measures.

use super::amount::Size;
use super::cause::Cause;
use super::class::Class;
use super::figures::Period;
use super::ghosts::{GHOSTS, Ghosts};
use super::point::Point;
use super::sample::{SAMPLED_REQUESTS, Sample};
use super::simulate::Miniature;
use super::tally::{Tally, Tier};
use super::twins::{CONTENTS, Contents, Twins};
use super::window::{Answer, Window};
use crate::digest::Digest;

/// The most memory that a node's measuring takes, in bytes, with every class in use and
/// everything full.
pub const MAX_MEMORY: usize = 1 << 20;

/// Counts the traffic of one cache. Whoever holds it tells it of every request, of every fetch
/// and of what went; it tells what came of that. Times are seconds of any clock that only
/// goes forward.
#[derive(Clone, Debug)]
pub struct Meter {
    window: Window,
    ghosts: Ghosts,
    contents: Contents,
    sample: Sample,
}

impl Default for Meter {
    fn default() -> Self {
        Self::new()
    }
}

/// An object that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its key.
    pub key: Digest,
    /// What it weighs.
    pub size: Size,
}

impl Meter {
    /// A meter that has seen nothing.
    pub fn new() -> Self {
        Self::with_ghosts(GHOSTS)
    }

    /// The same with room for so many ghosts.
    pub fn with_ghosts(most: usize) -> Self {
        Self {
            window: Window::new(),
            ghosts: Ghosts::new(most),
            contents: Contents::new(CONTENTS),
            sample: Sample::new(SAMPLED_REQUESTS),
        }
    }

    /// Notes a request for what was there, in `tier`.
    pub fn hit(&mut self, now: u64, class: &Class, object: &Object, tier: Tier) {
        self.note(now, class, object, Answer::Hit(tier));
    }

    /// Why `key`, which is about to be fetched, is not there.
    pub fn cause(&mut self, key: &Digest) -> Cause {
        let known = self.ghosts.take(Point::of_digest(key));
        known.unwrap_or(Cause::Cold)
    }

    /// Notes a fetch that is over, that a request led it, and that `followers` waited for
    /// it; `cause` is what [`Self::cause`] gave before it. With the digest of what came of
    /// it, its twins are found.
    pub fn fetched(
        &mut self,
        now: u64,
        class: &Class,
        object: &Object,
        cause: Cause,
        followers: u64,
        content: Option<&Digest>,
    ) -> Cause {
        let cause = self.told_apart(object, cause, content);
        self.miss(now, class, object, (cause, true, followers))
    }

    /// The same of a fetch that no request led: it was made ahead of all.
    pub fn prepared(
        &mut self,
        now: u64,
        class: &Class,
        object: &Object,
        cause: Cause,
        followers: u64,
        content: Option<&Digest>,
    ) -> Cause {
        let cause = self.told_apart(object, cause, content);
        self.miss(now, class, object, (cause, false, followers))
    }

    fn miss(
        &mut self,
        now: u64,
        class: &Class,
        object: &Object,
        (cause, asked, followers): (Cause, bool, u64),
    ) -> Cause {
        let answer = Answer::Miss {
            cause,
            asked,
            followers,
        };
        self.note(now, class, object, answer);
        cause
    }

    /// The cause, or that the same bytes were there under another key.
    fn told_apart(&mut self, object: &Object, cause: Cause, content: Option<&Digest>) -> Cause {
        let twin = content.and_then(|content| self.contents.made(&object.key, content));
        match twin {
            Some(first) if cause == Cause::Cold => {
                self.contents.pair(Twins {
                    first,
                    second: object.key,
                    bytes: object.size.bytes.into(),
                    render_ms: object.size.render_ms.into(),
                });
                Cause::Fragmented
            }
            _ => cause,
        }
    }

    /// Notes a request for what may not be kept.
    pub fn passed(&mut self, now: u64, class: &Class, object: &Object) {
        self.note(now, class, object, Answer::Pass);
    }

    /// Notes that `key` is not kept, or not any more: should it be asked for again,
    /// this is why.
    pub fn gone(&mut self, key: &Digest, cause: Cause) {
        self.ghosts.note(Point::of_digest(key), cause);
    }

    fn note(&mut self, now: u64, class: &Class, object: &Object, answer: Answer) {
        let point = Point::of_digest(&object.key);
        self.window.note(now, class, point, object.size, answer);
        if answer != Answer::Pass && answer.is_request() {
            self.sample.note(now, point, object.size);
        }
    }

    /// What was counted in the last `quarters` quarters of an hour.
    pub fn over(&mut self, now: u64, quarters: usize) -> Period {
        self.window.over(now, quarters)
    }

    /// What each class had since the start: counters that only grow.
    pub fn totals(&self) -> impl Iterator<Item = (&Class, &Tally)> {
        self.window.totals()
    }

    /// A sample of the traffic of the last `seconds`, to simulate.
    pub fn sample(&self, now: u64, seconds: u64) -> Miniature {
        self.sample.last(now, seconds)
    }

    /// Keys that lately came to the same bytes, the newest first.
    pub fn twins(&self) -> impl Iterator<Item = &Twins> {
        self.contents.pairs()
    }

    /// The memory that all this takes, in bytes.
    pub fn memory(&self) -> usize {
        size_of::<Self>()
            + self.window.memory()
            + self.ghosts.memory()
            + self.contents.memory()
            + self.sample.memory()
    }
}

#[cfg(test)]
mod tests {
    use super::super::amount::Unit;
    use super::super::class::{Kind, MAX_CLASSES};
    use super::super::tally::Scope;
    use super::super::window::{QUARTER_S, QUARTERS};
    use super::*;

    fn object(seed: u32) -> Object {
        Object {
            key: Digest::of(&seed.to_le_bytes()),
            size: Size {
                bytes: 1000,
                render_ms: 5,
            },
        }
    }

    #[test]
    fn a_miss_knows_its_cause_and_twins_are_told_apart_from_what_is_new() {
        let mut meter = Meter::new();
        let class = Class::other();
        let miss = |meter: &mut Meter, seed, content| {
            let object = object(seed);
            let cause = meter.cause(&object.key);
            let content = Digest::of(&[content]);
            meter.fetched(0, &class, &object, cause, 0, Some(&content))
        };
        assert_eq!(miss(&mut meter, 1, 1), Cause::Cold);
        assert_eq!(miss(&mut meter, 2, 2), Cause::Cold);
        assert_eq!(miss(&mut meter, 3, 1), Cause::Fragmented);
        meter.gone(&object(3).key, Cause::Evicted);
        assert_eq!(
            miss(&mut meter, 3, 1),
            Cause::Evicted,
            "it was there before"
        );
        let twins = meter.twins().next().expect("a pair");
        assert_eq!((twins.first, twins.second), (object(1).key, object(3).key));
        let period = meter.over(0, 1);
        let offload = period
            .all
            .tally
            .offload(&period.all.missed, Unit::Render, Scope::Total)
            .expect("traffic");
        let repeats = period.all.tally.repeated().requests as f64 / 4.0;
        assert!((offload.headroom() - repeats).abs() < 1e-12);
    }

    #[test]
    fn a_full_meter_takes_less_than_its_bound() {
        let mut meter = Meter::new();
        for quarter in 0..=QUARTERS as u64 {
            for seed in 0..40_000_u32 {
                let name = format!("class-{}", seed as usize % (2 * MAX_CLASSES));
                let class = Class::new(Kind::Template, &name);
                let object = object(seed);
                let cause = meter.cause(&object.key);
                let now = quarter * QUARTER_S;
                meter.fetched(now, &class, &object, cause, 1, Some(&object.key));
                meter.gone(&object.key, Cause::Evicted);
            }
        }
        assert!(meter.memory() < MAX_MEMORY, "{}", meter.memory());
    }
}
