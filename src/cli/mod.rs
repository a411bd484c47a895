//! The command line.

mod batch;
mod cache;
mod deliverable;
mod doctor;
mod explain;
mod inputs;
mod laddering;
mod live;
mod otio;
mod output;
mod plan;
mod plugin;
mod progress;
mod pulling;
mod render;
mod serve;
mod turning;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Personalised video out of cached chunks.
#[derive(Debug, Parser)]
#[command(name = "loomcast", version, about, max_term_width = 100)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Render one person's video: MP4, HLS, GIF, WebM, MP3 or a picture
    Render(render::RenderArgs),
    /// Show the chunks a video is made of: times, keys, layers, hit or miss
    Plan(plan::PlanArgs),
    /// Say why the chunks of two Edits differ: which layer, which property
    Explain(explain::ExplainArgs),
    /// Render a video for every row of a CSV file
    Batch(batch::BatchArgs),
    /// Turn cuts of editing programs (OpenTimelineIO) into Edits, and Edits into such
    Otio(otio::OtioArgs),
    /// Serve the API, the videos and the studio
    Serve(Box<serve::ServeArgs>),
    /// Work on the live streams of a server: watermark, record
    Plugin(plugin::PluginArgs),
    /// Look after the store: stats, verify, gc, export, import
    Cache(cache::CacheArgs),
    /// Tell what this machine lacks
    Doctor(doctor::DoctorArgs),
}

/// Bad input: the caller can mend it. Anything else is a failure of ours.
#[derive(Debug)]
pub(crate) struct BadInput(pub String);

impl std::fmt::Display for BadInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadInput {}

/// Runs the command and says how it went: 0 done, 1 failed, 2 bad input.
pub fn run(args: Args) -> ExitCode {
    let done = match args.command {
        Command::Render(args) => render::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Batch(args) => batch::run(&args),
        Command::Otio(args) => otio::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Plugin(args) => plugin::run(&args),
        Command::Cache(args) => cache::run(&args),
        Command::Doctor(args) => doctor::run(&args),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("loomcast: {error:#}");
            if error.downcast_ref::<BadInput>().is_some() {
                ExitCode::from(2)
            } else {
                ExitCode::from(1)
            }
        }
    }
}
