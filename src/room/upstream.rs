//! One stream from upstream, as its room sees it.

use std::time::Duration;

use super::ViewerId;

/// How long a stream has to give frames to count as one that can be had.
const STEADY: Duration = Duration::from_secs(1);

/// How a stream from upstream comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// It was asked for.
    Opening,
    /// It was granted, and nothing came yet that decoding can begin with.
    Granted,
    /// Frames come.
    Flowing,
}

impl Flow {
    /// Its name in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Granted => "granted",
            Self::Flowing => "flowing",
        }
    }
}

/// One stream from upstream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Upstream {
    /// Whose it is; nobody's when he has left and no other can take over yet.
    pub owner: Option<ViewerId>,
    pub flow: Flow,
    /// When it was asked for, granted, or last gave a frame.
    heard: Duration,
    /// When its first frame came.
    since: Option<Duration>,
}

impl Upstream {
    /// Asked for at `now` for `owner`.
    pub const fn new(owner: ViewerId, now: Duration) -> Self {
        Self {
            owner: Some(owner),
            flow: Flow::Opening,
            heard: now,
            since: None,
        }
    }

    /// It was granted at `now`.
    pub fn opened(&mut self, now: Duration) {
        if self.flow == Flow::Opening {
            self.flow = Flow::Granted;
            self.heard = now;
        }
    }

    /// It gave a frame at `now`.
    pub fn gave(&mut self, now: Duration, start: bool) {
        self.heard = now;
        self.since.get_or_insert(now);
        if start {
            self.flow = Flow::Flowing;
        }
    }

    /// When it was last heard of.
    pub const fn heard(&self) -> Duration {
        self.heard
    }

    /// Whether it was granted and has given nothing since `stall_after`.
    pub fn is_silent(&self, now: Duration, stall_after: Duration) -> bool {
        // Until it is granted, whoever asks for it watches the time.
        self.flow != Flow::Opening && now.saturating_sub(self.heard) >= stall_after
    }

    /// Whether frames come that viewers can be given.
    pub fn is_fresh(&self, now: Duration, stall_after: Duration) -> bool {
        self.flow == Flow::Flowing && !self.is_silent(now, stall_after)
    }

    /// Whether it gave frames for long enough to be no mere try.
    pub fn was_steady(&self) -> bool {
        self.since
            .is_some_and(|since| self.heard.saturating_sub(since) >= STEADY)
    }
}
