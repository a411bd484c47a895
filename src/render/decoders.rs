//! Open decoders, kept warm between chunks.
//!
//! The chunk after this one usually goes on in the same file where this one
//! stopped, and opening and seeking cost more than many frames.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::digest::Digest;
use crate::media::{Claims, MediaError, VideoDecoder};
use crate::time::Time;

/// Decoders kept open while nobody uses them.
const MAX_IDLE: usize = 4;

#[derive(Default)]
pub(super) struct Decoders {
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    asset: Digest,
    decoder: VideoDecoder,
}

impl Decoders {
    /// A decoder of `asset` (the file at `path`), if there is one already
    /// before `from` the nearest.
    pub fn take(
        &self,
        asset: &Digest,
        path: &Path,
        from: Time,
        claims: Claims,
    ) -> Result<VideoDecoder, MediaError> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // How far it has to decode on, or has to go back: the least is best.
        let distance = |entry: &Idle| {
            let position = entry.decoder.position().unwrap_or_default();
            if position <= from {
                (0, from - position)
            } else {
                (1, position - from)
            }
        };
        let matching = idle
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.asset == *asset);
        if let Some((best, _)) = matching.min_by_key(|(_, entry)| distance(entry)) {
            return Ok(idle.swap_remove(best).decoder);
        }
        drop(idle);
        VideoDecoder::open(path, claims)
    }

    /// Gives a decoder back that worked.
    pub fn give_back(&self, asset: Digest, decoder: VideoDecoder) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() >= MAX_IDLE {
            // The oldest: those in use come back to the end.
            let oldest = idle.remove(0);
            drop(idle);
            drop(oldest);
            idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        }
        idle.push(Idle { asset, decoder });
    }
}
