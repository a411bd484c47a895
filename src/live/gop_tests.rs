use bytes::Bytes;

use super::*;
use crate::live::packet::Setup;
use crate::live::{LiveFrame, LiveTrack};
use crate::playlist::UnixMillis;

fn setup() -> Arc<Setup> {
    Arc::new(Setup::new(Vec::new(), UnixMillis(0)))
}

/// A picture of `size` bytes.
fn picture(setup: &Arc<Setup>, sync: bool, size: usize) -> Packet {
    let frame = LiveFrame {
        track: LiveTrack::Video,
        decode_time: 0,
        composition_offset: 0,
        sync,
        data: Bytes::from(vec![0; size]),
    };
    Packet::new(Arc::clone(setup), frame, 1)
}

/// Packets that a reader at `position` gets at once, by their sizes; skips as 0.
fn sizes(gop: &GopCache, position: &mut Position) -> Vec<usize> {
    let mut sizes = Vec::new();
    loop {
        match gop.read(position) {
            Next::Packet(packet) => sizes.push(packet.len()),
            Next::Skipped => sizes.push(0),
            Next::Nothing => return sizes,
        }
    }
}

fn limited(bytes: usize, packets: usize) -> GopCache {
    GopCache::new(GopLimits { bytes, packets })
}

#[test]
fn who_comes_new_begins_at_the_last_key_frame() {
    let (mut gop, setup) = (limited(1000, 1000), setup());
    assert!(sizes(&gop, &mut gop.join()).is_empty());
    for (sync, size) in [(true, 1), (false, 2), (true, 3), (false, 4)] {
        gop.push(picture(&setup, sync, size));
    }
    assert_eq!(sizes(&gop, &mut gop.join()), [3, 4]);
    assert_eq!(sizes(&gop, &mut gop.beginning()), [1, 2, 3, 4]);
    assert_eq!(gop.ready_to_join(), 2);
}

#[test]
fn a_reader_whose_packets_are_gone_goes_on_at_the_last_key_frame() {
    let (mut gop, setup) = (limited(12, 1000), setup());
    gop.push(picture(&setup, true, 1));
    let mut reader = gop.join();
    for (sync, size) in [(false, 2), (true, 3), (false, 4), (false, 5)] {
        gop.push(picture(&setup, sync, size));
    }
    // 3, 4 and 5 are what there is room for.
    assert_eq!(gop.bytes(), 12);
    assert_eq!(sizes(&gop, &mut reader), [0, 3, 4, 5]);
    // One that keeps up never notices.
    gop.push(picture(&setup, true, 6));
    assert_eq!(sizes(&gop, &mut reader), [6]);
}

#[test]
fn a_group_of_pictures_without_room_lets_nobody_begin_before_the_next() {
    let (mut gop, setup) = (limited(10, 1000), setup());
    gop.push(picture(&setup, true, 4));
    gop.push(picture(&setup, false, 4));
    gop.push(picture(&setup, false, 4));
    assert_eq!(gop.ready_to_join(), 0);
    let mut reader = gop.join();
    assert!(sizes(&gop, &mut reader).is_empty());
    gop.push(picture(&setup, true, 5));
    assert_eq!(sizes(&gop, &mut reader), [5]);
}

#[test]
fn packets_are_counted_too() {
    let (mut gop, setup) = (limited(1000, 3), setup());
    (1..=5).for_each(|size| gop.push(picture(&setup, true, size)));
    assert_eq!(sizes(&gop, &mut gop.beginning()), [3, 4, 5]);
}

#[test]
fn nobody_begins_with_what_another_setup_is_for() {
    let (mut gop, first) = (limited(1000, 1000), setup());
    gop.push(picture(&first, true, 1));
    let second = setup();
    gop.push(picture(&second, false, 2));
    assert_eq!(gop.ready_to_join(), 0);
    gop.push(picture(&second, true, 3));
    assert_eq!(sizes(&gop, &mut gop.join()), [3]);
}

#[test]
fn what_is_over_is_read_to_its_end_but_not_begun_with() {
    let (mut gop, setup) = (limited(1000, 1000), setup());
    gop.push(picture(&setup, true, 1));
    let mut reader = gop.join();
    gop.push(picture(&setup, false, 2));
    gop.nobody_joins();
    assert!(sizes(&gop, &mut gop.join()).is_empty());
    assert_eq!(sizes(&gop, &mut reader), [1, 2]);
}
