//! The text of a media playlist.

use std::fmt;

use super::media::{Kind, MediaPlaylist, PartRef, Segment, ServerControl};
use super::tag::{Total, UnixMillis, Uri};

impl MediaPlaylist {
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
