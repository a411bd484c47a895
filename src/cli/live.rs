//! The live half of `loomcast serve`: its options, its doors, and its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::broadcast::gate::{Gate, MIN_TOKEN_SECRET_BYTES};
use crate::broadcast::hooks::{Hooks, Post};
use crate::broadcast::pulls::{PullConfig, Pulls};
use crate::broadcast::srt::{self, Encryption};
use crate::broadcast::{Hub, HubConfig, Outage, Recorder, dictionary, rtmp};
use crate::cache::FragmentCache;
use crate::cli::BadInput;
use crate::cli::inputs::FolderArgs;
use crate::cli::pulling::opener;
use crate::cli::values::size;
use crate::fetch::{Allowed, Client, Patience};
use crate::live::join::{JoinConfig, JoinPolicy};
use crate::live::rtmp::Secret;
use crate::recording::Limits;

#[derive(Debug, Args)]
pub(super) struct LiveArgs {
    /// Let encoders publish live streams by RTMP here, as rtmp://HOST/live/NAME
    /// [default: none can]
    #[arg(long, value_name = "ADDR", env = "LOOMCAST_RTMP")]
    rtmp: Option<SocketAddr>,

    /// Let encoders publish by SRT here too, as srt://HOST?streamid=NAME [default: none can]
    #[arg(long, value_name = "ADDR", env = "LOOMCAST_SRT")]
    srt: Option<SocketAddr>,

    /// The passphrase that encoders by SRT must have, 10 to 79 bytes: what they send is encrypted
    /// with it [default: it is not]
    #[arg(
        long,
        value_name = "PASSPHRASE",
        env = "LOOMCAST_SRT_PASSPHRASE",
        hide_env_values = true
    )]
    srt_passphrase: Option<String>,

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

    /// The most that one recording of a live stream takes on disk, as 500MB or 2GiB
    #[arg(long, value_name = "SIZE", env = "LOOMCAST_RECORDING_SIZE", value_parser = size, default_value = "64GiB")]
    recording_size: u64,

    /// How long a stream is still pulled from its source when nobody watches it any more
    #[arg(
        long,
        value_name = "SECONDS",
        env = "LOOMCAST_PULL_LINGER",
        value_parser = clap::value_parser!(u64).range(1..=86_400),
        default_value = "30"
    )]
    pull_linger: u64,

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

    /// Let in too who gives a token (JWT, HS256) that is signed with this secret, 32 bytes or
    /// more, and has the stream's name as sub [default: none]
    #[arg(
        long,
        value_name = "SECRET",
        env = "LOOMCAST_PUBLISH_TOKEN_SECRET",
        hide_env_values = true
    )]
    publish_token_secret: Option<String>,

    /// POST here who wants to publish a live stream, and let them only if the answer is 2xx; and
    /// tell of those who go and who watch [default: nowhere]
    #[arg(long, value_name = "URL", env = "LOOMCAST_LIVE_HOOK")]
    live_hook: Option<Url>,
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

impl LiveArgs {
    /// What can be wrong without anything having been opened.
    pub fn check(&self) -> Result<(), BadInput> {
        let secret = self.publish_token_secret.as_ref().map(String::len);
        if let Some(bytes) = secret.filter(|bytes| *bytes < MIN_TOKEN_SECRET_BYTES) {
            return Err(BadInput(format!(
                "--publish-token-secret: {bytes} bytes are not allowed: expected at least \
                 {MIN_TOKEN_SECRET_BYTES}"
            )));
        }
        self.encryption()?;
        let scheme = self.live_hook.as_ref().map(Url::scheme);
        if let Some(scheme) = scheme.filter(|scheme| !matches!(*scheme, "http" | "https")) {
            return Err(BadInput(format!(
                "--live-hook: {scheme} is not allowed: expected http or https"
            )));
        }
        Ok(())
    }

    fn encryption(&self) -> Result<Encryption, BadInput> {
        let encryption = self.srt_passphrase.clone().map(Encryption::by);
        let encryption = encryption.transpose();
        let encryption = encryption.map_err(|error| BadInput(format!("--srt-passphrase: {error}")));
        Ok(encryption?.unwrap_or_default())
    }

