//! What a chunk shows and sounds like, before anything is encoded: for files in
//! other formats than the chunks'.

use crate::chunk::PREROLL_FRAMES;
use crate::chunk::spec::{AudioSpec, VideoSpec};
use crate::media::Frame;
use crate::profile::AAC_FRAME_SAMPLES;
use crate::render::compose::Composer;
use crate::render::{RenderError, Renderer};

impl Renderer {
    /// Composes the frames of a chunk and gives `take` one after the other. `take` ends
    /// it by returning an error.
    pub fn frames(
        &self,
        spec: &VideoSpec,
        take: &mut dyn FnMut(Frame) -> Result<(), RenderError>,
    ) -> Result<(), RenderError> {
        let mut composer = Composer::new(self, spec);
        for index in 0..spec.frames {
            let frame = composer.on_ground(index, 0..composer.layers())?;
            take(frame)?;
        }
        composer.finish();
        Ok(())
    }

    /// The samples of a chunk, interleaved: those that its packets decode to, without
    /// what the encoder hears before and after them.
    pub fn samples(&self, spec: &AudioSpec) -> Result<Vec<f32>, RenderError> {
        let mut window = self.mix(spec)?;
        let of = |frames: u32| {
            (frames * AAC_FRAME_SAMPLES) as usize * usize::from(spec.profile.channels)
        };
        window.truncate(of(PREROLL_FRAMES + spec.frames));
        window.drain(..of(PREROLL_FRAMES).min(window.len()));
        Ok(window)
    }
}
