//! One channel, as everybody sees it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::broadcast::now;
use crate::casting::kept::Kept;
use crate::casting::show::Show;
use crate::casting::viewers::Viewers;
use crate::channel::Definition;
use crate::delivery::Delivery;
use crate::live::LiveTrack;
use crate::playlist::UnixMillis;

/// How a channel is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is planned, after a restart.
    Preparing,
    /// Nobody watches it.
    Idle,
    /// It is on the air.
    OnAir,
    /// It was played as often as it is to be.
    Over,
    /// It cannot be planned, as files of it are no more to be had.
    Failed(String),
}

impl Status {
    /// Its name in answers.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Idle => "idle",
            Self::OnAir => "on_air",
            Self::Over => "over",
            Self::Failed(_) => "failed",
        }
    }
}

/// How far a channel is, as its task tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Idle,
    OnAir,
    Over,
}

/// A channel.
pub struct Channel {
    /// Its name, and that of its live stream.
    pub name: String,
    /// What it plays.
    pub definition: Definition,
    /// When it was made.
    pub since: UnixMillis,
    /// What the addresses of its viewers are made with.
    pub(super) secret: Uuid,
    pub(super) delivery: Delivery,
    pub(super) lane: u128,
    pub(super) stop: CancellationToken,
    pub(super) show: OnceLock<Arc<Show>>,
    failure: OnceLock<String>,
    phase: Mutex<Phase>,
    /// Segments that were put on the air, and those that were late.
    pub(super) played: AtomicU64,
    pub(super) gaps: AtomicU64,
    pub(super) viewers: Viewers,
    pub(super) task: Mutex<Option<JoinHandle<()>>>,
}

/// One entry, as it was planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryReport {
    /// How long it lasts, in milliseconds.
    pub milliseconds: u64,
    /// Chunks of both tracks.
    pub chunks: usize,
    /// Its size in pixels.
    pub size: (u16, u16),
}

/// What is told of a channel.
#[derive(Clone, Debug)]
pub struct ChannelReport {
    /// How it is.
    pub status: Status,
    /// Its entries; none before they are planned.
    pub entries: Vec<EntryReport>,
    /// Which entry is on, by the clock, and the number of its segment.
    pub now: Option<(usize, u64)>,
    /// Segments that were put on the air.
    pub played: u64,
    /// Segments that were late, and are gaps.
    pub gaps: u64,
    /// Viewers whose data is known, and those who watch.
    pub viewers: (usize, usize),
}

impl Channel {
    pub(super) fn new(kept: Kept, delivery: Delivery) -> Self {
        let Kept {
            name,
            since_unix_ms,
            secret,
            definition,
        } = kept;
        Self {
            name,
            definition,
            since: UnixMillis(since_unix_ms),
            secret,
            delivery,
            lane: Uuid::new_v4().as_u128(),
            stop: CancellationToken::new(),
            show: OnceLock::new(),
            failure: OnceLock::new(),
            phase: Mutex::new(Phase::Idle),
            played: AtomicU64::new(0),
            gaps: AtomicU64::new(0),
            viewers: Viewers::default(),
            task: Mutex::default(),
        }
    }

    pub(super) fn set(&self, phase: Phase) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = phase;
    }

    /// It cannot be planned.
    pub(super) fn fail(&self, reason: String) {
        tracing::warn!(channel = self.name, reason, "a channel cannot be planned");
        drop(self.failure.set(reason));
    }

    fn status(&self) -> Status {
        if let Some(reason) = self.failure.get() {
            return Status::Failed(reason.clone());
        }
        if self.show.get().is_none() {
            return Status::Preparing;
        }
        match *self.phase.lock().unwrap_or_else(PoisonError::into_inner) {
            Phase::Idle => Status::Idle,
            Phase::OnAir => Status::OnAir,
            Phase::Over => Status::Over,
        }
    }

    /// What there is to tell.
    pub fn report(&self) -> ChannelReport {
        let show = self.show.get();
        let entries = show.map(|show| {
            let videos = show.videos.iter();
            let entry = |video: &super::show::Video| {
                let tracks = &show.encodings[video.encoding].tracks;
                let size = tracks.iter().find_map(|(kind, track)| match (kind, track) {
                    (LiveTrack::Video, crate::cmaf::Track::Video(track)) => {
                        Some((track.width, track.height))
                    }
                    _ => None,
                });
                let nanos = video.reel.duration().to_nanos();
                EntryReport {
                    milliseconds: u64::try_from(nanos / 1_000_000).unwrap_or(0),
                    chunks: video.reel.chunks(),
                    size: size.unwrap_or_default(),
                }
            };
            videos.map(entry).collect()
        });
        let status = self.status();
        let plays = matches!(status, Status::Idle | Status::OnAir);
        let on = show.filter(|_| plays).map(|show| {
            let slot = show.programme.on(show.since(now()));
            (slot.entry, slot.number)
        });
        ChannelReport {
            status,
            entries: entries.unwrap_or_default(),
            now: on,
            played: self.played.load(Ordering::Relaxed),
            gaps: self.gaps.load(Ordering::Relaxed),
            viewers: self.viewers.count(),
        }
    }
}
