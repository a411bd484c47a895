//! From an Edit and one person's data to a plan: the chunks that their video
//! is made of, with their keys.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use thiserror::Error;

use crate::cache::Account;
use crate::delivery::fetching::{Fetched, fetch, refused};
use crate::fetch::{Downloads, Freshness, Held};
use crate::media::{AssetLibrary, LibraryError};
use crate::partition::{Partition, PartitionWish, PlacedChunk, TrackKind, partition, rung};
use crate::profile::{REORDER_FRAMES, VideoProfile};
use crate::raster::{FontCatalogue, FontError, FontSelection, OwnFont, Rasteriser};
use crate::template::asset::{Place, Source};
use crate::template::bind::{AssetInfo, Assets, FontBook, FontChoice, bind};
use crate::template::edit::Edit;
use crate::template::error::{EditError, Pointer, Warning};
use crate::template::markup::Markup;
use crate::template::merge::{Data, Merged, merge};
use crate::template::output::Output;
use crate::template::richtext::RichText;
use crate::template::variant;
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
    /// What is made of them.
    pub output: Output,
    /// What was understood but not followed.
    pub warnings: Vec<Warning>,
    /// Keeps the files that were fetched for it, so that it can be rendered.
    pub held: Vec<Held>,
}

impl Plan {
    /// The tracks that there are: pictures, sound, the rungs of the ladder.
    pub fn kinds(&self) -> impl Iterator<Item = TrackKind> {
        self.partition.kinds()
    }

    /// The chunks of a track, at their places.
    pub fn chunks(&self, kind: TrackKind) -> &[PlacedChunk] {
        self.partition.chunks(kind)
    }

    /// How the pictures of a track are encoded: the video's own, but of a rung.
    pub fn video_profile(&self, kind: TrackKind) -> &VideoProfile {
        let rung = self.partition.rungs.iter().find(|rung| rung.kind() == kind);
        rung.map_or(&self.timeline.video, |rung| &rung.profile)
    }

    /// Ticks a second of a track.
    pub fn clock(&self, kind: TrackKind) -> NonZeroU32 {
        match (kind, &self.timeline.audio) {
            (TrackKind::Audio, Some(audio)) => audio.sample_rate,
            _ => NonZeroU32::new(self.timeline.video.timescale()).unwrap_or(NonZeroU32::MIN),
        }
    }

    /// When the first sample of a track is decoded, in ticks of its clock.
    ///
    /// The first picture is shown [`REORDER_FRAMES`] after it is decoded. The sound
    /// begins as late, so that they are together for a reader of any kind: whether
    /// it knows edit lists or not, there is none to know.
    pub fn first_decode_time(&self, kind: TrackKind) -> u64 {
        let video = &self.timeline.video;
        match (kind, &self.timeline.audio) {
            (TrackKind::Audio, Some(audio)) => {
                let delay = u64::from(REORDER_FRAMES * video.rate.ticks_per_frame());
                let samples = delay * u64::from(audio.sample_rate.get());
                let timescale = u64::from(video.timescale()).max(1);
                // To the nearest sample: at 30000/1001 frames a second it is none.
                (samples + timescale / 2) / timescale
            }
            _ => 0,
        }
    }
}

/// Why there is no plan.
#[derive(Debug, Error)]
pub enum PlanError {
    /// The Edit, its data or its files are not as they should be.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// Nothing is wrong with them, but files cannot be fetched just now.
    #[error("{0}")]
    Unavailable(String),
}

/// Makes plans. Cheap to clone; blocking, as it reads files.
#[derive(Clone)]
pub struct Planner {
    library: AssetLibrary,
    fonts: Arc<FontCatalogue>,
    rasteriser: Arc<Rasteriser>,
    extended: Arc<Mutex<HashMap<Vec<OwnFont>, Arc<FontCatalogue>>>>,
    downloads: Downloads,
    account: Account,
}

impl Planner {
    /// Plans with the files of `library` and those that `downloads` fetches, and the
    /// fonts of `fonts`; fonts that an Edit brings along are made known to `rasteriser`.
    pub fn new(
        library: AssetLibrary,
        downloads: Downloads,
        fonts: Arc<FontCatalogue>,
        rasteriser: Arc<Rasteriser>,
    ) -> Self {
        Self {
            library,
            fonts,
            rasteriser,
            extended: Arc::default(),
            downloads,
            account: Account::new(false),
        }
    }

    /// The same, whose files of other servers are counted in `account`.
    pub fn counted_in(self, account: Account) -> Self {
        Self { account, ..self }
    }

    /// The files that plans name.
    pub fn library(&self) -> &AssetLibrary {
        &self.library
    }

