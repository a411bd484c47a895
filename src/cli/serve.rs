//! `loomcast serve`: the API, the videos and the studio.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::Args;
use tokio::net::TcpListener;

use crate::app::{Engine, EngineConfig};
use crate::casting::Channels;
use crate::catalogue::Catalogue;
use crate::chunk::ChunkKey;
use crate::cli::BadInput;
use crate::cli::inputs::FolderArgs;
use crate::cli::live::{Live, LiveArgs};
use crate::cli::measuring::MeasuringArgs;
use crate::cli::open_files;
use crate::cli::values::{connections, size, stop_signal};
use crate::fetch::{Client, Patience};
use crate::http::{
    ApiKeys, AppState, Connections, Offload, Shelf, Thumbnails, file_of, router, serve,
};
use crate::jobs::callbacks::{CallbackConfig, Callbacks, MIN_SECRET_BYTES, Secret};
use crate::jobs::orders::Orders;
use crate::offload::Twins;
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

    /// Connections by HTTP at a time; one more is told 503
    #[arg(
        long,
        value_name = "N",
        env = "LOOMCAST_HTTP_CONNECTIONS",
        default_value_t = connections()
    )]
    http_connections: NonZeroUsize,

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

    #[command(flatten)]
    live: LiveArgs,

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
    measuring: MeasuringArgs,

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

pub(super) fn run(args: &ServeArgs) -> Result<ExitCode> {
    let engine = Engine::open(&EngineConfig {
        admission: args.admission,
        chunk_memory: args.memory,
        measures: args.measuring.measures(),
        ..args.folders.config(None)
    })?;
    let shelf = Shelf::load(&args.templates, &engine.planner)
        .map_err(|error| BadInput(error.to_string()))?;
    let keys = ApiKeys::new(args.api_keys.iter().map(String::as_str));
    let keys = keys.map_err(|error| BadInput(error.to_string()))?;
    let secret = args.callback_secret.as_deref().map(Secret::new);
    let secret = secret.transpose().map_err(|bytes| {
        BadInput(format!(
            "--callback-secret: {bytes} bytes are not allowed: expected at least {MIN_SECRET_BYTES}"
        ))
    })?;
    args.live.check()?;
    open_files::raise();
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
        let live = Live::open(&args.live, &args.folders, &cache, allowed.clone()).await?;
        // The line that scripts wait for.
        println!("loomcast: serving on http://{}", listener.local_addr()?);
        let channels = Channels::new(
            live.hub.clone(),
            engine.planner.clone(),
            engine.delivery.clone(),
            args.folders.data_dir.join("channels"),
        );
        channels.resume().await.context("reading channels")?;
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
        let name = args.measuring.name("origin");
        let videos = publisher.clone();
        let differs = move |twins: &Twins| {
            let [first, second] = [twins.first, twins.second].map(ChunkKey::new);
            videos.differences(&first, &second)
        };
        let eviction = args.folders.eviction;
        let offload = Offload::telling_apart(name, cache.clone(), eviction, differs);
        let telling = args.measuring.start(cache.account())?;
        let state = AppState {
            offload: offload.clone(),
            planner: engine.planner,
            publisher: publisher.clone(),
            shelf,
            catalogue,
            keys,
            orders,
            hub: live.hub.clone(),
            pulls: live.pulls.clone(),
            channels: channels.clone(),
            recorder: live.recorder.clone(),
            thumbnails: Thumbnails::default(),
            callbacks,
            connections: Connections::new(args.http_connections.get()),
        };
        let hub = live.hub.clone();
        let stopped = async move {
            stop_signal().await;
            hub.stop_pushing();
            offload.stop();
            // Or the process would live on until every video is rendered.
            publisher.stop();
        };
        let connections = state.connections.clone();
        serve(listener, router(state), connections, stopped).await?;
        if let Some(telling) = telling {
            telling.abort();
        }
        // Players had their answers; a stream would go on for ever.
        channels.stop();
        live.end().await;
        // What is being rendered is kept.
        cache.drain().await;
        drop(scrubber);
        Ok::<_, anyhow::Error>(())
    })?;
    Ok(ExitCode::SUCCESS)
}
