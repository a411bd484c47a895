//! The task of a ladder: pictures of rungs to segments of the stream's further tracks.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::mpsc::Receiver;
use tokio_util::sync::CancellationToken;

use crate::broadcast::hub::HubConfig;
use crate::broadcast::ladder::MadePicture;
use crate::broadcast::ladder::make::Made;
use crate::broadcast::publisher::{PublishingError, begin, window};
use crate::broadcast::stream::LiveStream;
use crate::cache::FragmentWriter;
use crate::chunk::PartMeta;
use crate::cmaf::{Colours, Track, VideoConfig, VideoTrack, init_segment};
use crate::live::ladder::RungSize;
use crate::live::milliseconds;
use crate::live::rung::{MAX_BEHIND, RungCut, RungCutter, SourceSegment};
use crate::live::window::Opening;

/// What the publisher tells of the source.
pub(super) enum Note {
    /// A segment begins.
    Opens(SourceSegment, Opening),
    /// Pictures of this segment are missing.
    Lost(u64),
    /// No more comes; its last picture ends then.
    Ends(i64),
}

/// A rung, and the segment of it that is written.
struct Rung {
    size: RungSize,
    cutter: RungCutter,
    writer: Option<FragmentWriter>,
    config: Option<VideoConfig>,
    failed: bool,
}

/// Publishes the rungs of a stretch to its end, or until `cancel`.
pub(super) async fn publish(
    stream: Arc<LiveStream>,
    (sizes, source): (Vec<RungSize>, VideoTrack),
    config: HubConfig,
    (mut notes, mut pictures): (Receiver<Note>, Receiver<Made>),
    cancel: CancellationToken,
) {
    let cutting = config.cutting;
    let rung = |size: RungSize| Rung {
        size,
        cutter: RungCutter::new(size.track, source.timescale, cutting),
        writer: None,
        config: None,
        failed: false,
    };
    let mut publishing = Publishing {
        stream,
        config,
        timescale: source.timescale,
        colours: source.colours,
        rungs: sizes.into_iter().map(rung).collect(),
        openings: VecDeque::new(),
        end: 0,
    };
    let mut noting = true;
    loop {
        // What a picture belongs to was noted before it came.
        tokio::select! {
            biased;
            () = cancel.cancelled() => break,
            note = notes.recv(), if noting => match note {
                Some(note) => publishing.note(note).await,
                None => noting = false,
            },
            made = pictures.recv() => match made {
                Some(Made::Picture(picture)) => publishing.picture(picture).await,
                Some(Made::LeftOut { number, rungs }) => publishing.left_out(number, rungs),
                // The thread has ended. If it is not the stream that has, segments
                // go on being noted, and are missing.
                None if noting => {
                    if let Some(note) = notes.recv().await {
                        publishing.note(note).await;
                    } else {
                        noting = false;
                    }
                }
                None => break,
            },
        }
    }
    // Notes of the end may still be there.
    while let Ok(note) = notes.try_recv() {
        publishing.note(note).await;
    }
    publishing.finish().await;
}

struct Publishing {
    stream: Arc<LiveStream>,
    config: HubConfig,
    timescale: u32,
    colours: Colours,
    rungs: Vec<Rung>,
    /// How the newest segments of the source begin.
    openings: VecDeque<(u64, Opening)>,
    /// When the source ends, as far as it is known.
    end: i64,
}

impl Publishing {
    async fn note(&mut self, note: Note) {
        match note {
            Note::Opens(segment, begins) => {
                self.end = segment.decode_time;
                self.openings.push_back((segment.number, begins));
                // One more than may be behind, and the one that is given up.
                while self.openings.len() > MAX_BEHIND + 2 {
                    self.openings.pop_front();
                }
                for index in 0..self.rungs.len() {
                    let cuts = self.rungs[index].cutter.opens(segment);
                    self.cut(index, cuts.map_err(Into::into)).await;
                }
            }
            Note::Lost(number) => self.left_out(number, self.rungs.len()),
            Note::Ends(end) => self.end = end,
        }
    }

    fn left_out(&mut self, number: u64, rungs: usize) {
        let rungs = self.rungs.iter_mut().take(rungs);
        rungs.for_each(|rung| rung.cutter.lost(number));
    }

    async fn picture(&mut self, picture: MadePicture) {
        let MadePicture {
            rung: index,
            shown,
            key,
            data,
            record,
        } = picture;
        let config = VideoConfig::Avc(record);
        if self.rungs.get(index).is_none() {
            return;
        }
        let described = match self.rungs[index].config.as_ref() == Some(&config) {
            true => Ok(()),
            false => self.describe(index, config),
        };
        let cuts = match described {
            Ok(()) => self.rungs[index].cutter.picture(shown, key, data),
            Err(error) => return self.cut(index, Err(error)).await,
        };
        self.cut(index, cuts.map_err(Into::into)).await;
    }

