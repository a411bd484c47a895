//! Writing one part: `moof` + `mdat` with a single track run, no `styp`, so
//! that a segment is its parts one after the other.
//!
//! The boxes before `tfdt` always have the same sizes; that makes
//! [`SEQUENCE_OFFSET`] and [`DECODE_TIME_OFFSET`] constants, and placing a
//! stored part on a timeline a patch of two numbers.

use bytes::Bytes;
use mp4_atom::{Encode as _, Mfhd, Moof, Tfdt, Tfhd, Traf, Trun, TrunEntry};

use super::{CmafError, MAX_FRAGMENT_BYTES, MAX_SAMPLES};

/// The only track of every part and init segment, and the first of an init segment
/// of several.
pub(super) const TRACK_ID: u32 = 1;

/// Where the 32-bit `mfhd.sequence_number` stands in a part.
pub const SEQUENCE_OFFSET: usize = 20;

/// Where the 64-bit `tfdt.baseMediaDecodeTime` stands in a part.
pub const DECODE_TIME_OFFSET: usize = 68;

/// Flags of a sample that depends on no other (`sample_depends_on` = 2).
pub(super) const SYNC: u32 = 0x0200_0000;

/// Flags of a sample that depends on others (`sample_depends_on` = 1) and is no sync sample.
pub(super) const NON_SYNC: u32 = 0x0101_0000;

/// Size and four-cc in front of `mdat`'s payload.
const MDAT_HEADER: usize = 8;

/// One coded picture or audio frame, in decode order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The coded bytes: length-prefixed NAL units, or one raw AAC frame.
    pub data: Bytes,
    /// Ticks until the next sample is decoded.
    pub duration: u32,
    /// Ticks from decode to presentation.
    pub composition_offset: i32,
    /// Whether decoding can start here.
    pub sync: bool,
}

/// Writes `samples` as one part that decodes from `base_decode_time`.
pub fn fragment(
    base_decode_time: u64,
    sequence: u32,
    samples: &[Sample],
) -> Result<Bytes, CmafError> {
    fragment_of_track(TRACK_ID, base_decode_time, sequence, samples)
}

/// The same for a track with another number, as fragments have them that follow an
/// init segment of several tracks.
pub fn fragment_of_track(
    track_id: u32,
    base_decode_time: u64,
    sequence: u32,
    samples: &[Sample],
) -> Result<Bytes, CmafError> {
    let Some(first) = samples.first() else {
        return Err(CmafError::Empty);
    };
    if samples.len() > MAX_SAMPLES {
        return Err(CmafError::TooManySamples {
            count: samples.len(),
            max: MAX_SAMPLES,
        });
    }
    let payload: usize = samples.iter().map(|sample| sample.data.len()).sum();
    if payload > MAX_FRAGMENT_BYTES {
        return Err(CmafError::TooLarge {
            bytes: payload,
            max: MAX_FRAGMENT_BYTES,
        });
    }

    // Both defaults are always written, needed or not: `tfhd` keeps its size.
    let same_duration = samples
        .iter()
        .all(|sample| sample.duration == first.duration);
    let default_flags = flags(samples.get(1).unwrap_or(first));
    let first_only = samples
        .iter()
        .skip(1)
        .all(|sample| flags(sample) == default_flags);
    let offsets = samples.iter().any(|sample| sample.composition_offset != 0);
    let entries: Vec<TrunEntry> = samples
        .iter()
        .enumerate()
        .map(|(index, sample)| TrunEntry {
            duration: (!same_duration).then_some(sample.duration),
            size: Some(sample.data.len() as u32),
            flags: match first_only {
                // Flags on the first entry alone become `first_sample_flags`.
                true => (index == 0 && flags(sample) != default_flags).then(|| flags(sample)),
                false => Some(flags(sample)),
            },
            cts: offsets.then_some(sample.composition_offset.into()),
        })
        .collect();

    let mut moof = Moof {
        mfhd: Mfhd {
            sequence_number: sequence,
        },
        traf: vec![Traf {
            tfhd: Tfhd {
                track_id,
                default_sample_duration: Some(first.duration),
                default_sample_flags: Some(default_flags),
                default_base_is_moof: true,
                ..Tfhd::default()
            },
            tfdt: Some(Tfdt {
                base_media_decode_time: base_decode_time,
            }),
            trun: vec![Trun {
                data_offset: Some(0),
                samples: entries.into(),
            }],
            ..Traf::default()
        }],
    };
    let mut out = Vec::with_capacity(payload + 256 + 16 * samples.len());
    moof.encode(&mut out)?;
    // The offset's own field has a fixed size, so the second writing has the length of the first.
    moof.traf[0].trun[0].data_offset = Some((out.len() + MDAT_HEADER) as i32);
    out.clear();
    moof.encode(&mut out)?;

    out.extend_from_slice(&((payload + MDAT_HEADER) as u32).to_be_bytes());
    out.extend_from_slice(b"mdat");
    for sample in samples {
        out.extend_from_slice(&sample.data);
    }
    Ok(out.into())
}

