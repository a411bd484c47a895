use super::*;

fn window(window_ms: u64) -> Window {
    Window::new(WindowConfig {
        prefix: "/live/show/e1/video".into(),
        target_duration_s: 2,
        part: PartTarget::new(500).expect("allowed"),
        any_part: false,
        gap_ms: 2000,
        window_ms,
    })
}

fn map() -> Uri {
    Uri::new("/live/show/e1/video.1.mp4").expect("clean")
}

fn opening(decode_time: u64, discontinuity: bool) -> Opening {
    Opening {
        clock: NonZeroU32::new(1000).expect("not zero"),
        decode_time,
        map: map(),
        taken: UnixMillis(0),
        discontinuity,
    }
}

fn part() -> PartMeta {
    PartMeta {
        bytes: 9,
        ticks: 500,
        independent: false,
    }
}

/// Segments of two seconds.
fn add(window: &mut Window, count: u64, discontinuity: bool) {
    for index in 0..count {
        let first = discontinuity && index == 0;
        let number = window.open(opening(0, first));
        assert_eq!(window.current(), number);
        (0..4).for_each(|_| window.part(part()));
        window.close(2000);
    }
}

fn sequence(window: &Window) -> (u64, usize, u64) {
    let playlist = window.playlist(Listing::LowLatency).expect("clean");
    let (first, gone) = (playlist.media_sequence, playlist.discontinuity_sequence);
    (first, playlist.segments.len(), gone)
}

#[test]
fn the_window_slides_and_numbers_only_rise() {
    let mut window = window(10_000);
    assert_eq!(sequence(&window), (1, 0, 0));
    add(&mut window, 5, false);
    assert_eq!(sequence(&window), (1, 5, 0));
    add(&mut window, 5, false);
    assert_eq!(sequence(&window), (6, 5, 0));
    assert!(window.place(6).is_some());
}

#[test]
fn a_playlist_keeps_three_target_durations_however_short_the_window() {
    let mut window = window(0);
    add(&mut window, 9, false);
    assert_eq!(sequence(&window), (7, 3, 0));
}

#[test]
fn a_discontinuity_is_counted_when_it_leaves() {
    let mut window = window(0);
    add(&mut window, 2, false);
    add(&mut window, 3, true);
    assert_eq!(sequence(&window), (3, 3, 0));
    add(&mut window, 1, false);
    assert_eq!(sequence(&window), (4, 3, 1));
}

#[test]
fn the_open_segment_shows_its_parts_and_hints_at_the_next() {
    let mut window = window(10_000);
    add(&mut window, 1, false);
    let hint = |window: &Window| {
        let playlist = window.playlist(Listing::LowLatency).expect("clean");
        playlist.preload_hint.expect("a hint").part.to_string()
    };
    assert_eq!(hint(&window), "/live/show/e1/video/2.0.m4s");
    window.open(opening(2000, false));
    assert_eq!(hint(&window), "/live/show/e1/video/2.0.m4s");
    window.part(part());
    assert_eq!(hint(&window), "/live/show/e1/video/2.1.m4s");
    let text = window
        .playlist(Listing::LowLatency)
        .expect("clean")
        .to_text();
    assert!(
        text.contains("URI=\"/live/show/e1/video/2.0.m4s\""),
        "{text}"
    );
    assert_eq!(window.place(2).expect("open").decode_time, 2000);
}

#[test]
fn a_track_may_change_its_clock() {
    let mut window = window(10_000);
    add(&mut window, 2, false);
    window.open(Opening {
        clock: NonZeroU32::new(500).expect("not zero"),
        ..opening(2000, true)
    });
    (0..4).for_each(|_| window.part(part()));
    window.close(2000);
    let playlist = window.playlist(Listing::LowLatency).expect("clean");
    let durations = playlist
        .segments
        .iter()
        .map(|segment| segment.duration.to_string());
    assert_eq!(durations.collect::<Vec<_>>(), ["2.0", "2.0", "4.0"]);
}

#[test]
fn a_segment_without_parts_leaves_its_number_to_the_next() {
    let mut window = window(10_000);
    window.open(opening(0, false));
    assert_eq!(window.open(opening(500, true)), 1);
    window.part(part());
    window.end();
    let playlist = window.playlist(Listing::LowLatency).expect("clean");
    assert!(playlist.ended && playlist.preload_hint.is_none());
    assert_eq!(playlist.segments.len(), 1);
    // It goes on where it was, should the publisher come back.
    assert_eq!(window.open(opening(900, true)), 2);
    assert!(!window.is_ended());
}

