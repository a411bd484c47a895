//! Recordings of live streams by the server itself: one at a time of each stream, into
//! one folder.
//!
//! A recording reads the stream's feed as a viewer does, so that a disk that is slow
//! or full never holds the publisher.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::broadcast::feed::{Ended, Pushed, Reader};
use crate::broadcast::publisher::now;
use crate::broadcast::stream::LiveStream;
use crate::playlist::UnixMillis;
use crate::recording::{Limits, Recorded, Recording, RecordingError, numbered};

/// Recordings at a time: each has a thread and a place in the memory of its disk.
pub const MAX_RECORDINGS: usize = 64;

/// Recordings that are over and still told of; the oldest are forgotten first.
const MAX_TOLD: usize = 1_000;

/// The most files that are listed, the newest.
pub const MAX_LISTED: usize = 10_000;

/// The longest name of a file, in bytes.
const MAX_FILE_NAME_BYTES: usize = 128;

/// How far a recording is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordingState {
    /// It is being written.
    Recording,
    /// It was stopped.
    Stopped,
    /// Its stream is over.
    StreamEnded,
    /// It is as large as it may be.
    SizeLimit,
    /// The disk is as full as it may be.
    DiskFull,
    /// It could not be written on.
    Failed(String),
}

impl RecordingState {
    /// Its name in answers.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Recording => "recording",
            Self::Stopped => "stopped",
            Self::StreamEnded => "stream_ended",
            Self::SizeLimit => "size_limit",
            Self::DiskFull => "disk_full",
            Self::Failed(_) => "failed",
        }
    }
}

/// What is told of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingReport {
    /// Of which stream.
    pub stream: String,
    /// Since when.
    pub since: UnixMillis,
    /// How far it is.
    pub state: RecordingState,
    /// What there is.
    pub recorded: Recorded,
}

/// A file in the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedFile {
    /// Its name.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// When it was written last.
    pub modified: SystemTime,
}

/// Why no recording was begun.
#[derive(Debug, Error)]
pub enum StartError {
    /// There are as many as there may be.
    #[error("there are {MAX_RECORDINGS} recordings: expected fewer")]
    TooMany,
    /// The folder cannot be used.
    #[error("the folder of recordings cannot be used: {0}")]
    Folder(#[from] io::Error),
}

/// All recordings of this server; clones are the same.
#[derive(Clone)]
pub struct Recorder(Arc<Shared>);

struct Shared {
    folder: PathBuf,
    limits: Limits,
    /// The newest of each stream.
    known: Mutex<HashMap<String, Known>>,
}

struct Known {
    report: watch::Receiver<RecordingReport>,
    stop: CancellationToken,
}

impl Known {
    fn is_going_on(&self) -> bool {
        self.report.borrow().state == RecordingState::Recording
    }
}

impl Recorder {
    /// Into `folder`, which is made when it is needed, each within `limits`.
    pub fn new(folder: PathBuf, limits: Limits) -> Self {
        Self(Arc::new(Shared {
            folder,
            limits,
            known: Mutex::default(),
        }))
    }

    /// Begins to record `stream`, unless that is going on; whether it was begun now.
    /// Blocks on the disk.
    pub fn start(&self, stream: &LiveStream) -> Result<(RecordingReport, bool), StartError> {
        std::fs::create_dir_all(&self.0.folder)?;
        let mut known = self.known();
        let going_on = known.get(stream.name()).filter(|known| known.is_going_on());
        if let Some(going_on) = going_on {
            return Ok((going_on.report.borrow().clone(), false));
        }
        if known.values().filter(|known| known.is_going_on()).count() >= MAX_RECORDINGS {
            return Err(StartError::TooMany);
        }
        if known.len() >= MAX_TOLD {
            let over = known.iter().filter(|(_, known)| !known.is_going_on());
            let oldest = over.min_by_key(|(_, known)| known.report.borrow().since.0);
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                known.remove(&oldest);
            }
        }
        let report = RecordingReport {
            stream: stream.name().to_owned(),
            since: now(),
            state: RecordingState::Recording,
            recorded: Recorded::default(),
        };
        let (tell, told) = watch::channel(report.clone());
        let stop = CancellationToken::new();
        let work = Work {
            recording: Recording::new(self.free_path(stream.name()), self.0.limits),
            reader: stream.feed().join(),
            stop: stop.clone(),
            runtime: Handle::current(),
            tell,
        };
        tokio::task::spawn_blocking(move || work.run());
        let entry = Known { report: told, stop };
        known.insert(stream.name().to_owned(), entry);
        Ok((report, true))
    }

