//! A stream of a server with a mark over its pictures, given back as another stream.

mod marker;

pub use marker::{Marker, Marks};

use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::live::demux::Demuxed;
use crate::plugin::{Connection, Incoming, Over, PlugInError, Served, Target, attend};

/// What is read at a time, in bytes.
const READ_BYTES: usize = 64 << 10;

/// Frames that wait to be marked, not quite a second of pictures and sound: who is
/// slower than its stream is to fall behind no further. The server then goes on at a
/// later key frame.
const MAX_QUEUED: usize = 64;

/// How long the server may take nothing.
const TAKING: Duration = Duration::from_secs(10);

/// What is marked, and how.
pub struct WatermarkPlan {
    /// The stream, where it is, and the name of the one that is given back.
    pub target: Target,
    /// The mark.
    pub marks: Marks,
    /// Kilobits a second of pictures; `None` for even quality, whatever it takes.
    pub kilobits: Option<u32>,
    /// How often a server that went is looked for.
    pub tries: u32,
}

/// Marks until the stream is over, or `stop`. `trouble` is told when the server is
/// looked for again.
pub async fn watermark(
    plan: &WatermarkPlan,
    stop: &CancellationToken,
    trouble: impl Fn(&PlugInError, Duration),
) -> Result<Over, PlugInError> {
    let serve = async |connection| serve(connection, plan, stop).await;
    attend(&plan.target, plan.tries, stop, trouble, serve).await
}

async fn serve(
    connection: Connection,
    plan: &WatermarkPlan,
    stop: &CancellationToken,
) -> Result<Served, PlugInError> {
    let Connection { socket, first } = connection;
    let (from, to) = socket.into_split();
    let (give, taken) = mpsc::channel(MAX_QUEUED);
    let (out, marked) = mpsc::channel(MAX_QUEUED);
    let marker = Marker::new(plan.marks.clone(), plan.kilobits);
    let marking = tokio::task::spawn_blocking(move || mark(marker, taken, &out));
    // When one fails, the channels of both close, and marking ends.
    let moved = async { tokio::try_join!(read(from, &first, give, stop), write(to, marked)) };
    let moved = moved.await;
    // What stands in the way of marking is the reason, if anything did.
    marking.await.map_err(std::io::Error::other)??;
    Ok(moved?.0)
}

async fn read(
    mut from: OwnedReadHalf,
    first: &[u8],
    give: mpsc::Sender<Demuxed>,
    stop: &CancellationToken,
) -> Result<Served, PlugInError> {
    let mut incoming = Incoming::default();
    let mut buffer = vec![0; READ_BYTES];
    let mut bytes = first;
    loop {
        for demuxed in incoming.take(bytes)? {
            // Marking has failed, and tells itself why.
            if give.send(demuxed).await.is_err() {
                return Ok(Served::Stopped);
            }
        }
        let count = tokio::select! {
            read = from.read(&mut buffer) => read?,
            () = stop.cancelled() => return Ok(Served::Stopped),
            () = give.closed() => return Ok(Served::Stopped),
        };
        if count == 0 {
            return Ok(match incoming.is_over() {
                true => Served::Over,
                false => Served::Closed {
                    any: incoming.any(),
                },
            });
        }
        bytes = &buffer[..count];
    }
}

async fn write(
    mut to: OwnedWriteHalf,
    mut marked: mpsc::Receiver<Bytes>,
) -> Result<(), PlugInError> {
    while let Some(bytes) = marked.recv().await {
        let written = timeout(TAKING, to.write_all(&bytes)).await;
        written.map_err(|_| PlugInError::Deaf(TAKING))??;
    }
    // A server that has gone needs no farewell.
    drop(to.shutdown().await);
    Ok(())
}

fn mark(
    mut marker: Marker,
    mut taken: mpsc::Receiver<Demuxed>,
    out: &mpsc::Sender<Bytes>,
) -> Result<(), PlugInError> {
    let give = |bytes| out.blocking_send(bytes).is_ok();
    while let Some(demuxed) = taken.blocking_recv() {
        for bytes in marker.take(demuxed)? {
            if !give(bytes) {
                return Ok(());
            }
        }
    }
    marker.finish()?.into_iter().all(give);
    Ok(())
}
