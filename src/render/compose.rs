//! Draws a chunk's layers, frame by frame.

use std::ops::Range;

use crate::chunk::VideoSpec;
use crate::chunk::spec::Path;
use crate::media::Frame;
use crate::render::blend::black;
use crate::render::layer::Showing;
use crate::render::mask::{self, Mask};
use crate::render::picture::ycbcr;
use crate::render::place::Stand;
use crate::render::{RenderError, Renderer};
use crate::timeline::state::{OPAQUE, State};

/// A chunk being drawn. Layers are prepared when they are first needed: a
/// chunk that takes its lower layers from another never opens their files.
pub(super) struct Composer<'a> {
    renderer: &'a Renderer,
    spec: &'a VideoSpec,
    layers: Vec<Prepared>,
}

/// A layer and its mattes.
#[derive(Default)]
struct Prepared {
    showing: Option<Showing>,
    mattes: Vec<PreparedMatte>,
}

#[derive(Default)]
struct PreparedMatte {
    showing: Option<Showing>,
    /// That of all frames, if it never changes.
    mask: Option<Mask>,
}

impl<'a> Composer<'a> {
    pub fn new(renderer: &'a Renderer, spec: &'a VideoSpec) -> Self {
        let prepared = |layer: &crate::chunk::spec::Layer| Prepared {
            showing: None,
            mattes: layer.mattes.iter().map(|_| Default::default()).collect(),
        };
        Self {
            renderer,
            spec,
            layers: spec.layers.iter().map(prepared).collect(),
        }
    }

    /// How many layers the chunk has.
    pub fn layers(&self) -> usize {
        self.layers.len()
    }

    /// An empty frame of the chunk.
    pub fn ground(&self) -> Frame {
        let (width, height) = (self.spec.profile.width, self.spec.profile.height);
        match self.spec.background {
            Some(color) => Frame::filled(width, height, ycbcr(color.0)),
            None => black(width, height),
        }
    }

    /// Frame `index` with the layers `range` drawn on the ground.
    pub fn on_ground(&mut self, index: u32, range: Range<usize>) -> Result<Frame, RenderError> {
        let range = self.lowest_seen(index, range.clone())?..range.end;
        // The usual case, footage that fills the frame, is taken as it is.
        if let Some(mut frame) = self.whole_footage(index, range.start)? {
            self.draw(&mut frame, index, range.start + 1..range.end)?;
            return Ok(frame);
        }
        let mut frame = self.ground();
        self.draw(&mut frame, index, range)?;
        Ok(frame)
    }

    /// The lowest of the layers `range` that can be seen in frame `index`: those
    /// below one that hides them are not even decoded.
    fn lowest_seen(&mut self, index: u32, range: Range<usize>) -> Result<usize, RenderError> {
        let profile = &self.spec.profile;
        for layer in range.clone().rev() {
            let spec = &self.spec.layers[layer];
            let covers =
                spec.mattes.is_empty() && spec.path.at(index).covers(profile.width, profile.height);
            if covers && self.showing(layer)?.is_opaque(index, profile.rate)? {
                return Ok(layer);
            }
        }
        Ok(range.start)
    }

    /// Draws the layers `range` of frame `index` over `frame`.
    pub fn draw(
        &mut self,
        frame: &mut Frame,
        index: u32,
        range: Range<usize>,
    ) -> Result<(), RenderError> {
        for layer in range {
            let state = self.spec.layers[layer].path.at(index);
            if state.opacity > 0 {
                self.draw_layer(frame, index, layer, &state)?;
            }
        }
        Ok(())
    }

    fn draw_layer(
        &mut self,
        frame: &mut Frame,
        index: u32,
        layer: usize,
        state: &State,
    ) -> Result<(), RenderError> {
        let (renderer, spec) = (self.renderer, &self.spec.layers[layer]);
        let Some(masks) = self.masks(index, layer)? else {
            return Ok(());
        };
        let of = (self.spec.profile.rate, size(frame));
        let stands = stands_still(spec.path.states().iter().copied());
        let showing = self.showing(layer)?;
        let Some(mut placed) = showing.placed(renderer, index, (state, stands), of)? else {
            return Ok(());
        };
        if let Some(wipe) = state.wipe {
            mask::wipe(placed.to_mut(), wipe, Stand::of(state));
        }
        masks.iter().for_each(|mask| mask.apply(placed.to_mut()));
        placed.draw(frame, state.opacity);
        Ok(())
    }

