//! Whatever is drawn here, by its own time.

use std::path::PathBuf;

use super::engine::{RasterError, RasterRequest, Rasteriser};
use super::lottie::draw_lottie;
use super::sprite::Sprite;
use super::svg::draw_svg;
use crate::digest::Digest;
use crate::time::Time;
use crate::timeline::Art;

/// Draws `art` as it looks at `time` of its own, on a transparent ground. `locate`
/// knows where the file of a digest is.
pub fn draw(
    rasteriser: &Rasteriser,
    art: &Art,
    time: Time,
    locate: &dyn Fn(&Digest) -> Result<PathBuf, String>,
) -> Result<Sprite, RasterError> {
    match art {
        Art::Markup(markup) => rasteriser.render(&RasterRequest {
            html: markup.html.clone(),
            css: markup.css.clone(),
            width: markup.width,
            height: markup.height,
            fonts: markup.fonts.clone(),
            time,
        }),
        Art::Svg(svg) => draw_svg(svg),
        Art::Lottie(lottie) => {
            let read = |asset: &Digest| locate(asset).map_err(RasterError::File);
            draw_lottie(lottie, time, &read)
        }
    }
}