const fn flags(sample: &Sample) -> u32 {
    if sample.sync { SYNC } else { NON_SYNC }
}

#[cfg(test)]
pub(super) mod tests {
    use mp4_atom::{Any, DecodeMaybe as _, TrunSamples};

    use super::*;

    /// A sample whose bytes tell it apart.
    pub fn sample(size: usize, duration: u32, composition_offset: i32, sync: bool) -> Sample {
        Sample {
            data: vec![size as u8; size].into(),
            duration,
            composition_offset,
            sync,
        }
    }

    fn read(part: &Bytes) -> Moof {
        let mut rest = part.as_ref();
        let Ok(Some(Any::Moof(moof))) = Any::decode_maybe(&mut rest) else {
            panic!("no moof")
        };
        let Ok(Some(Any::Mdat(_))) = Any::decode_maybe(&mut rest) else {
            panic!("no mdat")
        };
        assert!(rest.is_empty());
        moof
    }

    #[test]
    fn decode_time_and_sequence_stand_at_the_same_place_in_every_part() {
        let cases = [
            vec![sample(1, 3000, 0, true)],
            vec![
                sample(9, 3000, 6000, true),
                sample(2, 3000, -3000, false),
                sample(2, 3000, 0, false),
            ],
            vec![
                sample(9, 1, 0, false),
                sample(2, 2, 0, true),
                sample(7, 3, 0, false),
                sample(0, 3, 0, true),
            ],
        ];
        for samples in cases {
            let part = fragment(0x0102_0304_0506_0708, 0x0a0b_0c0d, &samples).unwrap();
            assert_eq!(part[SEQUENCE_OFFSET..][..4], [0x0a, 0x0b, 0x0c, 0x0d]);
            assert_eq!(part[DECODE_TIME_OFFSET..][..8], [1, 2, 3, 4, 5, 6, 7, 8]);
            let moof = read(&part);
            assert_eq!(moof.mfhd.sequence_number, 0x0a0b_0c0d);
            let [traf] = moof.traf.as_slice() else {
                panic!("one traf")
            };
            assert!(traf.tfhd.default_base_is_moof && traf.tfhd.base_data_offset.is_none());
            assert_eq!(
                traf.tfdt.as_ref().map(|tfdt| tfdt.base_media_decode_time),
                Some(0x0102_0304_0506_0708)
            );
        }
    }

    #[test]
    fn a_part_without_b_frames_states_only_sizes() {
        let samples = [sample(5, 1024, 0, true), sample(6, 1024, 0, true)];
        let moof = read(&fragment(0, 1, &samples).unwrap());
        let TrunSamples::Explicit(entries) = &moof.traf[0].trun[0].samples else {
            panic!("entries")
        };
        for (entry, size) in entries.iter().zip([5, 6]) {
            assert_eq!(
                *entry,
                TrunEntry {
                    size: Some(size),
                    ..TrunEntry::default()
                }
            );
        }
        assert_eq!(moof.traf[0].tfhd.default_sample_flags, Some(SYNC));
        assert_eq!(moof.traf[0].tfhd.default_sample_duration, Some(1024));
    }

    #[test]
    fn composition_offsets_are_signed() {
        let samples = [
            sample(5, 10, 0, true),
            sample(6, 10, 20, false),
            sample(6, 10, -10, false),
        ];
        let part = fragment(0, 1, &samples).unwrap();
        let trun = part
            .windows(4)
            .position(|window| window == b"trun")
            .expect("trun");
        assert_eq!(part[trun + 4], 1, "version 1 reads offsets as signed");
        let moof = read(&part);
        let offsets: Vec<_> = moof.traf[0].trun[0]
            .samples
            .iter()
            .map(|entry| entry.cts)
            .collect();
        assert_eq!(offsets, [Some(0), Some(20), Some(-10)]);
    }

    #[test]
    fn a_part_has_at_least_one_and_at_most_max_samples() {
        assert!(matches!(fragment(0, 1, &[]), Err(CmafError::Empty)));
        let most = vec![sample(1, 1, 0, true); MAX_SAMPLES];
        assert!(fragment(0, 1, &most).is_ok());
        let more = vec![sample(1, 1, 0, true); MAX_SAMPLES + 1];
        assert!(matches!(
            fragment(0, 1, &more),
            Err(CmafError::TooManySamples { .. })
        ));
    }

    #[test]
    fn a_part_beyond_the_byte_bound_is_refused() {
        // The same megabyte again and again: the bound is tested without holding its size.
        let data = Bytes::from(vec![0; 1 << 20]);
        let count = (MAX_FRAGMENT_BYTES >> 20) + 1;
        let samples = vec![
            Sample {
                data,
                duration: 1,
                composition_offset: 0,
                sync: true
            };
            count
        ];
        assert!(matches!(
            fragment(0, 1, &samples),
            Err(CmafError::TooLarge { .. })
        ));
    }
}
