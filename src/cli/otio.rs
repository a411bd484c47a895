//! `loomcast otio`: cuts of editing programs into Edits, and Edits into such.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use serde_json::Value;
use url::Url;

use crate::cli::BadInput;
use crate::cli::inputs::{self, FolderArgs, TemplateArgs};
use crate::interchange::otio::{self, Import, Imported, MAX_BYTES};
use crate::template::asset::{Place, Source};
use crate::template::edit::Edit;
use crate::template::error::{EditError, Warning};
use crate::template::merge::merge;
use crate::template::variant;

#[derive(Debug, Args)]
pub(super) struct OtioArgs {
    #[command(subcommand)]
    command: Direction,
}

#[derive(Debug, Subcommand)]
enum Direction {
    /// Make an Edit of an OTIO file
    Import(ImportArgs),
    /// Write an Edit, its merge fields filled in, as an OTIO file
    Export(ExportArgs),
}

#[derive(Debug, Args)]
struct ImportArgs {
    /// The OTIO file
    file: PathBuf,

    /// Write the Edit there [default: standard output]
    #[arg(short, long, value_name = "EDIT.json")]
    output: Option<PathBuf>,

    /// The assets folder: files inside of it, or beside FILE, are named by where they are in it
    #[arg(
        long,
        value_name = "DIR",
        env = "LOOMCAST_ASSETS",
        default_value = "assets"
    )]
    assets: PathBuf,

    /// The Edit's resolution: preview, mobile, sd, hd, 1080 or 4k [default: hd]
    #[arg(long, value_name = "NAME", conflicts_with = "size")]
    resolution: Option<String>,

    /// Its width and height in pixels, as 1920x1080
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = size)]
    size: Option<(u32, u32)>,

    /// Its frames a second [default: those of the timeline]
    #[arg(long, value_name = "FPS", value_parser = fps)]
    fps: Option<f64>,
}

#[derive(Debug, Args)]
struct ExportArgs {
    #[command(flatten)]
    template: TemplateArgs,
    #[command(flatten)]
    folders: FolderArgs,

    /// The variant of the template [default: none, the template as it is]
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,

    /// Write the OTIO file there [default: standard output]
    #[arg(short, long, value_name = "FILE.otio")]
    output: Option<PathBuf>,
}

fn size(text: &str) -> Result<(u32, u32), String> {
    let sides = text.split_once('x');
    let sides = sides.and_then(|(width, height)| width.parse().ok().zip(height.parse().ok()));
    sides.ok_or_else(|| "expected WIDTHxHEIGHT, as 1920x1080".into())
}

fn fps(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().and_then(otio::rate_named);
    rate.ok_or_else(|| "expected 12, 15, 23.976, 24, 25, 29.97, 30, 48, 50, 59.94 or 60".to_owned())
}

pub(super) fn run(args: &OtioArgs) -> Result<ExitCode> {
    match &args.command {
        Direction::Import(args) => import(args),
        Direction::Export(args) => export(args),
    }
}

fn import(args: &ImportArgs) -> Result<ExitCode> {
    let file = read(&args.file)?;
    let beside = args.file.parent().map(|folder| Path::new(".").join(folder));
    let (assets, beside) = (absolute(Some(&args.assets)), absolute(beside.as_deref()));
    let how = Import {
        resolution: args.resolution.as_deref(),
        size: args.size,
        fps: args.fps,
        assets: assets.as_deref(),
        beside: beside.as_deref(),
    };
    let bad = |error: EditError| BadInput(format!("{}: {error}", args.file.display()));
    let Imported { edit, warnings } = otio::import(&file, &how).map_err(bad)?;
    tell(&warnings);
    write(args.output.as_deref(), &edit)
}

fn export(args: &ExportArgs) -> Result<ExitCode> {
    let path = &args.template.template;
    let template = inputs::read_template(path, args.variant.as_deref())?;
    let planner = args.folders.config(Some(path)).planner()?;
    let bad = |error: EditError| BadInput(error.to_string());
    let template = variant::choose_own(template).map_err(bad)?;
    let merged = merge(template, &args.template.data()).map_err(bad)?;
    let in_template = |error: EditError| bad(merged.in_template(error));
    let edit = Edit::read(&merged.document, &mut Vec::new()).map_err(in_template)?;
    let mut warnings = merged.warnings.clone();
    let known = planner.known(&edit, &mut warnings);
    // Other programs look for files from where they are.
    let locate = |source: &Source| match &source.place {
        Place::Asset(path) => {
            let full = planner.library().path(path).ok()?;
            let full = fs::canonicalize(full).ok()?;
            Url::from_file_path(full).ok().map(String::from)
        }
        Place::Remote(url) => Some(url.to_string()),
    };
    let exported = otio::export(&merged, &known, &locate).map_err(in_template)?;
    warnings.extend(exported.warnings);
    for warning in &mut warnings {
        warning.pointer = merged.origin(&warning.pointer);
    }
    tell(&warnings);
    write(args.output.as_deref(), &exported.timeline)
}

fn tell(warnings: &[Warning]) {
    for warning in warnings {
        // What is about the whole has no place to name.
        match warning.pointer.as_str() {
            "" => eprintln!("loomcast: warning: {}", warning.message),
            place => eprintln!("loomcast: warning: {place}: {}", warning.message),
        }
    }
}

/// Reads a JSON file.
fn read(path: &Path) -> Result<Value> {
    let unreadable = |error: std::io::Error| BadInput(format!("{}: {error}", path.display()));
    let bytes = fs::metadata(path).map_err(unreadable)?.len();
    if bytes > MAX_BYTES as u64 {
        let shown = path.display();
        let message = format!("{shown}: {bytes} bytes are too many: expected at most {MAX_BYTES}");
        return Err(BadInput(message).into());
    }
    let text = fs::read(path).map_err(unreadable)?;
    let not_json = |error| BadInput(format!("{}: not JSON: {error}", path.display()));
    Ok(otio::parse(&text).map_err(not_json)?)
}

/// The folder as one absolute path, if it is there and is text.
fn absolute(folder: Option<&Path>) -> Option<String> {
    let full = fs::canonicalize(folder?).ok()?;
    full.to_str().map(str::to_owned)
}

/// Writes JSON where it is wanted; a file is there only when it is whole.
fn write(path: Option<&Path>, value: &Value) -> Result<ExitCode> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    let Some(path) = path else {
        std::io::stdout().write_all(text.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    };
    let writing = || format!("writing {}", path.display());
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let mut file = tempfile::Builder::new()
        .make_in(folder.unwrap_or(Path::new(".")), |path| {
            File::create_new(path)
        })
        .with_context(writing)?;
    file.write_all(text.as_bytes()).with_context(writing)?;
    file.persist(path).with_context(writing)?;
    Ok(ExitCode::SUCCESS)
}
