//! The memory of frames, used again and again.
//!
//! A second of 720p is 40 MB that is allocated and freed. Left to the
//! allocator, frames that outlive those around them keep its heaps from
//! shrinking, and what it gives back to the system has to be cleared anew.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Memory kept for frames to come: two seconds of 720p, what one shared base
/// leaves when it goes.
const MAX_IDLE_BYTES: usize = 96 << 20;

static POOL: Pool = Pool {
    idle: Mutex::new(Vec::new()),
};

/// The bytes of one frame.
#[derive(Debug, PartialEq, Eq)]
pub struct Pixels(Vec<u8>);

impl Pixels {
    /// What `fill` puts into an empty vector with room for `bytes` bytes.
    pub fn new(bytes: usize, fill: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut data = POOL.take(bytes);
        fill(&mut data);
        Self(data)
    }
}

impl Clone for Pixels {
    fn clone(&self) -> Self {
        Self::new(self.len(), |data| data.extend_from_slice(self))
    }
}

impl Drop for Pixels {
    fn drop(&mut self) {
        POOL.give_back(std::mem::take(&mut self.0));
    }
}

impl Deref for Pixels {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Pixels {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl AsMut<[u8]> for Pixels {
    fn as_mut(&mut self) -> &mut [u8] {
        self
    }
}

/// Vectors that nobody uses, the one longest unused first.
struct Pool {
    idle: Mutex<Vec<Vec<u8>>>,
}

impl Pool {
    /// An empty vector with room for `bytes` bytes, and not much more.
    fn take(&self, bytes: usize) -> Vec<u8> {
        let mut idle = self.lock();
        let fits = |data: &Vec<u8>| (bytes..=bytes + bytes / 4).contains(&data.capacity());
        match idle.iter().rposition(fits) {
            Some(place) => {
                let mut data = idle.remove(place);
                data.clear();
                data
            }
            None => Vec::with_capacity(bytes),
        }
    }

    fn give_back(&self, data: Vec<u8>) {
        let mut idle = self.lock();
        idle.push(data);
        let mut bytes: usize = idle.iter().map(Vec::capacity).sum();
        while bytes > MAX_IDLE_BYTES {
            bytes -= idle.remove(0).capacity();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        // Any list of vectors is a sound one.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_by_frames_of_about_its_size() {
        let pool = Pool {
            idle: Mutex::default(),
        };
        pool.give_back(vec![1; 1000]);
        assert_eq!(pool.take(1200).capacity(), 1200);
        assert_eq!(pool.take(500).capacity(), 500);
        let again = pool.take(900);
        assert_eq!((again.len(), again.capacity()), (0, 1000));
        assert!(pool.lock().is_empty());
    }

    #[test]
    fn no_more_is_kept_than_the_budget_allows() {
        let pool = Pool {
            idle: Mutex::default(),
        };
        for _ in 0..5 {
            pool.give_back(Vec::with_capacity(MAX_IDLE_BYTES / 3));
        }
        assert_eq!(pool.lock().len(), 3);
        pool.give_back(Vec::with_capacity(MAX_IDLE_BYTES + 1));
        assert!(pool.lock().is_empty());
    }

    #[test]
    fn a_copy_is_equal_and_its_own() {
        let first = Pixels::new(3, |data| data.extend([1, 2, 3]));
        let mut second = first.clone();
        assert_eq!(first, second);
        second[0] = 9;
        assert_eq!((&first[..], &second[..]), (&[1, 2, 3][..], &[9, 2, 3][..]));
    }
}
