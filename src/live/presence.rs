//! Who watches by playlists: players that were heard of lately, by protocol.
//!
//! Such a player has no connection that lasts, so it is there for as long as it asks for
//! playlists. It is known by a mark of what its requests have in common. Players with the
//! same mark are one: the counts are the least that there are.

use hashlink::LinkedHashMap;

use crate::live::window::Listing;

/// Players that are told apart.
pub const MAX_WATCHERS: usize = 20_000;

/// How long a player that asks for no playlist is taken to be there, in milliseconds: one
/// asks at least once in a target duration, which may wait for three.
pub const WATCHER_EXPIRY_MS: u64 = 15_000;

/// How a playlist is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaylistProtocol {
    /// HLS by whole segments.
    Hls,
    /// Low-latency HLS: the player has asked for a playlist by what it waits for.
    LowLatencyHls,
    /// Legacy low-latency HLS, by its own addresses.
    LegacyLhls,
}

impl PlaylistProtocol {
    /// All.
    pub const ALL: [Self; 3] = [Self::Hls, Self::LowLatencyHls, Self::LegacyLhls];

    /// Its name in answers and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hls => "hls",
            Self::LowLatencyHls => "ll_hls",
            Self::LegacyLhls => "lhls",
        }
    }

    /// What a request for a playlist is of, which `waits` for what it names or does not.
    pub const fn of(listing: Listing, waits: bool) -> Self {
        match (listing, waits) {
            (Listing::Legacy, _) => Self::LegacyLhls,
            (Listing::LowLatency, true) => Self::LowLatencyHls,
            (Listing::LowLatency, false) => Self::Hls,
        }
    }

    const fn listing(self) -> Listing {
        match self {
            Self::LegacyLhls => Listing::Legacy,
            Self::Hls | Self::LowLatencyHls => Listing::LowLatency,
        }
    }
}

/// What the requests of one player have in common, hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WatcherMark(pub u64);

/// Players, by protocol.
pub type Watchers = [u64; PlaylistProtocol::ALL.len()];

/// The players of one stream, the one that was heard of last at the end.
#[derive(Clone, Debug, Default)]
pub struct Presence {
    known: LinkedHashMap<(WatcherMark, Listing), Seen>,
    there: Watchers,
    ever: Watchers,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    at_ms: u64,
    by: PlaylistProtocol,
}

impl Presence {
    /// A player asks for a playlist. Its first request cannot wait for anything yet: it counts as
    /// one of plain HLS until the first that does.
    pub fn heard(&mut self, who: WatcherMark, by: PlaylistProtocol, now_ms: u64) {
        self.expire(now_ms);
        if let Some(seen) = self.known.to_back(&(who, by.listing())) {
            seen.at_ms = now_ms;
            if (seen.by, by) == (PlaylistProtocol::Hls, PlaylistProtocol::LowLatencyHls) {
                let before = std::mem::replace(&mut seen.by, by);
                self.there[before as usize] -= 1;
                self.ever[before as usize] -= 1;
                self.enter(by);
            }
            return;
        }
        while self.known.len() >= MAX_WATCHERS {
            self.forget_oldest();
        }
        let seen = Seen { at_ms: now_ms, by };
        self.known.insert((who, by.listing()), seen);
        self.enter(by);
    }

    /// Players that are there.
    pub fn there(&mut self, now_ms: u64) -> Watchers {
        self.expire(now_ms);
        self.there
    }

    /// Players that ever were. One that was forgotten and comes back is another.
    pub const fn ever(&self) -> Watchers {
        self.ever
    }

    const fn enter(&mut self, by: PlaylistProtocol) {
        self.there[by as usize] += 1;
        self.ever[by as usize] += 1;
    }

    fn expire(&mut self, now_ms: u64) {
        while let Some((_, oldest)) = self.known.front()
            && now_ms.saturating_sub(oldest.at_ms) > WATCHER_EXPIRY_MS
        {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, gone)) = self.known.pop_front() {
            self.there[gone.by as usize] -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PlaylistProtocol::{Hls, LegacyLhls, LowLatencyHls};
    use super::*;

    const fn mark(number: u64) -> WatcherMark {
        WatcherMark(number)
    }

    #[test]
    fn a_player_counts_as_what_it_turns_out_to_be() {
        let mut presence = Presence::default();
        for (who, by, there, ever) in [
            (1, Hls, [1, 0, 0], [1, 0, 0]),
            (2, Hls, [2, 0, 0], [2, 0, 0]),
            (1, LowLatencyHls, [1, 1, 0], [1, 1, 0]),
            // It reloads plainly after a fault.
            (1, Hls, [1, 1, 0], [1, 1, 0]),
            // By other addresses it is another player.
            (1, LegacyLhls, [1, 1, 1], [1, 1, 1]),
            (3, LowLatencyHls, [1, 2, 1], [1, 2, 1]),
        ] {
            presence.heard(mark(who), by, 5);
            assert_eq!(presence.there(5), there, "{who} {by:?}");
            assert_eq!(presence.ever(), ever, "{who} {by:?}");
        }
    }

    #[test]
    fn a_player_that_asks_no_more_is_gone_and_another_when_it_comes_back() {
        let mut presence = Presence::default();
        presence.heard(mark(1), LowLatencyHls, 0);
        presence.heard(mark(2), Hls, 1000);
        assert_eq!(presence.there(WATCHER_EXPIRY_MS), [1, 1, 0]);
        assert_eq!(presence.there(WATCHER_EXPIRY_MS + 1), [1, 0, 0]);
        presence.heard(mark(1), LowLatencyHls, WATCHER_EXPIRY_MS + 2);
        assert_eq!(presence.ever(), [1, 2, 0]);
        // A clock that is put back forgets nobody.
        assert_eq!(presence.there(0), [1, 1, 0]);
    }

    #[test]
    fn of_too_many_players_the_oldest_is_not_counted_any_more() {
        let mut presence = Presence::default();
        let most = MAX_WATCHERS as u64;
        (0..=most).for_each(|who| presence.heard(mark(who), Hls, 0));
        assert_eq!(presence.there(0), [most, 0, 0]);
        assert_eq!(presence.ever(), [most + 1, 0, 0]);
        // The first was the one that went.
        presence.heard(mark(0), Hls, 0);
        assert_eq!(presence.ever(), [most + 2, 0, 0]);
    }
}
