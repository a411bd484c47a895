//! `loomcast cache`: what is in the store, whether it is sound, less of it, and
//! there and back again as one file.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use bytesize::ByteSize;
use clap::{Args, Subcommand};
use serde_json::json;

use crate::cli::values::size;
use crate::cli::{BadInput, progress};
use crate::store::{ArchiveError, ChunkStore, RecoveryReport, StoreConfig, StoreError};

#[derive(Debug, Args)]
pub(super) struct CacheArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show how many chunks there are and what they take
    Stats(StoreArgs),
    /// Read every chunk and remove the damaged ones; exit code 1 if there were any
    Verify(StoreArgs),
    /// Let chunks go, those first that save the least per byte
    Gc {
        /// How much may be left, as 500MB or 2GiB
        #[arg(long, value_name = "SIZE", value_parser = size)]
        to: u64,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Write all chunks into one tar archive
    Export {
        /// The archive, or - for standard output
        archive: PathBuf,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Take in the chunks of such an archive; of people you trust, as it says what a chunk shows
    Import {
        /// The archive, or - for standard input
        archive: PathBuf,
        /// The most that chunks take on disk, as 500MB or 2GiB [default: what they might last, else 16GiB]
        #[arg(long, value_name = "SIZE", env = "LOOMCAST_CACHE_SIZE", value_parser = size)]
        cache_size: Option<u64>,
        #[command(flatten)]
        store: StoreArgs,
    },
}

#[derive(Debug, Args)]
struct StoreArgs {
    /// Where chunks are kept; no other process may have it open
    #[arg(
        long,
        value_name = "DIR",
        env = "LOOMCAST_DATA",
        default_value = "data"
    )]
    data_dir: PathBuf,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &CacheArgs) -> Result<ExitCode> {
    match &args.command {
        Command::Stats(store) => stats(store),
        Command::Verify(store) => verify(store),
        Command::Gc { to, store } => gc(store, *to),
        Command::Export { archive, store } => export(store, archive),
        Command::Import {
            archive,
            cache_size,
            store,
        } => import(store, archive, *cache_size),
    }
}

/// The store, which must be there: looking at one makes none.
fn open(args: &StoreArgs) -> Result<(ChunkStore, RecoveryReport)> {
    let folder = args.data_dir.join("chunks");
    if !folder.is_dir() {
        let message = format!("{}: there is no store", folder.display());
        return Err(BadInput(message).into());
    }
    ChunkStore::open(StoreConfig::new(folder)).map_err(unopened)
}

fn unopened(error: StoreError) -> anyhow::Error {
    match error {
        error @ StoreError::InUse { .. } => BadInput(error.to_string()).into(),
        error => error.into(),
    }
}

/// The exit code where so many chunks were damaged.
fn sound(damaged: u64) -> ExitCode {
    ExitCode::from(u8::from(damaged > 0))
}

