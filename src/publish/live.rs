//! The growing playlist of a video that is still being rendered.

use crate::chunk::PartMeta;
use crate::partition::PlacedChunk;
use crate::playlist::{
    Kind, MediaPlaylist, OpenSegment, PartRef, PreloadHint, Segment, ServerControl, TagError, Uri,
};
use crate::publish::playlists::{FROM_THE_START, Targets};
use crate::publish::state::ChunkState;
use crate::publish::timing::TrackTiming;

/// The number of the first segment.
///
/// Not 0: hls.js (1.7) takes a part of segment 0 for no part, forgets that it
/// has it, and asks for the last one again and again, for ever once the
/// playlist has ended.
const FIRST_SEQUENCE: u64 = 1;

/// A track as it is now: the chunks that are there without a gap from the
/// start, then the parts of the one being rendered. A failed chunk ends it.
///
/// The first `listed` are named whether they are there or not: the same pictures are,
/// in another size. They are rendered when they are asked for.
pub fn snapshot(
    chunks: &[PlacedChunk],
    states: &[ChunkState],
    listed: usize,
    timing: TrackTiming,
    targets: Targets,
    map: Uri,
) -> Result<MediaPlaylist, TagError> {
    let mut playlist = MediaPlaylist::new(targets.segment_s);
    playlist.media_sequence = FIRST_SEQUENCE;
    playlist.kind = Some(Kind::Event);
    playlist.start = Some(FROM_THE_START);
    playlist.independent_segments = true;
    playlist.map = Some(map);
    playlist.part_target = Some(targets.part);
    let mut ended = true;
    for (index, (chunk, state)) in chunks.iter().zip(states).enumerate() {
        match state {
            ChunkState::Ready { parts, .. } => {
                let mut segment =
                    Segment::new(timing.segment_uri(chunk)?, timing.duration(chunk.ticks));
                segment.parts = part_refs(chunk, parts, timing)?;
                playlist.segments.push(segment);
            }
            ChunkState::Failed(_) => break,
            _ if index < listed => {
                let duration = timing.duration(chunk.ticks);
                playlist
                    .segments
                    .push(Segment::new(timing.segment_uri(chunk)?, duration));
            }
            ChunkState::Pending | ChunkState::Stored | ChunkState::Rendering(_) => {
                ended = false;
                let parts = state.parts();
                playlist.open = Some(OpenSegment {
                    parts: part_refs(chunk, parts, timing)?,
                    ..OpenSegment::default()
                });
                playlist.preload_hint = hint(&chunks[index..], parts, timing)?;
                break;
            }
        }
    }
    playlist.ended = ended;
    // Blocking reload of what never changes again would confuse players.
    playlist.server_control =
        (!ended).then(|| ServerControl::recommended(targets.segment_s, Some(targets.part)));
    Ok(playlist)
}

/// A playlist of pictures for a player that asks for segment `msn` next, so that it
/// plays the parts before it too.
///
/// When a playlist names the last part of a segment and parts of the next one at once,
/// hls.js (1.7, its issues 5028 and 7782) leaves that last part out if the next one is
/// said to be independent, and shows a hole. So none is, of the segments about which
/// such a player may be: they are independent all the same, and the playlist says so
/// of every segment. The first parts of all may be said to be, as none come before
/// them; were none in a playlist, hls.js would take all parts for it.
pub fn for_player_at(mut playlist: MediaPlaylist, msn: u64) -> MediaPlaylist {
    let near = msn.saturating_sub(1)..=msn.saturating_add(1);
    let segments = playlist
        .segments
        .iter_mut()
        .map(|segment| &mut segment.parts);
    let open = playlist.open.iter_mut().map(|open| &mut open.parts);
    let numbered = (playlist.media_sequence..).zip(segments.chain(open));
    let mut with_parts = numbered.filter(|(_, parts)| !parts.is_empty());
    let _first = with_parts.next();
    for (_, parts) in with_parts.filter(|(number, _)| near.contains(number)) {
        for part in parts {
            part.independent = false;
        }
    }
    playlist
}

fn part_refs(
    chunk: &PlacedChunk,
    parts: &[PartMeta],
    timing: TrackTiming,
) -> Result<Vec<PartRef>, TagError> {
    let reference = |(index, part): (usize, &PartMeta)| {
        Ok(PartRef {
            uri: timing.part_uri(chunk, index)?,
            duration: timing.duration(part.ticks.into()),
            independent: part.independent,
            gap: false,
        })
    };
    parts.iter().enumerate().map(reference).collect()
}

