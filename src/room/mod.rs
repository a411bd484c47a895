//! Live rooms of an edge: who of the viewers of a stream has one of his own from
//! upstream, and how all are given one stream though it comes from several in turn.
//!
//! The first viewer of a room is its primary master: what upstream sends on his
//! request is what everybody gets. The next few are secondary masters, whose streams
//! are received and kept, and not passed on. All others are slaves, who get what the
//! primary master gets, from the last key frame. When the stream of the primary master
//! breaks off, stalls or leaves with him, another one takes over.
//!
//! Events in, commands out; frames in, frames out. No sockets, no tasks, and no clock:
//! the time is told.
//!
//! - [`Room`]: the roles, and when which stream is opened, passed on, closed.
//! - [`Splice`]: how the next stream goes on where the last one broke off.
//! - [`Standby`]: what is kept of a stream that is not passed on.
//! - [`Missing`]: streams that were asked for lately and are not there.

mod command;
mod config;
mod missing;
mod splice;
mod standby;
mod state;
mod tail;
mod upstream;

pub use command::{Command, Event, Generation, Reason, UpstreamId, ViewerId, Why};
pub use config::RoomConfig;
pub use missing::{MAX_MISSING, Missing};
pub use splice::{Splice, lead};
pub use standby::{KEPT_MS, Standby};
pub use state::{Closed, MasterReport, Role, Room, RoomReport, RoomState};
pub use tail::{FrameId, MAX_TAIL_FRAMES};
pub use upstream::Flow;
