use std::num::NonZeroU32;

use super::*;

pub fn uri(text: &str) -> Uri {
    Uri::new(text).unwrap()
}

pub fn segment(name: &str, millis: u64) -> Segment {
    Segment::new(uri(name), Duration::from_millis(millis))
}

pub fn part(name: &str, independent: bool) -> PartRef {
    PartRef {
        uri: uri(name),
        duration: Duration::from_millis(500),
        independent,
        gap: false,
    }
}

/// Target 2 s, parts of 0.5 s: `segments` finished ones from number 10, `parts` of the next.
pub fn live(segments: usize, parts: usize) -> MediaPlaylist {
    let part_target = Some(Duration::from_millis(500));
    let part_of = |msn: usize, index: usize| part(&format!("s{msn}.{index}.m4s"), index == 0);
    MediaPlaylist {
        part_target,
        server_control: Some(ServerControl::recommended(2, part_target)),
        media_sequence: 10,
        map: Some(uri("init.mp4")),
        segments: (10..10 + segments)
            .map(|msn| Segment {
                parts: (0..4).map(|index| part_of(msn, index)).collect(),
                ..segment(&format!("s{msn}.m4s"), 2000)
            })
            .collect(),
        open: Some(OpenSegment {
            parts: (0..parts)
                .map(|index| part_of(10 + segments, index))
                .collect(),
            ..OpenSegment::default()
        }),
        preload_hint: Some(PreloadHint {
            part: uri(&format!("s{}.{parts}.m4s", 10 + segments)),
            map: None,
        }),
        ..MediaPlaylist::new(2)
    }
}

/// A reader that knows the classic tags takes the text, and counts as many segments.
fn read_back(playlist: &MediaPlaylist) -> m3u8_rs::MediaPlaylist {
    let text = playlist.to_text();
    let (_, read) = m3u8_rs::parse_media_playlist(text.as_bytes()).expect("a playlist");
    assert_eq!(read.segments.len(), playlist.segments.len());
    assert_eq!(read.target_duration, u64::from(playlist.target_duration_s));
    assert_eq!(read.media_sequence, playlist.media_sequence);
    assert_eq!(read.end_list, playlist.ended);
    read
}