    /// Which track a rung is, from here on.
    fn describe(&mut self, index: usize, config: VideoConfig) -> Result<(), PublishingError> {
        let rung = &mut self.rungs[index];
        let side = |pixels: u32| u16::try_from(pixels).unwrap_or(u16::MAX);
        let track = Track::Video(VideoTrack {
            timescale: self.timescale,
            width: side(rung.size.width),
            height: side(rung.size.height),
            config: config.clone(),
            colours: self.colours,
        });
        let (kind, init) = (rung.size.track, init_segment(&track)?);
        rung.config = Some(config);
        let new = || window(&self.stream, &self.config, kind);
        self.stream.describe(kind, track, init, new);
        Ok(())
    }

    async fn finish(mut self) {
        for index in 0..self.rungs.len() {
            let cuts = self.rungs[index].cutter.ends(self.end);
            self.cut(index, cuts.map_err(Into::into)).await;
        }
        // Nobody waits for what did not come.
        self.stream.expects(Vec::new());
    }

    /// What becomes of a rung's pictures. One that fails is left out to the end of the
    /// stretch: its segments are gaps.
    async fn cut(&mut self, index: usize, cuts: Result<Vec<RungCut>, PublishingError>) {
        let cuts = match cuts {
            Ok(cuts) => cuts,
            Err(error) => return self.fail(index, &error),
        };
        let mut cuts = cuts.into_iter().peekable();
        let mut last = None;
        while let Some(cut) = cuts.next() {
            let closes = matches!(cuts.peek(), Some(RungCut::Closed(_)));
            if let Err(error) = self.apply(index, cut, closes, &mut last).await {
                self.fail(index, &error);
            }
        }
    }

    fn fail(&mut self, index: usize, error: &PublishingError) {
        let rung = &mut self.rungs[index];
        rung.writer = None;
        if !std::mem::replace(&mut rung.failed, true) {
            let track = rung.size.track.name();
            tracing::warn!(stream = self.stream.name(), track, %error, "a rung fails");
        }
    }

    async fn apply(
        &mut self,
        index: usize,
        cut: RungCut,
        closes: bool,
        last: &mut Option<PartMeta>,
    ) -> Result<(), PublishingError> {
        let kind = self.rungs[index].size.track;
        match cut {
            RungCut::Opened(number) => {
                let Some(begins) = self.begins(index, number)? else {
                    return Ok(());
                };
                let Some(key) = self.stream.rung_key(kind, number) else {
                    return Err(PublishingError::Astray);
                };
                let (writer, fragment) = begin(&self.stream, key).await?;
                self.rungs[index].writer = Some(writer);
                self.stream.opened(kind, fragment, begins);
            }
            RungCut::Part(part) => {
                let meta = part.meta;
                if let Some(writer) = &mut self.rungs[index].writer {
                    writer.push(part)?;
                    // A segment's last part is told of with its end: none follows it.
                    match closes {
                        true => *last = Some(meta),
                        false => self.stream.part(kind, meta),
                    }
                }
            }
            RungCut::Closed(ticks) => {
                let ms = u32::try_from(milliseconds(ticks, self.timescale)).unwrap_or(u32::MAX);
                if let Some(writer) = self.rungs[index].writer.take() {
                    writer.finish(ms)?;
                    let ticks = u64::try_from(ticks).unwrap_or(0);
                    self.stream.closed(kind, last.take(), ticks);
                    let stream = Arc::clone(&self.stream);
                    tokio::spawn(async move { stream.look(kind).await });
                }
            }
            RungCut::Missing(number, ticks) => {
                self.rungs[index].writer = None;
                self.stream.made().missing(kind);
                if let Some(begins) = self.begins(index, number)? {
                    let ticks = u64::try_from(ticks).unwrap_or(0);
                    self.stream.missed(kind, number, begins, ticks);
                }
            }
        }
        Ok(())
    }

    /// How segment `number` begins in a rung; `None` before any picture of it ever came.
    fn begins(&self, index: usize, number: u64) -> Result<Option<Opening>, PublishingError> {
        let kind = self.rungs[index].size.track;
        let found = self.openings.iter().find(|(known, _)| *known == number);
        let (Some((_, begins)), Some(_)) = (found, self.stream.reached(kind)) else {
            return Ok(None);
        };
        Ok(Some(Opening {
            map: self.stream.newest_init(kind)?,
            ..begins.clone()
        }))
    }
}
