//! Single flight: of all who ask for one key at one time, one leads.
//!
//! A flight is a table of what is being fetched. Looking a key up, looking into
//! memory and taking the lead happen under one lock, so there is no moment in
//! which two can lead or a finished chunk can be missed. What is fetched, and
//! how, is not known here.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is being fetched now, by key; `V` is what followers wait on.
pub(super) struct Flight<K, V> {
    entries: Mutex<Entries<K, V>>,
    max: usize,
}

struct Entries<K, V> {
    by_key: HashMap<K, (u64, V)>,
    next_id: u64,
}

/// How a request boards.
pub(super) enum Boarded<K: Eq + Hash, V, J, R> {
    /// Someone leads already: follow.
    Joined(J),
    /// There was no need: it is in memory.
    Ready(R),
    /// Lead, and leave the flight by dropping the seat.
    Lead(Seat<K, V>),
    /// The table is full.
    Full,
}

impl<K: Eq + Hash + Clone, V: Clone> Flight<K, V> {
    /// A flight of at most `max` keys.
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            entries: Mutex::new(Entries {
                by_key: HashMap::new(),
                next_id: 0,
            }),
            max,
        })
    }

    /// Joins the leader of `key`, if what it leads can be `join`ed; else takes
    /// what `ready` finds; else leads, with followers joining `value`.
    pub fn board<J, R>(
        self: &Arc<Self>,
        key: &K,
        join: impl FnOnce(&V) -> Option<J>,
        ready: impl FnOnce() -> Option<R>,
        value: impl FnOnce() -> V,
    ) -> Boarded<K, V, J, R> {
        let mut entries = self.lock();
        let present = entries.by_key.get(key);
        let replaces = present.is_some();
        if let Some(joined) = present.and_then(|(_, leading)| join(leading)) {
            return Boarded::Joined(joined);
        }
        if let Some(found) = ready() {
            return Boarded::Ready(found);
        }
        if !replaces && entries.by_key.len() >= self.max {
            return Boarded::Full;
        }
        let id = entries.next_id;
        entries.next_id += 1;
        entries.by_key.insert(key.clone(), (id, value()));
        Boarded::Lead(Seat {
            flight: self.clone(),
            key: key.clone(),
            id,
        })
    }

    /// What the leader of `key` leads.
    pub fn find(&self, key: &K) -> Option<V> {
        self.lock().by_key.get(key).map(|(_, value)| value.clone())
    }

    /// How many keys are in flight.
    pub fn len(&self) -> usize {
        self.lock().by_key.len()
    }

    /// The bound.
    pub fn max(&self) -> usize {
        self.max
    }
}

impl<K, V> Flight<K, V> {
    fn lock(&self) -> MutexGuard<'_, Entries<K, V>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The leader's place; dropping it frees the key, unless a newer leader has it.
pub(super) struct Seat<K: Eq + Hash, V> {
    flight: Arc<Flight<K, V>>,
    key: K,
    id: u64,
}

impl<K: Eq + Hash, V> Seat<K, V> {
    /// Leaves if `alone` says so while nobody can join; says whether it left.
    pub fn leave_if(&self, alone: impl FnOnce() -> bool) -> bool {
        let mut entries = self.flight.lock();
        let leaves = alone();
        if leaves {
            entries.free(&self.key, self.id);
        }
        leaves
    }
}

impl<K: Eq + Hash, V> Drop for Seat<K, V> {
    fn drop(&mut self) {
        self.flight.lock().free(&self.key, self.id);
    }
}

impl<K: Eq + Hash, V> Entries<K, V> {
    /// Frees the key, unless a newer leader has it.
    fn free(&mut self, key: &K, id: u64) {
        if self.by_key.get(key).is_some_and(|(leads, _)| *leads == id) {
            self.by_key.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(flight: &Arc<Flight<u8, u8>>, key: u8, value: u8) -> Boarded<u8, u8, u8, ()> {
        let join = |leading: &u8| (*leading != 0).then_some(*leading);
        flight.board(&key, join, || None, || value)
    }

    #[test]
    fn one_leads_until_it_leaves_and_the_others_join() {
        let flight = Flight::new(9);
        let Boarded::Lead(seat) = board(&flight, 1, 5) else {
            panic!("the first leads");
        };
        assert!(matches!(board(&flight, 1, 6), Boarded::Joined(5)));
        assert_eq!((flight.find(&1), flight.len()), (Some(5), 1));
        drop(seat);
        assert_eq!(flight.find(&1), None);
        assert!(matches!(board(&flight, 1, 6), Boarded::Lead(_)));
    }

    #[test]
    fn a_leader_whose_flight_failed_is_replaced_and_does_not_evict_its_successor() {
        let flight = Flight::new(1);
        let Boarded::Lead(old) = board(&flight, 1, 0) else {
            panic!("the first leads");
        };
        let Boarded::Lead(_new) = board(&flight, 1, 7) else {
            panic!("a failed flight is not joined");
        };
        drop(old);
        assert!(matches!(board(&flight, 1, 8), Boarded::Joined(7)));
    }

    #[test]
    fn a_full_table_takes_no_new_key_but_still_lets_others_join() {
        let flight = Flight::new(1);
        let _seat = board(&flight, 1, 5);
        assert!(matches!(board(&flight, 2, 5), Boarded::Full));
        assert!(matches!(board(&flight, 1, 5), Boarded::Joined(5)));
        let ready = flight.board(&2, |leading| Some(*leading), || Some(()), || 1);
        assert!(matches!(ready, Boarded::Ready(())));
    }

    #[test]
    fn a_leader_leaves_only_while_nobody_can_join() {
        let flight = Flight::new(9);
        let Boarded::Lead(seat) = board(&flight, 1, 5) else {
            panic!("the first leads");
        };
        assert!(!seat.leave_if(|| false));
        assert!(matches!(board(&flight, 1, 6), Boarded::Joined(5)));
        assert!(seat.leave_if(|| true));
        let Boarded::Lead(_next) = board(&flight, 1, 6) else {
            panic!("the key is free");
        };
        drop(seat);
        assert_eq!(flight.find(&1), Some(6));
    }
}
