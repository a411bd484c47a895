//! Reading everything again, to find what the disk has spoilt before a player does.

use std::ops::ControlFlow;

use super::{ChunkStore, Lookup, StoreError};
use crate::chunk::ChunkKey;

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScrubReport {
    /// Chunks that were read.
    pub chunks: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Chunks whose bytes were not what they were: removed.
    pub corrupt: u64,
    /// Chunks whose file was gone: removed.
    pub lost: u64,
    /// Chunks that could not be read: left as they are.
    pub unreadable: u64,
}

impl ChunkStore {
    /// All keys there are, in no order. About 32 bytes of memory each.
    pub fn keys(&self) -> Result<Vec<ChunkKey>, StoreError> {
        let mut keys = Vec::new();
        self.0
            .index
            .sift(|key, _| keys.push(key))
            .map_err(|error| self.0.index_error(error))?;
        Ok(keys)
    }

    /// Reads and checks every chunk, removing what is damaged. `pace` is told the
    /// bytes of each as it goes by: it may wait, and end it. Counts as no request.
    pub fn scrub(
        &self,
        mut pace: impl FnMut(u64) -> ControlFlow<()>,
    ) -> Result<ScrubReport, StoreError> {
        let mut report = ScrubReport::default();
        for key in self.keys()? {
            let mut bytes = 0;
            match self.read(&key) {
                Ok(Lookup::Hit(chunk)) => bytes = chunk.meta.bytes(),
                // Removed meanwhile.
                Ok(Lookup::Miss) => continue,
                Ok(Lookup::Lost) => report.lost += 1,
                Ok(Lookup::Corrupt) => report.corrupt += 1,
                Err(error) => {
                    tracing::warn!(%key, %error, "a chunk cannot be read");
                    report.unreadable += 1;
                }
            }
            report.chunks += 1;
            report.bytes += bytes;
            if pace(bytes).is_break() {
                break;
            }
        }
        Ok(report)
    }

    /// Lets chunks go until what is left takes at most `bytes` on disk, and says
    /// how many went.
    pub fn shrink(&self, bytes: u64) -> Result<u64, StoreError> {
        let mut gone = 0;
        while self.0.room.bytes() > bytes {
            let Some(key) = self.0.room.evict() else {
                break;
            };
            self.0.let_go(&key)?;
            gone += 1;
        }
        Ok(gone)
    }
}
