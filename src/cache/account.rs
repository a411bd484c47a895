//! The account of a cache: each request, each fetch and what went, told to the meter of
//! [`crate::offload`] as they happen.
//!
//! One lock, held for the fraction of a microsecond that counting takes; never while
//! anything is waited for, and no other lock is taken under it but that of the recordings.
//! A fetch is counted when it is over, with all who waited for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::recording::{Recording, Recordings};
use crate::digest::Digest;
use crate::offload::simulate::Miniature;
use crate::offload::trace::Way;
use crate::offload::{Cause, Class, Meter, Object, Period, Size, Tally, Tier, Twins};

/// Who asks for a fragment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Asker {
    /// Somebody who wants it now.
    #[default]
    Client,
    /// Nobody yet: it is fetched ahead, and who asks then is counted.
    Ahead,
}

/// A handle on the account of a cache; clones share it. One that is off counts nothing.
#[derive(Clone)]
pub struct Account(Option<Arc<Books>>);

struct Books {
    meter: Mutex<Meter>,
    opened: Instant,
    recordings: Recordings,
}

/// A fetch that is over.
#[derive(Clone, Copy, Debug)]
pub struct Fetch<'a> {
    /// What [`Account::cause`] gave before it.
    pub cause: Cause,
    /// Who led it.
    pub asker: Asker,
    /// How many waited for it.
    pub followers: u64,
    /// What came of it, if anything did.
    pub content: Option<&'a Digest>,
}

impl Account {
    /// An account that counts from now on, or none.
    pub fn new(counts: bool) -> Self {
        let books = || {
            Arc::new(Books {
                meter: Mutex::new(Meter::new()),
                opened: Instant::now(),
                recordings: Recordings::default(),
            })
        };
        Self(counts.then(books))
    }

    /// Whether anything is counted.
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Notes `requests` for what was there, in `tier`.
    pub fn hit(&self, class: &Class, key: &Digest, size: Size, tier: Tier, requests: u64) {
        let Some(books) = self.0.as_deref().filter(|_| requests > 0) else {
            return;
        };
        let (now, object) = (books.now(), Object { key: *key, size });
        let mut meter = books.meter();
        for _ in 0..requests {
            meter.hit(now, class, &object, tier);
        }
        drop(meter);
        books.recordings.note(key, size, Way::Hit(tier), requests);
    }

    /// Why `key`, which is about to be fetched, is not there.
    pub fn cause(&self, key: &Digest) -> Option<Cause> {
        Some(self.0.as_deref()?.meter().cause(key))
    }

    /// Notes a fetch of `key` that is over; an object that never came weighs what came
    /// of it.
    pub fn fetched(&self, class: &Class, key: &Digest, size: Size, fetch: Fetch<'_>) {
        let Some(books) = self.0.as_deref() else {
            return;
        };
        let Fetch {
            cause,
            asker,
            followers,
            content,
        } = fetch;
        let (now, object) = (books.now(), Object { key: *key, size });
        let mut meter = books.meter();
        let cause = match asker {
            Asker::Client => meter.fetched(now, class, &object, cause, followers, content),
            Asker::Ahead => meter.prepared(now, class, &object, cause, followers, content),
        };
        drop(meter);
        let requests = u64::from(asker == Asker::Client);
        let recordings = &books.recordings;
        recordings.note(key, size, Way::Miss(cause), requests);
        recordings.note(key, size, Way::Collapsed, followers);
    }

    /// Notes a request for what may not be kept.
    pub fn passed(&self, class: &Class, key: &Digest, size: Size) {
        let Some(books) = self.0.as_deref() else {
            return;
        };
        let object = Object { key: *key, size };
        books.meter().passed(books.now(), class, &object);
        books.recordings.note(key, size, Way::Pass, 1);
    }

    /// Notes that `key` is not kept, or not any more.
    pub fn gone(&self, key: &Digest, cause: Cause) {
        if let Some(books) = self.0.as_deref() {
            books.meter().gone(key, cause);
        }
    }

    /// What was counted in the last `quarters` of an hour; nothing if it is off.
    pub fn over(&self, quarters: usize) -> Period {
        let counted = |books: &Books| books.meter().over(books.now(), quarters);
        self.0.as_deref().map(counted).unwrap_or_default()
    }

    /// What each class had since the start.
    pub fn totals(&self) -> Vec<(Class, Tally)> {
        let copied = |books: &Books| {
            let meter = books.meter();
            let totals = meter.totals();
            totals
                .map(|(class, tally)| (class.clone(), *tally))
                .collect()
        };
        self.0.as_deref().map(copied).unwrap_or_default()
    }

    /// A sample of the traffic of the last `seconds`, to simulate.
    pub fn sample(&self, seconds: u64) -> Option<Miniature> {
        let books = self.0.as_deref()?;
        Some(books.meter().sample(books.now(), seconds))
    }

    /// Keys that lately came to the same bytes, the newest first.
    pub fn twins(&self) -> Vec<Twins> {
        let copied = |books: &Books| books.meter().twins().copied().collect();
        self.0.as_deref().map(copied).unwrap_or_default()
    }

    /// The memory that measuring takes, in bytes.
    pub fn memory(&self) -> usize {
        let books = self.0.as_deref();
        books.map_or(0, |books| books.meter().memory())
    }

    /// Records the traffic from now on; `None` if it is off, or as many recordings as
    /// allowed go on.
    pub fn record(&self) -> Option<Recording> {
        self.0.as_deref()?.recordings.begin()
    }
}

impl Books {
    /// Seconds since it was opened.
    fn now(&self) -> u64 {
        self.opened.elapsed().as_secs()
    }

    fn meter(&self) -> MutexGuard<'_, Meter> {
        // Counts that a panic left half done are one request off.
        self.meter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_that_is_off_counts_nothing_and_takes_nothing() {
        let account = Account::new(false);
        let key = Digest::of(b"key");
        account.hit(&Class::other(), &key, Size::new(1, 1), Tier::Ram, 5);
        account.gone(&key, Cause::Evicted);
        assert_eq!(account.cause(&key), None);
        assert!(account.over(4).all.tally.asked.is_nothing());
        assert_eq!(account.memory(), 0);
        assert!(account.record().is_none() && account.sample(60).is_none());
    }

    #[test]
    fn what_is_fetched_ahead_is_no_request_and_who_waits_for_it_is() {
        let account = Account::new(true);
        let key = Digest::of(b"key");
        let fetch = Fetch {
            cause: account.cause(&key).expect("it is on"),
            asker: Asker::Ahead,
            followers: 2,
            content: None,
        };
        account.fetched(&Class::other(), &key, Size::new(10, 1), fetch);
        account.hit(&Class::other(), &key, Size::new(10, 1), Tier::Disk, 3);
        let tally = account.over(1).all.tally;
        assert_eq!(tally.asked.requests, 5);
        assert_eq!((tally.collapsed.requests, tally.fetched().requests), (2, 1));
        assert_eq!(tally.hits[Tier::Disk as usize].requests, 3);
    }
}
