//! One stream from upstream on its way into its room.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use thiserror::Error;
use tokio::time::timeout;

use super::live_room::LiveRoom;
use super::streams::{NoStream, StreamAnswer, StreamAsk, Streams};
use crate::live::demux::{DemuxError, Demuxer};
use crate::live::flv::{FlvError, TagReader};
use crate::room::{Event, UpstreamId};

/// How long upstream may take to grant a stream: longer than a server waits for the
/// first frame of one that has no encoder yet.
const OPENING: Duration = Duration::from_secs(12);

/// Why a stream broke off.
#[derive(Debug, Error)]
enum Broken {
    #[error("{0}")]
    Cut(String),
    #[error(transparent)]
    Flv(#[from] FlvError),
    #[error(transparent)]
    Demux(#[from] DemuxError),
}

/// Asks for the stream and gives its frames to the room, to its end.
pub(super) async fn run(
    room: Arc<LiveRoom>,
    upstream: UpstreamId,
    streams: Arc<dyn Streams>,
    ask: StreamAsk,
) {
    let (name, generation) = (ask.name.clone(), room.generation().0);
    let answer = match timeout(OPENING, streams.open(ask)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(NoStream::Missing)) => return room.on(Event::Missing(upstream)),
        Ok(Err(NoStream::Failed(error))) => {
            tracing::warn!(
                room = name,
                generation,
                error,
                "a room's stream cannot be had"
            );
            return room.on(Event::Failed(upstream));
        }
        Err(_) => {
            tracing::warn!(room = name, generation, "a room's stream does not come");
            return room.on(Event::Failed(upstream));
        }
    };
    room.granted(upstream, Arc::clone(&answer.from));
    match read(&room, upstream, answer).await {
        Ok(()) => room.on(Event::Ended(upstream)),
        Err(error) => {
            tracing::warn!(room = name, generation, %error, "a room's stream broke off");
            room.on(Event::Failed(upstream));
        }
    }
}

/// How long it gives nothing is watched by the room, which gives it up then.
async fn read(
    room: &Arc<LiveRoom>,
    upstream: UpstreamId,
    mut answer: StreamAnswer,
) -> Result<(), Broken> {
    let (mut tags, mut demuxer) = (TagReader::default(), Demuxer::default());
    while let Some(bytes) = answer.body.next().await {
        let bytes = bytes.map_err(Broken::Cut)?;
        room.came(bytes.len());
        tags.feed(&bytes);
        while let Some(tag) = tags.next_tag()? {
            for demuxed in demuxer.push(tag.kind, tag.timestamp_ms, &tag.body)? {
                room.take(upstream, demuxed);
            }
        }
    }
    Ok(())
}
