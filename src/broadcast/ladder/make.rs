//! The thread of a ladder: coded pictures in, pictures of rungs out.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::mpsc::{Receiver, Sender};
use tokio_util::sync::CancellationToken;

use crate::broadcast::ladder::{MadePicture, RungMaker};
use crate::live::ladder::Shedding;
use crate::live::{LiveFrame, milliseconds};

/// A picture of the source.
pub(super) struct Coded {
    pub frame: LiveFrame,
    /// The number of the segment that begins with it.
    pub opens: Option<u64>,
    /// Pictures before it are missing.
    pub lost: bool,
}

/// What comes out.
pub(super) enum Made {
    /// The next picture.
    Picture(MadePicture),
    /// The first so many rungs have nothing of this segment.
    LeftOut { number: u64, rungs: usize },
}

/// Makes the pictures of `rungs` rungs until no more come, nobody takes them, or `cancel`.
pub(super) fn make(
    mut maker: Box<dyn RungMaker>,
    mut coded: Receiver<Coded>,
    out: &Sender<Made>,
    rungs: usize,
    (timescale, newest_ms): &(u32, Arc<AtomicI64>),
    cancel: &CancellationToken,
) -> Result<(), String> {
    let mut shedding = Shedding::default();
    let mut left_out = 0;
    let mut awaits_sync = true;
    let give = |made: Vec<MadePicture>| {
        let mut made = made.into_iter();
        made.all(|picture| out.blocking_send(Made::Picture(picture)).is_ok())
    };
    while let Some(Coded { frame, opens, lost }) = coded.blocking_recv() {
        if cancel.is_cancelled() {
            return Ok(());
        }
        if let Some(number) = opens {
            let now = milliseconds(frame.decode_time, *timescale);
            let waiting = newest_ms.load(Ordering::Relaxed) - now;
            left_out = shedding.at_segment(waiting, rungs);
            let told = Made::LeftOut {
                number,
                rungs: left_out,
            };
            if left_out > 0 && out.blocking_send(told).is_err() {
                return Ok(());
            }
        }
        awaits_sync |= lost || left_out == rungs;
        awaits_sync &= !frame.sync || left_out == rungs;
        if awaits_sync {
            continue;
        }
        let key = frame.sync || opens.is_some();
        if !give(maker.push(&frame, key, left_out)?) {
            return Ok(());
        }
    }
    if !cancel.is_cancelled() {
        give(maker.finish()?);
    }
    Ok(())
}
