//! What mixing promises, on sounds made by hand.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;
use crate::chunk::{ChunkSpec, LOOKAHEAD_FRAMES};
use crate::digest::Digest;
use crate::media::PcmStore;
use crate::partition::{Partitioning, Scheme, partition};
use crate::profile::{AudioProfile, Quality, VideoProfile};
use crate::time::{FrameRate, Time};
use crate::timeline::curve::{Curve, Easing, Tween};
use crate::timeline::duck::{Duck, Under};
use crate::timeline::{Excerpt, Rgb, Speed, Timeline, Voice};

#[test]
fn gain_goes_straight_from_corner_to_corner() {
    let points = [
        GainPoint { at: 0, gain: 0 },
        GainPoint {
            at: 10,
            gain: UNITY_GAIN,
        },
        GainPoint { at: 20, gain: 0 },
    ];
    let mut gain = Gain::new(&points);
    let values = [-5, 0, 5, 10, 15, 20, 25].map(|at| gain.at(at));
    assert_eq!(values, [0.0, 0.0, 0.5, 1.0, 0.5, 0.0, 0.0]);
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    /// Below `limit`.
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    /// From 0 to 1.
    fn share(&mut self) -> f64 {
        self.below(1001) as f64 / 1000.0
    }

    fn millis(&mut self, limit: u64) -> Time {
        Time::from_millis(self.below(limit) as i64)
    }
}

/// 16-bit stereo at 48 kHz.
fn wav(path: &Path, samples: &[[i16; 2]]) {
    let bytes = samples.len() as u32 * 4;
    let mut file = Vec::new();
    file.extend(b"RIFF");
    file.extend((36 + bytes).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    file.extend([1_u16, 2].map(u16::to_le_bytes).concat());
    file.extend([48_000_u32, 192_000].map(u32::to_le_bytes).concat());
    file.extend([4_u16, 16].map(u16::to_le_bytes).concat());
    file.extend(b"data");
    file.extend(bytes.to_le_bytes());
    file.extend(
        samples
            .as_flattened()
            .iter()
            .flat_map(|sample| sample.to_le_bytes()),
    );
    fs::write(path, file).unwrap();
}

/// Recordings by their digests, and where they are conformed.
struct Studio {
    folder: TempDir,
    store: PcmStore,
}

impl Studio {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let store = PcmStore::open(&folder.path().join("pcm")).unwrap();
        Self { folder, store }
    }

    fn path(&self, asset: &Digest) -> PathBuf {
        self.folder.path().join(format!("{asset}.wav"))
    }

    fn record(&self, samples: &[[i16; 2]]) -> Digest {
        let asset = Digest::of(
            samples
                .as_flattened()
                .iter()
                .flat_map(|s| s.to_le_bytes())
                .collect::<Vec<u8>>()
                .as_slice(),
        );
        wav(&self.path(&asset), samples);
        asset
    }

    fn recording(&self, asset: &Digest) -> Arc<Pcm> {
        self.store
            .get(asset, &self.path(asset), &AudioProfile::default())
            .unwrap()
    }

    /// The sound of a timeline as chunks of `chunk_max` give it, without what is only
    /// heard beside them.
    fn play(&self, timeline: &Timeline, scheme: Scheme, chunk_max: Time) -> Vec<f32> {
        let chunks = partition(timeline, &Partitioning { scheme, chunk_max }).audio;
        let mut sound = Vec::new();
        for chunk in chunks {
            let ChunkSpec::Audio(spec) = &chunk.spec else {
                panic!("sound")
            };
            let mixed = mix(spec, &|voice| Ok(self.recording(&voice.asset))).unwrap();
            let frame = AAC_FRAME_SAMPLES as usize * CHANNELS;
            let own =
                PREROLL_FRAMES as usize * frame..mixed.len() - LOOKAHEAD_FRAMES as usize * frame;
            assert_eq!(own.len() as u64, chunk.ticks * 2);
            sound.extend(&mixed[own]);
        }
        sound
    }
}

