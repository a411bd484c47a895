//! From a timeline to the chunks that it is made of.
//!
//! A pure function of the timeline and the scheme, so that the whole playlist
//! exists before anything is rendered, and the same for every recipient of a
//! template: only what stood in placeholders from the start decides what is
//! dynamic. Where recipients have other scenes, their cuts differ as much as that,
//! and are the same within each scene.

mod audio;
mod cuts;
mod gain;
mod sweep;
mod track;
mod video;
mod wish;

pub use cuts::Scheme;
pub use track::TrackKind;
pub use wish::PartitionWish;

use crate::chunk::{ChunkKey, ChunkSpec, VideoSpec};
use crate::profile::VideoProfile;
use crate::time::{FrameRange, Time};
use crate::timeline::Timeline;

/// How to cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partitioning {
    /// Where the cuts fall.
    pub scheme: Scheme,
    /// The longest video chunk. Within [`CHUNK_MAX_RANGE`].
    pub chunk_max: Time,
}

/// What [`Partitioning::chunk_max`] may be: shorter chunks cost too many key
/// frames, longer ones make a viewer wait and reuse less.
pub const CHUNK_MAX_RANGE: std::ops::RangeInclusive<Time> =
    Time::from_millis(500)..=Time::from_seconds(10);

/// Cuts nearer to one another than this are made one.
pub const CHUNK_MIN: Time = Time::from_millis(250);

/// The first chunk of a video is at most this long (except under `fixed`):
/// players show nothing before a whole segment is there. A third of a second:
/// some pass over parts of less than a quarter.
pub const FIRST_CHUNK: Time = Time::from_millis(333);

impl Default for Partitioning {
    /// Scenes, two seconds.
    fn default() -> Self {
        Self {
            scheme: Scheme::Scenes,
            chunk_max: Time::from_seconds(2),
        }
    }
}

/// A timeline cut into chunks.
#[derive(Clone, Debug, PartialEq)]
pub struct Partition {
    /// The pictures, in order, without gaps.
    pub video: Vec<PlacedChunk>,
    /// The sound, in order, without gaps; empty for a silent video.
    pub audio: Vec<PlacedChunk>,
    /// The pictures in smaller sizes, the largest first, with the same cuts.
    pub rungs: Vec<Rung>,
}

/// The pictures of a timeline in a smaller size.
#[derive(Clone, Debug, PartialEq)]
pub struct Rung {
    /// How they are encoded.
    pub profile: VideoProfile,
    /// As many chunks as there are of the video itself, each as long as that.
    pub chunks: Vec<PlacedChunk>,
}

impl Rung {
    /// Which track it is.
    pub const fn kind(&self) -> TrackKind {
        TrackKind::Rung(self.profile.height)
    }
}

impl Partition {
    /// The tracks that there are: pictures, sound, rungs.
    pub fn kinds(&self) -> impl Iterator<Item = TrackKind> {
        let audio = (!self.audio.is_empty()).then_some(TrackKind::Audio);
        let rungs = self.rungs.iter().map(Rung::kind);
        std::iter::once(TrackKind::Video).chain(audio).chain(rungs)
    }

    /// The chunks of a track; none of one that there is not.
    pub fn chunks(&self, kind: TrackKind) -> &[PlacedChunk] {
        match kind {
            TrackKind::Video => &self.video,
            TrackKind::Audio => &self.audio,
            TrackKind::Rung(_) => {
                let rung = self.rungs.iter().find(|rung| rung.kind() == kind);
                rung.map_or(&[], |rung| &rung.chunks)
            }
        }
    }
}

/// A chunk at its place in a timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct PlacedChunk {
    /// Its identity.
    pub key: ChunkKey,
    /// What it is made of.
    pub spec: ChunkSpec,
    /// The first decode time, in ticks of the track's timescale.
    pub decode_time: u64,
    /// How long it lasts, in ticks of the track's timescale.
    pub ticks: u64,
    /// Whether it depends on the recipient.
    pub dynamic: bool,
    /// How many of its layers, from the lowest, are the same for every
    /// recipient although the chunk is not.
    pub shared_layers: usize,
}

/// Cuts `timeline` up.
pub fn partition(timeline: &Timeline, partitioning: &Partitioning) -> Partition {
    Partition {
        video: pictures(timeline, partitioning),
        audio: audio::chunks(timeline, partitioning),
        rungs: Vec::new(),
    }
}

/// The pictures of `timeline` as `profile` has them, which has its frame rate.
pub fn rung(timeline: &Timeline, profile: &VideoProfile, partitioning: &Partitioning) -> Rung {
    Rung {
        profile: profile.clone(),
        chunks: pictures(&timeline.with_video(profile.clone()), partitioning),
    }
}

/// The video chunks of `timeline` alone.
pub fn pictures(timeline: &Timeline, partitioning: &Partitioning) -> Vec<PlacedChunk> {
    video::chunks(timeline, &cuts::video_cuts(timeline, partitioning))
}

/// What frame `frame` of the whole timeline looks like, whether it is in the excerpt
/// or not: a chunk of that frame alone.
pub fn picture(timeline: &Timeline, frame: u32) -> VideoSpec {
    let end = frame.saturating_add(1);
    let all = timeline.layers.iter().rev();
    video::spec(timeline, FrameRange { start: frame, end }, all).0
}

#[cfg(test)]
mod tests;
