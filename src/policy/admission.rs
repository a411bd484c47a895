//! What is not worth keeping at its first use.
//!
//! Some classes of things are hardly ever asked for again (what is made for one
//! recipient, say). Keeping them costs a write each, and pushes out what is. So
//! each class is judged by what became of what was kept of it: if next to nothing
//! of that was used before it had to go, the rest of the class is kept at its
//! second use only. Nothing is judged before things have to go at all.

use std::collections::HashMap;
use std::hash::Hash;

use hashlink::{LinkedHashMap, LinkedHashSet};

/// Departures of a class before it is judged.
const JUDGED_FROM: u32 = 64;

/// Departures that a judgement looks back on: at twice as many, all counts are halved.
const WINDOW: u32 = 256;

/// A class is poor when fewer than one in so many of its departures were ever used.
const POOR_BELOW_ONE_IN: u32 = 10;

/// The most keys remembered that were not kept; the one longest ago is forgotten
/// first. Some 100 bytes each.
pub const MAX_TURNED_AWAY: usize = 65_536;

/// The most kept keys that are watched; of those kept longest ago it is not known
/// any more whether they were used.
pub const MAX_WATCHED: usize = 1 << 20;

/// Decides whether something of class `C` is kept at its first use.
#[derive(Debug)]
pub struct Admission<K, C> {
    classes: HashMap<C, Departures>,
    watched: LinkedHashMap<K, Watched<C>>,
    turned_away: LinkedHashSet<K>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Departures {
    all: u32,
    used: u32,
}

#[derive(Clone, Copy, Debug)]
struct Watched<C> {
    class: C,
    used: bool,
}

impl<K: Clone + Eq + Hash, C: Copy + Eq + Hash> Default for Admission<K, C> {
    fn default() -> Self {
        Self {
            classes: HashMap::new(),
            watched: LinkedHashMap::new(),
            turned_away: LinkedHashSet::new(),
        }
    }
}

impl<K: Clone + Eq + Hash, C: Copy + Eq + Hash> Admission<K, C> {
    /// Whether `key` may be kept: its class does well, or it was turned away before.
    pub fn admits(&mut self, key: &K, class: C) -> bool {
        if self.turned_away.remove(key) || !self.is_poor(class) {
            return true;
        }
        while self.turned_away.len() >= MAX_TURNED_AWAY {
            self.turned_away.pop_front();
        }
        self.turned_away.insert(key.clone());
        false
    }

    /// Notes that `key` is kept.
    pub fn kept(&mut self, key: K, class: C) {
        while self.watched.len() >= MAX_WATCHED {
            self.watched.pop_front();
        }
        self.watched.insert(key, Watched { class, used: false });
    }

    /// Notes that what is kept was of use.
    pub fn used(&mut self, key: &K) {
        if let Some(watched) = self.watched.get_mut(key) {
            watched.used = true;
        }
    }

    /// Notes that `key` had to go for others.
    pub fn evicted(&mut self, key: &K) {
        let Some(watched) = self.watched.remove(key) else {
            return;
        };
        let departures = self.classes.entry(watched.class).or_default();
        departures.all += 1;
        departures.used += u32::from(watched.used);
        if departures.all >= 2 * WINDOW {
            departures.all /= 2;
            departures.used /= 2;
        }
    }

    /// Forgets `key`, which went for a reason that says nothing about its use.
    pub fn forget(&mut self, key: &K) {
        self.watched.remove(key);
    }

    /// Whether next to nothing of `class` was used before it had to go.
    pub fn is_poor(&self, class: C) -> bool {
        let known = self.classes.get(&class);
        known.is_some_and(|class| {
            class.all >= JUDGED_FROM && class.used * POOR_BELOW_ONE_IN < class.all
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Subject = Admission<u32, char>;

    /// Of `class`, so many come and go, every `used`th of them used.
    fn traffic(subject: &mut Subject, class: char, keys: std::ops::Range<u32>, used: u32) {
        for key in keys {
            if subject.admits(&key, class) {
                subject.kept(key, class);
                if key % used == 0 {
                    subject.used(&key);
                }
                subject.evicted(&key);
            }
        }
    }

    #[test]
    fn a_class_that_is_hardly_ever_used_again_is_kept_at_its_second_use() {
        let mut subject = Subject::default();
        traffic(&mut subject, 'p', 0..JUDGED_FROM, 1000);
        traffic(&mut subject, 's', 1000..1000 + JUDGED_FROM, 2);
        assert!(subject.is_poor('p') && !subject.is_poor('s'));
        assert!(!subject.admits(&5000, 'p'));
        assert!(subject.admits(&5000, 'p'), "the second time");
        assert!(!subject.admits(&5000, 'p'), "and that was that");
        assert!(subject.admits(&5001, 's') && subject.admits(&5002, 'x'));
    }

    #[test]
    fn nothing_is_judged_before_enough_had_to_go() {
        let mut subject = Subject::default();
        traffic(&mut subject, 'p', 1..JUDGED_FROM, 1000);
        assert!(!subject.is_poor('p'));
        subject.kept(7777, 'p');
        subject.forget(&7777);
        subject.evicted(&7777);
        assert!(!subject.is_poor('p'), "what was removed tells nothing");
    }

    #[test]
    fn a_class_that_does_better_is_kept_at_first_use_again() {
        let mut subject = Subject::default();
        traffic(&mut subject, 'p', 1..4 * WINDOW, 100_000);
        assert!(subject.is_poor('p'));
        // What comes twice is kept, and that is of use.
        for key in 10_000..10_000 + WINDOW {
            let _first = subject.admits(&key, 'p');
            traffic(&mut subject, 'p', key..key + 1, 1);
        }
        assert!(!subject.is_poor('p'));
    }

    #[test]
    fn only_so_many_that_were_turned_away_are_remembered() {
        let mut subject = Subject::default();
        traffic(&mut subject, 'p', 1..2 * JUDGED_FROM, 100_000);
        let first = 1_000_000;
        for key in 0..=MAX_TURNED_AWAY as u32 {
            assert!(!subject.admits(&(first + key), 'p'));
        }
        assert_eq!(subject.turned_away.len(), MAX_TURNED_AWAY);
        assert!(!subject.admits(&first, 'p'), "it is forgotten");
        assert!(subject.admits(&(first + 2), 'p'));
    }
}
