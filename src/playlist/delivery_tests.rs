use proptest::prelude::*;

use super::super::media::tests::{live, part, segment, uri};
use super::super::media::{OpenSegment, ServerControl};
use super::*;

#[test]
fn after_a_short_part_the_next_segment_is_not_said_to_be_independent_to_who_follows() {
    let of = |last: u64, flags: [bool; 3]| {
        let mut playlist = MediaPlaylist::new(2);
        playlist.part_target = Some(Duration::from_millis(334));
        let mut whole = segment("1", 2000);
        whole.parts = vec![part("1.0", flags[0]), part("1.1", flags[1])];
        whole.parts[1].duration = Duration::from_millis(last);
        playlist.segments.push(whole);
        playlist.open = Some(OpenSegment {
            parts: vec![part("2.0", flags[2])],
            ..OpenSegment::default()
        });
        playlist.following().map(|told| {
            let open = told.open.map(|open| open.parts[0].independent);
            (told.segments[0].parts[0].independent, open)
        })
    };
    assert_eq!(of(80, [true, false, true]), Some((true, Some(false))));
    assert_eq!(of(167, [true, false, true]), None, "it is long enough");
    assert_eq!(of(80, [false, false, true]), None, "none would be");
    assert_eq!(of(80, [true, false, false]), None, "it is not anyway");
}

fn ask(playlist: &MediaPlaylist, query: &str) -> Reload {
    match DeliveryDirectives::parse(query) {
        Ok(directives) => decide(playlist, directives),
        Err(reason) => Reload::BadRequest(reason),
    }
}

fn bad(reload: &Reload) -> bool {
    matches!(reload, Reload::BadRequest(_))
}

#[test]
fn directives_are_read_from_any_query() {
    let read = |msn, part, skip| Ok(DeliveryDirectives { msn, part, skip });
    for (query, directives) in [
        ("", read(None, None, None)),
        ("token=a%26b&x", read(None, None, None)),
        ("_HLS_msn=42", read(Some(42), None, None)),
        (
            "_HLS_msn=42&_HLS_part=0&_HLS_skip=YES",
            read(Some(42), Some(0), Some(Skip::Segments)),
        ),
        (
            "_HLS_skip=v2&t=1",
            read(None, None, Some(Skip::SegmentsAndDateRanges)),
        ),
        ("_HLS_skip=v3", read(None, None, None)),
        ("_hls_msn=x", read(None, None, None)),
        (
            "_HLS_msn=18446744073709551615",
            read(Some(u64::MAX), None, None),
        ),
        ("_HLS_part=1", Err(BadDirective::PartWithoutMsn)),
    ] {
        assert_eq!(DeliveryDirectives::parse(query), directives, "{query}");
    }
    for query in [
        "_HLS_msn=",
        "_HLS_msn",
        "_HLS_msn=-1",
        "_HLS_msn=+1",
        "_HLS_msn=1.0",
        "_HLS_msn=18446744073709551616",
        "_HLS_msn=1&_HLS_msn=1",
        "_HLS_msn=1&_HLS_part=4294967296",
        "_HLS_msn=1&_HLS_part=1&_HLS_part=1",
    ] {
        assert!(
            matches!(
                DeliveryDirectives::parse(query),
                Err(BadDirective::Number { .. })
            ),
            "{query}"
        );
    }
}

#[test]
fn a_player_waits_for_exactly_what_it_asks_for() {
    // Finished: 10, 11, 12 of four parts each. Open: 13, with parts 0 and 1. Six parts ahead are allowed.
    let playlist = live(3, 2);
    for (query, reload) in [
        ("", Reload::Full),
        ("_HLS_msn=12", Reload::Full),
        ("_HLS_msn=13", Reload::Wait),
        ("_HLS_msn=14", Reload::Wait),
        ("_HLS_msn=15", Reload::Wait),
        ("_HLS_msn=13&_HLS_part=0", Reload::Full),
        ("_HLS_msn=13&_HLS_part=1", Reload::Full),
        ("_HLS_msn=13&_HLS_part=2", Reload::Wait),
        ("_HLS_msn=13&_HLS_part=7", Reload::Wait),
        ("_HLS_msn=14&_HLS_part=0", Reload::Wait),
        ("_HLS_msn=14&_HLS_part=5", Reload::Wait),
        // Old, or gone long ago: the whole playlist at once.
        ("_HLS_msn=0", Reload::Full),
        ("_HLS_msn=0&_HLS_part=9", Reload::Full),
        ("_HLS_msn=12&_HLS_part=3", Reload::Full),
        // Past the last part of 12: part 0 of 13, which is there.
        ("_HLS_msn=12&_HLS_part=4", Reload::Full),
    ] {
        assert_eq!(ask(&playlist, query), reload, "{query}");
    }
    for query in [
        "_HLS_part=0",
        "_HLS_msn=16",
        "_HLS_msn=16&_HLS_part=0",
        "_HLS_msn=18446744073709551615",
        "_HLS_msn=13&_HLS_part=8",
        "_HLS_msn=14&_HLS_part=6",
    ] {
        assert!(bad(&ask(&playlist, query)), "{query}");
    }
}

