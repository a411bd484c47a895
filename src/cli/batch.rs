//! `loomcast batch`: a video for every row of a CSV file.

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::Args;
use serde::Serialize;
use serde_json::Value;

use crate::app::{Engine, EngineConfig};
use crate::cli::BadInput;
use crate::cli::inputs::{self, FolderArgs, PartitionArgs};
use crate::cli::{output, progress, values};
use crate::delivery::{Delivery, Plan};
use crate::jobs::batch::{Batch, BatchOutcome};
use crate::jobs::rows::{self, Recipient, Row};
use crate::render::Priority;

/// Rows that are planned, rendered and joined together: the more, the more often
/// what they have in common is composed just once; the fewer, the less memory
/// their plans take, and the sooner the first files are there.
const ROWS_AT_A_TIME: usize = 250;

/// Memory for chunks: they are written to files once each, soon after they were
/// rendered.
const CHUNK_MEMORY: u64 = 64 << 20;

#[derive(Debug, Args)]
pub(super) struct BatchArgs {
    /// The Edit: a JSON file
    template: PathBuf,

    /// A CSV file: its first row names the merge fields; a column "file" names the videos
    #[arg(long, value_name = "FILE.csv")]
    data: PathBuf,

    /// The folder for the videos
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,

    /// Only fill the cache; write no files
    #[arg(long)]
    prerender_only: bool,

    #[command(flatten)]
    folders: FolderArgs,
    #[command(flatten)]
    partition: PartitionArgs,

    /// Print one JSON object about the batch
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    rows: usize,
    rows_failed: usize,
    chunks_total: usize,
    chunks_distinct: usize,
    chunks_hit: usize,
    chunks_rendered: usize,
    cpu_s: f64,
    cpu_s_per_row: f64,
    render_s: f64,
    render_s_saved: f64,
    wall_ms: u64,
    failures: Vec<Failure>,
}

#[derive(Debug, Serialize)]
struct Failure {
    row: usize,
    reason: String,
}

/// A row that can be rendered.
struct Planned {
    number: usize,
    file: String,
    plan: Plan,
}

pub(super) fn run(args: &BatchArgs) -> Result<ExitCode> {
    let started = Instant::now();
    let edit = inputs::read_template(&args.template, args.partition.variant.as_deref())?;
    let bad = |message: String| BadInput(format!("{}: {message}", args.data.display()));
    let file = File::open(&args.data).map_err(|error| bad(error.to_string()))?;
    let rows = rows::read(file).map_err(|error| bad(error.to_string()))?;
    let engine = Engine::open(&EngineConfig {
        chunk_memory: CHUNK_MEMORY,
        ..args.folders.config(Some(&args.template))
    })?;
    let run = Run {
        args,
        edit,
        engine,
        rows: rows.len(),
    };
    let mut outcome = BatchOutcome::default();
    let mut failures = Vec::new();
    let mut seen = HashSet::new();
    let runtime = values::runtime()?;
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let (batch, planned) = run.plan(rows.by_ref().take(ROWS_AT_A_TIME), &mut failures);
        seen.extend(batch.keys());
        let rendered = runtime.block_on(run.render(batch, &planned, &mut failures));
        outcome.add(rendered);
    }
    runtime.block_on(run.engine.delivery.cache().drain());
    failures.sort_by_key(|failure| failure.row);
    let cpu_s = progress::cpu_seconds();
    let report = Report {
        rows: run.rows,
        rows_failed: failures.len(),
        chunks_total: outcome.total,
        chunks_distinct: seen.len(),
        chunks_hit: outcome.total - outcome.rendered - outcome.failed.len(),
        chunks_rendered: outcome.rendered,
        cpu_s,
        cpu_s_per_row: cpu_s / run.rows.max(1) as f64,
        render_s: outcome.spent_ms as f64 / 1000.0,
        render_s_saved: outcome.saved_ms as f64 / 1000.0,
        wall_ms: u64::try_from(started.elapsed().as_millis())?,
        failures,
    };
    tell(&report, args.json)?;
    Ok(if report.rows_failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

/// What is the same for all rows.
struct Run<'a> {
    args: &'a BatchArgs,
    edit: Value,
    engine: Engine,
    rows: usize,
}

