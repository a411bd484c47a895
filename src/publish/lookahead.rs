//! Which of a video's chunks is asked for next. Pure: who watches where, in;
//! chunks, out.
//!
//! All chunks of all tracks stand in one row, by the time at which they are shown.
//! What is asked for begins at the playhead and goes on to the horizon, or to the end
//! and then on from the start, of those tracks that are wanted. A seek moves the playhead.

use std::ops::Range;

use crate::partition::TrackKind;

/// One chunk: its track, and its index there.
pub type Place = (TrackKind, usize);

/// The row of chunks, and how far it has been asked for.
#[derive(Debug)]
pub struct Lookahead {
    row: Vec<Slot>,
    playhead: usize,
}

#[derive(Debug)]
struct Slot {
    place: Place,
    /// When it is shown, in microseconds from the start.
    start_us: u64,
    asked: bool,
}

impl Slot {
    /// Whether it is yet to be asked for.
    fn is_due(&self, wanted: &impl Fn(TrackKind) -> bool) -> bool {
        !self.asked && wanted(self.place.0)
    }
}

impl Lookahead {
    /// A row of chunks with their starts in microseconds.
    pub fn new(chunks: impl IntoIterator<Item = (Place, u64)>) -> Self {
        let mut row: Vec<Slot> = chunks
            .into_iter()
            .map(|(place, start_us)| Slot {
                place,
                start_us,
                asked: false,
            })
            .collect();
        // At one time, first what is seen.
        row.sort_by_key(|slot| (slot.start_us, slot.place.0 == TrackKind::Audio));
        Self { row, playhead: 0 }
    }

    /// Moves the playhead to where this chunk is shown.
    pub fn seek(&mut self, to: Place) {
        if let Some(found) = self.row.iter().position(|slot| slot.place == to) {
            self.playhead = found;
        }
    }

    /// The next chunk of a `wanted` track that is to be asked for, now asked for; `None`
    /// if all up to `horizon_us` from the playhead are (where there is no horizon: all).
    pub fn next(
        &mut self,
        horizon_us: Option<u64>,
        wanted: impl Fn(TrackKind) -> bool,
    ) -> Option<Place> {
        let ahead = self.ahead(horizon_us);
        let wrapped = match horizon_us {
            None => 0..self.playhead,
            Some(_) => 0..0,
        };
        let next = ahead
            .chain(wrapped)
            .find(|index| self.row[*index].is_due(&wanted))?;
        self.row[next].asked = true;
        Some(self.row[next].place)
    }

    /// This chunk is asked for no more, though it did not come.
    pub fn forget(&mut self, place: Place) {
        if let Some(slot) = self.row.iter_mut().find(|slot| slot.place == place) {
            slot.asked = false;
        }
    }

    /// Whether this chunk is shown between the playhead and `horizon_us` from there.
    pub fn is_ahead(&self, place: Place, horizon_us: u64) -> bool {
        self.ahead(Some(horizon_us))
            .any(|index| self.row[index].place == place)
    }

    /// Whether a chunk of a `wanted` track up to `horizon_us` from the playhead was not
    /// asked for.
    pub fn lacks(&self, horizon_us: u64, wanted: impl Fn(TrackKind) -> bool) -> bool {
        self.ahead(Some(horizon_us))
            .any(|index| self.row[index].is_due(&wanted))
    }

    /// Whether all chunks of the `wanted` tracks were asked for.
    pub fn is_done(&self, wanted: impl Fn(TrackKind) -> bool) -> bool {
        !self.row.iter().any(|slot| slot.is_due(&wanted))
    }

