//! `loomcast doctor`: what this machine lacks.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::fetch::Downloads;
use crate::{app, media};

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// The assets folder (media and fonts)
    #[arg(
        long,
        value_name = "DIR",
        env = "LOOMCAST_ASSETS",
        default_value = "assets"
    )]
    assets: PathBuf,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    checks: Vec<Check>,
}

#[derive(Debug, Serialize)]
struct Check {
    what: String,
    state: State,
    remedy: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Good,
    /// Works without, but something will look or sound worse.
    Lacking,
    Broken,
}

pub(super) fn run(args: &DoctorArgs) -> Result<ExitCode> {
    let mut checks = Vec::new();
    let mut check = |what: String, state, remedy: Option<String>| {
        checks.push(Check {
            what,
            state,
            remedy,
        })
    };
    match media::init() {
        Ok(()) => {
            check(
                format!("{} and FFmpeg start", media::version()),
                State::Good,
                None,
            );
            let missing = media::missing_elements();
            if missing.is_empty() {
                check("all GStreamer elements are there".into(), State::Good, None);
            }
            for encoder in media::missing_encoders() {
                check(
                    format!("FFmpeg has no {encoder}: WebM or MP3 cannot be made"),
                    State::Lacking,
                    Some("an FFmpeg that was built with it".into()),
                );
            }
            for (element, package) in missing {
                check(
                    format!("GStreamer has no {element}"),
                    State::Broken,
                    Some(format!("apt-get install {package}")),
                );
            }
        }
        Err(error) => check(
            error.to_string(),
            State::Broken,
            Some("scripts/install-deps --runtime".into()),
        ),
    }
    match app::planner(&args.assets, &[], Downloads::off()) {
        Ok(planner) => {
            check(
                format!("the fonts in {} are read", args.assets.display()),
                State::Good,
                None,
            );
            for path in planner.fonts().absent_system_fonts() {
                let remedy = "apt-get install fonts-noto-cjk fonts-noto-color-emoji".to_owned();
                check(
                    format!("no {path}: Chinese, Japanese, Korean or emoji will be missing"),
                    State::Lacking,
                    Some(remedy),
                );
            }
        }
        Err(error) => {
            let remedy = "run from the project's folder, or give --assets".to_owned();
            check(format!("{error:#}"), State::Broken, Some(remedy));
        }
    }
    let report = Report {
        ok: checks.iter().all(|check| check.state != State::Broken),
        checks,
    };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        for Check {
            what,
            state,
            remedy,
        } in &report.checks
        {
            let mark = match state {
                State::Good => "ok     ",
                State::Lacking => "lacking",
                State::Broken => "BROKEN ",
            };
            println!("{mark}  {what}");
            if let Some(remedy) = remedy {
                println!("         → {remedy}");
            }
        }
    }
    Ok(if report.ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}
