//! Sound that is turned into AAC on its way to the publisher: on a thread of its own, as
//! decoding and encoding takes longer than a task may.
//!
//! What does the work is given from outside ([`OpenTurner`]). Pictures do not wait for it:
//! the segmenter lets sound come late.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::timeout;

use crate::live::other_sound::{OtherCodec, OtherFrame};
use crate::live::{LiveFrame, LiveTrack};

/// Streams whose sound is turned at a time: each costs a few percent of a core.
pub const MAX_TURNED: usize = 64;

/// Frames that wait to be turned: a second and a half of MP3. More are left out, and are
/// missing in what comes out.
const MAX_WAITING: usize = 64;

/// Frames of AAC that wait to be taken: as long as that, and what comes at the end.
const MAX_READY: usize = 128;

/// How long the last frames may take when a stretch ends.
const ENDING: Duration = Duration::from_secs(1);

/// Turns frames into AAC. For one thread.
pub trait Turner: Send {
    /// The next frame; what came of it, its times in samples.
    fn push(&mut self, frame: &OtherFrame) -> Result<Vec<LiveFrame>, String>;
    /// What is left.
    fn finish(&mut self) -> Result<Vec<LiveFrame>, String>;
}

/// Opens a [`Turner`] for frames of a codec with so many samples a second.
pub type OpenTurner = Arc<dyn Fn(OtherCodec, u32) -> Result<Box<dyn Turner>, String> + Send + Sync>;

/// Why sound cannot be turned.
#[derive(Debug, Error)]
pub enum TurningError {
    /// There is nothing that turns it, or it failed.
    #[error("its {codec} cannot be turned into AAC: {reason}")]
    Failed {
        /// How it is coded.
        codec: &'static str,
        /// Why.
        reason: String,
    },
    /// As many streams have such sound as may.
    #[error(
        "there are {MAX_TURNED} streams whose sound is turned into AAC already, as many as allowed"
    )]
    TooMany,
}

/// One of [`MAX_TURNED`].
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What turns sound, and how much of it there is; clones share it.
#[derive(Clone)]
pub(super) struct Turners {
    open: OpenTurner,
    taken: Arc<AtomicUsize>,
}

impl Turners {
    pub(super) fn new(open: OpenTurner) -> Self {
        Self {
            open,
            taken: Arc::default(),
        }
    }

    fn place(&self) -> Option<Place> {
        let more = |taken: usize| (taken < MAX_TURNED).then_some(taken + 1);
        let taken = &self.taken;
        let got = taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        got.is_ok().then(|| Place(Arc::clone(taken)))
    }

    /// A thread that turns frames such as this one.
    pub(super) fn start(&self, like: &OtherFrame) -> Result<Turning, TurningError> {
        let place = self.place().ok_or(TurningError::TooMany)?;
        let (codec, rate) = (like.codec, like.rate);
        let failed = move |reason| TurningError::Failed {
            codec: codec.as_str(),
            reason,
        };
        let mut turner = (self.open)(codec, rate).map_err(failed)?;
        let (give, mut frames) = mpsc::channel::<OtherFrame>(MAX_WAITING);
        let (out, ready) = mpsc::channel(MAX_READY);
        std::thread::Builder::new()
            .name("sound".into())
            .spawn(move || {
                let _place = place;
                while let Some(frame) = frames.blocking_recv() {
                    if !give_all(turner.push(&frame), &out) {
                        return;
                    }
                }
                give_all(turner.finish(), &out);
            })
            .map_err(|error| failed(error.to_string()))?;
        Ok(Turning {
            codec,
            rate,
            give,
            ready,
        })
    }
}

/// Whether more may come.
fn give_all(
    turned: Result<Vec<LiveFrame>, String>,
    out: &Sender<Result<LiveFrame, String>>,
) -> bool {
    match turned {
        Ok(frames) => frames
            .into_iter()
            .all(|frame| out.blocking_send(Ok(frame)).is_ok()),
        Err(reason) => {
            // Nobody may be there to hear it.
            drop(out.blocking_send(Err(reason)));
            false
        }
    }
}

/// The sound of one stretch of a stream on its way. Dropped, its thread ends.
pub(super) struct Turning {
    codec: OtherCodec,
    rate: u32,
    give: Sender<OtherFrame>,
    ready: Receiver<Result<LiveFrame, String>>,
}

impl Turning {
    /// Whether it is for frames such as this one.
    pub(super) fn fits(&self, frame: &OtherFrame) -> bool {
        (self.codec, self.rate) == (frame.codec, frame.rate)
    }

    /// The next frame. False if it was left out, as too many wait.
    pub(super) fn offer(&self, frame: OtherFrame) -> bool {
        // One that has failed says why when it is asked for what is ready.
        !matches!(
            self.give.try_send(frame),
            Err(mpsc::error::TrySendError::Full(_))
        )
    }