    fn hub_config(&self) -> HubConfig {
        HubConfig {
            linger: Duration::from_secs(self.live_linger),
            outage: self.live_outage,
            window_ms: self.live_window * 1000,
            join: JoinConfig {
                policy: self.join_wait,
                min_segments: self.join_min_segments.into(),
                deadline_ms: self.join_deadline * 1000,
            },
            ..HubConfig::default()
        }
    }

    fn gate(&self, hooks: Hooks) -> Gate {
        let gate = Gate::new(self.publish_key.clone(), hooks);
        match &self.publish_token_secret {
            Some(secret) => gate.with_tokens(secret.as_bytes()),
            None => gate,
        }
    }

    fn hooks(&self, allowed: Vec<Allowed>) -> Hooks {
        let Some(url) = &self.live_hook else {
            return Hooks::default();
        };
        let client = Client::new(allowed.into(), Patience::default());
        let post: Post = Arc::new(move |url, body, within| {
            let posted = client.post(url, &[], body, within);
            posted.map_err(|error| error.to_string())
        });
        Hooks::new(url.clone(), post)
    }
}

/// The live streams of a server, and what lets them in.
pub(super) struct Live {
    pub hub: Hub,
    pub pulls: Pulls,
    pub recorder: Recorder,
    doors: TaskTracker,
    no_more: CancellationToken,
}

impl Live {
    /// Opens the doors, and prints where they are.
    pub async fn open(
        args: &LiveArgs,
        folders: &FolderArgs,
        cache: &FragmentCache,
        allowed: Vec<Allowed>,
    ) -> Result<Self> {
        let hooks = args.hooks(allowed.clone());
        let hub = Hub::new(cache.clone(), args.hub_config()).with_hooks(hooks.clone());
        let (doors, no_more) = (TaskTracker::new(), CancellationToken::new());
        if let Some(address) = args.rtmp {
            let door = bind(address, "encoders").await?;
            println!(
                "loomcast: encoders publish to rtmp://{}/live/NAME",
                door.local_addr()?
            );
            let gate = args.gate(hooks.clone());
            doors.spawn(rtmp::serve(door, hub.clone(), gate, no_more.clone()));
        }
        if let Some(address) = args.srt {
            let socket = srt::bind(address)
                .await
                .with_context(|| format!("listening on {address} for SRT"))?;
            println!(
                "loomcast: encoders publish to srt://{}?streamid=NAME",
                socket.local_addr()?
            );
            let (gate, secret) = (args.gate(hooks.clone()), args.encryption()?);
            doors.spawn(srt::serve(
                socket,
                hub.clone(),
                gate,
                secret,
                no_more.clone(),
            ));
        }
        if let Some(address) = args.dictionary {
            let door = bind(address, "the cache dictionary").await?;
            println!(
                "loomcast: the cache dictionary is at tcp://{}",
                door.local_addr()?
            );
            let keys = dictionary::Keys {
                pushing: args.gate(hooks.clone()),
                plug_in: args.plugin_key.clone().map(Secret::new),
            };
            doors.spawn(dictionary::serve(door, hub.clone(), keys, no_more.clone()));
        }
        let config = PullConfig {
            linger: Duration::from_secs(args.pull_linger),
            ..PullConfig::default()
        };
        let limits = Limits {
            max_bytes: args.recording_size,
            keep_free: folders.keep_free,
        };
        let recorder = Recorder::new(folders.data_dir.join("recordings"), limits);
        let sources = folders.data_dir.join("sources.json");
        let pulls = Pulls::open(&sources, hub.clone(), opener(allowed.into()), config)?;
        Ok(Self {
            hub,
            pulls,
            recorder,
            doors,
            no_more,
        })
    }

    /// Ends all streams in good order, and waits for that.
    pub async fn end(self) {
        self.recorder.stop_all().await;
        self.no_more.cancel();
        self.pulls.stop().await;
        self.doors.close();
        self.doors.wait().await;
    }
}

async fn bind(address: SocketAddr, whom: &str) -> Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("listening on {address} for {whom}"))
}
