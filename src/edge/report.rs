//! What an edge counts: what its clients asked and got, and what that cost upstream.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::edge::rooms::RoomsTotals;

/// What is asked for. Of each there are few, whatever clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Chunks of videos, whole or in parts.
    Chunk,
    /// Segments of live streams, whole or in parts.
    Segment,
    /// Init segments.
    Init,
    /// Playlists.
    Playlist,
    /// What is passed on to the origin and kept by nobody.
    Pass,
    /// Live streams that are pushed, by rooms, which count them.
    Room,
}

/// How a client's request was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met {
    /// Out of what is kept.
    Hit,
    /// By what was asked upstream for somebody else.
    Collapsed,
    /// By what was asked upstream for it.
    Miss,
    /// The same, after it waited there for something that had not come yet.
    Blocked,
    /// Out of what is kept though it is old, while it is asked for anew: its origin
    /// allows it.
    Meanwhile,
    /// Out of what is kept though it is old: no upstream answered.
    Stale,
    /// Not, or not as asked.
    Error,
}

/// Why an upstream is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// What is wanted is not kept.
    Fill,
    /// It is kept and old.
    Revalidate,
    /// The last answer was no good.
    Retry,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Chunk,
        Self::Segment,
        Self::Init,
        Self::Playlist,
        Self::Pass,
        Self::Room,
    ];

    /// The word for it in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chunk => "chunk",
            Self::Segment => "segment",
            Self::Init => "init",
            Self::Playlist => "playlist",
            Self::Pass => "pass",
            Self::Room => "room",
        }
    }
}

impl Met {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Hit,
        Self::Collapsed,
        Self::Miss,
        Self::Blocked,
        Self::Meanwhile,
        Self::Stale,
        Self::Error,
    ];

    /// The word for it in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Collapsed => "collapsed",
            Self::Miss => "miss",
            Self::Blocked => "blocked",
            Self::Meanwhile => "meanwhile",
            Self::Stale => "stale",
            Self::Error => "error",
        }
    }
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Fill, Self::Revalidate, Self::Retry];

    /// The word for it in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fill => "fill",
            Self::Revalidate => "revalidate",
            Self::Retry => "retry",
        }
    }
}

type Table<const COLUMNS: usize> = [[AtomicU64; COLUMNS]; Kind::ALL.len()];

/// The counters of an edge; each only grows.
#[derive(Debug, Default)]
pub struct Counters {
    requests: Table<{ Met::ALL.len() }>,
    egress: [AtomicU64; Kind::ALL.len()],
    upstream_requests: Table<{ Cause::ALL.len() }>,
    upstream_bytes: Table<{ Cause::ALL.len() }>,
    unverified: AtomicU64,
    looped: AtomicU64,
}

/// What they stood at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests of clients, by what and how they were met.
    pub requests: [[u64; Met::ALL.len()]; Kind::ALL.len()],
    /// Bytes of bodies sent to clients.
    pub egress: [u64; Kind::ALL.len()],
    /// Requests to upstreams, by what and why.
    pub upstream_requests: [[u64; Cause::ALL.len()]; Kind::ALL.len()],
    /// Bytes of bodies that came from upstreams.
    pub upstream_bytes: [[u64; Cause::ALL.len()]; Kind::ALL.len()],
    /// Answers of upstreams that did not verify.
    pub unverified: u64,
    /// Requests that went in a circle.
    pub looped: u64,
}