    /// From the first chunk that is shown with the one at the playhead, to the horizon.
    fn ahead(&self, horizon_us: Option<u64>) -> Range<usize> {
        let Some(head) = self.row.get(self.playhead) else {
            return 0..0;
        };
        let end = match horizon_us {
            None => self.row.len(),
            Some(horizon) => {
                let until = head.start_us.saturating_add(horizon);
                self.row.partition_point(|slot| slot.start_us <= until)
            }
        };
        self.playhead..end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    fn video(index: usize) -> Place {
        (TrackKind::Video, index)
    }

    fn audio(index: usize) -> Place {
        (TrackKind::Audio, index)
    }

    /// Five chunks of pictures of two seconds, three of sound of four.
    fn row() -> Lookahead {
        let pictures = (0..5).map(|index| (video(index), index as u64 * 2 * SECOND));
        let sound = (0..3).map(|index| (audio(index), index as u64 * 4 * SECOND));
        Lookahead::new(pictures.chain(sound))
    }

    fn any(_: TrackKind) -> bool {
        true
    }

    fn all(lookahead: &mut Lookahead, horizon_us: Option<u64>) -> Vec<Place> {
        std::iter::from_fn(|| lookahead.next(horizon_us, any)).collect()
    }

    #[test]
    fn chunks_come_in_the_order_in_which_they_are_watched() {
        let mut row = row();
        let expected = [
            video(0),
            audio(0),
            video(1),
            video(2),
            audio(1),
            video(3),
            video(4),
            audio(2),
        ];
        assert_eq!(all(&mut row, None), expected);
        assert!(row.is_done(any) && row.next(None, any).is_none());
    }

    #[test]
    fn a_horizon_bounds_what_is_asked_for_and_moves_with_the_playhead() {
        let mut row = row();
        let expected = [video(0), audio(0), video(1)];
        assert_eq!(all(&mut row, Some(3 * SECOND)), expected);
        row.seek(video(1));
        assert_eq!(all(&mut row, Some(3 * SECOND)), [video(2), audio(1)]);
        assert!(!row.is_done(any));
    }

    #[test]
    fn a_seek_goes_on_from_there_and_then_from_the_start() {
        let mut row = row();
        assert_eq!(row.next(None, any), Some(video(0)));
        row.seek(video(3));
        let expected = [
            video(3),
            video(4),
            audio(2),
            audio(0),
            video(1),
            video(2),
            audio(1),
        ];
        assert_eq!(all(&mut row, None), expected);
    }

    #[test]
    fn what_was_dropped_is_asked_for_again() {
        let mut row = row();
        all(&mut row, None);
        row.forget(video(2));
        assert!(!row.is_done(any));
        assert_eq!(all(&mut row, None), [video(2)]);
        assert_eq!(all(&mut Lookahead::new([]), None), []);
    }

    #[test]
    fn what_lies_between_playhead_and_horizon_is_ahead() {
        let mut row = row();
        row.seek(video(2));
        for (place, expected) in [
            (video(1), false),
            (video(2), true),
            (audio(1), true),
            (video(3), true),
            (video(4), false),
        ] {
            assert_eq!(row.is_ahead(place, 3 * SECOND), expected, "{place:?}");
        }
        row.seek(video(99));
        assert!(
            row.is_ahead(video(2), 0),
            "no such chunk: it stays where it is"
        );
        assert!(row.lacks(0, any));
        all(&mut row, Some(SECOND));
        assert!(!row.lacks(SECOND, any) && row.lacks(9 * SECOND, any));
    }

    #[test]
    fn only_tracks_that_are_wanted_are_asked_for() {
        let rung = |index| (TrackKind::Rung(360), index);
        let starts = |index: usize| index as u64 * 2 * SECOND;
        let both = (0..3).flat_map(|at| [(video(at), starts(at)), (rung(at), starts(at))]);
        let mut row = Lookahead::new(both);
        let small = |kind| kind == TrackKind::Rung(360);
        row.seek(rung(1));
        assert!(row.lacks(0, small));
        assert_eq!(row.next(Some(0), small), Some(rung(1)));
        assert_eq!(row.next(Some(SECOND), small), None);
        assert!(!row.lacks(SECOND, small) && row.lacks(2 * SECOND, any));
        assert_eq!(row.next(None, small), Some(rung(2)));
        assert_eq!(row.next(None, small), Some(rung(0)));
        assert!(row.is_done(small) && !row.is_done(any));
    }
}
