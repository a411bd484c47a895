//! Reading where the samples of a part are: for joining, and for what comes in
//! from other writers.
//!
//! Input may be hostile: only the three boxes that matter are decoded, all
//! others are stepped over, every length is checked, and the number of samples
//! is bounded before anything grows with it.

use mp4_atom::{Atom as _, DecodeMaybe as _, FourCC, Header, Tfhd, Trun};

use super::retime::check;
use super::{CmafError, DECODE_TIME_OFFSET, MAX_FRAGMENT_BYTES, MAX_SAMPLES};

/// Where one sample is in its part, and what is said about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleInfo {
    /// Its first byte, counted from the start of the part.
    pub offset: u32,
    /// Length in bytes.
    pub size: u32,
    /// Ticks until the next sample is decoded.
    pub duration: u32,
    /// Ticks from decode to presentation.
    pub composition_offset: i32,
    /// Whether decoding can start here.
    pub sync: bool,
}

/// Set in the flags of a sample that is no sync sample.
const IS_NON_SYNC: u32 = 0x0001_0000;

struct RawBox<'a> {
    kind: FourCC,
    /// Where the box begins in the data it was cut from.
    start: usize,
    body: &'a [u8],
    /// One past its last byte.
    end: usize,
}

/// The decode time of a part written by [`fragment`](super::fragment()).
pub fn decode_time(part: &[u8]) -> Result<u64, CmafError> {
    check(part)?;
    let field = part
        .get(DECODE_TIME_OFFSET..)
        .and_then(|rest| rest.first_chunk::<8>());
    field
        .map(|bytes| u64::from_be_bytes(*bytes))
        .ok_or(CmafError::Foreign {
            expected: "tfdt of 20 bytes",
            offset: DECODE_TIME_OFFSET,
        })
}

/// The samples of a part in decode order. Boxes before `moof` (`styp`, `prft`,
/// `emsg`) are stepped over; one `traf` is expected, with offsets that count
/// from the `moof`.
pub fn read_fragment(part: &[u8]) -> Result<Vec<SampleInfo>, CmafError> {
    if part.len() > MAX_FRAGMENT_BYTES {
        return Err(CmafError::TooLarge {
            bytes: part.len(),
            max: MAX_FRAGMENT_BYTES,
        });
    }
    let moof = find(part, b"moof", "moof")?;
    let mdat = find(&part[moof.end..], b"mdat", "mdat")?;
    let payload = moof.end + mdat.end - mdat.body.len()..moof.end + mdat.end;

    let traf = find(moof.body, b"traf", "traf")?;
    if find(&moof.body[traf.end..], b"traf", "traf").is_ok() {
        return Err(CmafError::Foreign {
            expected: "a single traf",
            offset: moof.start,
        });
    }
    let mut body = find(traf.body, b"tfhd", "tfhd")?.body;
    let tfhd = Tfhd::decode_body(&mut body)?;
    if tfhd.base_data_offset.is_some() {
        // Counted from the start of a file that a part on its own does not have.
        return Err(CmafError::Foreign {
            expected: "offsets from moof",
            offset: moof.start,
        });
    }

    let mut samples = Vec::new();
    let mut position = payload.start;
    let mut at = 0;
    while let Some(next) = next_box(traf.body, at)? {
        at = next.end;
        if next.kind != Trun::KIND {
            continue;
        }
        let mut body = next.body;
        // Looked at before the box is decoded: decoding allocates per sample.
        let announced = body
            .get(4..)
            .and_then(|rest| rest.first_chunk::<4>())
            .map_or(0, |n| u32::from_be_bytes(*n));
        let count = samples.len() + announced as usize;
        if count > MAX_SAMPLES {
            return Err(CmafError::TooManySamples {
                count,
                max: MAX_SAMPLES,
            });
        }
        let trun = Trun::decode_body(&mut body)?;
        if !body.is_empty() {
            return Err(mp4_atom::Error::UnderDecode(Trun::KIND).into());
        }
        if let Some(offset) = trun.data_offset {
            let start = moof.start as i64 + i64::from(offset);
            position = usize::try_from(start).map_err(|_| outside(moof.start))?;
        }
        for entry in trun.samples.iter() {
            let missing = |expected| CmafError::Foreign {
                expected,
                offset: moof.start,
            };
            let size = entry
                .size
                .or(tfhd.default_sample_size)
                .ok_or(missing("sample sizes"))?;
            let duration = entry
                .duration
                .or(tfhd.default_sample_duration)
                .ok_or(missing("sample durations"))?;
            let offset = entry.cts.unwrap_or(0);
            let end = position
                .checked_add(size as usize)
                .ok_or(outside(position))?;
            if position < payload.start || end > payload.end {
                return Err(outside(position));
            }
            samples.push(SampleInfo {
                offset: position as u32,
                size,
                duration,
                composition_offset: i32::try_from(offset).map_err(|_| CmafError::Overflow {
                    what: "a composition offset",
                })?,
                sync: entry.flags.or(tfhd.default_sample_flags).unwrap_or(0) & IS_NON_SYNC == 0,
            });
            position = end;
        }
    }
    Ok(samples)
}