#[test]
fn past_the_last_part_of_a_finished_segment_means_the_next_segment() {
    // 12 has just been finished; 13 has no part yet.
    let playlist = live(3, 0);
    assert_eq!(ask(&playlist, "_HLS_msn=12&_HLS_part=3"), Reload::Full);
    assert_eq!(ask(&playlist, "_HLS_msn=12&_HLS_part=4"), Reload::Wait);
    assert_eq!(ask(&playlist, "_HLS_msn=11&_HLS_part=4"), Reload::Full);
    assert_eq!(ask(&playlist, "_HLS_msn=13&_HLS_part=0"), Reload::Wait);
    // The last segment is 12: two ahead is 14.
    assert_eq!(ask(&playlist, "_HLS_msn=14"), Reload::Wait);
    assert!(bad(&ask(&playlist, "_HLS_msn=15")));
    let later = live(3, 1);
    assert_eq!(ask(&later, "_HLS_msn=12&_HLS_part=4"), Reload::Full);
}

#[test]
fn who_asks_for_a_part_of_a_segment_is_not_told_of_the_next_one() {
    // Finished: 10, 11, 12 of four parts each. Open: 13, with parts 0 and 1.
    let begun = live(3, 2);
    let last = |playlist: &MediaPlaylist, query: &str| {
        let directives = DeliveryDirectives::parse(query).expect("directives");
        last_asked_for(playlist, directives)
    };
    for (query, expected) in [
        ("_HLS_msn=12&_HLS_part=0", Some(12)),
        ("_HLS_msn=12&_HLS_part=3", Some(12)),
        ("_HLS_msn=12", Some(12)),
        // Part 0 of 13.
        ("_HLS_msn=12&_HLS_part=4", None),
        ("_HLS_msn=13&_HLS_part=1", None),
        // Who is that far behind wants all there is.
        ("_HLS_msn=11&_HLS_part=3", None),
        ("_HLS_msn=18446744073709551615", None),
        ("", None),
    ] {
        assert_eq!(last(&begun, query), expected, "{query}");
    }
    assert_eq!(last(&live(3, 0), "_HLS_msn=12&_HLS_part=3"), None);
    let ended = MediaPlaylist {
        ended: true,
        ..begun
    };
    assert_eq!(last(&ended, "_HLS_msn=12&_HLS_part=3"), None);
}

#[test]
fn the_advance_part_limit_is_three_seconds_of_parts_or_three() {
    for (millis, limit) in [
        (Some(200), 15),
        (Some(334), 9),
        (Some(999), 4),
        (Some(1000), 3),
        (Some(4000), 3),
        (None, 3),
    ] {
        assert_eq!(
            advance_part_limit(millis.map(Duration::from_millis)),
            limit,
            "{millis:?}"
        );
    }
    assert_eq!(advance_part_limit(Some(Duration::from_millis(0))), 3);
}

#[test]
fn an_ended_playlist_never_makes_a_player_wait() {
    let playlist = MediaPlaylist {
        ended: true,
        ..live(3, 0)
    };
    for query in [
        "_HLS_msn=13",
        "_HLS_msn=99",
        "_HLS_msn=13&_HLS_part=99",
        "_HLS_skip=YES",
    ] {
        assert_eq!(ask(&playlist, query), Reload::Full, "{query}");
    }
    assert!(bad(&ask(&playlist, "_HLS_part=0")));
}

#[test]
fn a_server_that_did_not_offer_to_wait_does_not() {
    for server_control in [None, Some(ServerControl::default())] {
        let playlist = MediaPlaylist {
            server_control,
            ..live(3, 0)
        };
        assert_eq!(ask(&playlist, "_HLS_msn=13"), Reload::Full);
        assert_eq!(ask(&playlist, "_HLS_msn=99"), Reload::Full);
    }
}