    /// What makes a layer transparent in frame `index`; `None` if it hides it all.
    fn masks(&mut self, index: u32, layer: usize) -> Result<Option<Vec<Mask>>, RenderError> {
        let mut masks = Vec::new();
        for matte in 0..self.layers[layer].mattes.len() {
            match self.spec.layers[layer].mattes[matte].path.at(index) {
                None => {}
                Some(state) if state.opacity == 0 => return Ok(None),
                Some(state) => masks.push(self.mask(index, (layer, matte), &state)?),
            }
        }
        Ok(Some(masks))
    }

    /// The matte is drawn on black, and its brightness taken.
    fn mask(
        &mut self,
        index: u32,
        (layer, matte): (usize, usize),
        state: &State,
    ) -> Result<Mask, RenderError> {
        let (renderer, profile) = (self.renderer, &self.spec.profile);
        let layer_spec = &self.spec.layers[layer];
        let spec = &layer_spec.mattes[matte];
        let prepared = &mut self.layers[layer].mattes[matte];
        if let Some(mask) = &prepared.mask {
            return Ok(mask.clone());
        }
        let showing = match &mut prepared.showing {
            Some(showing) => showing,
            none => {
                let label = format!("the matte of {}", layer_spec.label);
                none.insert(Showing::open(
                    renderer,
                    &spec.content,
                    spec.treatment,
                    &label,
                )?)
            }
        };
        let mut frame = black(profile.width, profile.height);
        let of = (profile.rate, size(&frame));
        let stands = stands_still(spec.path.states().iter().flatten().copied());
        if let Some(mut placed) = showing.placed(renderer, index, (state, stands), of)? {
            if let Some(wipe) = state.wipe {
                mask::wipe(placed.to_mut(), wipe, Stand::of(state));
            }
            placed.draw(&mut frame, state.opacity);
        }
        let mask = Mask::from_frame(&frame);
        if showing.is_still() && matches!(spec.path, Path::Rest(_)) {
            prepared.mask = Some(mask.clone());
        }
        Ok(mask)
    }

    /// The decoded frame itself, if `layer` is footage that fills the frame
    /// pixel for pixel.
    fn whole_footage(&mut self, index: u32, layer: usize) -> Result<Option<Frame>, RenderError> {
        let profile = &self.spec.profile;
        let (width, height) = (profile.width, profile.height);
        let fills = self.spec.layers.get(layer).is_some_and(|layer| {
            layer.mattes.is_empty() && layer.path.at(index) == State::full(width, height)
        });
        if !fills {
            return Ok(None);
        }
        let frame = self.showing(layer)?.untouched(index, profile.rate)?;
        Ok(frame.filter(|frame| size(frame) == (width as usize, height as usize)))
    }

    fn showing(&mut self, layer: usize) -> Result<&mut Showing, RenderError> {
        let spec = &self.spec.layers[layer];
        match &mut self.layers[layer].showing {
            Some(showing) => Ok(showing),
            none => Ok(none.insert(Showing::open(
                self.renderer,
                &spec.content,
                spec.treatment,
                &spec.label,
            )?)),
        }
    }

    /// Gives the decoders back: only a chunk that came out whole does, so that
    /// a decoder that failed is not used again.
    pub fn finish(self) {
        for prepared in self.layers {
            let mattes = prepared.mattes.into_iter().map(|matte| matte.showing);
            mattes
                .chain([prepared.showing])
                .flatten()
                .for_each(|showing| showing.close(self.renderer));
        }
    }
}

fn size(frame: &Frame) -> (usize, usize) {
    (frame.layout.width, frame.layout.height)
}

/// Whether a layer stands in the same place in all of these states in which it is
/// seen: fades and wipes move nothing.
fn stands_still(states: impl Iterator<Item = State>) -> bool {
    let mut places = states.filter(|state| state.opacity > 0).map(|state| State {
        opacity: OPAQUE,
        wipe: None,
        ..state
    });
    let first = places.next();
    places.all(|place| Some(place) == first)
}
