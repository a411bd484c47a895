//! The publishing side of a stream: frames to segments in the cache.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use thiserror::Error;
use tokio::sync::oneshot;
use tokio::time::{Instant, interval_at};

use crate::broadcast::hub::{HubConfig, Outage, Seat};
use crate::broadcast::ladder::{Climbing, Ladders};
use crate::broadcast::stream::LiveStream;
use crate::broadcast::turning::{Turners, Turning, TurningError};
use crate::cache::{Ahead, CacheError, FillError, Fragment, FragmentWriter, Source};
use crate::chunk::{ChunkKey, ReuseClass};
use crate::cmaf::{CmafError, Track, init_segment};
use crate::live::demux::Demuxed;
use crate::live::other_sound::{OtherFrame, OtherSounds};
use crate::live::window::{Opening, Window, WindowConfig};
use crate::live::{Clocks, Cut, Ending, LiveFrame, LiveTrack, Segmenter, milliseconds};
use crate::playlist::{TagError, UnixMillis};

/// Where a stream's time begins, in milliseconds: decoding may begin a little
/// before showing does, and no time is negative.
const ORIGIN_MS: i64 = 10_000;

/// How long a publisher may give nothing before its stream is taken to be interrupted. A
/// segment is two seconds old by then, as a rule, and another has to be listed within
/// one and a half target durations (rfc8216bis, 6.2.1).
pub const STALL: Duration = Duration::from_secs(4);

