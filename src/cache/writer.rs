//! The writing end of a fragment.
//!
//! A writer never waits and may live on a plain thread. One that goes before it is
//! done ends nothing: the fragment's leader decides who goes on. So a writer may be
//! the second or third of its fragment: what its readers have already, it must
//! give again, byte for byte, before it goes on.

use std::sync::Arc;

use tokio::sync::watch;

use super::fragment::{CompleteChunk, Progress};
use super::outcome::FillError;
use crate::chunk::{ChunkMeta, Part};
use crate::store::{MAX_CHUNK_BYTES, MAX_PARTS};

/// Appends parts to a fragment. Dropped without [`finish`](Self::finish) or
/// [`fail`](Self::fail), also by a panic, it leaves the fragment to another.
#[derive(Debug)]
pub struct FragmentWriter {
    progress: watch::Sender<Progress>,
    /// Tells the leader that something came, and by being dropped that nothing more will.
    pulse: watch::Sender<()>,
    hasher: blake3::Hasher,
    bytes: u64,
    parts: usize,
}

impl FragmentWriter {
    pub(super) fn new(progress: watch::Sender<Progress>) -> (Self, watch::Receiver<()>) {
        let (pulse, felt) = watch::channel(());
        let writer = Self {
            progress,
            pulse,
            hasher: blake3::Hasher::new(),
            bytes: 0,
            parts: 0,
        };
        (writer, felt)
    }

    /// Whether anybody wants the chunk now. Worth a look before costly work: who
    /// finds that nobody does may just drop the writer.
    pub fn is_wanted(&self) -> bool {
        self.progress.receiver_count() > 0 && !self.progress.borrow().is_over()
    }

    /// Appends a part; readers have it at once. A part that is bad, over the
    /// bounds or not what a writer before gave in its place fails the fragment. An
    /// error means it has failed, now or earlier, or that nobody wants it: stop.
    pub fn push(&mut self, part: Part) -> Result<(), FillError> {
        let at = self.parts;
        let bytes = self.bytes + part.data.len() as u64;
        let mut result = Ok(());
        // Cloned (a reference, not bytes) so that hashing need not hold the readers up.
        let data = part.data.clone();
        self.progress.send_if_modified(|now| {
            let Progress::Open(parts) = now else {
                result = Err(ended(now));
                return false;
            };
            result = match parts.get(at) {
                Some(before) if *before == part => return false,
                Some(_) => Err(FillError::Changed { part: at }),
                None => bounded(at, bytes, &part),
            };
            match &result {
                Ok(()) => parts.push(part),
                Err(error) => *now = Progress::Failed(error.clone()),
            }
            true
        });
        if result.is_ok() {
            self.parts += 1;
            self.bytes = bytes;
            self.hasher.update(&data);
        }
        self.pulse.send_replace(());
        result
    }

    /// Completes the fragment. `cost_ms` is the CPU time it took.
    pub fn finish(self, cost_ms: u32) -> Result<(), FillError> {
        let digest = self.hasher.finalize().into();
        let mut result = Ok(());
        self.progress.send_if_modified(|now| {
            let Progress::Open(parts) = now else {
                result = Err(ended(now));
                return false;
            };
            let wrong = match (self.parts, parts.len()) {
                (0, 0) => Some(FillError::Empty),
                (given, there) if given < there => Some(FillError::Changed { part: given }),
                _ => None,
            };
            if let Some(error) = wrong {
                *now = Progress::Failed(error.clone());
                result = Err(error);
                return true;
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
            true
        });
        result
    }

    /// Ends the fragment with a reason every reader is told.
    pub fn fail(self, error: FillError) {
        end(&self.progress, Progress::Failed(error));
    }
}

/// Ends a fragment that is still open; one that has ended stays as it is.
pub(super) fn end(progress: &watch::Sender<Progress>, how: Progress) {
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
        Progress::Open(_) | Progress::Complete(_) => FillError::SourceGone,
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
    use super::super::fragment::FragmentState;
    use super::super::leader::{Ended, Leader};
    use super::*;
    use crate::chunk::PartMeta;
    use crate::digest::Digest;

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
        let (leader, fragment) = Leader::new();
        let mut writer = leader.writer().0;
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
    async fn a_second_writer_goes_on_where_the_readers_are() {
        let (leader, fragment) = Leader::new();
        let mut first = leader.writer().0;
        first.push(part(1)).unwrap();
        first.push(part(2)).unwrap();
        drop(first);
        assert_eq!(fragment.state(), FragmentState::InProgress { parts: 2 });
        let mut second = leader.writer().0;
        for len in 1..=3 {
            second.push(part(len)).unwrap();
        }
        assert_eq!(fragment.part(2).await, Ok(Some(part(3))));
        second.finish(5).unwrap();
        let chunk = fragment.finished().await.unwrap();
        assert_eq!(chunk.parts, [part(1), part(2), part(3)]);
        assert_eq!(chunk.digest, Digest::of(&[1, 2, 2, 3, 3, 3]));
    }

    #[tokio::test]
    async fn a_second_writer_that_gives_something_else_fails_the_fragment() {
        for (parts, changed) in [(&[1, 3][..], 1), (&[1], 1), (&[], 0)] {
            let (leader, fragment) = Leader::new();
            let mut first = leader.writer().0;
            first.push(part(1)).unwrap();
            first.push(part(2)).unwrap();
            drop(first);
            let mut second = leader.writer().0;
            let pushed = parts.iter().try_for_each(|len| second.push(part(*len)));
            let told = Err(FillError::Changed { part: changed });
            assert_eq!(pushed.and_then(|()| second.finish(1)), told, "{parts:?}");
            assert_eq!(fragment.finished().await.map(drop), told, "{parts:?}");
        }
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
            let (leader, fragment) = Leader::new();
            let mut writer = leader.writer().0;
            let (last, first) = parts.split_last().unwrap();
            for part in first {
                writer.push(part.clone()).unwrap();
            }
            assert_eq!(writer.push(last.clone()), Err(expected.clone()));
            assert_eq!(writer.push(part(1)), Err(expected.clone()));
            assert_eq!(writer.finish(1), Err(expected.clone()));
            assert_eq!(fragment.finished().await, Err(expected));
        }
        let (leader, fragment) = Leader::new();
        assert_eq!(leader.writer().0.finish(1), Err(FillError::Empty));
        assert_eq!(fragment.finished().await, Err(FillError::Empty));
    }

    #[tokio::test]
    async fn a_writer_knows_whether_anybody_wants_the_chunk() {
        let (leader, fragment) = Leader::new();
        let (writer, pulse) = leader.writer();
        assert!(writer.is_wanted());
        drop(fragment);
        assert!(!writer.is_wanted());
        let _again = leader.leading().follow();
        assert!(writer.is_wanted());
        let ended = leader.end_of(pulse, std::time::Duration::MAX, std::time::Duration::ZERO);
        writer.fail(FillError::Empty);
        assert_eq!(ended.await, Ended::Failed(FillError::Empty));
    }
}
