//! `lottie`: an animation of shapes, from a file. Other renderers of the Edit format
//! do not know it.

use crate::template::asset::{self, Source};
use crate::template::cursor::Object;
use crate::template::error::EditError;
use crate::timeline::Speed;

/// `lottie`
#[derive(Clone, Debug, PartialEq)]
pub struct LottieAsset {
    /// Its file: Lottie JSON, or a dotLottie archive.
    pub src: Source,
    /// Whether it begins anew at its end; else its last picture is held.
    pub repeats: bool,
    /// How fast it is played.
    pub speed: Speed,
}

/// Reads the members of a `lottie` asset.
pub(super) fn read(object: &Object) -> Result<LottieAsset, EditError> {
    Ok(LottieAsset {
        src: asset::source(object)?,
        repeats: object.flag("loop")?,
        speed: object.number("speed", Speed::RANGE, 1.0).map(Speed::new)?,
    })
}
