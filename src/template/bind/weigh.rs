//! How much there is to plan: a short Edit can ask for more than a machine holds.

use crate::template::error::{EditError, Pointer};
use crate::time::Time;
use crate::timeline::state::State;
use crate::timeline::{Art, Clip, Content, Drawing, Timeline};

/// The most memory that a plan may take, as `weight` estimates it: many times what a
/// three-hour video of thirty layers does.
pub const MAX_PLAN_BYTES: u64 = 1 << 30;

/// What a layer takes in one chunk, without its states and texts.
const LAYER_BYTES: u64 = 512;

/// How long a chunk is here: long ones weigh less, short ones are few.
const CHUNK: Time = Time::from_seconds(1);

/// Checks that `timeline`, in this many sizes, is not too much.
pub(super) fn check(timeline: &Timeline, sizes: usize) -> Result<(), EditError> {
    let weight = timeline
        .layers
        .iter()
        .map(|clip| weight(clip, timeline))
        .fold(0, u64::saturating_add)
        .saturating_mul(sizes as u64);
    if weight <= MAX_PLAN_BYTES {
        return Ok(());
    }
    let mib = |bytes: u64| bytes >> 20;
    Err(EditError::new(
        Pointer::from("/timeline/tracks"),
        format!("what takes about {} MiB to plan", mib(weight)),
        format!(
            "at most {} MiB: fewer, shorter or less moving clips, or shorter texts",
            mib(MAX_PLAN_BYTES)
        ),
    ))
}

/// Bytes that `clip` takes in the specs of all chunks in which it is on.
fn weight(clip: &Clip, timeline: &Timeline) -> u64 {
    let on = clip.frames(&timeline.video);
    let frames = u64::from(on.len());
    let chunks = (clip.length.flicks().max(0) / CHUNK.flicks()).unsigned_abs() + 2;
    let states = if clip.is_moving() { frames } else { 0 };
    let text = match &clip.content {
        Content::Drawn(Drawing { art, .. }) => match art {
            Art::Markup(markup) => markup.html.len() + markup.css.len(),
            Art::Svg(svg) => svg.markup.len(),
            Art::Lottie(_) => 0,
        },
        Content::Footage(_) | Content::Still { .. } => 0,
    };
    let own = chunks
        .saturating_mul(LAYER_BYTES + text as u64)
        .saturating_add(states.saturating_mul(size_of::<State>() as u64));
    clip.mattes
        .iter()
        .map(|matte| weight(matte, timeline))
        .fold(own, u64::saturating_add)
}
