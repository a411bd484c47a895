//! What was counted, and the offload that follows from it.

use serde::{Deserialize, Serialize};

use super::amount::{Amount, Unit};
use super::cause::Cause;
use super::sketch::{Estimate, Sketch};

/// Where something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// In memory.
    Ram,
    /// On disk.
    Disk,
    /// On another machine of the same operator: no request to the origin.
    Peer,
}

impl Tier {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ram, Self::Disk, Self::Peer];

    /// The word for it in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ram => "ram",
            Self::Disk => "disk",
            Self::Peer => "peer",
        }
    }
}

/// Counts of requests, what they were for, and how they were answered. Every request
/// is in `asked` once, and in one of the others. What was fetched before anybody asked
/// for it is in `missed` alone: who asks then is a hit, and spared the origin nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// All requests.
    pub asked: Amount,
    /// Those for what may not be kept: each was fetched.
    pub uncacheable: Amount,
    /// Those answered with what was there, by [`Tier`].
    pub hits: [Amount; Tier::ALL.len()],
    /// Those that waited for another's fetch: to the origin they are hits.
    pub collapsed: Amount,
    /// Fetches for what may be kept, by [`Cause`].
    pub missed: [Amount; Cause::ALL.len()],
}

/// Of all requests, or of those for what may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// All; what may not be kept can never be offloaded.
    Total,
    /// Those for what may be kept.
    Cacheable,
}

impl Scope {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Total, Self::Cacheable];

    /// The word for it in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Cacheable => "cacheable",
        }
    }
}

/// What part of the traffic the origin was spared, and what part it could have been.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Offload {
    /// `1 - M/R`: M fetched of R asked for.
    pub observed: f64,
    /// `1 - U/R`: U distinct of what was fetched, which each had to be at least once.
    pub maximum: Estimate,
}

impl Offload {
    /// Fetches that were not the first, of all requests: what a better cache could spare.
    pub fn headroom(&self) -> f64 {
        self.maximum.value - self.observed
    }
}

impl Tally {
    /// A request that was answered from `tier`.
    pub fn hit(&mut self, tier: Tier, amount: Amount) {
        self.asked += amount;
        self.hits[tier as usize] += amount;
    }

    /// A fetch, by the request that led it, and those that waited for it.
    pub fn miss(&mut self, cause: Cause, fetched: Amount, collapsed: Amount) {
        self.asked += fetched + collapsed;
        self.missed[cause as usize] += fetched;
        self.collapsed += collapsed;
    }

    /// A fetch that no request led, and those that waited for it.
    pub fn ahead(&mut self, cause: Cause, fetched: Amount, collapsed: Amount) {
        self.asked += collapsed;
        self.missed[cause as usize] += fetched;
        self.collapsed += collapsed;
    }

    /// A request for what may not be kept.
    pub fn pass(&mut self, amount: Amount) {
        self.asked += amount;
        self.uncacheable += amount;
    }

    /// All fetches for what may be kept.
    pub fn fetched(&self) -> Amount {
        self.missed.iter().copied().sum()
    }

    /// Of those, the ones that were not the first of their object.
    pub fn repeated(&self) -> Amount {
        let repeats = Cause::ALL.iter().filter(|cause| cause.is_repeat());
        repeats.map(|cause| self.missed[*cause as usize]).sum()
    }

    /// Takes in what was counted elsewhere.
    pub fn merge(&mut self, other: &Self) {
        self.asked += other.asked;
        self.uncacheable += other.uncacheable;
        self.collapsed += other.collapsed;
        let pairs = self.hits.iter_mut().zip(other.hits);
        pairs.for_each(|(mine, theirs)| *mine += theirs);
        let pairs = self.missed.iter_mut().zip(other.missed);
        pairs.for_each(|(mine, theirs)| *mine += theirs);
    }

    /// The offload, with `missed` what is distinct among the fetches; `None` where there
    /// was no traffic.
    pub fn offload(&self, missed: &Sketch, unit: Unit, scope: Scope) -> Option<Offload> {
        let (asked, passed) = (self.asked.in_unit(unit), self.uncacheable.in_unit(unit));
        let (of, always) = match scope {
            Scope::Total => (asked, passed),
            Scope::Cacheable => (asked.saturating_sub(passed), 0),
        };
        if of == 0 {
            return None;
        }
        let of = of as f64;
        let fetched = self.fetched().in_unit(unit);
        let distinct = missed.distinct(unit);
        // No more is distinct than was fetched, whatever the estimate says.
        let least = distinct.value.min(fetched as f64);
        Some(Offload {
            observed: 1.0 - (fetched + always) as f64 / of,
            maximum: Estimate {
                value: 1.0 - (least + always as f64) / of,
                error: distinct.error / of,
            },
        })
    }