fn timeline(seconds: u32, voices: Vec<Voice>) -> Timeline {
    Timeline {
        video: VideoProfile {
            width: 320,
            height: 180,
            rate: FrameRate::new(25, 1).unwrap(),
            quality: Quality::Medium,
        },
        audio: Some(AudioProfile::default()),
        canvas: (320, 180),
        background: Rgb::default(),
        frames: seconds * 25,
        excerpt: Excerpt::whole(seconds * 25),
        scenes: Vec::new(),
        layers: Vec::new(),
        voices,
    }
}

fn voice(asset: Digest, seconds: i64) -> Voice {
    Voice {
        label: String::new(),
        asset,
        start: Time::ZERO,
        length: Time::from_seconds(seconds),
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

/// Loud tones that come and go, and some noise.
fn tones(dice: &mut Dice, seconds: usize) -> Vec<[i16; 2]> {
    let rates: Vec<f64> = (0..4)
        .map(|_| 0.001 + dice.share() * dice.share() * 0.1)
        .collect();
    let slow = 0.00002 + dice.share() * 0.00005;
    (0..seconds * 48_000)
        .map(|n| {
            let swell = 0.5 + 0.5 * libm::sin(slow * n as f64);
            let tone: f64 = rates.iter().map(|rate| libm::sin(rate * n as f64)).sum();
            let mut side = || ((tone / 4.0 * swell + (dice.share() - 0.5) * 0.1) * 30_000.0) as i16;
            [side(), side()]
        })
        .collect()
}

#[test]
fn a_video_sounds_the_same_wherever_it_is_cut() {
    let mut dice = Dice(7);
    let studio = Studio::new();
    let recordings: Vec<Digest> = (0..3)
        .map(|n| studio.record(&tones(&mut dice, 4 + n * 3)))
        .collect();
    for round in 0..4 {
        let voices: Vec<Voice> = (0..7)
            .map(|n| {
                let tween = |dice: &mut Dice, n: i64| Tween {
                    from: dice.share(),
                    to: dice.share(),
                    start: Time::from_millis(n * 1500) + dice.millis(1000),
                    length: dice.millis(2000),
                    easing: match dice.below(10) {
                        0 => Easing::Hold,
                        1 => Easing::Linear,
                        _ => Easing::NAMED[dice.below(28) as usize].1,
                    },
                };
                let duck = Duck {
                    gain: 0.2,
                    attack: dice.millis(500),
                    release: dice.millis(900),
                    under: if dice.below(2) == 0 {
                        Under::Others
                    } else {
                        Under::Speech
                    },
                };
                Voice {
                    start: dice.millis(9_000),
                    length: Time::from_millis(300) + dice.millis(8_000),
                    trim: dice.millis(2_000),
                    speed: [
                        Speed::NORMAL,
                        Speed::new(0.1 + 1.9 * dice.share()),
                        Speed::new(10.0 * dice.share() + 0.01),
                    ][dice.below(3) as usize],
                    volume: match dice.below(3) {
                        0 => Curve::constant(1.0),
                        _ => Curve::new(1.0, (0..4).map(|n| tween(&mut dice, n)).collect()),
                    },
                    fade_in: dice.millis(1200),
                    fade_out: if dice.below(2) == 0 {
                        Time::ZERO
                    } else {
                        Time::from_seconds(1)
                    },
                    speech: dice.below(3) == 0,
                    duck: (n % 3 == 0).then_some(duck),
                    dynamic: dice.below(4) == 0,
                    ..voice(recordings[dice.below(3) as usize], 0)
                }
            })
            .collect();
        let timeline = timeline(14, voices);
        let whole = studio.play(&timeline, Scheme::Fixed, Time::from_seconds(10));
        let loudest = whole
            .iter()
            .fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
        assert!(
            loudest > 0.3 && loudest <= limiter::CEILING * 1.001,
            "{loudest}"
        );
        for (scheme, millis) in [
            (Scheme::Fixed, 500),
            (Scheme::Scenes, 777),
            (Scheme::Objects, 2000),
        ] {
            let cut = studio.play(&timeline, scheme, Time::from_millis(millis));
            let differs = cut
                .iter()
                .zip(&whole)
                .position(|(a, b)| a.to_bits() != b.to_bits());
            assert_eq!(differs, None, "round {round}, {scheme:?} {millis}");
            assert_eq!(cut.len(), whole.len());
        }
    }
}

#[test]
fn a_recording_below_the_ceiling_passes_bit_by_bit() {
    let studio = Studio::new();
    let recorded: Vec<[i16; 2]> = (0..3 * 48_000)
        .map(|n| [(n * 37 % 20_000) as i16 / 2, -((n * 11 % 9_999) as i16)])
        .collect();
    let asset = studio.record(&recorded);
    let trimmed = Voice {
        trim: Time::from_ticks(4_321, AudioProfile::default().sample_rate),
        ..voice(asset, 2)
    };
    let played = studio.play(
        &timeline(2, vec![trimmed]),
        Scheme::Scenes,
        Time::from_seconds(1),
    );
    let expected: Vec<f32> = recorded[4_321..4_321 + 96_000]
        .as_flattened()
        .iter()
        .map(|s| f32::from(*s) / 32_768.0)
        .collect();
    assert!(played[..expected.len()] == expected);
    assert!(played[expected.len()..].iter().all(|sample| *sample == 0.0));
}

/// The number of times that a sound goes up through zero.
fn cycles(sound: &[f32]) -> usize {
    let left: Vec<f32> = sound.iter().step_by(2).copied().collect();
    left.windows(2)
        .filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0)
        .count()
}

#[test]
fn a_tone_played_at_any_speed_keeps_its_pitch_and_its_loudness() {
    let studio = Studio::new();
    let tone: Vec<[i16; 2]> = (0..20 * 48_000)
        .map(|n| {
            [(libm::sin(std::f64::consts::TAU * 220.0 / 48_000.0 * f64::from(n)) * 12_000.0) as i16;
                2]
        })
        .collect();
    let asset = studio.record(&tone);
    for factor in [0.1, 0.5, 0.8, 1.25, 2.0, 4.0, 10.0] {
        let pcm = studio.recording(&asset);
        let count = (48_000.0 * f64::min(8.0, 19.0 / factor)) as usize;
        let sound = tempo::read(&pcm, Speed::new(factor), 4_800, count).unwrap();
        let hertz = cycles(&sound) as f64 * 48_000.0 / count as f64;
        assert!((hertz - 220.0).abs() < 2.0, "{factor}: {hertz} Hz");
        let levels: Vec<f32> = sound
            .chunks(2400)
            .map(|piece| (piece.iter().map(|s| s * s).sum::<f32>() / piece.len() as f32).sqrt())
            .collect();
        let (low, high) = levels
            .iter()
            .fold((1.0_f32, 0.0_f32), |(l, h), x| (l.min(*x), h.max(*x)));
        eprintln!("{factor}: {hertz:.2} Hz, level {low:.4} to {high:.4}");
    }
}

#[test]
fn what_is_heard_stays_with_what_is_seen_at_any_speed() {
    // A burst of noise every second: where is it heard?
    const BURST: usize = 14_400;
    let studio = Studio::new();
    let mut dice = Dice(3);
    let mut bursts = vec![[0_i16; 2]; 120 * 48_000];
    for second in 1..120 {
        bursts[second * 48_000..second * 48_000 + BURST]
            .fill_with(|| [(dice.share() * 20_000.0) as i16 - 10_000; 2]);
    }
    let asset = studio.record(&bursts);
    let pcm = studio.recording(&asset);
    for factor in [0.25, 0.9, 1.1, 2.0, 5.0] {
        for second in [1_i64, 2, 60, 119] {
            let expected = (second as f64 * 48_000.0 + BURST as f64 / 2.0) / factor;
            // Half a second of the recording to either side.
            let (from, count) = (
                expected as i64 - (24_000.0 / factor) as i64,
                48_000.0 / factor,
            );
            let sound = tempo::read(&pcm, Speed::new(factor), from, count as usize).unwrap();
            let (mut moment, mut energy) = (0.0, 0.0);
            for (at, left) in (from..).zip(sound.iter().step_by(2)) {
                moment += at as f64 * f64::from(left * left);
                energy += f64::from(left * left);
            }
            // A frame is moved by 576 of the recording at most; of what is played fast, only
            // some of the recording is heard.
            let off = (moment / energy - expected) * factor.min(1.0);
            assert!(off.abs() < 600.0, "{factor}, burst {second}: {off} samples");
        }
    }
}
