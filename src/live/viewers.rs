//! The terminals that a stream knows by an identifier, and what each has asked for.
//!
//! An identifier that was not given out here, or has been forgotten, is none: nobody
//! can fill the table with made-up ones faster than by asking for real ones, and then
//! the oldest go. Who is forgotten only waits less.

use hashlink::LinkedHashMap;
use uuid::Uuid;

use crate::live::LiveTrack;
use crate::live::join::Terminal;
use crate::live::window::Listing;

/// Terminals that one stream remembers.
pub const MAX_VIEWERS: usize = 20_000;

/// How long a terminal that asks for nothing is remembered, in milliseconds.
pub const VIEWER_EXPIRY_MS: u64 = 10 * 60 * 1000;

/// The terminals of one stream, the one that was heard of last at the end.
#[derive(Clone, Debug, Default)]
pub struct Viewers {
    known: LinkedHashMap<Uuid, Seen>,
}

#[derive(Clone, Debug)]
struct Seen {
    at_ms: u64,
    /// The playlists that it has asked for.
    joined: Vec<(LiveTrack, Listing)>,
}

impl Viewers {
    /// A new terminal, by an identifier that is nobody's.
    pub fn issue(&mut self, id: Uuid, now_ms: u64) {
        self.expire(now_ms);
        while self.known.len() >= MAX_VIEWERS {
            self.known.pop_front();
        }
        let seen = Seen {
            at_ms: now_ms,
            joined: Vec::new(),
        };
        self.known.insert(id, seen);
    }

    /// Whether `id` was given out, and is not forgotten.
    pub fn knows(&mut self, id: Uuid, now_ms: u64) -> bool {
        self.heard(id, now_ms).is_some()
    }

    /// Who asks for a playlist; from now on, it has asked for it.
    pub fn asks(
        &mut self,
        id: Option<Uuid>,
        track: LiveTrack,
        listing: Listing,
        now_ms: u64,
    ) -> Terminal {
        let Some(seen) = id.and_then(|id| self.heard(id, now_ms)) else {
            return Terminal::Unknown;
        };
        // As many as there are playlists, at most.
        match seen.joined.contains(&(track, listing)) {
            true => Terminal::Known,
            false => {
                seen.joined.push((track, listing));
                Terminal::First
            }
        }
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    fn heard(&mut self, id: Uuid, now_ms: u64) -> Option<&mut Seen> {
        self.expire(now_ms);
        let seen = self.known.to_back(&id)?;
        seen.at_ms = now_ms;
        Some(seen)
    }

    fn expire(&mut self, now_ms: u64) {
        while let Some((_, oldest)) = self.known.front()
            && now_ms.saturating_sub(oldest.at_ms) > VIEWER_EXPIRY_MS
        {
            self.known.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIDEO: (LiveTrack, Listing) = (LiveTrack::Video, Listing::LowLatency);
    const AUDIO: (LiveTrack, Listing) = (LiveTrack::Audio, Listing::LowLatency);
    const LEGACY: (LiveTrack, Listing) = (LiveTrack::Video, Listing::Legacy);

    fn id(number: usize) -> Uuid {
        Uuid::from_u128(number as u128)
    }

    #[test]
    fn a_terminal_asks_for_each_playlist_once_for_the_first_time() {
        let mut viewers = Viewers::default();
        viewers.issue(id(1), 0);
        let mut asks = |who: Option<usize>, what: (LiveTrack, Listing)| {
            viewers.asks(who.map(id), what.0, what.1, 5)
        };
        for (who, what, terminal) in [
            (Some(1), VIDEO, Terminal::First),
            (Some(1), VIDEO, Terminal::Known),
            (Some(1), AUDIO, Terminal::First),
            (Some(1), LEGACY, Terminal::First),
            (Some(1), AUDIO, Terminal::Known),
            // Not given out here.
            (Some(2), VIDEO, Terminal::Unknown),
            (None, VIDEO, Terminal::Unknown),
        ] {
            assert_eq!(asks(who, what), terminal, "{who:?} {what:?}");
        }
    }

    #[test]
    fn a_terminal_is_forgotten_when_it_is_not_heard_of_any_more() {
        let mut viewers = Viewers::default();
        viewers.issue(id(1), 0);
        viewers.issue(id(2), 0);
        assert!(viewers.knows(id(1), VIEWER_EXPIRY_MS));
        assert!(!viewers.knows(id(2), VIEWER_EXPIRY_MS + 1));
        assert!(viewers.knows(id(1), VIEWER_EXPIRY_MS + 1));
        assert_eq!(viewers.len(), 1);
        // A clock that is put back forgets nobody.
        assert!(viewers.knows(id(1), 0));
    }

    #[test]
    fn of_too_many_terminals_the_oldest_is_forgotten() {
        let mut viewers = Viewers::default();
        (0..MAX_VIEWERS).for_each(|number| viewers.issue(id(number), 0));
        assert!(viewers.knows(id(0), 1));
        viewers.issue(id(MAX_VIEWERS), 1);
        assert_eq!(viewers.len(), MAX_VIEWERS);
        assert!(viewers.knows(id(0), 1) && !viewers.knows(id(1), 1));
    }
}
