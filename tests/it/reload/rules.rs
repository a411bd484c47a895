//! What must be true of a playlist, and of one and a later one of the same address
//! (rfc8216bis, 4.4, 6.2 and appendix B).

use super::read::{Part, Playlist};

/// A rule for a playlist by itself.
pub type Rule = fn(&Playlist);

/// A rule for a playlist and a later one.
pub type Succession = fn(&Playlist, &Playlist);

/// What must be true of every playlist of low-latency HLS.
pub const RULES: [Rule; 9] = [
    no_segment_is_longer_than_the_target,
    parts_keep_to_their_target,
    parts_are_as_long_as_their_segment,
    only_segments_near_the_end_have_parts,
    promises_are_as_the_standard_wants_them,
    a_playlist_that_slides_is_three_targets_long,
    a_break_states_its_init_segment_and_date,
    an_init_segment_changes_at_a_break_only,
    a_hint_is_the_part_that_comes_next,
];

/// What must be true of every playlist of legacy LHLS.
pub const LEGACY_RULES: [Rule; 5] = [
    no_segment_is_longer_than_the_target,
    a_playlist_that_slides_is_three_targets_long,
    a_break_states_its_init_segment_and_date,
    an_init_segment_changes_at_a_break_only,
    the_next_two_segments_are_announced,
];

/// What must be true of every playlist and each later one.
pub const SUCCESSIONS: [Succession; 7] = [
    promises_stay,
    numbers_only_rise,
    segments_stay_as_they_are,
    segments_leave_at_the_beginning_and_come_at_the_end,
    discontinuities_that_leave_are_counted,
    parts_stay_as_they_are,
    reports_only_rise,
];

/// The same for legacy LHLS, beside [`SUCCESSIONS`].
pub const LEGACY_SUCCESSIONS: [Succession; 1] = [what_was_announced_is_listed_in_its_place];

/// What the next playlist must be after one that was asked for with its hint in mind.
pub fn what_was_hinted_at_is_listed(before: &Playlist, after: &Playlist) {
    let Some(hint) = &before.hint else { return };
    if after.next() == before.next() && after.open.parts.len() == before.open.parts.len() {
        return;
    }
    let parts = after.parts(before.next());
    let listed = parts.iter().any(|part| part.uri == *hint);
    // That a segment ends where a part does is known when the next one begins.
    let over = after.next() > before.next() && parts.len() == before.open.parts.len();
    // Its parts may not be listed any more.
    let told = !parts.is_empty();
    assert!(
        listed || over || !told,
        "{hint}: {}\n{}",
        before.text,
        after.text
    );
}

fn no_segment_is_longer_than_the_target(playlist: &Playlist) {
    for segment in &playlist.segments {
        let rounded = (segment.duration + 500_000) / 1_000_000;
        assert!(
            rounded <= playlist.target_s,
            "{}: {}",
            segment.uri,
            playlist.text
        );
    }
}

/// None is longer; and shorter, by more than 15 %, only one that is the last of its
/// segment, or before a gap, or independent, or a gap.
fn parts_keep_to_their_target(playlist: &Playlist) {
    let target = playlist.part_target.expect("it has parts");
    let may_be_short = |part: &Part, next: Option<&Part>, last: bool| {
        last || part.independent || part.gap || next.is_some_and(|next| next.gap)
    };
    let whole = playlist.segments.iter().map(|segment| (segment, true));
    for (segment, whole) in whole.chain([(&playlist.open, false)]) {
        for (index, part) in segment.parts.iter().enumerate() {
            assert!(part.duration <= target, "{}: {}", part.uri, playlist.text);
            let next = segment.parts.get(index + 1);
            // The last of an open segment may turn out to be its last of all.
            let last = next.is_none();
            let short = part.duration * 100 < target * 85;
            let allowed = may_be_short(part, next, last);
            assert!(
                !short || allowed,
                "{} ({whole}): {}",
                part.uri,
                playlist.text
            );
        }
    }
}

fn parts_are_as_long_as_their_segment(playlist: &Playlist) {
    for segment in playlist
        .segments
        .iter()
        .filter(|segment| !segment.parts.is_empty())
    {
        let sum: u64 = segment.parts.iter().map(|part| part.duration).sum();
        // Each is rounded to what can be written.
        let off = sum.abs_diff(segment.duration);
        assert!(
            off <= 10 + segment.parts.len() as u64,
            "{}: {}",
            segment.uri,
            playlist.text
        );
        let gaps = segment.parts.iter().filter(|part| part.gap).count();
        let all = if segment.gap { segment.parts.len() } else { 0 };
        assert_eq!(gaps, all, "{}: {}", segment.uri, playlist.text);
    }
}

