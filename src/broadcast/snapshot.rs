//! A playlist of a live stream as it is at a moment, and its text: written once,
//! compressed once, and shared by all who ask for it.

use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::playlist::{MediaPlaylist, TagError};

/// A playlist that nobody changes any more.
#[derive(Debug)]
pub struct Snapshot {
    /// What it holds.
    pub playlist: MediaPlaylist,
    whole: OnceLock<Text>,
    following: OnceLock<Option<Text>>,
    delta: OnceLock<Option<Text>>,
}

impl Snapshot {
    /// This playlist.
    pub const fn new(playlist: MediaPlaylist) -> Self {
        Self {
            playlist,
            whole: OnceLock::new(),
            following: OnceLock::new(),
            delta: OnceLock::new(),
        }
    }

    /// All of it.
    pub fn text(&self) -> &Text {
        self.whole.get_or_init(|| Text::new(&self.playlist))
    }

    /// All of it, for a player that waits for each part.
    pub fn following(&self) -> &Text {
        let following = self
            .following
            .get_or_init(|| self.playlist.following().as_ref().map(Text::new));
        following.as_ref().unwrap_or_else(|| self.text())
    }

    /// The delta update, or all of it where nothing may be left out.
    pub fn delta(&self) -> &Text {
        let delta = self.delta.get_or_init(|| {
            let following = self.playlist.following();
            let told = following.as_ref().unwrap_or(&self.playlist);
            told.delta().as_ref().map(Text::new)
        });
        delta.as_ref().unwrap_or_else(|| self.following())
    }
}

/// The text of a playlist.
#[derive(Debug)]
pub struct Text {
    plain: Bytes,
    gzip: OnceLock<Option<Bytes>>,
}

impl Text {
    fn new(playlist: &MediaPlaylist) -> Self {
        Self::of(playlist.to_text().into())
    }

    /// This text.
    pub const fn of(plain: Bytes) -> Self {
        Self {
            plain,
            gzip: OnceLock::new(),
        }
    }

    /// As it is.
    pub fn plain(&self) -> Bytes {
        self.plain.clone()
    }

    /// Compressed; `None` where that could not be done.
    pub fn gzip(&self) -> Option<Bytes> {
        let made = self.gzip.get_or_init(|| compressed(&self.plain).ok());
        made.clone()
    }
}

fn compressed(plain: &[u8]) -> io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain)?;
    encoder.finish().map(Bytes::from)
}

/// The newest snapshot of one playlist. Whoever finds it out of date makes the next,
/// and all others who want that one have it from them.
#[derive(Debug, Default)]
pub(super) struct Newest(Mutex<Option<(u64, Arc<Snapshot>)>>);

impl Newest {
    /// The snapshot of `version`, or of a later one; `None` if there is none to `make`.
    pub fn of(
        &self,
        version: u64,
        make: impl FnOnce() -> Option<Result<MediaPlaylist, TagError>>,
    ) -> Option<Result<Arc<Snapshot>, TagError>> {
        self.or_make(version, |of| of >= version, make)
    }

    /// The snapshot of `version` and of no other; `None` if there is none to `make`.
    pub fn exactly(
        &self,
        version: u64,
        make: impl FnOnce() -> Option<Result<MediaPlaylist, TagError>>,
    ) -> Option<Result<Arc<Snapshot>, TagError>> {
        self.or_make(version, |of| of == version, make)
    }

    fn or_make(
        &self,
        version: u64,
        will_do: impl FnOnce(u64) -> bool,
        make: impl FnOnce() -> Option<Result<MediaPlaylist, TagError>>,
    ) -> Option<Result<Arc<Snapshot>, TagError>> {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, snapshot)) = &*newest
            && will_do(*of)
        {
            return Some(Ok(Arc::clone(snapshot)));
        }
        let made = make()?.map(|playlist| Arc::new(Snapshot::new(playlist)));
        if let Ok(snapshot) = &made {
            *newest = Some((version, Arc::clone(snapshot)));
        }
        Some(made)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn a_version_is_made_once_for_all_who_ask() {
        let newest = Newest::default();
        let made = std::cell::Cell::new(0);
        let of = |version| {
            let make = || {
                made.set(made.get() + 1);
                Some(Ok(MediaPlaylist::new(made.get())))
            };
            newest.of(version, make).expect("some").expect("clean")
        };
        let (first, again, next, late) = (of(1), of(1), of(2), of(1));
        assert!(Arc::ptr_eq(&first, &again));
        assert!(Arc::ptr_eq(&next, &late) && !Arc::ptr_eq(&first, &next));
        assert_eq!(made.get(), 2);
        let only = |version| {
            let make = || Some(Ok(MediaPlaylist::new(9)));
            newest.exactly(version, make).expect("some").expect("clean")
        };
        assert!(Arc::ptr_eq(&only(2), &next));
        assert!(!Arc::ptr_eq(&only(1), &next));
        assert!(newest.of(3, || None).is_none());
    }

    #[test]
    fn the_compressed_text_is_the_text() {
        let snapshot = Snapshot::new(MediaPlaylist::new(2));
        let mut text = String::new();
        let gzip = snapshot.text().gzip().expect("compressed");
        GzDecoder::new(&gzip[..])
            .read_to_string(&mut text)
            .expect("gzip");
        assert_eq!(text.as_bytes(), snapshot.text().plain());
        assert_eq!(text, snapshot.playlist.to_text());
        // Nothing may be left out of it.
        assert_eq!(snapshot.delta().plain(), snapshot.text().plain());
    }
}
