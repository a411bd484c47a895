//! `loomcast serve`: the API, the videos and the studio.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::{Engine, EngineConfig};
use crate::broadcast::rtmp::{self, Gate};
use crate::broadcast::{Hub, HubConfig, Outage, dictionary};
use crate::catalogue::Catalogue;
use crate::cli::BadInput;
use crate::cli::inputs::{FolderArgs, size};
use crate::fetch::{Client, Patience};
use crate::http::{ApiKeys, AppState, Shelf, file_of, serve};
use crate::jobs::callbacks::{
    CallbackConfig, Callbacks, MIN_SECRET_BYTES, Secret as CallbackSecret,
};
use crate::jobs::orders::Orders;
use crate::live::join::{JoinConfig, JoinPolicy};
use crate::live::rtmp::Secret;
use crate::publish::Publisher;
use crate::store::{AdmissionKind, ScrubPlan, Scrubber};

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Where to listen; port 0 takes any free one
    #[arg(
        long,
        value_name = "ADDR",
        env = "LOOMCAST_LISTEN",
        default_value = "127.0.0.1:8080"
    )]
    listen: SocketAddr,

    /// The folder of templates that the studio offers
    #[arg(
        long,
        value_name = "DIR",
        env = "LOOMCAST_TEMPLATES",
        default_value = "templates"
    )]
    templates: PathBuf,

    /// Memory for chunks that are asked for again and again
    #[arg(long, value_name = "SIZE", env = "LOOMCAST_MEMORY", value_parser = size, default_value = "256MiB")]
    memory: u64,

    /// Which chunks are kept at their first use: all, or proven (those of a kind that is used again)
    #[arg(
        long,
        value_name = "WHICH",
        env = "LOOMCAST_ADMISSION",
        value_parser = admission,
        default_value = "proven"
    )]
    admission: AdmissionKind,

    /// A key that whoever asks for work must send in x-api-key; several by several options
    /// [default: none is needed]
    #[arg(
        long = "api-key",
        value_name = "KEY",
        env = "LOOMCAST_API_KEYS",
        value_delimiter = ',',
        hide_env_values = true
    )]
    api_keys: Vec<String>,

    /// Let encoders publish live streams by RTMP here, as rtmp://HOST/live/NAME
    /// [default: none can]
    #[arg(long, value_name = "ADDR", env = "LOOMCAST_RTMP")]
    rtmp: Option<SocketAddr>,

    /// The key that encoders must give, as NAME?key=KEY [default: none is needed]
    #[arg(
        long,
        value_name = "KEY",
        env = "LOOMCAST_PUBLISH_KEY",
        hide_env_values = true
    )]
    publish_key: Option<String>,

    /// Let pushing, plug-in and subscription ends of live streams in here, by TCP [default: none]
    #[arg(long, value_name = "ADDR", env = "LOOMCAST_DICTIONARY")]
    dictionary: Option<SocketAddr>,

    /// The key that plug-in ends must give [default: none is let in]
    #[arg(
        long,
        value_name = "KEY",
        env = "LOOMCAST_PLUGIN_KEY",
        hide_env_values = true
    )]
    plugin_key: Option<String>,

    /// How long a live stream waits for its encoder to come back before it ends
    #[arg(
        long,
        value_name = "SECONDS",
        env = "LOOMCAST_LIVE_LINGER",
        value_parser = clap::value_parser!(u64).range(..=86_400),
        default_value = "10"
    )]
    live_linger: u64,

    /// What players of a live stream are told while its encoder is gone: gaps (that there is
    /// nothing, part by part), or hold (nothing; their requests wait)
    #[arg(
        long,
        value_name = "HOW",
        env = "LOOMCAST_LIVE_OUTAGE",
        value_parser = outage,
        default_value = "gaps"
    )]
    live_outage: Outage,

    /// How far back players of a live stream may go, up to 12 hours
    #[arg(
        long,
        value_name = "SECONDS",
        env = "LOOMCAST_LIVE_WINDOW",
        value_parser = clap::value_parser!(u64).range(1..=43_200),
        default_value = "60"
    )]
    live_window: u64,

    /// Whose first request for a live stream waits: wait (everybody's, for the segment that is
    /// current then), low-latency (only that of a stream with nothing to begin with yet), or off
    #[arg(
        long,
        value_name = "WHO",
        env = "LOOMCAST_JOIN_WAIT",
        value_parser = join_policy,
        default_value = "low-latency"
    )]
    join_wait: JoinPolicy,

    /// Segments that the first playlist of a live stream has at least
    #[arg(
        long,
        value_name = "N",
        env = "LOOMCAST_JOIN_MIN_SEGMENTS",
        value_parser = clap::value_parser!(u8).range(1..=10),
        default_value = "1"
    )]
    join_min_segments: u8,

    /// How long a first request waits at most
    #[arg(
        long,
        value_name = "SECONDS",
        env = "LOOMCAST_JOIN_DEADLINE",
        value_parser = clap::value_parser!(u64).range(1..=300),
        default_value = "10"
    )]
    join_deadline: u64,

    /// What callbacks are signed with, 16 bytes or more [default: they are not]
    #[arg(
        long,
        value_name = "SECRET",
        env = "LOOMCAST_CALLBACK_SECRET",
        hide_env_values = true
    )]
    callback_secret: Option<String>,

    /// Divides the waits before a callback is sent again
    #[arg(long, value_name = "N", default_value = "1", hide = true)]
    callback_hurry: NonZeroU32,

    #[command(flatten)]
    folders: FolderArgs,
}

