use proptest::prelude::*;

use super::*;
use crate::channel::definition::Item;

/// Of `seconds` tenths, with segments that begin at these tenths.
fn length(duration: i64, segments: &[i64], encoding: usize) -> Length {
    Length {
        duration: tenths(duration),
        segments: segments.iter().map(|start| tenths(*start)).collect(),
        encoding,
    }
}

const fn tenths(count: i64) -> Time {
    Time::from_millis(count * 100)
}

/// 5 s of the first encoding, 3 s of the second, 4 s of the first.
fn three() -> Vec<Length> {
    vec![
        length(50, &[0, 20, 40], 0),
        length(30, &[0, 20], 1),
        length(40, &[0, 20], 0),
    ]
}

fn scheduled(items: &[(u64, usize)], filler: usize) -> Programme {
    let items = items.iter();
    let items = items.map(|(tenths, entry)| Item {
        at_unix_ms: 1_000_000 + tenths * 100,
        entry: *entry,
    });
    let schedule = Schedule {
        items: items.collect(),
        filler,
    };
    Programme::new(UnixMillis(1_000_000), three(), Some(&schedule))
}

/// Entry, segment, start and end in tenths, and whether the encoding changes.
fn told(slot: &Slot) -> (usize, usize, i64, i64, bool) {
    let tenth = tenths(1).flicks();
    let tenths = |time: Time| {
        assert_eq!(time.flicks() % tenth, 0, "{time}");
        time.flicks() / tenth
    };
    (
        slot.entry,
        slot.segment,
        tenths(slot.start),
        tenths(slot.end),
        slot.discontinuity,
    )
}

fn first(programme: &Programme, count: u64) -> Vec<(usize, usize, i64, i64, bool)> {
    let numbers = FIRST_NUMBER..FIRST_NUMBER + count;
    numbers
        .map(|number| told(&programme.slot(number)))
        .collect()
}

#[test]
fn a_loop_plays_its_videos_in_order_and_begins_again() {
    let programme = Programme::new(UnixMillis(7), three(), None);
    assert_eq!(
        first(&programme, 10),
        [
            (0, 0, 0, 20, false),
            (0, 1, 20, 40, false),
            (0, 2, 40, 50, false),
            (1, 0, 50, 70, true),
            (1, 1, 70, 80, false),
            (2, 0, 80, 100, true),
            (2, 1, 100, 120, false),
            (0, 0, 120, 140, false),
            (0, 1, 140, 160, false),
            (0, 2, 160, 170, false),
        ]
    );
    // A hundred years later as well: 262 980 000 rounds of 12 s and of seven segments.
    let rounds = 262_980_000;
    let later = programme.on(Time::from_seconds(12 * rounds) + tenths(75));
    assert_eq!((later.entry, later.segment), (1, 1));
    assert_eq!(later.number, FIRST_NUMBER + 7 * rounds as u64 + 4);
    assert_eq!(later.discontinuities, 2 * rounds as u64 + 1);
    assert_eq!(programme.slot(later.number), later);
}

#[test]
fn one_video_in_a_loop_has_no_seam_where_anything_changes() {
    let programme = Programme::new(UnixMillis(7), vec![length(20, &[0], 0)], None);
    let later = programme.on(Time::from_seconds(2_000));
    assert_eq!((later.number, later.discontinuities), (1_001, 0));
    assert!(!later.discontinuity);
}

#[test]
fn a_schedule_begins_its_items_when_it_says_and_fills_what_is_between() {
    // The filler is the 3 s video; at 4 s the 5 s one, at 9.5 s the 4 s one.
    let programme = scheduled(&[(40, 0), (95, 2)], 1);
    assert_eq!(
        first(&programme, 12),
        [
            (1, 0, 0, 20, false),
            (1, 1, 20, 30, false),
            (1, 0, 30, 40, false),
            (0, 0, 40, 60, true),
            (0, 1, 60, 80, false),
            (0, 2, 80, 90, false),
            // Half a second of it.
            (1, 0, 90, 95, true),
            (2, 0, 95, 115, true),
            (2, 1, 115, 135, false),
            // And for ever.
            (1, 0, 135, 155, true),
            (1, 1, 155, 165, false),
            (1, 0, 165, 185, false),
        ]
    );
}

#[test]
fn what_is_too_long_for_its_time_is_cut_and_leaves_no_splinter() {
    // The 5 s video is cut after 2.4 s: less than half a second is no segment.
    let programme = scheduled(&[(0, 0), (24, 2)], 1);
    assert_eq!(
        first(&programme, 3),
        [
            (0, 0, 0, 24, false),
            (2, 0, 24, 44, false),
            (2, 1, 44, 64, false)
        ]
    );
    let programme = scheduled(&[(0, 0), (25, 2)], 1);
    assert_eq!(
        first(&programme, 3),
        [
            (0, 0, 0, 20, false),
            (0, 1, 20, 25, false),
            (2, 0, 25, 45, false)
        ]
    );
}

