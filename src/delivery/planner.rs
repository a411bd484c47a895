//! From an Edit and one person's data to a plan: the chunks that their video
//! is made of, with their keys.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use thiserror::Error;

use crate::media::AssetLibrary;
use crate::partition::{Partition, Partitioning, partition};
use crate::raster::{FontCatalogue, FontError, FontSelection, Rasteriser};
use crate::template::bind::{Assets, FontBook, FontChoice, bind};
use crate::template::edit::Edit;
use crate::template::error::{EditError, Warning};
use crate::template::markup::Markup;
use crate::template::merge::{Data, merge};
use crate::template::richtext::RichText;
use crate::timeline::Timeline;

/// The most font sets of templates that are kept loaded.
const MAX_FONT_SETS: usize = 64;

/// Everything there is to know about a video before it is rendered.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is seen and heard.
    pub timeline: Timeline,
    /// The chunks.
    pub partition: Partition,
    /// What was understood but not followed.
    pub warnings: Vec<Warning>,
}

/// Why there is no plan.
#[derive(Debug, Error)]
pub enum PlanError {
    /// The Edit, its data or its files are not as they should be.
    #[error(transparent)]
    Edit(#[from] EditError),
}

/// Makes plans. Cheap to clone; blocking, as it reads files.
#[derive(Clone)]
pub struct Planner {
    library: AssetLibrary,
    fonts: Arc<FontCatalogue>,
    rasteriser: Arc<Rasteriser>,
    extended: Arc<Mutex<HashMap<Vec<PathBuf>, Arc<FontCatalogue>>>>,
}

impl Planner {
    /// Plans with the files of `library` and the fonts of `fonts`; fonts that an
    /// Edit brings along are made known to `rasteriser`.
    pub fn new(
        library: AssetLibrary,
        fonts: Arc<FontCatalogue>,
        rasteriser: Arc<Rasteriser>,
    ) -> Self {
        Self {
            library,
            fonts,
            rasteriser,
            extended: Arc::default(),
        }
    }

    /// The files that plans name.
    pub fn library(&self) -> &AssetLibrary {
        &self.library
    }

    /// What draws the texts of plans.
    pub fn rasteriser(&self) -> &Arc<Rasteriser> {
        &self.rasteriser
    }

    /// The fonts that every Edit may use.
    pub fn fonts(&self) -> &FontCatalogue {
        &self.fonts
    }

    /// The plan of the video that `edit` and `data` make.
    pub fn plan(
        &self,
        edit: Value,
        data: &Data,
        partitioning: &Partitioning,
    ) -> Result<Plan, PlanError> {
        let merged = merge(edit, data)?;
        let mut warnings = merged.warnings.clone();
        let edit = Edit::read(&merged.document, &mut warnings)?;
        if !edit.output.format.is_chunks() {
            let place = crate::template::error::Pointer::from("/output/format");
            let name = format!("{:?}", edit.output.format.name());
            return Err(EditError::new(place, name, "mp4 or hls, so far").into());
        }
        let mut assets = Assets::new();
        for source in edit.sources() {
            if assets.contains_key(&source.path) {
                continue;
            }
            let info = self.library.look_up(&source.path).map_err(|error| {
                EditError::new(
                    source.pointer.clone(),
                    format!("{:?}", source.path),
                    error.to_string(),
                )
            })?;
            assets.insert(source.path.clone(), info);
        }
        let fonts = self.fonts_of(&edit)?;
        let book = Book { fonts: &fonts };
        let timeline = bind(
            &edit,
            &assets,
            &book,
            &|place| merged.is_dynamic(place),
            &mut warnings,
        )?;
        let partition = partition(&timeline, partitioning);
        warnings.sort();
        warnings.dedup();
        Ok(Plan {
            timeline,
            partition,
            warnings,
        })
    }

    /// The catalogue with the Edit's own fonts before all others.
    fn fonts_of(&self, edit: &Edit) -> Result<Arc<FontCatalogue>, PlanError> {
        let mut paths = Vec::new();
        for source in &edit.fonts {
            let path = self.library.path(&source.path).map_err(|error| {
                EditError::new(
                    source.pointer.clone(),
                    format!("{:?}", source.path),
                    error.to_string(),
                )
            })?;
            paths.push(path);
        }
        if paths.is_empty() {
            return Ok(Arc::clone(&self.fonts));
        }
        let mut extended = self.extended.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = extended.get(&paths) {
            return Ok(Arc::clone(known));
        }
        let unusable = |error: FontError| {
            let place = crate::template::error::Pointer::from("/timeline/fonts");
            EditError::new(place, error, "font files that can be read")
        };
        let fonts = Arc::new(self.fonts.with_fonts(&paths).map_err(unusable)?);
        self.rasteriser.extend(&fonts);
        if extended.len() >= MAX_FONT_SETS {
            extended.clear();
        }
        extended.insert(paths, Arc::clone(&fonts));
        Ok(fonts)
    }
}

struct Book<'a> {
    fonts: &'a FontCatalogue,
}

impl FontBook for Book<'_> {
    fn for_text(&self, text: &RichText) -> FontChoice {
        choice(self.fonts.select_rich_text(text))
    }

    fn for_card(&self, card: &Markup) -> FontChoice {
        choice(self.fonts.select_markup(card))
    }
}

fn choice(selection: FontSelection) -> FontChoice {
    let missing = selection.missing.iter().map(|character| {
        format!(
            "no font has a glyph for {character:?} (U+{:04X}): it is drawn as a box",
            u32::from(*character)
        )
    });
    let substituted = selection.substituted.iter().map(|family| {
        format!(
            "there is no font {family:?}: {} stands in",
            crate::template::richtext::DEFAULT_FAMILY
        )
    });
    FontChoice {
        warnings: missing.chain(substituted).collect(),
        fonts: selection.faces,
    }
}
