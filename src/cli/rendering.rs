//! The commands of a build that renders.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

use crate::cli::{batch, doctor, explain, otio, plan, render, serve};

#[derive(Debug, Subcommand)]
pub(super) enum Rendering {
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
    /// Tell what this machine lacks
    Doctor(doctor::DoctorArgs),
}

pub(super) fn run(command: &Rendering) -> Result<ExitCode> {
    match command {
        Rendering::Render(args) => render::run(args),
        Rendering::Plan(args) => plan::run(args),
        Rendering::Explain(args) => explain::run(args),
        Rendering::Batch(args) => batch::run(args),
        Rendering::Otio(args) => otio::run(args),
        Rendering::Serve(args) => serve::run(args),
        Rendering::Doctor(args) => doctor::run(args),
    }
}
