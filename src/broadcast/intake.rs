//! A stream that comes as a file would, on its way to its publisher.

use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::timeout;

use crate::broadcast::publisher::{Publisher, PublishingError, STALL};
use crate::live::demux::{DemuxError, Demuxer};
use crate::live::flv::{FlvError, TagReader};

/// How long whoever gives a stream may be silent.
const SILENCE: Duration = Duration::from_secs(30);

/// What is read at a time, in bytes.
const READ_BYTES: usize = 64 << 10;

/// Why a stream cannot be taken in.
#[derive(Debug, Error)]
pub(super) enum IntakeError {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Flv(#[from] FlvError),
    #[error(transparent)]
    Demux(#[from] DemuxError),
    #[error(transparent)]
    Publishing(#[from] PublishingError),
    #[error("it sent nothing for {} s", .0.as_secs())]
    Silent(Duration),
}

/// Bytes of FLV in, frames to the publisher.
pub(super) struct Intake {
    tags: TagReader,
    demuxer: Demuxer,
    publisher: Publisher,
}

impl Intake {
    pub(super) fn new(publisher: Publisher) -> Self {
        Self {
            tags: TagReader::default(),
            demuxer: Demuxer::default(),
            publisher,
        }
    }

    /// Takes what `from` sends, to its end.
    pub(super) async fn read(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
    ) -> Result<(), IntakeError> {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let count = match timeout(STALL, from.read(&mut buffer)).await {
                Ok(count) => count?,
                Err(_) => {
                    self.stalled().await?;
                    let read = timeout(SILENCE - STALL, from.read(&mut buffer)).await;
                    read.map_err(|_| IntakeError::Silent(SILENCE))??
                }
            };
            if count == 0 {
                return Ok(());
            }
            self.take(&buffer[..count]).await?;
        }
    }

    /// The next bytes.
    pub(super) async fn take(&mut self, bytes: &[u8]) -> Result<(), IntakeError> {
        self.tags.feed(bytes);
        while let Some(tag) = self.tags.next_tag()? {
            for demuxed in self.demuxer.push(tag.kind, tag.timestamp_ms, &tag.body)? {
                self.publisher.take(demuxed).await?;
            }
        }
        Ok(())
    }

    /// Nothing came for [`STALL`].
    pub(super) async fn stalled(&mut self) -> Result<(), PublishingError> {
        self.publisher.stalled().await
    }

    /// No more comes.
    pub(super) fn end(self) -> Publisher {
        self.publisher
    }
}
