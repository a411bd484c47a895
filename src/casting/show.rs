//! A channel planned: its videos, of which chunks they are, and what is on when.

use crate::broadcast::Begins;
use crate::casting::CastError;
use crate::casting::segment::Stretch;
use crate::channel::reel::LEAST_TAIL;
use crate::channel::{Definition, DefinitionError, Entry, Length, Programme, Reel, Slot};
use crate::cmaf::Track;
use crate::delivery::{Delivery, Plan, Planner, Wanted};
use crate::digest::Digest;
use crate::fetch::Held;
use crate::live::LiveTrack;
use crate::partition::{PartitionWish, TrackKind};
use crate::playlist::UnixMillis;
use crate::profile::AAC_FRAME_SAMPLES;
use crate::template::merge::Data;
use crate::time::Time;

/// The most chunks of a channel's videos, all together: more than eleven hours.
pub(super) const MAX_CHUNKS: usize = 40_000;

/// The longest chunk of pictures in a channel, from which the longest segment follows.
const CHUNK_MAX: Time = Time::from_seconds(2);

/// One video of a channel.
pub(super) struct Video {
    /// Its chunks, cut into segments.
    pub reel: Reel,
    /// Which of the channel's encodings it has.
    pub encoding: usize,
    pictures: Vec<Wanted>,
    sound: Vec<Wanted>,
    /// Keeps the files that were fetched for it.
    pub held: Vec<Held>,
}

/// What decoders are set up with.
pub(super) struct Encoding {
    /// By which it is told from others.
    pub names: Vec<Digest>,
    /// Pictures, and sound if there is any.
    pub tracks: Vec<(LiveTrack, Track)>,
}

/// A channel planned.
pub(super) struct Show {
    /// What is on when.
    pub programme: Programme,
    /// As the definition has them.
    pub videos: Vec<Video>,
    /// Those that there are.
    pub encodings: Vec<Encoding>,
}

impl Video {
    fn of(plan: Plan, encoding: usize) -> Self {
        let wanted = |kind: TrackKind| plan.chunks(kind).iter().map(Wanted::of).collect();
        Self {
            reel: Reel::of(&plan.timeline, &plan.partition),
            encoding,
            pictures: wanted(TrackKind::Video),
            sound: wanted(TrackKind::Audio),
            held: plan.held,
        }
    }

    /// A chunk of a track.
    pub fn wanted(&self, kind: LiveTrack, index: usize) -> Option<&Wanted> {
        self.all(kind).get(index)
    }

    /// The chunks of a track.
    pub fn all(&self, kind: LiveTrack) -> &[Wanted] {
        match kind {
            LiveTrack::Audio => &self.sound,
            _ => &self.pictures,
        }
    }
}

/// The plan of an entry, with this filled in.
pub(super) async fn plan(
    planner: &Planner,
    (index, entry): (usize, &Entry),
    data: Data,
) -> Result<Plan, CastError> {
    let (planner, edit) = (planner.clone(), entry.edit.clone());
    // As the video itself would be cut, so that chunks are shared, but for too long chunks.
    let asked = edit.pointer("/loomcast/partition/chunkMax");
    let longer = asked.is_some_and(|asked| {
        let asked = asked.as_f64().unwrap_or(f64::INFINITY);
        asked > CHUNK_MAX.as_seconds()
    });
    let wish = PartitionWish {
        scheme: None,
        chunk_max: longer.then_some(CHUNK_MAX),
    };
    let planned = tokio::task::spawn_blocking(move || planner.plan(edit, &data, &wish));
    let planned = planned.await.map_err(CastError::internal)?;
    planned.map_err(|error| CastError::plan(index, error))
}

/// A video as a channel plays it, with its encoding.
pub(super) async fn video(delivery: &Delivery, plan: Plan) -> Result<(Video, Encoding), CastError> {
    let pictures = delivery
        .video_init(plan.video_profile(TrackKind::Video))
        .await?;
    let sound = plan.timeline.audio.as_ref();
    let sound = sound
        .map(|profile| delivery.audio_init(profile))
        .transpose()?;
    let mut encoding = Encoding {
        names: vec![pictures.name],
        tracks: vec![(LiveTrack::Video, pictures.track)],
    };
    if let Some(sound) = sound {
        encoding.names.push(sound.name);
        encoding.tracks.push((LiveTrack::Audio, sound.track));
    }
    Ok((Video::of(plan, 0), encoding))
}

