//! One video chunk: what is seen between two cuts, in its normal form.

use crate::chunk::ChunkSpec;
use crate::chunk::spec::{Layer, LayerContent, Path, VideoSpec};
use crate::partition::PlacedChunk;
use crate::time::FrameRange;
use crate::timeline::motion::State;
use crate::timeline::{Clip, Content, Timeline};

/// The chunk of these frames.
pub(super) fn chunk(timeline: &Timeline, range: FrameRange) -> PlacedChunk {
    let profile = &timeline.video;
    let mut layers = Vec::new();
    let mut background = Some(timeline.background);
    let mut dynamic = Vec::new();
    // From the top down, so that what is hidden is never looked at.
    for clip in timeline.layers.iter().rev() {
        if clip.frames(profile).intersect(range).is_empty() {
            continue;
        }
        let states: Vec<State> = (range.start..range.end)
            .map(|frame| clip.state(frame, profile))
            .collect();
        if states.iter().all(|state| *state == State::HIDDEN) {
            continue;
        }
        let hides = is_opaque(&clip.content)
            && states
                .iter()
                .all(|state| state.covers(profile.width, profile.height));
        dynamic.push(clip.dynamic);
        layers.push(Layer {
            content: content(clip, timeline, range),
            path: Path::new(states),
            label: clip.label.clone(),
        });
        if hides {
            background = None;
            break;
        }
    }
    layers.reverse();
    let shared = dynamic
        .iter()
        .rev()
        .take_while(|dynamic| !**dynamic)
        .count();
    let dynamic = shared < layers.len();
    let spec = ChunkSpec::Video(VideoSpec {
        profile: profile.clone(),
        frames: range.len(),
        background,
        layers,
    });
    let ticks = u64::from(profile.rate.ticks_per_frame());
    PlacedChunk {
        key: spec.key(),
        spec,
        decode_time: u64::from(range.start) * ticks,
        ticks: u64::from(range.len()) * ticks,
        dynamic,
        shared_layers: if dynamic { shared } else { 0 },
    }
}

fn is_opaque(content: &Content) -> bool {
    match content {
        Content::Footage { .. } => true,
        Content::Still { opaque, .. } => *opaque,
        Content::Markup(_) => false,
    }
}

fn content(clip: &Clip, timeline: &Timeline, range: FrameRange) -> LayerContent {
    match &clip.content {
        Content::Still { asset, .. } => LayerContent::Still { asset: *asset },
        Content::Markup(markup) => LayerContent::Markup(markup.clone()),
        Content::Footage { asset, trim, .. } => {
            let first_frame = timeline.video.rate.frame_start(i64::from(range.start));
            LayerContent::Footage {
                asset: *asset,
                from: *trim + (first_frame - clip.start),
            }
        }
    }
}