    /// What has come out by now.
    pub(super) fn next_ready(&mut self) -> Result<Option<LiveFrame>, TurningError> {
        match self.ready.try_recv() {
            Ok(Ok(frame)) => Ok(Some(frame)),
            Ok(Err(reason)) => Err(self.failed(reason)),
            Err(mpsc::error::TryRecvError::Empty) => Ok(None),
            Err(mpsc::error::TryRecvError::Disconnected) => {
                Err(self.failed("its thread has died".into()))
            }
        }
    }

    /// All that is left, as far as it comes in time.
    pub(super) async fn finish(mut self) -> Vec<LiveFrame> {
        drop(self.give);
        let mut left = Vec::new();
        let all = async {
            while let Some(Ok(frame)) = self.ready.recv().await {
                left.push(frame);
            }
        };
        if timeout(ENDING, all).await.is_err() {
            tracing::warn!("the last sound of a stream took too long, and is left out");
        }
        left
    }

    fn failed(&self, reason: String) -> TurningError {
        TurningError::Failed {
            codec: self.codec.as_str(),
            reason,
        }
    }
}

/// A frame of AAC of a turned track.
pub fn turned_frame(time: i64, data: bytes::Bytes) -> LiveFrame {
    LiveFrame {
        track: LiveTrack::Audio,
        decode_time: time,
        composition_offset: 0,
        sync: true,
        data,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    /// Gives each frame back, two frames late; a frame of one byte is none.
    #[derive(Default)]
    struct Late(Vec<LiveFrame>);

    impl Turner for Late {
        fn push(&mut self, frame: &OtherFrame) -> Result<Vec<LiveFrame>, String> {
            if frame.data.len() == 1 {
                return Err("one byte".into());
            }
            self.0
                .push(turned_frame(frame.decode_time, frame.data.clone()));
            let due = self.0.len().saturating_sub(2);
            Ok(self.0.drain(..due).collect())
        }

        fn finish(&mut self) -> Result<Vec<LiveFrame>, String> {
            Ok(std::mem::take(&mut self.0))
        }
    }

    fn turners() -> Turners {
        Turners::new(Arc::new(|_, _| Ok(Box::new(Late::default()))))
    }

    fn frame(time: i64, bytes: usize) -> OtherFrame {
        OtherFrame {
            codec: OtherCodec::Mp3,
            rate: 48_000,
            decode_time: time,
            data: Bytes::from(vec![0; bytes]),
        }
    }

    #[tokio::test]
    async fn what_is_given_comes_out_to_the_last_frame() {
        let mut turning = turners().start(&frame(0, 9)).expect("a thread");
        for time in 0..20 {
            assert!(turning.offer(frame(time, 9)));
        }
        let mut times = Vec::new();
        while let Some(frame) = turning.next_ready().expect("it goes on") {
            times.push(frame.decode_time);
        }
        times.extend(turning.finish().await.iter().map(|frame| frame.decode_time));
        assert_eq!(times, (0..20).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn one_that_fails_says_why() {
        let mut turning = turners().start(&frame(0, 9)).expect("a thread");
        assert!(turning.offer(frame(0, 1)));
        let error = loop {
            match turning.next_ready() {
                Ok(_) => tokio::task::yield_now().await,
                Err(error) => break error,
            }
        };
        let said = error.to_string();
        assert_eq!(said, "its mp3 cannot be turned into AAC: one byte");
    }

    #[tokio::test]
    async fn what_cannot_wait_is_left_out_and_places_are_counted() {
        // Nothing is ever taken of it.
        struct Full;
        impl Turner for Full {
            fn push(&mut self, frame: &OtherFrame) -> Result<Vec<LiveFrame>, String> {
                let one = turned_frame(frame.decode_time, frame.data.clone());
                Ok(vec![one; MAX_READY + 1])
            }
            fn finish(&mut self) -> Result<Vec<LiveFrame>, String> {
                Ok(Vec::new())
            }
        }
        let turners = Turners::new(Arc::new(|_, _| Ok(Box::new(Full))));
        let turning = turners.start(&frame(0, 9)).expect("a thread");
        let offered = (0..2 * MAX_WAITING as i64).map(|time| turning.offer(frame(time, 9)));
        let taken = offered.filter(|taken| *taken).count();
        assert!((MAX_WAITING..=MAX_WAITING + 1).contains(&taken), "{taken}");

        let others: Vec<_> = (1..MAX_TURNED)
            .map(|_| turners.start(&frame(0, 9)).expect("a thread"))
            .collect();
        assert!(matches!(
            turners.start(&frame(0, 9)),
            Err(TurningError::TooMany)
        ));
        drop((others, turning));
        while turners.taken.load(Ordering::Relaxed) > 0 {
            tokio::task::yield_now().await;
        }
    }
}