    /// The offload of a cache without bounds that is empty at first, with `asked` what is
    /// distinct among the requests; `None` where there was no traffic.
    pub fn unbounded(&self, asked: &Sketch, unit: Unit) -> Option<Estimate> {
        let of = self.asked.in_unit(unit) as f64;
        let distinct = asked.distinct(unit);
        let least = distinct.value + self.uncacheable.in_unit(unit) as f64;
        (of > 0.0).then(|| Estimate {
            value: 1.0 - least.min(of) / of,
            error: distinct.error / of,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::amount::Size;
    use super::super::point::Point;
    use super::*;

    const SIZE: Size = Size {
        bytes: 1000,
        render_ms: 20,
    };

    /// `misses` fetches of `distinct` objects in turn, the rest hits.
    fn traffic(requests: u64, misses: u64, distinct: u64) -> (Tally, Sketch) {
        let (mut tally, mut missed) = (Tally::default(), Sketch::new(1024));
        for at in 0..misses {
            let cause = match at < distinct {
                true => Cause::Cold,
                false => Cause::Evicted,
            };
            tally.miss(cause, Amount::of(1, SIZE), Amount::default());
            missed.note(Point::of(&(at % distinct).to_le_bytes()), SIZE);
        }
        tally.hit(Tier::Ram, Amount::of(requests - misses, SIZE));
        (tally, missed)
    }

    #[test]
    fn the_worked_examples_come_out_in_every_unit() {
        for (misses, distinct, observed, maximum) in [(300, 10, 0.70, 0.99), (700, 650, 0.30, 0.35)]
        {
            let (tally, missed) = traffic(1000, misses, distinct);
            for unit in Unit::ALL {
                for scope in Scope::ALL {
                    let offload = tally.offload(&missed, unit, scope).expect("traffic");
                    assert!((offload.observed - observed).abs() < 1e-12);
                    assert!((offload.maximum.value - maximum).abs() < 1e-12);
                    assert_eq!(offload.maximum.error, 0.0);
                }
            }
            assert_eq!(tally.repeated().requests, misses - distinct);
        }
    }

    #[test]
    fn what_may_not_be_kept_counts_as_never_offloadable_in_the_total_only() {
        let (mut tally, missed) = traffic(1000, 300, 10);
        tally.pass(Amount::of(1000, SIZE));
        let of = |scope| tally.offload(&missed, Unit::Requests, scope).expect("some");
        assert!((of(Scope::Cacheable).observed - 0.70).abs() < 1e-12);
        assert!((of(Scope::Cacheable).maximum.value - 0.99).abs() < 1e-12);
        assert!((of(Scope::Total).observed - 0.35).abs() < 1e-12);
        assert!((of(Scope::Total).maximum.value - 0.495).abs() < 1e-12);
    }

    #[test]
    fn without_traffic_there_is_no_offload() {
        let (tally, missed) = (Tally::default(), Sketch::new(16));
        assert_eq!(tally.offload(&missed, Unit::Bytes, Scope::Total), None);
        assert_eq!(tally.unbounded(&missed, Unit::Bytes), None);
    }

    #[test]
    fn what_is_fetched_ahead_and_asked_for_once_spares_the_origin_nothing() {
        let mut tally = Tally::default();
        tally.ahead(Cause::Cold, Amount::of(1, SIZE), Amount::default());
        tally.hit(Tier::Ram, Amount::of(1, SIZE));
        let mut missed = Sketch::new(16);
        missed.note(Point(7), SIZE);
        let offload = tally.offload(&missed, Unit::Requests, Scope::Total);
        assert_eq!(offload.map(|offload| offload.observed), Some(0.0));
    }

    #[test]
    fn waiters_are_hits_to_the_origin() {
        let mut tally = Tally::default();
        tally.miss(Cause::Cold, Amount::of(1, SIZE), Amount::of(9, SIZE));
        let mut missed = Sketch::new(16);
        missed.note(Point(7), SIZE);
        let offload = tally.offload(&missed, Unit::Bytes, Scope::Total);
        assert!((offload.expect("traffic").observed - 0.9).abs() < 1e-12);
        let mut twice = tally;
        twice.merge(&tally);
        assert_eq!(twice.asked.requests, 20);
        assert_eq!(twice.collapsed.bytes, 18_000);
    }
}
