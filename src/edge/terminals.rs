//! Those who watch live streams through an edge, where their origin has terminals wait
//! when they join: the edge gives them identifiers of its own, and is itself one
//! terminal of the origin.
//!
//! An identifier is in the addresses that a playlist lists. What comes from upstream has
//! the edge's in them; it is taken out, and each terminal's own is put in.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hashlink::LinkedHashMap;
use uuid::Uuid;

use crate::broadcast::now;
use crate::live::LiveTrack;
use crate::live::join::Terminal;
use crate::live::viewers::Viewers;
use crate::live::window::Listing;

/// The query parameter that tells terminals apart.
pub const VIEWER: &str = "viewer";

/// Streams whose terminals are known; those of the one asked for longest ago are
/// forgotten first, and wait less.
const MAX_STREAMS: usize = 1_000;

/// The terminals of all streams.
#[derive(Debug, Default)]
pub struct Terminals(Mutex<LinkedHashMap<String, Viewers>>);

impl Terminals {
    /// An identifier for a terminal of `stream` that has none.
    pub fn issue(&self, stream: &str) -> Uuid {
        let id = Uuid::new_v4();
        self.with(stream, |viewers| viewers.issue(id, now().0));
        id
    }

    /// Whether `id` was given out for `stream`.
    pub fn knows(&self, stream: &str, id: Uuid) -> bool {
        self.with(stream, |viewers| viewers.knows(id, now().0))
    }

    /// Who asks for a playlist of `stream`; from now on, it has.
    pub fn asks(&self, stream: &str, id: Uuid, track: LiveTrack, listing: Listing) -> Terminal {
        self.with(stream, |viewers| {
            viewers.asks(Some(id), track, listing, now().0)
        })
    }

    fn with<T>(&self, stream: &str, use_them: impl FnOnce(&mut Viewers) -> T) -> T {
        let mut streams = self.streams();
        if streams.to_back(stream).is_none() {
            while streams.len() >= MAX_STREAMS {
                streams.pop_front();
            }
        }
        use_them(
            streams
                .entry(stream.to_owned())
                .or_insert_with(Viewers::default),
        )
    }

    fn streams(&self) -> MutexGuard<'_, LinkedHashMap<String, Viewers>> {
        // Each change is one step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The identifier in a query, if there is one as they are given out.
pub fn viewer(query: &str) -> Option<Uuid> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| *name == VIEWER)?;
    Uuid::try_parse(value).ok()
}

/// A playlist without the identifiers in its addresses.
pub fn without_viewers(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mark = format!("?{VIEWER}=");
    let mut rest = text;
    while let Some(at) = rest.find(&mark) {
        let (before, behind) = rest.split_at(at);
        let id = behind.get(mark.len()..mark.len() + uuid::fmt::Hyphenated::LENGTH);
        let is_id = id.is_some_and(|id| Uuid::try_parse(id).is_ok());
        let end = match is_id {
            true => mark.len() + uuid::fmt::Hyphenated::LENGTH,
            false => mark.len(),
        };
        clean.push_str(before);
        if !is_id {
            clean.push_str(&behind[..end]);
        }
        rest = &behind[end..];
    }
    clean + rest
}

/// A multivariant playlist whose addresses are asked for by `id`.
pub fn with_viewer(text: &str, id: Uuid) -> String {
    let mark = format!("?{VIEWER}={id}");
    let lines = text.lines().map(|line| match line.as_bytes().first() {
        None => line.to_owned(),
        Some(b'#') => match line.split_once("URI=\"") {
            Some((before, behind)) => match behind.split_once('"') {
                Some((uri, after)) => format!("{before}URI=\"{uri}{mark}\"{after}"),
                None => line.to_owned(),
            },
            None => line.to_owned(),
        },
        Some(_) => format!("{line}{mark}"),
    });
    let mut marked: String = lines.flat_map(|line| [line, "\n".to_owned()]).collect();
    if !text.ends_with('\n') {
        marked.pop();
    }
    marked
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,URI=\"audio.m3u8\",NAME=\"x\"\n\
                         #EXT-X-STREAM-INF:BANDWIDTH=5\nvideo.m3u8\n";

    #[test]
    fn identifiers_are_put_into_addresses_and_taken_out() {
        let id = Uuid::from_u128(7);
        let marked = with_viewer(PLAIN, id);
        assert!(marked.contains(&format!("URI=\"audio.m3u8?viewer={id}\"")));
        assert!(marked.ends_with(&format!("video.m3u8?viewer={id}\n")));
        assert_eq!(without_viewers(&marked), PLAIN);
        for other in [PLAIN, "", "x?viewer=7", "?viewer=\u{e9}\u{e9}", "a?viewer="] {
            assert_eq!(without_viewers(other), other);
        }
    }

    #[test]
    fn a_terminal_is_first_once_a_playlist_and_only_on_its_stream() {
        let terminals = Terminals::default();
        let id = terminals.issue("show");
        let asks = |stream, listing| terminals.asks(stream, id, LiveTrack::Video, listing);
        assert!(terminals.knows("show", id) && !terminals.knows("other", id));
        assert_eq!(asks("show", Listing::LowLatency), Terminal::First);
        assert_eq!(asks("show", Listing::LowLatency), Terminal::Known);
        assert_eq!(asks("show", Listing::Legacy), Terminal::First);
        assert_eq!(asks("other", Listing::Legacy), Terminal::Unknown);
    }

    #[test]
    fn streams_are_forgotten_before_there_are_too_many() {
        let terminals = Terminals::default();
        let first = terminals.issue("first");
        for number in 1..MAX_STREAMS {
            terminals.issue(&number.to_string());
        }
        assert!(terminals.knows("first", first));
        terminals.issue("one more");
        assert!(terminals.knows("first", first), "it was asked for last");
        terminals.issue("and another");
        assert_eq!(terminals.streams().len(), MAX_STREAMS);
        assert!(!terminals.streams().contains_key("1"));
    }
}