    /// The files of other servers.
    pub fn downloads(&self) -> &Downloads {
        &self.downloads
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
    pub fn plan(&self, edit: Value, data: &Data, wish: &PartitionWish) -> Result<Plan, PlanError> {
        let merged = merge(variant::choose_own(edit)?, data)?;
        let mut warnings = merged.warnings.clone();
        let plan = self.plan_merged(&merged, wish, &mut warnings);
        let plan = plan.map_err(|error| match error {
            PlanError::Edit(error) => merged.in_template(error).into(),
            other => other,
        })?;
        for warning in &mut warnings {
            warning.pointer = merged.origin(&warning.pointer);
        }
        warnings.sort();
        warnings.dedup();
        Ok(Plan { warnings, ..plan })
    }

    /// The plan of a merged Edit, with its warnings aside.
    fn plan_merged(
        &self,
        merged: &Merged,
        wish: &PartitionWish,
        warnings: &mut Vec<Warning>,
    ) -> Result<Plan, PlanError> {
        let partitioning = wish.settle(&merged.document, warnings)?;
        let edit = Edit::read(&merged.document, warnings)?;
        let freshness = if edit.cache {
            Freshness::AsSaid
        } else {
            Freshness::Asked
        };
        let sources = edit.sources().chain(&edit.fonts);
        let fetched = fetch(
            (&self.downloads, &self.account),
            sources,
            freshness,
            warnings,
        )?;
        let mut assets = Assets::new();
        for source in edit.sources() {
            if assets.contains_key(source.name()) {
                continue;
            }
            let info = self
                .look_up(source, &fetched)
                .map_err(|error| refused(source, &error.to_string()))?;
            assets.insert(source.name().to_owned(), info);
        }
        let fonts = self.fonts_of(&edit, &fetched)?;
        let book = Book { fonts: &fonts };
        let mut timeline = bind(
            &edit,
            &assets,
            &book,
            &|place| merged.is_dynamic(place),
            warnings,
        )?;
        timeline.scenes.clone_from(&merged.cuts);
        let mut partition = partition(&timeline, &partitioning);
        let ladder = edit.output.ladder.iter();
        partition.rungs = ladder
            .map(|profile| rung(&timeline, profile, &partitioning))
            .collect();
        let held = fetched.into_values().map(|file| file.held).collect();
        Ok(Plan {
            timeline,
            partition,
            output: edit.output,
            warnings: Vec::new(),
            held,
        })
    }

    /// What is known of the files of `edit`, without those that are not to be had.
    pub fn known(&self, edit: &Edit, warnings: &mut Vec<Warning>) -> Assets {
        let sources = edit.sources();
        let fetched = fetch(
            (&self.downloads, &self.account),
            sources,
            Freshness::AsSaid,
            warnings,
        );
        let fetched = fetched.unwrap_or_default();
        let known = edit.sources().filter_map(|source| {
            let info = self.look_up(source, &fetched).ok()?;
            Some((source.name().to_owned(), info))
        });
        known.collect()
    }

    /// What is known of the file of `source`.
    fn look_up(&self, source: &Source, fetched: &Fetched) -> Result<AssetInfo, LibraryError> {
        let url = match &source.place {
            Place::Asset(path) => return self.library.look_up(path),
            Place::Remote(url) => url,
        };
        let file = fetched.get(source.name()).ok_or(LibraryError::Missing)?;
        let info = self.library.look_up_fetched(&file.path)?;
        if info.digest == file.digest {
            Ok(info)
        } else {
            // The disk spoilt it. It is fetched anew when it is asked for next.
            self.downloads.forget(url);
            Err(LibraryError::Changed)
        }
    }

    /// The catalogue with the Edit's own fonts before all others.
    fn fonts_of(&self, edit: &Edit, fetched: &Fetched) -> Result<Arc<FontCatalogue>, PlanError> {
        let mut own = Vec::new();
        for source in &edit.fonts {
            let path = match &source.place {
                Place::Asset(path) => self.library.path(path),
                Place::Remote(_) => fetched
                    .get(source.name())
                    .map(|file| file.path.clone())
                    .ok_or(LibraryError::Missing),
            };
            let path = path.map_err(|error| refused(source, &error.to_string()))?;
            let name = source.file_name().to_owned();
            own.push(OwnFont { path, name });
        }
        if own.is_empty() {
            return Ok(Arc::clone(&self.fonts));
        }
        let mut extended = self.extended.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = extended.get(&own) {
            return Ok(Arc::clone(known));
        }
        let unusable = |error: FontError| {
            let at = own.iter().position(|font| font.path == error.path());
            let source = edit.fonts.get(at.unwrap_or_default());
            let place = source.map_or_else(
                || Pointer::from("/timeline/fonts"),
                |source| source.pointer.clone(),
            );
            let name = source.map_or_else(String::new, |source| format!("{:?}", source.name()));
            EditError::new(place, name, format!("a font file: {}", error.reason()))
        };
        let fonts = Arc::new(self.fonts.with_fonts(&own).map_err(unusable)?);
        self.rasteriser.extend(&fonts);
        if extended.len() >= MAX_FONT_SETS {
            extended.clear();
        }
        extended.insert(own, Arc::clone(&fonts));
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
