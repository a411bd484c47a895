//! Who watches a stream: how many, by which protocol, and how it went for those who are
//! pushed it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::broadcast::publisher::now;
use crate::live::presence::{PlaylistProtocol, Presence, WatcherMark, Watchers};

/// How a stream is pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushProtocol {
    /// FLV over HTTP.
    HttpFlv,
    /// Fragmented MP4 over WebSocket.
    WebSocket,
    /// The cache dictionary's own protocol: one request, then FLV, over TCP.
    Dictionary,
}

impl PushProtocol {
    /// All.
    pub const ALL: [Self; 3] = [Self::HttpFlv, Self::WebSocket, Self::Dictionary];

    /// Its name in answers and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HttpFlv => "http_flv",
            Self::WebSocket => "websocket",
            Self::Dictionary => "dictionary",
        }
    }
}

/// Viewers of a stream, counted.
#[derive(Debug, Default)]
pub struct Audience {
    there: [AtomicU64; PushProtocol::ALL.len()],
    ever: [AtomicU64; PushProtocol::ALL.len()],
    bytes: AtomicU64,
    skips: AtomicU64,
    cut_off: AtomicU64,
    players: Mutex<Presence>,
}

/// What is told of an audience.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AudienceReport {
    /// Viewers who are pushed it now, by protocol.
    pub there: [u64; PushProtocol::ALL.len()],
    /// Viewers who were, since the stream began, by protocol.
    pub ever: [u64; PushProtocol::ALL.len()],
    /// Players of its playlists now, by protocol.
    pub players: Watchers,
    /// Those since the stream began.
    pub players_ever: Watchers,
    /// Bytes that were pushed.
    pub bytes: u64,
    /// How often viewers were too slow and went on at a key frame.
    pub skips: u64,
    /// How many were so too often.
    pub cut_off: u64,
}

impl Audience {
    /// Another viewer, until what this gives is dropped.
    pub fn enter(self: &Arc<Self>, protocol: PushProtocol) -> Viewer {
        self.there[protocol as usize].fetch_add(1, Ordering::Relaxed);
        self.ever[protocol as usize].fetch_add(1, Ordering::Relaxed);
        Viewer {
            audience: Arc::clone(self),
            protocol,
            skips: 0,
        }
    }

    /// A player asks for a playlist.
    pub fn heard(&self, who: WatcherMark, by: PlaylistProtocol) {
        let mut players = self.players.lock().unwrap_or_else(PoisonError::into_inner);
        players.heard(who, by, now().0);
    }

    /// How it is now.
    pub fn report(&self) -> AudienceReport {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (players, players_ever) = {
            let mut players = self.players.lock().unwrap_or_else(PoisonError::into_inner);
            (players.there(now().0), players.ever())
        };
        AudienceReport {
            there: self.there.each_ref().map(read),
            ever: self.ever.each_ref().map(read),
            players,
            players_ever,
            bytes: read(&self.bytes),
            skips: read(&self.skips),
            cut_off: read(&self.cut_off),
        }
    }
}

/// One viewer who is there.
#[derive(Debug)]
pub struct Viewer {
    audience: Arc<Audience>,
    protocol: PushProtocol,
    skips: u32,
}

impl Viewer {
    /// It was sent that much.
    pub fn sent(&self, bytes: usize) {
        self.audience
            .bytes
            .fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// It has been too slow that often by now.
    pub fn skipped(&mut self, skips: u32) {
        let more = u64::from(skips.saturating_sub(self.skips));
        self.skips = skips;
        self.audience.skips.fetch_add(more, Ordering::Relaxed);
    }

    /// It was too slow too often.
    pub fn cut_off(&self) {
        self.audience.cut_off.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.audience.there[self.protocol as usize].fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn viewers_are_counted_while_they_are_there() {
        let audience = Arc::new(Audience::default());
        let mut one = audience.enter(PushProtocol::HttpFlv);
        let two = audience.enter(PushProtocol::WebSocket);
        one.sent(10);
        two.sent(5);
        one.skipped(2);
        one.skipped(2);
        one.cut_off();
        drop(one);
        let report = audience.report();
        assert_eq!((report.there, report.ever), ([0, 1, 0], [1, 1, 0]));
        assert_eq!((report.bytes, report.skips, report.cut_off), (15, 2, 1));
    }
}
