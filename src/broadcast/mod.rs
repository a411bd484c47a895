//! Live streams on the air: who publishes what, and what players get of it.
//!
//! Frames come in through a [`Publisher`], are cut by [`crate::live`], and their
//! segments are fragments of the one cache, as chunks of rendered video are: a
//! player that asks for an open segment follows it, a complete one is found in
//! memory or on disk.
//!
//! A stream has one publisher at a time. When it goes, the stream waits for it to
//! come back: numbers go on, after a discontinuity. Only then does it end.

mod audience;
mod caster;
mod connections;
pub mod dictionary;
mod feed;
pub mod gate;
pub mod hooks;
mod hub;
mod intake;
mod joins;
mod ladder;
mod listen;
mod made;
mod publisher;
pub mod pulls;
mod recorder;
pub mod rtmp;
mod seldom;
mod shelf;
mod snapshot;
pub mod srt;
mod stream;
mod turning;

pub use audience::{Audience, AudienceReport, PushProtocol, Viewer};
pub use caster::{Begins, Caster, Reservation};
pub use connections::{Connection, Connections, Door, Entry};
pub use feed::{Ended, Feed, MAX_SKIPS, Pushed, Reader};
pub use hub::{Hub, HubConfig, MAX_NAME_BYTES, Origin, Outage, PublishError, check_name};
pub use joins::{Joins, JoinsReport, Waiting};
pub use ladder::{LadderReport, MAX_LADDERS, MadePicture, OpenRungs, RungMaker};
pub use made::OtherSound;
pub use publisher::{Leaving, PublishedTrack, Publisher, PublishingError, now};
pub use recorder::{
    MAX_RECORDINGS, RecordedFile, Recorder, RecordingReport, RecordingState, StartError,
};
pub use snapshot::{Snapshot, Text};
pub use stream::{LiveStream, Offer, Sought, StreamReport, StreamStatus};
pub use turning::{MAX_TURNED, OpenTurner, Turner, TurningError, turned_frame};
