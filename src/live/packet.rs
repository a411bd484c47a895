//! What is sent to those who are pushed a stream: frames as they come, and what
//! their decoders are set up with.
//!
//! All receivers share these, and share what they look like on the wire: that is
//! written when the first of them asks for it, and not again.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::cmaf::{
    AudioConfig, CmafError, Sample, Track, VideoConfig, codec_string, fragment_of_track,
    init_of_tracks,
};
use crate::live::flv::{
    AudioCodec, TagKind, VideoCodec, audio_config_body, audio_frame_body, flv_header,
    video_config_body, video_frame_body, write_tag,
};
use crate::live::frame::{LiveFrame, LiveTrack, milliseconds};
use crate::playlist::UnixMillis;

/// The tracks of a stretch of a stream: what decoders are set up with.
#[derive(Debug)]
pub struct Setup {
    tracks: Vec<(LiveTrack, Track)>,
    taken: UnixMillis,
    flv: OnceLock<Option<Bytes>>,
    mp4: OnceLock<Option<Bytes>>,
}

impl Setup {
    /// Of these tracks; what has decode time 0 would have been taken at `taken`.
    pub fn new(mut tracks: Vec<(LiveTrack, Track)>, taken: UnixMillis) -> Self {
        tracks.sort_by_key(|(kind, _)| *kind);
        Self {
            tracks,
            taken,
            flv: OnceLock::new(),
            mp4: OnceLock::new(),
        }
    }

    /// The tracks, pictures first.
    pub fn tracks(&self) -> &[(LiveTrack, Track)] {
        &self.tracks
    }

    /// The track of one kind.
    pub fn track(&self, wanted: LiveTrack) -> Option<&Track> {
        let found = self.tracks.iter().find(|(kind, _)| *kind == wanted);
        found.map(|(_, track)| track)
    }

    /// The wall clock at decode time 0 of the stretch: what playlists date its segments
    /// by, too.
    pub const fn taken(&self) -> UnixMillis {
        self.taken
    }

    /// The codecs as RFC 6381 names them, with commas between.
    pub fn codecs(&self) -> Result<String, CmafError> {
        let tracks = self.tracks.iter().map(|(_, track)| codec_string(track));
        Ok(tracks.collect::<Result<Vec<_>, _>>()?.join(","))
    }

    /// The head of an FLV file with these tracks.
    pub fn flv_head(&self) -> Bytes {
        let has = |kind| self.track(kind).is_some();
        let head = flv_header(has(LiveTrack::Audio), has(LiveTrack::Video));
        Bytes::copy_from_slice(&head)
    }

    /// The tags of an FLV file that set its decoders up, at time 0. `None` where a
    /// record is too large for a tag.
    pub fn flv(&self) -> Option<&Bytes> {
        let written = self.flv.get_or_init(|| {
            let mut tags = Vec::new();
            for (_, track) in &self.tracks {
                let (kind, body) = config_body(track);
                tags.extend_from_slice(&write_tag(kind, 0, &body).ok()?);
            }
            Some(tags.into())
        });
        written.as_ref()
    }

    /// The init segment of an MP4 with all tracks, numbered from 1. `None` if they
    /// cannot be packaged.
    pub fn mp4(&self) -> Option<&Bytes> {
        let written = self.mp4.get_or_init(|| {
            let tracks: Vec<_> = self.tracks.iter().map(|(_, track)| track).collect();
            init_of_tracks(&tracks).ok()
        });
        written.as_ref()
    }

    /// Which number a track has in that MP4.
    fn id(&self, wanted: LiveTrack) -> Option<u32> {
        let index = self.tracks.iter().position(|(kind, _)| *kind == wanted)?;
        u32::try_from(index + 1).ok()
    }
}

/// One frame that is sent; clones are the same one.
#[derive(Clone, Debug)]
pub struct Packet(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    setup: Arc<Setup>,
    frame: LiveFrame,
    duration: u32,
    flv: OnceLock<Option<Bytes>>,
    mp4: OnceLock<Option<Bytes>>,
}

impl Packet {
    /// A frame of a stretch with the tracks of `setup`, its time the stream's; it
    /// lasts `duration` ticks, as far as that is known before the next one comes.
    pub fn new(setup: Arc<Setup>, frame: LiveFrame, duration: u32) -> Self {
        Self(Arc::new(Shared {
            setup,
            frame,
            duration,
            flv: OnceLock::new(),
            mp4: OnceLock::new(),
        }))
    }

