//! Why something had to be fetched.

use serde::{Deserialize, Serialize};

/// Why a request for what may be kept found nothing.
///
/// The first two are met by every object once, whatever the cache does; the others are
/// what the cache might have been spared. So the fetches of the others are, over a time from
/// the start of a cache, exactly what observed and maximum offload differ by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Cause {
    /// It was never there, as far as is remembered.
    Cold,
    /// It was never there under this key, but the same bytes were under another:
    /// the key tells apart what is the same.
    Fragmented,
    /// It had to go for others.
    Evicted,
    /// It was not kept when it was there: the policy did not want it, or not yet.
    NotAdmitted,
    /// It was kept as long as it might be.
    Expired,
    /// It was removed because something it is made of changed, or by hand.
    Purged,
    /// It was found damaged.
    Damaged,
    /// It was to be there and was not.
    Lost,
    /// The fetch before failed.
    Failed,
    /// The fetch before was given up, as nobody waited for it any more.
    Abandoned,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Cold,
        Self::Fragmented,
        Self::Evicted,
        Self::NotAdmitted,
        Self::Expired,
        Self::Purged,
        Self::Damaged,
        Self::Lost,
        Self::Failed,
        Self::Abandoned,
    ];

    /// The word for it in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Fragmented => "fragmented",
            Self::Evicted => "evicted",
            Self::NotAdmitted => "not_admitted",
            Self::Expired => "expired",
            Self::Purged => "purged",
            Self::Damaged => "damaged",
            Self::Lost => "lost",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
        }
    }

    /// Whether it was fetched before: what a perfect cache would not have asked for.
    pub const fn is_repeat(self) -> bool {
        !matches!(self, Self::Cold | Self::Fragmented)
    }

    /// The cause of this number, if there is one.
    pub const fn of_number(number: u8) -> Option<Self> {
        match number as usize {
            at if at < Self::ALL.len() => Some(Self::ALL[at]),
            _ => None,
        }
    }
}
