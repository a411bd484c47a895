//! Clients that ask for a playlist again and again, each in its way, and see whether
//! what they get keeps the rules.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use super::media::{Span, spans};
use super::read::Playlist;
use super::rules::{
    LEGACY_RULES, LEGACY_SUCCESSIONS, RULES, SUCCESSIONS, what_was_hinted_at_is_listed,
};
use crate::server::{Answer, Server};

/// How a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// For the next part, as soon as it is there.
    Parts,
    /// For the next segment, as soon as it is there; and it loads everything.
    Segments,
    /// For what has changed since.
    Deltas,
    /// Now and then, for whatever there is.
    Plain,
    /// As `Plain`, for the playlists of legacy LHLS.
    Legacy,
}

impl Way {
    pub const ALL: [Self; 5] = [
        Self::Parts,
        Self::Segments,
        Self::Deltas,
        Self::Plain,
        Self::Legacy,
    ];
}

/// Playlists that were seen: all are read once more by another parser.
pub type Seen = Mutex<BTreeMap<String, String>>;

/// A client and what it knows.
pub struct Client<'a> {
    server: &'a Server,
    /// Where the stream's playlists are.
    at: &'a str,
    track: &'a str,
    way: Way,
    seen: &'a Seen,
    /// The bytes of parts that were listed, and where each segment ends.
    parts: BTreeMap<String, Vec<u8>>,
    ends: BTreeMap<u64, u64>,
    polls: u64,
}

impl<'a> Client<'a> {
    pub fn new(server: &'a Server, track: &'a str, way: Way, seen: &'a Seen) -> Self {
        Self::at(server, "/live/show", (track, way), seen)
    }

