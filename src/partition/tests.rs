//! What partitioning promises, on timelines made by hand.

use super::*;
use crate::chunk::VideoSpec;
use crate::chunk::spec::{HEARD_BEFORE_FRAMES, Path};
use crate::digest::Digest;
use crate::profile::{AudioProfile, Quality, VideoProfile};
use crate::time::FrameRate;
use crate::timeline::curve::{Curve, Easing, Tween};
use crate::timeline::motion::{Fit, Motion};
use crate::timeline::state::State;
use crate::timeline::transition::{Transition, TransitionKind};
use crate::timeline::treatment::Treatment;
use crate::timeline::{Art, Clip, Content, Drawing, Excerpt, Footage, Markup, Rgb, Speed, Voice};

fn seconds(n: i64) -> Time {
    Time::from_seconds(n)
}

fn clip(start: i64, length: i64, content: Content) -> Clip {
    Clip {
        label: String::new(),
        start: seconds(start),
        length: seconds(length),
        content,
        treatment: Treatment::default(),
        mattes: Vec::new(),
        part_of: None,
        motion: Motion::default(),
        dynamic: false,
    }
}

fn footage(name: &str) -> Content {
    Content::Footage(Footage {
        asset: Digest::of(name.as_bytes()),
        size: (1280, 720),
        trim: Time::ZERO,
        speed: Speed::NORMAL,
        opaque: true,
    })
}

fn still(name: &str) -> Content {
    Content::Still {
        asset: Digest::of(name.as_bytes()),
        size: (1280, 720),
        opaque: true,
    }
}

fn name(text: &str) -> Content {
    Content::Drawn(Drawing::still(Art::Markup(Markup {
        html: text.into(),
        css: String::new(),
        width: 400,
        height: 80,
        fonts: vec![],
    })))
}

fn title(start: i64, length: i64, text: &str) -> Clip {
    let motion = Motion {
        fit: Fit::None,
        ..Motion::default()
    };
    Clip {
        dynamic: true,
        motion,
        ..clip(start, length, name(text))
    }
}

fn timeline(length: u32, layers: Vec<Clip>) -> Timeline {
    Timeline {
        canvas: (1280, 720),
        excerpt: Excerpt::whole(length * 30),
        video: VideoProfile {
            width: 1280,
            height: 720,
            rate: FrameRate::new(30, 1).expect("supported"),
            quality: Quality::Medium,
        },
        audio: None,
        background: Rgb::default(),
        frames: length * 30,
        scenes: Vec::new(),
        layers,
        voices: Vec::new(),
    }
}

fn keys(timeline: &Timeline) -> Vec<ChunkKey> {
    partition(timeline, &Partitioning::default())
        .video
        .iter()
        .map(|chunk| chunk.key)
        .collect()
}

fn cuts(timeline: &Timeline, scheme: Scheme) -> Vec<u64> {
    let partitioning = Partitioning {
        scheme,
        ..Partitioning::default()
    };
    partition(timeline, &partitioning)
        .video
        .iter()
        .map(|chunk| chunk.decode_time / 3000)
        .collect()
}

fn greeting(text: &str) -> Timeline {
    timeline(
        12,
        vec![
            clip(0, 12, footage("bg")),
            clip(6, 4, still("offer")),
            title(1, 4, text),
        ],
    )
}

#[test]
fn schemes_cut_where_they_say() {
    for (scheme, expected) in [
        (Scheme::Scenes, vec![0, 10, 30, 90, 150, 180, 240, 300]),
        (Scheme::Objects, vec![0, 10, 30, 90, 150, 203, 255, 308]),
        (Scheme::Fixed, vec![0, 60, 120, 180, 240, 300]),
    ] {
        assert_eq!(cuts(&greeting("x"), scheme), expected, "{scheme:?}");
    }
}

#[test]
fn chunks_cover_the_timeline_without_gaps_whatever_the_scheme() {
    for scheme in [Scheme::Scenes, Scheme::Objects, Scheme::Fixed] {
        let partition = partition(
            &greeting("x"),
            &Partitioning {
                scheme,
                chunk_max: Time::from_millis(700),
            },
        );
        let mut end = 0;
        for chunk in &partition.video {
            assert_eq!(chunk.decode_time, end, "{scheme:?}");
            assert!(chunk.ticks <= 63_000 && chunk.ticks > 0, "{scheme:?}");
            end += chunk.ticks;
        }
        assert_eq!(end, 12 * 90_000);
    }
}

