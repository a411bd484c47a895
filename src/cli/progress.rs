//! A progress bar on a terminal, nothing in a pipe.

use std::borrow::Cow;
use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar of `length` steps.
pub(super) fn bar(length: u64, what: impl Into<Cow<'static, str>>) -> ProgressBar {
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let style =
        ProgressStyle::with_template("{msg:>10} {wide_bar} {pos}/{len}  {elapsed} ({eta} left)");
    let bar = ProgressBar::with_draw_target(Some(length), target).with_message(what);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// A bar of so many bytes.
pub(super) fn bytes(length: u64, what: impl Into<Cow<'static, str>>) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{msg:>10} {wide_bar} {bytes}/{total_bytes}  {elapsed} ({eta} left)",
    );
    match style {
        Ok(style) => bar(length, what).with_style(style),
        Err(_) => bar(length, what),
    }
}

/// User and system CPU time of this process so far, in seconds.
#[cfg(feature = "media")]
pub(super) fn cpu_seconds() -> f64 {
    // Utime and stime are fields 14 and 15 of proc(5)'s stat, counted after
    // the command's name, which may hold anything but ends with the last `)`.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}
