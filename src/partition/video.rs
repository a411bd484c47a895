//! One video chunk: what is seen between two cuts, in its normal form.

use crate::chunk::ChunkSpec;
use crate::chunk::spec::{Layer, LayerContent, Matte, Moment, Path, VideoSpec};
use crate::partition::PlacedChunk;
use crate::partition::sweep::Sweep;
use crate::time::FrameRange;
use crate::timeline::state::State;
use crate::timeline::{Clip, Content, Drawing, Timeline};

/// The chunks between these cuts.
pub(super) fn chunks(timeline: &Timeline, cuts: &[u32]) -> Vec<PlacedChunk> {
    let spans = timeline.layers.iter().map(|clip| {
        let on = clip.frames(&timeline.video);
        (i64::from(on.start), i64::from(on.end))
    });
    let mut sweep = Sweep::new(spans);
    let ranges = cuts.windows(2).map(|cut| FrameRange {
        start: cut[0],
        end: cut[1],
    });
    ranges
        .map(|range| {
            let on = sweep.between(range.start.into(), range.end.into()).rev();
            chunk(timeline, range, on.filter_map(|at| timeline.layers.get(at)))
        })
        .collect()
}

/// The chunk of these frames of the whole, in which these clips are on, the highest first.
fn chunk<'a>(
    timeline: &'a Timeline,
    range: FrameRange,
    on: impl Iterator<Item = &'a Clip>,
) -> PlacedChunk {
    let profile = &timeline.video;
    let (spec, shared) = spec(timeline, range, on);
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
/// lowest, are the same for every recipient. No other clips are looked at than these, the
/// highest first.
pub(super) fn spec<'a>(
    timeline: &'a Timeline,
    range: FrameRange,
    clips: impl Iterator<Item = &'a Clip>,
) -> (VideoSpec, usize) {
    let profile = &timeline.video;
    let mut layers = Vec::new();
    let mut background = Some(timeline.background);
    let mut dynamic = Vec::new();
    // From the top down, so that what is hidden is never looked at.
    for clip in clips {
        if clip.frames(profile).intersect(range).is_empty() {
            continue;
        }
        let path = path(clip, timeline, range);
        let states = path.states();
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
            path,
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

/// Where `clip` stands in these frames.
fn path(clip: &Clip, timeline: &Timeline, range: FrameRange) -> Path {
    let (layout, scale) = (timeline.layout(), timeline.scale());
    let of = |frame| scale.state(clip.state(frame, &layout));
    // Most clips stand still most of the time: one look is enough then.
    if clip.is_at_rest(range.start, range.end.saturating_sub(1), &layout) {
        return Path::Rest(of(range.start));
    }
    Path::new((range.start..range.end).map(of).collect())
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
