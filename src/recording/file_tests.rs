use super::*;
use crate::cmaf::{Colours, VideoConfig, VideoTrack};

const PLENTY: Limits = Limits {
    max_bytes: 1 << 30,
    keep_free: 0,
};

fn tracks(width: u16) -> Vec<(LiveTrack, Track)> {
    let track = Track::Video(VideoTrack {
        timescale: 1_000,
        width,
        height: 16,
        config: VideoConfig::Avc(Bytes::from_static(
            b"\x01\x64\x00\x1f\xff\xe1\0\x01\x67\x01\0\x01\x68",
        )),
        colours: Colours::BT709,
    });
    vec![(LiveTrack::Video, track)]
}

fn key(at: i64) -> LiveFrame {
    LiveFrame {
        track: LiveTrack::Video,
        decode_time: at,
        composition_offset: 0,
        sync: true,
        data: Bytes::from_static(b"a picture"),
    }
}

fn record(recording: &mut Recording, seconds: std::ops::Range<i64>) -> Result<(), RecordingError> {
    for second in seconds {
        recording.push(key(1_000 * second))?;
    }
    Ok(())
}

#[test]
fn other_tracks_and_another_clock_begin_another_file() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let path = folder.path().join("show.mp4");
    let mut recording = Recording::new(path.clone(), PLENTY);
    recording.begin(tracks(16)).expect("begins");
    assert!(!path.exists(), "nothing is there before a frame");
    record(&mut recording, 0..5).expect("records");
    // The same again, as after an encoder that came back.
    recording.begin(tracks(16)).expect("begins");
    record(&mut recording, 5..8).expect("records");
    assert_eq!(recording.recorded().files, std::slice::from_ref(&path));
    recording.begin(tracks(32)).expect("begins");
    record(&mut recording, 8..10).expect("records");
    record(&mut recording, 0..2).expect("records");
    recording.close().expect("closes");
    let recorded = recording.recorded();
    let names = [1, 2, 3].map(|number| numbered(&path, number));
    assert_eq!(recorded.files, names);
    assert!(names[2].ends_with("show-3.mp4"));
    let on_disk = |path: &PathBuf| path.metadata().expect("a file").len();
    assert_eq!(recorded.bytes, names.iter().map(on_disk).sum::<u64>());
    // The last picture of each file lasts as the one before it did.
    assert_eq!(recorded.milliseconds, 12_000);
}

#[test]
fn no_file_is_written_over() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let path = folder.path().join("show.mp4");
    std::fs::write(&path, "a film").expect("writes");
    let mut recording = Recording::new(path.clone(), PLENTY);
    recording.begin(tracks(16)).expect("begins");
    let refused = record(&mut recording, 0..3);
    assert!(matches!(refused, Err(RecordingError::Exists(_))));
    assert_eq!(std::fs::read(&path).expect("reads"), b"a film");
}

#[test]
fn a_recording_ends_where_it_may_not_grow_and_keeps_what_it_has() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let limited = |name: &str, limits| {
        let mut recording = Recording::new(folder.path().join(name), limits);
        recording.begin(tracks(16)).expect("begins");
        let ended = record(&mut recording, 0..1_000).expect_err("ends");
        (ended, recording.recorded().bytes)
    };
    let small = Limits {
        max_bytes: 4_000,
        ..PLENTY
    };
    let (ended, bytes) = limited("small.mp4", small);
    assert!(matches!(ended, RecordingError::TooLarge { .. }), "{ended}");
    assert!((3_000..=4_000).contains(&bytes), "{bytes}");
    let full = Limits {
        keep_free: u64::MAX,
        ..PLENTY
    };
    let (ended, bytes) = limited("full.mp4", full);
    assert!(matches!(ended, RecordingError::DiskFull { .. }), "{ended}");
    assert_eq!(bytes, 0);
}