#[test]
fn a_playlist_without_segments_waits_for_its_first() {
    let playlist = MediaPlaylist {
        media_sequence: 0,
        ..live(0, 0)
    };
    assert_eq!(ask(&playlist, "_HLS_msn=0&_HLS_part=0"), Reload::Wait);
    assert_eq!(ask(&playlist, "_HLS_msn=0"), Reload::Wait);
    assert!(bad(&ask(&playlist, "_HLS_msn=2")));
}

#[test]
fn a_delta_leaves_out_what_ends_before_the_skip_boundary() {
    // Nine segments of 2 s, boundary 12 s: numbers 10 and 11 end 16 and 14 s before the end, 12 at exactly 12 s.
    let playlist = live(9, 1);
    assert_eq!(ask(&playlist, "_HLS_skip=YES"), Reload::Delta);
    assert_eq!(
        ask(&playlist, "_HLS_msn=19&_HLS_part=0&_HLS_skip=v2"),
        Reload::Delta
    );
    assert_eq!(
        ask(&playlist, "_HLS_msn=19&_HLS_part=1&_HLS_skip=YES"),
        Reload::Wait
    );
    let delta = playlist.delta().expect("a delta");
    assert_eq!((delta.skipped, delta.segments.len()), (2, 7));
    assert_eq!(
        (delta.media_sequence, delta.next_msn()),
        (10, playlist.next_msn())
    );
    assert_eq!(delta.segments[0].uri, uri("s12.m4s"));
    assert_eq!(delta.delta(), None, "a delta is not made of a delta");
    // Listed as in the whole text, to the byte.
    let (whole, text) = (playlist.to_text(), delta.to_text());
    let tail = |text: &str| {
        text.split_once("#EXTINF:2.0,\ns12.m4s")
            .map(|(_, tail)| tail.to_owned())
    };
    assert_eq!(tail(&text), tail(&whole));

    assert_eq!(
        ask(&live(7, 1), "_HLS_skip=YES"),
        Reload::Full,
        "nothing is far enough away"
    );
    assert_eq!(live(7, 1).delta(), None);
    let control = ServerControl {
        can_skip_until: None,
        ..ServerControl::recommended(2, None)
    };
    let unable = MediaPlaylist {
        server_control: Some(control),
        ..live(9, 1)
    };
    assert_eq!(ask(&unable, "_HLS_skip=YES"), Reload::Full);
}

#[test]
fn a_delta_states_the_init_segment_and_keeps_the_counts() {
    let mut playlist = MediaPlaylist {
        open: Some(OpenSegment {
            parts: vec![part("s18.0.m4s", true)],
            ..OpenSegment::default()
        }),
        discontinuity_sequence: 3,
        ..live(0, 0)
    };
    playlist.segments = (10..18)
        .map(|msn| segment(&format!("s{msn}.m4s"), 2000))
        .collect();
    playlist.segments[0].discontinuity = true;
    playlist.segments[0].map = Some(uri("init2.mp4"));
    playlist.preload_hint = None;
    let delta = playlist.delta().expect("a delta");
    insta::assert_snapshot!(delta.to_text(), @r#"
    #EXTM3U
    #EXT-X-VERSION:9
    #EXT-X-TARGETDURATION:2
    #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12.0,PART-HOLD-BACK=1.5,HOLD-BACK=6.0
    #EXT-X-PART-INF:PART-TARGET=0.5
    #EXT-X-MEDIA-SEQUENCE:10
    #EXT-X-DISCONTINUITY-SEQUENCE:3
    #EXT-X-SKIP:SKIPPED-SEGMENTS=1
    #EXT-X-MAP:URI="init2.mp4"
    #EXTINF:2.0,
    s11.m4s
    #EXTINF:2.0,
    s12.m4s
    #EXTINF:2.0,
    s13.m4s
    #EXTINF:2.0,
    s14.m4s
    #EXTINF:2.0,
    s15.m4s
    #EXTINF:2.0,
    s16.m4s
    #EXTINF:2.0,
    s17.m4s
    #EXT-X-PART:DURATION=0.5,URI="s18.0.m4s",INDEPENDENT=YES
    "#);
}

proptest! {
    #[test]
    fn any_query_gets_an_answer(query in ".{0,60}", msn in any::<u64>(), part in any::<u32>(), segments in 0usize..12) {
        let _ = ask(&live(segments, 2), &query);
        let far = MediaPlaylist { media_sequence: u64::MAX - 3, ..live(segments, 2) };
        let _ = decide(&far, DeliveryDirectives { msn: Some(msn), part: Some(part), skip: None });
    }
}