/// The part that comes next: of this chunk, or the first of the one after it.
fn hint(
    chunks: &[PlacedChunk],
    parts: &[PartMeta],
    timing: TrackTiming,
) -> Result<Option<PreloadHint>, TagError> {
    let there: u64 = parts.iter().map(|part| u64::from(part.ticks)).sum();
    let part = match chunks {
        [chunk, ..] if there < chunk.ticks => timing.part_uri(chunk, parts.len())?,
        [_, next, ..] => timing.part_uri(next, 0)?,
        _ => return Ok(None),
    };
    Ok(Some(PreloadHint { part, map: None }))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::chunk::{AudioSpec, ChunkSpec};
    use crate::playlist::Duration;
    use crate::profile::AudioProfile;

    fn chunk(index: u64) -> PlacedChunk {
        let spec = ChunkSpec::Audio(AudioSpec {
            profile: AudioProfile::default(),
            frames: index as u32,
            voices: vec![],
        });
        PlacedChunk {
            key: spec.key(),
            spec,
            decode_time: index * 1000,
            ticks: 1000,
            dynamic: false,
            shared_layers: 0,
        }
    }

    fn ready() -> ChunkState {
        ChunkState::Ready {
            parts: vec![part(1000)],
            render_ms: None,
        }
    }

    fn part(ticks: u32) -> PartMeta {
        PartMeta {
            bytes: 10,
            ticks,
            independent: true,
        }
    }

    fn text(states: &[ChunkState]) -> String {
        text_with(states, 0, 0)
    }

    fn text_with(states: &[ChunkState], listed: usize, first_decode_time: u64) -> String {
        let chunks: Vec<PlacedChunk> = (0..states.len() as u64).map(chunk).collect();
        let clock = NonZeroU32::new(1000).expect("not zero");
        let targets = Targets {
            segment_s: 1,
            part: Duration::new(500, clock),
        };
        let map = Uri::new("/i/x.mp4").expect("clean");
        let timing = TrackTiming {
            clock,
            first_decode_time,
        };
        let text = snapshot(&chunks, states, listed, timing, targets, map)
            .expect("clean")
            .to_text();
        chunks.iter().fold(text, |text, chunk| {
            text.replace(
                &chunk.key.to_string(),
                &format!("k{}", chunk.decode_time / 1000),
            )
        })
    }

    #[test]
    fn the_playlist_ends_before_the_first_gap_and_hints_at_the_next_part() {
        let text = text(&[ready(), ChunkState::Rendering(vec![part(500)]), ready()]);
        assert!(text.contains("#EXTINF:1.0,\n/c/k0/0.m4s"), "{text}");
        assert!(text.contains("URI=\"/c/k1/1000.0.m4s\""), "{text}");
        assert!(
            text.contains("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"/c/k1/1000.1.m4s\""),
            "{text}"
        );
        assert!(!text.contains("k2") && !text.contains("ENDLIST"), "{text}");
        assert!(text.contains("CAN-BLOCK-RELOAD=YES"), "{text}");
    }

    #[test]
    fn what_is_there_in_another_size_is_listed_without_parts() {
        let states = [
            ready(),
            ChunkState::Pending,
            ChunkState::Rendering(vec![part(500)]),
        ];
        let text = text_with(&states, 2, 0);
        assert!(text.contains("#EXTINF:1.0,\n/c/k1/1000.m4s"), "{text}");
        assert!(!text.contains("k1/1000.0"), "{text}");
        assert!(text.contains("URI=\"/c/k2/2000.0.m4s\""), "{text}");
        let text = text_with(&states, 3, 0);
        assert!(
            text.contains("/c/k2/2000.m4s") && text.contains("ENDLIST"),
            "{text}"
        );
    }

    #[test]
    fn a_track_that_begins_later_has_all_its_addresses_later() {
        let states = [ready(), ChunkState::Rendering(vec![part(500)])];
        let text = text_with(&states, 0, 80);
        for address in ["/c/k0/80.m4s", "/c/k0/80.0.m4s", "/c/k1/1080.0.m4s"] {
            assert!(text.contains(address), "{text}");
        }
        assert!(text.contains("PART,URI=\"/c/k1/1080.1.m4s\""), "{text}");
    }

    #[test]
    fn the_first_segment_has_number_one() {
        let text = text(&[ready(), ChunkState::Pending]);
        assert!(text.contains("#EXT-X-MEDIA-SEQUENCE:1\n"), "{text}");
    }

    #[test]
    fn of_the_segments_about_a_player_no_part_is_said_to_be_independent() {
        let chunks: Vec<PlacedChunk> = (0..6).map(chunk).collect();
        let states = [
            vec![ready(); 5],
            vec![ChunkState::Rendering(vec![part(500)])],
        ]
        .concat();
        let timing = TrackTiming {
            clock: NonZeroU32::new(1000).expect("not zero"),
            first_decode_time: 0,
        };
        let targets = Targets {
            segment_s: 1,
            part: timing.duration(500),
        };
        let map = Uri::new("/i/x.mp4").expect("clean");
        let whole = snapshot(&chunks, &states, 0, timing, targets, map).expect("clean");
        let independent = |msn: u64| {
            let playlist = for_player_at(whole.clone(), msn);
            let segments = playlist.segments.iter().map(|segment| &segment.parts);
            let parts = segments.chain(playlist.open.iter().map(|open| &open.parts));
            let first = parts.map(|parts| parts[0].independent);
            first.collect::<Vec<_>>()
        };
        // Of segments 1 to 6.
        assert_eq!(independent(3), [true, false, false, false, true, true]);
        assert_eq!(independent(1), [true, false, true, true, true, true]);
        assert_eq!(independent(6), [true, true, true, true, false, false]);
        assert_eq!(independent(u64::MAX), [true; 6]);
    }

    #[test]
    fn a_full_chunk_hints_at_the_first_part_of_the_next() {
        let text = text(&[ChunkState::Rendering(vec![part(1000)]), ChunkState::Pending]);
        assert!(text.contains("URI=\"/c/k1/1000.0.m4s\""), "{text}");
    }

    #[test]
    fn when_all_is_there_or_a_chunk_failed_it_ends() {
        for states in [
            vec![ready(), ready()],
            vec![ready(), ChunkState::Failed("no".into()), ready()],
        ] {
            let text = text(&states);
            assert!(
                text.contains("#EXT-X-ENDLIST")
                    && !text.contains("PRELOAD")
                    && !text.contains("CAN-BLOCK"),
                "{text}"
            );
        }
    }
}
