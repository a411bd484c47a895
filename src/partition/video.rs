//! One video chunk: what is seen between two cuts, in its normal form.

use crate::chunk::ChunkSpec;
use crate::chunk::spec::{Layer, LayerContent, Matte, Moment, Path, VideoSpec};
use crate::partition::PlacedChunk;
use crate::time::FrameRange;
use crate::timeline::state::State;
use crate::timeline::{Clip, Content, Drawing, Timeline};

/// The chunk of these frames of the whole.
pub(super) fn chunk(timeline: &Timeline, range: FrameRange) -> PlacedChunk {
    let profile = &timeline.video;
    let (spec, shared) = spec(timeline, range);
    let dynamic = shared < spec.layers.len();
    let spec = ChunkSpec::Video(spec);
    let ticks = u64::from(profile.rate.ticks_per_frame());
    let start = range.start.saturating_sub(timeline.excerpt.first);
    PlacedChunk {
        key: spec.key(),
        spec,
        decode_time: u64::from(start) * ticks,
        ticks: u64::from(range.len()) * ticks,
        dynamic,
        shared_layers: if dynamic { shared } else { 0 },
    }
}

/// What these frames of the whole look like, and how many of its layers, from the
/// lowest, are the same for every recipient.
pub(super) fn spec(timeline: &Timeline, range: FrameRange) -> (VideoSpec, usize) {
    let profile = &timeline.video;
    let (layout, scale) = (timeline.layout(), timeline.scale());
    let mut layers = Vec::new();
    let mut background = Some(timeline.background);
    let mut dynamic = Vec::new();
    let time = |frame: u32| profile.rate.frame_start(i64::from(frame));
    let (from, until) = (time(range.start), time(range.end));
    // Captions are thousands of clips: most are passed over by this alone.
    let may_be_on = |clip: &&Clip| clip.start < until && clip.start + clip.length > from;
    // From the top down, so that what is hidden is never looked at.
    for clip in timeline.layers.iter().rev().filter(may_be_on) {
        if clip.frames(profile).intersect(range).is_empty() {
            continue;
        }
        let states: Vec<State> = (range.start..range.end)
            .map(|frame| scale.state(clip.state(frame, &layout)))
            .collect();
        if states.iter().all(|state| *state == State::HIDDEN) {
            continue;
        }
        let hides = clip.is_opaque()
            && states
                .iter()
                .all(|state| state.covers(profile.width, profile.height));
        dynamic.push(clip.dynamic);
        layers.push(Layer {
            content: content(clip, timeline, range),
            treatment: clip.treatment,
            path: Path::new(states),
            mattes: mattes(clip, timeline, range),
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
    let spec = VideoSpec {
        profile: profile.clone(),
        frames: range.len(),
        background,
        layers,
    };
    (spec, shared)
}

/// The mattes of `clip` that are on in some of these frames.
fn mattes(clip: &Clip, timeline: &Timeline, range: FrameRange) -> Vec<Matte> {
    let (layout, scale) = (timeline.layout(), timeline.scale());
    let matte = |matte: &Clip| {
        let on = matte.frames(&layout);
        if on.intersect(range).is_empty() {
            return None;
        }
        let states = (range.start..range.end)
            .map(|frame| {
                let is_on = (on.start..on.end).contains(&frame);
                is_on.then(|| scale.state(matte.state(frame, &layout)))
            })
            .collect();
        Some(Matte {
            content: content(matte, timeline, range),
            treatment: matte.treatment,
            path: Path::new(states),
        })
    };
    clip.mattes.iter().filter_map(matte).collect()
}

fn content(clip: &Clip, timeline: &Timeline, range: FrameRange) -> LayerContent {
    let first_frame = timeline.video.rate.frame_start(i64::from(range.start));
    let local = first_frame - clip.start;
    match &clip.content {
        Content::Still { asset, .. } => LayerContent::Still { asset: *asset },
        Content::Drawn(Drawing { art, settles }) => LayerContent::Drawn {
            art: art.clone(),
            moment: Moment::new(art.same_as(local), *settles),
        },
        Content::Footage(footage) => LayerContent::Footage {
            asset: footage.asset,
            from: footage.trim + footage.speed.played(local),
            speed: footage.speed,
        },
    }
}
