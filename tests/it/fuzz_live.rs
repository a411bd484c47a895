//! Whatever comes of a live stream, reading it never panics, holds no more memory than it
//! is said to, and gives out every frame of a whole stream once and in order.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::choices::Choices;
use crate::fuzz::runs;
use crate::live_streams::{Target, dictionary, flv, rtmp, segments, ts};

/// Streams tried of each kind, unless `LOOMCAST_FUZZ_RUNS` says otherwise.
const RUNS: u64 = 1_000;

fn tried(target: Target) {
    for seed in 0..runs(RUNS) {
        let run = || target(&mut Choices::seeded(seed));
        assert!(catch_unwind(AssertUnwindSafe(run)).is_ok(), "seed {seed}");
    }
}

#[test]
fn what_encoders_send_by_rtmp_comes_out_tag_by_tag_and_nothing_else_does_harm() {
    tried(rtmp::run);
}

#[test]
fn tags_of_flv_come_out_frame_by_frame_and_nothing_else_does_harm() {
    tried(flv::run);
}

#[test]
fn transport_streams_come_out_frame_by_frame_and_nothing_else_does_harm() {
    tried(ts::run);
}

#[test]
fn requests_to_the_dictionary_are_read_as_written_and_nothing_else_does_harm() {
    tried(dictionary::run);
}

#[test]
fn frames_are_cut_into_segments_once_and_in_order_whatever_their_times() {
    tried(segments::run);
}
