//! `loomcast edge`: a cache in front of an origin.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::cache::{CacheConfig, FragmentCache};
use crate::cli::BadInput;
use crate::cli::measuring::MeasuringArgs;
use crate::cli::open_files;
use crate::cli::values::{connections, size, stop_signal};
use crate::edge::rooms::RoomsConfig;
use crate::edge::{Client, Edge, EdgeConfig, MAX_UPSTREAMS, Upstream};
use crate::http::{ApiKeys, Connections, Offload, edge_router, serve};
use crate::policy::PolicyKind;
use crate::room::RoomConfig;
use crate::store::{ChunkStore, ScrubPlan, Scrubber, StoreConfig};

/// The folder of the store in the data folder: an origin beside it has another.
const FOLDER: &str = "edge";

/// How much longer a fill may give nothing than an upstream.
const MORE_PATIENCE: Duration = Duration::from_secs(30);

/// How long requests may go on when it ends, and then what they had fetched.
const GRACE: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub(super) struct EdgeArgs {
    /// The server that is cached, as http://origin:8080: a `loomcast serve` or another
    /// edge; given again, the next is asked where the one before does not answer
    #[arg(
        long = "upstream",
        value_name = "URL",
        env = "LOOMCAST_UPSTREAMS",
        value_delimiter = ',',
        required = true,
        value_parser = upstream
    )]
    upstreams: Vec<String>,

    /// Where to listen; port 0 takes any free one
    #[arg(
        long,
        value_name = "ADDR",
        env = "LOOMCAST_LISTEN",
        default_value = "127.0.0.1:8081"
    )]
    listen: SocketAddr,

    /// Where chunks are kept
    #[arg(
        long,
        value_name = "DIR",
        env = "LOOMCAST_DATA",
        default_value = "data"
    )]
    data_dir: PathBuf,

    /// Memory for chunks that are asked for again and again
    #[arg(long, value_name = "SIZE", env = "LOOMCAST_MEMORY", value_parser = size, default_value = "256MiB")]
    memory: u64,

    /// The most that chunks take on disk, as 500MB or 2GiB [default: what they might last, else 16GiB]
    #[arg(long, value_name = "SIZE", env = "LOOMCAST_CACHE_SIZE", value_parser = size)]
    cache_size: Option<u64>,

    /// What is left free on that disk
    #[arg(long, value_name = "SIZE", env = "LOOMCAST_KEEP_FREE", value_parser = size, default_value = "1GiB")]
    keep_free: u64,

    /// Which chunks go when they do not all fit: gdsf (what saves the least per byte), lru, s3-fifo, sieve or fifo
    #[arg(
        long,
        value_name = "POLICY",
        env = "LOOMCAST_EVICTION",
        default_value_t
    )]
    eviction: PolicyKind,

    /// For how long playlists of whole videos are given when no upstream answers
    #[arg(long, value_name = "SECONDS", default_value = "86400")]
    stale_if_error: u64,

    /// How long an upstream may take to begin an answer, and half a minute at most for each piece of
    /// it, before the next is asked; less than 12 is for videos alone, as live playlists wait for what
    /// comes
    #[arg(
        long,
        value_name = "SECONDS",
        env = "LOOMCAST_UPSTREAM_PATIENCE",
        value_parser = clap::value_parser!(u64).range(1..=600),
        default_value = "60"
    )]
    upstream_patience: u64,

    /// How many viewers of a live room have a stream of their own from upstream: one that all
    /// are given, and the rest to stand by
    #[arg(
        long,
        value_name = "N",
        env = "LOOMCAST_MASTERS",
        value_parser = clap::value_parser!(u8).range(1..=16),
        default_value = "2"
    )]
    masters: u8,

    /// How long a live room whose last viewer has left keeps its stream
    #[arg(
        long,
        value_name = "SECONDS",
        env = "LOOMCAST_ROOM_LINGER",
        value_parser = clap::value_parser!(u64).range(..=86_400),
        default_value = "10"
    )]
    room_linger: u64,

    /// How long the stream of a live room may give nothing before another takes over
    #[arg(
        long,
        value_name = "SECONDS",
        env = "LOOMCAST_STALL_AFTER",
        value_parser = clap::value_parser!(u64).range(1..=25),
        default_value = "2"
    )]
    stall_after: u64,

    /// Connections of clients at a time; one more is told to come back later (503)
    #[arg(
        long,
        value_name = "N",
        env = "LOOMCAST_HTTP_CONNECTIONS",
        default_value_t = connections()
    )]
    http_connections: NonZeroUsize,

    #[command(flatten)]
    measuring: MeasuringArgs,

    /// A key that operators must send in x-api-key for /v1/offload and /v1/cache; several by several
    /// options [default: none is needed to look, and nothing can be changed]
    #[arg(
        long = "api-key",
        value_name = "KEY",
        env = "LOOMCAST_API_KEYS",
        value_delimiter = ',',
        hide_env_values = true
    )]
    api_keys: Vec<String>,

    /// Pass on requests that change something, too (POST, PUT, DELETE): without it, they are refused
    #[arg(long)]
    pass_writes: bool,
}