impl Counters {
    /// A client was answered.
    pub fn met(&self, kind: Kind, met: Met) {
        self.requests[kind as usize][met as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Bytes were sent to a client.
    pub fn sent(&self, kind: Kind, bytes: usize) {
        self.egress[kind as usize].fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// An upstream is asked.
    pub fn asked(&self, kind: Kind, cause: Cause) {
        self.upstream_requests[kind as usize][cause as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Bytes came from an upstream.
    pub fn came(&self, kind: Kind, cause: Cause, bytes: usize) {
        self.upstream_bytes[kind as usize][cause as usize]
            .fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// What came did not verify.
    pub fn unverified(&self) {
        self.unverified.fetch_add(1, Ordering::Relaxed);
    }

    /// A request went in a circle.
    pub fn looped(&self) {
        self.looped.fetch_add(1, Ordering::Relaxed);
    }

    /// What they stand at.
    pub fn now(&self) -> Counts {
        let one = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counts {
            requests: self.requests.each_ref().map(|row| row.each_ref().map(one)),
            egress: self.egress.each_ref().map(one),
            upstream_requests: self
                .upstream_requests
                .each_ref()
                .map(|row| row.each_ref().map(one)),
            upstream_bytes: self
                .upstream_bytes
                .each_ref()
                .map(|row| row.each_ref().map(one)),
            unverified: one(&self.unverified),
            looped: one(&self.looped),
        }
    }
}

impl Counts {
    /// With what rooms have counted: who joined one was given what was there, who opened
    /// it was not.
    pub fn with_rooms(mut self, rooms: &RoomsTotals) -> Self {
        let (room, fill) = (Kind::Room as usize, Cause::Fill as usize);
        self.requests[room][Met::Hit as usize] = rooms.joins.saturating_sub(rooms.opened);
        self.requests[room][Met::Miss as usize] = rooms.joins.min(rooms.opened);
        self.requests[room][Met::Error as usize] = rooms.known_missing;
        self.egress[room] = rooms.egress_bytes;
        self.upstream_requests[room][fill] = rooms.upstream_requests;
        self.upstream_bytes[room][fill] = rooms.upstream_bytes;
        self
    }

    /// How much of what clients got cost nothing upstream, in thousandths: of requests,
    /// and of bytes. Nothing where nobody asked; below 0 where more came than was sent.
    pub fn offload_per_mille(&self) -> (Option<i64>, Option<i64>) {
        let saved = |spent: u64, given: u64| {
            let (spent, given) = (i128::from(spent), i128::from(given));
            let saved = (given > 0).then(|| (given - spent) * 1000 / given)?;
            i64::try_from(saved).ok()
        };
        let all = |table: &[[u64; Cause::ALL.len()]]| table.iter().flatten().sum();
        let requests = self.requests.iter().flatten().sum();
        (
            saved(all(&self.upstream_requests), requests),
            saved(all(&self.upstream_bytes), self.egress.iter().sum()),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rooms_save_is_saved_by_their_edge() {
        let rooms = RoomsTotals {
            opened: 1,
            joins: 100,
            upstream_requests: 2,
            upstream_bytes: 2_000,
            egress_bytes: 100_000,
            ..RoomsTotals::default()
        };
        let counts = Counters::default().now().with_rooms(&rooms);
        assert_eq!(counts.offload_per_mille(), (Some(980), Some(980)));
        let met = counts.requests[Kind::Room as usize];
        assert_eq!((met[Met::Hit as usize], met[Met::Miss as usize]), (99, 1));
    }

    #[test]
    fn what_is_counted_is_told_by_kind_and_reason() {
        let counters = Counters::default();
        for _ in 0..4 {
            counters.met(Kind::Chunk, Met::Hit);
            counters.sent(Kind::Chunk, 100);
        }
        counters.asked(Kind::Chunk, Cause::Fill);
        counters.came(Kind::Chunk, Cause::Fill, 100);
        let counts = counters.now();
        assert_eq!(counts.requests[Kind::Chunk as usize][Met::Hit as usize], 4);
        assert_eq!(counts.egress, [400, 0, 0, 0, 0, 0]);
        assert_eq!(counts.offload_per_mille(), (Some(750), Some(750)));
        assert_eq!(Counts::default().offload_per_mille(), (None, None));
    }

    #[test]
    fn the_columns_stand_in_the_order_of_their_names() {
        for (index, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, index);
        }
        for (index, met) in Met::ALL.into_iter().enumerate() {
            assert_eq!(met as usize, index);
        }
        for (index, cause) in Cause::ALL.into_iter().enumerate() {
            assert_eq!(cause as usize, index);
        }
    }
}