#[test]
fn a_complete_video_lists_every_segment_and_ends() {
    let ntsc = NonZeroU32::new(30_000).unwrap();
    let playlist = MediaPlaylist {
        kind: Some(Kind::Vod),
        start: Some(Start {
            offset_ms: 0,
            precise: true,
        }),
        independent_segments: true,
        map: Some(uri("init.mp4")),
        segments: vec![
            Segment::new(uri("/c/aa/0.m4s"), Duration::new(60_060, ntsc)),
            Segment::new(uri("/c/bb/60060.m4s"), Duration::new(1001, ntsc)),
        ],
        ended: true,
        ..MediaPlaylist::new(2)
    };
    insta::assert_snapshot!(playlist.to_text(), @r#"
    #EXTM3U
    #EXT-X-VERSION:6
    #EXT-X-TARGETDURATION:2
    #EXT-X-MEDIA-SEQUENCE:0
    #EXT-X-PLAYLIST-TYPE:VOD
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXT-X-START:TIME-OFFSET=0.0,PRECISE=YES
    #EXT-X-MAP:URI="init.mp4"
    #EXTINF:2.002,
    /c/aa/0.m4s
    #EXTINF:0.033366,
    /c/bb/60060.m4s
    #EXT-X-ENDLIST
    "#);
    let read = read_back(&playlist);
    assert_eq!(read.playlist_type, Some(m3u8_rs::MediaPlaylistType::Vod));
    assert_eq!(
        read.segments[0].map.as_ref().map(|map| map.uri.as_str()),
        Some("init.mp4")
    );
    assert!((read.segments[0].duration - 2.002).abs() < 1e-6);
}

#[test]
fn a_low_latency_playlist_lists_parts_hint_and_reports() {
    let mut playlist = live(2, 1);
    playlist.segments[1].program_date_time = Some(UnixMillis(1_777_638_600_250));
    playlist.rendition_reports = vec![RenditionReport {
        uri: uri("audio.m3u8"),
        last_msn: 12,
        last_part: Some(0),
    }];
    insta::assert_snapshot!(playlist.to_text(), @r#"
    #EXTM3U
    #EXT-X-VERSION:9
    #EXT-X-TARGETDURATION:2
    #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12.0,PART-HOLD-BACK=1.5,HOLD-BACK=6.0
    #EXT-X-PART-INF:PART-TARGET=0.5
    #EXT-X-MEDIA-SEQUENCE:10
    #EXT-X-MAP:URI="init.mp4"
    #EXT-X-PART:DURATION=0.5,URI="s10.0.m4s",INDEPENDENT=YES
    #EXT-X-PART:DURATION=0.5,URI="s10.1.m4s"
    #EXT-X-PART:DURATION=0.5,URI="s10.2.m4s"
    #EXT-X-PART:DURATION=0.5,URI="s10.3.m4s"
    #EXTINF:2.0,
    s10.m4s
    #EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:30:00.250Z
    #EXT-X-PART:DURATION=0.5,URI="s11.0.m4s",INDEPENDENT=YES
    #EXT-X-PART:DURATION=0.5,URI="s11.1.m4s"
    #EXT-X-PART:DURATION=0.5,URI="s11.2.m4s"
    #EXT-X-PART:DURATION=0.5,URI="s11.3.m4s"
    #EXTINF:2.0,
    s11.m4s
    #EXT-X-PART:DURATION=0.5,URI="s12.0.m4s",INDEPENDENT=YES
    #EXT-X-PRELOAD-HINT:TYPE=PART,URI="s12.1.m4s"
    #EXT-X-RENDITION-REPORT:URI="audio.m3u8",LAST-MSN=12,LAST-PART=0
    "#);
    read_back(&playlist);
}

#[test]
fn a_break_repeats_the_init_segment_before_its_parts() {
    let mut playlist = live(3, 1);
    playlist.discontinuity_sequence = 4;
    playlist
        .segments
        .iter_mut()
        .for_each(|segment| segment.parts.truncate(1));
    playlist.segments[0].parts.clear();
    playlist.segments[0].gap = true;
    playlist.segments[1].discontinuity = true;
    playlist.segments[2].map = Some(uri("init.mp4"));
    let open = playlist.open.as_mut().unwrap();
    open.discontinuity = true;
    open.map = Some(uri("init2.mp4"));
    open.program_date_time = Some(UnixMillis(0));
    open.parts[0].gap = true;
    playlist.preload_hint = Some(PreloadHint {
        part: uri("s14.0.m4s"),
        map: Some(uri("init3.mp4")),
    });
    insta::assert_snapshot!(playlist.to_text(), @r#"
    #EXTM3U
    #EXT-X-VERSION:9
    #EXT-X-TARGETDURATION:2
    #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12.0,PART-HOLD-BACK=1.5,HOLD-BACK=6.0
    #EXT-X-PART-INF:PART-TARGET=0.5
    #EXT-X-MEDIA-SEQUENCE:10
    #EXT-X-DISCONTINUITY-SEQUENCE:4
    #EXT-X-MAP:URI="init.mp4"
    #EXT-X-GAP
    #EXTINF:2.0,
    s10.m4s
    #EXT-X-DISCONTINUITY
    #EXT-X-MAP:URI="init.mp4"
    #EXT-X-PART:DURATION=0.5,URI="s11.0.m4s",INDEPENDENT=YES
    #EXTINF:2.0,
    s11.m4s
    #EXT-X-PART:DURATION=0.5,URI="s12.0.m4s",INDEPENDENT=YES
    #EXTINF:2.0,
    s12.m4s
    #EXT-X-DISCONTINUITY
    #EXT-X-MAP:URI="init2.mp4"
    #EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:00.000Z
    #EXT-X-PART:DURATION=0.5,URI="s13.0.m4s",INDEPENDENT=YES,GAP=YES
    #EXT-X-PRELOAD-HINT:TYPE=MAP,URI="init3.mp4"
    #EXT-X-PRELOAD-HINT:TYPE=PART,URI="s14.0.m4s"
    "#);
}

#[test]
fn an_ended_playlist_neither_hints_nor_offers_to_wait() {
    let playlist = MediaPlaylist {
        ended: true,
        kind: Some(Kind::Event),
        ..live(1, 0)
    };
    insta::assert_snapshot!(playlist.to_text(), @r#"
    #EXTM3U
    #EXT-X-VERSION:9
    #EXT-X-TARGETDURATION:2
    #EXT-X-SERVER-CONTROL:PART-HOLD-BACK=1.5,HOLD-BACK=6.0
    #EXT-X-PART-INF:PART-TARGET=0.5
    #EXT-X-MEDIA-SEQUENCE:10
    #EXT-X-PLAYLIST-TYPE:EVENT
    #EXT-X-MAP:URI="init.mp4"
    #EXT-X-PART:DURATION=0.5,URI="s10.0.m4s",INDEPENDENT=YES
    #EXT-X-PART:DURATION=0.5,URI="s10.1.m4s"
    #EXT-X-PART:DURATION=0.5,URI="s10.2.m4s"
    #EXT-X-PART:DURATION=0.5,URI="s10.3.m4s"
    #EXTINF:2.0,
    s10.m4s
    #EXT-X-ENDLIST
    "#);
    read_back(&playlist);
}

#[test]
fn a_legacy_playlist_announces_segments_to_come() {
    let playlist = MediaPlaylist {
        media_sequence: 3,
        segments: vec![segment("3.m4s", 2000)],
        prefetch: [("4.m4s", false), ("5.m4s", true)]
            .map(|(name, discontinuity)| Prefetch {
                uri: uri(name),
                discontinuity,
            })
            .into(),
        ..MediaPlaylist::new(2)
    };
    insta::assert_snapshot!(playlist.to_text(), @"
    #EXTM3U
    #EXT-X-VERSION:3
    #EXT-X-TARGETDURATION:2
    #EXT-X-MEDIA-SEQUENCE:3
    #EXTINF:2.0,
    3.m4s
    #EXT-X-PREFETCH:4.m4s
    #EXT-X-PREFETCH-DISCONTINUITY
    #EXT-X-PREFETCH:5.m4s
    ");
    read_back(&playlist);
}

#[test]
fn parts_further_than_three_target_durations_from_the_end_are_not_listed() {
    // With one open part of 0.5 s, number 17 ends 4.5 s and 16 ends 6.5 s before the end.
    let text = live(10, 1).to_text();
    assert!(!text.contains("s16.3.m4s"));
    assert!(text.contains("s17.0.m4s"));
    // Without open parts, 16 ends at exactly 6 s.
    let text = live(10, 0).to_text();
    assert!(!text.contains("s15.3.m4s"));
    assert!(text.contains("s16.0.m4s"));
}

#[test]
fn the_target_duration_holds_for_every_rounded_segment() {
    for (millis, target) in [
        (vec![], 1),
        (vec![100], 1),
        (vec![1499], 1),
        (vec![1500], 2),
        (vec![2499, 1000], 2),
        (vec![6000, 2500], 6),
    ] {
        assert_eq!(
            target_duration(millis.iter().map(|ms| Duration::from_millis(*ms))),
            target,
            "{millis:?}"
        );
    }
    assert_eq!(
        target_duration([Duration::from_seconds(u64::MAX)]),
        u32::MAX
    );
}

#[test]
fn a_start_from_the_end_is_negative() {
    let start = Start {
        offset_ms: -1500,
        precise: false,
    };
    assert_eq!(start.to_string(), "#EXT-X-START:TIME-OFFSET=-1.5");
}