    /// What is told of the newest recording of stream `name`.
    pub fn report(&self, name: &str) -> Option<RecordingReport> {
        let known = self.known();
        known.get(name).map(|known| known.report.borrow().clone())
    }

    /// Ends the recording of stream `name` and tells how it ended; `None` if none was
    /// going on.
    pub async fn stop(&self, name: &str) -> Option<RecordingReport> {
        let mut report = {
            let known = self.known();
            let known = known.get(name).filter(|known| known.is_going_on())?;
            known.stop.cancel();
            known.report.clone()
        };
        Some(ended(&mut report).await)
    }

    /// Ends all recordings, and waits until their files are whole.
    pub async fn stop_all(&self) {
        let all: Vec<_> = {
            let known = self.known();
            let going_on = known.values().filter(|known| known.is_going_on());
            let stopped = going_on.map(|known| {
                known.stop.cancel();
                known.report.clone()
            });
            stopped.collect()
        };
        for mut report in all {
            ended(&mut report).await;
        }
    }

    /// What is in the folder, the newest first. Blocks on the disk.
    pub fn files(&self) -> io::Result<Vec<RecordedFile>> {
        let entries = match std::fs::read_dir(&self.0.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut files = Vec::new();
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // One that went meanwhile is not there.
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            if metadata.is_file() && is_file_name(&name) {
                files.push(RecordedFile {
                    name,
                    bytes: metadata.len(),
                    modified: metadata.modified()?,
                });
            }
        }
        files.sort_by(|a, b| {
            b.modified
                .cmp(&a.modified)
                .then_with(|| a.name.cmp(&b.name))
        });
        files.truncate(MAX_LISTED);
        Ok(files)
    }

    /// Where file `name` would be; `None` for what is no name of a recording.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        is_file_name(name).then(|| self.0.folder.join(name))
    }

    /// A path for a recording of stream `name` that begins now.
    fn free_path(&self, name: &str) -> PathBuf {
        let time = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let time = time.replace(['-', ':'], "");
        let path = self.0.folder.join(format!("{name}-{time}.mp4"));
        // Two within a second; whoever has more of them is told that it is there.
        let free = |path: &PathBuf| !path.exists();
        let numbers = (1..=MAX_LISTED).map(|number| numbered(&path, number));
        numbers.into_iter().find(free).unwrap_or(path.clone())
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a recording ended, once it has.
async fn ended(report: &mut watch::Receiver<RecordingReport>) -> RecordingReport {
    let over = |report: &RecordingReport| report.state != RecordingState::Recording;
    // A sender that is gone has said its last, or has died.
    drop(report.wait_for(over).await.map(drop));
    report.borrow().clone()
}

/// Letters, digits, `-`, `_` and the ending: nothing that leads out of the folder.
fn is_file_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let stem = Path::new(name).file_stem().and_then(|stem| stem.to_str());
    name.len() <= MAX_FILE_NAME_BYTES
        && stem.is_some_and(|stem| stem.bytes().all(allowed) && name == format!("{stem}.mp4"))
}

/// A recording that goes on.
struct Work {
    recording: Recording,
    reader: Reader,
    stop: CancellationToken,
    runtime: Handle,
    tell: watch::Sender<RecordingReport>,
}