fn upstream(url: &str) -> Result<String, String> {
    match Upstream::new(url) {
        Ok(_) => Ok(url.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

pub(super) fn run(args: &EdgeArgs) -> Result<ExitCode> {
    open_files::raise();
    let count = args.upstreams.len();
    if count > MAX_UPSTREAMS {
        let message = format!("--upstream: {count} are too many: expected at most {MAX_UPSTREAMS}");
        return Err(BadInput(message).into());
    }
    let upstreams = args.upstreams.iter().map(|url| Upstream::new(url));
    let upstreams: Result<Vec<_>, _> = upstreams.collect();
    let upstreams = upstreams.map_err(|error| BadInput(error.to_string()))?;
    let (store, _) = ChunkStore::open(StoreConfig {
        max_bytes: args.cache_size,
        min_free_bytes: args.keep_free,
        policy: args.eviction,
        ..StoreConfig::new(args.data_dir.join(FOLDER))
    })?;
    let patience = Duration::from_secs(args.upstream_patience);
    let config = CacheConfig {
        ram_bytes: args.memory,
        patience: patience + MORE_PATIENCE,
        // Upstreams rest instead: what was wrong with one chunk may be right again with
        // the next server that is asked.
        failure_rest: Duration::ZERO,
        measures: args.measuring.measures(),
        ..CacheConfig::default()
    };
    let keys = ApiKeys::new(args.api_keys.iter().map(String::as_str));
    let keys = keys.map_err(|error| BadInput(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    runtime.block_on(async {
        let cache = FragmentCache::new(store, config);
        let scrubber = Scrubber::start(cache.store().clone(), ScrubPlan::default())
            .context("starting the scrub")?;
        let config = EdgeConfig {
            stale_if_error: Duration::from_secs(args.stale_if_error),
            patience,
            passes_writes: args.pass_writes,
            rooms: RoomsConfig {
                room: RoomConfig {
                    masters: args.masters.into(),
                    linger: Duration::from_secs(args.room_linger),
                    stall_after: Duration::from_secs(args.stall_after),
                    ..RoomConfig::default()
                },
                ..RoomsConfig::default()
            },
        };
        let edge = Edge::new(cache.clone(), upstreams, Client::new()?, config);
        let listener = TcpListener::bind(args.listen)
            .await
            .with_context(|| format!("listening on {}", args.listen))?;
        // The line that scripts wait for.
        println!("loomcast: serving on http://{}", listener.local_addr()?);
        let attending = edge.clone();
        let attending = tokio::spawn(async move { attending.attend().await });
        let name = args.measuring.name("edge");
        let offload = Offload::new(name, cache.clone(), args.eviction);
        let telling = args.measuring.start(cache.account())?;
        let (stopping, recordings) = (edge.clone(), offload.clone());
        let stopped = async move {
            stop_signal().await;
            // What waits or goes on for ever ends; what is on its way arrives.
            stopping.stop();
            recordings.stop();
        };
        let connections = Connections::new(args.http_connections.get());
        let router = edge_router(edge.clone(), offload, keys);
        let serving = serve(listener, router, connections, stopped);
        tokio::select! {
            served = serving => served?,
            () = edge.stopped_for(GRACE) => {}
        }
        attending.abort();
        if let Some(telling) = telling {
            telling.abort();
        }
        if timeout(GRACE, cache.drain()).await.is_err() {
            tracing::warn!("what was being fetched is given up");
        }
        drop(scrubber);
        Ok::<_, anyhow::Error>(())
    })?;
    Ok(ExitCode::SUCCESS)
}