#[test]
fn another_name_changes_only_the_chunks_that_show_it() {
    let (ana, zoe) = (
        partition(&greeting("Ana"), &Partitioning::default()),
        partition(&greeting("Zoë"), &Partitioning::default()),
    );
    for (a, z) in ana.video.iter().zip(&zoe.video) {
        let shows_it = (30..150).contains(&(a.decode_time / 3000));
        assert_eq!(
            a.key != z.key,
            shows_it,
            "chunk at {}",
            a.decode_time / 3000
        );
        assert_eq!(a.dynamic, shows_it);
    }
}

#[test]
fn a_scene_after_an_intro_of_any_length_is_the_same_chunks() {
    let after = |intro: i64| {
        let layers = vec![
            clip(0, intro, still("intro")),
            clip(intro, 7, footage("bg")),
            title(intro + 2, 3, "Ana"),
        ];
        let keys = keys(&timeline(intro as u32 + 7, layers));
        keys[keys.len() - 4..].to_vec()
    };
    assert_eq!(after(3), after(4));
    assert_eq!(after(3), after(11));
}

#[test]
fn seconds_of_a_still_are_one_chunk() {
    let keys = keys(&timeline(10, vec![clip(0, 10, still("card"))]));
    assert_eq!(keys.len(), 6);
    assert!(keys[1..].iter().all(|key| *key == keys[1]));
}

#[test]
fn what_cannot_be_seen_changes_nothing() {
    let bare = keys(&timeline(4, vec![clip(0, 4, footage("bg"))]));
    let off_frame = Motion {
        offset_x: Curve::constant(3.0),
        ..Motion::default()
    };
    let transparent = Motion {
        opacity: Curve::constant(0.0),
        ..Motion::default()
    };
    let with = |motion: &Motion| {
        let ghost = Clip {
            motion: motion.clone(),
            ..clip(0, 4, still("ghost"))
        };
        keys(&timeline(4, vec![clip(0, 4, footage("bg")), ghost]))
    };
    assert_eq!(with(&off_frame), bare);
    assert_eq!(with(&transparent), bare);
    let buried = keys(&timeline(
        4,
        vec![clip(0, 4, still("buried")), clip(0, 4, footage("bg"))],
    ));
    assert_eq!(buried, bare);
    let other_ground = Timeline {
        background: Rgb([9, 9, 9]),
        ..timeline(4, vec![clip(0, 4, footage("bg"))])
    };
    assert_eq!(keys(&other_ground), bare);
}

#[test]
fn a_finished_fade_leaves_no_trace() {
    let fade = Some(Transition {
        kind: TransitionKind::Fade,
        length: seconds(1),
    });
    let faded = Clip {
        motion: Motion {
            enter: fade,
            ..Motion::default()
        },
        ..clip(0, 6, still("card"))
    };
    let (faded, plain) = (
        keys(&timeline(6, vec![faded])),
        keys(&timeline(6, vec![clip(0, 6, still("card"))])),
    );
    assert_ne!(faded[..2], plain[..2]);
    assert_eq!(faded[2..], plain[2..]);
}

#[test]
fn two_ways_of_saying_the_same_place_are_the_same_chunk() {
    let place = |motion: Motion| {
        keys(&timeline(
            2,
            vec![Clip {
                motion,
                ..clip(0, 2, still("card"))
            }],
        ))
    };
    let stretched = Motion {
        fit: Fit::Cover,
        ..Motion::default()
    };
    assert_eq!(place(stretched), place(Motion::default()));
}

#[test]
fn the_in_point_counts_and_not_the_start() {
    let show = |start: i64, trim: i64| {
        let Content::Footage(bg) = footage("bg") else {
            unreachable!()
        };
        let content = Content::Footage(Footage {
            trim: seconds(trim),
            ..bg
        });
        let layers = vec![clip(0, start, still("intro")), clip(start, 2, content)];
        keys(&timeline(start as u32 + 2, layers)).last().copied()
    };
    assert_eq!(show(2, 5), show(8, 5));
    assert_ne!(show(2, 5), show(2, 6));
}

#[test]
fn a_moving_layer_has_a_state_for_every_frame_of_its_chunk() {
    let fade = Some(Transition {
        kind: TransitionKind::Fade,
        length: seconds(1),
    });
    let faded = Clip {
        motion: Motion {
            enter: fade,
            ..Motion::default()
        },
        ..clip(0, 2, still("card"))
    };
    let partition = partition(&timeline(2, vec![faded]), &Partitioning::default());
    let ChunkSpec::Video(VideoSpec { layers, frames, .. }) = &partition.video[0].spec else {
        panic!("video")
    };
    assert!(matches!(&layers[0].path, Path::Moving(states) if states.len() == *frames as usize));
}

