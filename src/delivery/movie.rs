//! One MP4 file out of a plan's chunks, without encoding anything again.

use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use thiserror::Error;

use crate::cmaf::{self, CmafError, Extent, Progressive, ProgressiveTrack, SampleInfo, Track};
use crate::delivery::{Delivery, DeliveryError, Wanted};
use crate::render::{Priority, Urgency};

/// Chunks fetched or rendered ahead of the one that is written.
const AHEAD: usize = 4;

/// Why there is no file.
#[derive(Debug, Error)]
pub enum MovieError {
    /// A chunk cannot be had.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    /// Its bytes cannot be joined.
    #[error(transparent)]
    Cmaf(#[from] CmafError),
    /// A chunk changed while the file was written.
    #[error("a chunk has fewer bytes than it had")]
    Shrunk,
}

/// A file ready to be streamed: fast start, its length known. Holds sample
/// tables, not media, however long it is.
pub struct Movie {
    delivery: Delivery,
    /// For each track and each part of it: which chunk, and which part of that.
    places: Vec<Vec<(Wanted, usize)>>,
    plan: Progressive,
}

impl Movie {
    /// Joins tracks of chunks. All that is missing is rendered first.
    pub async fn join(
        delivery: &Delivery,
        tracks: Vec<(Track, Vec<Wanted>)>,
        urgency: impl Into<Urgency>,
    ) -> Result<Self, MovieError> {
        let urgency = urgency.into();
        let mut joined = Vec::new();
        let mut places = Vec::new();
        for (track, chunks) in tracks {
            let read = stream::iter(chunks)
                .map(|wanted| async {
                    let samples = samples(delivery, &wanted, urgency).await?;
                    Ok::<_, MovieError>((wanted, samples))
                })
                .buffered(AHEAD)
                .try_collect::<Vec<_>>()
                .await?;
            let mut of_track = Vec::new();
            let mut parts = Vec::new();
            for (wanted, samples) in read {
                for (index, samples) in samples.into_iter().enumerate() {
                    of_track.push((wanted.clone(), index));
                    parts.push(samples);
                }
            }
            places.push(of_track);
            joined.push(ProgressiveTrack { track, parts });
        }
        let plan = cmaf::progressive(&joined)?;
        Ok(Self {
            delivery: delivery.clone(),
            places,
            plan,
        })
    }

    /// Length of the file in bytes.
    pub const fn content_length(&self) -> u64 {
        self.plan.content_length
    }

    /// The bytes of the file, in order.
    pub fn into_stream(self) -> impl stream::Stream<Item = Result<Bytes, MovieError>> + Send {
        self.into_range(0..=u64::MAX)
    }

    /// These bytes of the file, counted from 0, in order; only what holds them
    /// is read.
    pub fn into_range(
        self,
        range: RangeInclusive<u64>,
    ) -> impl stream::Stream<Item = Result<Bytes, MovieError>> + Send {
        let wanted = move |start: u64, len: usize| {
            let from = (*range.start()).max(start) - start;
            let end = start + len as u64;
            let to = range.end().saturating_add(1).clamp(start, end) - start;
            // Within `len`.
            (from < to).then_some(from as usize..to as usize)
        };
        let header = wanted(0, self.plan.header.len());
        let header = header.map(|cut| Ok(self.plan.header.slice(cut)));
        let mut start = self.plan.header.len() as u64;
        let mut pieces = Vec::new();
        for extent in &self.plan.extents {
            pieces.extend(wanted(start, extent.len as usize).map(|cut| (*extent, cut)));
            start += u64::from(extent.len);
        }
        let movie = Arc::new(self);
        let read = move |(extent, cut): (Extent, Range<usize>)| {
            let movie = Arc::clone(&movie);
            async move { Ok(movie.read(extent).await?.slice(cut)) }
        };
        stream::iter(header).chain(stream::iter(pieces).map(read).buffered(AHEAD))
    }

    async fn read(&self, extent: Extent) -> Result<Bytes, MovieError> {
        let place = self
            .places
            .get(extent.track)
            .and_then(|parts| parts.get(extent.part));
        let (wanted, part) = place.ok_or(MovieError::Shrunk)?;
        // Counted when its samples were looked at.
        let chunk = self.delivery.chunk_ahead(wanted, Priority::Viewer).await?;
        let part = chunk
            .fragment
            .part(*part)
            .await
            .map_err(DeliveryError::from)?
            .ok_or(MovieError::Shrunk)?;
        let (start, end) = (
            extent.offset as usize,
            extent.offset as usize + extent.len as usize,
        );
        if end > part.data.len() {
            return Err(MovieError::Shrunk);
        }
        Ok(part.data.slice(start..end))
    }
}

async fn samples(
    delivery: &Delivery,
    wanted: &Wanted,
    urgency: Urgency,
) -> Result<Vec<Vec<SampleInfo>>, MovieError> {
    let access = delivery.chunk(wanted, urgency).await?;
    let chunk = access
        .fragment
        .finished()
        .await
        .map_err(DeliveryError::from)?;
    Ok(chunk
        .parts
        .iter()
        .map(|part| cmaf::read_fragment(&part.data))
        .collect::<Result<_, _>>()?)
}
