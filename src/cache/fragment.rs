//! The fragment: one writer, any number of readers who follow it.
//!
//! A fragment is in progress, complete or failed, and never leaves the last two.
//! Readers wait asynchronously; the writer never waits and may live on a plain
//! thread. Where fragments come from and go to is not known here.
//!
//! Invariants: parts are only ever appended; a complete fragment has the parts
//! its readers saw; a writer that vanishes fails its fragment.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::outcome::FillError;
use crate::chunk::{ChunkMeta, Part};
use crate::digest::Digest;
use crate::store::{MAX_CHUNK_BYTES, MAX_PARTS, StoredChunk};

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

#[derive(Debug)]
enum Progress {
    Open(Vec<Part>),
    Complete(Arc<CompleteChunk>),
    Failed(FillError),
}

impl Progress {
    fn is_over(&self) -> bool {
        !matches!(self, Self::Open(_))
    }
}

impl Fragment {
    /// A fragment that is complete from the start.
    pub fn ready(chunk: Arc<CompleteChunk>) -> Self {
        Self(Reader::Ready(chunk))
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
            Reader::Following(progress) => match &*progress.borrow() {
                Progress::Open(parts) => FragmentState::InProgress { parts: parts.len() },
                Progress::Complete(_) => FragmentState::Complete,
                Progress::Failed(error) => FragmentState::Failed(error.clone()),
            },
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

/// Starts a fragment: its writer, its leader's grip on it, its first reader.
pub(super) fn start() -> (FragmentWriter, Supervisor, Fragment) {
    let (progress, reader) = watch::channel(Progress::Open(Vec::new()));
    let writer = FragmentWriter {
        progress: progress.clone(),
        hasher: blake3::Hasher::new(),
        bytes: 0,
    };
    (
        writer,
        Supervisor(progress),
        Fragment(Reader::Following(reader)),
    )
}

/// The writing end. Dropped without [`finish`](Self::finish) or
/// [`fail`](Self::fail), also by a panic, it fails the fragment.
#[derive(Debug)]
pub struct FragmentWriter {
    progress: watch::Sender<Progress>,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl FragmentWriter {
    /// Appends a part; readers have it at once. A part that is bad or over the
    /// bounds fails the fragment. An error means it has failed, now or earlier:
    /// stop.
    pub fn push(&mut self, part: Part) -> Result<(), FillError> {
        let bytes = self.bytes + part.data.len() as u64;
        let mut hash = false;
        let mut result = Ok(());
        // Cloned (a reference, not bytes) so that hashing need not hold the readers up.
        let data = part.data.clone();
        self.progress.send_modify(|now| {
            let Progress::Open(parts) = now else {
                result = Err(ended(now));
                return;
            };
            match bounded(parts.len(), bytes, &part) {
                Ok(()) => {
                    parts.push(part);
                    hash = true;
                }
                Err(error) => {
                    *now = Progress::Failed(error.clone());
                    result = Err(error);
                }
            }
        });
        if hash {
            self.bytes = bytes;
            self.hasher.update(&data);
        }
        result
    }

    /// Completes the fragment. `cost_ms` is the CPU time it took.
    pub fn finish(self, cost_ms: u32) -> Result<(), FillError> {
        let digest = self.hasher.finalize().into();
        let mut result = Ok(());
        self.progress.send_modify(|now| {
            let Progress::Open(parts) = now else {
                result = Err(ended(now));
                return;
            };
            if parts.is_empty() {
                *now = Progress::Failed(FillError::Empty);
                result = Err(FillError::Empty);
                return;
            }
            let parts = std::mem::take(parts);
            let meta = ChunkMeta {
                parts: parts.iter().map(|part| part.meta).collect(),
                cost_ms,
            };
            *now = Progress::Complete(Arc::new(CompleteChunk {
                meta,
                parts,
                digest,
            }));
        });
        result
    }

    /// Ends the fragment with a reason every reader is told.
    pub fn fail(self, error: FillError) {
        end(&self.progress, Progress::Failed(error));
    }

    /// Completes the fragment with a chunk that was there already.
    pub(super) fn restore(self, chunk: Arc<CompleteChunk>) {
        end(&self.progress, Progress::Complete(chunk));
    }
}

impl Drop for FragmentWriter {
    fn drop(&mut self) {
        end(&self.progress, Progress::Failed(FillError::SourceGone));
    }
}

/// The leader's grip on a fragment whose writer is in other hands.
pub(super) struct Supervisor(watch::Sender<Progress>);

impl Supervisor {
    /// Waits for the end of the fragment, ending it itself once nothing has come
    /// for `patience`.
    pub async fn end_of(&self, patience: Duration) -> Result<Arc<CompleteChunk>, FillError> {
        let mut progress = self.0.subscribe();
        loop {
            match &*progress.borrow_and_update() {
                Progress::Complete(chunk) => return Ok(chunk.clone()),
                Progress::Failed(error) => return Err(error.clone()),
                Progress::Open(_) => {}
            }
            if tokio::time::timeout(patience, progress.changed())
                .await
                .is_err()
            {
                end(&self.0, Progress::Failed(FillError::Stalled(patience)));
            }
        }
    }
}

/// Ends a fragment that is still open; one that has ended stays as it is.
fn end(progress: &watch::Sender<Progress>, how: Progress) {
    progress.send_if_modified(|now| {
        let open = !now.is_over();
        if open {
            *now = how;
        }
        open
    });
}

fn ended(now: &Progress) -> FillError {
    match now {
        Progress::Failed(error) => error.clone(),
        _ => FillError::SourceGone,
    }
}

fn bounded(parts: usize, bytes: u64, part: &Part) -> Result<(), FillError> {
    if part.data.is_empty() || part.meta.bytes as usize != part.data.len() {
        return Err(FillError::BadPart {
            part: parts,
            said: part.meta.bytes,
            bytes: part.data.len(),
        });
    }
    if parts >= MAX_PARTS {
        return Err(FillError::TooManyParts);
    }
    if bytes > MAX_CHUNK_BYTES {
        return Err(FillError::TooLarge { bytes });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::PartMeta;

    fn part(len: usize) -> Part {
        Part {
            meta: PartMeta {
                bytes: len as u32,
                ticks: 10,
                independent: true,
            },
            data: vec![len as u8; len].into(),
        }
    }

    #[tokio::test]
    async fn a_reader_follows_the_parts_as_a_plain_thread_writes_them() {
        let (mut writer, _, fragment) = start();
        let (go, gone) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            for len in 1..=3 {
                gone.recv().unwrap();
                writer.push(part(len)).unwrap();
            }
            gone.recv().unwrap();
            writer.finish(77).unwrap();
        });
        for at in 0..3 {
            assert_eq!(fragment.state(), FragmentState::InProgress { parts: at });
            go.send(()).unwrap();
            assert_eq!(fragment.part(at).await, Ok(Some(part(at + 1))));
        }
        assert_eq!(fragment.parts_now().len(), 3);
        assert!(fragment.complete().is_none());
        go.send(()).unwrap();
        assert_eq!(fragment.part(3).await, Ok(None));
        let chunk = fragment.finished().await.unwrap();
        assert_eq!((chunk.meta.cost_ms, chunk.meta.bytes()), (77, 6));
        assert_eq!(chunk.digest, Digest::of(&[1, 2, 2, 3, 3, 3]));
        assert_eq!(fragment.part(0).await, Ok(Some(part(1))));
        assert_eq!(fragment.state(), FragmentState::Complete);
        thread.join().unwrap();
    }

    #[tokio::test]
    async fn a_writer_that_is_dropped_or_panics_fails_its_fragment() {
        let (writer, _, fragment) = start();
        drop(writer);
        assert_eq!(fragment.finished().await, Err(FillError::SourceGone));

        let (mut writer, _, fragment) = start();
        let thread = std::thread::spawn(move || {
            writer.push(part(1)).unwrap();
            panic!("the renderer died");
        });
        assert!(thread.join().is_err());
        assert_eq!(fragment.part(1).await, Err(FillError::SourceGone));
    }

    #[tokio::test]
    async fn what_is_over_a_bound_fails_the_fragment_for_good() {
        let most = MAX_CHUNK_BYTES as usize;
        let mut lying = part(5);
        lying.meta.bytes = 6;
        let cases = [
            (vec![part(1); MAX_PARTS + 1], FillError::TooManyParts),
            (
                vec![part(most), part(1)],
                FillError::TooLarge {
                    bytes: MAX_CHUNK_BYTES + 1,
                },
            ),
            (
                vec![part(1), part(0)],
                FillError::BadPart {
                    part: 1,
                    said: 0,
                    bytes: 0,
                },
            ),
            (
                vec![lying],
                FillError::BadPart {
                    part: 0,
                    said: 6,
                    bytes: 5,
                },
            ),
        ];
        for (parts, expected) in cases {
            let (mut writer, _, fragment) = start();
            let (last, first) = parts.split_last().unwrap();
            for part in first {
                writer.push(part.clone()).unwrap();
            }
            assert_eq!(writer.push(last.clone()), Err(expected.clone()));
            assert_eq!(writer.push(part(1)), Err(expected.clone()));
            assert_eq!(writer.finish(1), Err(expected.clone()));
            assert_eq!(fragment.finished().await, Err(expected));
        }
        let (writer, _, fragment) = start();
        assert_eq!(writer.finish(1), Err(FillError::Empty));
        assert_eq!(fragment.finished().await, Err(FillError::Empty));
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_stalls_is_given_up_and_told_so() {
        let patience = Duration::from_secs(9);
        let (mut writer, supervisor, fragment) = start();
        let writing = async {
            for _ in 0..3 {
                // Slow, yet within bounds each time.
                tokio::time::sleep(patience - Duration::from_secs(1)).await;
                writer.push(part(1)).unwrap();
            }
            fragment.finished().await.unwrap_err()
        };
        let (told, ended) = tokio::join!(writing, supervisor.end_of(patience));
        assert_eq!(told, FillError::Stalled(patience));
        assert_eq!(ended, Err(FillError::Stalled(patience)));
        assert_eq!(writer.push(part(1)), Err(FillError::Stalled(patience)));
    }
}
