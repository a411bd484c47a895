//! Frames of a stream to the FLV of the same stream with a mark. No sockets, no clock.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use crate::cmaf::{Colours, Elementary, Track};
use crate::live::demux::Demuxed;
use crate::live::flv::{
    TagKind, VideoCodec, flv_header, video_config_body, video_frame_body, write_tag,
};
use crate::live::packet::{config_body, frame_body};
use crate::live::{LiveFrame, LiveTrack, milliseconds};
use crate::media::{Decoded, LiveEncoder, LiveFormat, MediaError, PictureDecoder};
use crate::plugin::PlugInError;
use crate::raster::Sprite;
use crate::render::{Mark, MarkPosition};

/// How long sound waits for the pictures before it, in milliseconds.
const WAIT_MS: i64 = 1_000;

/// How many frames of it.
const MAX_WAITING: usize = 256;

/// Key frames whose pictures have not come out of the decoder yet.
const MAX_KEYS: usize = 64;

/// Pictures in a row that cannot be decoded before the stream is given up: ten seconds
/// of 30 a second.
const MAX_BAD_PICTURES: u32 = 300;

/// Draws a mark for pictures of a size.
type Draw = dyn Fn((u32, u32)) -> Result<Sprite, String> + Send + Sync;

/// The mark of a stream, whatever size its pictures have.
#[derive(Clone)]
pub struct Marks {
    draw: Arc<Draw>,
    position: MarkPosition,
    opacity: u16,
}

impl Marks {
    /// What `draw` draws for pictures of a size, at `position`, at an opacity of 0 to
    /// 256.
    pub fn new(
        draw: impl Fn((u32, u32)) -> Result<Sprite, String> + Send + Sync + 'static,
        position: MarkPosition,
        opacity: u16,
    ) -> Self {
        Self {
            draw: Arc::new(draw),
            position,
            opacity,
        }
    }
}

/// Takes a stream frame by frame, and gives it back as FLV.
pub struct Marker {
    marks: Marks,
    kilobits: Option<u32>,
    headed: bool,
    pictures: Option<Pictures>,
    sound: Option<Track>,
    sound_described: bool,
    /// Sound that waits for the pictures before it, with its times.
    waiting: VecDeque<(i64, Bytes)>,
    /// When the last picture that was given is shown.
    reached_ms: Option<i64>,
    out: Vec<Bytes>,
}

/// One track of pictures.
struct Pictures {
    track: Track,
    colours: Colours,
    samples: Elementary,
    decoder: PictureDecoder,
    encoder: Option<Encoder>,
    /// When the key frames are shown that have not come out of the decoder.
    keys: VecDeque<i64>,
    /// Pictures in the decoder.
    inside: u64,
    bad: u32,
}

struct Encoder {
    encoder: LiveEncoder,
    size: (u32, u32),
    mark: Mark,
    described: bool,
}

impl From<MediaError> for PlugInError {
    fn from(error: MediaError) -> Self {
        Self::Pictures(error.to_string())
    }
}

impl Marker {
    /// Has seen nothing yet.
    pub const fn new(marks: Marks, kilobits: Option<u32>) -> Self {
        Self {
            marks,
            kilobits,
            headed: false,
            pictures: None,
            sound: None,
            sound_described: false,
            waiting: VecDeque::new(),
            reached_ms: None,
            out: Vec::new(),
        }
    }

    /// What comes next of the stream; what is given back by it.
    pub fn take(&mut self, demuxed: Demuxed) -> Result<Vec<Bytes>, PlugInError> {
        match demuxed {
            Demuxed::Begin(tracks) => self.begin(tracks)?,
            // Other sound is left out.
            Demuxed::Other(_) | Demuxed::LeftOut(_) => {}
            Demuxed::Frame(frame) => match frame.track {
                LiveTrack::Video => self.picture(frame)?,
                LiveTrack::Audio => self.heard(&frame)?,
                _ => {}
            },
        }
        Ok(std::mem::take(&mut self.out))
    }