#[test]
fn legacy_players_are_told_of_the_next_segment_before_it_has_a_frame() {
    let mut window = window(10_000);
    let told = |window: &Window| {
        let text = window.playlist(Listing::Legacy).expect("clean").to_text();
        text.replace("/live/show/e1/video/", "")
    };
    add(&mut window, 2, false);
    window.open(opening(4000, false));
    let before = told(&window);
    insta::assert_snapshot!(before, @r#"
    #EXTM3U
    #EXT-X-VERSION:6
    #EXT-X-TARGETDURATION:2
    #EXT-X-MEDIA-SEQUENCE:1
    #EXT-X-MAP:URI="/live/show/e1/video.1.mp4"
    #EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:00.000Z
    #EXTINF:2.0,
    1.lhls.m4s
    #EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:00.000Z
    #EXTINF:2.0,
    2.lhls.m4s
    #EXT-X-PREFETCH:3.lhls.m4s
    #EXT-X-PREFETCH:4.lhls.m4s
    "#);
    // What was announced stands in the same place under the same name.
    (0..4).for_each(|_| window.part(part()));
    window.close(2000);
    let after = told(&window);
    assert!(after.contains("#EXTINF:2.0,\n3.lhls.m4s\n#EXT-X-PREFETCH:4.lhls.m4s\n"));
    assert!(after.contains("#EXT-X-MEDIA-SEQUENCE:1\n"));
    // It breaks off, and what comes next is another stretch.
    window.interrupt(false);
    assert!(told(&window).contains("#EXT-X-PREFETCH-DISCONTINUITY\n#EXT-X-PREFETCH:4.lhls.m4s\n"));
    window.end();
    assert!(!told(&window).contains("PREFETCH"));
}

#[test]
fn what_is_announced_is_known_before_it_begins_and_not_after() {
    let mut window = window(10_000);
    let announced = |window: &Window| {
        let all = (0..9).filter(|number| window.announces(*number));
        all.collect::<Vec<_>>()
    };
    assert_eq!(announced(&window), [1, 2]);
    window.open(opening(0, false));
    assert_eq!(announced(&window), [2]);
    window.part(part());
    window.close(500);
    assert_eq!(announced(&window), [2, 3]);
    window.end();
    assert!(announced(&window).is_empty());
}

#[test]
fn a_track_can_be_shown_as_it_was_when_a_segment_became_whole() {
    let mut window = window(20_000);
    add(&mut window, 3, false);
    let then = |listing| window.playlist(listing).expect("clean").to_text();
    let (low_latency, legacy) = (then(Listing::LowLatency), then(Listing::Legacy));
    let report = window.report(map());
    assert_eq!((report.last_msn, report.last_part), (3, Some(3)));
    let mut later = window.clone();
    add(&mut later, 1, false);
    later.open(opening(8000, false));
    later.part(part());
    for now in [&window, &later] {
        let then = |listing| now.up_to(3).playlist(listing).expect("clean").to_text();
        assert_eq!(then(Listing::LowLatency), low_latency);
        assert_eq!(then(Listing::Legacy), legacy);
    }
    // What is not whole yet cannot be shown.
    let now = later.playlist(Listing::LowLatency).expect("clean");
    assert_eq!(later.up_to(5).playlist(Listing::LowLatency), Ok(now));
}

#[test]
fn only_segments_near_the_end_tell_of_their_parts() {
    let mut window = window(100_000);
    add(&mut window, 20, false);
    let playlist = window.playlist(Listing::LowLatency).expect("clean");
    let told = playlist.segments.iter().map(|segment| segment.parts.len());
    let told: Vec<_> = told.collect();
    // Eight seconds, and the one that reaches into them.
    assert_eq!(told[..15], [0; 15]);
    assert_eq!(told[15..], [4; 5]);
}

#[test]
fn a_hole_is_filled_with_segments_of_which_there_is_nothing() {
    let mut window = window(60_000);
    assert!(!window.fill(), "nothing has begun");
    add(&mut window, 2, false);
    assert!(!window.fill(), "nothing is missing");
    window.interrupt(true);
    (0..5).for_each(|_| assert!(window.fill()));
    // Whoever is waited for and leaves again changes nothing.
    window.interrupt(true);
    assert_eq!(window.filled_ms(), 2500);
    let text = |window: &Window, listing| {
        let text = window.playlist(listing).expect("clean").to_text();
        text.replace("/live/show/e1/video/", "")
    };
    let low_latency = text(&window, Listing::LowLatency);
    let hole = low_latency.find("#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:02.000Z");
    let hole = low_latency[hole.expect("after the last")..].to_owned();
    insta::assert_snapshot!(hole, @r#"
    #EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:02.000Z
    #EXT-X-PART:DURATION=0.5,URI="3.0.m4s",GAP=YES
    #EXT-X-PART:DURATION=0.5,URI="3.1.m4s",GAP=YES
    #EXT-X-PART:DURATION=0.5,URI="3.2.m4s",GAP=YES
    #EXT-X-PART:DURATION=0.5,URI="3.3.m4s",GAP=YES
    #EXT-X-GAP
    #EXTINF:2.0,
    3.m4s
    #EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:04.000Z
    #EXT-X-PART:DURATION=0.5,URI="4.0.m4s",GAP=YES
    #EXT-X-PRELOAD-HINT:TYPE=PART,URI="4.1.m4s"
    "#);
    assert_eq!((window.place(3), window.place(4)), (None, None));
    assert!(!window.is_next(4));
    let legacy = text(&window, Listing::Legacy);
    assert!(
        legacy.ends_with(
            "#EXT-X-GAP\n#EXTINF:2.0,\n3.lhls.m4s\n#EXT-X-PREFETCH:4.lhls.m4s\n\
             #EXT-X-PREFETCH:5.lhls.m4s\n"
        ),
        "{legacy}"
    );
    assert!(window.announces(4) && window.announces(5));

    window.resume();
    assert!(!window.fill());
    assert!(window.is_next(5));
    assert_eq!(window.open(opening(7000, true)), 5);
    window.part(part());
    window.close(500);
    let after = text(&window, Listing::LowLatency);
    assert!(
        after.contains("#EXT-X-GAP\n#EXTINF:0.5,\n4.m4s\n#EXT-X-DISCONTINUITY\n"),
        "{after}"
    );
}

#[test]
fn a_hole_that_is_never_followed_by_anything_ends_with_the_stream() {
    let mut window = window(60_000);
    add(&mut window, 1, false);
    window.interrupt(true);
    (0..5).for_each(|_| assert!(window.fill()));
    window.end();
    assert!(!window.fill());
    let playlist = window.playlist(Listing::LowLatency).expect("clean");
    let gaps = playlist.segments.iter().map(|segment| segment.gap);
    assert_eq!(gaps.collect::<Vec<_>>(), [false, true, true]);
    assert!(playlist.ended);
    let parts = playlist.segments.iter().map(|segment| segment.parts.len());
    assert_eq!(parts.collect::<Vec<_>>(), [4, 0, 0]);
}

#[test]
fn what_left_the_window_can_be_had_for_as_long_again() {
    let mut window = window(20_000);
    add(&mut window, 30, false);
    let listed = window.listed();
    assert_eq!(
        (listed.clone().count(), window.oldest()),
        (10, listed.start - 10)
    );
    assert!(window.place(window.oldest()).is_some());
    assert!(window.place(window.oldest() - 1).is_none());
}

#[test]
fn a_window_without_room_gets_shorter_but_not_shorter_than_three_targets() {
    let mut window = window(20_000);
    add(&mut window, 10, true);
    let mut dropped = 0;
    while window.shorten() {
        dropped += 1;
    }
    assert_eq!((dropped, window.listed()), (7, 8..11));
    let playlist = window.playlist(Listing::LowLatency).expect("clean");
    assert_eq!(playlist.media_sequence, 8);
    assert!(window.place(1).is_some(), "it may be there yet");
}

#[test]
fn a_segment_that_is_lost_is_listed_as_a_gap() {
    let mut window = window(60_000);
    add(&mut window, 3, false);
    assert!(window.lost(2));
    assert!(!window.lost(2), "that is known");
    assert!(!window.lost(4), "it is not listed");
    assert!(window.place(2).is_none() && window.place(3).is_some());
    for listing in [Listing::LowLatency, Listing::Legacy] {
        let playlist = window.playlist(listing).expect("clean");
        let gaps = playlist.segments.iter().map(|segment| segment.gap);
        assert_eq!(gaps.collect::<Vec<_>>(), [false, true, false]);
    }
}

#[test]
fn of_sound_the_first_part_of_a_segment_is_not_said_to_be_independent() {
    for any_part in [false, true] {
        let mut window = window(10_000);
        window.config.any_part = any_part;
        for number in 0..2 {
            window.open(opening(number * 2000, false));
            let independent = PartMeta {
                independent: true,
                ..part()
            };
            (0..4).for_each(|_| window.part(independent));
            if number == 0 {
                window.close(2000);
            }
        }
        let playlist = window.playlist(Listing::LowLatency).expect("clean");
        let segments = playlist.segments.iter().map(|segment| &segment.parts);
        let open = playlist.open.iter().map(|open| &open.parts);
        for parts in segments.chain(open) {
            let told = parts.iter().map(|part| part.independent);
            assert_eq!(told.collect::<Vec<_>>(), [!any_part, true, true, true]);
        }
    }
}
