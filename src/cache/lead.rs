//! What the leader of a key does, from its first look at the disk until the chunk
//! is durable or given up.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::account::{Asker, Fetch};
use super::flight::Seat;
use super::fragment::{CompleteChunk, Fragment};
use super::leader::{Ended, Leader, Leading};
use super::outcome::{Access, FillError, Outcome};
use super::source::Source;
use super::{Shared, TierError};
use crate::chunk::{ChunkKey, ReuseClass};
use crate::offload::{Cause, Size, Tier};
use crate::store::{Lookup, Put, StoreError};

/// How often a source is set going for one chunk, if it keeps dying.
const MAX_TRIES: u32 = 3;

/// The place of a leader, and whom it tells how the chunk is come by.
pub(super) struct Lead {
    pub key: ChunkKey,
    pub seat: Seat<ChunkKey, Leading>,
    pub leader: Leader,
    /// Why there is nothing, if that is known already: who led before has not noted it.
    pub before: Option<Cause>,
    pub tell: oneshot::Sender<(Outcome, Option<Cause>)>,
}

/// How a chunk was come by, or that it was not.
enum Came {
    Stored(Arc<CompleteChunk>, Outcome),
    Made(Arc<CompleteChunk>),
    Failed(FillError),
    Deserted,
}

impl Shared {
    pub(super) async fn lead(self: Arc<Self>, lead: Lead, source: Arc<impl Source>) {
        let Lead {
            key,
            seat,
            leader,
            before,
            tell,
        } = lead;
        let (mut cause, mut tell) = (None, Some(tell));
        let told = |outcome| {
            if outcome == Outcome::Filled && cause.is_none() {
                cause = self.account.cause(key.digest());
                // The reason of whoever led just before may not be noted yet.
                cause = cause.map(|cause| before.unwrap_or(cause));
                leader.because(cause);
            }
            // Whoever asked may be gone; the others are not.
            tell.take().map(|tell| tell.send((outcome, cause)).is_ok());
        };
        let asking = Arc::clone(&source);
        let came = self.come_by(&key, &seat, &leader, asking, told).await;
        // Whoever comes from here on finds what came, and is counted as such.
        let followers = leader.count_followers();
        let fetched = |bytes: u64, chunk: Option<&CompleteChunk>| {
            let Some(cause) = cause else { return };
            let size = chunk.map_or(Size::new(bytes, 0), CompleteChunk::weighs);
            let fetch = Fetch {
                cause,
                asker: source.asker(),
                followers,
                content: chunk.map(|chunk| &chunk.digest),
            };
            let account = &self.account;
            account.fetched(&source.traffic(), key.digest(), size, fetch);
        };
        match came {
            Came::Stored(chunk, outcome) => match cause {
                // It came to be there while it was being fetched.
                Some(_) => fetched(0, Some(&chunk)),
                None => {
                    let asked = followers + u64::from(source.asker() == Asker::Client);
                    let tier = match outcome {
                        Outcome::HitShared => Tier::Peer,
                        _ => Tier::Disk,
                    };
                    let (account, size) = (&self.account, chunk.weighs());
                    account.hit(&source.traffic(), key.digest(), size, tier, asked);
                }
            },
            Came::Made(chunk) => {
                self.counters.bytes_filled.add(chunk.meta.bytes());
                self.failures.forget(&key);
                fetched(0, Some(&chunk));
                self.keep(&key, &chunk, source.class()).await;
                self.memory.insert(key, chunk);
            }
            Came::Failed(error) => {
                self.counters.failed_fills.add(1);
                self.failures.note(key, &error, Instant::now());
                fetched(leader.bytes(), None);
                self.account.gone(key.digest(), Cause::Failed);
                tracing::warn!(%key, %error, "a fill failed");
            }
            // The key is free already; whoever made the chunk is told at its next part.
            Came::Deserted => {
                self.counters.abandoned.add(1);
                fetched(leader.bytes(), None);
                leader.fail(FillError::Abandoned);
            }
        }
        drop(seat);
    }

