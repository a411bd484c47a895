//! One request for an address at a time, however many want its file, and a moment's
//! memory of what failed.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hashlink::LinkedHashMap;
use url::Url;

use super::error::FetchError;

/// The most callers that wait for servers at a time: each holds a thread.
const MAX_WAITING: usize = 256;

/// The most requests at a time.
const MAX_REQUESTS: usize = 32;

/// The most failures remembered; the one longest ago is forgotten first.
const MAX_FAILURES: usize = 1000;

/// Who asks for what just now. `T` is what an answer gives.
#[derive(Debug)]
pub struct Flights<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    /// For how long a failure is told again without a request.
    rest: Duration,
}

#[derive(Debug)]
struct State<T> {
    flying: HashMap<Url, Arc<Flight<T>>>,
    failures: LinkedHashMap<Url, (Instant, FetchError)>,
    waiting: usize,
    requests: usize,
}

type Outcome<T> = Result<T, FetchError>;

#[derive(Debug)]
struct Flight<T> {
    outcome: Mutex<Option<Outcome<T>>>,
    landed: Condvar,
}

impl<T: Clone> Flights<T> {
    /// With a memory of failures of `rest`.
    pub fn new(rest: Duration) -> Self {
        Self {
            state: Mutex::new(State {
                flying: HashMap::new(),
                failures: LinkedHashMap::new(),
                waiting: 0,
                requests: 0,
            }),
            changed: Condvar::new(),
            rest,
        }
    }

    /// What asking for `url` gives: by `ask`, or by another caller who asks just now, or
    /// what went wrong a moment ago. Waits no longer than until `deadline`.
    pub fn get(
        &self,
        url: &Url,
        deadline: Instant,
        ask: impl FnOnce() -> Outcome<T>,
    ) -> Outcome<T> {
        let mut state = self.state();
        let now = Instant::now();
        if let Some((_, error)) = state
            .failures
            .get(url)
            .filter(|(noted, _)| now.saturating_duration_since(*noted) < self.rest)
        {
            return Err(error.clone());
        }
        if state.waiting >= MAX_WAITING {
            return Err(FetchError::Busy);
        }
        if let Some(flight) = state.flying.get(url).cloned() {
            state.waiting += 1;
            drop(state);
            let outcome = flight.wait(deadline);
            self.state().waiting -= 1;
            return outcome;
        }
        let flight = Arc::new(Flight {
            outcome: Mutex::new(None),
            landed: Condvar::new(),
        });
        state.flying.insert(url.clone(), Arc::clone(&flight));
        state.waiting += 1;
        // However it ends, those who wait are told and the place is free.
        let mut lead = Lead {
            flights: self,
            url,
            flight,
            requesting: false,
            outcome: Err(FetchError::Answer("asking for it broke off".into())),
        };
        while state.requests >= MAX_REQUESTS {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(state);
                lead.outcome = Err(FetchError::Busy);
                return lead.outcome.clone();
            }
            let woken = self.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.requests += 1;
        lead.requesting = true;
        drop(state);
        lead.outcome = ask();
        lead.outcome.clone()
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        // Each change is one step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> Flight<T> {
    fn wait(&self, deadline: Instant) -> Outcome<T> {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(outcome) = outcome.as_ref() {
                return outcome.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(FetchError::Busy);
            }
            let woken = self.landed.wait_timeout(outcome, left);
            outcome = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The caller who asks for the others too.
struct Lead<'a, T: Clone> {
    flights: &'a Flights<T>,
    url: &'a Url,
    flight: Arc<Flight<T>>,
    requesting: bool,
    outcome: Outcome<T>,
}

impl<T: Clone> Drop for Lead<'_, T> {
    fn drop(&mut self) {
        let mut state = self.flights.state();
        state.flying.remove(self.url);
        state.waiting -= 1;
        state.requests -= usize::from(self.requesting);
        match &self.outcome {
            Err(error) if !error.is_ours() => {
                let failure = (Instant::now(), error.clone());
                state.failures.insert(self.url.clone(), failure);
                while state.failures.len() > MAX_FAILURES {
                    state.failures.pop_front();
                }
            }
            _ => drop(state.failures.remove(self.url)),
        }
        drop(state);
        self.flights.changed.notify_one();
        let outcome = self.flight.outcome.lock();
        *outcome.unwrap_or_else(PoisonError::into_inner) = Some(self.outcome.clone());
        self.flight.landed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn url(path: &str) -> Url {
        Url::parse(&format!("https://example.com/{path}")).unwrap()
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn all_who_want_a_file_at_a_time_get_it_by_one_request() {
        let flights = Flights::new(Duration::ZERO);
        let (asked, entered) = (AtomicUsize::new(0), Barrier::new(2));
        std::thread::scope(|scope| {
            let leader = scope.spawn(|| {
                flights.get(&url("a"), soon(), || {
                    entered.wait();
                    // Goes on when the other waits for it.
                    while flights.state().waiting < 2 {
                        std::thread::yield_now();
                    }
                    asked.fetch_add(1, Ordering::Relaxed);
                    Ok(7)
                })
            });
            entered.wait();
            let follower = flights.get(&url("a"), soon(), || {
                asked.fetch_add(1, Ordering::Relaxed);
                Ok(8)
            });
            assert_eq!(follower, Ok(7));
            assert_eq!(leader.join().unwrap(), Ok(7));
        });
        assert_eq!(asked.into_inner(), 1);
        assert_eq!(flights.state().waiting, 0);
        assert_eq!(flights.get(&url("a"), soon(), || Ok(9)), Ok(9));
    }

    #[test]
    fn a_failure_is_told_again_for_a_moment_and_a_fault_of_ours_is_not() {
        let flights: Flights<u8> = Flights::new(Duration::from_secs(600));
        let gone = || Err(FetchError::Status(404));
        assert_eq!(flights.get(&url("a"), soon(), gone), gone());
        assert_eq!(flights.get(&url("a"), soon(), || Ok(1)), gone());
        assert_eq!(flights.get(&url("b"), soon(), || Ok(1)), Ok(1));
        let full = || Err(FetchError::NoRoom);
        assert_eq!(flights.get(&url("b"), soon(), full), full());
        assert_eq!(flights.get(&url("b"), soon(), || Ok(2)), Ok(2));
        for index in 0..2 * MAX_FAILURES {
            flights
                .get(&url(&index.to_string()), soon(), gone)
                .unwrap_err();
        }
        assert_eq!(flights.state().failures.len(), MAX_FAILURES);
    }

    #[test]
    fn one_who_asks_and_dies_leaves_no_one_waiting() {
        let flights: Flights<u8> = Flights::new(Duration::ZERO);
        std::thread::scope(|scope| {
            let died = scope.spawn(|| flights.get(&url("a"), soon(), || panic!("on purpose")));
            assert!(died.join().is_err());
        });
        assert_eq!(flights.state().requests, 0);
        assert_eq!(flights.get(&url("a"), soon(), || Ok(1)), Ok(1));
    }

    #[test]
    fn too_many_who_wait_are_turned_away() {
        let flights: Flights<u8> = Flights::new(Duration::ZERO);
        flights.state().waiting = MAX_WAITING;
        let refused = flights.get(&url("a"), soon(), || Ok(1));
        assert_eq!(refused, Err(FetchError::Busy));
        flights.state().waiting = 0;
        flights.state().requests = MAX_REQUESTS;
        let refused = flights.get(&url("a"), Instant::now(), || Ok(1));
        assert_eq!(refused, Err(FetchError::Busy));
    }
}
