//! Shapes to pixels.
//!
//! The markup is the normal form of [`Svg`]: nothing in it refers to anything else.
//! Should it do so after all, nothing is fetched.

use std::panic::{AssertUnwindSafe, catch_unwind};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{ImageHrefResolver, Options, Tree};

use super::engine::{RasterError, check_size};
use super::sprite::Sprite;
use crate::timeline::Svg;

/// Draws `svg` on a transparent ground, so that it fills its box.
pub fn draw_svg(svg: &Svg) -> Result<Sprite, RasterError> {
    let Svg {
        markup,
        width,
        height,
    } = svg;
    check_size(*width, *height)?;
    // What it does with odd markup is not in our hands, as with all rasterisers.
    catch_unwind(AssertUnwindSafe(|| draw(markup, *width, *height)))
        .unwrap_or_else(|_| Err(RasterError::Draw("the rasteriser panicked".to_owned())))
}

fn draw(markup: &str, width: u32, height: u32) -> Result<Sprite, RasterError> {
    let failed = |what: String| RasterError::Draw(what);
    let options = Options {
        resources_dir: None,
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(|_, _, _| None),
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    };
    let tree = Tree::from_str(markup, &options).map_err(|error| failed(error.to_string()))?;
    let mut pixmap = Pixmap::new(width, height).ok_or(RasterError::Size { width, height })?;
    let scale = Transform::from_scale(
        width as f32 / tree.size().width(),
        height as f32 / tree.size().height(),
    );
    resvg::render(&tree, scale, &mut pixmap.as_mut());
    Sprite::from_premultiplied(width, height, pixmap.take())
        .ok_or_else(|| failed("pixels are missing".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(markup: &str, width: u32, height: u32) -> Sprite {
        draw_svg(&Svg {
            markup: markup.into(),
            width,
            height,
        })
        .expect("draws")
    }

    fn pixel(sprite: &Sprite, x: u32, y: u32) -> [u8; 4] {
        let at = (y * sprite.width() + x) as usize * 4;
        sprite.rgba()[at..at + 4].try_into().expect("four")
    }

    #[test]
    fn a_drawing_fills_its_box_and_is_crisp_at_any_size() {
        let half = r##"<svg xmlns="http://www.w3.org/2000/svg" width="2" height="1"><rect width="1" height="1" fill="#ff0000"/></svg>"##;
        for (width, height) in [(2, 1), (200, 100), (100, 100)] {
            let sprite = drawn(half, width, height);
            assert_eq!(pixel(&sprite, width / 2 - 1, height - 1), [255, 0, 0, 255]);
            assert_eq!(pixel(&sprite, width / 2, 0), [0, 0, 0, 0], "{width}");
        }
    }

    #[test]
    fn edges_are_smooth_and_gradients_go_over() {
        let circle = r##"<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><circle cx="10" cy="10" r="8" fill="#fff"/></svg>"##;
        let sprite = drawn(circle, 20, 20);
        let partly = sprite.rgba().chunks(4).filter(|p| p[3] > 0 && p[3] < 255);
        assert!(partly.count() > 20);
        let gradient = r##"<svg xmlns="http://www.w3.org/2000/svg" width="256" height="1"><defs><linearGradient id="g"><stop offset="0" stop-color="#000"/><stop offset="1" stop-color="#fff"/></linearGradient></defs><rect width="256" height="1" fill="url(#g)"/></svg>"##;
        let sprite = drawn(gradient, 256, 1);
        let middle = pixel(&sprite, 128, 0)[0];
        assert!((126..=130).contains(&middle), "{middle}");
    }

    #[test]
    fn what_cannot_be_drawn_says_why() {
        let svg = |markup: &str, width| Svg {
            markup: markup.into(),
            width,
            height: 5,
        };
        assert!(matches!(
            draw_svg(&svg("<svg", 5)),
            Err(RasterError::Draw(_))
        ));
        assert!(matches!(
            draw_svg(&svg("<svg/>", 0)),
            Err(RasterError::Size { width: 0, .. })
        ));
    }
}
