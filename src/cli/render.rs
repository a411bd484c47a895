//! `loomcast render`: one person's video, to a file or a folder.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Args;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use serde_json::{Value, json};

use crate::app::Engine;
use crate::cache::Outcome;
use crate::cli::inputs::{self, FolderArgs, PartitionArgs, TemplateArgs};
use crate::cli::output::{self, Target};
use crate::cli::{deliverable, progress, values};
use crate::delivery::{Delivery, Plan, Recipe, Wanted};
use crate::partition::TrackKind;
use crate::render::Priority;
use crate::template::output::Format;

/// Chunks asked for at a time, for each render thread: one that is rendered and
/// one that waits.
const AHEAD: usize = 2;

#[derive(Debug, Args)]
pub(super) struct RenderArgs {
    #[command(flatten)]
    template: TemplateArgs,
    #[command(flatten)]
    folders: FolderArgs,
    #[command(flatten)]
    partition: PartitionArgs,

    /// A file that ends as its format is called (mp4, gif, webm, mp3, jpg, png, bmp), or a folder (ending in /) for HLS
    #[arg(short, long, value_name = "PATH")]
    output: PathBuf,

    /// Make this in place of the Edit's output.format: mp4, hls, gif, webm, mp3, jpg, png or bmp
    #[arg(long, value_name = "FORMAT", value_parser = format)]
    format: Option<Format>,

    /// Only this part, in seconds, in place of the Edit's output.range; without a length to the end
    #[arg(long, value_name = "START[,LENGTH]", value_parser = range)]
    range: Option<(f64, Option<f64>)>,

    /// Write the poster there: the Edit's output.poster, or else the first frame
    #[arg(long, value_name = "FILE.jpg")]
    poster: Option<PathBuf>,

    /// Print one JSON object about the render
    #[arg(long)]
    json: bool,
}

fn format(name: &str) -> Result<Format, String> {
    let names = Format::NAMED.map(|(name, _)| name).join(", ");
    Format::named(name).ok_or_else(|| format!("expected one of {names}"))
}

fn range(text: &str) -> Result<(f64, Option<f64>), String> {
    let seconds = |text: &str| {
        let seconds = text.trim().parse::<f64>().ok();
        seconds
            .filter(|seconds| seconds.is_finite() && *seconds >= 0.0)
            .ok_or_else(|| "expected START or START,LENGTH in seconds".to_owned())
    };
    match text.split_once(',') {
        None => Ok((seconds(text)?, None)),
        Some((start, length)) => Ok((seconds(start)?, Some(seconds(length)?))),
    }
}

