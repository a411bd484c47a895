//! Frames of layers that many chunks have in common, composed once.
//!
//! When a thousand people get the same scene under their own names, decoding
//! and composing the scene a thousand times would cost more than the names.
//! The first chunk rendered leaves its frames here as it goes, the others
//! take them from here, following frame by frame.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::chunk::ChunkKey;
use crate::media::Frame;

/// Memory for shared frames. Two seconds of 720p are 83 MB.
const BUDGET_BYTES: usize = 256 << 20;

/// How long a follower waits for one frame before it goes its own way.
const FRAME_WAIT: Duration = Duration::from_secs(30);

/// The shared frames of the chunks rendered lately, the newest last.
#[derive(Default)]
pub(super) struct Bases {
    recent: Mutex<Vec<(ChunkKey, Arc<Base>)>>,
}

/// The frames of one base, growing.
pub(super) struct Base {
    bytes: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    frames: Vec<Arc<Frame>>,
    abandoned: bool,
}

/// What a chunk that shares its lower layers has to do.
pub(super) enum Role<'a> {
    /// Compose them, and leave the frames here.
    Lead(Lead<'a>),
    /// Take them from here.
    Follow(Arc<Base>),
    /// Compose them for itself: they are too large to keep.
    Alone,
}

/// The right and duty to make the frames. Dropped early, the followers go on alone.
pub(super) struct Lead<'a> {
    bases: &'a Bases,
    key: ChunkKey,
    base: Arc<Base>,
    frames: usize,
}

impl Bases {
    /// Joins the makers or takers of the base `key`: `frames` frames of
    /// `frame_bytes` bytes.
    pub fn join(&self, key: ChunkKey, frames: u32, frame_bytes: usize) -> Role<'_> {
        let bytes = frames as usize * frame_bytes;
        if bytes > BUDGET_BYTES {
            return Role::Alone;
        }
        let mut recent = lock(&self.recent);
        if let Some(place) = recent.iter().position(|(known, _)| *known == key) {
            let entry = recent.remove(place);
            let base = Arc::clone(&entry.1);
            recent.push(entry);
            return Role::Follow(base);
        }
        let base = Arc::new(Base {
            bytes,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        // What nobody takes from any more is over, but for the newest: its next
        // chunk may not have begun yet.
        let newest = recent.len().saturating_sub(1);
        let mut place = 0;
        recent.retain(|(_, base)| {
            place += 1;
            place > newest || Arc::strong_count(base) > 1
        });
        recent.push((key, Arc::clone(&base)));
        let mut total: usize = recent.iter().map(|(_, base)| base.bytes).sum();
        while total > BUDGET_BYTES {
            // Those who follow an entry that goes hold it until they are done.
            total -= recent.remove(0).1.bytes;
        }
        Role::Lead(Lead {
            bases: self,
            key,
            base,
            frames: frames as usize,
        })
    }
}

impl Base {
    /// Frame `index`, when it is there; `None` when it will not come.
    pub fn frame(&self, index: u32) -> Option<Arc<Frame>> {
        let state = lock(&self.state);
        let missing = |state: &mut State| state.frames.len() <= index as usize && !state.abandoned;
        let waited = self.changed.wait_timeout_while(state, FRAME_WAIT, missing);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.frames.get(index as usize).cloned()
    }
}

impl Lead<'_> {
    /// Leaves the next frame for the others.
    pub fn push(&self, frame: Arc<Frame>) {
        lock(&self.base.state).frames.push(frame);
        self.base.changed.notify_all();
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.base.state);
        if state.frames.len() < self.frames {
            state.abandoned = true;
            drop(state);
            self.base.changed.notify_all();
            lock(&self.bases.recent).retain(|(key, _)| *key != self.key);
        }
    }
}

/// No state here is ever left half changed, so a panic elsewhere spoils nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    fn key(name: &str) -> ChunkKey {
        ChunkKey::new(Digest::of(name.as_bytes()))
    }

    fn frame(luma: u8) -> Arc<Frame> {
        Arc::new(Frame::filled(16, 16, [luma, 128, 128]))
    }

    #[test]
    fn followers_take_frames_while_the_leader_makes_them() {
        let bases = Bases::default();
        let Role::Lead(lead) = bases.join(key("a"), 2, 384) else {
            panic!("the first leads")
        };
        let Role::Follow(base) = bases.join(key("a"), 2, 384) else {
            panic!("the second follows")
        };
        std::thread::scope(|scope| {
            let follower = scope.spawn(|| [base.frame(0), base.frame(1)]);
            lead.push(frame(1));
            lead.push(frame(2));
            assert_eq!(
                follower.join().expect("no panic"),
                [Some(frame(1)), Some(frame(2))]
            );
        });
    }

    #[test]
    fn when_the_leader_gives_up_the_followers_know_and_the_next_leads() {
        let bases = Bases::default();
        let Role::Lead(lead) = bases.join(key("a"), 2, 384) else {
            panic!("the first leads")
        };
        let Role::Follow(base) = bases.join(key("a"), 2, 384) else {
            panic!("the second follows")
        };
        lead.push(frame(1));
        drop(lead);
        assert_eq!((base.frame(0), base.frame(1)), (Some(frame(1)), None));
        assert!(matches!(bases.join(key("a"), 2, 384), Role::Lead(_)));
    }

    #[test]
    fn the_oldest_goes_when_the_budget_is_full_and_what_is_too_large_is_not_kept() {
        let bases = Bases::default();
        let third = BUDGET_BYTES / 3;
        for name in ["a", "b", "c", "d"] {
            let Role::Lead(lead) = bases.join(key(name), 1, third) else {
                panic!("leads")
            };
            lead.push(frame(1));
        }
        assert!(matches!(bases.join(key("d"), 1, third), Role::Follow(_)));
        assert!(matches!(bases.join(key("a"), 1, third), Role::Lead(_)));
        assert!(matches!(bases.join(key("e"), 2, BUDGET_BYTES), Role::Alone));
    }
}
