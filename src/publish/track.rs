//! One track of a video, and how far each of its chunks is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::delivery::{Init, Wanted};
use crate::offload::Class;
use crate::partition::PlacedChunk;
use crate::publish::state::ChunkState;

/// One track of a video.
pub(super) struct Track {
    /// What it begins with.
    pub init: Init,
    /// Its chunks, as they are asked for.
    pub wanted: Vec<Wanted>,
    states: Mutex<Vec<ChunkState>>,
}

impl Track {
    /// A track of which nothing was asked for yet.
    /// A request for a chunk of it is one of `traffic`.
    pub fn new(chunks: &[PlacedChunk], init: Init, traffic: &Arc<Class>) -> Self {
        let wanted = |chunk: &PlacedChunk| Wanted {
            traffic: Arc::clone(traffic),
            ..Wanted::of(chunk)
        };
        Self {
            init,
            wanted: chunks.iter().map(wanted).collect(),
            states: Mutex::new(vec![ChunkState::Pending; chunks.len()]),
        }
    }

    /// How far each chunk is.
    pub fn states(&self) -> MutexGuard<'_, Vec<ChunkState>> {
        // A state is replaced whole: a panic elsewhere leaves none half changed.
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether `is` holds of a chunk; it does not where there is no such chunk.
    pub fn has(&self, index: usize, is: impl FnOnce(&ChunkState) -> bool) -> bool {
        self.states().get(index).is_some_and(is)
    }

    /// Replaces the state of a chunk, if there is one.
    pub fn set(&self, index: usize, state: ChunkState) {
        if let Some(known) = self.states().get_mut(index) {
            *known = state;
        }
    }

    /// How many chunks are there from the start without a gap.
    pub fn reached(&self) -> usize {
        let there = |state: &&ChunkState| matches!(state, ChunkState::Ready { .. });
        self.states().iter().take_while(there).count()
    }

    /// Why a chunk could not be rendered, if one could not.
    pub fn failure(&self) -> Option<String> {
        let reason = |state: &ChunkState| match state {
            ChunkState::Failed(reason) => Some(reason.clone()),
            _ => None,
        };
        self.states().iter().find_map(reason)
    }
}
