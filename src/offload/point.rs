//! Where a key falls among all keys.

use std::fmt;

use crate::digest::Digest;

/// A key as a point on the range from 0 to 1, in 2^64 steps: the first eight bytes of
/// its BLAKE3 digest, big-endian. Points of different keys are spread evenly, whatever the
/// keys are, which is what every estimate here rests on; and they are the same on
/// every node, which is what makes their sketches merge.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Point(pub u64);

impl Point {
    /// The point of a key that is not a digest itself.
    pub fn of(key: &[u8]) -> Self {
        Self::of_digest(&Digest::of(key))
    }

    /// The point of a key that is one.
    pub fn of_digest(digest: &Digest) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = *digest.as_bytes();
        Self(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }

    /// What part of all points lies below this one, above 0 and at most 1.
    pub fn fraction(self) -> f64 {
        // 2^64 has no u64; as a float it is exact.
        const ALL: f64 = 18_446_744_073_709_551_616.0;
        (self.0 as f64 + 1.0) / ALL
    }
}

impl fmt::Debug for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Point({:016x})", self.0)
    }
}
