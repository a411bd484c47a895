//! Joining a live stream: which request for a playlist waits, and for what.
//!
//! Pure: what a terminal asks and how far a track is come in, a decision comes out.
//! Who waits, and until when, is decided by those above.

/// When requests for a playlist wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JoinPolicy {
    /// Never.
    Off,
    /// Only where a stream is so young that there is nothing to begin with: players of
    /// low-latency HLS join at the newest part anyway.
    #[default]
    LowLatency,
    /// A terminal's first request waits for the segment that is current then, and gets
    /// an index that ends with it: nobody begins with what is old already.
    Wait,
}

impl JoinPolicy {
    /// All, by their names.
    pub const NAMED: [(&str, Self); 3] = [
        ("off", Self::Off),
        ("low-latency", Self::LowLatency),
        ("wait", Self::Wait),
    ];
}

/// Segments of the first index at least where terminals wait for the current one: that
/// one, and one that is older.
const LEAST_WAITED_FOR: usize = 2;

/// How a stream is joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JoinConfig {
    /// Who waits.
    pub policy: JoinPolicy,
    /// Segments that the first index of all has at least.
    pub min_segments: usize,
    /// How long anybody waits, in milliseconds.
    pub deadline_ms: u64,
}

impl Default for JoinConfig {
    /// A young stream's first segment is waited for, ten seconds at most.
    fn default() -> Self {
        Self {
            policy: JoinPolicy::default(),
            min_segments: 1,
            deadline_ms: 10_000,
        }
    }
}

/// Who asks for a track's playlist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminal {
    /// One that was given an identifier, for the first time.
    First,
    /// The same again.
    Known,
    /// One without an identifier, or with one that is not known (any more).
    Unknown,
}

/// How far a track is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// How many of its segments are whole and listed.
    pub whole: usize,
    /// The number of the segment that is open or comes next.
    pub current: u64,
    /// Whether nothing will be added.
    pub ended: bool,
}

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// Nothing.
    Now,
    /// That there is enough to begin with; then it is answered as things are.
    Enough,
    /// The segment of this number; then it is answered as things were when that one
    /// became whole, whenever it is told.
    Segment(u64),
}

impl JoinConfig {
    /// Segments that are enough to begin with.
    pub fn least(&self) -> usize {
        match self.policy {
            JoinPolicy::Off => 0,
            JoinPolicy::LowLatency => self.min_segments,
            JoinPolicy::Wait => self.min_segments.max(LEAST_WAITED_FOR),
        }
    }

    /// What a plain request waits for. One with `_HLS_msn` waits for what it names and
    /// is none of these.
    pub fn join(&self, terminal: Terminal, reached: Reached) -> Join {
        match (self.policy, terminal) {
            _ if reached.ended => Join::Now,
            (JoinPolicy::Off, _) => Join::Now,
            (JoinPolicy::Wait, Terminal::First) => Join::Segment(reached.current),
            (JoinPolicy::Wait | JoinPolicy::LowLatency, _) => Join::Enough,
        }
    }

    /// Whether what was waited for is there.
    pub fn is_there(&self, join: Join, reached: Reached) -> bool {
        let enough = reached.ended || reached.whole >= self.least();
        match join {
            Join::Now => true,
            Join::Enough => enough,
            Join::Segment(number) => enough && (reached.ended || reached.current > number),
        }
    }

    /// Whether a request that has waited for as long as any may is answered with what
    /// there is.
    pub fn will_do(&self, reached: Reached) -> bool {
        self.is_there(Join::Enough, reached)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn config(policy: JoinPolicy, min_segments: usize) -> JoinConfig {
        JoinConfig {
            policy,
            min_segments,
            deadline_ms: 10_000,
        }
    }

    const fn reached(whole: usize, current: u64) -> Reached {
        Reached {
            whole,
            current,
            ended: false,
        }
    }

    #[test]
    fn only_a_terminals_first_request_waits_for_the_current_segment() {
        use JoinPolicy::{LowLatency, Off, Wait};
        use Terminal::{First, Known, Unknown};
        for (policy, terminal, join) in [
            (Off, First, Join::Now),
            (Off, Unknown, Join::Now),
            (LowLatency, First, Join::Enough),
            (LowLatency, Unknown, Join::Enough),
            (Wait, First, Join::Segment(7)),
            (Wait, Known, Join::Enough),
            (Wait, Unknown, Join::Enough),
        ] {
            let decided = config(policy, 1).join(terminal, reached(6, 7));
            assert_eq!(decided, join, "{policy:?} {terminal:?}");
            let over = Reached {
                ended: true,
                ..reached(6, 7)
            };
            assert_eq!(config(policy, 1).join(terminal, over), Join::Now);
        }
    }

    #[test]
    fn a_wait_ends_when_what_it_is_for_is_there() {
        use JoinPolicy::{LowLatency, Off, Wait};
        for (policy, least, join, whole, current, there) in [
            (Off, 3, Join::Now, 0, 1, true),
            (LowLatency, 1, Join::Enough, 0, 1, false),
            (LowLatency, 1, Join::Enough, 1, 2, true),
            (LowLatency, 3, Join::Enough, 2, 3, false),
            (LowLatency, 3, Join::Enough, 3, 4, true),
            (Wait, 1, Join::Segment(7), 6, 7, false),
            (Wait, 1, Join::Segment(7), 7, 8, true),
            // It may be told late.
            (Wait, 1, Join::Segment(7), 9, 10, true),
            // A cold stream: its current segment and one more.
            (Wait, 1, Join::Segment(1), 1, 2, false),
            (Wait, 1, Join::Segment(1), 2, 3, true),
            (Wait, 4, Join::Segment(1), 3, 4, false),
            // Again, and the stream is young still.
            (Wait, 1, Join::Enough, 1, 2, false),
            (Wait, 1, Join::Enough, 2, 3, true),
        ] {
            let config = config(policy, least);
            let is_there = config.is_there(join, reached(whole, current));
            assert_eq!(is_there, there, "{policy:?} {join:?} {whole} {current}");
            let over = Reached {
                ended: true,
                ..reached(whole, current)
            };
            assert!(config.is_there(join, over));
        }
    }

    #[test]
    fn who_waited_long_enough_gets_what_there_is_if_that_is_enough() {
        let config = config(JoinPolicy::Wait, 3);
        assert!(!config.will_do(reached(2, 3)));
        assert!(config.will_do(reached(3, 4)));
    }
}