fn stats(args: &StoreArgs) -> Result<ExitCode> {
    let (store, recovery) = open(args)?;
    let stats = store.stats();
    if args.json {
        let report = json!({
            "chunks": stats.chunks,
            "bytes": stats.bytes,
            "disk_bytes": stats.disk_bytes,
            "max_bytes": stats.max_bytes,
            "small_values": stats.small_values,
            "mended": {
                "index_rebuilt": recovery.index_rebuilt,
                "temp_files_removed": recovery.temp_files_removed,
                "files_adopted": recovery.files_adopted,
                "orphans_removed": recovery.orphans_removed,
                "rows_dropped": recovery.rows_dropped,
                "transient_removed": recovery.transient_removed,
            },
        });
        println!("{report:#}");
        return Ok(ExitCode::SUCCESS);
    }
    println!("chunks    {}", stats.chunks);
    println!(
        "on disk   {} of at most {}",
        ByteSize(stats.disk_bytes),
        ByteSize(stats.max_bytes)
    );
    println!("init data {} small values", stats.small_values);
    if recovery.index_rebuilt {
        println!("mended    the index was damaged: it was rebuilt from the files");
    }
    let mended = recovery.temp_files_removed
        + recovery.files_adopted
        + recovery.orphans_removed
        + recovery.rows_dropped;
    if mended > 0 {
        println!(
            "mended    {} unfinished files, {} files without a row, {} rows without a file",
            recovery.temp_files_removed,
            recovery.files_adopted + recovery.orphans_removed,
            recovery.rows_dropped
        );
    }
    if recovery.transient_removed > 0 {
        println!(
            "removed   {} segments of live streams that are over",
            recovery.transient_removed
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn verify(args: &StoreArgs) -> Result<ExitCode> {
    let (store, _) = open(args)?;
    let bar = progress::bar(store.stats().chunks, "verifying");
    let report = store.scrub(|_| {
        bar.inc(1);
        ControlFlow::Continue(())
    })?;
    bar.finish_and_clear();
    let bad = report.corrupt + report.lost + report.unreadable;
    if args.json {
        let report = json!({
            "chunks": report.chunks,
            "bytes": report.bytes,
            "corrupt": report.corrupt,
            "lost": report.lost,
            "unreadable": report.unreadable,
        });
        println!("{report:#}");
    } else {
        println!(
            "{} chunks, {}: {} damaged and {} lost (removed), {} unreadable",
            report.chunks,
            ByteSize(report.bytes),
            report.corrupt,
            report.lost,
            report.unreadable
        );
    }
    Ok(sound(bad))
}

fn gc(args: &StoreArgs, to: u64) -> Result<ExitCode> {
    let (store, _) = open(args)?;
    let before = store.stats();
    let gone = store.shrink(to)?;
    let after = store.stats();
    if args.json {
        let report = json!({
            "chunks_removed": gone,
            "bytes_freed": before.disk_bytes - after.disk_bytes,
            "chunks": after.chunks,
            "disk_bytes": after.disk_bytes,
        });
        println!("{report:#}");
    } else {
        println!(
            "{gone} chunks removed, {} freed; {} chunks, {} left",
            ByteSize(before.disk_bytes - after.disk_bytes),
            after.chunks,
            ByteSize(after.disk_bytes)
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Standard input or output.
fn is_pipe(archive: &Path) -> bool {
    archive == Path::new("-")
}

fn export(args: &StoreArgs, archive: &Path) -> Result<ExitCode> {
    let (store, _) = open(args)?;
    let bar = progress::bar(store.stats().chunks, "exporting");
    let step = || bar.inc(1);
    let report = if is_pipe(archive) {
        store.export(io::stdout().lock(), step)?
    } else {
        // Under its name only when it is whole.
        let folder = archive.parent().filter(|path| *path != Path::new(""));
        let unwritable = |error: io::Error| BadInput(format!("{}: {error}", archive.display()));
        let mut whole = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))
            .map_err(unwritable)?;
        let mut out = BufWriter::new(whole.as_file_mut());
        let report = store.export(&mut out, step)?;
        out.flush()?;
        drop(out);
        whole
            .persist(archive)
            .map_err(|error| unwritable(error.error))?;
        report
    };
    bar.finish_and_clear();
    let text = if args.json {
        let report = json!({
            "chunks": report.chunks,
            "bytes": report.bytes,
            "small_values": report.small_values,
            "damaged": report.bad,
        });
        format!("{report:#}")
    } else {
        let left_out = match report.bad {
            0 => String::new(),
            bad => format!("; {bad} damaged, left out"),
        };
        format!(
            "{} chunks, {}{left_out}",
            report.chunks,
            ByteSize(report.bytes)
        )
    };
    if is_pipe(archive) {
        eprintln!("{text}");
    } else {
        println!("{text}");
    }
    Ok(sound(report.bad))
}

fn import(args: &StoreArgs, archive: &Path, max_bytes: Option<u64>) -> Result<ExitCode> {
    let file = match is_pipe(archive) {
        true => None,
        false => {
            let file = File::open(archive);
            Some(file.map_err(|error| BadInput(format!("{}: {error}", archive.display())))?)
        }
    };
    let (store, _) = ChunkStore::open(StoreConfig {
        max_bytes,
        ..StoreConfig::new(args.data_dir.join("chunks"))
    })
    .map_err(unopened)?;
    let length = file
        .as_ref()
        .and_then(|file| Some(file.metadata().ok()?.len()));
    let bar = progress::bytes(length.unwrap_or_default(), "importing");
    let step = |bytes| bar.inc(bytes);
    let imported = match file {
        Some(file) => store.import(io::BufReader::new(file), step),
        None => store.import(io::stdin().lock(), step),
    };
    bar.finish_and_clear();
    let report = imported.map_err(|error| match error {
        ArchiveError::Archive(error) => {
            let message = format!("{}: {error}; what came before is kept", archive.display());
            BadInput(message).into()
        }
        ArchiveError::Store(error) => anyhow::Error::from(error),
    })?;
    if args.json {
        let report = json!({
            "chunks": report.chunks,
            "bytes": report.bytes,
            "small_values": report.small_values,
            "present": report.present,
            "refused": report.refused,
            "damaged": report.bad,
        });
        println!("{report:#}");
    } else {
        println!(
            "{} chunks taken in, {}; {} were there, {} had no room, {} damaged or not ours",
            report.chunks,
            ByteSize(report.bytes),
            report.present,
            report.refused,
            report.bad
        );
    }
    Ok(sound(report.bad))
}