/// The Edit with what the options say in place of its own output.
fn changed(mut edit: Value, args: &RenderArgs) -> Value {
    // Where there is none, reading it says so.
    if let Some(output) = edit.get_mut("output").and_then(Value::as_object_mut) {
        if let Some(format) = args.format {
            output.insert("format".into(), format.name().into());
        }
        if let Some((start, length)) = args.range {
            output.insert("range".into(), json!({"start": start, "length": length}));
        }
    }
    edit
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report {
    frames: u32,
    duration_s: f64,
    chunks_total: usize,
    chunks_hit: usize,
    chunks_rendered: usize,
    video_chunks_rendered: usize,
    cpu_s: f64,
    first_part_ms: u64,
    wall_ms: u64,
    output: PathBuf,
    warnings: Vec<String>,
}

pub(super) fn run(args: &RenderArgs) -> Result<ExitCode> {
    let started = Instant::now();
    let edit = inputs::read_template(&args.template.template, args.partition.variant.as_deref())?;
    let edit = changed(edit, args);
    let engine = Engine::open(&args.folders.config(Some(&args.template.template)))?;
    let plan = inputs::plan(
        &engine.planner,
        edit,
        &args.template.data(),
        &args.partition.partitioning(),
    )?;
    let target = Target::of(&args.output);
    target.agrees_with(plan.output.format)?;
    let plan = Arc::new(plan);
    let runtime = values::runtime()?;
    let rendered = runtime.block_on(async {
        let delivery = &engine.delivery;
        let rendered = match Recipe::whole(&plan, plan.output.format) {
            // Chunks take no part in it.
            Some(recipe) => {
                deliverable::write(delivery, &recipe, &args.output).await?;
                None
            }
            None => {
                let rendered = ensure(delivery, &plan, &target, started).await?;
                match &target {
                    Target::File(path) => {
                        output::write_mp4(delivery, &plan, path, Priority::LookAhead).await
                    }
                    Target::Folder(path) => {
                        output::write_hls(delivery, &plan, path, Priority::LookAhead).await
                    }
                }
                .with_context(|| format!("writing {}", args.output.display()))?;
                Some(rendered)
            }
        };
        let beside = target.beside("poster");
        let beside = beside.filter(|_| plan.output.poster.is_some());
        if let Some(path) = args.poster.as_ref().or(beside.as_ref()) {
            let first = plan.timeline.excerpt.first;
            let first = plan.timeline.video.rate.frame_start(i64::from(first));
            let recipe = Recipe::poster(&plan).unwrap_or_else(|| Recipe::still(&plan, first, 1.0));
            deliverable::write(delivery, &recipe, path).await?;
        }
        if let (Some(recipe), Some(path)) = (Recipe::thumbnail(&plan), target.beside("thumbnail")) {
            deliverable::write(delivery, &recipe, &path).await?;
        }
        delivery.cache().drain().await;
        Ok::<_, anyhow::Error>(rendered)
    })?;
    let total = match rendered {
        Some(_) => tracks(&plan, &target)
            .map(|kind| plan.chunks(kind).len())
            .sum(),
        None => 0,
    };
    let is_chunks = rendered.is_some();
    let rendered = rendered.unwrap_or_default();
    let report = Report {
        frames: plan.timeline.frames,
        duration_s: plan.timeline.duration().as_seconds(),
        chunks_total: total,
        chunks_hit: total - rendered.pictures - rendered.audio,
        chunks_rendered: rendered.pictures + rendered.audio,
        video_chunks_rendered: rendered.pictures,
        cpu_s: progress::cpu_seconds(),
        first_part_ms: u64::try_from(rendered.first_part.as_millis())?,
        wall_ms: u64::try_from(started.elapsed().as_millis())?,
        output: args.output.clone(),
        warnings: plan.warnings.iter().map(ToString::to_string).collect(),
    };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else if !is_chunks {
        println!(
            "{}: {} of {:.2} s; {:.2} s of CPU, {:.2} s in all",
            args.output.display(),
            plan.output.format.name(),
            report.duration_s,
            report.cpu_s,
            report.wall_ms as f64 / 1000.0,
        );
    } else {
        println!(
            "{}: {:.2} s, {} of {} chunks reused, {} rendered; first part after {} ms, {:.2} s of CPU, {:.2} s in all",
            args.output.display(),
            report.duration_s,
            report.chunks_hit,
            total,
            report.chunks_rendered,
            report.first_part_ms,
            report.cpu_s,
            report.wall_ms as f64 / 1000.0,
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// How many chunks had to be rendered, and when the first part was there.
#[derive(Debug, Default)]
struct Rendered {
    pictures: usize,
    audio: usize,
    first_part: Duration,
}

/// Deals chunks out so that each render thread goes through one stretch of the
/// video: its decoder then reads on where it stopped, and decodes nothing twice.
fn dealt<T>(chunks: Vec<T>, threads: usize) -> Vec<T> {
    let stretch = chunks.len().div_ceil(threads.max(1)).max(1);
    let mut dealt: Vec<(usize, T)> = chunks.into_iter().enumerate().collect();
    dealt.sort_by_key(|(index, _)| index % stretch);
    dealt.into_iter().map(|(_, chunk)| chunk).collect()
}

/// The tracks of `plan` that go into `target`.
fn tracks(plan: &Plan, target: &Target) -> impl Iterator<Item = TrackKind> {
    plan.kinds().filter(|kind| target.has(*kind))
}

/// Renders what is missing, the first picture first, with a progress bar.
async fn ensure(
    delivery: &Delivery,
    plan: &Plan,
    target: &Target,
    started: Instant,
) -> Result<Rendered> {
    let mut rendered = Rendered::default();
    // Held until all is there: what nobody reads any more is given up.
    let mut opening = None;
    if let Some(first) = plan.chunks(TrackKind::Video).first() {
        let access = delivery.chunk(&Wanted::of(first), Priority::Viewer).await?;
        access.fragment.part(0).await?;
        rendered.first_part = started.elapsed();
        rendered.pictures += usize::from(access.outcome == Outcome::Filled);
        opening = Some(access);
    }
    let (_, _, threads) = delivery.pool().load();
    let mut row = Vec::new();
    for kind in tracks(plan, target) {
        let wanted = plan.chunks(kind).iter().map(Wanted::of).collect();
        // Sound first: it is quick.
        let at = if kind.is_pictures() { row.len() } else { 0 };
        let chunks = dealt(wanted, threads).into_iter();
        row.splice(at..at, chunks.map(|wanted| (wanted, kind.is_pictures())));
    }
    let bar = progress::bar(row.len() as u64, "rendering");
    let fetch = |(wanted, is_pictures): (Wanted, bool)| {
        let bar = bar.clone();
        async move {
            let access = delivery.chunk(&wanted, Priority::LookAhead).await?;
            access.fragment.finished().await?;
            bar.inc(1);
            let filled = access.outcome == Outcome::Filled;
            Ok::<_, crate::delivery::DeliveryError>((filled, is_pictures))
        }
    };
    let outcomes: Vec<(bool, bool)> = stream::iter(row)
        .map(fetch)
        .buffer_unordered(AHEAD * threads)
        .try_collect()
        .await?;
    drop(opening);
    bar.finish_and_clear();
    let filled = outcomes.iter().filter(|(filled, _)| *filled);
    let pictures = filled
        .clone()
        .filter(|(_, is_pictures)| *is_pictures)
        .count();
    rendered.pictures += pictures;
    rendered.audio += filled.count() - pictures;
    Ok(rendered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thread_gets_a_stretch_of_the_video() {
        assert_eq!(dealt(vec![0, 1, 2, 3, 4], 2), [0, 3, 1, 4, 2]);
        assert_eq!(dealt(vec![0, 1, 2], 1), [0, 1, 2]);
        assert_eq!(dealt(vec![0, 1], 4), [0, 1]);
        assert!(dealt(Vec::<u8>::new(), 2).is_empty());
    }
}