impl Show {
    /// Plans the channel that began at `origin`.
    pub async fn plan(
        planner: &Planner,
        delivery: &Delivery,
        definition: &Definition,
        origin: UnixMillis,
    ) -> Result<Self, CastError> {
        let (mut videos, mut encodings) = (Vec::new(), Vec::<Encoding>::new());
        let mut chunks = 0;
        for (index, entry) in definition.entries.iter().enumerate() {
            let plan = plan(planner, (index, entry), entry.data.clone()).await?;
            let (mut video, encoding) = video(delivery, plan).await?;
            let refuse = |found: String, allowed: &str| {
                let field = format!("/entries/{index}/edit");
                CastError::from(DefinitionError::new(field, found, allowed))
            };
            let lasts = video.reel.duration();
            if lasts < LEAST_TAIL {
                let allowed = format!("{LEAST_TAIL} s or more");
                return Err(refuse(format!("a video of {lasts} s"), &allowed));
            }
            let first = videos.first().unwrap_or(&video);
            if first.reel.has_sound() != video.reel.has_sound() {
                let found = match video.reel.has_sound() {
                    true => "a video with sound",
                    false => "a video without sound",
                };
                let allowed = "sound in all entries, or in none";
                return Err(refuse(found.into(), allowed));
            }
            chunks += video.reel.chunks();
            if chunks > MAX_CHUNKS {
                let found = format!("{chunks} chunks with those before");
                return Err(refuse(
                    found,
                    &format!("at most {MAX_CHUNKS} in all entries"),
                ));
            }
            let known = encodings
                .iter()
                .position(|known| known.names == encoding.names);
            video.encoding = known.unwrap_or_else(|| {
                encodings.push(encoding);
                encodings.len() - 1
            });
            videos.push(video);
        }
        let lengths = videos.iter().map(|video| Length {
            duration: video.reel.duration(),
            segments: video.reel.starts(),
            encoding: video.encoding,
        });
        let lengths = lengths.collect();
        let programme = match (definition.rounds, &definition.schedule) {
            (Some(rounds), None) => Programme::of_rounds(origin, lengths, rounds),
            (_, schedule) => Programme::new(origin, lengths, schedule.as_ref()),
        };
        Ok(Self {
            programme,
            videos,
            encodings,
        })
    }

    /// How long the channel has been there at `now`.
    pub fn since(&self, now: UnixMillis) -> Time {
        let since = now.0.saturating_sub(self.programme.origin().0);
        Time::from_millis(i64::try_from(since).unwrap_or(i64::MAX / 1_000_000))
    }

    /// When something is on, by the clock.
    pub fn at(&self, time: Time) -> UnixMillis {
        let since = u64::try_from(time.to_nanos() / 1_000_000).unwrap_or(0);
        UnixMillis(self.programme.origin().0.saturating_add(since))
    }

    /// The segment of each track that `slot` is.
    pub fn stretches(&self, slot: &Slot) -> Vec<Stretch> {
        let video = &self.videos[slot.entry];
        let reel = &video.reel;
        let tracks = self.encodings[video.encoding].tracks.iter();
        let stretch = |(kind, track): &(LiveTrack, Track)| {
            let (decode_time, ticks, uses) = match kind {
                LiveTrack::Audio => {
                    let sound = reel.sound(slot.airing, slot.start, slot.end)?;
                    let ticks = sound.frames.len() as u64 * u64::from(AAC_FRAME_SAMPLES);
                    (sound.decode_time, ticks, reel.audio_uses(sound.frames))
                }
                _ => {
                    let frames = reel.pictures(slot.start - slot.airing, slot.end - slot.airing);
                    let ticks = frames.len() as u64 * u64::from(reel.picture_ticks());
                    let decode_time = reel.decode_time(slot.airing, frames.start);
                    (decode_time, ticks, reel.video_uses(frames))
                }
            };
            Some(Stretch {
                kind: *kind,
                timescale: track.timescale(),
                decode_time,
                ticks,
                uses,
            })
        };
        tracks.filter_map(stretch).collect()
    }

    /// How the segment of a track begins.
    pub fn begins(&self, slot: &Slot, stretch: &Stretch) -> Begins {
        Begins {
            timescale: stretch.timescale,
            decode_time: stretch.decode_time,
            taken: self.at(slot.start),
            discontinuity: slot.discontinuity,
        }
    }
}
