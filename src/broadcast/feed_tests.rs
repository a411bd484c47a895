use bytes::Bytes;

use super::*;
use crate::cmaf::{Colours, VideoConfig, VideoTrack};

const TAKEN: UnixMillis = UnixMillis(1_790_000_000_000);

fn tracks() -> Vec<(LiveTrack, Track)> {
    let track = Track::Video(VideoTrack {
        timescale: 90_000,
        width: 16,
        height: 16,
        config: VideoConfig::Avc(Bytes::from_static(b"record")),
        colours: Colours::BT709,
    });
    vec![(LiveTrack::Video, track)]
}

fn feed(packets: usize) -> Arc<Feed> {
    let feed = Feed::new(GopLimits {
        packets,
        ..GopLimits::default()
    });
    Arc::new(feed)
}

/// Picture number `at`, 40 ms after the one before.
fn picture(feed: &Feed, at: i64, sync: bool) {
    feed.push(LiveFrame {
        track: LiveTrack::Video,
        decode_time: at * 3600,
        composition_offset: 0,
        sync,
        data: Bytes::from_static(b"data"),
    });
}

/// What a reader gets at once: pictures by their numbers, setups as -1.
fn read(reader: &mut Reader) -> Vec<i64> {
    let mut all = Vec::new();
    while let Ok(Some(pushed)) = reader.ready() {
        all.push(match pushed {
            Pushed::Setup(_) => -1,
            Pushed::Packet(packet) => packet.frame().decode_time / 3600,
        });
    }
    all
}

#[test]
fn a_reader_begins_with_a_setup_and_a_key_frame() {
    let feed = feed(100);
    let mut early = feed.join();
    feed.begin(tracks(), TAKEN);
    assert!(read(&mut early).is_empty());
    picture(&feed, 0, false);
    picture(&feed, 1, true);
    picture(&feed, 2, false);
    assert_eq!(read(&mut early), [-1, 1, 2]);
    assert_eq!(read(&mut feed.join()), [-1, 1, 2]);
    picture(&feed, 3, true);
    assert_eq!(read(&mut feed.join()), [-1, 3]);
    assert_eq!(read(&mut early), [3]);
    assert_eq!(read(&mut feed.from_beginning()), [-1, 1, 2, 3]);
}

#[test]
fn another_stretch_is_another_setup() {
    let feed = feed(100);
    feed.begin(tracks(), TAKEN);
    picture(&feed, 0, true);
    let mut reader = feed.join();
    assert_eq!(read(&mut reader), [-1, 0]);
    feed.pause();
    // Who comes while nobody publishes waits for what is new.
    let mut late = feed.join();
    assert!(read(&mut late).is_empty());
    feed.begin(tracks(), TAKEN);
    picture(&feed, 1, false);
    picture(&feed, 2, true);
    assert_eq!(read(&mut reader), [-1, 2]);
    assert_eq!(read(&mut late), [-1, 2]);
}

#[test]
fn a_slow_reader_goes_on_at_the_newest_key_frame_and_is_cut_off_at_last() {
    let feed = feed(4);
    feed.begin(tracks(), TAKEN);
    let mut slow = feed.join();
    let mut quick = feed.join();
    let mut at = 0;
    for round in 1..=MAX_SKIPS {
        for index in 0..6 {
            picture(&feed, at, index % 3 == 0);
            at += 1;
            assert!(read(&mut quick).contains(&(at - 1)));
        }
        // It has fallen out of the ring but for the first time, when it joined as
        // nothing was there.
        assert_eq!(read(&mut slow).last(), Some(&(at - 1)), "round {round}");
    }
    assert_eq!(slow.skips(), MAX_SKIPS);
    (0..6).for_each(|index| picture(&feed, at + index, true));
    assert_eq!(slow.ready().err(), Some(Ended::TooSlow));
    assert_eq!(quick.skips(), 0);
}

#[test]
fn a_frame_is_said_to_last_as_long_as_the_one_before_it() {
    let feed = feed(100);
    feed.begin(tracks(), TAKEN);
    let mut reader = feed.join();
    picture(&feed, 0, true);
    picture(&feed, 2, false);
    // A clock that trembles.
    picture(&feed, 2, false);
    let mut lasted = Vec::new();
    while let Ok(Some(pushed)) = reader.ready() {
        if let Pushed::Packet(packet) = pushed {
            lasted.push(packet.duration());
        }
    }
    assert_eq!(lasted, [3600, 7200, 7200]);
}

#[tokio::test]
async fn a_reader_waits_and_is_told_of_the_end() {
    let feed = feed(100);
    feed.begin(tracks(), TAKEN);
    let mut reader = feed.join();
    let waiting = tokio::spawn(async move {
        let mut count = 0;
        while reader.next().await.is_ok() {
            count += 1;
        }
        (count, reader.next().await.err())
    });
    tokio::task::yield_now().await;
    picture(&feed, 0, true);
    tokio::task::yield_now().await;
    feed.close();
    assert_eq!(waiting.await.expect("it ends"), (2, Some(Ended::Over)));
}
