//! `loomcast plan`: the chunks of a video, without rendering any.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::cli::inputs::{self, FolderArgs, PartitionArgs, TemplateArgs};
use crate::delivery::Plan;
use crate::partition::{PlacedChunk, TrackKind};
use crate::store::{ChunkStore, StoreConfig, StoreError};
use crate::time::Time;

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    template: TemplateArgs,
    #[command(flatten)]
    folders: FolderArgs,
    #[command(flatten)]
    partition: PartitionArgs,

    /// Print a JSON array with an object for each chunk
    #[arg(long)]
    json: bool,
}

/// One chunk, as `--json` prints it.
#[derive(Debug, Serialize)]
pub(super) struct PlannedChunk {
    index: usize,
    track: String,
    start: f64,
    duration: f64,
    key: String,
    state: &'static str,
    /// Whether it depends on the recipient.
    dynamic: bool,
    layers: Vec<String>,
}

pub(super) fn run(args: &PlanArgs) -> Result<ExitCode> {
    let edit = inputs::read_template(&args.template.template, args.partition.variant.as_deref())?;
    let config = args.folders.config(Some(&args.template.template));
    let planner = config.planner()?;
    let plan = inputs::plan(
        &planner,
        edit,
        &args.template.data(),
        &args.partition.partitioning(),
    )?;
    // A data folder that is not there yet is empty; looking must not make it.
    let chunks = config.data_dir.join("chunks");
    let store = open_store(&chunks)?;
    let rows = rows(&plan, store.as_ref())?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&rows)?);
    } else {
        print(&rows, &plan);
    }
    Ok(ExitCode::SUCCESS)
}

/// The store, if it is there and nobody has it open.
fn open_store(folder: &Path) -> Result<Option<ChunkStore>> {
    if !folder.is_dir() {
        return Ok(None);
    }
    match ChunkStore::open(StoreConfig::new(folder)) {
        Ok((store, _)) => Ok(Some(store)),
        Err(StoreError::InUse { dir }) => {
            eprintln!(
                "loomcast: warning: {} is in use, so every chunk is shown as a miss",
                dir.display()
            );
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

fn rows(plan: &Plan, store: Option<&ChunkStore>) -> Result<Vec<PlannedChunk>> {
    let of = |kind| {
        let chunks = plan.chunks(kind).iter().enumerate();
        chunks.map(move |(index, chunk)| row(plan, store, index, kind, chunk))
    };
    plan.kinds().flat_map(of).collect()
}

fn row(
    plan: &Plan,
    store: Option<&ChunkStore>,
    index: usize,
    kind: TrackKind,
    chunk: &PlacedChunk,
) -> Result<PlannedChunk> {
    let clock = plan.clock(kind);
    let seconds = |ticks: u64| {
        Ok::<_, anyhow::Error>(Time::from_ticks(i64::try_from(ticks)?, clock).as_seconds())
    };
    let hit = store
        .map(|store| store.contains(&chunk.key))
        .transpose()?
        .unwrap_or(false);
    Ok(PlannedChunk {
        index,
        track: kind.to_string(),
        start: seconds(chunk.decode_time)?,
        duration: seconds(chunk.ticks)?,
        key: chunk.key.to_string(),
        state: if hit { "hit" } else { "miss" },
        dynamic: chunk.dynamic,
        layers: chunk.spec.labels().into_iter().map(str::to_owned).collect(),
    })
}

fn print(rows: &[PlannedChunk], plan: &Plan) {
    println!(
        "{:>5}  {:10}  {:>9}  {:>8}  {:12}  {:5}  {:8}  layers (lowest first)",
        "index", "track", "start", "length", "key", "state", ""
    );
    for row in rows {
        let personal = if row.dynamic { "personal" } else { "shared" };
        println!(
            "{:>5}  {:10}  {:>8.3}s  {:>7.3}s  {:12}  {:5}  {:8}  {}",
            row.index,
            row.track,
            row.start,
            row.duration,
            &row.key[..12],
            row.state,
            personal,
            row.layers.join(", ")
        );
    }
    let hits = rows.iter().filter(|row| row.state == "hit").count();
    println!(
        "{} chunks, {hits} hit; {:.3} s at {} fps",
        rows.len(),
        plan.timeline.duration().as_seconds(),
        plan.timeline.video.rate
    );
}
