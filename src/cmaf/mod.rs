//! CMAF: the boxes in which chunks are stored and served (ISO/IEC 14496-12,
//! ISO/IEC 23000-19), and the joining of chunks into a progressive MP4.
//!
//! Pure: bytes and numbers in, bytes and numbers out. Reading files, encoding
//! and deciding where parts begin do not belong here.
//!
//! Invariants: every file of a rendition holds one track with id 1, so any of its
//! init segments fits any of its parts; a part's decode time and sequence number
//! stand at fixed offsets, so that the same stored part can be placed anywhere
//! on a timeline in constant time.

mod beginning;
mod codec;
mod elementary;
mod entry;
mod fragment;
mod init;
mod progressive;
mod read;
mod retime;
mod segment_type;
mod tables;
mod track;

use thiserror::Error;

pub use codec::{AudioConfig, Colours, VideoConfig, codec_string};
pub use elementary::Elementary;
pub use fragment::{DECODE_TIME_OFFSET, SEQUENCE_OFFSET, Sample, fragment, fragment_of_track};
pub use init::{init_of_tracks, init_segment};
pub use progressive::{Extent, MAX_MOVIE_SAMPLES, Progressive, ProgressiveTrack, progressive};
pub use read::{SampleInfo, decode_time, read_fragment};
pub use retime::{Retimed, placed, retime, retimed, unplace};
pub use segment_type::SEGMENT_TYPE;
pub use track::{AudioTrack, Track, VideoTrack};

/// The most samples one part may hold: more than a minute of video at
/// 240 frames a second, where a part lasts about half a second.
pub const MAX_SAMPLES: usize = 16_384;

/// The most bytes one part may have. Parts are held whole in memory; half a
/// second at this size would be 4 Gbit/s.
pub const MAX_FRAGMENT_BYTES: usize = 256 << 20;

/// Why boxes could not be written, read or moved.
#[derive(Debug, Error)]
pub enum CmafError {
    /// A track description that no sample entry can be made of.
    #[error("track {field} is {value}: expected {expected}")]
    Track {
        /// The field of the track.
        field: &'static str,
        /// What it holds.
        value: String,
        /// What it may hold.
        expected: &'static str,
    },
    /// Nothing to write: a part or a movie holds at least one sample.
    #[error("there are no samples: expected at least one")]
    Empty,
    /// More samples than a part or a movie may hold.
    #[error("there are {count} samples: expected at most {max}")]
    TooManySamples {
        /// How many there are.
        count: usize,
        /// How many there may be.
        max: usize,
    },
    /// More bytes than a part may have.
    #[error("the part has {bytes} bytes: expected at most {max}")]
    TooLarge {
        /// How many there are.
        bytes: usize,
        /// How many there may be.
        max: usize,
    },
    /// A part that was not written as parts are written here, or not whole.
    #[error("not a whole CMAF part: expected {expected} at byte {offset}")]
    Foreign {
        /// What should be there.
        expected: &'static str,
        /// Where it should be.
        offset: usize,
    },
    /// A time beyond what its field can hold.
    #[error("{what} does not fit in its field")]
    Overflow {
        /// Which time.
        what: &'static str,
    },
    /// A box that could not be written or read.
    #[error("box: {0}")]
    Box(#[from] mp4_atom::Error),
}
