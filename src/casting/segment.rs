//! One segment of a track: its frames, out of chunks that are there or are rendered.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::time::sleep;

use crate::cache::CompleteChunk;
use crate::channel::{ChunkUse, cut};
use crate::chunk::Part;
use crate::delivery::{Delivery, DeliveryError, Wanted};
use crate::live::{LiveTrack, PartTarget};
use crate::render::Urgency;

/// How long after being turned away a chunk is asked for again.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Which frames of which chunks a segment of a track is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    /// Of which track.
    pub kind: LiveTrack,
    /// Ticks a second.
    pub timescale: u32,
    /// When the first frame is decoded, in ticks since the channel began.
    pub decode_time: u64,
    /// How long it is.
    pub ticks: u64,
    /// The frames.
    pub uses: Vec<ChunkUse>,
}

/// A chunk, as soon as it is whole. One that is turned away for a passing reason is asked
/// for again, until whoever asks gives up.
pub(super) async fn chunk(
    delivery: &Delivery,
    wanted: &Wanted,
    urgency: Urgency,
) -> Result<Arc<CompleteChunk>, DeliveryError> {
    loop {
        let came = async {
            let access = delivery.chunk(wanted, urgency).await?;
            Ok::<_, DeliveryError>(access.fragment.finished().await?)
        };
        match came.await {
            Err(error) if error.is_passing() => sleep(RETRY_AFTER).await,
            came => return came,
        }
    }
}

impl Stretch {
    /// Its parts, out of these chunks, one for each use.
    pub fn parts(
        &self,
        chunks: &[Arc<CompleteChunk>],
        part: PartTarget,
    ) -> Result<Vec<Part>, DeliveryError> {
        let mut samples = Vec::new();
        for (used, chunk) in self.uses.iter().zip(chunks) {
            samples.extend(cut::taken(&chunk.parts, &used.frames)?);
        }
        Ok(cut::parts(&samples, part.ticks(self.timescale))?)
    }

    /// Its chunks, each of which is `wanted` by its use.
    pub async fn chunks<'a>(
        &self,
        delivery: &Delivery,
        wanted: impl Fn(&ChunkUse) -> Option<&'a Wanted>,
        urgency: Urgency,
    ) -> Result<Vec<Arc<CompleteChunk>>, DeliveryError> {
        let wanted = self.uses.iter().filter_map(wanted);
        try_join_all(wanted.map(|wanted| chunk(delivery, wanted, urgency))).await
    }
}
