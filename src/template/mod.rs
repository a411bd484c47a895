//! The template language: Edit JSON and merge data in, a [`Timeline`] out.
//!
//! [`merge`] fills in the data, [`edit`] reads and checks the document,
//! [`bind`] puts it together with what is known of its files. Errors name the
//! field, its value and what is allowed. No file is touched here.
//!
//! [`Timeline`]: crate::timeline::Timeline

pub mod asset;
pub mod bind;
pub mod clip;
mod condition;
pub mod cursor;
pub mod edit;
pub mod error;
mod generated;
mod known;
pub mod lottie;
pub mod markup;
pub mod merge;
pub mod output;
pub mod richtext;
pub mod role;
pub mod scenes;
mod shape;
pub mod source;
mod svg;
mod tween;
pub mod variant;
pub mod vector;

pub mod caption;
mod title;
