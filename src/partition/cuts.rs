//! Where to cut.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::partition::{CHUNK_MIN, FIRST_CHUNK, Partitioning};
use crate::time::Time;
use crate::timeline::{Content, Timeline};

/// Where cuts fall; between them chunks are of even length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// Where something dynamic enters or leaves, and where a picture or
    /// footage does.
    #[default]
    Scenes,
    /// Only where something dynamic enters or leaves.
    Objects,
    /// At fixed intervals from zero, whatever is on.
    Fixed,
}

impl Scheme {
    /// The names of the schemes.
    pub const NAMED: [(&'static str, Self); 3] = [
        ("scenes", Self::Scenes),
        ("objects", Self::Objects),
        ("fixed", Self::Fixed),
    ];
}

/// How much a cut is worth when two are too close together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    First,
    Scene,
    Dynamic,
    End,
}

/// The frames of the whole at which video chunks begin, and the end: strictly rising,
/// from the first to the last that are shown. Those of an excerpt are those of the
/// whole, so that both have the same chunks.
pub(super) fn video_cuts(timeline: &Timeline, partitioning: &Partitioning) -> Vec<u32> {
    let rate = timeline.video.rate;
    let frames = |time: Time| {
        u32::try_from(rate.frame_at_or_after(time))
            .unwrap_or(u32::MAX)
            .max(1)
    };
    let mut wanted = Wanted::new(timeline.excerpt.of);
    if partitioning.scheme != Scheme::Fixed {
        wanted.add(frames(FIRST_CHUNK), Weight::First);
        for scene in &timeline.scenes {
            let frame = u32::try_from(rate.frame_at_or_after(*scene)).unwrap_or(u32::MAX);
            wanted.add(frame, Weight::Dynamic);
        }
        for clip in &timeline.layers {
            let scene =
                partitioning.scheme == Scheme::Scenes && !matches!(clip.content, Content::Drawn(_));
            let weight = if clip.dynamic {
                Weight::Dynamic
            } else {
                Weight::Scene
            };
            if clip.dynamic || scene {
                let on = clip.frames(&timeline.video);
                wanted.add(on.start, weight);
                wanted.add(on.end, weight);
            }
        }
    }
    let hard = wanted.settle(frames(CHUNK_MIN));
    // `fixed` counts from zero and leaves the rest at the end; the others
    // share what lies between two cuts evenly.
    let is_fixed = partitioning.scheme == Scheme::Fixed;
    let whole = fill(&hard, frames(partitioning.chunk_max), is_fixed);
    let (shown, least) = (timeline.shown(), frames(CHUNK_MIN));
    let mut cuts = within(&whole, shown.start..shown.end, least);
    // Here too the first picture should not wait for a long chunk, if it is one that
    // the whole does not have anyway.
    let first = shown.start + frames(FIRST_CHUNK);
    let is_own = whole.binary_search(&shown.start).is_err();
    if is_own && !is_fixed && cuts.get(1).is_some_and(|next| first + least <= *next) {
        cuts.insert(1, first);
    }
    cuts
}

/// The cuts that fall into `range`, and its ends. What would be shorter than `min`
/// at an end goes with its neighbour.
pub(super) fn within(cuts: &[u32], range: Range<u32>, min: u32) -> Vec<u32> {
    let Range { start, end } = range;
    if (cuts.first(), cuts.last()) == (Some(&start), Some(&end)) {
        return cuts.to_vec();
    }
    let inner = cuts.iter().copied();
    let inner = inner.filter(|cut| *cut >= start.saturating_add(min) && *cut + min <= end);
    let mut kept = vec![start];
    kept.extend(inner.filter(|cut| *cut > start && *cut < end));
    kept.push(end);
    kept
}