    /// Of the stream whose playlists are below `at`.
    pub fn at(
        server: &'a Server,
        at: &'a str,
        (track, way): (&'a str, Way),
        seen: &'a Seen,
    ) -> Self {
        let (parts, ends) = (BTreeMap::new(), BTreeMap::new());
        Self {
            server,
            at,
            track,
            way,
            seen,
            parts,
            ends,
            polls: 0,
        }
    }

    /// Follows the stream to its end. How often it asked.
    pub fn follow(mut self) -> u64 {
        let mut before = self.ask("");
        while !before.ended {
            if self.way == Way::Segments {
                self.load(&before);
                self.is_refused(&before);
            }
            let after = self.next(&before);
            self.succeeds(&before, &after);
            before = after;
        }
        self.polls
    }

    /// The playlist that follows `before`.
    fn next(&mut self, before: &Playlist) -> Playlist {
        let (next, part) = (before.next(), before.open.parts.len());
        match self.way {
            Way::Parts => {
                let hint = before.hint.as_deref().expect("it goes on");
                let hinted = self.server.get(hint);
                let after = self.ask(&format!("_HLS_msn={next}&_HLS_part={part}"));
                what_was_asked_for_is_there(&after, next, Some(part));
                what_was_hinted_at_is_listed(before, &after);
                what_was_hinted_at_is_what_came(hint, &hinted, &after);
                after
            }
            Way::Segments => {
                let after = self.ask(&format!("_HLS_msn={next}"));
                what_was_asked_for_is_there(&after, next, None);
                after
            }
            Way::Deltas => {
                let directives = format!("_HLS_msn={next}&_HLS_part={part}");
                let delta = self.ask(&format!("{directives}&_HLS_skip=YES"));
                let whole = together(before, &delta);
                what_was_asked_for_is_there(&whole, next, Some(part));
                // The same again, or what became of it meanwhile.
                let full = self.ask(&directives);
                if delta.skipped > 0 {
                    only_what_is_far_is_skipped(&delta, &full);
                }
                self.succeeds(before, &whole);
                self.succeeds(&whole, &full);
                full
            }
            Way::Plain | Way::Legacy => {
                std::thread::sleep(Duration::from_millis(700));
                self.ask("")
            }
        }
    }

    fn succeeds(&self, before: &Playlist, after: &Playlist) {
        SUCCESSIONS.iter().for_each(|rule| rule(before, after));
        if self.way == Way::Legacy {
            LEGACY_SUCCESSIONS
                .iter()
                .for_each(|rule| rule(before, after));
        }
    }

    /// Asks, with `directives`, and has a playlist that keeps the rules.
    fn ask(&mut self, directives: &str) -> Playlist {
        let folder = if self.way == Way::Legacy { "/lhls" } else { "" };
        let path = format!("{}{folder}/{}.m3u8?{directives}", self.at, self.track);
        let answer = self.server.get(&path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let text = answer.text();
        let playlist = Playlist::read(&text);
        self.polls += 1;
        let name = format!("{:?} {} {}", self.way, self.track, self.polls);
        self.seen.lock().expect("no panic").insert(text, name);
        let rules = if self.way == Way::Legacy {
            &LEGACY_RULES[..]
        } else {
            &RULES[..]
        };
        // A delta says less: it is looked at together with what it follows.
        if playlist.skipped == 0 {
            rules.iter().for_each(|rule| rule(&playlist));
        }
        playlist
    }

    /// Loads what is new of a playlist: what is listed is there, except for gaps; the
    /// parts are the segment; times go on.
    fn load(&mut self, playlist: &Playlist) {
        for part in playlist.segments.iter().flat_map(|segment| &segment.parts) {
            let answer = self.server.get(&part.uri);
            if part.gap {
                assert_eq!(answer.status, 404, "{}", part.uri);
            } else {
                assert_eq!(answer.status, 200, "{}: {}", part.uri, answer.text());
                self.parts.insert(part.uri.clone(), answer.body);
            }
        }
        for (number, segment) in playlist.numbered() {
            if self.ends.contains_key(&number) {
                continue;
            }
            if segment.gap {
                self.ends.insert(number, 0);
                assert_eq!(self.server.get(&segment.uri).status, 404, "{}", segment.uri);
                continue;
            }
            let answer = self.server.get(&segment.uri);
            assert_eq!(answer.status, 200, "{}: {}", segment.uri, answer.text());
            let parts = segment
                .parts
                .iter()
                .filter_map(|part| self.parts.get(&part.uri));
            let parts: Vec<u8> = parts.flatten().copied().collect();
            let known = segment.parts.is_empty() || parts == answer.body;
            assert!(known, "{} is not its parts", segment.uri);
            let spans = spans(&answer.body);
            let before = number
                .checked_sub(1)
                .and_then(|before| self.ends.get(&before));
            let before = before.filter(|_| !segment.discontinuity).copied();
            self.ends
                .insert(number, times_go_on(&segment.uri, before, &spans));
            assert_eq!(self.server.get(&segment.map).status, 200, "{}", segment.map);
        }
        // What left the list is there for whoever has it on an older one.
        if let Some(left) = playlist.sequence.checked_sub(1).filter(|left| *left > 0) {
            let gap = self.ends.get(&left).is_none_or(|end| *end == 0);
            let uri = &playlist.segments[0].uri;
            let first = format!("/{}.m4s", playlist.sequence);
            let uri = uri.replace(&first, &format!("/{left}.m4s"));
            let status = self.server.get(&uri).status;
            assert!(gap || status == 200, "{uri}: {status}");
        }
    }

    /// Asks for what no playlist can give.
    fn is_refused(&self, playlist: &Playlist) {
        let path = |query: String| format!("{}/{}.m3u8?{query}", self.at, self.track);
        // The stream goes on meanwhile: these are far enough ahead.
        let far = playlist.next() + 1_000;
        for query in [
            "_HLS_part=0".to_owned(),
            format!("_HLS_msn={far}"),
            format!("_HLS_msn={far}&_HLS_part=0"),
            format!("_HLS_msn={}&_HLS_part=1000", playlist.next() + 1),
        ] {
            let answer = self.server.get(&path(query.clone()));
            // Once it has ended it is all there is to say.
            let over = answer.text().contains("#EXT-X-ENDLIST");
            assert!(answer.status == 400 || over, "{query}: {}", answer.status);
        }
        // What is gone is no reason to refuse the rest.
        let old = self.server.get(&path("_HLS_msn=0&_HLS_part=99".into()));
        assert_eq!(old.status, 200);
        assert_eq!(Playlist::read(&old.text()).skipped, 0);
    }
}

/// A blocked request is answered when what it asks for is there, and not before.
fn what_was_asked_for_is_there(playlist: &Playlist, number: u64, part: Option<usize>) {
    let (next, parts) = (playlist.next(), playlist.open.parts.len());
    let there = match part {
        Some(part) => next > number || next == number && parts > part,
        None => next > number,
    };
    assert!(
        there || playlist.ended,
        "{number} {part:?}: {}",
        playlist.text
    );
}

/// Who loaded what was hinted at has what is listed then; nothing, if it is a gap or the
/// segment had no such part any more.
fn what_was_hinted_at_is_what_came(hint: &str, hinted: &Answer, after: &Playlist) {
    let all = after.segments.iter().chain([&after.open]);
    let mut parts = all.flat_map(|segment| &segment.parts);
    match parts.find(|part| part.uri == hint) {
        Some(part) if part.gap => assert_eq!(hinted.status, 404, "{hint}"),
        Some(_) => assert_eq!(hinted.status, 200, "{hint}: {}", hinted.text()),
        None => assert_eq!(hinted.status, 404, "{hint}: {}", after.text),
    }
}

/// `before` and what a delta update says has changed.
fn together(before: &Playlist, delta: &Playlist) -> Playlist {
    let mut whole = Playlist {
        skipped: 0,
        ..delta.clone()
    };
    let skipped = delta.sequence..delta.sequence + delta.skipped;
    let known = skipped.map(|number| {
        let segment = before.segment(number);
        let segment = segment.unwrap_or_else(|| panic!("{number} was not listed: {}", delta.text));
        // Those that are far have no parts any more.
        super::read::Segment {
            parts: Vec::new(),
            ..segment.clone()
        }
    });
    whole.segments = known.chain(delta.segments.iter().cloned()).collect();
    whole
}

/// Skipped is what is further from the end than was promised, and all of that.
fn only_what_is_far_is_skipped(delta: &Playlist, full: &Playlist) {
    let until = full.promise("CAN-SKIP-UNTIL");
    let listed = delta.segments.iter().map(|segment| segment.duration);
    let from_the_end: u64 = listed.sum();
    let first = delta.segments.first().map_or(0, |segment| segment.duration);
    // From the end of the last segment.
    let far = until.is_none_or(|until| from_the_end >= until);
    let all = until.is_none_or(|until| from_the_end - first <= until);
    assert!(far && all, "{}", delta.text);
}

/// Each fragment begins where the one before ended, and the first where the segment
/// before did. Where the last ends.
fn times_go_on(uri: &str, before: Option<u64>, spans: &[Span]) -> u64 {
    let mut end = before.unwrap_or(0);
    for (index, span) in spans.iter().enumerate() {
        let known = index > 0 || before.is_some_and(|end| end > 0);
        assert!(!known || span.begins == end, "{uri}: {spans:?} after {end}");
        end = span.begins + span.lasts;
    }
    end
}
