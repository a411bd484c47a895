//! What several commands take: a template, data, folders, a partition scheme.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use crate::app::EngineConfig;
use crate::cache::CacheConfig;
use crate::cli::BadInput;
use crate::cli::values::size;
use crate::delivery::{Plan, PlanError, Planner};
use crate::fetch::{Allowed, FetchConfig};
use crate::partition::{CHUNK_MAX_RANGE, PartitionWish, Scheme};
use crate::policy::PolicyKind;
use crate::store::AdmissionKind;
use crate::template::merge::Data;
use crate::template::variant;
use crate::time::Time;

/// The largest template file, in bytes.
const MAX_TEMPLATE_BYTES: u64 = 16 << 20;

/// The Edit and one person's data.
#[derive(Clone, Debug, Args)]
pub(super) struct TemplateArgs {
    /// The Edit: a JSON file
    pub template: PathBuf,

    /// A merge field's value; where a number is wanted, a text that is one will do
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = assignment)]
    pub set: Vec<(String, String)>,
}

/// Where files are.
#[derive(Clone, Debug, Args)]
pub(super) struct FolderArgs {
    /// The assets folder (media and fonts)
    #[arg(
        long,
        value_name = "DIR",
        env = "LOOMCAST_ASSETS",
        default_value = "assets"
    )]
    pub assets: PathBuf,

    /// Where chunks are kept
    #[arg(
        long,
        value_name = "DIR",
        env = "LOOMCAST_DATA",
        default_value = "data"
    )]
    pub data_dir: PathBuf,

    /// The most that chunks take on disk, as 500MB or 2GiB [default: what they might last, else 16GiB]
    #[arg(long, value_name = "SIZE", env = "LOOMCAST_CACHE_SIZE", value_parser = size)]
    pub cache_size: Option<u64>,

    /// What is left free on that disk
    #[arg(long, value_name = "SIZE", env = "LOOMCAST_KEEP_FREE", value_parser = size, default_value = "1GiB")]
    pub keep_free: u64,

    /// Which chunks go when they do not all fit: gdsf (what saves the least per byte), lru, s3-fifo, sieve or fifo
    #[arg(
        long,
        value_name = "POLICY",
        env = "LOOMCAST_EVICTION",
        default_value_t
    )]
    pub eviction: PolicyKind,

    /// Render threads [default: as many as cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,

    #[command(flatten)]
    pub fetching: FetchArgs,
}

/// What is fetched from other servers.
#[derive(Clone, Debug, Args)]
pub(super) struct FetchArgs {
    /// Fetch nothing from other servers: every src is a path
    #[arg(long, env = "LOOMCAST_NO_FETCH")]
    no_fetch: bool,

    /// Fetch from this host, address or network too, though it be private; may be given again
    #[arg(
        long = "allow-host",
        value_name = "HOST|CIDR",
        env = "LOOMCAST_ALLOW_HOSTS",
        value_delimiter = ','
    )]
    allowed: Vec<Allowed>,

    /// The largest file that is fetched
    #[arg(long, value_name = "SIZE", env = "LOOMCAST_MAX_DOWNLOAD", value_parser = size, default_value = "1GiB")]
    max_download: u64,

    /// The most that fetched files take on disk
    #[arg(long, value_name = "SIZE", env = "LOOMCAST_DOWNLOADS_SIZE", value_parser = size, default_value = "16GiB")]
    downloads_size: u64,
}

impl FetchArgs {
    fn config(&self) -> FetchConfig {
        FetchConfig {
            enabled: !self.no_fetch,
            allowed: self.allowed.clone(),
            max_file_bytes: self.max_download,
            max_bytes: self.downloads_size,
            ..FetchConfig::default()
        }
    }
}

