//! Decoded pictures and what was drawn, kept for the chunks to come.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::digest::Digest;
use crate::raster::{self, PictureError, RasterError, Rasteriser, read_picture};
use crate::render::picture::Picture;
use crate::time::Time;
use crate::timeline::Art;

/// Memory for pictures that no chunk is drawing just now.
const BUDGET_BYTES: usize = 256 << 20;

/// A drawing and where its ink stands in its box: empty margins are not drawn.
#[derive(Clone)]
pub(super) struct Drawn {
    pub picture: Arc<Picture>,
    /// Left and top of the ink, and the size of the box, in pixels.
    pub offset: (u32, u32),
    pub size: (u32, u32),
}

pub(super) struct Pictures {
    rasteriser: Arc<Rasteriser>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    stills: HashMap<Digest, Entry<Arc<Picture>>>,
    drawn: HashMap<(Art, Time), Entry<Option<Drawn>>>,
    bytes: usize,
    clock: u64,
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
        if let Some(entry) = kept.stills.get_mut(asset) {
            entry.used = now;
            return Ok(Arc::clone(&entry.value));
        }
        drop(kept);
        let sprite = read_picture(path)?;
        let picture = Arc::new(Picture::from_rgba(
            sprite.width() as usize,
            sprite.height() as usize,
            sprite.rgba(),
        ));
        let entry = Entry {
            value: Arc::clone(&picture),
            bytes: picture.bytes(),
            used: now,
        };
        let mut kept = self.kept();
        kept.bytes += entry.bytes;
        kept.bytes -= kept.stills.insert(*asset, entry).map_or(0, |old| old.bytes);
        kept.trim();
        Ok(picture)
    }

    /// What `art` shows at `time` of its own; `None` when it has no ink. `locate`
    /// knows where the file of a digest is.
    pub fn drawn(
        &self,
        art: &Art,
        time: Time,
        locate: &dyn Fn(&Digest) -> Result<PathBuf, String>,
    ) -> Result<Option<Drawn>, RasterError> {
        let key = (art.clone(), time);
        let mut kept = self.kept();
        let now = kept.tick();
        if let Some(entry) = kept.drawn.get_mut(&key) {
            entry.used = now;
            return Ok(entry.value.clone());
        }
        drop(kept);
        let sprite = raster::draw(&self.rasteriser, art, time, locate)?;
        let drawn = sprite.ink().is_some().then(|| {
            let (x, y, ink) = sprite.trim();
            let picture =
                Picture::from_rgba(ink.width() as usize, ink.height() as usize, ink.rgba());
            Drawn {
                picture: Arc::new(picture),
                offset: (x, y),
                size: art.size(),
            }
        });
        let bytes = drawn.as_ref().map_or(0, |drawn| drawn.picture.bytes()) + length(art);
        let entry = Entry {
            value: drawn.clone(),
            bytes,
            used: now,
        };
        let mut kept = self.kept();
        kept.bytes += entry.bytes;
        kept.bytes -= kept.drawn.insert(key, entry).map_or(0, |old| old.bytes);
        kept.trim();
        Ok(drawn)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // A panic between two map operations leaves the byte count off, not the pictures wrong.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// Forgets what was longest unused until the rest fits.
    fn trim(&mut self) {
        while self.bytes > BUDGET_BYTES {
            let still = self
                .stills
                .iter()
                .min_by_key(|(_, entry)| entry.used)
                .map(|(key, entry)| (*key, entry.used));
            let drawn = self
                .drawn
                .iter()
                .min_by_key(|(_, entry)| entry.used)
                .map(|(key, entry)| (key.clone(), entry.used));
            let freed = match (still, drawn) {
                (Some((key, used)), drawn)
                    if drawn.as_ref().is_none_or(|(_, other)| used <= *other) =>
                {
                    self.stills.remove(&key).map(|entry| entry.bytes)
                }
                (_, Some((key, _))) => self.drawn.remove(&key).map(|entry| entry.bytes),
                _ => None,
            };
            match freed {
                Some(bytes) => self.bytes -= bytes,
                None => break,
            }
        }
    }
}

/// About how many bytes a drawing's description takes.
fn length(art: &Art) -> usize {
    let text = match art {
        Art::Markup(markup) => markup.html.len() + markup.css.len(),
        Art::Svg(svg) => svg.markup.len(),
        Art::Lottie(_) => 0,
    };
    text + size_of::<Art>()
}
