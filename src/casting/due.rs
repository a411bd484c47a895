//! A segment on its way to the air: asked for, there, and part by part as its time comes.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::casting::segment::Stretch;
use crate::casting::show::Show;
use crate::channel::{ChunkUse, Slot};
use crate::chunk::Part;
use crate::cmaf::{SampleInfo, read_fragment};
use crate::delivery::{Delivery, DeliveryError};
use crate::live::{LiveFrame, PartTarget};
use crate::render::Urgency;
use crate::time::Time;

/// A segment whose time has not come.
pub(super) struct Due {
    pub slot: Slot,
    pub segment: Coming,
}

/// How far it is.
pub(super) enum Coming {
    Asked(JoinHandle<Result<Vec<Vec<Part>>, DeliveryError>>),
    There(Vec<Vec<Part>>),
    Failed,
}

impl Coming {
    /// Waits for it, `most` at the longest.
    pub async fn settle(&mut self, most: Duration) {
        let Self::Asked(asked) = self else {
            return;
        };
        let came = match timeout(most, asked).await {
            Err(_) => return,
            Ok(Ok(Ok(parts))) if parts.iter().all(|parts| !parts.is_empty()) => Self::There(parts),
            Ok(Ok(Ok(_))) => Self::Failed,
            Ok(Ok(Err(error))) => {
                tracing::warn!(%error, "a segment of a channel cannot be had");
                Self::Failed
            }
            Ok(Err(_)) => Self::Failed,
        };
        *self = came;
    }

    pub const fn is_there(&self) -> bool {
        matches!(self, Self::There(_))
    }
}

/// The parts of each track of a segment.
pub(super) async fn asked(
    delivery: Delivery,
    show: Arc<Show>,
    (slot, most): (Slot, Duration),
    (urgency, part): (Urgency, PartTarget),
    asks: Arc<Semaphore>,
) -> Result<Vec<Vec<Part>>, DeliveryError> {
    // What is too late before it was asked for is not asked for.
    let Ok(Ok(_permit)) = timeout(most, asks.acquire()).await else {
        return Ok(vec![Vec::new()]);
    };
    let video = &show.videos[slot.entry];
    let mut tracks = Vec::new();
    for stretch in show.stretches(&slot) {
        let wanted = |used: &ChunkUse| video.wanted(stretch.kind, used.index);
        let chunks = stretch.chunks(&delivery, wanted, urgency).await?;
        tracks.push(stretch.parts(&chunks, part)?);
    }
    Ok(tracks)
}

/// A part, and when it is over.
pub(super) struct Timed<'a> {
    pub stretch: &'a Stretch,
    pub part: Part,
    /// When its first frame is decoded, in ticks since the channel began.
    decode_time: u64,
    pub due: Time,
    pub is_last: bool,
}

pub(super) fn timed<'a>(
    stretch: &'a Stretch,
    slot: &Slot,
    parts: Vec<Part>,
) -> impl Iterator<Item = Timed<'a>> {
    let (start, count) = (slot.start, parts.len());
    let mut ticks = 0;
    parts.into_iter().enumerate().map(move |(index, part)| {
        let decode_time = stretch.decode_time + ticks;
        ticks += u64::from(part.meta.ticks);
        let lasted = i64::try_from(ticks).unwrap_or(i64::MAX);
        Timed {
            stretch,
            part,
            decode_time,
            due: start + Time::from_ticks(lasted, clock(stretch.timescale)),
            is_last: index + 1 == count,
        }
    })
}

pub(super) fn clock(timescale: u32) -> NonZeroU32 {
    NonZeroU32::new(timescale).unwrap_or(NonZeroU32::MIN)
}

/// The frames of a part, for those who are pushed them; times count from `base`.
pub(super) fn frames(timed: &Timed<'_>, base: i64) -> Vec<LiveFrame> {
    let track = timed.stretch.kind;
    let infos = read_fragment(&timed.part.data).unwrap_or_default();
    let mut decode_time = i64::try_from(timed.decode_time).unwrap_or(i64::MAX) - base;
    let frame = |info: SampleInfo| {
        let start = info.offset as usize;
        let frame = LiveFrame {
            track,
            decode_time,
            composition_offset: u32::try_from(info.composition_offset).unwrap_or(0),
            sync: info.sync,
            data: timed.part.data.slice(start..start + info.size as usize),
        };
        decode_time += i64::from(info.duration);
        frame
    };
    infos.into_iter().map(frame).collect()
}
