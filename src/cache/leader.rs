//! The leader's grip on a fragment: it hands out writers one after the other, and
//! watches what becomes of them and whether anybody still reads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::fragment::{CompleteChunk, Fragment, FragmentState, Progress};
use super::outcome::FillError;
use super::writer::{FragmentWriter, end};
use crate::offload::Cause;

/// What a fragment's leader holds. Dropped with the fragment still open, by a
/// panic say, it fails it: nobody waits for a chunk that nobody sees to.
pub(super) struct Leader(watch::Sender<Progress>, Arc<Waits>);

/// What others find in the flight: a way to follow that is no reader itself.
#[derive(Clone)]
pub(super) struct Leading(watch::Sender<Progress>, Arc<Waits>);

/// Who waits for a fetch, as far as it is counted, and why there is one.
#[derive(Default)]
struct Waits {
    /// [`OVER`] once they were counted.
    followers: AtomicU64,
    cause: OnceLock<Cause>,
}

/// So many never wait.
const OVER: u64 = 1 << 62;

/// What became of a writer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It has finished.
    Complete(Arc<CompleteChunk>),
    /// The fragment has failed.
    Failed(FillError),
    /// The writer went before it was done; the fragment is still open.
    WriterGone,
    /// The writer is at it, but nobody has read for a while.
    Deserted,
}

impl Leader {
    /// A fragment in progress, and its first reader.
    pub fn new() -> (Self, Fragment) {
        let (progress, reader) = watch::channel(Progress::Open(Vec::new()));
        let leader = Self(progress, Arc::default());
        (leader, Fragment::following(reader))
    }

    /// For the flight.
    pub fn leading(&self) -> Leading {
        Leading(self.0.clone(), Arc::clone(&self.1))
    }

    /// Counts those who waited; who comes now is none of them.
    pub fn count_followers(&self) -> u64 {
        self.1.followers.swap(OVER, Ordering::AcqRel)
    }

    /// Says why there is a fetch.
    pub fn because(&self, cause: Option<Cause>) {
        if let Some(cause) = cause {
            // It is said once.
            self.1.cause.get_or_init(|| cause);
        }
    }

    /// Bytes that came so far.
    pub fn bytes(&self) -> u64 {
        match &*self.0.borrow() {
            Progress::Open(parts) => parts.iter().map(|part| u64::from(part.meta.bytes)).sum(),
            Progress::Complete(chunk) => chunk.meta.bytes(),
            Progress::Failed(_) => 0,
        }
    }

    /// A writer, and by which to watch it.
    pub fn writer(&self) -> (FragmentWriter, watch::Receiver<()>) {
        FragmentWriter::new(self.0.clone())
    }

    /// Whether nobody reads.
    pub fn is_deserted(&self) -> bool {
        self.0.receiver_count() == 0
    }

    /// Completes the fragment with a chunk that was there already. Readers may
    /// have parts of another making of it: it must be the same chunk.
    pub fn restore(&self, chunk: Arc<CompleteChunk>) {
        self.0.send_if_modified(|now| {
            let Progress::Open(parts) = now else {
                return false;
            };
            let differs = |(at, part)| chunk.parts.get(at) != Some(part);
            *now = match parts.iter().enumerate().position(differs) {
                Some(part) => Progress::Failed(FillError::Changed { part }),
                None => Progress::Complete(chunk),
            };
            true
        });
    }

    /// Ends the fragment with a reason every reader is told.
    pub fn fail(&self, error: FillError) {
        end(&self.0, Progress::Failed(error));
    }

    /// Waits until the writer that `pulse` belongs to is done or gone, or nobody
    /// has read for `linger`. Ends the fragment itself once nothing has come for
    /// `patience`.
    pub async fn end_of(
        &self,
        mut pulse: watch::Receiver<()>,
        patience: Duration,
        linger: Duration,
    ) -> Ended {
        loop {
            match &*self.0.borrow() {
                Progress::Complete(chunk) => return Ended::Complete(chunk.clone()),
                Progress::Failed(error) => return Ended::Failed(error.clone()),
                Progress::Open(_) => {}
            }
            let changed = tokio::select! {
                changed = timeout(patience, pulse.changed()) => changed,
                () = self.deserted_for(linger) => return Ended::Deserted,
            };
            match changed {
                Ok(Ok(())) => {}
                // It goes as it finishes, too.
                Ok(Err(_)) if self.0.borrow().is_over() => {}
                Ok(Err(_)) => return Ended::WriterGone,
                Err(_) => self.fail(FillError::Stalled(patience)),
            }
        }
    }

