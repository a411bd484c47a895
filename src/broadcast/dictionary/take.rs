//! A stream on its way to who takes it, as FLV.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufWriter};
use tokio::time::timeout;

use crate::broadcast::audience::Viewer;
use crate::broadcast::dictionary::ConnectionError;
use crate::broadcast::feed::{Ended, Pushed, Reader};
use crate::live::flv::{TagKind, VIDEO_END_BODY, write_tag};

/// How long whoever takes a stream may take nothing.
const TAKING: Duration = Duration::from_secs(10);

/// What is collected of frames that are there before it is written, in bytes.
const WRITE_BYTES: usize = 64 << 10;

/// Sends what `reader` gets until the stream is over.
pub(super) async fn send(
    to: impl AsyncWrite + Unpin,
    mut reader: Reader,
    mut viewer: Viewer,
) -> Result<(), ConnectionError> {
    let mut to = BufWriter::with_capacity(WRITE_BYTES, to);
    let mut headed = false;
    loop {
        let mut next = match reader.next().await {
            Ok(next) => Some(next),
            Err(ended) => return over(ended, &viewer),
        };
        while let Some(pushed) = next {
            let written = timeout(TAKING, write(&mut to, &pushed, &mut headed)).await;
            viewer.sent(written.map_err(|_| ConnectionError::Deaf(TAKING))??);
            // All that is there goes out at once.
            next = match reader.ready() {
                Ok(next) => next,
                Err(ended) => {
                    flush(&mut to).await?;
                    return over(ended, &viewer);
                }
            };
        }
        viewer.skipped(reader.skips());
        flush(&mut to).await?;
    }
}

async fn write(
    to: &mut (impl AsyncWrite + Unpin),
    pushed: &Pushed,
    headed: &mut bool,
) -> std::io::Result<usize> {
    let mut written = 0;
    let bytes = match pushed {
        Pushed::Setup(setup) => {
            if !std::mem::replace(headed, true) {
                let head = setup.flv_head();
                to.write_all(&head).await?;
                written += head.len();
            }
            setup.flv()
        }
        Pushed::Packet(packet) => packet.flv(),
    };
    // What FLV does not know is left out.
    if let Some(bytes) = bytes {
        to.write_all(bytes).await?;
        written += bytes.len();
    }
    Ok(written)
}

async fn flush(to: &mut (impl AsyncWrite + Unpin)) -> Result<(), ConnectionError> {
    let flushed = timeout(TAKING, to.flush()).await;
    Ok(flushed.map_err(|_| ConnectionError::Deaf(TAKING))??)
}

fn over(ended: Ended, viewer: &Viewer) -> Result<(), ConnectionError> {
    match ended {
        Ended::Over => Ok(()),
        Ended::TooSlow => {
            viewer.cut_off();
            Err(ConnectionError::TooSlow)
        }
    }
}

/// Says that nothing more comes of the stream.
pub(super) async fn say_over(to: &mut (impl AsyncWrite + Unpin)) -> Result<(), ConnectionError> {
    // Far below the longest.
    if let Ok(tag) = write_tag(TagKind::Video, 0, &VIDEO_END_BODY) {
        let written = timeout(TAKING, to.write_all(&tag)).await;
        written.map_err(|_| ConnectionError::Deaf(TAKING))??;
    }
    Ok(())
}

/// Waits until the other side closes; what it says is not listened to.
pub(super) async fn until_gone(from: &mut (impl AsyncRead + Unpin)) -> std::io::Result<()> {
    let mut ignored = [0; 256];
    while from.read(&mut ignored).await? > 0 {}
    Ok(())
}