impl Run<'_> {
    /// Plans some rows; those that cannot be planned are noted in `failures`.
    fn plan(
        &self,
        rows: impl Iterator<Item = Row>,
        failures: &mut Vec<Failure>,
    ) -> (Batch, Vec<Planned>) {
        let mut batch = Batch::default();
        let mut planned = Vec::new();
        let partitioning = self.args.partition.partitioning();
        for Row { number, recipient } in rows {
            let plan = recipient.and_then(|Recipient { file, data }| {
                let planner = &self.engine.planner;
                let plan = planner.plan(self.edit.clone(), &data, &partitioning);
                let plan = plan.map_err(|error| error.to_string())?;
                let format = plan.output.format;
                if format.is_chunks() {
                    Ok((file, plan))
                } else {
                    Err(format!(
                        "/output/format is {}: a batch makes mp4",
                        format.name()
                    ))
                }
            });
            match plan {
                Ok((file, plan)) => {
                    // Files are of the video itself; players take what their line carries.
                    let all = self.args.prerender_only;
                    batch.add(&plan, |kind| all || !kind.is_rung());
                    planned.push(Planned { number, file, plan });
                }
                Err(reason) => failures.push(Failure {
                    row: number,
                    reason,
                }),
            }
        }
        (batch, planned)
    }

    /// Renders what is missing of these rows, and writes their files.
    async fn render(
        &self,
        batch: Batch,
        planned: &[Planned],
        failures: &mut Vec<Failure>,
    ) -> BatchOutcome {
        let delivery = &self.engine.delivery;
        let last = planned.last().map_or(0, |row| row.number);
        let of = format!("{last} of {} rows", self.rows);
        let bar = progress::bar(batch.distinct() as u64, format!("{of}: rendering"));
        let outcome = batch.render(delivery, || bar.inc(1)).await;
        bar.finish_and_clear();
        if self.args.prerender_only {
            return outcome;
        }
        let bar = progress::bar(planned.len() as u64, format!("{of}: joining"));
        for row in planned {
            bar.inc(1);
            if let Err(error) = write(delivery, row, &outcome, &self.args.output).await {
                failures.push(Failure {
                    row: row.number,
                    reason: format!("{error:#}"),
                });
            }
        }
        bar.finish_and_clear();
        outcome
    }
}

async fn write(
    delivery: &Delivery,
    row: &Planned,
    outcome: &BatchOutcome,
    folder: &Path,
) -> Result<()> {
    let chunks = row
        .plan
        .partition
        .video
        .iter()
        .chain(&row.plan.partition.audio);
    // What failed a moment ago would fail again.
    if let Some(reason) = chunks
        .into_iter()
        .find_map(|chunk| outcome.failed.get(&chunk.key))
    {
        anyhow::bail!("{reason}");
    }
    let path = folder.join(format!("{}.mp4", row.file));
    output::write_mp4(delivery, &row.plan, &path, Priority::Batch).await
}

fn tell(report: &Report, json: bool) -> Result<()> {
    if json {
        println!(
            "{}",
            serde_json::to_string_pretty(report).context("writing the report")?
        );
        return Ok(());
    }
    println!("rows      {} ({} failed)", report.rows, report.rows_failed);
    println!(
        "chunks    {} in all, {} different, {} rendered, {} reused",
        report.chunks_total, report.chunks_distinct, report.chunks_rendered, report.chunks_hit
    );
    println!(
        "rendering {:.1} s spent, {:.1} s saved by reuse",
        report.render_s, report.render_s_saved
    );
    println!(
        "CPU       {:.2} s, {:.3} s a row; {:.1} s in all",
        report.cpu_s,
        report.cpu_s_per_row,
        report.wall_ms as f64 / 1000.0
    );
    for Failure { row, reason } in &report.failures {
        println!("row {row} failed: {reason}");
    }
    Ok(())
}
