//! The traffic of the whole or of a class: what was spared, what could have been, and
//! how each request was met.

use serde::{Deserialize, Serialize};

use super::super::amount::{Amount, Unit};
use super::super::cause::Cause;
use super::super::figures::Figures;
use super::super::sketch::Estimate;
use super::super::tally::{Scope, Tier};
use super::rounded;

/// Something in each unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Units<T> {
    /// By requests.
    pub requests: T,
    /// By bytes.
    pub bytes: T,
    /// By milliseconds of render threads.
    pub render: T,
}

impl<T> Units<T> {
    pub(super) fn of(each: impl Fn(Unit) -> T) -> Self {
        Self {
            requests: each(Unit::Requests),
            bytes: each(Unit::Bytes),
            render: each(Unit::Render),
        }
    }

    /// What is said in `unit`.
    pub const fn in_unit(&self, unit: Unit) -> &T {
        match unit {
            Unit::Requests => &self.requests,
            Unit::Bytes => &self.bytes,
            Unit::Render => &self.render,
        }
    }
}

/// Something of all traffic, and of what may be kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scopes<T> {
    /// Of all traffic.
    pub total: T,
    /// Of that for what may be kept.
    pub cacheable: T,
}

impl<T> Scopes<T> {
    pub(super) fn of(each: impl Fn(Scope) -> T) -> Self {
        Self {
            total: each(Scope::Total),
            cacheable: each(Scope::Cacheable),
        }
    }
}

/// An estimate, and between which bounds the truth lies 19 times in 20. All three are the
/// same where it was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Range<T> {
    /// The estimate.
    pub value: T,
    /// Hardly less.
    pub low: T,
    /// Hardly more.
    pub high: T,
}

impl Range<u64> {
    /// A number of which there are at most `most`.
    fn of_count(estimate: Estimate, most: u64) -> Self {
        let whole = |value: f64| (value.round().max(0.0) as u64).min(most);
        Self {
            value: whole(estimate.value),
            low: whole(estimate.value - estimate.error),
            high: whole(estimate.value + estimate.error),
        }
    }

    fn plus(self, more: u64) -> Self {
        Self {
            value: self.value.saturating_add(more),
            low: self.low.saturating_add(more),
            high: self.high.saturating_add(more),
        }
    }
}

impl Range<f64> {
    /// A part of some traffic.
    pub(super) fn of_part(estimate: Estimate) -> Self {
        let within = |value: f64| rounded(value.min(1.0));
        Self {
            value: within(estimate.value),
            low: within(estimate.value - estimate.error),
            high: within(estimate.value + estimate.error),
        }
    }
}

/// The offload in one unit and scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What was asked for: R.
    pub asked: u64,
    /// What of it was fetched: M.
    pub fetched: u64,
    /// What of that was distinct, and had to be fetched once: U. What may not be kept had
    /// to be each time.
    pub distinct: Range<u64>,
    /// `1 - M/R`; `null` where nothing was asked for. May be below 0, where more is fetched than
    /// asked for.
    pub observed: Option<f64>,
    /// `1 - U/R`.
    pub maximum: Option<Range<f64>>,
    /// Maximum less observed: fetches that were not the first, which a better cache
    /// would spare.
    pub headroom: Option<f64>,
}

impl Figure {
    pub(super) fn of(figures: &Figures, unit: Unit, scope: Scope) -> Self {
        let tally = &figures.tally;
        let passed = tally.uncacheable.in_unit(unit);
        let asked = tally.asked.in_unit(unit);
        let missed = tally.fetched().in_unit(unit);
        let distinct = Range::of_count(figures.missed.distinct(unit), missed);
        let (asked, always) = match scope {
            Scope::Total => (asked, passed),
            Scope::Cacheable => (asked.saturating_sub(passed), 0),
        };
        let offload = tally.offload(&figures.missed, unit, scope);
        Self {
            asked,
            fetched: missed.saturating_add(always),
            distinct: distinct.plus(always),
            observed: offload.map(|offload| rounded(offload.observed)),
            maximum: offload.map(|offload| Range::of_part(offload.maximum)),
            headroom: offload.map(|offload| rounded(offload.headroom())),
        }
    }
}

/// Requests that were met with what was there, by where that was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// In memory.
    pub ram: Amount,
    /// On disk.
    pub disk: Amount,
    /// On another machine of the same operator.
    pub peer: Amount,
}

/// Fetches for one cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// Why.
    pub cause: Cause,
    /// How many, their bytes, and the render time that they took.
    #[serde(flatten)]
    pub amount: Amount,
}

/// Some traffic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Traffic {
    /// Observed and maximum offload.
    pub offload: Units<Scopes<Figure>>,
    /// Requests met with what was there.
    pub hits: Found,
    /// Requests that waited for another's fetch.
    pub collapsed: Amount,
    /// Requests for what may not be kept.
    pub uncacheable: Amount,
    /// Fetches of what may be kept, by cause; those with the most requests first,
    /// and only such as there were.
    pub misses: Vec<Missed>,
}

impl Traffic {
    /// The report on `figures`.
    pub fn of(figures: &Figures) -> Self {
        let tally = &figures.tally;
        let missed = Cause::ALL.iter().map(|cause| Missed {
            cause: *cause,
            amount: tally.missed[*cause as usize],
        });
        let mut misses: Vec<Missed> = missed.filter(|one| !one.amount.is_nothing()).collect();
        misses.sort_by_key(|one| std::cmp::Reverse(one.amount.requests));
        Self {
            offload: Units::of(|unit| Scopes::of(|scope| Figure::of(figures, unit, scope))),
            hits: Found {
                ram: tally.hits[Tier::Ram as usize],
                disk: tally.hits[Tier::Disk as usize],
                peer: tally.hits[Tier::Peer as usize],
            },
            collapsed: tally.collapsed,
            uncacheable: tally.uncacheable,
            misses,
        }
    }

    /// All that was asked for.
    pub fn asked(&self) -> Amount {
        let asked = |unit| self.offload.in_unit(unit).total.asked;
        Amount {
            requests: asked(Unit::Requests),
            bytes: asked(Unit::Bytes),
            render_ms: asked(Unit::Render),
        }
    }

    /// What was fetched because of `cause`.
    pub fn missed(&self, cause: Cause) -> Amount {
        let found = self.misses.iter().find(|one| one.cause == cause);
        found.map(|one| one.amount).unwrap_or_default()
    }
}
