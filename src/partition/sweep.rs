//! What is on between two cuts, found without looking at all there is each time.

use std::collections::BTreeMap;

/// Goes from cut to cut and knows what is on. Each thing comes and goes once, so
/// that a day of clips costs as many steps as it has clips, not clips times chunks.
pub(super) struct Sweep {
    /// Where each thing begins and ends (one past its last), with its number, by
    /// its beginning.
    coming: Vec<(i64, i64, usize)>,
    /// How many of them have come.
    come: usize,
    /// Where those end that are on, by their number.
    on: BTreeMap<usize, i64>,
}

impl Sweep {
    /// Over things that are on from a first position to one past their last. What is
    /// never on is left out.
    pub fn new(spans: impl Iterator<Item = (i64, i64)>) -> Self {
        let numbered = spans.enumerate();
        let mut coming: Vec<_> = numbered
            .filter(|(_, (start, end))| start < end)
            .map(|(number, (start, end))| (start, end, number))
            .collect();
        coming.sort_unstable();
        Self {
            coming,
            come: 0,
            on: BTreeMap::new(),
        }
    }

    /// The numbers, rising, of what is on somewhere between `from` and `to` (one past the
    /// last). Neither may lie before what was asked for last.
    pub fn between(&mut self, from: i64, to: i64) -> impl DoubleEndedIterator<Item = usize> {
        while let Some(&(start, end, number)) = self.coming.get(self.come) {
            if start >= to {
                break;
            }
            self.on.insert(number, end);
            self.come += 1;
        }
        self.on.retain(|_, end| *end > from);
        self.on.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stretch_has_what_is_on_in_it_in_order() {
        let spans = [(4, 9), (0, 2), (3, 3), (1, 5), (8, 20)];
        let mut sweep = Sweep::new(spans.into_iter());
        for (from, to, expected) in [
            (0, 1, vec![1]),
            (1, 4, vec![1, 3]),
            (2, 5, vec![0, 3]),
            (5, 8, vec![0]),
            (8, 12, vec![0, 4]),
            (20, 30, vec![]),
        ] {
            let on: Vec<usize> = sweep.between(from, to).collect();
            assert_eq!(on, expected, "{from}..{to}");
        }
    }
}
