//! When the samples of a joined movie's track are shown, and its sample tables.

use mp4_atom::{
    Ctts, CttsEntry, Stbl, Stco, Stsc, StscEntry, Stss, Stsz, StszSamples, Stts, SttsEntry,
};

use super::CmafError;
use super::progressive::{Chunk, ProgressiveTrack};

/// When a track is decoded and presented, in its own ticks.
pub(super) struct Timing {
    /// Sum of all durations.
    pub decoded: u64,
    /// Raises every composition offset to 0 or more.
    pub shift: i64,
    /// The first composition time, after the shift.
    pub start: u64,
    /// From the first composition time to the end of the last composed sample.
    pub presented: u64,
}

impl Timing {
    pub fn of(track: &ProgressiveTrack) -> Result<Self, CmafError> {
        let samples = || track.parts.iter().flatten();
        let least = samples()
            .map(|sample| sample.composition_offset)
            .min()
            .unwrap_or(0);
        let shift = -i64::from(least.min(0));
        let (mut time, mut start, mut end) = (0i64, i64::MAX, 0);
        for sample in samples() {
            let composed = time + i64::from(sample.composition_offset) + shift;
            start = start.min(composed);
            end = end.max(composed + i64::from(sample.duration));
            time += i64::from(sample.duration);
        }
        let unsigned = |ticks: i64| {
            u64::try_from(ticks).map_err(|_| CmafError::Overflow {
                what: "a composition time",
            })
        };
        Ok(Self {
            decoded: unsigned(time)?,
            shift,
            start: unsigned(start)?,
            presented: unsigned(end - start)?,
        })
    }
}

/// Ticks of another clock, rounded up: an edit that ends early drops a sample.
pub(super) fn rescale(ticks: u64, from: u32, to: u32) -> Result<u64, CmafError> {
    let scaled = (u128::from(ticks) * u128::from(to)).div_ceil(u128::from(from.max(1)));
    u64::try_from(scaled).map_err(|_| CmafError::Overflow {
        what: "the duration of the movie",
    })
}

/// The tables of a track whose samples stand together in `chunks`; their places are 0 yet.
pub(super) fn tables(track: &ProgressiveTrack, shift: i64, chunks: &[Chunk]) -> Stbl {
    let samples = || track.parts.iter().flatten();
    let durations = runs(samples().map(|sample| sample.duration));
    let offsets = runs(samples().map(|sample| i64::from(sample.composition_offset) + shift));
    let composed = offsets.iter().any(|(_, offset)| *offset != 0);
    let all_sync = samples().all(|sample| sample.sync);
    let sync = samples()
        .enumerate()
        .filter(|(_, sample)| sample.sync)
        .map(|(index, _)| index as u32 + 1);
    let mut first_chunk = 1;
    let per_chunk = runs(chunks.iter().map(|chunk| chunk.samples));
    let stsc = per_chunk.into_iter().map(|(count, samples_per_chunk)| {
        let entry = StscEntry {
            first_chunk,
            samples_per_chunk,
            sample_description_index: 1,
        };
        first_chunk += count;
        entry
    });
    Stbl {
        stts: Stts {
            entries: durations
                .into_iter()
                .map(|(sample_count, sample_delta)| SttsEntry {
                    sample_count,
                    sample_delta,
                })
                .collect(),
        },
        ctts: composed.then(|| Ctts {
            entries: offsets
                .into_iter()
                .map(|(sample_count, sample_offset)| CttsEntry {
                    sample_count,
                    sample_offset,
                })
                .collect(),
        }),
        // Without the table every sample is a sync sample.
        stss: (!all_sync).then(|| Stss {
            entries: sync.collect(),
        }),
        stsc: Stsc {
            entries: stsc.collect(),
        },
        stsz: Stsz {
            samples: StszSamples::Different {
                sizes: samples().map(|sample| sample.size).collect(),
            },
        },
        stco: Some(Stco {
            entries: vec![0; chunks.len()],
        }),
        ..Stbl::default()
    }
}

/// Run lengths, as the tables of a movie count.
fn runs<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<(u32, T)> {
    let mut runs: Vec<(u32, T)> = Vec::new();
    for value in values {
        match runs.last_mut() {
            Some((count, last)) if *last == value => *count += 1,
            _ => runs.push((1, value)),
        }
    }
    runs
}
