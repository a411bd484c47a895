//! Channels: live streams that this server plays, a list of videos in a loop or by a
//! schedule.
//!
//! What is on at a moment follows from the definition and the clock alone, and so do
//! the numbers of segments and the seams between encodings: a server that was
//! restarted goes on as if it had never been away. Nothing here remembers how far a
//! channel is.
//!
//! - [`definition`]: what a channel plays, as it is asked for, checked.
//! - [`reel`]: one video of it, cut into segments.
//! - [`programme`]: which segment of which video is on when, and by which number.
//! - [`cut`]: the frames of a segment, taken out of chunks, and its parts.
//!
//! Pure: no tasks, no clock, no files. Who renders and who publishes is decided by
//! those above.

pub mod cut;
pub mod definition;
pub mod programme;
pub mod reel;

pub use definition::{Definition, DefinitionError, Entry, Item, Rendering, Schedule};
pub use programme::{FIRST_NUMBER, Length, Programme, Slot};
pub use reel::{ChunkUse, Reel, Sound};
