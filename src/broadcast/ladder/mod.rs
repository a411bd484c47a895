//! Ladders of live streams: a stream's pictures in smaller sizes, as further tracks of
//! the same stream.
//!
//! ```text
//! publisher ──► pictures, coded ──► a thread: decodes once, scales and encodes
//!         └───► where segments begin ──► a task: cuts ◄── pictures of rungs
//! ```
//!
//! The publisher waits for neither. Where the thread is too slow, it leaves out rungs,
//! the largest first, for whole segments; what does not even get into its queue is
//! missing in all of them. Such segments are gaps.

mod make;
mod publish;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc::{self, Sender, error::TrySendError};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::broadcast::hub::HubConfig;
use crate::broadcast::ladder::make::{Coded, make};
use crate::broadcast::ladder::publish::{Note, publish};
use crate::broadcast::stream::LiveStream;
use crate::cmaf::VideoTrack;
use crate::live::ladder::{Ladder, RungSize};
use crate::live::rung::SourceSegment;
use crate::live::window::Opening;
use crate::live::{LiveFrame, milliseconds};

/// Streams that have a ladder at a time: each decodes, and encodes for each rung.
pub const MAX_LADDERS: usize = 16;

/// Coded pictures that wait to be decoded: four seconds at 60 a second.
const MAX_CODED: usize = 256;

/// Beginnings of segments that wait to be noted, and pictures of rungs.
const MAX_NOTES: usize = 64;
const MAX_MADE: usize = 256;

/// How long the last pictures may take when a stretch ends.
const ENDING: Duration = Duration::from_millis(1_500);

/// A picture of a rung.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadePicture {
    /// Which rung, of those that were wanted.
    pub rung: usize,
    /// When it is shown, as its source.
    pub shown: i64,
    /// Whether decoding can begin here.
    pub key: bool,
    /// Length-prefixed NAL units of H.264.
    pub data: Bytes,
    /// The AVCDecoderConfigurationRecord that it needs.
    pub record: Bytes,
}

/// Makes the pictures of rungs, by one decoder. For one thread.
pub trait RungMaker: Send {
    /// The next coded picture, a key frame of the rungs if `key`; the first `left_out`
    /// rungs get nothing of it. What came out, in the order of showing.
    fn push(
        &mut self,
        frame: &LiveFrame,
        key: bool,
        left_out: usize,
    ) -> Result<Vec<MadePicture>, String>;
    /// What is left.
    fn finish(&mut self) -> Result<Vec<MadePicture>, String>;
}

/// Opens a [`RungMaker`] for a track and the sizes that are wanted.
pub type OpenRungs =
    Arc<dyn Fn(&VideoTrack, &[RungSize]) -> Result<Box<dyn RungMaker>, String> + Send + Sync>;

/// What is told of a stream's ladder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LadderReport {
    /// Decoders that work for it now.
    pub decoders: u64,
    /// Its rungs, and how many segments of each are missing.
    pub rungs: Vec<(RungSize, u64)>,
}

/// The ladder that streams have; clones share how many do.
#[derive(Clone)]
pub(super) struct Ladders {
    ladder: Ladder,
    open: OpenRungs,
    taken: Arc<AtomicUsize>,
}

