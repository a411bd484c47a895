//! Draws a chunk's layers, frame by frame.

use std::ops::Range;
use std::sync::Arc;

use crate::chunk::VideoSpec;
use crate::chunk::spec::{Layer, LayerContent, Path};
use crate::digest::Digest;
use crate::media::{Frame, VideoDecoder};
use crate::render::blend::{Placed, black};
use crate::render::picture::{Picture, ycbcr};
use crate::render::pictures::Drawn;
use crate::render::{RenderError, Renderer};
use crate::time::Time;
use crate::timeline::state::{OPAQUE, State};

/// A chunk being drawn. Layers are prepared when they are first needed: a
/// chunk that takes its lower layers from another never opens their files.
pub(super) struct Composer<'a> {
    renderer: &'a Renderer,
    spec: &'a VideoSpec,
    layers: Vec<Option<Prepared>>,
}

/// A layer, ready to be drawn.
struct Prepared {
    source: Source,
    /// Where it stands all the time, resampled once.
    placed: Option<Placed>,
}

enum Source {
    Footage {
        asset: Digest,
        from: Time,
        decoder: Box<VideoDecoder>,
    },
    Still(Arc<Picture>),
    Drawn(Option<Drawn>),
    /// Drawn anew in each frame.
    Moving,
}

impl Source {
    /// Whether no pixel of it is transparent.
    fn is_opaque(&self) -> bool {
        match self {
            Self::Footage { .. } => true,
            Self::Still(picture) => picture.is_opaque(),
            Self::Drawn(_) | Self::Moving => false,
        }
    }
}

