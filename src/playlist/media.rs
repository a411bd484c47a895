//! The media playlist: a snapshot of what one rendition holds, and its text.
//!
//! A snapshot may hold more than its text shows: parts far from the live edge
//! are left out of the text (players need them no more) but still count when a
//! player asks for them.

use std::fmt;

use super::tag::{Duration, Total, UnixMillis, Uri};

/// Whether segments are ever removed, and added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Complete; nothing changes.
    Vod,
    /// Grows at its end; nothing is removed.
    Event,
}

/// Where playback should begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// Milliseconds from the beginning, or, if negative, from the end.
    pub offset_ms: i64,
    /// Whether nothing before that point may be shown.
    pub precise: bool,
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.offset_ms < 0 { "-" } else { "" };
        let offset = Duration::from_millis(self.offset_ms.unsigned_abs());
        write!(f, "#EXT-X-START:TIME-OFFSET={sign}{offset}")?;
        f.write_str(if self.precise { ",PRECISE=YES" } else { "" })
    }
}

/// What the server can do (`EXT-X-SERVER-CONTROL`). Must not change in a
/// playlist's life, and must be the same in all renditions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerControl {
    /// Whether requests may wait for a segment or part to come.
    pub can_block_reload: bool,
    /// How far from the end to play, in a low-latency player: at least twice the part target.
    pub part_hold_back: Option<Duration>,
    /// How far from the end to play otherwise: at least three target durations.
    pub hold_back: Option<Duration>,
    /// What is further from the end may be skipped: at least six target durations.
    pub can_skip_until: Option<Duration>,
}

impl ServerControl {
    /// Blocking reload and delta updates, with the distances that the
    /// specification recommends for these targets.
    pub const fn recommended(target_duration_s: u32, part_target: Option<Duration>) -> Self {
        let target = Duration::from_seconds(target_duration_s as u64);
        Self {
            can_block_reload: true,
            part_hold_back: match part_target {
                Some(part_target) => Some(part_target.times(3)),
                None => None,
            },
            hold_back: Some(target.times(3)),
            can_skip_until: Some(target.times(6)),
        }
    }
}

/// One part of a segment (`EXT-X-PART`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartRef {
    /// Where its bytes are.
    pub uri: Uri,
    /// At most the part target.
    pub duration: Duration,
    /// Whether it begins with a random access point.
    pub independent: bool,
    /// Whether it is missing for ever.
    pub gap: bool,
}

/// A finished segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where its bytes are.
    pub uri: Uri,
    /// Its exact duration.
    pub duration: Duration,
    /// The parts it came in, if it did.
    pub parts: Vec<PartRef>,
    /// Whether timestamps or encoding break before it.
    pub discontinuity: bool,
    /// Whether it is missing for ever.
    pub gap: bool,
    /// When its first sample was taken.
    pub program_date_time: Option<UnixMillis>,
    /// Another init segment from here on.
    pub map: Option<Uri>,
}

impl Segment {
    /// A plain segment.
    pub const fn new(uri: Uri, duration: Duration) -> Self {
        Self {
            uri,
            duration,
            parts: Vec::new(),
            discontinuity: false,
            gap: false,
            program_date_time: None,
            map: None,
        }
    }
}

/// The segment that is not finished yet: the parts that are there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenSegment {
    /// Its parts so far.
    pub parts: Vec<PartRef>,
    /// As in [`Segment`].
    pub discontinuity: bool,
    /// As in [`Segment`].
    pub program_date_time: Option<UnixMillis>,
    /// As in [`Segment`].
    pub map: Option<Uri>,
}

/// What comes next (`EXT-X-PRELOAD-HINT`); the same URI must be listed later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreloadHint {
    /// The next part.
    pub part: Uri,
    /// Its init segment, where that is another one.
    pub map: Option<Uri>,
}

/// A segment announced to legacy low-latency players before it is finished
/// (`EXT-X-PREFETCH`, of the community's LHLS): an entry under the same URI later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefetch {
    /// Where its bytes come as they are made.
    pub uri: Uri,
    /// As in [`Segment`] (`EXT-X-PREFETCH-DISCONTINUITY`).
    pub discontinuity: bool,
}

/// Where another rendition stands (`EXT-X-RENDITION-REPORT`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenditionReport {
    /// The other media playlist, relative to this one.
    pub uri: Uri,
    /// Its last media sequence number, finished or not.
    pub last_msn: u64,
    /// The index of the last part of that segment.
    pub last_part: Option<u32>,
}

