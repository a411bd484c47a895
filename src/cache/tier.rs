//! The seam for a tier that the caches of several machines share: a file system,
//! an object store, the peers themselves.

use thiserror::Error;

use super::fragment::CompleteChunk;
use crate::chunk::ChunkKey;

/// Why a shared tier did not do as asked. It costs no reader anything: the chunk
/// is made here instead.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct TierError(pub String);

/// Where chunks that are not on this machine may be, and where those made here go
/// too. Called on threads that may block, by one leader a key; how long a call may
/// take is the tier's own to bound.
pub trait SharedTier: Send + Sync + 'static {
    /// The chunk of `key`, whole and verified, if it is there.
    fn get(&self, key: &ChunkKey) -> Result<Option<CompleteChunk>, TierError>;

    /// Keeps a chunk that was made here, if the tier wants it. A key that is there
    /// keeps what it has.
    fn put(&self, key: &ChunkKey, chunk: &CompleteChunk) -> Result<(), TierError>;
}
