//! Channels on the air: videos that are rendered, played as live streams.
//!
//! ```text
//! definition ─ planned ─► Show: what is on when (crate::channel), of which chunks
//!                           │
//!   clock ──► air ──────────┤ asks ahead for chunks ◄── delivery: cache, else render
//!              └─► Caster ──► live stream, as those of encoders
//! viewer's data ─ planned ─► the chunks that differ; their segments in the place of the others
//! ```
//!
//! A channel is asked for nothing that its clock does not: a chunk that comes too late is a
//! gap in both tracks, and what follows is on in time. Chunks are those of videos, so what
//! was played before, or is in another channel or video, is not rendered again.

mod air;
mod channel;
mod due;
mod error;
mod kept;
mod registry;
mod segment;
mod show;
mod viewer;
mod viewers;

pub use channel::{Channel, ChannelReport, EntryReport, Status};
pub use error::CastError;
pub use registry::{Channels, MAX_CHANNELS};
pub use viewer::{Viewer, Watched};
pub use viewers::{MAX_VIEWERS, MAX_WATCHED};