    /// What its decoder is set up with.
    pub fn setup(&self) -> &Arc<Setup> {
        &self.0.setup
    }

    /// The frame.
    pub fn frame(&self) -> &LiveFrame {
        &self.0.frame
    }

    /// How long it lasts, in ticks of its track.
    pub fn duration(&self) -> u32 {
        self.0.duration
    }

    /// When it is decoded, in milliseconds of the stream.
    pub fn milliseconds(&self) -> i64 {
        let track = self.0.setup.track(self.0.frame.track);
        milliseconds(self.0.frame.decode_time, track.map_or(1, Track::timescale))
    }

    /// Whether whoever comes new to the stream can begin with it: at a key frame
    /// where there are pictures, else anywhere.
    pub fn is_start(&self) -> bool {
        let frame = &self.0.frame;
        match frame.track {
            LiveTrack::Video => frame.sync,
            LiveTrack::Audio => self.0.setup.track(LiveTrack::Video).is_none(),
            _ => false,
        }
    }

    /// How many bytes of media it holds.
    pub fn len(&self) -> usize {
        self.0.frame.data.len()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its tag of an FLV file. `None` if it is too large for one.
    pub fn flv(&self) -> Option<&Bytes> {
        let written = self.0.flv.get_or_init(|| {
            let track = self.0.setup.track(self.0.frame.track)?;
            let (kind, body) = frame_body(track, &self.0.frame)?;
            // In 32 bits, that go round.
            write_tag(kind, self.milliseconds() as u32, &body).ok()
        });
        written.as_ref()
    }

    /// Its fragment of the MP4 that [`Setup::mp4`] begins. `None` if it cannot be
    /// packaged.
    pub fn mp4(&self) -> Option<&Bytes> {
        let written = self.0.mp4.get_or_init(|| {
            let frame = &self.0.frame;
            let sample = Sample {
                data: frame.data.clone(),
                duration: self.0.duration,
                composition_offset: i32::try_from(frame.composition_offset).ok()?,
                sync: frame.sync,
            };
            let time = u64::try_from(frame.decode_time).ok()?;
            fragment_of_track(self.0.setup.id(frame.track)?, time, 1, &[sample]).ok()
        });
        written.as_ref()
    }
}

/// The kind and body of the tag that sets up the decoder of `track`.
pub(crate) fn config_body(track: &Track) -> (TagKind, Bytes) {
    match track {
        Track::Video(video) => {
            let body = video_config_body(video_codec(&video.config), video.config.record());
            (TagKind::Video, body)
        }
        Track::Audio(audio) => {
            let body = audio_config_body(audio_codec(&audio.config), audio.config.record());
            (TagKind::Audio, body)
        }
    }
}

/// The kind and body of the tag of one frame of `track`. `None` if it cannot be said in
/// FLV.
pub(crate) fn frame_body(track: &Track, frame: &LiveFrame) -> Option<(TagKind, Bytes)> {
    Some(match track {
        Track::Video(video) => {
            let offset = milliseconds(frame.composition_offset.into(), video.timescale);
            let offset = i32::try_from(offset).ok()?;
            let codec = video_codec(&video.config);
            let body = video_frame_body(codec, frame.sync, offset, &frame.data);
            (TagKind::Video, body)
        }
        Track::Audio(audio) => {
            let body = audio_frame_body(audio_codec(&audio.config), &frame.data);
            (TagKind::Audio, body)
        }
    })
}

const fn video_codec(config: &VideoConfig) -> VideoCodec {
    match config {
        VideoConfig::Avc(_) => VideoCodec::Avc,
        VideoConfig::Hevc(_) => VideoCodec::Hevc,
        VideoConfig::Av1(_) => VideoCodec::Av1,
    }
}

const fn audio_codec(config: &AudioConfig) -> AudioCodec {
    match config {
        AudioConfig::Aac(_) => AudioCodec::Aac,
        AudioConfig::Opus(_) => AudioCodec::Opus,
    }
}

#[cfg(test)]
#[path = "packet_tests.rs"]
mod tests;
