//! A sample of some traffic, and caches in proportion.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::super::amount::{Amount, Size};
use super::super::point::Point;
use super::super::sketch::Sketch;
use super::Algorithm;
use crate::policy::{Replay, Request};

/// Requests for some of the objects of a longer traffic, and how that was.
#[derive(Clone, Debug, PartialEq)]
pub struct Miniature {
    requests: Vec<Request<u64>>,
    /// The part of all objects that is in it, at most 1.
    rate: f64,
    all: Amount,
}

/// Parts of all traffic, each from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ratios {
    /// Of the requests.
    pub requests: f64,
    /// Of the bytes.
    pub bytes: f64,
    /// Of the render time.
    pub render: f64,
}

impl Miniature {
    /// All of some traffic.
    pub fn whole(requests: Vec<Request<u64>>) -> Self {
        let all = requests.iter().map(amount).sum();
        let rate = 1.0;
        Self {
            requests,
            rate,
            all,
        }
    }

    /// A sample that was taken: the requests whose keys' points are up to `threshold`, out of
    /// `all`.
    pub fn sampled(requests: Vec<Request<u64>>, threshold: Point, all: Amount) -> Self {
        Self {
            requests,
            rate: threshold.fraction(),
            all,
        }
    }

    /// A sample of `objects` objects of `requests`, or all if there are no more.
    /// `point` tells where a key falls.
    pub fn of(requests: &[Request<u64>], objects: usize, point: impl Fn(u64) -> Point) -> Self {
        // The sketch keeps the lowest points, which are the sample.
        let mut lowest = Sketch::new(objects.saturating_add(1));
        for request in requests {
            lowest.note(point(request.key), Size::default());
        }
        let Some(beyond) = lowest.threshold() else {
            return Self::whole(requests.to_vec());
        };
        let threshold = Point(beyond.0.saturating_sub(1));
        let sampled = requests.iter().filter(|one| point(one.key) <= threshold);
        let all = requests.iter().map(amount).sum();
        Self::sampled(sampled.copied().collect(), threshold, all)
    }

    /// What part of the traffic `algorithm` misses with room for `capacity` bytes.
    pub fn misses(&self, algorithm: Algorithm, capacity: u64) -> Ratios {
        let capacity = (capacity as f64 * self.rate) as u64;
        self.ratios(&algorithm.run(&self.requests, capacity))
    }

    /// The misses of a replay as parts of the traffic: of the whole traffic in proportion, not
    /// of the sample. Whether the hottest objects are in the sample makes all the difference to how
    /// many requests it has, and none to how many misses.
    fn ratios(&self, replay: &Replay) -> Ratios {
        let part = |missed: u64, of: u64| match of {
            0 => 0.0,
            of => (missed as f64 / (of as f64 * self.rate)).min(1.0),
        };
        Ratios {
            requests: part(replay.misses, self.all.requests),
            bytes: part(replay.missed_bytes, self.all.bytes),
            render: part(replay.missed_cost, self.all.render_ms),
        }
    }

    /// What part of all objects is in it, at most 1.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// All the traffic, sampled or not.
    pub fn asked(&self) -> Amount {
        self.all
    }

    /// Requests in the sample.
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// How many objects are in it.
    pub fn objects(&self) -> usize {
        let keys: HashSet<u64> = self.requests.iter().map(|one| one.key).collect();
        keys.len()
    }
}

fn amount(request: &Request<u64>) -> Amount {
    Amount {
        requests: 1,
        bytes: request.weight.bytes,
        render_ms: request.weight.cost,
    }
}
