//! When a message that did not arrive is sent again.

use std::time::Duration;

/// How often a message is sent at most.
pub const MAX_ATTEMPTS: u32 = 10;

/// The longest wait before another attempt.
pub const MAX_WAIT: Duration = Duration::from_secs(900);

/// How long after `failed` attempts the next one follows: the cube of its number in
/// seconds, so 8 s after the first, bounded. `None` if there is no next one.
pub fn wait_after(failed: u32) -> Option<Duration> {
    let next = failed.checked_add(1)?;
    if next > MAX_ATTEMPTS {
        return None;
    }
    let wait = Duration::from_secs(u64::from(next).pow(3));
    Some(wait.min(MAX_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_with_the_cube_of_the_attempt_for_three_quarters_of_an_hour() {
        let waits: Vec<u64> = (1..MAX_ATTEMPTS)
            .map(|failed| wait_after(failed).expect("another").as_secs())
            .collect();
        assert_eq!(waits, [8, 27, 64, 125, 216, 343, 512, 729, 900]);
        assert_eq!(waits.iter().sum::<u64>() / 60, 48);
        assert_eq!(wait_after(MAX_ATTEMPTS), None);
        assert_eq!(wait_after(u32::MAX), None);
    }
}
