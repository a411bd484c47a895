//! Many recipients of one template.
//!
//! Every row is planned first. The chunks that no row shares with the cache
//! are rendered once each, interval by interval over all rows, so that what
//! the rows have in common below their names is decoded and composed once.
//! Then each row's file is joined. A row that fails does not stop the others.

use std::collections::HashMap;

use futures_util::{StreamExt as _, stream};

use crate::cache::Presence;
use crate::chunk::ChunkKey;
use crate::delivery::{Delivery, DeliveryError, Plan, Wanted};
use crate::partition::{PlacedChunk, TrackKind};
use crate::render::{Priority, SharedLayers};

/// Chunks asked for at a time: a few for each render thread, so that those of
/// one interval are rendered together.
const AT_A_TIME: usize = 4;

/// What a batch is made of: each distinct chunk once, in the order in which
/// they are best rendered.
#[derive(Debug, Default)]
pub struct Batch {
    chunks: Vec<Distinct>,
    seen: HashMap<ChunkKey, usize>,
    /// Chunks of all rows together.
    total: usize,
}

#[derive(Debug)]
struct Distinct {
    wanted: Wanted,
    kind: TrackKind,
    decode_time: u64,
    users: usize,
}

/// What rendering a batch came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchOutcome {
    /// Chunks of all rows.
    pub total: usize,
    /// Already in the cache before.
    pub hits: usize,
    /// Rendered now.
    pub rendered: usize,
    /// What rendering those again for every row that has them would have cost,
    /// in milliseconds of a render thread, beyond what was spent.
    pub saved_ms: u64,
    /// What was spent.
    pub spent_ms: u64,
    /// Chunks that could not be rendered, and why.
    pub failed: HashMap<ChunkKey, String>,
}

impl Batch {
    /// Adds the chunks of a row's tracks, of those that are `wanted`.
    pub fn add(&mut self, plan: &Plan, wanted: impl Fn(TrackKind) -> bool) {
        for kind in plan.kinds().filter(|kind| wanted(*kind)) {
            for chunk in plan.chunks(kind) {
                self.total += 1;
                self.add_chunk(chunk, kind);
            }
        }
    }

    fn add_chunk(&mut self, chunk: &PlacedChunk, kind: TrackKind) {
        if let Some(place) = self.seen.get(&chunk.key) {
            self.chunks[*place].users += 1;
            return;
        }
        self.seen.insert(chunk.key, self.chunks.len());
        let wanted = Wanted {
            shared: SharedLayers(chunk.shared_layers),
            ..Wanted::of(chunk)
        };
        self.chunks.push(Distinct {
            wanted,
            kind,
            decode_time: chunk.decode_time,
            users: 1,
        });
    }

    /// The keys of all its chunks, each once.
    pub fn keys(&self) -> impl Iterator<Item = ChunkKey> + '_ {
        self.seen.keys().copied()
    }

    /// How many different chunks there are.
    pub fn distinct(&self) -> usize {
        self.chunks.len()
    }

    /// Renders what is missing; `progress` is called once for each distinct chunk.
    pub async fn render(mut self, delivery: &Delivery, progress: impl Fn()) -> BatchOutcome {
        // Sound is quick.
        let order = |kind: TrackKind| match kind {
            TrackKind::Audio => 0,
            TrackKind::Video => 1,
            TrackKind::Rung(height) => height.saturating_add(1),
        };
        self.chunks
            .sort_by_key(|chunk| (order(chunk.kind), chunk.decode_time));
        let mut outcome = BatchOutcome {
            total: self.total,
            ..BatchOutcome::default()
        };
        let (_, _, threads) = delivery.pool().load();
        let fetch = |chunk: Distinct| async move {
            let fetched = fetch(delivery, &chunk.wanted).await;
            (chunk, fetched)
        };
        let mut fetched = stream::iter(self.chunks)
            .map(fetch)
            .buffered(threads * AT_A_TIME);
        while let Some((chunk, fetched)) = fetched.next().await {
            progress();
            match fetched {
                Ok(Fetched { was_there, cost_ms }) => {
                    let others = if was_there {
                        chunk.users
                    } else {
                        chunk.users - 1
                    };
                    outcome.saved_ms += u64::from(cost_ms) * others as u64;
                    if was_there {
                        outcome.hits += 1;
                    } else {
                        outcome.rendered += 1;
                        outcome.spent_ms += u64::from(cost_ms);
                    }
                }
                Err(error) => drop(outcome.failed.insert(chunk.wanted.key, error.to_string())),
            }
        }
        outcome
    }
}

impl BatchOutcome {
    /// Adds what rendering a further batch came to.
    pub fn add(&mut self, other: Self) {
        self.total += other.total;
        self.hits += other.hits;
        self.rendered += other.rendered;
        self.saved_ms += other.saved_ms;
        self.spent_ms += other.spent_ms;
        self.failed.extend(other.failed);
    }
}

struct Fetched {
    was_there: bool,
    cost_ms: u32,
}

async fn fetch(delivery: &Delivery, wanted: &Wanted) -> Result<Fetched, DeliveryError> {
    let was_there = matches!(
        delivery.presence(&wanted.key).await?,
        Presence::Memory | Presence::Disk
    );
    let chunk = delivery
        .chunk(wanted, Priority::Batch)
        .await?
        .fragment
        .finished()
        .await?;
    Ok(Fetched {
        was_there,
        cost_ms: chunk.meta.cost_ms,
    })
}
