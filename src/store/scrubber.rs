//! A thread that scrubs the store from time to time, slowly.

use std::io;
use std::ops::ControlFlow;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::ChunkStore;

/// How fast and how often a store is scrubbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScrubPlan {
    /// Bytes read in a second, so that readers hardly notice.
    pub bytes_per_second: u64,
    /// From the start to the first scrub, and from the end of one to the next.
    pub rest: Duration,
}

impl Default for ScrubPlan {
    /// 20 MB a second, with an hour between: a start has other things to read.
    fn default() -> Self {
        Self {
            bytes_per_second: 20_000_000,
            rest: Duration::from_secs(3600),
        }
    }
}

/// Scrubs until it is dropped.
#[derive(Debug)]
pub struct Scrubber {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Scrubber {
    /// Starts a thread that scrubs `store`.
    pub fn start(store: ChunkStore, plan: ScrubPlan) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let work = move || {
            // Nothing is ever sent: who drops the sender says stop.
            let rests = |time| stopped.recv_timeout(time) == Err(RecvTimeoutError::Timeout);
            while rests(plan.rest) {
                let pace = |bytes: u64| {
                    let seconds = bytes as f64 / plan.bytes_per_second.max(1) as f64;
                    match rests(Duration::from_secs_f64(seconds)) {
                        true => ControlFlow::Continue(()),
                        false => ControlFlow::Break(()),
                    }
                };
                match store.scrub(pace) {
                    Ok(report) => tracing::info!(?report, "the store was scrubbed"),
                    Err(error) => tracing::warn!(%error, "the store cannot be scrubbed"),
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("scrub".into())
            .spawn(work)?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Scrubber {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It reads at most one more chunk. What it panicked of was printed.
            let _ = thread.join();
        }
    }
}
