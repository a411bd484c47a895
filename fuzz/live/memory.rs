//! How much memory something holds.

/// Does `what`, which may hold so many bytes at a time.
///
/// # Panics
///
/// If it holds more.
pub fn within<T>(most: usize, what: impl FnOnce() -> T) -> T {
    let mut done = None;
    let told = allocation_counter::measure(|| done = Some(what()));
    assert!(
        told.bytes_max <= most as u64,
        "it held {} bytes: expected at most {most}",
        told.bytes_max
    );
    done.expect("it was done")
}
