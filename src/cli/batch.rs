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

use crate::app::Engine;
use crate::cli::BadInput;
use crate::cli::inputs::{self, FolderArgs, PartitionArgs};
use crate::cli::{output, progress};
use crate::delivery::{Delivery, Plan};
use crate::jobs::batch::{Batch, BatchOutcome};
use crate::render::Priority;
use crate::template::merge::Data;

/// The most rows of one batch: their plans are held in memory.
const MAX_ROWS: usize = 100_000;

/// The column that names a row's file; without it rows are numbered.
const NAME_COLUMN: &str = "file";

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
struct Row {
    number: usize,
    name: String,
    plan: Plan,
}

pub(super) fn run(args: &BatchArgs) -> Result<ExitCode> {
    let started = Instant::now();
    let edit = inputs::read_template(&args.template)?;
    let rows = read_rows(&args.data)?;
    let engine = Engine::open(&args.folders.config(Some(&args.template)))?;
    let count = rows.len();
    let mut failures = Vec::new();
    let mut planned = Vec::with_capacity(count);
    let mut batch = Batch::default();
    let bar = progress::bar(count as u64, "planning");
    for (number, name, data) in rows {
        bar.inc(1);
        match engine
            .planner
            .plan(edit.clone(), &data, &args.partition.partitioning())
        {
            Ok(plan) => {
                batch.add(&plan);
                planned.push(Row { number, name, plan });
            }
            Err(error) => failures.push(Failure {
                row: number,
                reason: error.to_string(),
            }),
        }
    }
    bar.finish_and_clear();
    let outcome = inputs::runtime()?.block_on(async {
        let bar = progress::bar(batch.distinct() as u64, "rendering");
        let outcome = batch.render(&engine.delivery, || bar.inc(1)).await;
        bar.finish_and_clear();
        if !args.prerender_only {
            let bar = progress::bar(planned.len() as u64, "joining");
            for row in &planned {
                bar.inc(1);
                if let Err(error) = write(&engine.delivery, row, &outcome, &args.output).await {
                    failures.push(Failure {
                        row: row.number,
                        reason: format!("{error:#}"),
                    });
                }
            }
            bar.finish_and_clear();
        }
        engine.delivery.cache().drain().await;
        outcome
    });
    let cpu_s = progress::cpu_seconds();
    let report = Report {
        rows: count,
        rows_failed: failures.len(),
        chunks_total: outcome.total,
        chunks_distinct: outcome.distinct,
        chunks_hit: outcome.total - outcome.rendered - outcome.failed.len(),
        chunks_rendered: outcome.rendered,
        cpu_s,
        cpu_s_per_row: cpu_s / count.max(1) as f64,
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

async fn write(
    delivery: &Delivery,
    row: &Row,
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
    let path = folder.join(format!("{}.mp4", row.name));
    output::write_mp4(delivery, &row.plan, &path, Priority::Batch).await
}

/// The rows: number (from 1), file name, data.
fn read_rows(path: &Path) -> Result<Vec<(usize, String, Data)>> {
    let bad = |message: String| BadInput(format!("{}: {message}", path.display()));
    let file = File::open(path).map_err(|error| bad(error.to_string()))?;
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(file);
    let columns = reader
        .headers()
        .map_err(|error| bad(error.to_string()))?
        .clone();
    let mut rows = Vec::new();
    let mut names = HashSet::new();
    for (index, record) in reader.records().enumerate() {
        let number = index + 1;
        if number > MAX_ROWS {
            return Err(bad(format!("more than {MAX_ROWS} rows")).into());
        }
        let record = record.map_err(|error| bad(error.to_string()))?;
        let mut data = Data::new();
        let mut name = None;
        for (column, value) in columns.iter().zip(&record) {
            if column == NAME_COLUMN {
                name = Some(file_name(value).ok_or_else(|| {
                    bad(format!("row {number}: {value:?} is no file name: expected letters, digits, '-', '_' and '.'"))
                })?);
            } else {
                // A byte order mark is part of no name.
                data.insert(
                    column.trim_start_matches('\u{feff}').to_owned(),
                    Value::String(value.to_owned()),
                );
            }
        }
        let name = name.unwrap_or_else(|| format!("{number:06}"));
        if !names.insert(name.clone()) {
            return Err(bad(format!(
                "row {number}: the file name {name:?} is there twice"
            ))
            .into());
        }
        rows.push((number, name, data));
    }
    if rows.is_empty() {
        return Err(bad("no rows".into()).into());
    }
    Ok(rows)
}

fn file_name(value: &str) -> Option<String> {
    let clean = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let value = value.strip_suffix(".mp4").unwrap_or(value);
    (!value.is_empty() && !value.starts_with('.') && value.len() <= 200 && value.chars().all(clean))
        .then(|| value.to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_cannot_leave_the_folder() {
        for (value, expected) in [
            ("ana", Some("ana")),
            ("ana.mp4", Some("ana")),
            ("Zoë_1-2.final", Some("Zoë_1-2.final")),
            ("../ana", None),
            ("a/b", None),
            (".hidden", None),
            ("", None),
            ("a b", None),
        ] {
            assert_eq!(file_name(value).as_deref(), expected, "{value:?}");
        }
    }
}
