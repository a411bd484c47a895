//! OpenTimelineIO: cuts of editing programs in, as Edits; Edits out, for these programs.
//!
//! [`import()`] reads a file into what it says (`read`, `schema`), lays nested timelines out
//! flat (`flatten`), finds each clip's file (`target`) and writes the Edit. [`export()`] goes the other
//! way. What OTIO has no words for travels in its `metadata.loomcast`, and is taken
//! back from there (`own`) as far as the rest of the file still agrees with it.
//!
//! Why no crate: `opentimelineio` is a placeholder without code, `tellers-timeline-core` and
//! `oximedia-edl` keep times as floating seconds or read an edit list's worth of the schemas, and
//! none says where in a file a mistake is. OTIO is JSON of a dozen shapes; exact times and
//! pointers in errors are what matters here.

mod build;
mod clips;
mod export;
mod fades;
mod flatten;
mod import;
mod lanes;
mod own;
mod rational;
mod read;
mod reference;
mod schema;
mod sequence;
mod target;
mod text;

#[cfg(test)]
mod tests;

pub use export::{Exported, export};
pub use import::{Import, Imported, import};
pub use rational::rate_named;
pub use text::parse;

/// The largest file, in bytes.
pub const MAX_BYTES: usize = 64 << 20;

/// The most clips, gaps, transitions, tracks and stacks of a file.
pub const MAX_ITEMS: usize = 100_000;

/// How deep tracks and stacks may be in one another.
pub const MAX_DEPTH: usize = 24;

/// What the metadata that is ours is called.
const OURS: &str = "loomcast";
