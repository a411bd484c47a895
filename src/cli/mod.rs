//! The command line.

mod cache;
mod edge;
mod measuring;
mod offload;
mod open_files;
mod plugin;
mod progress;
mod values;

// What renders.
#[cfg(feature = "media")]
mod batch;
#[cfg(feature = "media")]
mod deliverable;
#[cfg(feature = "media")]
mod doctor;
#[cfg(feature = "media")]
mod explain;
#[cfg(feature = "media")]
mod inputs;
#[cfg(feature = "media")]
mod laddering;
#[cfg(feature = "media")]
mod live;
#[cfg(feature = "media")]
mod otio;
#[cfg(feature = "media")]
mod output;
#[cfg(feature = "media")]
mod plan;
#[cfg(feature = "media")]
mod pulling;
#[cfg(feature = "media")]
mod render;
#[cfg(feature = "media")]
mod rendering;
#[cfg(feature = "media")]
mod serve;
#[cfg(feature = "media")]
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
    #[cfg(feature = "media")]
    #[command(flatten)]
    Rendering(rendering::Rendering),
    /// Serve what another server has, out of a cache in front of it
    Edge(edge::EdgeArgs),
    /// Work on the live streams of a server: watermark, record
    Plugin(plugin::PluginArgs),
    /// Look after the store: stats, verify, gc, export, import
    Cache(cache::CacheArgs),
    /// What caches save, what they could, and why they do not: report, simulate, record
    Offload(offload::OffloadArgs),
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
        #[cfg(feature = "media")]
        Command::Rendering(command) => rendering::run(&command),
        Command::Edge(args) => edge::run(&args),
        Command::Plugin(args) => plugin::run(&args),
        Command::Cache(args) => cache::run(&args),
        Command::Offload(args) => offload::run(&args),
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
