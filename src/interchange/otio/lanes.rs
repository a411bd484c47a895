//! Clips that overlap, spread over tracks on which they do not.
//!
//! In an Edit the later of two clips on a track lies above the earlier one. Here it comes to
//! a lane above it, unless the overlap is a dissolve: OTIO can say that of neighbours on one track.

use std::collections::BTreeMap;

/// A clip, by frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub first: i64,
    pub frames: i64,
    /// For how many frames it fades in and out; 0 where it does not.
    pub enter: i64,
    pub leave: i64,
    /// Whether it is heard only: then one fades out while the other fades in.
    pub is_sound: bool,
    /// Whether it may be a part of a dissolve at all.
    pub dissolves: bool,
}

impl Entry {
    pub const fn end(&self) -> i64 {
        self.first + self.frames
    }
}

/// A lane of clips, in the order of their starts, by their places in the list.
pub(super) type Lane = Vec<Placed>;

/// A clip on a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub entry: usize,
    /// For how many frames the one before it dissolves into it.
    pub overlap: i64,
}

/// Spreads clips over lanes, the lowest first; `None` where it takes more than `most`.
pub(super) fn spread(entries: &[Entry], most: usize) -> Option<Vec<Lane>> {
    // By first frames: what is on a lane.
    let mut lanes: Vec<BTreeMap<i64, Placed>> = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let plain = Placed {
            entry: index,
            overlap: 0,
        };
        let highest = lanes
            .iter()
            .rposition(|lane| !over(lane, entries, entry).is_empty());
        let Some(highest) = highest else {
            match lanes.first_mut() {
                Some(lane) => {
                    lane.insert(entry.first, plain);
                }
                None => lanes.push(BTreeMap::from([(entry.first, plain)])),
            }
            continue;
        };
        if let [under] = over(&lanes[highest], entries, entry).as_slice()
            && dissolves(&entries[under.entry], under.overlap, entry)
        {
            let overlap = entry.enter;
            lanes[highest].insert(entry.first, Placed { overlap, ..plain });
            continue;
        }
        if highest + 1 == lanes.len() {
            if lanes.len() >= most {
                return None;
            }
            lanes.push(BTreeMap::new());
        }
        lanes[highest + 1].insert(entry.first, plain);
    }
    let lanes = lanes.into_iter().map(|lane| lane.into_values().collect());
    Some(lanes.collect())
}

/// What on `lane` is on at the same time as `entry`; two of them are as good as more.
fn over(lane: &BTreeMap<i64, Placed>, entries: &[Entry], entry: &Entry) -> Vec<Placed> {
    // What began earlier may reach into it by a dissolve past the one after it.
    let before = lane.range(..=entry.first).rev().take(2);
    let after = lane.range(entry.first + 1..entry.end()).take(2);
    before
        .chain(after)
        .map(|(_, placed)| *placed)
        .filter(|placed| {
            let other = &entries[placed.entry];
            other.end() > entry.first && other.first < entry.end()
        })
        .collect()
}

/// Whether `under`, into which the one before it dissolves for `overlap` frames, dissolves
/// into `entry`.
fn dissolves(under: &Entry, overlap: i64, entry: &Entry) -> bool {
    let common = under.end() - entry.first;
    let leaves = if entry.is_sound { common } else { 0 };
    under.dissolves
        && entry.dissolves
        && under.first < entry.first
        && under.end() < entry.end()
        && entry.enter == common
        && under.leave == leaves
        && entry.first >= under.first + overlap.max(under.enter)
        && under.end() <= entry.end() - entry.leave
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(first: i64, frames: i64, enter: i64) -> Entry {
        Entry {
            first,
            frames,
            enter,
            dissolves: true,
            ..Entry::default()
        }
    }

    fn lanes(entries: &[Entry]) -> Vec<Vec<usize>> {
        let lanes = spread(entries, 500).expect("few enough");
        let of = |lane: Lane| lane.iter().map(|placed| placed.entry).collect();
        lanes.into_iter().map(of).collect()
    }

    #[test]
    fn what_does_not_overlap_is_on_one_lane_in_order() {
        assert_eq!(
            lanes(&[clip(50, 25, 0), clip(0, 50, 0), clip(75, 1, 0)]),
            [[1, 0, 2]]
        );
    }

    #[test]
    fn what_overlaps_is_above_what_came_first() {
        let entries = [
            clip(0, 50, 0),
            clip(10, 10, 0),
            clip(15, 10, 0),
            clip(60, 5, 0),
        ];
        assert_eq!(lanes(&entries), [vec![0, 3], vec![1], vec![2]]);
        // Nothing below a clip that it has to cover.
        let entries = [clip(0, 10, 0), clip(5, 10, 0), clip(12, 10, 0)];
        assert_eq!(lanes(&entries), [vec![0], vec![1], vec![2]]);
    }

    #[test]
    fn a_dissolve_stays_on_its_lane() {
        let entries = [clip(0, 50, 0), clip(40, 50, 10), clip(80, 50, 10)];
        let spread = spread(&entries, 500).expect("few enough");
        assert_eq!(spread.len(), 1);
        assert_eq!(spread[0][1].overlap, 10);
        // A longer overlap than the fade is none.
        assert_eq!(lanes(&[clip(0, 50, 0), clip(40, 50, 5)]).len(), 2);
        let out = Entry {
            leave: 10,
            ..clip(0, 50, 0)
        };
        assert_eq!(lanes(&[out, clip(40, 50, 10)]).len(), 2);
    }

    #[test]
    fn too_many_at_a_time_are_refused() {
        assert_eq!(spread(&[clip(0, 9, 0); 4], 3), None);
        assert!(spread(&[clip(0, 9, 0); 3], 3).is_some());
    }
}
