//! As many open files as the system lets a process have: a viewer of a live stream is one at
//! least, and players of low-latency HLS are up to four.

/// Fewer than that are told of: they are enough for about a thousand viewers.
const FEW: u64 = 4_096;

/// Raises what this process may have from what it was given to what it may be given.
pub(super) fn raise() {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) if limit < FEW => tracing::warn!(
            limit,
            "few open files are allowed, and each connection is one: raise the hard limit \
             (ulimit -Hn, LimitNOFILE=)"
        ),
        Ok(limit) => tracing::debug!(limit, "open files"),
        Err(error) => tracing::warn!(%error, "the limit of open files stays as it is"),
    }
}
