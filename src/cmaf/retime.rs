//! Placing a stored part on a timeline: the decode time is raised and the
//! sequence number set, nothing else is touched.
//!
//! Only parts written by [`fragment`](super::fragment()) are accepted: at the
//! fixed offsets of any other layout stand other numbers.

use bytes::{Bytes, BytesMut};

use super::CmafError;
use super::beginning::begun;
use super::fragment::{DECODE_TIME_OFFSET, SEQUENCE_OFFSET};

/// A part placed on a timeline, in two pieces that are served one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retimed {
    /// The patched `moof`: a few hundred bytes of its own.
    pub head: Bytes,
    /// The `mdat`, shared with the stored part.
    pub tail: Bytes,
}

impl Retimed {
    /// Length of both pieces.
    pub fn len(&self) -> usize {
        self.head.len() + self.tail.len()
    }

    /// Never: a part has boxes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What stands where in the head of every part written here: four-cc's, and
/// the sizes and versions on which the offsets of what follows depend.
const LAYOUT: [(usize, &[u8], &str); 8] = [
    (4, b"moof", "moof"),
    (8, b"\0\0\0\x10mfhd", "mfhd"),
    (28, b"traf", "traf"),
    (32, b"\0\0\0\x18tfhd", "tfhd of 24 bytes"),
    (56, b"\0\0\0\x14tfdt", "tfdt of 20 bytes"),
    (64, b"\x01", "tfdt version 1"),
    (TRUN_OFFSET + 4, b"trun", "trun"),
    // Version 1: signed composition offsets.
    (TRUN_OFFSET + 8, b"\x01", "trun version 1"),
];

/// Where the only `trun` begins.
const TRUN_OFFSET: usize = DECODE_TIME_OFFSET + 8;

/// Checks that `part` is laid out as [`fragment`](super::fragment()) does it and is
/// whole; gives the length of its `moof`.
pub(super) fn check(part: &[u8]) -> Result<usize, CmafError> {
    for (offset, bytes, expected) in LAYOUT {
        if part.get(offset..offset + bytes.len()) != Some(bytes) {
            return Err(CmafError::Foreign { expected, offset });
        }
    }
    let moof = be32(part, 0).unwrap_or(0);
    let mdat = be32(part, moof).ok_or(CmafError::Foreign {
        expected: "mdat",
        offset: moof,
    })?;
    if moof < TRUN_OFFSET || part.get(moof + 4..moof + 8) != Some(b"mdat") {
        return Err(CmafError::Foreign {
            expected: "mdat",
            offset: moof,
        });
    }
    if part.len() - moof != mdat {
        return Err(CmafError::Foreign {
            expected: "the end of mdat",
            offset: moof.saturating_add(mdat),
        });
    }
    Ok(moof)
}

fn be32(part: &[u8], offset: usize) -> Option<usize> {
    let bytes = part.get(offset..)?.first_chunk::<4>()?;
    usize::try_from(u32::from_be_bytes(*bytes)).ok()
}

/// The part with its decode time raised by `add_decode_time` and its sequence
/// number set, without copying the media.
pub fn retimed(part: &Bytes, add_decode_time: u64, sequence: u32) -> Result<Retimed, CmafError> {
    let moof = check(part)?;
    let mut head = BytesMut::from(&part[..moof]);
    let time = super::decode_time(part)?;
    let time = time
        .checked_add(add_decode_time)
        .ok_or(CmafError::Overflow {
            what: "the decode time",
        })?;
    head[SEQUENCE_OFFSET..SEQUENCE_OFFSET + 4].copy_from_slice(&sequence.to_be_bytes());
    head[DECODE_TIME_OFFSET..DECODE_TIME_OFFSET + 8].copy_from_slice(&time.to_be_bytes());
    Ok(Retimed {
        head: head.freeze(),
        tail: part.slice(moof..),
    })
}

/// No part is shorter, in ticks of its track: a frame of video at 60 frames a
/// second or of AAC is longer.
const SHORTEST_PART_TICKS: u64 = 512;

/// The part of a chunk (its decode time counted from the chunk's start) moved to
/// where the chunk begins at `start`. The sequence number is made of the decode
/// time alone: it rises along the track, and the same place has the same bytes.
///
/// A track of pictures begins with the part at 0: its first picture is decoded
/// when it is shown, where there are B-frames to make a difference.
pub fn placed(part: &Bytes, start: u64) -> Result<Retimed, CmafError> {
    let local = super::decode_time(part)?;
    if start == 0
        && local == 0
        && let Some(begun) = begun(part)?
    {
        return Ok(begun);
    }
    let time = start.checked_add(local).ok_or(CmafError::Overflow {
        what: "the decode time",
    })?;
    let sequence = u32::try_from(time / SHORTEST_PART_TICKS + 1).unwrap_or(u32::MAX);
    retimed(part, start, sequence)
}

/// Undoes [`placed`]: a part that was moved to where its chunk begins at `start` is
/// counted from the chunk's start again. `start` must not be 0, where more was changed.
/// The sequence number becomes 1: wherever the part is placed next, it is set anew.
pub fn unplace(part: &mut [u8], start: u64) -> Result<(), CmafError> {
    let placed = super::decode_time(part)?;
    let local = placed.checked_sub(start).filter(|_| start > 0);
    let local = local.ok_or(CmafError::Overflow {
        what: "the decode time, counted from the chunk's start,",
    })?;
    part[SEQUENCE_OFFSET..SEQUENCE_OFFSET + 4].copy_from_slice(&1_u32.to_be_bytes());
    part[DECODE_TIME_OFFSET..DECODE_TIME_OFFSET + 8].copy_from_slice(&local.to_be_bytes());
    Ok(())
}

/// As [`retimed`], in one piece: copies the media.
pub fn retime(part: &Bytes, add_decode_time: u64, sequence: u32) -> Result<Bytes, CmafError> {
    let Retimed { head, tail } = retimed(part, add_decode_time, sequence)?;
    let mut whole = BytesMut::with_capacity(head.len() + tail.len());
    whole.extend_from_slice(&head);
    whole.extend_from_slice(&tail);
    Ok(whole.freeze())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fragment::fragment;
    use super::super::fragment::tests::sample;
    use super::*;

    fn part() -> Bytes {
        let samples = [
            sample(30, 3000, 0, true),
            sample(20, 3000, 3000, false),
            sample(10, 3000, -3000, false),
        ];
        fragment(9000, 7, &samples).unwrap()
    }

    #[test]
    fn a_moved_part_is_the_part_written_there_at_once() {
        let samples = [
            sample(30, 3000, 0, true),
            sample(20, 3000, 3000, false),
            sample(10, 3000, -3000, false),
        ];
        let there = fragment(9000 + (1 << 40), 12, &samples).unwrap();
        assert_eq!(retime(&part(), 1 << 40, 12).unwrap(), there);
    }

    #[test]
    fn the_media_is_shared_not_copied() {
        let part = part();
        let Retimed { head, tail } = retimed(&part, 1, 2).unwrap();
        assert_eq!(tail.as_ptr(), part[head.len()..].as_ptr());
        assert_eq!(head.len() + tail.len(), part.len());
        assert_eq!(&tail[4..8], b"mdat");
    }

    #[test]
    fn a_part_from_one_place_can_be_placed_at_any_other() {
        let whole = |Retimed { head, tail }| [head, tail].concat();
        let first = fragment(
            0,
            3,
            &[sample(30, 3000, 3000, true), sample(9, 3000, 0, false)],
        );
        for part in [part(), first.unwrap()] {
            let mut moved = whole(placed(&part, 77).unwrap());
            unplace(&mut moved, 77).unwrap();
            let moved = Bytes::from(moved);
            for start in [0, 1, 77, 1 << 40] {
                let expected = whole(placed(&part, start).unwrap());
                assert_eq!(whole(placed(&moved, start).unwrap()), expected, "{start}");
            }
        }
        let mut early = whole(placed(&part(), 77).unwrap());
        assert!(unplace(&mut early, 9_078).is_err());
        assert!(unplace(&mut early, 0).is_err());
        assert!(unplace(&mut [0; 90], 1).is_err());
    }

    #[test]
    fn a_decode_time_past_64_bits_is_refused() {
        assert!(matches!(
            retime(&part(), u64::MAX, 1),
            Err(CmafError::Overflow { .. })
        ));
        assert!(retime(&part(), u64::MAX - 9000, 1).is_ok());
    }

    #[test]
    fn every_truncation_and_every_extension_is_refused() {
        let part = part();
        for end in 0..part.len() {
            assert!(retime(&part.slice(..end), 0, 1).is_err(), "cut at {end}");
        }
        let longer = [part.as_ref(), b"x"].concat();
        assert!(retime(&longer.into(), 0, 1).is_err());
    }

    #[test]
    fn a_part_of_another_layout_is_refused() {
        for (offset, bytes, expected) in LAYOUT {
            for at in offset..offset + bytes.len() {
                let mut foreign = part().to_vec();
                foreign[at] ^= 0x40;
                let error = retime(&foreign.into(), 0, 1).unwrap_err();
                assert!(error.to_string().contains(expected), "{at}: {error}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            patches in prop::collection::vec((0usize..200, any::<u8>()), 0..8),
            end in 0usize..300,
            random in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut mutated = part().to_vec();
            for (at, byte) in patches {
                if let Some(target) = mutated.get_mut(at) {
                    *target = byte;
                }
            }
            mutated.truncate(end);
            let _ = retime(&mutated.into(), 5, 5);
            let _ = retime(&random.into(), 5, 5);
        }
    }
}
