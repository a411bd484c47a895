//! Live streams on their way in: from what an encoder sends to the segments and
//! parts of low-latency HLS.
//!
//! Bytes and frames in, events and segments out: no sockets, no clock, no tasks.
//! Who may publish, where bytes are kept and who waits for them is decided by
//! those above.
//!
//! In the order of the way:
//!
//! - [`rtmp`]: an encoder that publishes, from its first byte to its last.
//! - [`srt`]: what one says by SRT of the stream that it publishes.
//! - [`flv`]: the bodies of tags, read; tags and the head of a file, written.
//! - [`demux`]: tags to tracks and frames; where a stretch of them begins.
//! - [`ts`]: MPEG transport streams to the same.
//! - [`other_sound`]: sound that is turned into AAC before it is published.
//! - [`Segmenter`]: frames to parts and segments; [`PartTarget`]: how long parts are.
//! - [`ladder`]: the smaller sizes in which a stream is offered; [`rung`]: their pictures
//!   to parts and segments.
//! - [`gop`]: the newest packets, for those who are pushed a stream; [`packet`]: what
//!   they look like on the wire.
//! - [`dictionary`]: what those say who give a stream, take one, or work on it.
//! - [`rates`]: how a stream comes; [`bandwidth`]: what its tracks take of a line.
//! - [`source`]: where a stream is pulled from.
//! - [`window`]: the newest segments of a track, and their playlists.
//! - [`join`]: which request for a playlist waits, and for what; [`viewers`]: who asks;
//!   [`presence`]: how many ask.

mod av1;
pub mod bandwidth;
mod clock;
mod cutter;
pub mod demux;
mod describe;
pub mod dictionary;
pub mod flv;
mod frame;
pub mod gop;
mod hevc;
pub mod join;
pub mod ladder;
mod opus;
pub mod other_sound;
pub mod packet;
mod part_target;
pub mod presence;
pub mod rates;
pub mod rtmp;
pub mod rung;
mod segmenter;
pub mod source;
pub mod srt;
mod stretch;
pub mod ts;
pub mod viewers;
pub mod window;

pub use describe::DescribeError;
pub use frame::{LiveFrame, LiveTrack, milliseconds};
pub use part_target::{PART_RANGE_MS, PartTarget, PartTargetError};
pub use segmenter::{Clocks, Cut, Cutting, Ending, Segmenter};
