//! `loomcast offload record`: the traffic of a server, request by request, into a file.
//!
//! The server names no key: it hashes them with a secret of its own. Only whole records
//! are written, so that the file can be read wherever the recording ends.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use clap::Args;
use indicatif::ProgressBar;

use super::server::ServerArgs;
use super::table::{count, time};
use crate::cli::values::{runtime, stop_signal};
use crate::cli::{BadInput, progress};
use crate::fetch::{FetchError, Incoming, Patience};
use crate::offload::trace::{HEADER, MAX_REQUESTS, RECORD_BYTES, Recorded};

/// Pieces of the answer that wait to be written.
const WAITING: usize = 16;

/// A recording is of no more time than a day: so long a server goes on.
const MAX_SECONDS: u64 = 86_400;

#[derive(Debug, Args)]
pub(super) struct RecordArgs {
    #[command(flatten)]
    server: ServerArgs,

    /// The file, which is made or replaced
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// For how long, up to a day [default: until Ctrl-C]
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=MAX_SECONDS)
    )]
    seconds: Option<u64>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Why a recording is over.
#[derive(Debug)]
enum End {
    /// So it was asked for: the time is up, or somebody stopped it.
    Asked,
    /// There are as many requests as can be read back.
    Full,
    /// The server has no more.
    Server,
    /// The connection broke.
    Broken(FetchError),
}

/// What the writing end is told.
enum News {
    Piece(Vec<u8>),
    Over(End),
}

