//! Markup to pixels.
//!
//! Invariants: a render uses the faces its request names and no others; the same
//! request gives the same bytes on any thread, in any order, in any run; a render
//! starts no threads. What does not belong here: choosing fonts (`fonts`) and
//! writing markup (`template::markup`).

use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use takumi::prelude::{
    FontFamily, FontOverride, FontResource, FontSource, Fonts, FromHtmlOptions, RenderOptions,
    StyleSheet, Viewport,
};
use thiserror::Error;

use super::face::Face;
use super::fonts::{FontCatalogue, FontSelection};
use super::sprite::Sprite;
use crate::digest::Digest;
use crate::template::markup::Markup;
use crate::time::Time;
use crate::timeline::FontUse;

/// What draws and how: part of a chunk's identity. To be raised whenever the
/// same request gives other pixels.
pub const RASTERISER_VERSION: &str = "takumi 2.19.0 / loomcast markup 1";
/// The largest side of a sprite: two 4K frames side by side.
pub const MAX_SIDE: u32 = 8192;
/// The most pixels of a sprite: four 4K frames (128 MiB).
pub const MAX_PIXELS: u64 = 1 << 25;
/// The most bytes of HTML and CSS together: a page of `html5` at its longest, in four-byte
/// characters.
pub const MAX_MARKUP_BYTES: usize = 6 << 20;
/// The deepest nesting of elements: layout recurses, and a render thread's stack is 2 MiB.
pub const MAX_MARKUP_DEPTH: usize = 64;
/// The clock by which the rasteriser tells time.
const MILLISECONDS: NonZeroU32 = NonZeroU32::new(1000).expect("not zero");
/// How many sets of fonts are kept ready: a template has a handful.
const KEPT_FONT_SETS: usize = 16;
/// How many templates' own fonts are kept known.
pub const KEPT_EXTENSIONS: usize = 128;

/// What is to be drawn. The pixels are a pure function of this and [`RASTERISER_VERSION`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RasterRequest {
    /// The body.
    pub html: String,
    /// Its style sheet.
    pub css: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The faces that take part, in the order in which they are tried. A family
    /// that the markup names and this list does not is drawn in the first.
    pub fonts: Vec<FontUse>,
    /// When: CSS animations run by it, to the nearest millisecond.
    pub time: Time,
}

impl RasterRequest {
    /// Markup together with the fonts selected for it, at its beginning.
    pub fn new(markup: Markup, selection: &FontSelection) -> Self {
        let Markup {
            html,
            css,
            width,
            height,
        } = markup;
        Self {
            html,
            css,
            width,
            height,
            fonts: selection.faces.clone(),
            time: Time::ZERO,
        }
    }
}

/// Why markup was not drawn.
#[derive(Debug, Error)]
pub enum RasterError {
    /// The size is out of bounds.
    #[error(
        "{width}x{height} pixels: expected sides from 1 to {MAX_SIDE} and at most {MAX_PIXELS} pixels"
    )]
    Size {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The markup is too long.
    #[error("{bytes} bytes of HTML and CSS: expected at most {MAX_MARKUP_BYTES}")]
    TooLong {
        /// Their length.
        bytes: usize,
    },
    /// The markup is nested too deeply.
    #[error("the HTML cannot be read: {0}")]
    Html(String),
    /// The request names no font.
    #[error("no font is named: expected at least one")]
    NoFont,
    /// The request names a face that is not in the catalogue.
    #[error("no font has the digest {0}")]
    UnknownFace(Digest),
    /// A face cannot be used.
    #[error("the font {family:?} ({face}) cannot be used: {reason}")]
    Font {
        /// Its digest.
        face: Digest,
        /// The family it was to stand for.
        family: String,
        /// What the rasteriser says.
        reason: String,
    },
    /// The file it is in cannot be had.
    #[error("its file: expected {0}")]
    File(String),
    /// The rasteriser gave up.
    #[error("cannot be drawn: {0}")]
    Draw(String),
}

/// A set of fonts made ready, and its families in order.
struct FontSet {
    fonts: Fonts,
    families: FontFamily,
}

/// Draws markup, from any number of threads at once.
pub struct Rasteriser {
    catalogue: Arc<FontCatalogue>,
    /// Catalogues with the fonts of templates, the latest at the end.
    extensions: Mutex<Vec<Arc<FontCatalogue>>>,
    /// The sets used last, the latest at the end.
    sets: Mutex<Vec<(Vec<FontUse>, Arc<FontSet>)>>,
}

impl Rasteriser {
    /// A rasteriser that takes faces from `catalogue`.
    pub fn new(catalogue: Arc<FontCatalogue>) -> Self {
        Self {
            catalogue,
            extensions: Mutex::default(),
            sets: Mutex::new(Vec::new()),
        }
    }

    /// The faces it draws with.
    pub fn catalogue(&self) -> &FontCatalogue {
        &self.catalogue
    }

