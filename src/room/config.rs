//! How rooms are run.

use std::time::Duration;

/// How rooms are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomConfig {
    /// How many viewers of a room at most have a stream of their own from upstream: one
    /// that all are given, and the rest to stand by. At least 1.
    pub masters: usize,
    /// How long a room whose last viewer has left keeps its stream.
    pub linger: Duration,
    /// How long a stream from upstream may give nothing before another takes over.
    pub stall_after: Duration,
    /// How long viewers are kept though there is nothing to give them.
    pub patience: Duration,
}

impl Default for RoomConfig {
    /// One stand-by; 10 s; 2 s, as long as a segment; half a minute.
    fn default() -> Self {
        Self {
            masters: 2,
            linger: Duration::from_secs(10),
            stall_after: Duration::from_secs(2),
            patience: Duration::from_secs(30),
        }
    }
}
