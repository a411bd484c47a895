//! The sequence list of the cache dictionary: who gives a stream and who works on it.
//!
//! Each connection has an index number, never given twice in the life of a process.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::live::dictionary::Role;

/// The next index number.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// How a connection came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// RTMP.
    Rtmp,
    /// SRT.
    Srt,
    /// The cache dictionary's own protocol.
    Dictionary,
    /// Fetched from a source elsewhere.
    Pull,
    /// Played by this server: a channel.
    Channel,
}

impl Door {
    /// Its name in answers and hooks.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rtmp => "rtmp",
            Self::Srt => "srt",
            Self::Dictionary => "dictionary",
            Self::Pull => "pull",
            Self::Channel => "channel",
        }
    }
}

/// A connection on the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Its index number.
    pub index: u64,
    /// Who it is.
    pub role: Role,
    /// How it came in.
    pub door: Door,
    /// From where.
    pub peer: Option<SocketAddr>,
}

/// The list of one stream; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Connections(Arc<Mutex<Vec<Connection>>>);

impl Connections {
    /// Another one, until what this gives is dropped.
    pub fn enter(&self, role: Role, door: Door, peer: Option<SocketAddr>) -> Entry {
        let index = NEXT.fetch_add(1, Ordering::Relaxed);
        self.list().push(Connection {
            index,
            role,
            door,
            peer,
        });
        Entry {
            list: self.clone(),
            index,
        }
    }

    /// All, in the order in which they came.
    pub fn all(&self) -> Vec<Connection> {
        self.list().clone()
    }

    fn list(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place on the list.
#[derive(Debug)]
pub struct Entry {
    list: Connections,
    index: u64,
}

impl Entry {
    /// The index number.
    pub const fn index(&self) -> u64 {
        self.index
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.list.list().retain(|known| known.index != self.index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_listed_while_they_are_there_and_numbers_are_never_given_twice() {
        let list = Connections::default();
        let pushing = list.enter(Role::Pushing, Door::Rtmp, None);
        let plug_in = list.enter(Role::PlugIn, Door::Dictionary, None);
        let numbers = |list: &Connections| {
            let all = list.all().into_iter();
            all.map(|known| known.index).collect::<Vec<_>>()
        };
        let (first, second) = (pushing.index(), plug_in.index());
        assert!(first < second);
        assert_eq!(numbers(&list), [first, second]);
        drop(pushing);
        let again = list.enter(Role::Pushing, Door::Rtmp, None);
        assert!(again.index() > second);
        assert_eq!(numbers(&list), [second, again.index()]);
    }
}
