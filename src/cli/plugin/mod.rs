//! `loomcast plugin`: work on the live streams of a server, from outside of it.

mod record;
#[cfg(feature = "media")]
mod watermark;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand};
use tokio_util::sync::CancellationToken;

use crate::broadcast::MAX_NAME_BYTES;
use crate::cli::BadInput;
use crate::live::dictionary::{MAX_TEXT_BYTES, Request, Role};
use crate::live::rtmp::Secret;
use crate::plugin::{PlugInError, Target};

#[derive(Debug, Args)]
pub(super) struct PluginArgs {
    #[command(subcommand)]
    command: PluginCommand,
}

#[derive(Debug, Subcommand)]
enum PluginCommand {
    #[cfg(feature = "media")]
    /// Give a live stream back with a picture or text over it, as another stream
    Watermark(watermark::WatermarkArgs),
    /// Record a live stream as it is, to an MP4 that can be played while it is written
    Record(record::RecordArgs),
}

pub(super) fn run(args: &PluginArgs) -> Result<ExitCode> {
    match &args.command {
        #[cfg(feature = "media")]
        PluginCommand::Watermark(args) => watermark::run(args),
        PluginCommand::Record(args) => record::run(args),
    }
}

/// Which stream, and where it is.
#[derive(Clone, Debug, Args)]
struct StreamArgs {
    /// Where the server's cache dictionary is: its --dictionary
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    connect: String,

    /// The live stream
    #[arg(long, value_name = "NAME", value_parser = name)]
    stream: String,

    /// The server's --plugin-key
    #[arg(
        long,
        value_name = "KEY",
        env = "LOOMCAST_PLUGIN_KEY",
        hide_env_values = true,
        value_parser = key
    )]
    key: String,

    /// How often a server that went is looked for, with growing pauses
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(..=1_000),
        default_value = "10"
    )]
    retries: u32,
}

impl StreamArgs {
    /// `identity` is the name of the stream that is given back.
    fn target(&self, identity: Option<String>) -> Target {
        Target {
            address: self.connect.clone(),
            request: Request {
                role: Role::PlugIn,
                identity,
                stream_type: None,
                name: self.stream.clone(),
                address: None,
                authentication: Some(Secret::new(self.key.clone())),
            },
        }
    }
}

fn address(text: &str) -> Result<String, String> {
    let parts = text.rsplit_once(':');
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    match parts.is_some_and(|(host, port)| !host.is_empty() && is_port(port)) {
        true => Ok(text.to_owned()),
        false => Err("expected HOST:PORT".into()),
    }
}

/// As the server has it.
fn name(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    match (1..=MAX_NAME_BYTES).contains(&text.len()) && text.bytes().all(allowed) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "expected 1 to {MAX_NAME_BYTES} letters, digits, - and _"
        )),
    }
}

fn key(text: &str) -> Result<String, String> {
    match (1..=MAX_TEXT_BYTES).contains(&text.len()) {
        true => Ok(text.to_owned()),
        false => Err(format!("expected 1 to {MAX_TEXT_BYTES} bytes")),
    }
}

/// Says that the server is looked for.
fn trouble(error: &PlugInError, pause: Duration) {
    eprintln!(
        "loomcast: {error}; the server is looked for in {} s",
        pause.as_secs()
    );
}

fn failed(error: PlugInError) -> anyhow::Error {
    match error.is_bad_input() {
        true => BadInput(error.to_string()).into(),
        false => error.into(),
    }
}

/// Cancelled at the first SIGINT or SIGTERM.
fn stop_at_signal() -> CancellationToken {
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(async move {
        crate::cli::values::stop_signal().await;
        stopped.cancel();
    });
    stop
}
