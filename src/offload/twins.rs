//! Keys that tell apart what is the same: the same bytes, made under two keys.
//!
//! Chunks are named by what they should look like, and their bytes by what came of it. Where
//! two names come to the same bytes, something is in the name that cannot be seen. Which
//! bytes were made lately, and under which key, is kept in sets of four, the oldest forgotten
//! first; the latest pairs are kept for those who can say what their keys differ in.

use std::collections::VecDeque;

use crate::digest::Digest;

/// Contents remembered: 128 KiB.
pub const CONTENTS: usize = 2048;

/// Pairs remembered.
pub const PAIRS: usize = 32;

/// Contents of a set.
const WAYS: usize = 4;

/// Two keys of the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Twins {
    /// The key that was made first.
    pub first: Digest,
    /// The key that need not have been.
    pub second: Digest,
    /// Bytes that were made twice.
    pub bytes: u64,
    /// What making them again took.
    pub render_ms: u64,
}

/// Which bytes were made lately, and under which key.
#[derive(Clone, Debug)]
pub struct Contents {
    /// Of each set oldest first.
    sets: Vec<[Option<Made>; WAYS]>,
    pairs: VecDeque<Twins>,
}

#[derive(Clone, Copy, Debug)]
struct Made {
    /// The first eight bytes of the content's digest.
    content: [u8; 8],
    key: Digest,
}

impl Contents {
    /// Room for `most` contents, rounded up to a power of two.
    pub fn new(most: usize) -> Self {
        Self {
            sets: vec![[None; WAYS]; most.div_ceil(WAYS).next_power_of_two()],
            pairs: VecDeque::new(),
        }
    }

    /// The other key of the bytes with digest `content`, just made under `key`, if they
    /// were made before. If they were not, they are `key`'s.
    pub fn made(&mut self, key: &Digest, content: &Digest) -> Option<Digest> {
        let [a, b, c, d, e, f, g, h, set, sub, ..] = *content.as_bytes();
        let content = [a, b, c, d, e, f, g, h];
        let at = usize::from(u16::from_be_bytes([set, sub])) & (self.sets.len() - 1);
        let set = &mut self.sets[at];
        let known = set.iter().flatten().find(|made| made.content == content);
        match known {
            Some(made) => (made.key != *key).then_some(made.key),
            None => {
                set.rotate_left(1);
                set[WAYS - 1] = Some(Made { content, key: *key });
                None
            }
        }
    }

    /// Remembers a pair; the oldest goes.
    pub fn pair(&mut self, twins: Twins) {
        if self.pairs.len() >= PAIRS {
            self.pairs.pop_front();
        }
        self.pairs.push_back(twins);
    }

    /// The latest pairs, the newest first.
    pub fn pairs(&self) -> impl Iterator<Item = &Twins> {
        self.pairs.iter().rev()
    }

    /// The memory that they take, in bytes.
    pub fn memory(&self) -> usize {
        self.sets.len() * size_of::<[Option<Made>; WAYS]>()
            + self.pairs.capacity() * size_of::<Twins>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(seed: u32) -> Digest {
        Digest::of(&seed.to_le_bytes())
    }

    #[test]
    fn the_same_bytes_under_another_key_are_noticed_and_under_the_same_are_not() {
        let mut contents = Contents::new(CONTENTS);
        assert_eq!(contents.made(&digest(1), &digest(100)), None);
        assert_eq!(contents.made(&digest(1), &digest(100)), None, "made again");
        assert_eq!(contents.made(&digest(2), &digest(100)), Some(digest(1)));
        assert_eq!(contents.made(&digest(3), &digest(101)), None);
    }

    #[test]
    fn what_was_made_long_ago_is_forgotten_and_so_are_pairs() {
        let mut contents = Contents::new(16);
        for seed in 0..1000 {
            contents.made(&digest(seed), &digest(seed + 5000));
        }
        assert_eq!(contents.made(&digest(2000), &digest(5000)), None);
        for seed in 0..100 {
            contents.pair(Twins {
                first: digest(seed),
                second: digest(seed + 1),
                bytes: 1,
                render_ms: 1,
            });
        }
        assert_eq!(contents.pairs().count(), PAIRS);
        assert_eq!(
            contents.pairs().next().map(|pair| pair.first),
            Some(digest(99))
        );
    }
}
