//! The template: an Edit as it is written, and what it asks for.

pub mod markup;
pub mod richtext;
