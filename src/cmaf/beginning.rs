//! The first part of a track of pictures.
//!
//! With B-frames, pictures are shown a constant delay after they are decoded, and a
//! track begins when its first one is shown. Readers agree on that moment if they
//! count by times of showing; hls.js (1.7) counts by the decode time of the first
//! sample, and so would begin with a hole as long as the delay. Here the first
//! picture is decoded when it is shown, and the few after it catch up.

use bytes::Bytes;

use super::fragment::{Sample, fragment};
use super::read::{SampleInfo, read_fragment};
use super::retime::{Retimed, check};
use super::{CmafError, decode_time};

/// `part`, which a track begins with, with its first sample decoded when it is shown.
/// `None` if it is so already, or too short for the others to catch up.
pub(super) fn begun(part: &Bytes) -> Result<Option<Retimed>, CmafError> {
    let infos = read_fragment(part)?;
    let Some(timing) = caught_up(&infos) else {
        return Ok(None);
    };
    let samples = infos.iter().zip(timing.samples);
    let samples: Vec<Sample> = samples
        .map(|(info, (duration, composition_offset))| {
            let from = info.offset as usize;
            Sample {
                data: part.slice(from..from + info.size as usize),
                duration,
                composition_offset,
                sync: info.sync,
            }
        })
        .collect();
    let start = decode_time(part)? + u64::from(timing.delay);
    let whole = fragment(start, 1, &samples)?;
    let moof = check(&whole)?;
    Ok(Some(Retimed {
        head: whole.slice(..moof),
        tail: whole.slice(moof..),
    }))
}

/// When samples are decoded, now that the first is not early.
struct Timing {
    /// How much later the first is decoded.
    delay: u32,
    /// Duration and composition offset of each.
    samples: Vec<(u32, i32)>,
}

/// The samples that would be decoded before the first is shown share the time from
/// then until the next one is. All are shown when they were.
fn caught_up(infos: &[SampleInfo]) -> Option<Timing> {
    let delay = u32::try_from(infos.first()?.composition_offset).ok()?;
    if delay == 0 {
        return None;
    }
    let starts: Vec<i64> = infos
        .iter()
        .scan(0, |time, info| {
            let start = *time;
            *time += i64::from(info.duration);
            Some(start)
        })
        .collect();
    let end = starts.last()? + i64::from(infos.last()?.duration);
    let late = starts.partition_point(|start| *start <= i64::from(delay));
    // The first that keeps its time, or what comes after the part.
    let next = starts.get(late).copied().unwrap_or(end);
    let share = |index: usize| {
        let room = next - i64::from(delay);
        i64::from(delay) + room * index as i64 / late as i64
    };
    let decoded = |index: usize| match index {
        index if index < late => share(index),
        index => starts.get(index).copied().unwrap_or(end),
    };
    let samples = infos.iter().zip(&starts).enumerate();
    let timed = samples.map(|(index, (info, start))| {
        let duration = u32::try_from(decoded(index + 1) - decoded(index)).ok()?;
        let shown = start + i64::from(info.composition_offset);
        let offset = i32::try_from(shown - decoded(index)).ok()?;
        // Nothing is decoded at the moment of another, or after it is shown.
        (duration > 0 && offset >= 0).then_some((duration, offset))
    });
    Some(Timing {
        delay,
        samples: timed.collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::fragment::tests::sample;
    use super::super::{placed, retime};
    use super::*;

    /// Pictures of 30 ticks, by the order in which they are shown, decoded two early.
    fn pictures(shown: &[i32]) -> Bytes {
        let sample = |(decoded, shown): (usize, &i32)| {
            let offset = (shown + 2 - decoded as i32) * 30;
            sample(10 + decoded, 30, offset, decoded == 0)
        };
        let samples: Vec<Sample> = shown.iter().enumerate().map(sample).collect();
        fragment(0, 9, &samples).expect("a part")
    }

    /// When each sample is decoded and shown.
    fn times(part: &Retimed) -> Vec<(i64, i64)> {
        let whole = Bytes::from([part.head.clone(), part.tail.clone()].concat());
        let mut time = decode_time(&whole).expect("a part") as i64;
        let infos = read_fragment(&whole).expect("a part");
        let at = |info: &SampleInfo| {
            let at = (time, time + i64::from(info.composition_offset));
            time += i64::from(info.duration);
            at
        };
        infos.iter().map(at).collect()
    }

    #[test]
    fn the_first_picture_is_decoded_when_it_is_shown_and_the_others_catch_up() {
        let part = placed(&pictures(&[0, 4, 2, 1, 3, 5]), 0).expect("placed");
        let expected = [
            (60, 60),
            (70, 180),
            (80, 120),
            (90, 90),
            (120, 150),
            (150, 210),
        ];
        assert_eq!(times(&part), expected);
    }

    #[test]
    fn the_media_stays_as_it_was() {
        let part = pictures(&[0, 4, 2, 1, 3]);
        let moof = check(&part).expect("a part");
        let begun = placed(&part, 0).expect("placed");
        assert_eq!(begun.tail, part.slice(moof..));
    }

    #[test]
    fn a_part_that_ends_when_all_have_caught_up_is_enough_a_shorter_one_is_left() {
        let enough = placed(&pictures(&[0, 2, 1]), 0).expect("placed");
        assert_eq!(times(&enough), [(60, 60), (70, 120), (80, 90)]);
        for short in [&[0, 1][..], &[0]] {
            let part = pictures(short);
            let left = placed(&part, 0).expect("placed");
            let whole = [left.head, left.tail].concat();
            assert_eq!(whole, retime(&part, 0, 1).expect("a part"), "{short:?}");
        }
    }

    #[test]
    fn only_the_first_part_of_the_first_chunk_begins_a_track() {
        let regular = |at: i64| [(at, at + 60), (at + 30, at + 120), (at + 60, at + 90)];
        let later = placed(&pictures(&[0, 2, 1]), 90).expect("placed");
        assert_eq!(times(&later), regular(90));
        let second = retime(&pictures(&[0, 2, 1]), 90, 1).expect("a part");
        assert_eq!(times(&placed(&second, 0).expect("placed")), regular(90));
    }

    #[test]
    fn what_is_shown_as_it_is_decoded_stays() {
        let samples = [sample(5, 30, 0, true), sample(6, 30, 0, false)];
        let part = fragment(0, 1, &samples).expect("a part");
        let left = placed(&part, 0).expect("placed");
        assert_eq!([left.head, left.tail].concat(), part);
    }
}
