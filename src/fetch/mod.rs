//! Files of other servers: fetched once, kept by their digests, shared by all.
//!
//! An address is asked for when it is first needed; then its file is used for as
//! long as the server said (a minute at least), and after that asked about: has it
//! changed? A server that is gone or busy costs nothing where its file is there.
//! What a file holds does not belong here, nor which Edit names it.
//!
//! Every call blocks: planning does.

mod address;
mod client;
mod entry;
mod error;
mod flight;
mod folder;

pub use address::{Allowed, special};
pub use client::{Client, Incoming, MAX_REDIRECTS, Patience};
pub use entry::{MAX_FRESH, MIN_FRESH};
pub use error::FetchError;
pub use folder::Held;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use url::Url;

use self::client::Answer;
use self::entry::{Entry, Validity};
use self::flight::Flights;
use self::folder::Folder;
use crate::digest::Digest;

/// How much is fetched, from where, and how long that may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchConfig {
    /// Whether anything is.
    pub enabled: bool,
    /// What may be asked beside public addresses.
    pub allowed: Vec<Allowed>,
    /// The most bytes of a file.
    pub max_file_bytes: u64,
    /// The most bytes of all files that are kept.
    pub max_bytes: u64,
    /// How long a request may take.
    pub patience: Patience,
    /// For how long an address that failed is not asked again.
    pub rest: Duration,
}

impl Default for FetchConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            allowed: Vec::new(),
            max_file_bytes: 1 << 30,
            max_bytes: 16 << 30,
            patience: Patience::default(),
            rest: Duration::from_secs(10),
        }
    }
}

/// Whether a file that was fetched before will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// For as long as its server said.
    AsSaid,
    /// Not without asking.
    Asked,
}

/// How a file was come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// It was there.
    Kept,
    /// It was there, and its server said that it is as it was.
    Confirmed,
    /// Its server sent it; whether one from there was known before.
    Fetched {
        /// It was kept as long as it might be, and is another now or had gone.
        again: bool,
    },
    /// Its server sent it to another who wanted it at the same time.
    Shared,
}

/// A file that is there.
#[derive(Clone, Debug)]
pub struct Download {
    /// The digest of its bytes.
    pub digest: Digest,
    /// How many those are.
    pub bytes: u64,
    /// How it was come by.
    pub came: Came,
    /// Where they are.
    pub path: PathBuf,
    /// Why it may be out of date, if it is not known to be what the server has.
    pub stale: Option<String>,
    /// Keeps it there.
    pub held: Held,
}

/// The files of other servers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Downloads {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    enabled: bool,
    limit: u64,
    patience: Patience,
    client: Client,
    folder: Folder,
    flights: Flights<Download>,
}

impl Downloads {
    /// Keeps files in `folder`, which is made when the first one comes.
    pub fn new(folder: &Path, config: FetchConfig) -> Self {
        Self {
            shared: Arc::new(Shared {
                enabled: config.enabled,
                limit: config.max_file_bytes.min(config.max_bytes),
                patience: config.patience,
                client: Client::new(config.allowed.into(), config.patience),
                folder: Folder::new(folder, config.max_bytes),
                flights: Flights::new(config.rest),
            }),
        }
    }

    /// Fetches nothing.
    pub fn off() -> Self {
        let config = FetchConfig {
            enabled: false,
            ..FetchConfig::default()
        };
        Self::new(Path::new(""), config)
    }

    /// The file at `url`, if it is there and needs no asking.
    pub fn fresh(&self, url: &Url) -> Option<Download> {
        let entry = self.shared.folder.entry(url)?;
        let usable = self.shared.enabled && entry.is_fresh(SystemTime::now());
        usable.then(|| self.shared.kept(&entry)).flatten()
    }