    /// What is left; nothing comes any more.
    pub fn finish(&mut self) -> Result<Vec<Bytes>, PlugInError> {
        self.end_pictures()?;
        self.release(true)?;
        Ok(std::mem::take(&mut self.out))
    }

    fn begin(&mut self, tracks: Vec<(LiveTrack, Track)>) -> Result<(), PlugInError> {
        let find = |wanted| {
            let found = tracks.iter().find(|(kind, _)| *kind == wanted);
            found.map(|(_, track)| track.clone())
        };
        let (video, sound) = (find(LiveTrack::Video), find(LiveTrack::Audio));
        if !std::mem::replace(&mut self.headed, true) {
            let head = flv_header(sound.is_some(), video.is_some());
            self.out.push(Bytes::copy_from_slice(&head));
        }
        if self.pictures.as_ref().map(|pictures| &pictures.track) != video.as_ref() {
            self.end_pictures()?;
            self.pictures = video.map(Pictures::new).transpose()?;
        }
        if self.sound != sound {
            self.release(true)?;
            self.sound = sound;
            self.sound_described = false;
        }
        Ok(())
    }

    fn heard(&mut self, frame: &LiveFrame) -> Result<(), PlugInError> {
        let Some(track) = &self.sound else {
            return Ok(());
        };
        let at = milliseconds(frame.decode_time, track.timescale());
        if let Some((_, body)) = frame_body(track, frame) {
            self.waiting.push_back((at, body));
        }
        self.release(false)
    }

    /// Gives the sound that has no picture before it to wait for, or all.
    fn release(&mut self, all: bool) -> Result<(), PlugInError> {
        let pending = self
            .pictures
            .as_ref()
            .is_some_and(|pictures| pictures.inside > 0);
        while let Some((at, _)) = self.waiting.front() {
            let newest = self.waiting.back().map_or(*at, |(newest, _)| *newest);
            let due = all
                || !pending
                || self.reached_ms.is_some_and(|reached| *at <= reached)
                || newest - at >= WAIT_MS
                || self.waiting.len() > MAX_WAITING;
            if !due {
                break;
            }
            self.release_first()?;
        }
        Ok(())
    }

    fn picture(&mut self, frame: LiveFrame) -> Result<(), PlugInError> {
        let Some(pictures) = &mut self.pictures else {
            return Ok(());
        };
        if let Err(error) = pictures.decode(&frame) {
            pictures.bad += 1;
            if pictures.bad > MAX_BAD_PICTURES {
                return Err(error);
            }
            tracing::warn!(%error, "a picture cannot be decoded, and is left out");
        }
        self.draw_all()?;
        self.release(false)
    }

    /// Draws on what has come out of the decoder, and encodes it.
    fn draw_all(&mut self) -> Result<(), PlugInError> {
        while let Some(pictures) = &mut self.pictures {
            let Some(decoded) = pictures.decoder.next_picture()? else {
                break;
            };
            pictures.inside = pictures.inside.saturating_sub(1);
            pictures.bad = 0;
            self.draw(decoded)?;
        }
        Ok(())
    }

    fn draw(&mut self, decoded: Decoded) -> Result<(), PlugInError> {
        let Some(pictures) = &mut self.pictures else {
            return Ok(());
        };
        let at = decoded.time;
        // What is shown at the time of another, or before it, is not shown.
        if self
            .reached_ms
            .is_some_and(|reached| reached >= at && reached - at < WAIT_MS)
        {
            return Ok(());
        }
        if self.reached_ms.is_some_and(|reached| reached >= at) {
            // Another clock, which the encoder does not know.
            pictures.encoder = None;
        }
        let mut key = false;
        while pictures.keys.front().is_some_and(|key| *key <= at) {
            key = true;
            pictures.keys.pop_front();
        }
        let encoder = pictures.encoder_for(&decoded, &self.marks, self.kilobits)?;
        let mut frame = decoded.frame;
        encoder.mark.draw(&mut frame);
        let picture = encoder.encoder.encode(frame, at, key)?;
        let described = std::mem::replace(&mut encoder.described, true);
        let record = encoder.encoder.config().filter(|_| !described).cloned();
        if let Some(record) = record {
            let body = video_config_body(VideoCodec::Avc, &record);
            self.tag(TagKind::Video, at, &body)?;
        }
        // Shown as it is decoded: there are no B-frames.
        let body = video_frame_body(VideoCodec::Avc, picture.sync, 0, &picture.data);
        // Sound of before goes first, so that times do not go back.
        self.release_before(at)?;
        self.tag(TagKind::Video, at, &body)?;
        self.reached_ms = Some(at);
        Ok(())
    }

