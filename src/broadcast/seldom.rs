//! Log lines about strangers, who may come as often as they like: so many a while, and
//! then how many more there would have been.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Lines of one kind that are written in a [`WHILE`].
const LINES: u32 = 10;

/// How long a while is.
const WHILE: Duration = Duration::from_secs(10);

/// One kind of line.
#[derive(Debug, Default)]
pub(super) struct Seldom(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    since: Option<Instant>,
    lines: u32,
    left_out: u64,
}

impl Seldom {
    /// Whether a line may be written now; if so, how many were left out before it.
    pub fn may_tell(&self) -> Option<u64> {
        // Two numbers, each right by itself.
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if told.since.is_none_or(|since| now - since >= WHILE) {
            told.since = Some(now);
            told.lines = 0;
        }
        if told.lines >= LINES {
            told.left_out += 1;
            return None;
        }
        told.lines += 1;
        Some(std::mem::take(&mut told.left_out))
    }
}

/// Writes a warning about a stranger, unless there were enough of its kind: the first
/// argument counts them.
macro_rules! warn_seldom {
    ($seldom:expr, $($line:tt)+) => {
        if let Some(left_out) = $seldom.may_tell() {
            tracing::warn!(left_out, $($line)+);
        }
    };
}
pub(super) use warn_seldom;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn so_many_lines_are_written_a_while_and_the_others_are_counted() {
        let seldom = Seldom::default();
        let told = || {
            (0..1000)
                .filter_map(|_| seldom.may_tell())
                .collect::<Vec<_>>()
        };
        assert_eq!(told(), [0; LINES as usize]);
        assert!(told().is_empty());
        tokio::time::advance(WHILE).await;
        let again = told();
        assert_eq!(again.len(), LINES as usize);
        assert_eq!((again[0], again[1]), (1990, 0));
    }
}