    /// Makes the faces of `catalogue` known too: those of a template. The
    /// latest [`KEPT_EXTENSIONS`] are.
    pub fn extend(&self, catalogue: &Arc<FontCatalogue>) {
        let mut extensions = self
            .extensions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if extensions.len() >= KEPT_EXTENSIONS {
            extensions.remove(0);
        }
        extensions.push(Arc::clone(catalogue));
    }

    fn face(&self, digest: &Digest) -> Option<Arc<Face>> {
        let extensions = self
            .extensions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut catalogues = std::iter::once(&self.catalogue).chain(extensions.iter().rev());
        catalogues.find_map(|catalogue| catalogue.face(digest))
    }

    /// Draws `request` on a transparent ground.
    pub fn render(&self, request: &RasterRequest) -> Result<Sprite, RasterError> {
        check_size(request.width, request.height)?;
        let bytes = request.html.len() + request.css.len();
        if bytes > MAX_MARKUP_BYTES {
            return Err(RasterError::TooLong { bytes });
        }
        let set = self.font_set(&request.fonts)?;
        // What the rasteriser does with odd markup is not in our hands: a panic
        // in there is the failure of this request, not of the render thread.
        // Nothing of ours is changed inside, so nothing is left half done.
        catch_unwind(AssertUnwindSafe(|| draw(request, &set)))
            .unwrap_or_else(|_| Err(RasterError::Draw("the rasteriser panicked".to_owned())))
    }

    fn font_set(&self, uses: &[FontUse]) -> Result<Arc<FontSet>, RasterError> {
        if uses.is_empty() {
            return Err(RasterError::NoFont);
        }
        {
            let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(at) = sets.iter().position(|(key, _)| key == uses) {
                let kept = sets.remove(at);
                let set = Arc::clone(&kept.1);
                sets.push(kept);
                return Ok(set);
            }
        }
        // Outside of the lock: two threads may do the same work once, but none waits.
        let set = Arc::new(self.make_set(uses)?);
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        if sets.len() >= KEPT_FONT_SETS {
            sets.remove(0);
        }
        sets.push((uses.to_vec(), Arc::clone(&set)));
        Ok(set)
    }

    fn make_set(&self, uses: &[FontUse]) -> Result<FontSet, RasterError> {
        let mut fonts = Fonts::default();
        let mut families: Vec<String> = Vec::new();
        for used in uses {
            let face = self
                .face(&used.face)
                .ok_or(RasterError::UnknownFace(used.face))?;
            let failed = |reason: &str| RasterError::Font {
                face: used.face,
                family: used.family.clone(),
                reason: reason.to_owned(),
            };
            let bytes = face
                .bytes()
                .ok_or_else(|| failed("the file cannot be read"))?;
            let mut resource = FontResource::new(FontSource::from_shared(bytes));
            if face.index.is_none() {
                let family_name = Some(used.family.as_str().into());
                resource = resource.override_info(FontOverride {
                    family_name,
                    ..FontOverride::default()
                });
            }
            let registered = fonts
                .register(resource)
                .map_err(|error| failed(&error.to_string()))?;
            // A collection comes in whole; of its families only this face's is made a fallback.
            let family = registered
                .into_iter()
                .find(|family| {
                    family
                        .faces
                        .iter()
                        .any(|known| face.index.is_none_or(|index| index == known.index))
                })
                .ok_or_else(|| failed("it has no family"))?;
            if !families.contains(&family.name) {
                families.push(family.name);
            }
        }
        Ok(FontSet {
            fonts,
            families: FontFamily::from_names(families),
        })
    }
}

/// Whether a sprite may have this size.
pub(super) fn check_size(width: u32, height: u32) -> Result<(), RasterError> {
    let sides = 1..=MAX_SIDE;
    let fits = sides.contains(&width)
        && sides.contains(&height)
        && u64::from(width) * u64::from(height) <= MAX_PIXELS;
    fits.then_some(())
        .ok_or(RasterError::Size { width, height })
}

fn draw(request: &RasterRequest, set: &FontSet) -> Result<Sprite, RasterError> {
    let options = FromHtmlOptions::builder()
        .max_depth(MAX_MARKUP_DEPTH)
        .build();
    let node = takumi::from_html(&request.html, options)
        .map_err(|error| RasterError::Html(error.to_string()))?;
    let options = RenderOptions::builder()
        .viewport(Viewport::new((request.width, request.height)))
        .fonts(&set.fonts)
        .font_families(Some(set.families.clone()))
        .node(node)
        .time_ms(request.time.to_ticks(MILLISECONDS).max(0) as u64)
        // As a browser reads it: a rule that is not understood is passed over.
        .stylesheet(Arc::new(StyleSheet::parse_loosy(&request.css)))
        .build();
    let bitmap = takumi::render(options).map_err(|error| RasterError::Draw(error.to_string()))?;
    let (width, height) = (bitmap.width(), bitmap.height());
    // The bitmap's colours are straight.
    Sprite::from_straight(width, height, bitmap.into_raw())
        .filter(|sprite| (sprite.width(), sprite.height()) == (request.width, request.height))
        .ok_or_else(|| RasterError::Draw(format!("{width}x{height} pixels came out")))
}

#[cfg(test)]
mod tests;
