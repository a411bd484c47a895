//! The playlists of a planned video. Pure: what is there, where it is asked
//! for, in; snapshots out.

use std::num::NonZeroU32;

use crate::cmaf::{CmafError, Track, codec_string};
use crate::delivery::Plan;
use crate::partition::{PlacedChunk, TrackKind};
use crate::playlist::{
    Duration, Kind, MediaPlaylist, MultivariantPlaylist, QuotedString, Rendition, Segment, Start,
    TagError, Uri, Variant, target_duration,
};
use crate::profile::{AAC_FRAME_SAMPLES, AudioProfile, VideoProfile};

/// The audio group of every multivariant playlist.
const AUDIO_GROUP: &str = "sound";

/// Players begin at the beginning, also of what is still growing.
pub const FROM_THE_START: Start = Start {
    offset_ms: 0,
    precise: true,
};

/// What both media playlists of a video say, and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Targets {
    /// No segment is longer, rounded to seconds.
    pub segment_s: u32,
    /// No part is longer.
    pub part: Duration,
}

impl Targets {
    /// The targets of `plan`: over both tracks, as players want them equal.
    pub fn of(plan: &Plan) -> Self {
        let video = durations(&plan.partition.video, video_clock(&plan.timeline.video));
        let audio = plan.timeline.audio.as_ref();
        let audio_durations = audio
            .into_iter()
            .flat_map(|profile| durations(&plan.partition.audio, profile.sample_rate));
        let video_part = video_part(&plan.timeline.video);
        let part = audio
            .map(audio_part)
            .filter(|part| longer(part, &video_part))
            .unwrap_or(video_part);
        Self {
            segment_s: target_duration(video.chain(audio_durations)).max(1),
            part,
        }
    }
}

fn video_part(profile: &VideoProfile) -> Duration {
    let ticks = u64::from(profile.part_frames()) * u64::from(profile.rate.ticks_per_frame());
    Duration::new(ticks, video_clock(profile))
}

fn audio_part(profile: &AudioProfile) -> Duration {
    Duration::new(
        u64::from(profile.part_frames() * AAC_FRAME_SAMPLES),
        profile.sample_rate,
    )
}

fn longer(a: &Duration, b: &Duration) -> bool {
    let scaled = |x: &Duration, y: &Duration| u128::from(x.ticks) * u128::from(y.timescale.get());
    scaled(a, b) > scaled(b, a)
}

/// The clock of a video track.
pub fn video_clock(profile: &VideoProfile) -> NonZeroU32 {
    NonZeroU32::new(profile.timescale()).unwrap_or(NonZeroU32::MIN)
}

fn durations(chunks: &[PlacedChunk], clock: NonZeroU32) -> impl Iterator<Item = Duration> {
    chunks
        .iter()
        .map(move |chunk| Duration::new(chunk.ticks, clock))
}

/// One track as VOD: complete from the start.
pub fn vod(
    chunks: &[PlacedChunk],
    clock: NonZeroU32,
    targets: Targets,
    map: Uri,
    uri: impl Fn(usize, &PlacedChunk) -> Result<Uri, TagError>,
) -> Result<MediaPlaylist, TagError> {
    let mut playlist = MediaPlaylist::new(targets.segment_s);
    playlist.kind = Some(Kind::Vod);
    playlist.independent_segments = true;
    playlist.map = Some(map);
    playlist.ended = true;
    for (index, chunk) in chunks.iter().enumerate() {
        playlist.segments.push(Segment::new(
            uri(index, chunk)?,
            Duration::new(chunk.ticks, clock),
        ));
    }
    Ok(playlist)
}

/// The playlist of these tracks, each as it is described and at its address. The video
/// itself comes before the rungs of its ladder: players begin with the first.
pub fn multivariant(
    plan: &Plan,
    tracks: impl IntoIterator<Item = (TrackKind, Track, Uri)>,
) -> Result<MultivariantPlaylist, PlaylistError> {
    let mut audio = None;
    let mut pictures = Vec::new();
    for (kind, track, uri) in tracks {
        let codecs = codec_string(&track)?;
        match kind {
            TrackKind::Audio => audio = Some((codecs, uri)),
            TrackKind::Video | TrackKind::Rung(_) => pictures.push((kind, codecs, uri)),
        }
    }
    let sound = audio.zip(plan.timeline.audio.as_ref());
    let renditions = match &sound {
        Some(((_, uri), profile)) => vec![Rendition {
            group_id: QuotedString::new(AUDIO_GROUP)?,
            name: QuotedString::new("Sound")?,
            language: None,
            default: true,
            autoselect: true,
            channels: Some(profile.channels),
            uri: uri.clone(),
        }],
        None => Vec::new(),
    };
    let side = |pixels: u32| u16::try_from(pixels).unwrap_or(u16::MAX);
    let variant = |(kind, codecs, uri): (TrackKind, String, Uri)| {
        let profile = plan.video_profile(kind);
        let peak = u64::from(profile.peak_bits_per_second());
        let (codecs, bandwidth, audio_group) = match &sound {
            Some(((sound_codecs, _), sound)) => (
                format!("{codecs},{sound_codecs}"),
                peak + u64::from(sound.bitrate),
                Some(QuotedString::new(AUDIO_GROUP)?),
            ),
            None => (codecs, peak, None),
        };
        Ok::<_, PlaylistError>(Variant {
            uri,
            bandwidth,
            average_bandwidth: None,
            codecs: QuotedString::new(codecs)?,
            resolution: Some((side(profile.width), side(profile.height))),
            frame_rate: Some(profile.rate),
            audio_group,
        })
    };
    Ok(MultivariantPlaylist {
        independent_segments: true,
        // FFmpeg (seen with 5.1) takes a multivariant playlist with EXT-X-START
        // for a media playlist too, and plays all of it twice. The media
        // playlists say where to begin.
        start: None,
        audio: renditions,
        variants: pictures
            .into_iter()
            .map(variant)
            .collect::<Result<_, _>>()?,
    })
}

/// Why there is no playlist.
#[derive(Debug, thiserror::Error)]
pub enum PlaylistError {
    /// A value cannot be written into a playlist.
    #[error(transparent)]
    Tag(#[from] TagError),
    /// A codec cannot be named.
    #[error(transparent)]
    Cmaf(#[from] CmafError),
}
