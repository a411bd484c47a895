//! Text, markup and still pictures to pixels.
//!
//! A sprite is a pure function of its request: the markup, the size and the
//! faces by the digest of their bytes. No font of the machine ever takes part
//! unless it is named. What does not belong here: where a sprite stands in the
//! frame, and when (`render`).

pub mod art;
pub mod engine;
pub mod face;
pub mod fonts;
pub mod lottie;
pub mod picture;
pub mod sprite;
pub mod svg;
pub mod visible;
mod webfont;

pub use self::art::draw;
pub use self::engine::{RASTERISER_VERSION, RasterError, RasterRequest, Rasteriser};
pub use self::face::FontError;
pub use self::fonts::{FontCatalogue, FontRequest, FontSelection, OwnFont, SYSTEM_FONTS};
pub use self::lottie::probe_lottie;
pub use self::picture::{PictureError, decode_picture, probe_picture, read_picture};
pub use self::sprite::Sprite;