/// A snapshot of one rendition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaPlaylist {
    /// No segment, rounded to seconds, is longer. Must not change in a playlist's life.
    pub target_duration_s: u32,
    /// No part is longer; present when there are parts. Must not change either.
    pub part_target: Option<Duration>,
    /// What the server can do.
    pub server_control: Option<ServerControl>,
    /// The number of the first segment, counting those skipped.
    pub media_sequence: u64,
    /// How many discontinuities were removed with the segments before.
    pub discontinuity_sequence: u64,
    /// Absent where segments are removed.
    pub kind: Option<Kind>,
    /// Where playback should begin.
    pub start: Option<Start>,
    /// Whether every segment can be decoded by itself.
    pub independent_segments: bool,
    /// The init segment that the first listed segment needs.
    pub map: Option<Uri>,
    /// The finished segments that are listed.
    pub segments: Vec<Segment>,
    /// The segment after them, as far as it is there.
    pub open: Option<OpenSegment>,
    /// What comes next.
    pub preload_hint: Option<PreloadHint>,
    /// The other renditions.
    pub rendition_reports: Vec<RenditionReport>,
    /// Whether nothing will be added.
    pub ended: bool,
    /// Segments announced to legacy low-latency players.
    pub prefetch: Vec<Prefetch>,
    /// How many segments before the listed ones this delta update leaves out.
    pub skipped: u64,
}

impl MediaPlaylist {
    /// An empty playlist.
    pub const fn new(target_duration_s: u32) -> Self {
        Self {
            target_duration_s,
            part_target: None,
            server_control: None,
            media_sequence: 0,
            discontinuity_sequence: 0,
            kind: None,
            start: None,
            independent_segments: false,
            map: None,
            segments: Vec::new(),
            open: None,
            preload_hint: None,
            rendition_reports: Vec::new(),
            ended: false,
            prefetch: Vec::new(),
            skipped: 0,
        }
    }

    /// The number of the segment after the finished ones.
    pub fn next_msn(&self) -> u64 {
        self.media_sequence
            .saturating_add(self.skipped)
            .saturating_add(self.segments.len() as u64)
    }

    /// The protocol version that the text needs, and no more.
    pub fn version(&self) -> u8 {
        let maps = self.map.is_some() || self.segments.iter().any(|segment| segment.map.is_some());
        let open_map = self.open.as_ref().is_some_and(|open| open.map.is_some());
        match () {
            // SKIP asks for 9; some players expect it wherever the server offers to skip or block.
            () if self.skipped > 0 || self.server_control.is_some() => 9,
            () if self.segments.iter().any(|segment| segment.gap) => 8,
            () if maps || open_map => 6,
            // Decimal durations.
            () => 3,
        }
    }

    /// The text.
    pub fn to_text(&self) -> String {
        self.to_string()
    }

    /// The first segment whose parts are still listed: those that end at most
    /// three target durations before the end.
    fn first_with_parts(&self) -> usize {
        let reach = u128::from(self.target_duration_s) * 3_000_000;
        let mut after = Total::default();
        for part in self.open.iter().flat_map(|open| &open.parts) {
            after.add(part.duration);
        }
        let closing_gap = |segment: &Segment| self.ended && segment.gap;
        let numbered = self.segments.iter().enumerate().rev();
        // What never came at the end of an ended stream is no distance from it.
        for (index, segment) in numbered.skip_while(|(_, segment)| closing_gap(segment)) {
            if after.micros() > reach {
                return index + 1;
            }
            after.add(segment.duration);
        }
        0
    }