fn only_segments_near_the_end_have_parts(playlist: &Playlist) {
    let reach = 3 * playlist.target_s * 1_000_000;
    let mut after: u64 = playlist.open.parts.iter().map(|part| part.duration).sum();
    for segment in playlist.segments.iter().rev() {
        assert_eq!(
            segment.parts.is_empty(),
            after > reach,
            "{}: {}",
            segment.uri,
            playlist.text
        );
        after += segment.duration;
    }
}

fn promises_are_as_the_standard_wants_them(playlist: &Playlist) {
    let target = playlist.target_s * 1_000_000;
    let part_target = playlist.part_target.expect("it has parts");
    let least = |name: &str, least: u64| {
        let promise = playlist.promise(name);
        assert!(promise >= Some(least), "{name}: {}", playlist.text);
    };
    least("PART-HOLD-BACK", 3 * part_target);
    least("HOLD-BACK", 3 * target);
    let blocks = playlist.control.contains("CAN-BLOCK-RELOAD=YES");
    assert_eq!(blocks, !playlist.ended, "{}", playlist.text);
    match playlist.ended {
        true => assert_eq!(playlist.promise("CAN-SKIP-UNTIL"), None),
        false => least("CAN-SKIP-UNTIL", 6 * target),
    }
}

fn a_playlist_that_slides_is_three_targets_long(playlist: &Playlist) {
    let slides = playlist.sequence > 1 && playlist.skipped == 0;
    let whole: u64 = playlist
        .segments
        .iter()
        .map(|segment| segment.duration)
        .sum();
    let least = 3 * playlist.target_s * 1_000_000;
    assert!(!slides || whole >= least, "{}", playlist.text);
}

fn a_break_states_its_init_segment_and_date(playlist: &Playlist) {
    for segment in playlist.segments.iter().chain([&playlist.open]) {
        let stated = segment.states_map && segment.date.is_some();
        assert!(
            !segment.discontinuity || stated,
            "{}: {}",
            segment.uri,
            playlist.text
        );
        let empty = segment.uri.is_empty() && segment.parts.is_empty();
        assert!(
            segment.date.is_some() || empty,
            "{}: {}",
            segment.uri,
            playlist.text
        );
    }
}

fn an_init_segment_changes_at_a_break_only(playlist: &Playlist) {
    let all = playlist.segments.iter().chain([&playlist.open]);
    let all: Vec<_> = all.collect();
    for pair in all.windows(2) {
        let changes = pair[0].map != pair[1].map;
        assert!(
            !changes || pair[1].discontinuity,
            "{}: {}",
            pair[1].uri,
            playlist.text
        );
        assert!(!pair[0].map.is_empty(), "{}", playlist.text);
    }
}

fn a_hint_is_the_part_that_comes_next(playlist: &Playlist) {
    let hint = match (&playlist.hint, playlist.ended) {
        (Some(hint), false) => hint,
        (None, true) => return,
        _ => panic!(
            "a hint as long as it goes on, none at its end: {}",
            playlist.text
        ),
    };
    let next = format!("/{}.{}.m4s", playlist.next(), playlist.open.parts.len());
    assert!(hint.ends_with(&next), "{hint}: {}", playlist.text);
}

fn the_next_two_segments_are_announced(playlist: &Playlist) {
    let announced = if playlist.ended { 0 } else { 2 };
    assert_eq!(playlist.prefetch.len(), announced, "{}", playlist.text);
    for (number, prefetch) in (playlist.next()..).zip(&playlist.prefetch) {
        let name = format!("/{number}.lhls.m4s");
        assert!(prefetch.uri.ends_with(&name), "{}", playlist.text);
    }
}

fn promises_stay(before: &Playlist, after: &Playlist) {
    let fixed = |playlist: &Playlist| {
        let promises = ["PART-HOLD-BACK", "HOLD-BACK", "CAN-SKIP-UNTIL"];
        // Once it has ended nothing is skipped.
        let kept = promises[..if before.ended || after.ended { 2 } else { 3 }].iter();
        let promises: Vec<_> = kept.map(|name| playlist.promise(name)).collect();
        (playlist.target_s, playlist.part_target, promises)
    };
    assert_eq!(fixed(before), fixed(after));
}

