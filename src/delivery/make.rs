//! Makes a file from composed frames and mixed sound. Blocking.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;

use crate::chunk::ChunkSpec;
use crate::delivery::Plan;
use crate::delivery::recipe::{Content, Recipe};
use crate::media::{GifWriter, MediaError, Mp3Writer, WebmWriter};
use crate::partition::PlacedChunk;
use crate::profile::AudioProfile;
use crate::render::{RenderError, Renderer, StillFormat};
use crate::template::output::Format;

/// The largest file that is made, in bytes.
pub const MAX_FILE_BYTES: u64 = 4 << 30;

/// Writes what `recipe` says to `path`. `watch` is told how many frames are done, and
/// ends it by returning an error.
pub(super) fn make(
    renderer: &Renderer,
    recipe: &Recipe,
    path: &Path,
    watch: &mut dyn FnMut(u32) -> Result<(), RenderError>,
) -> Result<(), RenderError> {
    let plan = match &recipe.content {
        Content::Whole(plan) => plan,
        Content::Frame { spec, size, .. } => {
            let format = match recipe.format {
                Format::Png => StillFormat::Png,
                Format::Bmp => StillFormat::Bmp,
                _ => StillFormat::Jpeg(spec.profile.quality),
            };
            let file = renderer.picture(spec, 0, *size, format)?;
            fs::write(path, file).map_err(|error| io(&error))?;
            return watch(1);
        }
    };
    let mut making = Making {
        renderer,
        plan,
        path,
        watch,
        frames: 0,
        samples: 0,
    };
    match recipe.format {
        Format::Gif => making.gif(),
        Format::Webm => making.webm(),
        _ => making.mp3(),
    }
}

struct Making<'a> {
    renderer: &'a Renderer,
    plan: &'a Plan,
    path: &'a Path,
    watch: &'a mut dyn FnMut(u32) -> Result<(), RenderError>,
    frames: u32,
    /// Samples a channel so far.
    samples: u64,
}

impl Making<'_> {
    fn gif(&mut self) -> Result<(), RenderError> {
        let file = File::create(self.path).map_err(|error| io(&error))?;
        let (plan, profile) = (self.plan, &self.plan.timeline.video);
        let mut writer = GifWriter::new(BufWriter::new(file), profile, plan.output.repeat)?;
        for chunk in &plan.partition.video {
            self.pictures(chunk, &mut |frame| writer.frame(frame))?;
        }
        Ok(writer.finish()?)
    }

    fn webm(&mut self) -> Result<(), RenderError> {
        let plan = self.plan;
        let (profile, sound) = (&plan.timeline.video, plan.timeline.audio.as_ref());
        let mut writer = WebmWriter::create(self.path, profile, sound)?;
        let mut audio = plan.partition.audio.iter();
        for chunk in &plan.partition.video {
            self.pictures(chunk, &mut |frame| writer.frame(frame))?;
            let end = u128::from(chunk.decode_time + chunk.ticks);
            // Sound goes as far as the pictures: what waits for the other track is
            // kept in memory.
            while let (Some(profile), true) = (sound, audio.len() > 0) {
                let seen = end * u128::from(profile.sample_rate.get());
                let heard = u128::from(self.samples) * u128::from(plan.timeline.video.timescale());
                if heard >= seen {
                    break;
                }
                if let Some(chunk) = audio.next() {
                    let samples = self.sound(chunk, profile)?;
                    writer.samples(&samples)?;
                }
            }
        }
        if let Some(profile) = sound {
            for chunk in audio {
                let samples = self.sound(chunk, profile)?;
                writer.samples(&samples)?;
            }
        }
        Ok(writer.finish()?)
    }

    fn mp3(&mut self) -> Result<(), RenderError> {
        let plan = self.plan;
        let quality = plan.timeline.video.quality;
        let Some(profile) = &plan.timeline.audio else {
            return Err(RenderError::Package("there is no sound in it".into()));
        };
        let mut writer = Mp3Writer::create(self.path, profile, quality)?;
        for chunk in &plan.partition.audio {
            let samples = self.sound(chunk, profile)?;
            writer.samples(&samples)?;
            let heard = u64::from(plan.timeline.video.rate.num()) * self.samples;
            let second =
                u64::from(plan.timeline.video.rate.den()) * u64::from(profile.sample_rate.get());
            let frames = u32::try_from(heard / second).unwrap_or(u32::MAX);
            (self.watch)(frames.min(plan.timeline.frames))?;
        }
        Ok(writer.finish()?)
    }

    /// Samples, of all channels, to the end of the timeline.
    fn missing(&self, profile: &AudioProfile) -> usize {
        let total = profile.sample_at(self.plan.timeline.duration());
        let left = u64::try_from(total)
            .unwrap_or(0)
            .saturating_sub(self.samples);
        usize::try_from(left).unwrap_or(0) * usize::from(profile.channels)
    }

    fn pictures(
        &mut self,
        chunk: &PlacedChunk,
        take: &mut dyn FnMut(&crate::media::Frame) -> Result<(), MediaError>,
    ) -> Result<(), RenderError> {
        let ChunkSpec::Video(spec) = &chunk.spec else {
            return Ok(());
        };
        let (watch, frames) = (&mut self.watch, &mut self.frames);
        self.renderer.frames(spec, &mut |frame| {
            take(&frame)?;
            *frames += 1;
            watch(*frames)
        })?;
        self.check_size()
    }

    /// The samples of a chunk, cut off where the timeline ends.
    fn sound(
        &mut self,
        chunk: &PlacedChunk,
        profile: &AudioProfile,
    ) -> Result<Vec<f32>, RenderError> {
        let ChunkSpec::Audio(spec) = &chunk.spec else {
            return Ok(Vec::new());
        };
        let mut samples = self.renderer.samples(spec)?;
        samples.truncate(self.missing(profile));
        self.samples += samples.len() as u64 / u64::from(profile.channels.max(1));
        self.check_size()?;
        Ok(samples)
    }

    fn check_size(&self) -> Result<(), RenderError> {
        let bytes = fs::metadata(self.path).map_err(|error| io(&error))?.len();
        if bytes > MAX_FILE_BYTES {
            let message = format!("the file is longer than {MAX_FILE_BYTES} bytes");
            return Err(RenderError::Package(message));
        }
        Ok(())
    }
}

fn io(error: &std::io::Error) -> RenderError {
    RenderError::Media(MediaError::Io(error.to_string()))
}
