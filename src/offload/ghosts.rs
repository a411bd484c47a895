//! What is not there any more, and why: by this a miss knows its cause.
//!
//! A ghost is eight bytes: the reason, and as much of the key's point as is left. They
//! stand in sets of eight, a line of the processor's cache, chosen by the point; the
//! oldest of a set is forgotten first. A miss without a ghost is taken to be the first of
//! its key, so more are kept than a cache usually has objects.

use super::cause::Cause;
use super::point::Point;

/// Ghosts of a node: 128 KiB. Twice the chunks of the usual 16 GiB would be more, but what
/// went so long ago that thousands went after it is hardly asked for because it went.
pub const GHOSTS: usize = 16 * 1024;

/// Ghosts of a set.
const WAYS: usize = 8;

/// Bits of the reason.
const REASON: u64 = 0xff;

/// Why keys are not there, of the latest that went.
#[derive(Clone, Debug)]
pub struct Ghosts {
    /// Each set oldest first, the empty places last.
    sets: Vec<[u64; WAYS]>,
}

/// No ghost: reasons begin with 1.
const NONE: u64 = 0;

impl Ghosts {
    /// Room for `most` ghosts, rounded up to a power of two.
    pub fn new(most: usize) -> Self {
        let sets = most.div_ceil(WAYS).next_power_of_two();
        Self {
            sets: vec![[NONE; WAYS]; sets],
        }
    }

    /// Notes that the object at `point` is not kept, and why; an earlier reason is
    /// forgotten.
    pub fn note(&mut self, point: Point, cause: Cause) {
        self.take(point);
        let set = self.set(point);
        let room = set.iter().position(|ghost| *ghost == NONE);
        let at = room.unwrap_or_else(|| {
            set.rotate_left(1);
            WAYS - 1
        });
        set[at] = tag(point) | (cause as u64 + 1);
    }

    /// Why the object at `point` is not kept, if that is remembered; it is not any more.
    pub fn take(&mut self, point: Point) -> Option<Cause> {
        let set = self.set(point);
        let found = |ghost: &u64| *ghost != NONE && ghost & !REASON == tag(point);
        let at = set.iter().position(found)?;
        let reason = set[at] & REASON;
        set[at..].rotate_left(1);
        set[WAYS - 1] = NONE;
        Cause::of_number(u8::try_from(reason).ok()?.checked_sub(1)?)
    }

    /// The memory that they take, in bytes.
    pub fn memory(&self) -> usize {
        self.sets.len() * size_of::<[u64; WAYS]>()
    }

    fn set(&mut self, point: Point) -> &mut [u64; WAYS] {
        // The lowest bits: the tag has the others, and in a sketch's sample the highest
        // are all alike.
        let at = usize::try_from(point.0 & 0xffff_ffff).unwrap_or(0) & (self.sets.len() - 1);
        &mut self.sets[at]
    }
}

/// All of the point but its lowest bits, which mostly the set tells.
fn tag(point: Point) -> u64 {
    point.0 & !REASON
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(key: u32) -> Point {
        Point::of(&key.to_le_bytes())
    }

    #[test]
    fn a_key_is_remembered_with_the_latest_reason_until_it_is_taken() {
        let mut ghosts = Ghosts::new(64);
        for (key, cause) in (0..).zip(Cause::ALL) {
            ghosts.note(point(key), cause);
        }
        ghosts.note(point(2), Cause::Lost);
        assert_eq!(ghosts.take(point(2)), Some(Cause::Lost));
        assert_eq!(ghosts.take(point(2)), None, "it is taken");
        assert_eq!(ghosts.take(point(3)), Some(Cause::NotAdmitted));
        assert_eq!(ghosts.take(point(999)), None, "it never was");
    }

    #[test]
    fn the_oldest_of_a_set_is_forgotten_first() {
        let mut ghosts = Ghosts::new(WAYS);
        for key in 0..20 {
            ghosts.note(point(key), Cause::Evicted);
        }
        let kept: Vec<u32> = (0..20)
            .filter(|key| ghosts.clone().take(point(*key)).is_some())
            .collect();
        assert_eq!(kept, (12..20).collect::<Vec<_>>());
        assert_eq!(ghosts.memory(), 64);
    }
}
