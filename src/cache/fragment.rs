//! The fragment: what any number of readers follow while it is written.
//!
//! A fragment is in progress, complete or failed, and never leaves the last two.
//! Readers wait asynchronously. Who writes is [`super::writer`]'s business, who
//! sees to it that somebody does [`super::leader`]'s.
//!
//! Invariants: parts are only ever appended; a complete fragment has the parts
//! its readers saw.

use std::sync::Arc;

use tokio::sync::watch;

use super::outcome::FillError;
use crate::chunk::{ChunkMeta, Part};
use crate::digest::Digest;
use crate::offload::Size;
use crate::store::StoredChunk;

/// A chunk with all its bytes in memory.
#[derive(Debug, PartialEq, Eq)]
pub struct CompleteChunk {
    /// Parts and cost.
    pub meta: ChunkMeta,
    /// The parts.
    pub parts: Vec<Part>,
    /// BLAKE3 of all parts, one after the other.
    pub digest: Digest,
}

impl CompleteChunk {
    /// What it weighs among the traffic.
    pub fn weighs(&self) -> Size {
        Size::new(self.meta.bytes(), self.meta.cost_ms.into())
    }
}

impl From<StoredChunk> for CompleteChunk {
    fn from(stored: StoredChunk) -> Self {
        Self {
            meta: stored.meta,
            parts: stored.parts,
            digest: stored.digest,
        }
    }
}

/// How far a fragment is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FragmentState {
    /// Parts are still coming.
    InProgress {
        /// How many there are.
        parts: usize,
    },
    /// All parts are there.
    Complete,
    /// No more parts will come.
    Failed(FillError),
}

/// A reader's handle on a fragment; clones read the same one.
#[derive(Clone, Debug)]
pub struct Fragment(Reader);

#[derive(Clone, Debug)]
enum Reader {
    /// Was complete when it was handed out: no lock, no waiting.
    Ready(Arc<CompleteChunk>),
    Following(watch::Receiver<Progress>),
}

/// How far a fragment is, with what there is of it.
#[derive(Debug)]
pub(super) enum Progress {
    Open(Vec<Part>),
    Complete(Arc<CompleteChunk>),
    Failed(FillError),
}

impl Progress {
    pub fn is_over(&self) -> bool {
        !matches!(self, Self::Open(_))
    }

    pub fn state(&self) -> FragmentState {
        match self {
            Self::Open(parts) => FragmentState::InProgress { parts: parts.len() },
            Self::Complete(_) => FragmentState::Complete,
            Self::Failed(error) => FragmentState::Failed(error.clone()),
        }
    }
}

impl Fragment {
    /// A fragment that is complete from the start.
    pub fn ready(chunk: Arc<CompleteChunk>) -> Self {
        Self(Reader::Ready(chunk))
    }

    /// A fragment that is being written.
    pub(super) fn following(progress: watch::Receiver<Progress>) -> Self {
        Self(Reader::Following(progress))
    }

    /// A fragment that failed before it began.
    pub fn failed(error: FillError) -> Self {
        let (_, progress) = watch::channel(Progress::Failed(error));
        Self(Reader::Following(progress))
    }

    /// How far it is.
    pub fn state(&self) -> FragmentState {
        match &self.0 {
            Reader::Ready(_) => FragmentState::Complete,
            Reader::Following(progress) => progress.borrow().state(),
        }
    }

    /// The parts there are now (none of a failed fragment).
    pub fn parts_now(&self) -> Vec<Part> {
        match &self.0 {
            Reader::Ready(chunk) => chunk.parts.clone(),
            Reader::Following(progress) => match &*progress.borrow() {
                Progress::Open(parts) => parts.clone(),
                Progress::Complete(chunk) => chunk.parts.clone(),
                Progress::Failed(_) => Vec::new(),
            },
        }
    }

    /// The chunk, if it is complete.
    pub fn complete(&self) -> Option<Arc<CompleteChunk>> {
        match &self.0 {
            Reader::Ready(chunk) => Some(chunk.clone()),
            Reader::Following(progress) => match &*progress.borrow() {
                Progress::Complete(chunk) => Some(chunk.clone()),
                _ => None,
            },
        }
    }

    /// Waits for part `index`; `None` if the fragment is complete and has fewer.
    pub async fn part(&self, index: usize) -> Result<Option<Part>, FillError> {
        let mut progress = match &self.0 {
            Reader::Ready(chunk) => return Ok(chunk.parts.get(index).cloned()),
            Reader::Following(progress) => progress.clone(),
        };
        let reached = progress
            .wait_for(|now| match now {
                Progress::Open(parts) => parts.len() > index,
                _ => true,
            })
            .await
            .map_err(|_| FillError::SourceGone)?;
        match &*reached {
            Progress::Open(parts) => Ok(parts.get(index).cloned()),
            Progress::Complete(chunk) => Ok(chunk.parts.get(index).cloned()),
            Progress::Failed(error) => Err(error.clone()),
        }
    }

    /// Waits for the whole chunk.
    pub async fn finished(&self) -> Result<Arc<CompleteChunk>, FillError> {
        let mut progress = match &self.0 {
            Reader::Ready(chunk) => return Ok(chunk.clone()),
            Reader::Following(progress) => progress.clone(),
        };
        let reached = progress
            .wait_for(Progress::is_over)
            .await
            .map_err(|_| FillError::SourceGone)?;
        match &*reached {
            Progress::Complete(chunk) => Ok(chunk.clone()),
            Progress::Failed(error) => Err(error.clone()),
            Progress::Open(_) => Err(FillError::SourceGone),
        }
    }
}