#[test]
fn time_that_is_too_short_to_fill_is_left_out() {
    // 5 s, then 50 ms of nothing; and 3.05 s, of which the filler takes 3 s.
    let at = |ms: u64, entry| Item {
        at_unix_ms: ms,
        entry,
    };
    let schedule = Schedule {
        items: vec![at(0, 0), at(5_050, 0), at(13_100, 0)],
        filler: 1,
    };
    let programme = Programme::new(UnixMillis(0), three(), Some(&schedule));
    let ms = |time: Time| time.flicks() / Time::from_millis(1).flicks();
    let slots = (1..=9).map(|number| programme.slot(number));
    let times: Vec<_> = slots
        .map(|slot| (slot.entry, ms(slot.start), ms(slot.end)))
        .collect();
    assert_eq!(
        times,
        [
            (0, 0, 2_000),
            (0, 2_000, 4_000),
            (0, 4_000, 5_000),
            (0, 5_050, 7_050),
            (0, 7_050, 9_050),
            (0, 9_050, 10_050),
            (1, 10_050, 12_050),
            (1, 12_050, 13_050),
            (0, 13_100, 15_100),
        ]
    );
    // In the hole the one before is told of, and what comes next is the one after.
    assert_eq!(programme.on(Time::from_millis(5_020)).number, 3);
    assert_eq!(programme.from(Time::from_millis(5_020)).number, 4);
}

#[test]
fn a_schedule_whose_items_are_past_began_with_them() {
    let schedule = Schedule {
        items: vec![Item {
            at_unix_ms: 500_000,
            entry: 0,
        }],
        filler: 1,
    };
    let programme = Programme::new(UnixMillis(1_000_000), three(), Some(&schedule));
    assert_eq!(programme.origin(), UnixMillis(500_000));
    assert_eq!(told(&programme.slot(1)), (0, 0, 0, 20, false));
}

proptest! {
    #[test]
    fn segments_follow_one_another_and_are_found_by_time_and_by_number(
        gaps in prop::collection::vec((10_u64..400, 0_usize..3), 0..6),
        filler in 0_usize..3,
    ) {
        let mut at = 0;
        let items: Vec<_> = gaps.iter().map(|(gap, entry)| {
            at += gap;
            (at, *entry)
        }).collect();
        let programme = match items.is_empty() {
            true => Programme::new(UnixMillis(1_000_000), three(), None),
            false => scheduled(&items, filler),
        };
        let mut before: Option<Slot> = None;
        for number in FIRST_NUMBER..FIRST_NUMBER + 120 {
            let slot = programme.slot(number);
            prop_assert_eq!(slot.number, number);
            prop_assert!(slot.start < slot.end);
            prop_assert!(slot.end - slot.start <= Time::from_millis(3_500));
            prop_assert_eq!(&programme.on(slot.start), &slot);
            prop_assert_eq!(&programme.on(slot.end - Time::from_flicks(1)), &slot);
            prop_assert_eq!(&programme.from(slot.start), &slot);
            if let Some(before) = before {
                prop_assert!(slot.start >= before.end);
                prop_assert!(slot.start - before.end < LEAST_AIRING);
                let gone = before.discontinuities + u64::from(before.discontinuity);
                prop_assert_eq!(slot.discontinuities, gone);
                let changed = three()[slot.entry].encoding != three()[before.entry].encoding;
                prop_assert_eq!(slot.discontinuity, changed);
                let from = programme.from(before.start + Time::from_flicks(1));
                prop_assert_eq!(&from, &slot);
            }
            before = Some(slot);
        }
        // Every item begins when it is to.
        for (at, entry) in items {
            let slot = programme.on(tenths(at as i64));
            prop_assert_eq!((slot.entry, slot.start), (entry, tenths(at as i64)));
        }
    }
}

#[test]
fn a_loop_of_so_many_rounds_is_the_endless_one_up_to_its_last_segment() {
    let endless = Programme::new(UnixMillis(5), three(), None);
    assert_eq!(endless.last(), None);
    for rounds in [1, 2, 77] {
        let ends = Programme::of_rounds(UnixMillis(5), three(), rounds);
        let last = FIRST_NUMBER + 7 * u64::from(rounds) - 1;
        assert_eq!(ends.last(), Some(last));
        for number in FIRST_NUMBER..=last {
            assert_eq!(ends.slot(number), endless.slot(number), "{number}");
        }
        // When it is over, the last is what was on.
        let end = ends.slot(last).end;
        assert_eq!(end, tenths(120 * i64::from(rounds)));
        assert_eq!(ends.on(end + tenths(50)).number, last);
    }
}
