//! The identity of a chunk: a digest of what it looks or sounds like.

use std::fmt;
use std::str::FromStr;

use crate::digest::{Digest, ParseDigestError};

/// Names one encoded chunk; equal keys mean equal pictures (or sound), equal
/// encoder settings and equal renderer. See [`crate::chunk::encode`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChunkKey(Digest);

impl ChunkKey {
    /// Wraps the digest of a chunk's canonical encoding.
    pub const fn new(digest: Digest) -> Self {
        Self(digest)
    }

    /// The digest.
    pub const fn digest(&self) -> &Digest {
        &self.0
    }

    /// The first 12 hex digits, for people.
    pub fn short(&self) -> String {
        self.0.short()
    }
}

impl fmt::Display for ChunkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ChunkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChunkKey({})", self.short())
    }
}

impl FromStr for ChunkKey {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}