    /// Returns once nobody has read for `linger` on end.
    async fn deserted_for(&self, linger: Duration) {
        loop {
            self.0.closed().await;
            sleep(linger).await;
            if self.is_deserted() {
                return;
            }
        }
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        self.fail(FillError::SourceGone);
    }
}

impl Leading {
    /// One more reader.
    pub fn follow(&self) -> Fragment {
        Fragment::following(self.0.subscribe())
    }

    /// Counts one who waits; `false` if all are counted, as the fetch is over.
    pub fn count_follower(&self) -> bool {
        self.1.followers.fetch_add(1, Ordering::AcqRel) < OVER
    }

    /// Why there is a fetch, if that is known yet.
    pub fn cause(&self) -> Option<Cause> {
        self.1.cause.get().copied()
    }

    /// How far the fragment is.
    pub fn state(&self) -> FragmentState {
        self.0.borrow().state()
    }

    /// The chunk, if it is complete.
    pub fn complete(&self) -> Option<Arc<CompleteChunk>> {
        match &*self.0.borrow() {
            Progress::Complete(chunk) => Some(chunk.clone()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::{Part, PartMeta};

    const LONG: Duration = Duration::from_secs(3600);

    fn part() -> Part {
        Part {
            meta: PartMeta {
                bytes: 1,
                ticks: 10,
                independent: true,
            },
            data: vec![0].into(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_stalls_is_given_up_and_told_so() {
        let patience = Duration::from_secs(9);
        let (leader, fragment) = Leader::new();
        let (mut writer, pulse) = leader.writer();
        let writing = async {
            for _ in 0..3 {
                // Slow, yet within bounds each time.
                sleep(patience - Duration::from_secs(1)).await;
                writer.push(part()).unwrap();
            }
            fragment.finished().await.unwrap_err()
        };
        let (told, ended) = tokio::join!(writing, leader.end_of(pulse, patience, LONG));
        assert_eq!(told, FillError::Stalled(patience));
        assert_eq!(ended, Ended::Failed(FillError::Stalled(patience)));
        assert_eq!(writer.push(part()), Err(FillError::Stalled(patience)));
    }

    #[tokio::test]
    async fn a_writer_that_is_dropped_or_panics_leaves_the_fragment_open() {
        let (leader, fragment) = Leader::new();
        let (writer, pulse) = leader.writer();
        drop(writer);
        assert_eq!(leader.end_of(pulse, LONG, LONG).await, Ended::WriterGone);

        let (mut writer, pulse) = leader.writer();
        let thread = std::thread::spawn(move || {
            writer.push(part()).unwrap();
            panic!("the renderer died");
        });
        assert!(thread.join().is_err());
        assert_eq!(leader.end_of(pulse, LONG, LONG).await, Ended::WriterGone);
        assert_eq!(fragment.state(), FragmentState::InProgress { parts: 1 });

        drop(leader);
        assert_eq!(fragment.part(1).await, Err(FillError::SourceGone));
    }

    #[tokio::test(start_paused = true)]
    async fn a_fragment_is_deserted_when_nobody_came_back_in_time() {
        let linger = Duration::from_secs(2);
        let (leader, fragment) = Leader::new();
        let (_writer, pulse) = leader.writer();
        let readers = async {
            drop(fragment);
            sleep(linger / 2).await;
            let back = leader.leading().follow();
            sleep(2 * linger).await;
            drop(back);
            tokio::time::Instant::now()
        };
        let (left, ended) = tokio::join!(readers, leader.end_of(pulse, LONG, linger));
        assert_eq!(ended, Ended::Deserted);
        assert!(left.elapsed() >= linger);
    }

    #[tokio::test]
    async fn a_chunk_from_elsewhere_must_be_what_the_readers_have_of_it() {
        let chunk = |bytes: &'static [u8]| {
            let mut part = part();
            part.data = bytes.into();
            Arc::new(CompleteChunk {
                meta: crate::chunk::ChunkMeta {
                    parts: vec![part.meta],
                    cost_ms: 1,
                },
                parts: vec![part],
                digest: crate::digest::Digest::of(bytes),
            })
        };
        for (bytes, expected) in [
            (&[0_u8][..], Ok(chunk(&[0]))),
            (&[1], Err(FillError::Changed { part: 0 })),
        ] {
            let (leader, fragment) = Leader::new();
            leader.writer().0.push(part()).unwrap();
            leader.restore(match bytes {
                [0] => chunk(&[0]),
                _ => chunk(&[1]),
            });
            assert_eq!(fragment.finished().await, expected, "{bytes:?}");
        }
    }
}