fn voice(start: i64, length: i64) -> Voice {
    Voice {
        label: String::new(),
        asset: Digest::of(b"voice"),
        start: seconds(start),
        length: seconds(length),
        trim: Time::ZERO,
        speed: Speed::NORMAL,
        volume: Curve::constant(1.0),
        fade_in: Time::ZERO,
        fade_out: Time::ZERO,
        speech: false,
        duck: None,
        dynamic: false,
    }
}

fn audio(length: u32, voices: Vec<Voice>) -> Vec<PlacedChunk> {
    let timeline = Timeline {
        audio: Some(AudioProfile::default()),
        voices,
        ..timeline(length, vec![])
    };
    partition(&timeline, &Partitioning::default()).audio
}

#[test]
fn audio_chunks_are_whole_frames_and_cover_the_timeline() {
    let chunks = audio(30, vec![voice(0, 30)]);
    let mut end = 0;
    for chunk in &chunks {
        assert_eq!((chunk.decode_time, chunk.ticks % 1024), (end, 0));
        end += chunk.ticks;
    }
    assert!((30 * 48_000..30 * 48_000 + 1024).contains(&end));
}

#[test]
fn silence_is_one_chunk_wherever_it_is() {
    let chunks = audio(40, vec![voice(0, 2)]);
    let silent: Vec<ChunkKey> = chunks.iter().skip(1).map(|chunk| chunk.key).collect();
    assert!(
        silent.len() > 5
            && silent[..silent.len() - 1]
                .iter()
                .all(|key| *key == silent[0])
    );
}

#[test]
fn a_new_voice_changes_only_the_chunks_that_hear_it() {
    let with = |name: &[u8]| {
        audio(
            30,
            vec![
                voice(0, 30),
                Voice {
                    asset: Digest::of(name),
                    dynamic: true,
                    ..voice(10, 4)
                },
            ],
        )
    };
    let (one, two) = (with(b"one"), with(b"two"));
    let different: Vec<bool> = one.iter().zip(&two).map(|(a, b)| a.key != b.key).collect();
    assert!(
        different.iter().filter(|d| **d).count() <= 3,
        "{different:?}"
    );
    assert!(
        one.iter()
            .zip(&different)
            .all(|(chunk, differs)| chunk.dynamic == *differs)
    );
}

/// The frames `first` to `end` of `whole`.
fn excerpt(whole: &Timeline, first: u32, end: u32) -> Timeline {
    Timeline {
        frames: end - first,
        excerpt: Excerpt {
            first,
            of: whole.frames,
        },
        ..whole.clone()
    }
}

#[test]
fn an_excerpt_has_the_chunks_of_the_whole_but_for_those_at_its_ends() {
    let whole = greeting("Ana");
    let all = partition(&whole, &Partitioning::default()).video;
    for (first, end) in [(0, 360), (40, 300), (100, 101), (0, 200), (213, 360)] {
        let chunks = partition(&excerpt(&whole, first, end), &Partitioning::default()).video;
        let mut at = 0;
        for chunk in &chunks {
            assert_eq!(chunk.decode_time, at);
            at += chunk.ticks;
        }
        assert_eq!(at, u64::from(end - first) * 3000, "{first}..{end}");
        let inside = all.iter().filter(|chunk| {
            let start = chunk.decode_time / 3000;
            start >= u64::from(first) + 8 && start + chunk.ticks / 3000 + 8 <= u64::from(end)
        });
        for chunk in inside {
            assert!(
                chunks.iter().any(|own| own.key == chunk.key),
                "{first}..{end} lacks the one at frame {}",
                chunk.decode_time / 3000
            );
        }
    }
}

#[test]
fn an_excerpt_that_begins_with_an_aac_frame_shares_the_sound_of_the_whole() {
    let whole = Timeline {
        audio: Some(AudioProfile::default()),
        voices: vec![voice(0, 30)],
        ..timeline(30, vec![])
    };
    let all = partition(&whole, &Partitioning::default()).audio;
    // 240 frames are 8 seconds and 375 AAC frames.
    let aligned = partition(&excerpt(&whole, 240, 900), &Partitioning::default()).audio;
    let shared = aligned
        .iter()
        .filter(|chunk| all.iter().any(|other| other.key == chunk.key));
    assert_eq!(shared.count(), aligned.len() - 1);
    // One second is no whole number of them: the same sound in frames of its own.
    let odd = partition(&excerpt(&whole, 30, 60), &Partitioning::default()).audio;
    assert_eq!(odd[0].decode_time, 0);
    let ticks: u64 = odd.iter().map(|chunk| chunk.ticks).sum();
    assert!((48_000..48_000 + 1024).contains(&ticks));
    let ChunkSpec::Audio(spec) = &odd[0].spec else {
        panic!("sound")
    };
    // What is before it is heard as in the whole, and nothing after the end.
    let before = i64::from(HEARD_BEFORE_FRAMES) * 1024;
    assert_eq!(
        (spec.voices[0].start, spec.voices[0].from),
        (-before, 48_000 - before)
    );
    assert_eq!(spec.voices[0].end, 48_000);
}