/// Audio cuts, in AAC frames: where a dynamic voice begins or ends. `to_frame` gives
/// the frame nearest to a time.
pub(super) fn audio_cuts(
    timeline: &Timeline,
    frames: u32,
    to_frame: impl Fn(Time) -> u32,
    min: u32,
    max: u32,
) -> Vec<u32> {
    let mut wanted = Wanted::new(frames);
    for voice in timeline.voices.iter().filter(|voice| voice.dynamic) {
        wanted.add(to_frame(voice.start), Weight::Dynamic);
        wanted.add(to_frame(voice.start + voice.length), Weight::Dynamic);
    }
    fill(&wanted.settle(min), max, true)
}

struct Wanted {
    cuts: BTreeMap<u32, Weight>,
    end: u32,
}

impl Wanted {
    fn new(end: u32) -> Self {
        Self {
            cuts: BTreeMap::from([(0, Weight::End), (end, Weight::End)]),
            end,
        }
    }

    fn add(&mut self, frame: u32, weight: Weight) {
        if frame < self.end {
            let cut = self.cuts.entry(frame).or_insert(weight);
            *cut = weight.max(*cut);
        }
    }

    /// The cuts, the less important of any two closer than `min` taken out.
    fn settle(self, min: u32) -> Vec<u32> {
        let mut kept: Vec<(u32, Weight)> = Vec::with_capacity(self.cuts.len());
        for (frame, weight) in self.cuts {
            while let Some(&(last, last_weight)) = kept.last() {
                if frame - last >= min || last_weight >= weight {
                    break;
                }
                kept.pop();
            }
            let too_close = kept.last().is_some_and(|&(last, _)| frame - last < min);
            if !too_close || weight == Weight::End {
                kept.push((frame, weight));
            }
        }
        kept.into_iter().map(|(frame, _)| frame).collect()
    }
}

/// Adds cuts so that no two are further apart than `max`, counted from the
/// cut before and not from zero.
fn fill(hard: &[u32], max: u32, rest_last: bool) -> Vec<u32> {
    let mut cuts: Vec<u32> = hard.first().copied().into_iter().collect();
    for pair in hard.windows(2) {
        let (start, length) = (pair[0], pair[1] - pair[0]);
        let pieces = length.div_ceil(max).max(1);
        let even =
            |piece: u32| (u64::from(length) * u64::from(piece)).div_ceil(u64::from(pieces)) as u32;
        let cut = |piece: u32| {
            start
                + if rest_last {
                    (piece * max).min(length)
                } else {
                    even(piece)
                }
        };
        cuts.extend((1..=pieces).map(cut));
    }
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_even_and_counted_from_the_cut() {
        for (hard, max, rest_last, expected) in [
            (vec![0, 30, 150], 60, false, vec![0, 30, 90, 150]),
            (vec![0, 100], 60, false, vec![0, 50, 100]),
            (vec![0, 101], 60, false, vec![0, 51, 101]),
            (vec![7, 108], 60, false, vec![7, 58, 108]),
            (vec![0, 100], 60, true, vec![0, 60, 100]),
            (vec![0, 1], 60, false, vec![0, 1]),
        ] {
            assert_eq!(fill(&hard, max, rest_last), expected, "{hard:?}");
        }
    }

    #[test]
    fn of_two_cuts_too_close_the_more_important_stays() {
        for (cuts, expected) in [
            (
                vec![(10, Weight::Scene), (12, Weight::Dynamic)],
                vec![0, 12, 100],
            ),
            (
                vec![(10, Weight::Dynamic), (12, Weight::Scene)],
                vec![0, 10, 100],
            ),
            (
                vec![(10, Weight::Dynamic), (12, Weight::Dynamic)],
                vec![0, 10, 100],
            ),
            (
                vec![(2, Weight::Dynamic), (98, Weight::Dynamic)],
                vec![0, 100],
            ),
            (
                vec![(100, Weight::Dynamic), (400, Weight::Dynamic)],
                vec![0, 100],
            ),
        ] {
            let mut wanted = Wanted::new(100);
            cuts.iter()
                .for_each(|&(frame, weight)| wanted.add(frame, weight));
            assert_eq!(wanted.settle(8), expected, "{cuts:?}");
        }
    }
}
