//! Timelines of other programs: read into Edits, and Edits written as theirs.

pub mod otio;
