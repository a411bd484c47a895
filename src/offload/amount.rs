//! Traffic in its three units.

use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

/// So much traffic: requests, the bytes that they were for, and what making those
/// takes. All counts saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// Requests; of what was fetched, fetches; of what is distinct, objects.
    pub requests: u64,
    /// Bytes.
    pub bytes: u64,
    /// Milliseconds of a render thread.
    pub render_ms: u64,
}

impl Amount {
    /// `requests` requests for an object of `size`.
    pub const fn of(requests: u64, size: Size) -> Self {
        Self {
            requests,
            bytes: requests.saturating_mul(size.bytes as u64),
            render_ms: requests.saturating_mul(size.render_ms as u64),
        }
    }

    /// The part of it in `unit`.
    pub const fn in_unit(&self, unit: Unit) -> u64 {
        match unit {
            Unit::Requests => self.requests,
            Unit::Bytes => self.bytes,
            Unit::Render => self.render_ms,
        }
    }

    /// Whether there was nothing.
    pub const fn is_nothing(&self) -> bool {
        self.requests == 0
    }
}

impl Add for Amount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            bytes: self.bytes.saturating_add(other.bytes),
            render_ms: self.render_ms.saturating_add(other.render_ms),
        }
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::iter::Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), Add::add)
    }
}

/// What one object weighs. Half the size of an [`crate::policy::Weight`], as thousands
/// are kept; no chunk is longer than 4 GiB or takes longer than 49 days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Its bytes.
    pub bytes: u32,
    /// Milliseconds of a render thread that making it takes.
    pub render_ms: u32,
}

impl Size {
    /// A size; what does not fit is as large as can be.
    pub fn new(bytes: u64, render_ms: u64) -> Self {
        Self {
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
            render_ms: u32::try_from(render_ms).unwrap_or(u32::MAX),
        }
    }

    /// The larger of each.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.max(other.bytes),
            render_ms: self.render_ms.max(other.render_ms),
        }
    }
}

/// What offload is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Requests that the origin is spared.
    Requests,
    /// Bytes that it need not send.
    Bytes,
    /// Time of render threads that it need not spend.
    Render,
}

impl Unit {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Requests, Self::Bytes, Self::Render];

    /// The word for it in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Bytes => "bytes",
            Self::Render => "render",
        }
    }
}
