//! Where what is made up comes from: a seed, or the bytes of a fuzzer.

/// Decides what is made up. The same seed or bytes decide the same.
pub struct Choices<'a> {
    bytes: &'a [u8],
    state: u64,
}

impl<'a> Choices<'a> {
    /// By a seed; never ends.
    pub fn seeded(seed: u64) -> Self {
        Self {
            bytes: &[],
            state: seed,
        }
    }

    /// By these bytes, and by what follows from their number when they are used up.
    #[allow(dead_code, reason = "only fuzzers have bytes")]
    pub fn from_bytes(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            state: bytes.len() as u64,
        }
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        if let Some((first, rest)) = self.bytes.split_first_chunk::<2>() {
            self.bytes = rest;
            return u64::from(u16::from_le_bytes(*first));
        }
        // SplitMix64.
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.number() % end as u64) as usize
    }

    /// True that often in a hundred.
    pub fn often(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// A number between these, in steps of a thousandth.
    pub fn real(&mut self, least: f64, most: f64) -> f64 {
        let steps = ((most - least) * 1000.0).round() as usize;
        least + self.below(steps + 1) as f64 / 1000.0
    }
}
