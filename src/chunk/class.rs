//! Who else may ask for a chunk.

/// Chunks of one class are asked for again about as often; what is kept of them
/// is decided, and counted, by class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReuseClass {
    /// What all recipients of a template see or hear.
    #[default]
    Shared,
    /// What one recipient's data shows in.
    Personal,
    /// What nobody can ask for when this process has ended: a segment of a live stream.
    Transient,
}

impl ReuseClass {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Shared, Self::Personal, Self::Transient];

    /// The word for it in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Personal => "personal",
            Self::Transient => "transient",
        }
    }
}
