//! Whose traffic chunks and playlists of videos are: their addresses do not tell, but
//! their origin does, when it is asked for one.
//!
//! A table of fixed size: of two that meet in it, the later is remembered. Who is
//! forgotten is of no class until it is fetched again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::header::{HeaderName, HeaderValue};

use crate::digest::Digest;
use crate::offload::Class;

/// Says in a request that the class is to be told.
pub const WANT_CLASS: HeaderName = HeaderName::from_static("want-traffic-class");

/// The class that an answer is of, as `template/greeting`.
pub const CLASS: HeaderName = HeaderName::from_static("traffic-class");

/// What [`WANT_CLASS`] is, where the class is wanted.
pub const WANTED_CLASS: HeaderValue = HeaderValue::from_static("?1");

/// Chunks and playlists that are remembered: 64 KiB.
const REMEMBERED: usize = 8192;

/// The most classes that are told apart, as a byte tells them. More than are reported apart,
/// as some come and go.
const MAX_CLASSES: usize = 255;

/// What is of which class.
pub(super) struct Classes {
    /// A mark of the key, and in its lowest byte the class, counted from 1.
    places: Box<[AtomicU64]>,
    named: Mutex<Vec<Arc<Class>>>,
}

impl Default for Classes {
    fn default() -> Self {
        Self {
            places: (0..REMEMBERED).map(|_| AtomicU64::new(0)).collect(),
            named: Mutex::default(),
        }
    }
}

impl Classes {
    /// Notes what the origin says of what has this key.
    pub fn learn(&self, key: &Digest, said: &HeaderValue) {
        let text = std::str::from_utf8(said.as_bytes()).ok();
        let Some(class) = text.and_then(Class::named) else {
            return;
        };
        let mut named = self.named();
        let known = named.iter().position(|known| **known == class);
        let place = match known {
            Some(place) => place,
            None if named.len() >= MAX_CLASSES => return,
            None => {
                named.push(Arc::new(class));
                named.len() - 1
            }
        };
        drop(named);
        let (slot, mark) = self.slot(key);
        slot.store(mark | (place as u64 + 1), Ordering::Relaxed);
    }

    /// Whose it is, as far as is known.
    pub fn of(&self, key: &Digest) -> Arc<Class> {
        let (slot, mark) = self.slot(key);
        let there = slot.load(Ordering::Relaxed);
        let place = (there & !0xff == mark).then(|| usize::from(there.to_le_bytes()[0]));
        let place = place.and_then(|place| place.checked_sub(1));
        let class = place.and_then(|place| self.named().get(place).cloned());
        class.unwrap_or_else(Class::none)
    }

    fn slot(&self, key: &Digest) -> (&AtomicU64, u64) {
        let [a, b, c, d, e, f, g, h, i, j, ..] = *key.as_bytes();
        let slot = usize::from(u16::from_le_bytes([a, b])) % REMEMBERED;
        let mark = u64::from_le_bytes([0, c, d, e, f, g, h, i ^ j]);
        (&self.places[slot], mark)
    }

    fn named(&self) -> MutexGuard<'_, Vec<Arc<Class>>> {
        // Each change is one step.
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offload::Kind;

    fn key(seed: u32) -> Digest {
        Digest::of(&seed.to_le_bytes())
    }

    #[test]
    fn what_an_origin_says_of_a_chunk_is_remembered_and_nonsense_is_not() {
        let classes = Classes::default();
        classes.learn(&key(1), &HeaderValue::from_static("template/greeting"));
        classes.learn(&key(2), &HeaderValue::from_static("nonsense/greeting"));
        assert_eq!(*classes.of(&key(1)), Class::new(Kind::Template, "greeting"));
        assert_eq!(*classes.of(&key(2)), Class::other());
        assert_eq!(*classes.of(&key(3)), Class::other());
    }

    #[test]
    fn one_class_too_many_is_none() {
        let classes = Classes::default();
        for seed in 0..=MAX_CLASSES as u32 {
            let name = HeaderValue::try_from(format!("live/{seed}")).expect("a value");
            classes.learn(&key(seed), &name);
        }
        assert_eq!(*classes.of(&key(MAX_CLASSES as u32)), Class::other());
        assert_eq!(classes.named().len(), MAX_CLASSES);
    }
}