    /// Looks at the tiers below memory, then has the source make the chunk; and
    /// all that again for the readers of a source that died.
    async fn come_by(
        self: &Arc<Self>,
        key: &ChunkKey,
        seat: &Seat<ChunkKey, Leading>,
        leader: &Leader,
        source: Arc<impl Source>,
        mut told: impl FnMut(Outcome),
    ) -> Came {
        for attempt in 1..=MAX_TRIES {
            if let Some((chunk, outcome)) = self.look_below(key).await {
                leader.restore(chunk.clone());
                told(outcome);
                return Came::Stored(chunk, outcome);
            }
            if attempt == 1 {
                self.counters.misses.add(1);
            } else {
                self.counters.handed_over.add(1);
            }
            told(Outcome::Filled);
            let (patience, linger) = (self.config.patience, self.config.linger);
            // A disk that never answers must not hold up readers without end.
            if timeout(patience, self.backlog.has_room()).await.is_err() {
                leader.fail(FillError::Stalled(patience));
                return Came::Failed(FillError::Stalled(patience));
            }
            let (writer, pulse) = leader.writer();
            let filling = source.clone();
            // Not awaited: it may go on for as long as it makes bytes, and if it dies
            // the writer dies with it, which the leader sees.
            let _filling = spawn_blocking(move || filling.fill(writer));
            loop {
                let ended = leader.end_of(pulse.clone(), patience, linger).await;
                let gone = match ended {
                    Ended::Complete(chunk) => return Came::Made(chunk),
                    Ended::Failed(error) => return Came::Failed(error),
                    Ended::WriterGone => true,
                    Ended::Deserted => false,
                };
                // Under the flight's lock: nobody joins between the look and the leaving.
                let deserted = || {
                    let deserted = leader.is_deserted();
                    if deserted {
                        self.account.gone(key.digest(), Cause::Abandoned);
                    }
                    deserted
                };
                if seat.leave_if(deserted) {
                    return Came::Deserted;
                }
                if gone {
                    tracing::warn!(%key, attempt, "a source died");
                    break;
                }
            }
        }
        let error = FillError::SourceDied(MAX_TRIES);
        leader.fail(error.clone());
        Came::Failed(error)
    }

    /// The chunk from disk or the shared tier.
    async fn look_below(self: &Arc<Self>, key: &ChunkKey) -> Option<(Arc<CompleteChunk>, Outcome)> {
        let (store, wanted) = (self.store.clone(), *key);
        // The semaphore is never closed.
        let reading = self.reads.acquire().await;
        let looked = self.on_store("read a chunk", move || store.get(&wanted));
        let looked = looked.await;
        drop(reading);
        if let Some(Lookup::Hit(stored)) = looked {
            return Some((self.hit_disk(*key, stored.into()), Outcome::HitDisk));
        }
        let chunk = self.on_tier("read a chunk", key, |tier, key| tier.get(key));
        let chunk = Arc::new(chunk.await.flatten()?);
        self.counters.hits_shared.add(1);
        self.counters.bytes_shared.add(chunk.meta.bytes());
        self.memory.insert(*key, chunk.clone());
        Some((chunk, Outcome::HitShared))
    }

    /// Makes a chunk durable, as far as the tiers want it and can.
    async fn keep(self: &Arc<Self>, key: &ChunkKey, chunk: &Arc<CompleteChunk>, class: ReuseClass) {
        let waiting = self.backlog.enter(chunk.meta.bytes());
        let turn = waiting.turn().await;
        let (store, kept, key) = (self.store.clone(), chunk.clone(), *key);
        let put = self.on_store("store a chunk", move || {
            store.put(&key, class, &kept.meta, &kept.parts)
        });
        match put.await {
            Some(Put::Kept) => {}
            Some(Put::Refused) => self.account.gone(key.digest(), Cause::NotAdmitted),
            None => self.account.gone(key.digest(), Cause::Lost),
        }
        // The next need not wait for the tier, too.
        drop(turn);
        let kept = chunk.clone();
        self.on_tier("store a chunk", &key, move |tier, key| tier.put(key, &kept))
            .await;
    }