impl FolderArgs {
    /// The configuration with the folder of `template` searched first.
    pub fn config(&self, template: Option<&Path>) -> EngineConfig {
        // A bare file name has the empty path for a folder: the one we are in.
        let beside = template
            .and_then(Path::parent)
            .map(|folder| Path::new(".").join(folder));
        EngineConfig {
            assets: self.assets.clone(),
            more_assets: beside.into_iter().collect(),
            data_dir: self.data_dir.clone(),
            threads: self.threads,
            disk_bytes: self.cache_size,
            min_free_bytes: self.keep_free,
            eviction: self.eviction,
            admission: AdmissionKind::All,
            chunk_memory: CacheConfig::default().ram_bytes,
            // Of one run nobody asks.
            measures: false,
            fetching: self.fetching.config(),
        }
    }
}

/// Which variant of a template, and how to cut it.
#[derive(Clone, Debug, Args)]
pub(super) struct PartitionArgs {
    /// The variant of the template [default: none, the template as it is]
    #[arg(long, value_name = "NAME")]
    pub variant: Option<String>,

    /// Where to cut: scenes, objects or fixed [default: the template's, else scenes]
    #[arg(long, value_parser = scheme)]
    pub scheme: Option<Scheme>,

    /// The longest video chunk, in seconds [default: the template's, else 2]
    #[arg(long, value_name = "SECONDS", value_parser = chunk_max)]
    pub chunk_max: Option<Time>,
}

impl PartitionArgs {
    pub fn partitioning(&self) -> PartitionWish {
        PartitionWish {
            scheme: self.scheme,
            chunk_max: self.chunk_max,
        }
    }
}

pub(super) fn assignment(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}

fn scheme(text: &str) -> Result<Scheme, String> {
    let known = Scheme::NAMED.iter().find(|(name, _)| *name == text);
    known
        .map(|(_, scheme)| *scheme)
        .ok_or_else(|| "expected scenes, objects or fixed".into())
}

fn chunk_max(text: &str) -> Result<Time, String> {
    let time = text.parse().ok().and_then(Time::from_decimal_seconds);
    time.filter(|time| CHUNK_MAX_RANGE.contains(time))
        .ok_or_else(|| {
            format!(
                "expected {} to {}",
                CHUNK_MAX_RANGE.start(),
                CHUNK_MAX_RANGE.end()
            )
        })
}

impl TemplateArgs {
    /// The values set.
    pub fn data(&self) -> Data {
        data(&self.set)
    }
}

/// Assignments as merge data.
pub(super) fn data(set: &[(String, String)]) -> Data {
    set.iter()
        .map(|(key, value)| (key.clone(), Value::String(value.clone())))
        .collect()
}

/// Reads a template file, in its variant of this name if one is given.
pub(super) fn read_template(path: &Path, variant: Option<&str>) -> Result<Value> {
    let unreadable = |error: std::io::Error| BadInput(format!("{}: {error}", path.display()));
    let bytes = fs::metadata(path).map_err(unreadable)?.len();
    if bytes > MAX_TEMPLATE_BYTES {
        let message = format!(
            "{}: {bytes} bytes are too many: expected at most {MAX_TEMPLATE_BYTES}",
            path.display()
        );
        return Err(BadInput(message).into());
    }
    let text = fs::read(path).map_err(unreadable)?;
    let document: Value = serde_json::from_slice(&text)
        .map_err(|error| BadInput(format!("{}: not JSON: {error}", path.display())))?;
    let Some(name) = variant else {
        return Ok(document);
    };
    let chosen = variant::choose(document, name);
    chosen.map_err(|error| BadInput(format!("{}: {error}", path.display())).into())
}

/// Plans, telling warnings on standard error.
pub(super) fn plan(
    planner: &Planner,
    edit: Value,
    data: &Data,
    partitioning: &PartitionWish,
) -> Result<Plan> {
    let plan = planner.plan(edit, data, partitioning);
    let plan = plan.map_err(|error| match error {
        PlanError::Edit(error) => BadInput(error.to_string()).into(),
        PlanError::Unavailable(message) => anyhow::Error::msg(message),
    })?;
    for warning in &plan.warnings {
        eprintln!("loomcast: warning: {warning}");
    }
    Ok(plan)
}