#[test]
fn another_size_has_the_same_cuts_and_the_same_picture_scaled() {
    let whole = greeting("Ana");
    let small = whole.with_video(VideoProfile {
        width: 640,
        height: 360,
        ..whole.video.clone()
    });
    assert_eq!(small.canvas, (1280, 720));
    assert_eq!(cuts(&whole, Scheme::Scenes), cuts(&small, Scheme::Scenes));
    let specs = |timeline: &Timeline| {
        let chunks = partition(timeline, &Partitioning::default()).video;
        let specs = chunks.into_iter().filter_map(|chunk| match chunk.spec {
            ChunkSpec::Video(spec) => Some(spec),
            ChunkSpec::Audio(_) => None,
        });
        specs.collect::<Vec<_>>()
    };
    for (large, small) in specs(&whole).iter().zip(specs(&small)) {
        assert_eq!(large.layers.len(), small.layers.len());
        assert_eq!(large.background, small.background);
        for (large, small) in large.layers.iter().zip(&small.layers) {
            assert_eq!(large.path.at(0).width / 2, small.path.at(0).width);
            assert_eq!(large.content, small.content);
        }
    }
}

#[test]
fn a_picture_is_a_frame_of_the_whole() {
    let whole = greeting("Ana");
    let spec = picture(&excerpt(&whole, 200, 300), 40);
    let all = partition(&whole, &Partitioning::default()).video;
    let ChunkSpec::Video(chunk) = &all
        .iter()
        .rfind(|chunk| chunk.decode_time <= 40 * 3000)
        .expect("there")
        .spec
    else {
        panic!("pictures")
    };
    assert_eq!(spec.frames, 1);
    let contents = |spec: &VideoSpec| spec.layers.len();
    assert_eq!(contents(&spec), contents(chunk));
}

#[test]
fn many_clips_are_cut_as_if_each_chunk_looked_at_all_of_them() {
    // A fixed sequence of numbers, so that every run tries the same timelines.
    let mut last = 7_u64;
    let mut number = move |below: i64| {
        last = last
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((last >> 33) % below.unsigned_abs()).cast_signed()
    };
    for _ in 0..30 {
        let layers: Vec<Clip> = (0..40)
            .map(|index| {
                let mut clip = title(0, 1, &index.to_string());
                clip.label = index.to_string();
                clip.start = Time::from_millis(number(20_000));
                clip.length = Time::from_millis(1 + number(4000));
                if number(3) == 0 {
                    clip.motion.scale = Curve::new(
                        1.0,
                        vec![Tween {
                            from: 1.0,
                            to: 2.0,
                            start: Time::from_millis(number(2000)),
                            length: Time::from_millis(number(2000)),
                            easing: Easing::Linear,
                        }],
                    );
                }
                clip.dynamic = number(4) == 0;
                clip
            })
            .collect();
        let timeline = timeline(24, layers);
        for chunk in &partition(&timeline, &Partitioning::default()).video {
            let ticks = u64::from(timeline.video.rate.ticks_per_frame());
            let first = (chunk.decode_time / ticks) as u32;
            let frames = first..first + (chunk.ticks / ticks) as u32;
            let seen: Vec<(&str, Path)> = timeline
                .layers
                .iter()
                .map(|clip| {
                    let states = frames
                        .clone()
                        .map(|frame| clip.state(frame, &timeline.video));
                    (clip.label.as_str(), Path::new(states.collect()))
                })
                .filter(|(_, path)| *path != Path::Rest(State::HIDDEN))
                .collect();
            let ChunkSpec::Video(spec) = &chunk.spec else {
                panic!("pictures")
            };
            let found: Vec<(&str, Path)> = spec
                .layers
                .iter()
                .map(|layer| (layer.label.as_str(), layer.path.clone()))
                .collect();
            assert_eq!(found, seen, "{frames:?}");
        }
    }
}