impl Work {
    fn run(mut self) {
        let state = match self.record() {
            Ok(state) => state,
            Err(error) => told(&error),
        };
        // What is left is written whatever ended it, if it can be.
        let state = match (self.recording.close(), state) {
            (Err(error), RecordingState::Stopped | RecordingState::StreamEnded) => told(&error),
            (_, state) => state,
        };
        let recorded = self.recording.recorded();
        let stream = self.tell.borrow().stream.clone();
        match &state {
            RecordingState::Failed(reason) => {
                tracing::warn!(stream, reason, "a recording failed");
            }
            state => tracing::info!(stream, ended = state.as_str(), "a recording has ended"),
        }
        self.tell.send_modify(|report| {
            report.recorded = recorded;
            report.state = state;
        });
    }

    fn record(&mut self) -> Result<RecordingState, RecordingError> {
        loop {
            let next = match self.reader.ready().transpose() {
                Some(next) if !self.stop.is_cancelled() => Some(next),
                _ => self.wait(),
            };
            match next {
                None => return Ok(RecordingState::Stopped),
                Some(Ok(Pushed::Setup(setup))) => self.recording.begin(setup.tracks().to_vec())?,
                Some(Ok(Pushed::Packet(packet))) => {
                    if self.recording.push(packet.frame().clone())? {
                        let recorded = self.recording.recorded();
                        self.tell.send_modify(|report| report.recorded = recorded);
                    }
                }
                Some(Err(Ended::Over)) => return Ok(RecordingState::StreamEnded),
                Some(Err(Ended::TooSlow)) => {
                    let reason = "the disk was too slow for the stream too often";
                    return Ok(RecordingState::Failed(reason.into()));
                }
            }
        }
    }

    /// What comes next; `None` when it is to stop.
    fn wait(&mut self) -> Option<Result<Pushed, Ended>> {
        let (reader, stop) = (&mut self.reader, &self.stop);
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = stop.cancelled() => None,
                next = reader.next() => Some(next),
            }
        })
    }
}

fn told(error: &RecordingError) -> RecordingState {
    match error {
        RecordingError::DiskFull { .. } => RecordingState::DiskFull,
        RecordingError::TooLarge { .. } => RecordingState::SizeLimit,
        RecordingError::Exists(_)
        | RecordingError::Io { .. }
        | RecordingError::TooManyFiles
        | RecordingError::Cmaf(_) => RecordingState::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let limits = Limits {
            max_bytes: 1,
            keep_free: 0,
        };
        let recorder = Recorder::new("/recordings".into(), limits);
        for name in ["show-20260102T030405Z.mp4", "a_b-20260102T030405Z-2.mp4"] {
            let path = recorder.path(name).expect("a name");
            assert_eq!(path, Path::new("/recordings").join(name));
        }
        let long = format!("{}.mp4", "x".repeat(MAX_FILE_NAME_BYTES));
        for name in [
            "", ".mp4", "../a.mp4", "a/b.mp4", "a.mp4/", "a.b.mp4", "a.mp3", &long,
        ] {
            assert_eq!(recorder.path(name), None, "{name}");
        }
    }

    #[test]
    fn a_folder_that_is_not_there_has_no_files() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let limits = Limits {
            max_bytes: 1,
            keep_free: 0,
        };
        let recorder = Recorder::new(folder.path().join("recordings"), limits);
        assert_eq!(recorder.files().expect("none"), []);
        std::fs::create_dir(folder.path().join("recordings")).expect("a folder");
        for name in ["a-1.mp4", "notes.txt"] {
            std::fs::write(folder.path().join("recordings").join(name), "abc").expect("writes");
        }
        let files = recorder.files().expect("a list").into_iter();
        let files: Vec<_> = files.map(|file| (file.name, file.bytes)).collect();
        assert_eq!(files, [("a-1.mp4".to_owned(), 3)]);
    }
}