    fn write_head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "#EXTM3U")?;
        writeln!(f, "#EXT-X-VERSION:{}", self.version())?;
        writeln!(f, "#EXT-X-TARGETDURATION:{}", self.target_duration_s)?;
        if let Some(control) = &self.server_control {
            self.write_server_control(control, f)?;
        }
        if let Some(part_target) = self.part_target {
            writeln!(f, "#EXT-X-PART-INF:PART-TARGET={part_target}")?;
        }
        writeln!(f, "#EXT-X-MEDIA-SEQUENCE:{}", self.media_sequence)?;
        if self.discontinuity_sequence > 0 {
            writeln!(
                f,
                "#EXT-X-DISCONTINUITY-SEQUENCE:{}",
                self.discontinuity_sequence
            )?;
        }
        match self.kind {
            Some(Kind::Vod) => writeln!(f, "#EXT-X-PLAYLIST-TYPE:VOD")?,
            Some(Kind::Event) => writeln!(f, "#EXT-X-PLAYLIST-TYPE:EVENT")?,
            None => {}
        }
        if self.independent_segments {
            writeln!(f, "#EXT-X-INDEPENDENT-SEGMENTS")?;
        }
        if let Some(start) = &self.start {
            writeln!(f, "{start}")?;
        }
        if self.skipped > 0 {
            writeln!(f, "#EXT-X-SKIP:SKIPPED-SEGMENTS={}", self.skipped)?;
        }
        Ok(())
    }

    fn write_server_control(
        &self,
        control: &ServerControl,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        // Once ended nothing is waited for or skipped, and some players refuse the offer to.
        let can_skip_until = control.can_skip_until.filter(|_| !self.ended);
        let attributes = [
            (control.can_block_reload && !self.ended).then(|| "CAN-BLOCK-RELOAD=YES".to_owned()),
            can_skip_until.map(|until| format!("CAN-SKIP-UNTIL={until}")),
            control
                .part_hold_back
                .map(|distance| format!("PART-HOLD-BACK={distance}")),
            control
                .hold_back
                .map(|distance| format!("HOLD-BACK={distance}")),
        ];
        let attributes: Vec<String> = attributes.into_iter().flatten().collect();
        match attributes.is_empty() {
            true => Ok(()),
            false => writeln!(f, "#EXT-X-SERVER-CONTROL:{}", attributes.join(",")),
        }
    }

    fn write_tail(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ended {
            return writeln!(f, "#EXT-X-ENDLIST");
        }
        if let Some(hint) = &self.preload_hint {
            if let Some(map) = &hint.map {
                writeln!(f, "#EXT-X-PRELOAD-HINT:TYPE=MAP,URI=\"{map}\"")?;
            }
            writeln!(f, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{}\"", hint.part)?;
        }
        for prefetch in &self.prefetch {
            if prefetch.discontinuity {
                writeln!(f, "#EXT-X-PREFETCH-DISCONTINUITY")?;
            }
            writeln!(f, "#EXT-X-PREFETCH:{}", prefetch.uri)?;
        }
        for report in &self.rendition_reports {
            write!(
                f,
                "#EXT-X-RENDITION-REPORT:URI=\"{}\",LAST-MSN={}",
                report.uri, report.last_msn
            )?;
            if let Some(part) = report.last_part {
                write!(f, ",LAST-PART={part}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for MediaPlaylist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_head(f)?;
        if let Some(map) = &self.map {
            writeln!(f, "#EXT-X-MAP:URI=\"{map}\"")?;
        }
        // Whether the init segment was just written, and no segment since.
        let mut map = self.map.as_ref();
        let first_with_parts = self.first_with_parts();
        for (index, segment) in self.segments.iter().enumerate() {
            write_before(
                f,
                segment.discontinuity,
                segment.map.as_ref(),
                segment.program_date_time,
                &mut map,
            )?;
            if index >= first_with_parts {
                segment
                    .parts
                    .iter()
                    .try_for_each(|part| write_part(f, part))?;
            }
            if segment.gap {
                writeln!(f, "#EXT-X-GAP")?;
            }
            writeln!(f, "#EXTINF:{},\n{}", segment.duration, segment.uri)?;
        }
        if let Some(open) = self
            .open
            .as_ref()
            .filter(|open| !open.parts.is_empty() && !self.ended)
        {
            write_before(
                f,
                open.discontinuity,
                open.map.as_ref(),
                open.program_date_time,
                &mut map,
            )?;
            open.parts.iter().try_for_each(|part| write_part(f, part))?;
        }
        self.write_tail(f)
    }
}

/// What stands before a segment and its parts. `map` is the init segment in
/// force: written where it changes, and again after each discontinuity.
fn write_before<'a>(
    f: &mut fmt::Formatter<'_>,
    discontinuity: bool,
    own_map: Option<&'a Uri>,
    program_date_time: Option<UnixMillis>,
    map: &mut Option<&'a Uri>,
) -> fmt::Result {
    if discontinuity {
        writeln!(f, "#EXT-X-DISCONTINUITY")?;
    }
    let before = *map;
    *map = own_map.or(before);
    if let Some(map) = *map
        && (discontinuity || before != Some(map))
    {
        writeln!(f, "#EXT-X-MAP:URI=\"{map}\"")?;
    }
    match program_date_time {
        Some(time) => writeln!(f, "#EXT-X-PROGRAM-DATE-TIME:{time}"),
        None => Ok(()),
    }
}

fn write_part(f: &mut fmt::Formatter<'_>, part: &PartRef) -> fmt::Result {
    write!(
        f,
        "#EXT-X-PART:DURATION={},URI=\"{}\"",
        part.duration, part.uri
    )?;
    f.write_str(if part.independent {
        ",INDEPENDENT=YES"
    } else {
        ""
    })?;
    f.write_str(if part.gap { ",GAP=YES" } else { "" })?;
    writeln!(f)
}

/// The smallest target duration that holds for all of `durations`: at least 1,
/// and no less than any of them rounded to seconds.
pub fn target_duration(durations: impl IntoIterator<Item = Duration>) -> u32 {
    let longest = durations
        .into_iter()
        .map(Duration::rounded_seconds)
        .max()
        .unwrap_or(1);
    u32::try_from(longest.max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
pub(super) mod tests {
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
}