/// Why a frame could not be published.
#[derive(Debug, Error)]
pub enum PublishingError {
    /// It could not be packaged.
    #[error(transparent)]
    Cmaf(#[from] CmafError),
    /// The cache does not take it.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The segment that it belongs to has failed.
    #[error(transparent)]
    Fill(#[from] FillError),
    /// The stream was deleted.
    #[error("the stream was deleted")]
    Dismissed,
    /// The stream cannot be named in a playlist.
    #[error(transparent)]
    Tag(#[from] TagError),
    /// A rung of it has not the segments that its source has.
    #[error("its segments are not those of its source")]
    Astray,
    /// Its sound cannot be turned into AAC.
    #[error(transparent)]
    Turning(#[from] TurningError),
}

/// How a publisher leaves its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// It said that it ends. As a rule it does.
    Orderly,
    /// It is gone, and may come back.
    Lost,
}

impl Leaving {
    /// Of one whose connection ended with `ended`.
    pub(super) const fn after<T, E>(ended: &Result<T, E>) -> Self {
        match ended {
            Ok(_) => Self::Orderly,
            Err(_) => Self::Lost,
        }
    }
}

/// A track that is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedTrack {
    /// Which.
    pub kind: LiveTrack,
    /// What its samples are.
    pub track: Track,
}

/// The one publisher of a stream. Dropped, it leaves the stream to the next.
pub struct Publisher {
    stream: Arc<LiveStream>,
    config: HubConfig,
    segmenter: Option<Segmenter>,
    clocks: Clocks,
    writers: BTreeMap<LiveTrack, FragmentWriter>,
    /// The tracks of the stretch.
    tracks: Vec<PublishedTrack>,
    /// The same, if no frame of it came yet.
    announced: Option<Vec<(LiveTrack, Track)>>,
    /// The source's time that is [`Self::base_ms`] in the stream.
    source_start_ms: Option<i64>,
    /// Where in the stream this stretch of it begins, and when that was.
    base_ms: i64,
    begun: UnixMillis,
    /// Tracks whose next segment is the first of a stretch after another.
    broken: Vec<LiveTrack>,
    /// What turns its sound, and the sound that is being turned.
    turners: Option<Turners>,
    turning: Option<Turning>,
    /// What makes smaller sizes, those that are being made, and the segment of the
    /// pictures that has begun with the newest.
    ladders: Option<Ladders>,
    climbing: Option<Climbing>,
    begun_with: Option<(u64, Opening)>,
    seat: Seat,
}

impl Publisher {
    pub(super) fn new(
        stream: Arc<LiveStream>,
        config: HubConfig,
        seat: Seat,
        base_ms: i64,
    ) -> Self {
        Self {
            stream,
            config,
            segmenter: None,
            clocks: Clocks {
                video: None,
                audio: None,
            },
            writers: BTreeMap::new(),
            tracks: Vec::new(),
            announced: None,
            source_start_ms: None,
            base_ms: base_ms.max(ORIGIN_MS),
            begun: now(),
            broken: Vec::new(),
            turners: None,
            turning: None,
            ladders: None,
            climbing: None,
            begun_with: None,
            seat,
        }
    }

    /// The same, whose sound is turned by one of these.
    pub(super) fn with_turners(self, turners: Option<Turners>) -> Self {
        Self { turners, ..self }
    }

    /// The same, whose pictures are offered in smaller sizes by one of these.
    pub(super) fn with_ladders(self, ladders: Option<Ladders>) -> Self {
        Self { ladders, ..self }
    }

    /// What becomes of sound in other codecs.
    pub(super) const fn others(&self) -> OtherSounds {
        match self.turners {
            Some(_) => OtherSounds::Turned,
            None => OtherSounds::LeftOut,
        }
    }

    /// The stream.
    pub fn stream(&self) -> &Arc<LiveStream> {
        &self.stream
    }

    /// The index number of its connection.
    pub const fn index(&self) -> u64 {
        self.seat.index()
    }

    /// What comes next of the source.
    pub async fn take(&mut self, demuxed: Demuxed) -> Result<(), PublishingError> {
        match demuxed {
            Demuxed::Begin(tracks) => {
                let tracks = tracks.into_iter();
                let tracks: Vec<_> = tracks
                    .map(|(kind, track)| PublishedTrack { kind, track })
                    .collect();
                self.begin(&tracks).await
            }
            Demuxed::Frame(frame) => self.push(frame).await,
            Demuxed::Other(frame) => self.other(frame),
            Demuxed::LeftOut(codec) => {
                tracing::warn!(
                    stream = self.stream.name(),
                    codec = codec.as_str(),
                    "sound is left out"
                );
                self.stream.made().hears(codec, false);
                Ok(())
            }
        }?;
        // What was turned meanwhile comes with whatever comes next.
        while let Some(turning) = &mut self.turning
            && let Some(frame) = turning.next_ready()?
        {
            self.push(frame).await?;
        }
        Ok(())
    }

    /// Sound that is turned before it is pushed.
    fn other(&mut self, frame: OtherFrame) -> Result<(), PublishingError> {
        let turning = match self.turning.take() {
            Some(turning) if turning.fits(&frame) => turning,
            _ => {
                let Some(turners) = &self.turners else {
                    return Ok(());
                };
                let codec = frame.codec;
                tracing::info!(
                    stream = self.stream.name(),
                    codec = codec.as_str(),
                    "sound is turned into AAC"
                );
                self.stream.made().hears(codec, true);
                turners.start(&frame)?
            }
        };
        if !turning.offer(frame) {
            self.stream.made().sound_lost();
        }
        self.turning = Some(turning);
        Ok(())
    }

    /// A stretch of the stream begins: what was before it ends, what follows has
    /// these tracks. The times of its frames need not go on from those before.
    pub async fn begin(&mut self, tracks: &[PublishedTrack]) -> Result<(), PublishingError> {
        self.end_stretch(Leaving::Lost).await?;
        let clock = |kind: LiveTrack| {
            let found = tracks.iter().find(|published| published.kind == kind);
            found.map(|published| published.track.timescale())
        };
        self.clocks = Clocks {
            video: clock(LiveTrack::Video),
            audio: clock(LiveTrack::Audio),
        };
        // Before it is known which tracks there are: these are among them.
        self.climbing = self.ladders.as_ref().and_then(|ladders| {
            let pictures = tracks.iter().find_map(|published| match &published.track {
                Track::Video(video) => Some(video),
                Track::Audio(_) => None,
            });
            ladders.start(&self.stream, pictures?, self.config)
        });
        for PublishedTrack { kind, track } in tracks {
            let window = || window(&self.stream, &self.config, *kind);
            let init = init_segment(track)?;
            self.stream.describe(*kind, track.clone(), init, window);
            if self.base_ms > ORIGIN_MS {
                self.broken.push(*kind);
            }
        }
        self.segmenter = Some(Segmenter::new(self.config.cutting, self.clocks));
        let described = tracks.iter();
        let described = described.map(|published| (published.kind, published.track.clone()));
        self.tracks = tracks.to_vec();
        // When that was is known at its first frame.
        self.announced = Some(described.collect());
        Ok(())
    }

    /// The next frame, its time as the source counts.
    pub async fn push(&mut self, mut frame: LiveFrame) -> Result<(), PublishingError> {
        if self.stream.is_dismissed() {
            return Err(PublishingError::Dismissed);
        }
        let Some(timescale) = self.clock(frame.track) else {
            return Ok(());
        };
        let ticks = |ms: i64| ms * i64::from(timescale) / 1000;
        let start = match self.source_start_ms {
            Some(start) => start,
            None => {
                self.begun = now();
                // Times go on behind the hole, as the playlist does.
                self.base_ms += i64::try_from(self.stream.filled_ms()).unwrap_or(0);
                let start = milliseconds(frame.decode_time, timescale);
                *self.source_start_ms.insert(start)
            }
        };
        frame.decode_time += ticks(self.base_ms) - ticks(start);
        if let Some(tracks) = self.announced.take() {
            self.stream.feed().begin(tracks, self.taken_at(0));
        }
        let Some(segmenter) = &mut self.segmenter else {
            return Ok(());
        };
        // What came before the stretch began is not of it.
        if frame.decode_time < 0 {
            return Ok(());
        }
        // Those who are pushed the stream have it before it is cut.
        let ms = milliseconds(frame.decode_time, timescale);
        self.stream.received(&frame, ms);
        self.stream.feed().push(frame.clone());
        let climbs = self.climbing.is_some() && frame.track == LiveTrack::Video;
        let picture = climbs.then(|| frame.clone());
        let cuts = segmenter.push(frame)?;
        self.apply(cuts).await?;
        let begun_with = self.begun_with.take();
        if let (Some(picture), Some(climbing)) = (picture, &mut self.climbing) {
            climbing.picture(picture, begun_with);
        }
        Ok(())
    }

    /// Nothing came for as long as a stall is. What comes next is another stretch of the same
    /// tracks, as players cannot be held until then.
    pub async fn stalled(&mut self) -> Result<(), PublishingError> {
        if self.config.outage == Outage::Hold || self.source_start_ms.is_none() {
            return Ok(());
        }
        let tracks = self.tracks.clone();
        self.begin(&tracks).await
    }

    /// Ends the stretch; the stream waits for another.
    pub async fn end_stretch(&mut self, leaving: Leaving) -> Result<(), PublishingError> {
        if let Some(turning) = self.turning.take() {
            for frame in turning.finish().await {
                self.push(frame).await?;
            }
        }
        let Some(mut segmenter) = self.segmenter.take() else {
            return Ok(());
        };
        let Ending { cuts, ends } = segmenter.end()?;
        let end = ends
            .iter()
            .filter_map(|(track, end)| Some(milliseconds(*end, self.clock(*track)?) + 1));
        self.base_ms = end.max().unwrap_or(self.base_ms);
        self.source_start_ms = None;
        self.apply(cuts).await?;
        if let Some(climbing) = self.climbing.take() {
            let end = ends.iter().find(|(track, _)| *track == LiveTrack::Video);
            climbing.finish(end.map_or(0, |(_, end)| *end)).await;
        }
        let fills = leaving == Leaving::Lost && self.config.outage == Outage::Gaps;
        let number = self.stream.interrupted(fills);
        let part = Duration::from_millis(self.config.cutting.part.milliseconds().into());
        tokio::spawn(fill(Arc::clone(&self.stream), number, part));
        Ok(())
    }

    /// Where the next stretch would begin, in milliseconds of the stream.
    pub(super) const fn reached_ms(&self) -> i64 {
        self.base_ms
    }

    async fn apply(&mut self, cuts: Vec<Cut>) -> Result<(), PublishingError> {
        let mut cuts = cuts.into_iter().peekable();
        let mut last = None;
        while let Some(cut) = cuts.next() {
            match cut {
                Cut::Opened { track, decode_time } => self.open(track, decode_time).await?,
                Cut::Part { track, part } => {
                    let meta = part.meta;
                    if let Some(writer) = self.writers.get_mut(&track) {
                        writer.push(part)?;
                        // A segment's last part is told of with its end: none follows it.
                        match cuts.peek() {
                            Some(Cut::Closed { track: next, .. }) if *next == track => {
                                last = Some(meta);
                            }
                            _ => self.stream.part(track, meta),
                        }
                    }
                }
                Cut::Closed { track, ticks } => {
                    if let Some(writer) = self.writers.remove(&track) {
                        writer.finish(self.cost_ms(track, ticks))?;
                    }
                    self.stream.closed(track, last.take(), ticks.into());
                    let stream = Arc::clone(&self.stream);
                    tokio::spawn(async move { stream.look(track).await });
                }
            }
        }
        Ok(())
    }

    async fn open(&mut self, track: LiveTrack, decode_time: i64) -> Result<(), PublishingError> {
        let (Some(key), Some(timescale)) = (self.stream.next_key(track), self.clock(track)) else {
            return Ok(());
        };
        let (writer, fragment) = begin(&self.stream, key).await?;
        self.writers.insert(track, writer);
        let taken = self.taken_at(milliseconds(decode_time, timescale));
        let broken = self.broken.iter().position(|broken| *broken == track);
        let discontinuity = broken.map(|index| self.broken.remove(index)).is_some();
        let begins = Opening {
            clock: NonZeroU32::new(timescale).unwrap_or(NonZeroU32::MIN),
            decode_time: u64::try_from(decode_time).unwrap_or(0),
            map: self.stream.newest_init(track)?,
            taken,
            discontinuity,
        };
        let begun_with = begins.clone();
        self.stream.opened(track, fragment, begins);
        if track == LiveTrack::Video {
            let number = self.stream.reached(track).map(|reached| reached.current);
            self.begun_with = number.map(|number| (number, begun_with));
        }
        Ok(())
    }

    /// When what this stretch has at `ms` of the stream was taken.
    const fn taken_at(&self, ms: i64) -> UnixMillis {
        UnixMillis(self.begun.0.saturating_add_signed(ms - self.base_ms))
    }

    /// What it would cost to have a segment again: it cannot be had, so no less than
    /// to wait for as long as it is.
    fn cost_ms(&self, track: LiveTrack, ticks: u32) -> u32 {
        let timescale = self.clock(track).unwrap_or(1);
        u32::try_from(milliseconds(ticks.into(), timescale)).unwrap_or(u32::MAX)
    }

    const fn clock(&self, track: LiveTrack) -> Option<u32> {
        match track {
            LiveTrack::Video => self.clocks.video,
            LiveTrack::Audio => self.clocks.audio,
            _ => None,
        }
    }
}

/// Fills hole `number` of a stream for as long as it is there, `part` by `part`.
async fn fill(stream: Arc<LiveStream>, number: u64, part: Duration) {
    // Late ticks are made up for: the hole is as long as it lasted.
    let mut ticks = interval_at(Instant::now() + part, part);
    loop {
        ticks.tick().await;
        if !stream.fill(number) {
            return;
        }
    }
}

/// The window of a track.
pub(super) fn window(stream: &LiveStream, config: &HubConfig, kind: LiveTrack) -> Window {
    Window::new(WindowConfig {
        prefix: stream.prefix(kind),
        target_duration_s: config.cutting.target_duration_s(),
        part: config.cutting.part,
        any_part: kind == LiveTrack::Audio,
        gap_ms: config.cutting.segment_ms,
        window_ms: config.window_ms_of(stream.stream_type()),
    })
}

/// A source that gives its writer to whoever is to write, and is of this process alone.
struct Handover(Mutex<Option<oneshot::Sender<FragmentWriter>>>);

impl Source for Handover {
    fn fill(&self, writer: FragmentWriter) {
        // Asked a second time, as after a writer that went early, it has nothing to give.
        let tell = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(tell) = tell {
            drop(tell.send(writer));
        }
    }

    fn class(&self) -> ReuseClass {
        ReuseClass::Transient
    }
}

/// A fragment of the cache that this process writes as its frames come.
pub(super) async fn begin(
    stream: &LiveStream,
    key: ChunkKey,
) -> Result<(FragmentWriter, Fragment), PublishingError> {
    let (tell, told) = oneshot::channel();
    let ahead = Ahead {
        traffic: Arc::clone(stream.traffic()),
        source: Handover(Mutex::new(Some(tell))),
    };
    let access = stream.cache().get_or_fill(key, ahead).await?;
    let writer = told.await.map_err(|_| FillError::SourceGone)?;
    Ok((writer, access.fragment))
}

/// The wall clock, as streams are dated by it.
pub fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    UnixMillis(since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }))
}
