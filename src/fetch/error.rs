//! Why a file of another server is not to be had, said as what would have been:
//! an Edit's author reads it after the word "expected".

use std::net::IpAddr;
use std::time::Duration;

use thiserror::Error;

use super::client::MAX_REDIRECTS;

/// Why there is no file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FetchError {
    /// Nothing is fetched at all.
    #[error("a path inside the assets folder: nothing is fetched here from other servers")]
    Off,
    /// The host is at no public address, and no allow-list names it.
    #[error("a public address: {host} is {address} ({what}), which --allow-host does not name")]
    Refused {
        /// The host.
        host: String,
        /// Where it is.
        address: IpAddr,
        /// What that is.
        what: &'static str,
    },
    /// The name of the host leads nowhere.
    #[error("a host that there is: {0} is not known")]
    NoHost(String),
    /// It cannot be connected to, or the connection broke.
    #[error("a server that can be reached: {0}")]
    Unreachable(String),
    /// It did not answer within a time.
    #[error("a file that arrives in time: {what} within {} s", .within.as_secs_f32())]
    TooSlow {
        /// What did not happen.
        what: &'static str,
        /// The time.
        within: Duration,
    },
    /// It answered with anything but a file.
    #[error("an address that is answered with a file: the answer was {0}")]
    Status(u16),
    /// It answered with something else than was asked for.
    #[error("an answer that can be read: {0}")]
    Answer(String),
    /// It sent elsewhere too often.
    #[error("an address that leads to a file: this one was redirected {} times", MAX_REDIRECTS + 1)]
    Redirects,
    /// It sent to where nobody goes.
    #[error("an address that leads to a file: this one leads to {0}")]
    Redirect(String),
    /// The file is too large.
    #[error("a file of at most {limit} bytes")]
    TooLarge {
        /// The most bytes.
        limit: u64,
    },
    /// Too much is fetched at once.
    #[error("fewer files to fetch at once: try again")]
    Busy,
    /// The folder is full of files that are in use.
    #[error("a file of fewer bytes: the folder of downloads is full of files in use")]
    NoRoom,
    /// The disk fails.
    #[error("room on a disk: {0}")]
    Disk(String),
}

impl FetchError {
    /// Whether the server may well give the file another time, and has not said that
    /// there is none: till then, what it gave before will do.
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::NoHost(_) | Self::Unreachable(_) | Self::TooSlow { .. } => true,
            Self::Status(status) => *status >= 500 || *status == 429 || *status == 408,
            _ => false,
        }
    }

    /// Whether nothing is wrong with the address: the fault is on this side.
    pub const fn is_ours(&self) -> bool {
        matches!(self, Self::Busy | Self::NoRoom | Self::Disk(_))
    }
}