/// One of [`MAX_LADDERS`].
pub(super) struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Ladders {
    pub(super) fn new(ladder: Ladder, open: OpenRungs) -> Self {
        Self {
            ladder,
            open,
            taken: Arc::default(),
        }
    }

    fn place(&self) -> Option<Place> {
        let more = |taken: usize| (taken < MAX_LADDERS).then_some(taken + 1);
        let taken = &self.taken;
        let got = taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        got.is_ok().then(|| Place(Arc::clone(taken)))
    }

    /// The rungs of a stretch of `stream` whose pictures are `source`. `None` if it has
    /// none, or there is no room for them: the stream itself goes on.
    pub(super) fn start(
        &self,
        stream: &Arc<LiveStream>,
        source: &VideoTrack,
        config: HubConfig,
    ) -> Option<Climbing> {
        let sizes = self.ladder.sizes(source.width.into(), source.height.into());
        if sizes.is_empty() {
            return None;
        }
        let Some(place) = self.place() else {
            tracing::warn!(
                stream = stream.name(),
                "no smaller sizes: {MAX_LADDERS} streams have them already, as many as allowed"
            );
            return None;
        };
        let maker = match (self.open)(source, &sizes) {
            Ok(maker) => maker,
            Err(error) => {
                tracing::warn!(stream = stream.name(), error, "no smaller sizes");
                return None;
            }
        };
        let (coded, to_make) = mpsc::channel(MAX_CODED);
        let (made, pictures) = mpsc::channel(MAX_MADE);
        let (notes, noted) = mpsc::channel(MAX_NOTES);
        let cancel = CancellationToken::new();
        let newest_ms = Arc::new(AtomicI64::new(0));
        let thread = {
            let (cancel, newest_ms) = (cancel.clone(), Arc::clone(&newest_ms));
            let (rungs, timescale) = (sizes.len(), source.timescale);
            let (stream, wanted) = (Arc::clone(stream), sizes.clone());
            move || {
                let _place = place;
                stream.made().climbs(&wanted);
                let clock = (timescale, newest_ms);
                let ended = make(maker, to_make, &made, rungs, &clock, &cancel);
                if let Err(error) = ended {
                    tracing::warn!(stream = stream.name(), error, "smaller sizes end");
                }
                stream.made().climbed();
                // Nobody waits for what does not come.
                stream.expects(Vec::new());
            }
        };
        // Those who ask which tracks there are wait for these.
        stream.expects(sizes.iter().map(|size| size.track).collect());
        if let Err(error) = std::thread::Builder::new()
            .name("ladder".into())
            .spawn(thread)
        {
            tracing::warn!(stream = stream.name(), %error, "no smaller sizes");
            stream.expects(Vec::new());
            return None;
        }
        let task = publish(
            Arc::clone(stream),
            (sizes, source.clone()),
            config,
            (noted, pictures),
            cancel.clone(),
        );
        Some(Climbing {
            timescale: source.timescale,
            coded,
            notes,
            newest_ms,
            number: None,
            lost: false,
            noted: None,
            cancel,
            task: tokio::spawn(task),
        })
    }
}

/// The rungs of one stretch. Dropped, they end at once.
pub(super) struct Climbing {
    timescale: u32,
    coded: Sender<Coded>,
    notes: Sender<Note>,
    /// When the newest picture is decoded.
    newest_ms: Arc<AtomicI64>,
    /// The segment of the source that is open.
    number: Option<u64>,
    /// Pictures before the next one have been left out.
    lost: bool,
    /// The segment of which that was noted.
    noted: Option<u64>,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl Climbing {
    /// The next picture of the source, and the segment that begins with it, if one does.
    pub(super) fn picture(&mut self, frame: LiveFrame, opened: Option<(u64, Opening)>) {
        let opens = opened.as_ref().map(|(number, _)| *number);
        if let Some((number, begins)) = opened {
            let decode_time = frame.decode_time;
            let segment = SourceSegment {
                number,
                decode_time,
                shown: decode_time + i64::from(frame.composition_offset),
            };
            self.note(Note::Opens(segment, begins));
            self.number = Some(number);
        }
        // What comes before the first segment is in none.
        let Some(number) = self.number else {
            return;
        };
        let now = milliseconds(frame.decode_time, self.timescale);
        self.newest_ms.store(now, Ordering::Relaxed);
        let coded = Coded {
            frame,
            opens,
            lost: self.lost,
        };
        match self.coded.try_send(coded) {
            Ok(()) => self.lost = false,
            Err(TrySendError::Full(_)) => {
                self.lost = true;
                if self.noted.replace(number) != Some(number) {
                    self.note(Note::Lost(number));
                }
            }
            // It has ended, and said why.
            Err(TrySendError::Closed(_)) => {}
        }
    }

    /// What cannot even be noted is of no use any more.
    fn note(&self, note: Note) {
        if self.notes.try_send(note).is_err() {
            self.cancel.cancel();
        }
    }

    /// The source's pictures end at `end`: all that is left, as far as it comes in time.
    pub(super) async fn finish(self, end: i64) {
        self.note(Note::Ends(end));
        let Self {
            coded,
            notes,
            cancel,
            mut task,
            ..
        } = self;
        drop((coded, notes));
        if timeout(ENDING, &mut task).await.is_err() {
            tracing::warn!("the last pictures of smaller sizes took too long, and are left out");
            cancel.cancel();
            // It waits for nothing any more. One that panicked has been told of.
            drop(task.await);
        }
    }
}