impl<'a> Composer<'a> {
    pub fn new(renderer: &'a Renderer, spec: &'a VideoSpec) -> Self {
        Self {
            renderer,
            spec,
            layers: spec.layers.iter().map(|_| None).collect(),
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
        let (width, height) = (self.spec.profile.width, self.spec.profile.height);
        for layer in range.clone().rev() {
            let covers = self.spec.layers[layer].path.at(index).covers(width, height);
            if covers && self.prepared(layer)?.source.is_opaque() {
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
                self.draw_layer(frame, index, layer, state)?;
            }
        }
        Ok(())
    }

    fn draw_layer(
        &mut self,
        frame: &mut Frame,
        index: u32,
        layer: usize,
        state: State,
    ) -> Result<(), RenderError> {
        let size = (frame.layout.width, frame.layout.height);
        if let LayerContent::Footage { .. } = self.spec.layers[layer].content {
            let footage = self.footage(index, layer)?;
            Placed::footage(&footage, &state, size).draw(frame, state.opacity);
            return Ok(());
        }
        if let Some(moment) = self.spec.layers[layer].content.moves() {
            let later = self.spec.profile.rate.frame_start(i64::from(index));
            let drawn = drawn(self.renderer, &self.spec.layers[layer], moment.at(later))?;
            if let Some(drawn) = drawn {
                Placed::picture(&drawn.picture, &drawn.ink(&state), size)
                    .draw(frame, state.opacity);
            }
            return Ok(());
        }
        let prepared = self.prepared(layer)?;
        if let Some(placed) = &prepared.placed {
            placed.draw(frame, state.opacity);
            return Ok(());
        }
        let placed = match &prepared.source {
            Source::Still(picture) => Placed::picture(picture, &state, size),
            Source::Drawn(Some(drawn)) => Placed::picture(&drawn.picture, &drawn.ink(&state), size),
            Source::Drawn(None) | Source::Moving | Source::Footage { .. } => return Ok(()),
        };
        placed.draw(frame, state.opacity);
        // Fades move nothing: what stands where it stood is not resampled again.
        if stands_still(&self.spec.layers[layer].path)
            && let Some(prepared) = &mut self.layers[layer]
        {
            prepared.placed = Some(placed);
        }
        Ok(())
    }

    /// The decoded frame itself, if `layer` is footage that fills the frame
    /// pixel for pixel.
    fn whole_footage(&mut self, index: u32, layer: usize) -> Result<Option<Frame>, RenderError> {
        let (width, height) = (self.spec.profile.width, self.spec.profile.height);
        let fills = self.spec.layers.get(layer).is_some_and(|layer| {
            let whole = layer.path.at(index) == State::full(width, height);
            whole && matches!(layer.content, LayerContent::Footage { .. })
        });
        if !fills {
            return Ok(None);
        }
        let footage = self.footage(index, layer)?;
        let same_size =
            (footage.layout.width, footage.layout.height) == (width as usize, height as usize);
        Ok(same_size.then_some(footage))
    }

    fn footage(&mut self, index: u32, layer: usize) -> Result<Frame, RenderError> {
        let rate = self.spec.profile.rate;
        let Source::Footage { from, decoder, .. } = &mut self.prepared(layer)?.source else {
            return Err(RenderError::Package(format!("layer {layer} is no footage")));
        };
        // Times of files are rounded to their own clocks; a frame that begins
        // a little later than asked is still the one.
        let tolerance = Time::from_flicks(rate.frame_duration().flicks() / 4);
        Ok(decoder.frame_at(*from + rate.frame_start(i64::from(index)), tolerance)?)
    }

    fn prepared(&mut self, layer: usize) -> Result<&mut Prepared, RenderError> {
        let renderer = self.renderer;
        let spec = &self.spec.layers[layer];
        let slot = &mut self.layers[layer];
        if slot.is_none() {
            *slot = Some(Prepared {
                source: prepare(renderer, spec)?,
                placed: None,
            });
        }
        slot.as_mut()
            .ok_or_else(|| RenderError::Package("a layer was not prepared".into()))
    }

    /// Gives the decoders back: only a chunk that came out whole does, so that
    /// a decoder that failed is not used again.
    pub fn finish(self) {
        for prepared in self.layers.into_iter().flatten() {
            if let Source::Footage { asset, decoder, .. } = prepared.source {
                self.renderer.decoders.give_back(asset, *decoder);
            }
        }
    }
}

fn prepare(renderer: &Renderer, layer: &Layer) -> Result<Source, RenderError> {
    let locate = |asset: &Digest| {
        let missing = |source| RenderError::Asset {
            what: layer.label.clone(),
            source,
        };
        renderer.library.locate(asset).map_err(missing)
    };
    match &layer.content {
        LayerContent::Footage { asset, from, .. } => {
            let decoder = renderer.decoders.take(
                asset,
                &locate(asset)?,
                *from,
                renderer.library.duration(asset),
            )?;
            Ok(Source::Footage {
                asset: *asset,
                from: *from,
                decoder: Box::new(decoder),
            })
        }
        LayerContent::Still { asset } => {
            let picture = renderer.pictures.still(asset, &locate(asset)?);
            picture
                .map(Source::Still)
                .map_err(|error| RenderError::draw(&layer.label, &error))
        }
        LayerContent::Drawn { moment, .. } => match layer.content.moves() {
            Some(_) => Ok(Source::Moving),
            None => drawn(renderer, layer, moment.from).map(Source::Drawn),
        },
    }
}

/// What a drawn layer shows at `time` of its own.
fn drawn(renderer: &Renderer, layer: &Layer, time: Time) -> Result<Option<Drawn>, RenderError> {
    let LayerContent::Drawn { art, .. } = &layer.content else {
        return Ok(None);
    };
    let locate = |asset: &Digest| {
        let path = renderer.library.locate(asset);
        path.map_err(|error| error.to_string())
    };
    let drawn = renderer.pictures.drawn(art, time, &locate);
    drawn.map_err(|error| RenderError::draw(&layer.label, &error))
}

/// Whether it has the same rectangle in all frames in which it is seen.
fn stands_still(path: &Path) -> bool {
    match path {
        Path::Rest(_) => true,
        Path::Moving(states) => {
            let mut rectangles = states
                .iter()
                .filter(|state| state.opacity > 0)
                .map(|state| State {
                    opacity: OPAQUE,
                    ..*state
                });
            let first = rectangles.next();
            rectangles.all(|rectangle| Some(rectangle) == first)
        }
    }
}

impl Drawn {
    /// Where the ink stands when `state` is where the whole box does.
    fn ink(&self, state: &State) -> State {
        let part = |length: i32, share: u32, whole: u32| {
            (i64::from(length) * i64::from(share) / i64::from(whole.max(1))) as i32
        };
        let (width, height) = self.picture.size();
        State {
            x: state.x + part(state.width, self.offset.0, self.size.0),
            y: state.y + part(state.height, self.offset.1, self.size.1),
            width: part(state.width, width as u32, self.size.0),
            height: part(state.height, height as u32, self.size.1),
            ..*state
        }
    }
}
