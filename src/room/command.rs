//! What a room is told, and what it wants done.

/// Counts the rooms of an edge: a room that is opened again under the same name is
/// another one, and what is still on its way to the old one is not for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u64);

/// A viewer of one room, in the order in which they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ViewerId(pub u64);

/// A stream from upstream of one room, in the order in which they were opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UpstreamId(pub u64);

/// What became of a stream from upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Upstream answers, and frames will follow.
    Opened(UpstreamId),
    /// A frame came.
    Frame {
        /// Of which.
        upstream: UpstreamId,
        /// Whether decoding can begin with it.
        start: bool,
    },
    /// It ended as a stream does that is over.
    Ended(UpstreamId),
    /// It could not be had, or broke off.
    Failed(UpstreamId),
    /// Upstream says that there is no such stream.
    Missing(UpstreamId),
    /// It comes from the same server as the one that is given, and another server could
    /// give it.
    Crowded(UpstreamId),
    /// Time has passed.
    Tick,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Ask upstream for the stream once more.
    Open {
        /// What it is called from now on.
        upstream: UpstreamId,
        /// For whom.
        viewer: ViewerId,
        /// Whose server had better not be asked, where there is another.
        apart_from: Option<UpstreamId>,
    },
    /// Give it up. What of it is still on its way is without effect.
    Close(UpstreamId),
    /// From now on viewers are given this one, which goes on from what was given last.
    Switch {
        /// Which.
        to: UpstreamId,
        /// Why.
        reason: Reason,
    },
    /// What was given last is no longer live: nobody begins with it.
    Pause,
    /// The room is closed. Whoever is still there is told that the stream ends.
    Over(Why),
}

/// Why viewers were given another stream from upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is the first.
    First,
    /// The master whose it was has left.
    Left,
    /// It gave nothing for too long.
    Stalled,
    /// It broke off.
    Failed,
    /// It ended, and others did not.
    Ended,
}

impl Reason {
    /// Those that are hand-overs.
    pub const HANDOVERS: [Self; 4] = [Self::Left, Self::Stalled, Self::Failed, Self::Ended];

    /// Its name in answers and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Left => "left",
            Self::Stalled => "stalled",
            Self::Failed => "failed",
            Self::Ended => "ended",
        }
    }
}

/// Why a room was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Nobody watched for as long as it lingers.
    Deserted,
    /// The stream is over.
    Ended,
    /// There is no such stream.
    Missing,
    /// Upstream cannot be reached, or does not answer as it should.
    Unreachable,
    /// Upstream gave nothing for as long as viewers are patient.
    Silent,
}

impl Why {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Deserted,
        Self::Ended,
        Self::Missing,
        Self::Unreachable,
        Self::Silent,
    ];

    /// Its name in answers and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deserted => "deserted",
            Self::Ended => "ended",
            Self::Missing => "missing",
            Self::Unreachable => "unreachable",
            Self::Silent => "silent",
        }
    }
}
