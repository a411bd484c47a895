//! Decoded pictures and drawings, kept for the chunks to come.

use std::collections::HashMap;
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::digest::Digest;
use crate::raster::{self, PictureError, RasterError, Rasteriser, Sprite, read_picture};
use crate::render::picture::Picture;
use crate::render::place::Rect;
use crate::time::Time;
use crate::timeline::Art;

/// Memory for pictures that no chunk is drawing just now.
const BUDGET_BYTES: usize = 256 << 20;

/// Tells where the file of a digest is, or why it is not to be had.
pub(super) type Locate<'a> = dyn Fn(&Digest) -> Result<PathBuf, String> + 'a;

/// What is drawn of a picture, and where that stands in its box: empty margins are not.
#[derive(Clone)]
pub(super) struct Ink {
    pub picture: Arc<Picture>,
    /// In pixels of the box.
    pub rect: Rect,
}

pub(super) struct Pictures {
    rasteriser: Arc<Rasteriser>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    stills: Shelf<Digest, Arc<Picture>>,
    /// By what is drawn, and the own time at which it stands still.
    drawings: Shelf<(Art, Time), Option<Ink>>,
    clock: u64,
}

struct Shelf<K, T> {
    entries: HashMap<K, Entry<T>>,
    bytes: usize,
}

struct Entry<T> {
    value: T,
    bytes: usize,
    used: u64,
}

impl Pictures {
    pub fn new(rasteriser: Arc<Rasteriser>) -> Self {
        Self {
            rasteriser,
            kept: Mutex::default(),
        }
    }

    /// The still picture of these bytes, which are in the file at `path`.
    pub fn still(&self, asset: &Digest, path: &Path) -> Result<Arc<Picture>, PictureError> {
        let mut kept = self.kept();
        let now = kept.tick();
        if let Some(known) = kept.stills.get(asset, now) {
            return Ok(known);
        }
        drop(kept);
        let picture = Arc::new(picture_of(&read_picture(path)?));
        let bytes = picture.bytes();
        let mut kept = self.kept();
        kept.stills.put(*asset, Arc::clone(&picture), bytes, now);
        kept.trim();
        Ok(picture)
    }

    /// What `art` draws at the time `at` of its own; `None` when it has no ink. Kept
    /// only if it `rests` there. `locate` knows where the file of a digest is.
    pub fn drawn(
        &self,
        art: &Art,
        (at, rests): (Time, bool),
        locate: &Locate,
    ) -> Result<Option<Ink>, RasterError> {
        if !rests {
            return self.draw(art, at, locate);
        }
        let key = (art.clone(), at);
        let mut kept = self.kept();
        let now = kept.tick();
        if let Some(known) = kept.drawings.get(&key, now) {
            return Ok(known);
        }
        drop(kept);
        let ink = self.draw(art, at, locate)?;
        let bytes = ink.as_ref().map_or(0, |ink| ink.picture.bytes()) + art.bytes();
        let mut kept = self.kept();
        kept.drawings.put(key, ink.clone(), bytes, now);
        kept.trim();
        Ok(ink)
    }

    fn draw(&self, art: &Art, at: Time, locate: &Locate) -> Result<Option<Ink>, RasterError> {
        let sprite = raster::draw(&self.rasteriser, art, at, locate)?;
        Ok(sprite.ink().is_some().then(|| {
            let (x, y, ink) = sprite.trim();
            Ink {
                picture: Arc::new(picture_of(&ink)),
                rect: Rect::sized((ink.width() as usize, ink.height() as usize))
                    .moved(f64::from(x), f64::from(y)),
            }
        }))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // A panic between two map operations leaves the byte count off, not the pictures wrong.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn picture_of(sprite: &Sprite) -> Picture {
    Picture::from_rgba(
        sprite.width() as usize,
        sprite.height() as usize,
        sprite.rgba(),
    )
}

impl Kept {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// Forgets what was longest unused until the rest fits.
    fn trim(&mut self) {
        while self.stills.bytes + self.drawings.bytes > BUDGET_BYTES {
            let forgot = match (self.stills.oldest(), self.drawings.oldest()) {
                (Some(still), Some(drawing)) if drawing < still => self.drawings.forget_oldest(),
                (Some(_), _) => self.stills.forget_oldest(),
                (None, _) => self.drawings.forget_oldest(),
            };
            if !forgot {
                break;
            }
        }
    }
}

impl<K, T> Default for Shelf<K, T> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            bytes: 0,
        }
    }
}

impl<K: Hash + Eq + Clone, T: Clone> Shelf<K, T> {
    fn get(&mut self, key: &K, now: u64) -> Option<T> {
        let entry = self.entries.get_mut(key)?;
        entry.used = now;
        Some(entry.value.clone())
    }

    fn put(&mut self, key: K, value: T, bytes: usize, used: u64) {
        self.bytes += bytes;
        let entry = Entry { value, bytes, used };
        self.bytes -= self.entries.insert(key, entry).map_or(0, |old| old.bytes);
    }

    fn oldest(&self) -> Option<u64> {
        self.entries.values().map(|entry| entry.used).min()
    }

    /// Says whether there was one.
    fn forget_oldest(&mut self) -> bool {
        let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used);
        let Some(key) = oldest.map(|(key, _)| key.clone()) else {
            return false;
        };
        self.bytes -= self.entries.remove(&key).map_or(0, |entry| entry.bytes);
        true
    }
}
