use super::super::splice::tests::{Broadcast, tracks};
use super::*;

const LIMITS: GopLimits = GopLimits {
    bytes: 1 << 20,
    packets: 10_000,
};

/// What stands by, when viewers were given `given` of a stream and it has come on by
/// `heard`.
fn standby(
    frames: &[LiveFrame],
    given: usize,
    heard: usize,
    limits: GopLimits,
) -> (Splice, Standby) {
    let mut splice = Splice::default();
    let mut standby = Standby::new(limits);
    splice.push(Demuxed::Begin(tracks(true, b"a")));
    standby.push(Demuxed::Begin(tracks(true, b"a")), &splice);
    for (index, frame) in frames.iter().enumerate().take(given.max(heard)) {
        if index < given {
            splice.push(Demuxed::Frame(frame.clone()));
        }
        if index < heard {
            standby.push(Demuxed::Frame(frame.clone()), &splice);
        }
    }
    (splice, standby)
}

fn pictures(all: &[Demuxed]) -> Vec<String> {
    let picture = |demuxed: &Demuxed| match demuxed {
        Demuxed::Frame(frame) if frame.track == LiveTrack::Video => {
            Some(String::from_utf8_lossy(&frame.data).into_owned())
        }
        _ => None,
    };
    all.iter().filter_map(picture).collect()
}

#[test]
fn one_group_of_pictures_is_kept_of_a_stream_that_stands_by() {
    let frames = Broadcast::plain(&[25; 8]).frames(0);
    let (_, standby) = standby(&frames, frames.len(), frames.len(), LIMITS);
    // A second of pictures and sound.
    assert!(standby.len() < 80, "{}", standby.len());
}

#[test]
fn what_comes_while_the_other_stalls_is_kept() {
    let frames = Broadcast::plain(&[25; 8]).frames(0);
    let given = frames.len() / 2;
    let (mut splice, standby) = standby(&frames, given, frames.len(), LIMITS);
    splice.switch();
    let mut rest = Vec::new();
    for demuxed in standby.replay(&splice) {
        rest.extend(splice.push(demuxed));
    }
    let given = frames[..given].iter().cloned().map(Demuxed::Frame);
    let all: Vec<_> = given.chain(rest).collect();
    let whole: Vec<_> = frames.iter().cloned().map(Demuxed::Frame).collect();
    assert_eq!(pictures(&all), pictures(&whole));
}

#[test]
fn of_a_stream_that_viewers_know_nothing_of_the_last_seconds_are_kept() {
    let frames = Broadcast::plain(&[25; 20]).frames(0);
    let (_, standby) = standby(&frames, 0, frames.len(), LIMITS);
    let seconds = pictures(&standby.replay(&Splice::default())).len() / 25;
    // It begins at the newest key frame.
    assert_eq!(seconds, 1);
    let (_, standby) = self::standby(&frames, 0, frames.len(), LIMITS);
    assert!(standby.len() < 6 * 80, "{}", standby.len());
}

#[test]
fn after_a_hole_it_begins_with_the_first_key_frame_that_is_there() {
    let frames = Broadcast::plain(&[25; 8]).frames(0);
    let starts: Vec<_> = (0..frames.len())
        .filter(|index| frames[*index].sync && frames[*index].track == LiveTrack::Video)
        .collect();
    let (mut splice, _) = standby(&frames, starts[3] - 5, 0, LIMITS);
    let mut late = Standby::new(LIMITS);
    late.push(Demuxed::Begin(tracks(true, b"a")), &splice);
    for frame in &frames[starts[3]..starts[5] + 3] {
        late.push(Demuxed::Frame(frame.clone()), &splice);
    }
    splice.switch();
    let replayed = pictures(&late.replay(&splice));
    assert_eq!(replayed.first().map(String::as_str), Some("picture 0 75"));
}

#[test]
fn what_is_kept_is_bounded_and_begins_with_a_key_frame() {
    let frames = Broadcast::plain(&[25; 8]).frames(0);
    for limits in [
        GopLimits {
            packets: 100,
            ..LIMITS
        },
        GopLimits {
            bytes: 1_000,
            ..LIMITS
        },
        GopLimits {
            bytes: 20,
            ..LIMITS
        },
    ] {
        for heard in 1..frames.len() {
            let (splice, standby) = standby(&frames, 1, heard, limits);
            assert!(standby.bytes() <= limits.bytes && standby.len() <= limits.packets);
            let replayed = standby.replay(&splice);
            if let Some(Demuxed::Frame(first)) = replayed.get(1) {
                assert!(first.sync && first.track == LiveTrack::Video);
            }
        }
    }
}
