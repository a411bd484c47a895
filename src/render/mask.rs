//! What makes a layer transparent in places: mattes and wipes.

use std::sync::Arc;

use crate::media::Frame;
use crate::render::place::{Patch, Placed, Stand};
use crate::render::plane::Plane;
use crate::render::warp::Map;
use crate::timeline::state::Wipe;

/// How opaque each pixel of a frame may be.
#[derive(Clone)]
pub(super) struct Mask {
    luma: Arc<Plane>,
    chroma: Arc<Plane>,
}

impl Mask {
    /// The brightness of a frame: white keeps, black hides.
    pub fn from_frame(frame: &Frame) -> Self {
        let (width, height, stride) = frame.plane_size(0);
        let mut luma = Plane::copied((0, 0), (width, height), stride, frame.planes()[0]);
        let brightness: Vec<u8> = (0..=255u16)
            .map(|sample| {
                // Limited range: black is 16, white 235.
                let share = (f64::from(sample) - 16.0) / 219.0;
                (share.clamp(0.0, 1.0) * 255.0).round() as u8
            })
            .collect();
        for sample in &mut luma.data {
            *sample = brightness[usize::from(*sample)];
        }
        Self {
            chroma: Arc::new(luma.halved()),
            luma: Arc::new(luma),
        }
    }

    /// Makes `placed` as transparent as it says.
    pub fn apply(&self, placed: &mut Placed) {
        for (index, patch) in placed.planes.iter_mut().enumerate() {
            let plane = if index == 0 { &self.luma } else { &self.chroma };
            if let Some(patch) = patch {
                let row = |y: usize| &plane.data[y * plane.width..][..plane.width];
                multiply(patch, |x, y| row(y)[x]);
            }
        }
    }
}

/// Shows the part of `placed` that `wipe` shows of a layer standing at `stand`.
pub(super) fn wipe(placed: &mut Placed, wipe: Wipe, stand: Stand) {
    let Some(unturned) = stand.unturned() else {
        return;
    };
    for (index, patch) in placed.planes.iter_mut().enumerate() {
        let Some(patch) = patch else {
            continue;
        };
        let pixel = if index == 0 { 1.0 } else { 2.0 };
        // To shares of the layer's width.
        let to_frame = Map::scaled(pixel, pixel, pixel / 2.0, pixel / 2.0);
        let width = stand.rect.width;
        let shares = Map::scaled(1.0 / width, 1.0, -stand.rect.x / width, 0.0);
        let map = to_frame.then(unturned).then(shares);
        multiply(patch, |x, y| {
            let (u, _) = map.at(x as f64, y as f64);
            (wipe.at(u) * 255.0).round() as u8
        });
    }
}

/// Multiplies a patch, colours and alpha, by what `by` gives for each of its pixels
/// in the frame's plane.
fn multiply(patch: &mut Patch, by: impl Fn(usize, usize) -> u8) {
    let (width, height) = (patch.samples.width, patch.samples.height);
    let factors: Vec<u8> = (patch.y..patch.y + height)
        .flat_map(|y| (patch.x..patch.x + width).map(move |x| (x, y)))
        .map(|(x, y)| by(x, y))
        .collect();
    patch.samples.multiply(&factors);
    match &mut patch.alpha {
        Some(alpha) => alpha.multiply(&factors),
        None => {
            patch.alpha = Some(Plane {
                width,
                height,
                data: factors,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::picture::Picture;
    use crate::render::place::{Figure, Rect};
    use crate::timeline::state::State;

    fn white() -> Placed {
        let picture = Picture::from_rgba(16, 16, &[255; 16 * 16 * 4]);
        let figure = Figure {
            picture: &picture,
            source: Rect::sized((16, 16)),
            part: Rect::UNIT,
        };
        Placed::new(figure, Stand::of(&State::full(16, 16)), (16, 16))
    }

    fn alpha(placed: &Placed, plane: usize, x: usize, y: usize) -> u8 {
        let patch = placed.planes[plane].as_ref().expect("is seen");
        let alpha = patch.alpha.as_ref().expect("is transparent in places");
        alpha.data[(y - patch.y) * alpha.width + x - patch.x]
    }

    #[test]
    fn white_keeps_and_black_hides() {
        let mut frame = Frame::filled(16, 16, [16, 128, 128]);
        let stride = frame.layout.luma_stride();
        for row in frame.planes_mut()[0].chunks_mut(stride).take(8) {
            row.fill(235);
        }
        let mut placed = white();
        Mask::from_frame(&frame).apply(&mut placed);
        assert_eq!(
            [alpha(&placed, 0, 3, 2), alpha(&placed, 0, 3, 12)],
            [255, 0]
        );
        assert_eq!([alpha(&placed, 1, 3, 2), alpha(&placed, 1, 3, 6)], [255, 0]);
    }

    #[test]
    fn a_wipe_shows_one_side_with_a_soft_edge() {
        let mut placed = white();
        let edge = Wipe {
            none: Wipe::UNIT * 3 / 4,
            all: Wipe::UNIT / 4,
        };
        wipe(&mut placed, edge, Stand::of(&State::full(16, 16)));
        assert_eq!(
            [alpha(&placed, 0, 1, 5), alpha(&placed, 0, 14, 5)],
            [255, 0]
        );
        let middle = alpha(&placed, 0, 8, 5);
        assert!((100..156).contains(&middle), "{middle}");
    }
}
