//! The `loomcast` command.

use std::process::ExitCode;

use clap::Parser as _;
use loomcast::cli::{Args, run};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let filter =
        EnvFilter::try_from_env("LOOMCAST_LOG").unwrap_or_else(|_| EnvFilter::new("loomcast=warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    run(Args::parse())
}
