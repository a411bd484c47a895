//! The composition root: puts the parts together, from the files up.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::cache::{CacheConfig, FragmentCache};
use crate::delivery::{Delivery, FileStore, Planner};
use crate::fetch::{Downloads, FetchConfig};
use crate::media::{AssetLibrary, PcmStore};
use crate::policy::PolicyKind;
use crate::raster::{FontCatalogue, Rasteriser, probe_lottie, probe_picture};
use crate::render::{RenderPool, Renderer};
use crate::store::{AdmissionKind, ChunkStore, RecoveryReport, StoreConfig};

/// How long a chunk may wait for its next part, its time in the render queue
/// included. What hangs while rendering is ended much sooner, by the deadlines of
/// the pipelines and [`CHUNK_DEADLINE`](crate::render::CHUNK_DEADLINE).
const PATIENCE: Duration = Duration::from_secs(3600);

/// Where things are and how much of the machine to use.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The assets folder, with `fonts` in it.
    pub assets: PathBuf,
    /// Folders that are searched before it.
    pub more_assets: Vec<PathBuf>,
    /// Where chunks are kept.
    pub data_dir: PathBuf,
    /// Render threads; as many as there are cores when `None`.
    pub threads: Option<NonZeroUsize>,
    /// The most bytes of chunks on disk; `None` for what the store had last.
    pub disk_bytes: Option<u64>,
    /// Bytes of the disk that are left free.
    pub min_free_bytes: u64,
    /// Which chunks go when they do not all fit.
    pub eviction: PolicyKind,
    /// Which chunks are kept at their first use.
    pub admission: AdmissionKind,
    /// Memory for complete chunks, in bytes.
    pub chunk_memory: u64,
    /// Whether it is measured what the cache saves.
    pub measures: bool,
    /// What is fetched from other servers.
    pub fetching: FetchConfig,
}

impl EngineConfig {
    /// A planner over these assets: plans without store or threads.
    pub fn planner(&self) -> Result<Planner> {
        let folder = self.data_dir.join("downloads");
        let downloads = Downloads::new(&folder, self.fetching.clone());
        planner(&self.assets, &self.more_assets, downloads)
    }
}

/// All that is needed to make videos.
#[derive(Clone)]
pub struct Engine {
    /// Edits to plans.
    pub planner: Planner,
    /// Chunks, from the cache or rendered.
    pub delivery: Delivery,
    /// What opening the store found.
    pub recovery: RecoveryReport,
}

impl Engine {
    /// Opens the store and starts the render threads.
    pub fn open(config: &EngineConfig) -> Result<Self> {
        crate::media::init()?;
        let (store, recovery) = ChunkStore::open(StoreConfig {
            max_bytes: config.disk_bytes,
            min_free_bytes: config.min_free_bytes,
            policy: config.eviction,
            admission: config.admission,
            ..StoreConfig::new(config.data_dir.join("chunks"))
        })?;
        let pcm = PcmStore::open(&config.data_dir.join("sound"))?;
        let planner = config.planner()?;
        let rasteriser = Arc::clone(planner.rasteriser());
        let renderer = Renderer::new(planner.library().clone(), pcm, rasteriser);
        let threads = config.threads.or(std::thread::available_parallelism().ok());
        let pool = RenderPool::start(renderer, threads.map_or(1, NonZeroUsize::get))
            .context("starting render threads")?;
        let files = config.data_dir.join("files");
        let files =
            FileStore::open(&files).with_context(|| format!("opening {}", files.display()))?;
        let delivery = Delivery::new(
            FragmentCache::new(
                store,
                CacheConfig {
                    patience: PATIENCE,
                    ram_bytes: config.chunk_memory,
                    measures: config.measures,
                    ..CacheConfig::default()
                },
            ),
            pool,
            files,
        );
        let account = delivery.cache().account().clone();
        Ok(Self {
            planner: planner.counted_in(account),
            delivery,
            recovery,
        })
    }
}

/// A planner over `assets`, and `more` before it: plans without store or threads.
pub fn planner(assets: &Path, more: &[PathBuf], downloads: Downloads) -> Result<Planner> {
    let fonts = assets.join("fonts");
    let fonts = FontCatalogue::load(&fonts, &[])
        .with_context(|| format!("the fonts in {}", fonts.display()))?;
    let fonts = Arc::new(fonts);
    let mut roots = more.to_vec();
    roots.push(assets.to_owned());
    let probe_still = |path: &Path| {
        let picture = probe_picture(path).map(|kind| kind.map_err(|error| error.to_string()));
        picture.or_else(|| probe_lottie(path))
    };
    let library = AssetLibrary::new(roots, probe_still);
    let rasteriser = Arc::new(Rasteriser::new(Arc::clone(&fonts)));
    Ok(Planner::new(library, downloads, fonts, rasteriser))
}
