//! The frames of a segment, taken out of chunks, and the parts that are made of them.
//!
//! Parts are cut by the lengths of their frames alone, so that a segment of one viewer
//! has the parts of the one that all others see, as long as its frames are as long.

use std::ops::Range;

use crate::chunk::{Part, PartMeta};
use crate::cmaf::{CmafError, Sample, fragment, read_fragment};

/// The frames of a chunk.
pub fn samples(parts: &[Part]) -> Result<Vec<Sample>, CmafError> {
    let mut samples = Vec::new();
    for part in parts {
        for info in read_fragment(&part.data)? {
            let start = info.offset as usize;
            samples.push(Sample {
                data: part.data.slice(start..start + info.size as usize),
                duration: info.duration,
                composition_offset: info.composition_offset,
                sync: info.sync,
            });
        }
    }
    Ok(samples)
}

/// These frames of a chunk, of those that it has.
pub fn taken(parts: &[Part], frames: &Range<u32>) -> Result<Vec<Sample>, CmafError> {
    let mut samples = samples(parts)?;
    samples.truncate(frames.end as usize);
    samples.drain(..samples.len().min(frames.start as usize));
    Ok(samples)
}

/// The parts of a segment, each no longer than `part_ticks` unless one frame is; their
/// decode times count from its beginning.
pub fn parts(samples: &[Sample], part_ticks: u32) -> Result<Vec<Part>, CmafError> {
    let mut parts = Vec::new();
    let (mut first, mut begun, mut ticks) = (0, 0_u64, 0_u32);
    for (index, sample) in samples.iter().enumerate() {
        if index > first && ticks.saturating_add(sample.duration) > part_ticks {
            parts.push(part(&samples[first..index], begun, ticks)?);
            begun += u64::from(ticks);
            (first, ticks) = (index, 0);
        }
        ticks = ticks.saturating_add(sample.duration);
    }
    if first < samples.len() {
        parts.push(part(&samples[first..], begun, ticks)?);
    }
    Ok(parts)
}

fn part(samples: &[Sample], begun: u64, ticks: u32) -> Result<Part, CmafError> {
    let data = fragment(begun, 1, samples)?;
    let meta = PartMeta {
        bytes: u32::try_from(data.len()).unwrap_or(u32::MAX),
        ticks,
        independent: samples.first().is_some_and(|first| first.sync),
    };
    Ok(Part { meta, data })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::cmaf::decode_time;

    fn sample(number: u8, duration: u32) -> Sample {
        Sample {
            data: Bytes::from(vec![number; 3]),
            duration,
            composition_offset: 0,
            sync: number == 0,
        }
    }

    #[test]
    fn the_parts_of_a_segment_are_its_frames_in_order() {
        let frames: Vec<_> = (0..10).map(|number| sample(number, 40)).collect();
        let cut = parts(&frames, 130).expect("parts");
        let ticks: Vec<_> = cut.iter().map(|part| part.meta.ticks).collect();
        assert_eq!(ticks, [120, 120, 120, 40]);
        let times: Vec<_> = cut
            .iter()
            .map(|part| decode_time(&part.data).ok())
            .collect();
        assert_eq!(times, [Some(0), Some(120), Some(240), Some(360)]);
        assert_eq!(
            cut.iter()
                .map(|part| part.meta.independent)
                .collect::<Vec<_>>(),
            [true, false, false, false]
        );
        assert_eq!(samples(&cut).expect("frames"), frames);
        // One that is longer is a part of its own.
        let long = parts(&[sample(0, 500), sample(1, 40)], 130).expect("parts");
        assert_eq!(long.len(), 2);
        assert!(parts(&[], 130).expect("none").is_empty());
    }

    #[test]
    fn frames_are_taken_of_those_that_a_chunk_has() {
        let frames: Vec<_> = (0..10).map(|number| sample(number, 40)).collect();
        let chunk = parts(&frames, 130).expect("parts");
        for (range, expected) in [
            (0..10, &frames[..]),
            (2..5, &frames[2..5]),
            (8..20, &frames[8..]),
            (12..20, &[]),
        ] {
            assert_eq!(
                taken(&chunk, &range).expect("frames"),
                expected,
                "{range:?}"
            );
        }
    }
}
