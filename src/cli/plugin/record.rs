//! `loomcast plugin record`: a live stream to MP4 files, as it is.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use bytesize::ByteSize;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget};

use super::{StreamArgs, failed, stop_at_signal, trouble};
use crate::cli::BadInput;
use crate::cli::values::{runtime, size};
use crate::plugin::record::{RecordPlan, record};
use crate::recording::{Limits, Recorded};

#[derive(Debug, Args)]
pub(super) struct RecordArgs {
    #[command(flatten)]
    stream: StreamArgs,

    /// The file; where the tracks change, FILE-2.mp4 follows, and so on
    #[arg(short, long, value_name = "FILE.mp4")]
    output: PathBuf,

    /// Record only so many seconds, to the end of the fragment that they end in
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    duration: Option<u64>,

    /// End when the files have as many bytes, as 500MB or 2GiB [default: no limit]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_size: Option<u64>,

    /// What is left free on the disk
    #[arg(long, value_name = "SIZE", env = "LOOMCAST_KEEP_FREE", value_parser = size, default_value = "1GiB")]
    keep_free: u64,
}

pub(super) fn run(args: &RecordArgs) -> Result<ExitCode> {
    let bad = |message: &str| BadInput(format!("-o {}: {message}", args.output.display()));
    if args.output.extension() != Some("mp4".as_ref()) {
        return Err(bad("expected a name that ends in .mp4").into());
    }
    if args.output.exists() {
        return Err(bad("there is such a file: expected a name that is free").into());
    }
    let folder = args
        .output
        .parent()
        .filter(|path| !path.as_os_str().is_empty());
    if folder.is_some_and(|folder| !folder.is_dir()) {
        return Err(bad("expected a file in a folder that is there").into());
    }
    let plan = RecordPlan {
        target: args.stream.target(None),
        path: args.output.clone(),
        limits: Limits {
            max_bytes: args.max_size.unwrap_or(u64::MAX),
            keep_free: args.keep_free,
        },
        duration: args.duration.map(Duration::from_secs),
        tries: args.stream.retries,
    };
    let teller = Teller::new();
    let bar = teller.bar.clone();
    let ended = runtime()?.block_on(async {
        let stop = stop_at_signal();
        let mut teller = teller;
        record(&plan, &stop, move |told| teller.tell(told), trouble).await
    });
    bar.finish_and_clear();
    ended.map_err(failed)?;
    Ok(ExitCode::SUCCESS)
}

/// Tells on standard error what there is: as it grows on a terminal, else which files
/// are begun, and how much there is at the end.
struct Teller {
    bar: ProgressBar,
    files: usize,
    last: Recorded,
}

impl Teller {
    fn new() -> Self {
        let target = match std::io::stderr().is_terminal() {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        Self {
            bar: ProgressBar::with_draw_target(None, target),
            files: 0,
            last: Recorded::default(),
        }
    }

    fn tell(&mut self, recorded: &Recorded) {
        for path in &recorded.files[self.files..] {
            self.bar
                .suspend(|| eprintln!("loomcast: recording to {}", path.display()));
        }
        self.files = recorded.files.len();
        self.last = recorded.clone();
        self.bar.set_message(summary(recorded));
        self.bar.tick();
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        match self.files {
            0 => eprintln!("loomcast: nothing was recorded"),
            1 => eprintln!("loomcast: recorded {}", summary(&self.last)),
            files => eprintln!("loomcast: recorded {}, {files} files", summary(&self.last)),
        }
    }
}

fn summary(recorded: &Recorded) -> String {
    format!(
        "{:.1} s, {}",
        recorded.milliseconds as f64 / 1e3,
        ByteSize(recorded.bytes).display().iec()
    )
}