    /// Calls the store on a blocking thread. A failure is counted and logged and
    /// then is no different from finding nothing.
    pub(super) async fn on_store<T: Send + 'static>(
        &self,
        action: &'static str,
        call: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Option<T> {
        let error = match spawn_blocking(call).await {
            Ok(Ok(value)) => return Some(value),
            Ok(Err(error)) => error.to_string(),
            Err(died) => died.to_string(),
        };
        self.counters.store_errors.add(1);
        tracing::warn!(action, error, "the store failed");
        None
    }

    /// The same for the shared tier, if there is one.
    async fn on_tier<T: Send + 'static>(
        self: &Arc<Self>,
        action: &'static str,
        key: &ChunkKey,
        call: impl FnOnce(&dyn super::SharedTier, &ChunkKey) -> Result<T, TierError> + Send + 'static,
    ) -> Option<T> {
        self.tier.as_ref()?;
        let (shared, key) = (self.clone(), *key);
        let called = spawn_blocking(move || Some(call(shared.tier.as_deref()?, &key)));
        let error = match called.await {
            Ok(Some(Ok(value))) => return Some(value),
            Ok(Some(Err(error))) => error.to_string(),
            Ok(None) => return None,
            Err(died) => died.to_string(),
        };
        self.counters.tier_errors.add(1);
        tracing::warn!(action, error, "the shared tier failed");
        None
    }

    pub(super) fn failed_lately(&self, error: FillError) -> Access {
        self.counters.failed_lately.add(1);
        Access {
            fragment: Fragment::failed(error),
            outcome: Outcome::FailedLately,
            cause: None,
        }
    }

    pub(super) fn follow(
        &self,
        key: &ChunkKey,
        fragment: Fragment,
        leading: &Leading,
        source: &impl Source,
    ) -> Access {
        self.counters.coalesced.add(1);
        if source.asker() == Asker::Client && !leading.count_follower() {
            // It came between the look and the counting.
            if let Some(chunk) = fragment.complete() {
                self.note_hit(key, &chunk, source);
            }
        }
        Access {
            fragment,
            outcome: Outcome::Coalesced,
            cause: leading.cause(),
        }
    }

    pub(super) fn hit_memory(
        &self,
        key: &ChunkKey,
        chunk: Arc<CompleteChunk>,
        source: &impl Source,
    ) -> Access {
        self.note_memory(key, &chunk);
        self.note_hit(key, &chunk, source);
        Access {
            fragment: Fragment::ready(chunk),
            outcome: Outcome::HitMemory,
            cause: None,
        }
    }

    pub(super) fn note_memory(&self, key: &ChunkKey, chunk: &CompleteChunk) {
        self.store.note_use(key);
        self.counters.hits_memory.add(1);
        self.counters.bytes_memory.add(chunk.meta.bytes());
    }

    fn note_hit(&self, key: &ChunkKey, chunk: &CompleteChunk, source: &impl Source) {
        if self.account.is_on() && source.asker() == Asker::Client {
            let (account, size) = (&self.account, chunk.weighs());
            account.hit(&source.traffic(), key.digest(), size, Tier::Ram, 1);
        }
    }

    pub(super) fn hit_disk(&self, key: ChunkKey, chunk: CompleteChunk) -> Arc<CompleteChunk> {
        let chunk = Arc::new(chunk);
        self.counters.hits_disk.add(1);
        self.counters.bytes_disk.add(chunk.meta.bytes());
        self.memory.insert(key, chunk.clone());
        chunk
    }
}