fn outside(offset: usize) -> CmafError {
    CmafError::Foreign {
        expected: "sample data inside mdat",
        offset,
    }
}

fn find<'a>(
    data: &'a [u8],
    kind: &[u8; 4],
    expected: &'static str,
) -> Result<RawBox<'a>, CmafError> {
    let mut at = 0;
    while let Some(next) = next_box(data, at)? {
        if next.kind == kind.into() {
            return Ok(next);
        }
        at = next.end;
    }
    Err(CmafError::Foreign {
        expected,
        offset: at,
    })
}

/// The box that begins at `start`; `None` at the end of `data`.
fn next_box(data: &[u8], start: usize) -> Result<Option<RawBox<'_>>, CmafError> {
    let mut rest = data.get(start..).unwrap_or_default();
    if rest.is_empty() {
        return Ok(None);
    }
    let whole = CmafError::Foreign {
        expected: "a whole box",
        offset: start,
    };
    let Some(header) = Header::decode_maybe(&mut rest)? else {
        return Err(whole);
    };
    let size = header.size.unwrap_or(rest.len());
    let Some(body) = rest.get(..size) else {
        return Err(whole);
    };
    let end = data.len() - rest.len() + size;
    Ok(Some(RawBox {
        kind: header.kind,
        start,
        body,
        end,
    }))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use mp4_atom::{Encode as _, Mfhd, Moof, Tfdt, Traf, TrunSamples};
    use proptest::prelude::*;

    use super::super::fragment::tests::sample;
    use super::super::fragment::{Sample, fragment};
    use super::*;

    fn part(samples: &[Sample]) -> Bytes {
        fragment(40, 3, samples).unwrap()
    }

    #[test]
    fn samples_read_back_as_they_were_written() {
        let cases: [&[Sample]; 5] = [
            &[sample(3, 10, 0, true)],
            &[sample(3, 10, 0, false)],
            &[
                sample(30, 10, 0, true),
                sample(20, 10, 20, false),
                sample(10, 10, -10, false),
            ],
            &[
                sample(1, 10, 5, false),
                sample(2, 20, 5, true),
                sample(0, 30, 5, false),
                sample(4, 1, 0, true),
            ],
            &[
                sample(1, 1024, 0, true),
                sample(2, 1024, 0, true),
                sample(3, 1023, 0, true),
            ],
        ];
        for samples in cases {
            let part = part(samples);
            let read = read_fragment(&part).unwrap();
            assert_eq!(read.len(), samples.len());
            for (info, sample) in read.iter().zip(samples) {
                assert_eq!(
                    &part[info.offset as usize..][..info.size as usize],
                    sample.data.as_ref()
                );
                assert_eq!(
                    (info.duration, info.composition_offset, info.sync),
                    (sample.duration, sample.composition_offset, sample.sync),
                );
            }
            assert_eq!(decode_time(&part).unwrap(), 40);
        }
    }

    #[test]
    fn boxes_before_the_moof_are_stepped_over() {
        let plain = part(&[sample(3, 10, 0, true), sample(4, 10, 0, true)]);
        let styp = b"\0\0\0\x10stypmsdh\0\0\0\0";
        let prefixed = [styp.as_slice(), &plain].concat();
        let moved: Vec<_> = read_fragment(&prefixed).unwrap();
        for (info, original) in moved.iter().zip(read_fragment(&plain).unwrap()) {
            assert_eq!(info.offset, original.offset + 16);
        }
    }

    /// A part with a hand-made `traf`, to say what our own writer never would.
    fn foreign(tfhd: Tfhd, trun: Vec<Trun>, trafs: usize) -> Vec<u8> {
        let traf = Traf {
            tfhd,
            tfdt: Some(Tfdt {
                base_media_decode_time: 0,
            }),
            trun,
            ..Traf::default()
        };
        let moof = Moof {
            mfhd: Mfhd { sequence_number: 1 },
            traf: vec![traf; trafs],
        };
        let mut out = Vec::new();
        moof.encode(&mut out).unwrap();
        out.extend_from_slice(b"\0\0\0\x10mdat12345678");
        out
    }

    fn inherited(count: u32, data_offset: Option<i32>) -> Trun {
        Trun {
            data_offset,
            samples: TrunSamples::Inherited {
                count,
                first_flags: None,
            },
        }
    }

    fn defaults(size: Option<u32>, duration: Option<u32>) -> Tfhd {
        Tfhd {
            track_id: 1,
            default_sample_size: size,
            default_sample_duration: duration,
            ..Tfhd::default()
        }
    }

    #[test]
    fn defaults_and_consecutive_runs_of_other_writers_are_read() {
        let bytes = foreign(
            defaults(Some(2), Some(5)),
            vec![inherited(1, None), inherited(3, None)],
            1,
        );
        let samples = read_fragment(&bytes).unwrap();
        let start = bytes.len() as u32 - 8;
        let offsets: Vec<_> = samples.iter().map(|info| info.offset - start).collect();
        assert_eq!(offsets, [0, 2, 4, 6]);
        assert!(samples.iter().all(|info| info.sync && info.duration == 5));
    }

    #[test]
    fn parts_that_do_not_add_up_are_refused() {
        let sized = || defaults(Some(2), Some(5));
        let based = Tfhd {
            base_data_offset: Some(0),
            ..sized()
        };
        let cases = [
            ("two tracks", foreign(sized(), vec![inherited(1, None)], 2)),
            ("no track", foreign(sized(), vec![], 0)),
            (
                "offsets from a file",
                foreign(based, vec![inherited(1, None)], 1),
            ),
            (
                "no sizes",
                foreign(defaults(None, Some(5)), vec![inherited(1, None)], 1),
            ),
            (
                "no durations",
                foreign(defaults(Some(2), None), vec![inherited(1, None)], 1),
            ),
            (
                "past the end",
                foreign(sized(), vec![inherited(5, None)], 1),
            ),
            (
                "inside the moof",
                foreign(sized(), vec![inherited(1, Some(8))], 1),
            ),
            (
                "before the part",
                foreign(sized(), vec![inherited(1, Some(-8))], 1),
            ),
            (
                "a run without end",
                foreign(
                    defaults(Some(0), Some(5)),
                    vec![inherited(u32::MAX, None)],
                    1,
                ),
            ),
            ("nothing", Vec::new()),
        ];
        for (what, bytes) in cases {
            assert!(read_fragment(&bytes).is_err(), "{what}");
        }
    }

    #[test]
    fn the_bound_on_samples_is_exact() {
        let bytes = |count| foreign(defaults(Some(0), Some(5)), vec![inherited(count, None)], 1);
        assert_eq!(
            read_fragment(&bytes(MAX_SAMPLES as u32)).unwrap().len(),
            MAX_SAMPLES
        );
        let error = read_fragment(&bytes(MAX_SAMPLES as u32 + 1)).unwrap_err();
        assert!(matches!(error, CmafError::TooManySamples { .. }));
    }

    #[test]
    fn every_truncation_is_refused() {
        let part = part(&[sample(30, 10, 0, true), sample(20, 10, 20, false)]);
        for end in 0..part.len() {
            assert!(read_fragment(&part[..end]).is_err(), "cut at {end}");
        }
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = read_fragment(&bytes);
            let _ = decode_time(&bytes);
        }

        #[test]
        fn a_mutated_part_never_panics_and_never_points_outside(
            patches in prop::collection::vec((0usize..260, any::<u8>()), 1..6),
            end in 0usize..400,
        ) {
            let samples = [sample(30, 10, 0, true), sample(20, 20, 20, false), sample(9, 10, -10, false)];
            let mut bytes = part(&samples).to_vec();
            for (at, byte) in patches {
                if let Some(target) = bytes.get_mut(at) {
                    *target = byte;
                }
            }
            bytes.truncate(end);
            for info in read_fragment(&bytes).unwrap_or_default() {
                prop_assert!(info.offset as usize + info.size as usize <= bytes.len());
            }
        }
    }
}
