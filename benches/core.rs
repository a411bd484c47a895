//! The pure core: how long planning and writing playlists take.

use std::hint::black_box;
use std::num::NonZeroU32;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use loomcast::digest::Digest;
use loomcast::partition::{Partitioning, partition};
use loomcast::playlist::{Duration, MediaPlaylist, Segment, Uri};
use loomcast::profile::{Quality, VideoProfile};
use loomcast::time::{FrameRate, Time};
use loomcast::timeline::motion::{Fit, Motion};
use loomcast::timeline::transition::{Transition, TransitionKind};
use loomcast::timeline::treatment::Treatment;
use loomcast::timeline::{
    Art, Clip, Content, Drawing, Excerpt, Footage, Markup, Rgb, Speed, Timeline,
};

/// Footage of `seconds` under a fading text every two of them.
fn timeline(seconds: u32) -> Timeline {
    let rate = FrameRate::new(30, 1).expect("supported");
    let clip = |start: i64, length: i64, content, motion| Clip {
        label: String::new(),
        start: Time::from_seconds(start),
        length: Time::from_seconds(length),
        content,
        treatment: Treatment::default(),
        mattes: Vec::new(),
        part_of: None,
        motion,
        dynamic: start % 10 == 0,
    };
    let footage = Content::Footage(Footage {
        asset: Digest::of(b"bg"),
        size: (1280, 720),
        trim: Time::ZERO,
        speed: Speed::NORMAL,
        opaque: true,
    });
    let fade = Some(Transition {
        kind: TransitionKind::Fade,
        length: Time::from_millis(500),
    });
    let motion = Motion {
        fit: Fit::None,
        enter: fade,
        leave: fade,
        ..Motion::default()
    };
    let mut layers = vec![clip(0, seconds.into(), footage, Motion::default())];
    for start in (0..i64::from(seconds)).step_by(2) {
        let text = Markup {
            html: format!("<p>{start}</p>"),
            css: String::new(),
            width: 400,
            height: 80,
            fonts: vec![],
        };
        layers.push(clip(
            start,
            2,
            Content::Drawn(Drawing::still(Art::Markup(text))),
            motion.clone(),
        ));
    }
    let video = VideoProfile {
        width: 1280,
        height: 720,
        rate,
        quality: Quality::Medium,
    };
    Timeline {
        video,
        canvas: (1280, 720),
        excerpt: Excerpt::whole(seconds * 30),
        audio: None,
        background: Rgb::default(),
        frames: seconds * 30,
        scenes: Vec::new(),
        layers,
        voices: vec![],
    }
}

fn planning(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("partition and keys");
    for seconds in [30, 600] {
        let timeline = timeline(seconds);
        group.throughput(Throughput::Elements(u64::from(timeline.frames)));
        group.bench_function(format!("{seconds} s"), |bencher| {
            bencher.iter(|| partition(black_box(&timeline), &Partitioning::default()));
        });
    }
    group.finish();
}

fn playlists(criterion: &mut Criterion) {
    let clock = NonZeroU32::new(90_000).expect("not zero");
    let mut playlist = MediaPlaylist::new(2);
    for index in 0..1800 {
        let uri = Uri::new(format!("/c/{}/{index}.m4s", Digest::of(&[1]))).expect("clean");
        playlist
            .segments
            .push(Segment::new(uri, Duration::new(180_000, clock)));
    }
    criterion.bench_function("playlist of an hour", |bencher| {
        bencher.iter(|| black_box(&playlist).to_text())
    });
}

criterion_group!(core, planning, playlists);
criterion_main!(core);