pub(super) fn run(args: &RecordArgs) -> Result<ExitCode> {
    let patience = Patience {
        connect: Duration::from_secs(10),
        // Nothing comes where nobody asks for anything.
        idle: Duration::from_secs(2 * MAX_SECONDS),
        total: Duration::from_secs(2 * MAX_SECONDS),
    };
    let limit = (HEADER.len() + MAX_REQUESTS * RECORD_BYTES) as u64 * 2;
    let lasts = args.seconds.unwrap_or(MAX_SECONDS);
    let path = format!("/v1/offload/trace?seconds={lasts}");
    let body = args.server.get(&path, limit, patience)?;
    let shown = args.output.display();
    let file = File::create(&args.output);
    let file = file.map_err(|error| BadInput(format!("--output {shown}: {error}")))?;
    let began = Instant::now();
    let mut recording = Recording::new(file);
    let end = follow(body, lasts, &mut recording)?;
    let (requests, lost) = recording
        .end()
        .with_context(|| format!("writing {shown}"))?;
    let seconds = began.elapsed().as_secs();
    match args.json {
        true => println!(
            "{:#}",
            serde_json::json!({
                "requests": requests,
                "lost": lost,
                "seconds": seconds,
                "file": args.output,
            })
        ),
        false => println!("{} requests in {}: {shown}", count(requests), time(seconds)),
    }
    if lost > 0 {
        eprintln!(
            "loomcast: {} requests came too fast to be told",
            count(lost)
        );
    }
    match end {
        End::Asked => {}
        End::Full => eprintln!(
            "loomcast: {} requests are the most that a recording holds",
            count(MAX_REQUESTS as u64)
        ),
        // Both clocks tell the same time, more or less.
        End::Server if seconds >= lasts.saturating_sub(1) => {}
        End::Server => eprintln!("loomcast: the server ended the recording"),
        End::Broken(error) => return Err(args.server.failed(error)),
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes what comes until it is over.
fn follow(body: Incoming, seconds: u64, recording: &mut Recording) -> Result<End> {
    let (tell, told) = sync_channel(WAITING);
    let reader = tell.clone();
    // Neither thread is waited for: the one may have nothing to read for hours.
    thread::Builder::new()
        .name("recording".to_owned())
        .spawn(move || {
            let read = body.read(|piece| {
                let sent = reader.send(News::Piece(piece.to_vec()));
                sent.map_err(|_| FetchError::Disk("nobody writes any more".to_owned()))
            });
            let end = match read {
                Ok(_) => End::Server,
                Err(FetchError::TooLarge { .. }) => End::Full,
                Err(error) => End::Broken(error),
            };
            drop(reader.send(News::Over(end)));
        })?;
    let runtime = runtime()?;
    runtime.spawn(async move {
        let limit = tokio::time::sleep(Duration::from_secs(seconds));
        tokio::select! {
            () = stop_signal() => {}
            () = limit => {}
        }
        // Blocks where pieces wait: they are written first.
        drop(tokio::task::spawn_blocking(move || tell.send(News::Over(End::Asked))).await);
    });
    let bar = progress::bytes(0, "recording");
    let end = loop {
        match told.recv() {
            Ok(News::Piece(piece)) => {
                if let Some(end) = recording.take(&piece, &bar)? {
                    break end;
                }
            }
            Ok(News::Over(end)) => break end,
            Err(_) => break End::Server,
        }
    };
    bar.finish_and_clear();
    drop(told);
    runtime.shutdown_background();
    Ok(end)
}

/// The file, and what is not written yet: less than a record.
struct Recording {
    file: BufWriter<File>,
    rest: Vec<u8>,
    begun: bool,
    /// Records that are written: as many as are read back, at most.
    records: u64,
    requests: u64,
    /// Requests that the server could not tell: they came too fast.
    lost: u64,
}

impl Recording {
    fn new(file: File) -> Self {
        Self {
            file: BufWriter::new(file),
            rest: Vec::new(),
            begun: false,
            records: 0,
            requests: 0,
            lost: 0,
        }
    }

    /// Takes what came; the end, if the file is full by it.
    fn take(&mut self, piece: &[u8], bar: &ProgressBar) -> Result<Option<End>> {
        self.rest.extend(piece);
        if !self.begun {
            if self.rest.len() < HEADER.len() {
                return Ok(None);
            }
            if !self.rest.starts_with(&HEADER) {
                return Err(anyhow!(
                    "what the server sends is no recording of this version"
                ));
            }
            self.file.write_all(&HEADER)?;
            self.rest.drain(..HEADER.len());
            self.begun = true;
        }
        let room = MAX_REQUESTS as u64 - self.records;
        let records =
            (self.rest.len() / RECORD_BYTES).min(usize::try_from(room).unwrap_or(usize::MAX));
        let whole = records * RECORD_BYTES;
        self.file.write_all(&self.rest[..whole])?;
        for record in self.rest[..whole].as_chunks().0 {
            match Recorded::is_lost(record) {
                Some(requests) => self.lost = self.lost.saturating_add(requests),
                None => self.requests += 1,
            }
        }
        self.rest.drain(..whole);
        self.records += records as u64;
        bar.inc(whole as u64);
        Ok((self.records >= MAX_REQUESTS as u64).then_some(End::Full))
    }

    /// How many requests are in the file, which is on the disk now, and how many are not.
    fn end(self) -> Result<(u64, u64)> {
        let file = self.file.into_inner()?;
        file.sync_all()?;
        Ok((self.requests, self.lost))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offload::trace::{self, Format, Way};
    use crate::offload::{Point, Size, Tier};

    fn traffic(requests: u32) -> Vec<u8> {
        let records = (0..requests).map(|at| Recorded {
            time_ms: at * 1000,
            point: Point(u64::from(at % 3) << 40),
            size: Size::new(10, 1),
            way: Way::Hit(Tier::Ram),
        });
        let records = records.flat_map(|one| one.encode());
        HEADER.into_iter().chain(records).collect()
    }

    #[test]
    fn however_the_answer_is_cut_only_whole_records_are_written() {
        let sent = traffic(9);
        for size in [1, 7, 24, 25, 1000] {
            let file = tempfile::NamedTempFile::new().expect("a file");
            let mut recording = Recording::new(file.reopen().expect("the same"));
            let bar = ProgressBar::hidden();
            // The last record is not whole.
            for piece in sent[..sent.len() - 1].chunks(size) {
                assert!(recording.take(piece, &bar).expect("is written").is_none());
            }
            assert_eq!(recording.end().expect("is written"), (8, 0), "{size}");
            let trace = trace::read(Format::Compact, file.reopen().expect("the same"));
            let trace = trace.expect("is read back");
            assert_eq!((trace.requests.len(), trace.seconds), (8, 7), "{size}");
        }
    }

    #[test]
    fn requests_that_came_too_fast_are_told_apart() {
        let file = tempfile::tempfile().expect("a file");
        let mut recording = Recording::new(file);
        let sent = [traffic(2), Recorded::lost(2000, 70).to_vec()].concat();
        let taken = recording.take(&sent, &ProgressBar::hidden());
        assert!(taken.expect("is written").is_none());
        assert_eq!(recording.end().expect("is written"), (2, 70));
    }

    #[test]
    fn what_is_no_recording_is_refused() {
        let file = tempfile::tempfile().expect("a file");
        let mut recording = Recording::new(file);
        let taken = recording.take(b"<!doctype html>", &ProgressBar::hidden());
        assert!(taken.is_err());
    }
}
