//! A stream that comes as a file would, on its way to its publisher.

use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::timeout;

use crate::broadcast::publisher::{Publisher, PublishingError, STALL};
use crate::live::demux::{DemuxError, Demuxed, Demuxer};
use crate::live::flv::{FlvError, TagReader};
use crate::live::ts::{TsDemuxer, TsError};

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
    Ts(#[from] TsError),
    #[error(transparent)]
    Publishing(#[from] PublishingError),
    #[error("it sent nothing for {} s", .0.as_secs())]
    Silent(Duration),
}

/// As what a stream comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// An FLV file.
    Flv,
    /// An MPEG transport stream.
    MpegTs,
}

/// What reads it.
enum Reader {
    Flv {
        tags: TagReader,
        demuxer: Box<Demuxer>,
    },
    MpegTs(Box<TsDemuxer>),
}

/// Bytes in, frames to the publisher.
pub(super) struct Intake {
    reader: Reader,
    publisher: Publisher,
}

impl Intake {
    pub(super) fn new(publisher: Publisher, format: Format) -> Self {
        let reader = match format {
            Format::Flv => Reader::Flv {
                tags: TagReader::default(),
                demuxer: Box::new(Demuxer::default().with_others(publisher.others())),
            },
            Format::MpegTs => {
                let demuxer = TsDemuxer::default().with_others(publisher.others());
                Reader::MpegTs(Box::new(demuxer))
            }
        };
        Self { reader, publisher }
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
        match &mut self.reader {
            Reader::Flv { tags, demuxer } => {
                tags.feed(bytes);
                while let Some(tag) = tags.next_tag()? {
                    let demuxed = demuxer.push(tag.kind, tag.timestamp_ms, &tag.body)?;
                    publish(&mut self.publisher, demuxed).await?;
                }
                Ok(())
            }
            Reader::MpegTs(demuxer) => publish(&mut self.publisher, demuxer.push(bytes)?).await,
        }
    }

    /// Nothing came for [`STALL`].
    pub(super) async fn stalled(&mut self) -> Result<(), PublishingError> {
        self.publisher.stalled().await
    }

    /// No more comes.
    pub(super) async fn end(mut self) -> Publisher {
        // The last picture has no other behind it that says that it is whole.
        if let Reader::MpegTs(demuxer) = &mut self.reader {
            let last = match demuxer.end() {
                Ok(last) => publish(&mut self.publisher, last).await,
                Err(error) => Err(error.into()),
            };
            if let Err(error) = last {
                tracing::warn!(stream = self.publisher.stream().name(), %error, "the last picture of a stream is lost");
            }
        }
        self.publisher
    }
}

async fn publish(publisher: &mut Publisher, demuxed: Vec<Demuxed>) -> Result<(), IntakeError> {
    for demuxed in demuxed {
        publisher.take(demuxed).await?;
    }
    Ok(())
}