fn numbers_only_rise(before: &Playlist, after: &Playlist) {
    let numbers = |playlist: &Playlist| (playlist.sequence, playlist.discontinuity_sequence);
    let (before_at, after_at) = (numbers(before), numbers(after));
    let rise = before_at.0 <= after_at.0 && before_at.1 <= after_at.1;
    assert!(rise, "{before_at:?} to {after_at:?}");
    let reached = |playlist: &Playlist| (playlist.next(), playlist.open.parts.len());
    assert!(
        reached(before) <= reached(after),
        "{}\n{}",
        before.text,
        after.text
    );
}

fn segments_stay_as_they_are(before: &Playlist, after: &Playlist) {
    for (number, segment) in before.numbered() {
        let Some(later) = after.segment(number) else {
            continue;
        };
        let what = |segment: &super::read::Segment| {
            let address = (segment.uri.clone(), segment.map.clone());
            let flags = (segment.gap, segment.discontinuity);
            (address, flags, segment.duration, segment.date.clone())
        };
        assert_eq!(
            what(segment),
            what(later),
            "{number}: {}\n{}",
            before.text,
            after.text
        );
    }
}

fn segments_leave_at_the_beginning_and_come_at_the_end(before: &Playlist, after: &Playlist) {
    assert!(
        after.next() >= before.next(),
        "{}\n{}",
        before.text,
        after.text
    );
    // Numbers count; that none is left out is seen by those of their addresses.
    for (number, segment) in after.numbered() {
        let name = segment.uri.rsplit('/').next().unwrap_or_default();
        let own = name.split('.').next().and_then(|name| name.parse().ok());
        assert_eq!(own, Some(number), "{}", after.text);
    }
}

fn discontinuities_that_leave_are_counted(before: &Playlist, after: &Playlist) {
    if before.skipped > 0 || after.sequence > before.next() {
        return;
    }
    let gone = before
        .numbered()
        .filter(|(number, _)| *number < after.sequence);
    let breaks = gone.filter(|(_, segment)| segment.discontinuity).count() as u64;
    let counted = after.discontinuity_sequence - before.discontinuity_sequence;
    assert_eq!(counted, breaks, "{}\n{}", before.text, after.text);
}

fn parts_stay_as_they_are(before: &Playlist, after: &Playlist) {
    let numbers = before.sequence + before.skipped..=before.next();
    for number in numbers {
        let (earlier, later) = (before.parts(number), after.parts(number));
        // Far from the end they are not told of any more.
        if later.is_empty() {
            let over = after.next() > number;
            assert!(
                over || earlier.is_empty(),
                "{}\n{}",
                before.text,
                after.text
            );
            continue;
        }
        // Of the first of an open segment it may be left out that it is independent.
        let as_far = |parts: &[Part]| -> Vec<Part> {
            let told = parts.iter().map(|part| Part {
                independent: false,
                ..part.clone()
            });
            told.collect()
        };
        let known = later.get(..earlier.len()).map(as_far);
        assert_eq!(
            known,
            Some(as_far(earlier)),
            "{number}: {}\n{}",
            before.text,
            after.text
        );
        let grown = number < before.next() && later.len() > earlier.len() && !earlier.is_empty();
        assert!(
            !grown,
            "{number} was finished: {}\n{}",
            before.text, after.text
        );
    }
}

fn reports_only_rise(before: &Playlist, after: &Playlist) {
    for report in &before.reports {
        let mut later = after.reports.iter().filter(|later| later.uri == report.uri);
        let later = later.next().map(|later| later.last);
        let rises = later >= Some(report.last);
        assert!(rises || after.ended, "{}\n{}", before.text, after.text);
    }
}

fn what_was_announced_is_listed_in_its_place(before: &Playlist, after: &Playlist) {
    for (number, prefetch) in (before.next()..).zip(&before.prefetch) {
        if let Some(segment) = after.segment(number) {
            assert_eq!(segment.uri, prefetch.uri);
            let announced = prefetch.discontinuity;
            assert!(
                !announced || segment.discontinuity,
                "{}\n{}",
                before.text,
                after.text
            );
        }
    }
}
