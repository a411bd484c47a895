//! A sample of the traffic just past, for simulations of other caches.
//!
//! Objects are sampled, not requests: all requests for an object whose point lies below a
//! threshold are kept in order, and none for the others. So a cache of a tenth of the size meets in a
//! tenth of the objects what the real one meets in all (C. Waldspurger et al., "Cache Modeling and
//! Optimization using Miniature Simulations", USENIX ATC 2017). When there is no room for
//! more, the threshold goes down if there are plenty of objects, else the oldest
//! requests go: a simulation of a few objects tells nothing.

use std::collections::{HashSet, VecDeque};

use super::amount::{Amount, Size};
use super::point::Point;
use super::simulate::Miniature;
use crate::policy::{Request, Weight};

/// Requests kept: 256 KiB.
pub const SAMPLED_REQUESTS: usize = 16 * 1024;

/// Objects at which the threshold may go down: half of them are left, which simulate
/// well within two points.
pub const SAMPLED_OBJECTS: usize = 8 * 1024;

/// The sample is forgotten in so many steps.
const SPANS: usize = 8;

/// A span is closed after so many seconds, so that old traffic does not stay for want of new.
const SPAN_S: u64 = 15 * 60;

/// Requests for a sample of objects, oldest first.
#[derive(Clone, Debug)]
pub struct Sample {
    requests: VecDeque<Sampled>,
    spans: VecDeque<Span>,
    /// Points up to this one are sampled.
    threshold: Point,
    most: usize,
}

#[derive(Clone, Copy, Debug)]
struct Sampled {
    point: Point,
    size: Size,
}

/// Traffic that was sampled in one go.
#[derive(Clone, Copy, Debug)]
struct Span {
    began: u64,
    /// Requests of it in the sample.
    kept: usize,
    /// All traffic of the time.
    all: Amount,
    /// The threshold that it was sampled by.
    threshold: Point,
}

impl Sample {
    /// An empty sample of at most `most` requests.
    pub fn new(most: usize) -> Self {
        Self {
            requests: VecDeque::with_capacity(most),
            spans: VecDeque::with_capacity(2 * SPANS),
            threshold: Point(u64::MAX),
            most,
        }
    }

    /// Notes a request at `now`, in seconds.
    pub fn note(&mut self, now: u64, point: Point, size: Size) {
        let full = |span: &Span| span.kept >= self.most / SPANS;
        let old = |span: &Span| now.saturating_sub(span.began) >= SPAN_S;
        if self.spans.back().is_none_or(|span| full(span) || old(span)) {
            self.begin(now);
        }
        let sampled = point <= self.threshold;
        if let Some(span) = self.spans.back_mut() {
            span.all += Amount::of(1, size);
            span.kept += usize::from(sampled);
        }
        if sampled {
            self.requests.push_back(Sampled { point, size });
            if self.requests.len() >= self.most {
                self.make_room();
            }
        }
    }

    /// The sample of the last `seconds`, and of what part of all objects it is.
    pub fn last(&self, now: u64, seconds: u64) -> Miniature {
        let since = now.saturating_sub(seconds);
        let wanted = self
            .spans
            .iter()
            .rev()
            .take_while(|span| span.began >= since);
        let (mut kept, mut all, mut threshold) = (0, Amount::default(), Point(u64::MAX));
        for span in wanted {
            kept += span.kept;
            all += span.all;
            threshold = threshold.min(span.threshold);
        }
        let from = self.requests.len() - kept;
        let sampled = self.requests.range(from..);
        let sampled = sampled.filter(|request| request.point <= threshold);
        let request = |request: &Sampled| Request {
            key: request.point.0,
            weight: Weight {
                bytes: request.size.bytes.into(),
                cost: request.size.render_ms.into(),
            },
        };
        Miniature::sampled(sampled.map(request).collect(), threshold, all)
    }

    /// The memory that it takes, in bytes.
    pub fn memory(&self) -> usize {
        self.requests.capacity() * size_of::<Sampled>() + self.spans.capacity() * size_of::<Span>()
    }

    /// Begins a span; what began an hour ago, or is one too many, goes.
    fn begin(&mut self, now: u64) {
        let old = |span: &Span| now.saturating_sub(span.began) >= 4 * SPAN_S;
        while self.spans.front().is_some_and(old) || self.spans.len() >= 2 * SPANS {
            self.forget_oldest();
        }
        // Where there is little traffic, more of it is sampled again.
        if self.requests.len() < self.most / 4 {
            self.threshold = Point(self.threshold.0.saturating_mul(2).saturating_add(1));
        }
        self.spans.push_back(Span {
            began: now,
            kept: 0,
            all: Amount::default(),
            threshold: self.threshold,
        });
    }

    fn forget_oldest(&mut self) {
        if let Some(span) = self.spans.pop_front() {
            self.requests.drain(..span.kept);
        }
    }

    fn make_room(&mut self) {
        let objects: HashSet<Point> = self.requests.iter().map(|one| one.point).collect();
        if objects.len() < SAMPLED_OBJECTS.min(self.most / 2) {
            self.forget_oldest();
            if self.spans.is_empty() {
                self.requests.clear();
            }
            return;
        }
        self.threshold = Point(self.threshold.0 / 2);
        // Each request is looked at once and goes to the end, or goes.
        for span in &mut self.spans {
            let looked_at = span.kept;
            span.kept = 0;
            span.threshold = span.threshold.min(self.threshold);
            for _ in 0..looked_at {
                let one = self.requests.pop_front();
                if let Some(one) = one.filter(|one| one.point <= self.threshold) {
                    self.requests.push_back(one);
                    span.kept += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size {
        bytes: 100,
        render_ms: 2,
    };

    fn note(sample: &mut Sample, now: u64, key: u32) {
        sample.note(now, Point::of(&key.to_le_bytes()), SIZE);
    }

    #[test]
    fn as_objects_get_many_fewer_are_sampled_and_the_room_is_never_left() {
        let mut sample = Sample::new(1024);
        let room = sample.memory();
        for key in 0..100_000 {
            note(&mut sample, 0, key % 20_000);
        }
        assert_eq!(sample.memory(), room);
        let miniature = sample.last(0, 3600);
        assert!(miniature.rate() < 0.2, "{}", miniature.rate());
        let objects = miniature.objects() as f64 / miniature.rate();
        assert!((objects - 20_000.0).abs() < 4_000.0, "{objects}");
    }

    #[test]
    fn of_few_objects_that_are_hot_the_oldest_requests_go() {
        let mut sample = Sample::new(1024);
        for at in 0..10_000_u32 {
            note(&mut sample, 0, at % 50);
        }
        let miniature = sample.last(0, 3600);
        assert_eq!((miniature.rate(), miniature.objects()), (1.0, 50));
        assert!((500..=1024).contains(&miniature.asked().requests));
    }

    #[test]
    fn old_traffic_is_forgotten_and_quiet_times_are_sampled_whole_again() {
        let mut sample = Sample::new(1024);
        for key in 0..20_000 {
            note(&mut sample, 0, key);
        }
        for hour in 1..20 {
            note(&mut sample, hour * 3600, 7);
        }
        let miniature = sample.last(19 * 3600, 3600);
        assert_eq!((miniature.rate(), miniature.objects()), (1.0, 1));
    }
}