    /// The file at `url`, fetched or asked about where it has to be. Waits no
    /// longer than until `deadline`.
    pub fn get(
        &self,
        url: &Url,
        freshness: Freshness,
        deadline: Instant,
    ) -> Result<Download, FetchError> {
        let shared = &self.shared;
        if !shared.enabled {
            return Err(FetchError::Off);
        }
        if freshness == Freshness::AsSaid
            && let Some(download) = self.fresh(url)
        {
            return Ok(download);
        }
        let deadline = deadline.min(Instant::now() + shared.patience.total);
        let mut leads = false;
        let asked = shared.flights.get(url, deadline, || {
            leads = true;
            shared.ask(url, deadline)
        });
        let asked = asked.map(|download| match leads {
            true => download,
            false => Download {
                came: Came::Shared,
                ..download
            },
        });
        asked.or_else(|error| shared.stale(url, error))
    }

    /// Throws away what `url` gave: it is not what its name says.
    pub fn forget(&self, url: &Url) {
        self.shared.folder.forget(url);
    }
}

impl Shared {
    fn ask(&self, url: &Url, deadline: Instant) -> Result<Download, FetchError> {
        let known = self.folder.entry(url);
        let validity = known.as_ref().map(|entry| &entry.validity);
        match self.client.ask(url, validity, self.limit, deadline)? {
            Answer::Unchanged(validity) => {
                if let Some(known) = known
                    && let Some(digest) = known.digest()
                    && let Some(download) = self.kept(&known)
                {
                    let validity = validity.or(&known.validity);
                    self.remember(url, &digest, known.bytes, validity)?;
                    return Ok(Download {
                        came: Came::Confirmed,
                        ..download
                    });
                }
                // It went while the server was asked.
                match self.client.ask(url, None, self.limit, deadline)? {
                    Answer::File(validity, incoming) => self.receive(url, validity, incoming, true),
                    Answer::Unchanged(_) => Err(FetchError::Status(304)),
                }
            }
            Answer::File(validity, incoming) => {
                self.receive(url, validity, incoming, known.is_some())
            }
        }
    }

    fn receive(
        &self,
        url: &Url,
        validity: Validity,
        incoming: Incoming,
        again: bool,
    ) -> Result<Download, FetchError> {
        let mut file = self.folder.temporary_file()?;
        let mut hasher = blake3::Hasher::new();
        let bytes = incoming.read(|piece| {
            hasher.update(piece);
            let written = file.write_all(piece);
            written.map_err(|error| FetchError::Disk(error.to_string()))
        })?;
        let digest = Digest::from(hasher.finalize());
        self.folder.keep(file, &digest, bytes)?;
        self.remember(url, &digest, bytes, validity)?;
        tracing::debug!(host = url.host_str(), bytes, %digest, "fetched");
        let gone = || FetchError::Disk(format!("the download {digest} is gone"));
        let download = self.download(&digest, bytes).ok_or_else(gone)?;
        Ok(Download {
            came: Came::Fetched { again },
            ..download
        })
    }

    fn remember(
        &self,
        url: &Url,
        digest: &Digest,
        bytes: u64,
        validity: Validity,
    ) -> Result<(), FetchError> {
        let entry = Entry::new(digest, bytes, validity, SystemTime::now());
        self.folder.remember(url, &entry)
    }

    /// What was there before, where `error` says nothing against it.
    fn stale(&self, url: &Url, error: FetchError) -> Result<Download, FetchError> {
        let known = error.is_passing().then(|| self.folder.entry(url)).flatten();
        let Some((entry, download)) = known.and_then(|entry| {
            let download = self.kept(&entry)?;
            Some((entry, download))
        }) else {
            return Err(error);
        };
        let age = entry.age(SystemTime::now()).as_secs();
        let stale = format!("expected {error}; the file of {age} s ago is used");
        Ok(Download {
            stale: Some(stale),
            ..download
        })
    }

    fn kept(&self, entry: &Entry) -> Option<Download> {
        self.download(&entry.digest()?, entry.bytes)
    }

    fn download(&self, digest: &Digest, bytes: u64) -> Option<Download> {
        let (path, held) = self.folder.hold(digest)?;
        Some(Download {
            digest: *digest,
            bytes,
            came: Came::Kept,
            path,
            stale: None,
            held,
        })
    }
}
