//! The growing playlist of a video that is still being rendered.

use std::num::NonZeroU32;

use crate::chunk::PartMeta;
use crate::partition::PlacedChunk;
use crate::playlist::{
    Duration, Kind, MediaPlaylist, OpenSegment, PartRef, PreloadHint, Segment, ServerControl,
    TagError, Uri,
};
use crate::publish::playlists::{FROM_THE_START, Targets};
use crate::publish::state::ChunkState;

/// The number of the first segment.
///
/// Not 0: hls.js (1.7) takes a part of segment 0 for no part, forgets that it
/// has it, and asks for the last one again and again, for ever once the
/// playlist has ended.
const FIRST_SEQUENCE: u64 = 1;

/// The address of a chunk as a segment.
pub fn segment_uri(chunk: &PlacedChunk) -> Result<Uri, TagError> {
    Uri::new(format!("/c/{}/{}.m4s", chunk.key, chunk.decode_time))
}

/// The address of part `part` of a chunk.
fn part_uri(chunk: &PlacedChunk, part: usize) -> Result<Uri, TagError> {
    Uri::new(format!("/c/{}/{}.{part}.m4s", chunk.key, chunk.decode_time))
}

/// A track as it is now: the chunks that are there without a gap from the
/// start, then the parts of the one being rendered. A failed chunk ends it.
///
/// The first `listed` are named whether they are there or not: the same pictures are,
/// in another size. They are rendered when they are asked for.
pub fn snapshot(
    chunks: &[PlacedChunk],
    states: &[ChunkState],
    listed: usize,
    clock: NonZeroU32,
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
                    Segment::new(segment_uri(chunk)?, Duration::new(chunk.ticks, clock));
                segment.parts = part_refs(chunk, parts, clock)?;
                playlist.segments.push(segment);
            }
            ChunkState::Failed(_) => break,
            _ if index < listed => {
                let duration = Duration::new(chunk.ticks, clock);
                playlist
                    .segments
                    .push(Segment::new(segment_uri(chunk)?, duration));
            }
            ChunkState::Pending | ChunkState::Stored | ChunkState::Rendering(_) => {
                ended = false;
                let parts = state.parts();
                playlist.open = Some(OpenSegment {
                    parts: part_refs(chunk, parts, clock)?,
                    ..OpenSegment::default()
                });
                playlist.preload_hint = hint(&chunks[index..], parts)?;
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

fn part_refs(
    chunk: &PlacedChunk,
    parts: &[PartMeta],
    clock: NonZeroU32,
) -> Result<Vec<PartRef>, TagError> {
    let reference = |(index, part): (usize, &PartMeta)| {
        Ok(PartRef {
            uri: part_uri(chunk, index)?,
            duration: Duration::new(part.ticks.into(), clock),
            independent: part.independent,
            gap: false,
        })
    };
    parts.iter().enumerate().map(reference).collect()
}

/// The part that comes next: of this chunk, or the first of the one after it.
fn hint(chunks: &[PlacedChunk], parts: &[PartMeta]) -> Result<Option<PreloadHint>, TagError> {
    let there: u64 = parts.iter().map(|part| u64::from(part.ticks)).sum();
    let part = match chunks {
        [chunk, ..] if there < chunk.ticks => part_uri(chunk, parts.len())?,
        [_, next, ..] => part_uri(next, 0)?,
        _ => return Ok(None),
    };
    Ok(Some(PreloadHint { part, map: None }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::{AudioSpec, ChunkSpec};
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
        text_with(states, 0)
    }

    fn text_with(states: &[ChunkState], listed: usize) -> String {
        let chunks: Vec<PlacedChunk> = (0..states.len() as u64).map(chunk).collect();
        let clock = NonZeroU32::new(1000).expect("not zero");
        let targets = Targets {
            segment_s: 1,
            part: Duration::new(500, clock),
        };
        let map = Uri::new("/i/x.mp4").expect("clean");
        let text = snapshot(&chunks, states, listed, clock, targets, map)
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
        let text = text_with(&states, 2);
        assert!(text.contains("#EXTINF:1.0,\n/c/k1/1000.m4s"), "{text}");
        assert!(!text.contains("k1/1000.0"), "{text}");
        assert!(text.contains("URI=\"/c/k2/2000.0.m4s\""), "{text}");
        let text = text_with(&states, 3);
        assert!(
            text.contains("/c/k2/2000.m4s") && text.contains("ENDLIST"),
            "{text}"
        );
    }

    #[test]
    fn the_first_segment_has_number_one() {
        let text = text(&[ready(), ChunkState::Pending]);
        assert!(text.contains("#EXT-X-MEDIA-SEQUENCE:1\n"), "{text}");
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