fn admission(name: &str) -> Result<AdmissionKind, String> {
    let known = AdmissionKind::NAMED
        .iter()
        .find(|(known, _)| *known == name);
    known
        .map(|(_, kind)| *kind)
        .ok_or_else(|| "expected all or proven".into())
}

fn outage(name: &str) -> Result<Outage, String> {
    let known = Outage::NAMED.iter().find(|(known, _)| *known == name);
    known
        .map(|(_, outage)| *outage)
        .ok_or_else(|| "expected gaps or hold".into())
}

fn join_policy(name: &str) -> Result<JoinPolicy, String> {
    let known = JoinPolicy::NAMED.iter().find(|(known, _)| *known == name);
    known
        .map(|(_, policy)| *policy)
        .ok_or_else(|| "expected wait, low-latency or off".into())
}

pub(super) fn run(args: &ServeArgs) -> Result<ExitCode> {
    let engine = Engine::open(&EngineConfig {
        admission: args.admission,
        chunk_memory: args.memory,
        ..args.folders.config(None)
    })?;
    let shelf = Shelf::load(&args.templates, &engine.planner)
        .map_err(|error| BadInput(error.to_string()))?;
    let keys = ApiKeys::new(args.api_keys.iter().map(String::as_str));
    let keys = keys.map_err(|error| BadInput(error.to_string()))?;
    let secret = args.callback_secret.as_deref().map(CallbackSecret::new);
    let secret = secret.transpose().map_err(|bytes| {
        BadInput(format!(
            "--callback-secret: {bytes} bytes are not allowed: expected at least {MIN_SECRET_BYTES}"
        ))
    })?;
    let allowed = args.folders.config(None).fetching.allowed;
    let callback_folder = args.folders.data_dir.join("callbacks");
    let catalogue = Arc::new(Catalogue::open(&args.folders.data_dir.join("templates"))?);
    crate::media::load_elements();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    runtime.block_on(async {
        let listener = TcpListener::bind(args.listen)
            .await
            .with_context(|| format!("listening on {}", args.listen))?;
        let cache = engine.delivery.cache().clone();
        let scrubber = Scrubber::start(cache.store().clone(), ScrubPlan::default())
            .context("starting the scrub")?;
        let hub = Hub::new(
            cache.clone(),
            HubConfig {
                linger: Duration::from_secs(args.live_linger),
                outage: args.live_outage,
                window_ms: args.live_window * 1000,
                join: JoinConfig {
                    policy: args.join_wait,
                    min_segments: args.join_min_segments.into(),
                    deadline_ms: args.join_deadline * 1000,
                },
                ..HubConfig::default()
            },
        );
        let (encoders, no_more) = (TaskTracker::new(), CancellationToken::new());
        if let Some(address) = args.rtmp {
            let door = TcpListener::bind(address)
                .await
                .with_context(|| format!("listening on {address} for encoders"))?;
            println!(
                "loomcast: encoders publish to rtmp://{}/live/NAME",
                door.local_addr()?
            );
            let key = args.publish_key.clone();
            let gate = key.map_or(Gate::Open, Gate::with_key);
            encoders.spawn(rtmp::serve(door, hub.clone(), gate, no_more.clone()));
        }
        if let Some(address) = args.dictionary {
            let door = TcpListener::bind(address)
                .await
                .with_context(|| format!("listening on {address} for the cache dictionary"))?;
            println!(
                "loomcast: the cache dictionary is at tcp://{}",
                door.local_addr()?
            );
            let key = args.publish_key.clone();
            let keys = dictionary::Keys {
                pushing: key.map_or(Gate::Open, Gate::with_key),
                plug_in: args.plugin_key.clone().map(Secret::new),
            };
            encoders.spawn(dictionary::serve(door, hub.clone(), keys, no_more.clone()));
        }
        // The line that scripts wait for.
        println!("loomcast: serving on http://{}", listener.local_addr()?);
        let publisher = Publisher::new(engine.delivery);
        let orders = Orders::new(engine.planner.clone(), publisher.clone());
        let config = CallbackConfig {
            client: Client::new(allowed.into(), Patience::default()),
            secret,
            hurry: args.callback_hurry,
            file_of,
        };
        let callbacks = Callbacks::open(&callback_folder, orders.clone(), config)
            .with_context(|| format!("opening {}", callback_folder.display()))?;
        callbacks.resume().await.context("reading callbacks")?;
        let state = AppState {
            planner: engine.planner,
            publisher: publisher.clone(),
            shelf,
            catalogue,
            keys,
            orders,
            hub: hub.clone(),
            callbacks,
        };
        let stopped = async move {
            stop_signal().await;
            hub.stop_pushing();
            // Or the process would live on until every video is rendered.
            publisher.stop();
        };
        serve(listener, state, stopped).await?;
        // Players had their answers; a stream would go on for ever.
        no_more.cancel();
        encoders.close();
        encoders.wait().await;
        // What is being rendered is kept.
        cache.drain().await;
        drop(scrubber);
        Ok::<_, anyhow::Error>(())
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Ends at SIGINT or SIGTERM.
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => drop(terminate.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
}
