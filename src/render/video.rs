//! One video chunk: compose, encode, cut into parts.

use std::sync::Arc;
use std::time::Instant;

use crate::chunk::{ChunkSpec, Part, VideoSpec};
use crate::media::{EncodedFrame, Frame, Pace, PlaneLayout, VideoEncoder};
use crate::profile::REORDER_FRAMES;
use crate::render::base::{Base, Lead, Role};
use crate::render::compose::Composer;
use crate::render::parts::{Cutting, PartCutter};
use crate::render::{CHUNK_DEADLINE, RenderError, Renderer, SharedLayers};

impl Renderer {
    pub(super) fn video(
        &self,
        spec: &VideoSpec,
        shared: SharedLayers,
        started: Instant,
        emit: &mut dyn FnMut(Part) -> Result<(), RenderError>,
    ) -> Result<(), RenderError> {
        let profile = &spec.profile;
        let mut encoder = VideoEncoder::new(profile, pace(spec))?;
        let cutter = PartCutter::new(Cutting {
            ticks_per_sample: profile.rate.ticks_per_frame(),
            delay: REORDER_FRAMES,
            total: spec.frames,
            longest: profile.part_frames(),
            least: profile.least_part_frames(),
        });
        let mut out = Output { cutter, emit };
        let mut composer = Composer::new(self, spec);
        let mut below = self.below(spec, shared);
        for index in 0..spec.frames {
            if started.elapsed() > CHUNK_DEADLINE {
                return Err(RenderError::Deadline(CHUNK_DEADLINE));
            }
            let frame = below.frame(&mut composer, index)?;
            encoder
                .push(frame)?
                .into_iter()
                .try_for_each(|frame| out.encoded(frame))?;
        }
        encoder.finish()?;
        while let Some(frame) = encoder.next_frame()? {
            out.encoded(frame)?;
        }
        out.end(spec.frames)?;
        composer.finish();
        Ok(())
    }

    /// Where the lower layers come from.
    fn below(&self, spec: &VideoSpec, SharedLayers(count): SharedLayers) -> Below<'_> {
        let count = count.min(spec.layers.len());
        if count == 0 {
            return Below::Own;
        }
        // The lower layers are a picture of their own, so they have an identity.
        let base = VideoSpec {
            layers: spec.layers[..count].to_vec(),
            ..spec.clone()
        };
        let frame_bytes = PlaneLayout {
            width: spec.profile.width as usize,
            height: spec.profile.height as usize,
        }
        .bytes();
        match self
            .bases
            .join(ChunkSpec::Video(base).key(), spec.frames, frame_bytes)
        {
            Role::Lead(lead) => Below::Leading(lead, count),
            Role::Follow(base) => Below::Following(base, count),
            Role::Alone => Below::Own,
        }
    }
}

/// How a chunk gets its lower layers.
enum Below<'a> {
    /// It draws all layers.
    Own,
    /// It draws this many, leaves them to others, then draws the rest.
    Leading(Lead<'a>, usize),
    /// It takes this many from another, and draws the rest.
    Following(Arc<Base>, usize),
}

impl Below<'_> {
    fn frame(&mut self, composer: &mut Composer, index: u32) -> Result<Frame, RenderError> {
        let all = composer.layers();
        match self {
            Self::Own => composer.on_ground(index, 0..all),
            Self::Leading(lead, count) => {
                let base = Arc::new(composer.on_ground(index, 0..*count)?);
                lead.push(Arc::clone(&base));
                let mut frame = Frame::clone(&base);
                composer.draw(&mut frame, index, *count..all)?;
                Ok(frame)
            }
            Self::Following(base, count) => match base.frame(index) {
                Some(base) => {
                    let mut frame = Frame::clone(&base);
                    composer.draw(&mut frame, index, *count..all)?;
                    Ok(frame)
                }
                // The other one gave up: the same pixels, made here.
                None => {
                    *self = Self::Own;
                    composer.on_ground(index, 0..all)
                }
            },
        }
    }
}

/// Somebody waits for all of a chunk that has but one part, such as a video's
/// first; a longer one shows its first part while it goes on.
fn pace(spec: &VideoSpec) -> Pace {
    if spec.frames <= spec.profile.part_frames() {
        Pace::Hasty
    } else {
        Pace::Steady
    }
}

struct Output<'a> {
    cutter: PartCutter,
    emit: &'a mut dyn FnMut(Part) -> Result<(), RenderError>,
}

impl Output<'_> {
    fn encoded(&mut self, frame: EncodedFrame) -> Result<(), RenderError> {
        match self.cutter.push(frame.data, frame.index, frame.sync)? {
            Some(part) => (self.emit)(part),
            None => Ok(()),
        }
    }

    fn end(mut self, frames: u32) -> Result<(), RenderError> {
        if let Some(part) = self.cutter.take_rest()? {
            (self.emit)(part)?;
        }
        let encoded = self.cutter.samples();
        if encoded == frames {
            Ok(())
        } else {
            Err(RenderError::Package(format!(
                "{encoded} frames came out of {frames}"
            )))
        }
    }
}