    fn release_before(&mut self, before: i64) -> Result<(), PlugInError> {
        while self.waiting.front().is_some_and(|(at, _)| *at < before) {
            self.release_first()?;
        }
        Ok(())
    }

    fn release_first(&mut self) -> Result<(), PlugInError> {
        let Some((at, body)) = self.waiting.pop_front() else {
            return Ok(());
        };
        if !std::mem::replace(&mut self.sound_described, true)
            && let Some((kind, body)) = self.sound.as_ref().map(config_body)
        {
            self.tag(kind, at, &body)?;
        }
        self.tag(TagKind::Audio, at, &body)
    }

    /// What the decoder still has comes out.
    fn end_pictures(&mut self) -> Result<(), PlugInError> {
        if let Some(pictures) = &mut self.pictures {
            pictures.decoder.finish()?;
            self.draw_all()?;
            self.pictures = None;
        }
        Ok(())
    }

    fn tag(&mut self, kind: TagKind, at: i64, body: &[u8]) -> Result<(), PlugInError> {
        // In 32 bits, that go round.
        self.out.push(write_tag(kind, at as u32, body)?);
        Ok(())
    }
}

impl Pictures {
    fn new(track: Track) -> Result<Self, PlugInError> {
        let Track::Video(video) = &track else {
            return Err(PlugInError::Pictures(
                "a track of pictures without any".into(),
            ));
        };
        let samples = Elementary::new(&video.config)
            .map_err(|error| PlugInError::Pictures(error.to_string()))?;
        Ok(Self {
            samples,
            decoder: PictureDecoder::new(&video.config)?,
            colours: video.colours,
            track,
            encoder: None,
            keys: VecDeque::new(),
            inside: 0,
            bad: 0,
        })
    }

    fn decode(&mut self, frame: &LiveFrame) -> Result<(), PlugInError> {
        let shown = frame.decode_time + i64::from(frame.composition_offset);
        let shown = milliseconds(shown, self.track.timescale());
        let sample = self.samples.sample(&frame.data, frame.sync);
        let sample = sample.map_err(|error| PlugInError::Pictures(error.to_string()))?;
        self.decoder.push(&sample, shown)?;
        self.inside += 1;
        if frame.sync && self.keys.len() < MAX_KEYS {
            self.keys.push_back(shown);
        }
        Ok(())
    }

    /// The encoder for pictures such as this one, another if those before were others.
    fn encoder_for(
        &mut self,
        decoded: &Decoded,
        marks: &Marks,
        kilobits: Option<u32>,
    ) -> Result<&mut Encoder, PlugInError> {
        let layout = decoded.frame.layout;
        // At most what an SPS can say.
        let size = (layout.width as u32, layout.height as u32);
        let fits = |encoder: &Encoder| encoder.size == size;
        let encoder = match self.encoder.take().filter(fits) {
            Some(encoder) => encoder,
            None => {
                let sprite = (marks.draw)(size).map_err(PlugInError::Pictures)?;
                Encoder {
                    encoder: LiveEncoder::new(&LiveFormat {
                        size,
                        scaled: None,
                        rate: self.decoder.rate(),
                        colours: self.colours,
                        kilobits,
                    })?,
                    size,
                    mark: Mark::new(&sprite, marks.position, marks.opacity, size),
                    described: false,
                }
            }
        };
        Ok(self.encoder.insert(encoder))
    }
}
