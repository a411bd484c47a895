//! `loomcast offload`: what the caches of a server save, what they could save at most,
//! and what other caches would, of its traffic or of any that was recorded.

mod record;
mod report;
mod server;
mod simulate;
mod table;
mod tracefile;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(super) struct OffloadArgs {
    #[command(subcommand)]
    command: OffloadCommand,
}

#[derive(Debug, Subcommand)]
enum OffloadCommand {
    /// Show what a server's cache saves, what it could at most, why it does not, and what
    /// to do
    Report(report::ReportArgs),
    /// Run caches of other sizes and policies over recorded traffic
    Simulate(simulate::SimulateArgs),
    /// Record the traffic of a server, to simulate
    Record(record::RecordArgs),
}

pub(super) fn run(args: &OffloadArgs) -> Result<ExitCode> {
    match &args.command {
        OffloadCommand::Report(args) => report::run(args),
        OffloadCommand::Simulate(args) => simulate::run(args),
        OffloadCommand::Record(args) => record::run(args),
    }
}
