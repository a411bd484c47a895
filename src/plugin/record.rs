//! A stream of a server to files, as it is.

use std::path::PathBuf;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::live::demux::Demuxed;
use crate::plugin::{Connection, Incoming, Over, PlugInError, Served, Target, attend};
use crate::recording::{Limits, Recorded, Recording, RecordingError};

/// What is read at a time, in bytes.
const READ_BYTES: usize = 64 << 10;

/// Frames on their way to the disk. If there are more, the server is not read from, and
/// in the end goes on at a later key frame.
const MAX_QUEUED: usize = 256;

/// What is recorded.
#[derive(Clone, Debug)]
pub struct RecordPlan {
    /// The stream, and where it is.
    pub target: Target,
    /// Where to.
    pub path: PathBuf,
    /// How much it may take.
    pub limits: Limits,
    /// How much is recorded; `None` for all.
    pub duration: Option<Duration>,
    /// How often a server that went is looked for.
    pub tries: u32,
}

/// Records until the stream is over, enough is recorded, or `stop`. `tell` is told
/// what there is as it grows, and `trouble` when the server is looked for again.
///
/// What was recorded is there even where it ends with an error.
pub async fn record(
    plan: &RecordPlan,
    stop: &CancellationToken,
    tell: impl FnMut(&Recorded) + Send + 'static,
    trouble: impl Fn(&PlugInError, Duration),
) -> Result<Over, PlugInError> {
    let (give, taken) = mpsc::channel(MAX_QUEUED);
    let recording = Recording::new(plan.path.clone(), plan.limits);
    let enough = plan.duration;
    let writing = tokio::task::spawn_blocking(move || write(recording, taken, enough, tell));
    let serve = async |connection| read(connection, &give, stop).await;
    let ended = attend(&plan.target, plan.tries, stop, trouble, serve).await;
    drop(give);
    let written = writing.await.map_err(std::io::Error::other)?;
    // That the disk is full matters more than that the stream was left for it.
    written?;
    ended
}

/// A piece of the stream on its way to the disk.
enum Piece {
    Media(Demuxed),
    /// What follows comes by another connection, and counts time as it likes.
    Cut,
}

async fn read(
    connection: Connection,
    give: &mpsc::Sender<Piece>,
    stop: &CancellationToken,
) -> Result<Served, PlugInError> {
    let Connection { mut socket, first } = connection;
    let mut incoming = Incoming::default();
    let mut buffer = vec![0; READ_BYTES];
    let mut bytes = first.as_slice();
    let served = loop {
        for demuxed in incoming.take(bytes)? {
            // The writer has ended: it has enough, or tells itself why.
            if give.send(Piece::Media(demuxed)).await.is_err() {
                return Ok(Served::Stopped);
            }
        }
        let read = tokio::select! {
            read = socket.read(&mut buffer) => read,
            () = stop.cancelled() => break Ok(Served::Stopped),
            () = give.closed() => break Ok(Served::Stopped),
        };
        bytes = match read {
            Ok(0) if incoming.is_over() => break Ok(Served::Over),
            Ok(0) => {
                break Ok(Served::Closed {
                    any: incoming.any(),
                });
            }
            Ok(count) => &buffer[..count],
            Err(error) => break Err(error.into()),
        };
    };
    drop(give.send(Piece::Cut).await);
    served
}

fn write(
    mut recording: Recording,
    mut taken: mpsc::Receiver<Piece>,
    enough: Option<Duration>,
    mut tell: impl FnMut(&Recorded),
) -> Result<(), RecordingError> {
    let enough = enough.map_or(i64::MAX, |enough| {
        i64::try_from(enough.as_millis()).unwrap_or(i64::MAX)
    });
    while let Some(piece) = taken.blocking_recv() {
        match piece {
            Piece::Media(Demuxed::Begin(tracks)) => recording.begin(tracks)?,
            // What is not passed on as it is does not come.
            Piece::Media(Demuxed::Other(_) | Demuxed::LeftOut(_)) => {}
            Piece::Media(Demuxed::Frame(frame)) => {
                if recording.push(frame)? {
                    let recorded = recording.recorded();
                    tell(&recorded);
                    if recorded.milliseconds >= enough {
                        break;
                    }
                }
            }
            Piece::Cut => recording.close()?,
        }
    }
    recording.close()?;
    tell(&recording.recorded());
    Ok(())
}
