//! Lottie animations: what a file holds, and its pictures at any time.
//!
//! What a file uses and the rasteriser does not know is taken out, and said so when
//! the file is looked at; the rest is drawn. What is drawn depends on the file, the
//! time and the size alone.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{Cursor, Read as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use rasterlottie::{
    Animation, Layer, LayerType, PreparedAnimation, RenderConfig, Renderer, Rgba8, SupportProfile,
    UnsupportedFeature, UnsupportedKind,
};

use super::engine::{RasterError, check_size};
use super::sprite::Sprite;
use crate::digest::Digest;
use crate::template::bind::AssetKind;
use crate::time::Time;
use crate::timeline::Lottie;

/// The largest file, in bytes; also the most that the files in an archive unpack to.
const MAX_BYTES: u64 = 16 << 20;

/// The most files in an archive.
const MAX_ENTRIES: usize = 256;

/// The largest side, in pixels.
const MAX_SIDE: u32 = 8192;

/// The longest animation, in seconds: an hour.
const MAX_SECONDS: f64 = 3600.0;

/// The most layers, those of its compositions included.
const MAX_LAYERS: usize = 2000;

/// How often what is not known is looked for: taking one thing out may show another.
const MAX_PASSES: usize = 4;

/// How many things that are not drawn are told.
const MAX_TOLD: usize = 10;

/// How many animations a thread keeps ready.
const KEPT: usize = 4;

/// What the file at `path` is as an asset, if it is a Lottie animation at all.
pub fn probe_lottie(path: &Path) -> Option<Result<AssetKind, String>> {
    let mut head = [0; 512];
    let read = std::fs::File::open(path).and_then(|mut file| file.read(&mut head));
    let head = &head[..read.ok()?];
    let is_json = head.trim_ascii_start().starts_with(b"{");
    let is_archive = head.starts_with(b"PK\x03\x04");
    if !is_json && !is_archive {
        return None;
    }
    Some(guarded(|| {
        let (animation, left_out) = read_animation(path)?;
        let seconds =
            f64::from(animation.out_point - animation.in_point) / f64::from(animation.frame_rate);
        let duration = Time::from_decimal_seconds(seconds)
            .filter(|time| *time > Time::ZERO)
            .ok_or("it lasts no time")?;
        Ok(AssetKind::Lottie {
            size: (animation.width, animation.height),
            duration,
            left_out,
        })
    }))
}

/// The rasteriser is not in our hands: a panic in there is a failure of this file.
fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err("the rasteriser panicked".into()))
}

/// What can be drawn of the animation in a file, and what cannot.
fn read_animation(path: &Path) -> Result<(Animation, Vec<String>), String> {
    let text = |error: std::io::Error| error.to_string();
    let length = std::fs::metadata(path).map_err(text)?.len();
    if length > MAX_BYTES {
        return Err(format!("{length} bytes: expected at most {MAX_BYTES}"));
    }
    parse(&std::fs::read(path).map_err(text)?)
}

fn parse(bytes: &[u8]) -> Result<(Animation, Vec<String>), String> {
    let animation = if bytes.starts_with(b"PK") {
        check_archive(bytes)?;
        Animation::from_dotlottie_bytes(bytes)
    } else {
        let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
        Animation::from_json_str(text)
    };
    let animation = animation.map_err(|error| format!("no Lottie animation ({error})"))?;
    check(&animation)?;
    drawable(animation)
}

/// Unpacks all that is in an archive to nowhere, to see that it is not too much.
fn check_archive(bytes: &[u8]) -> Result<(), String> {
    let text = |error: zip::result::ZipError| error.to_string();
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(text)?;
    if archive.len() > MAX_ENTRIES {
        return Err(format!(
            "{} files in it: expected at most {MAX_ENTRIES}",
            archive.len()
        ));
    }
    let mut left = MAX_BYTES;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(text)?;
        let unpacked = std::io::copy(&mut entry.take(left + 1), &mut std::io::sink())
            .map_err(|error| error.to_string())?;
        left = left
            .checked_sub(unpacked)
            .ok_or_else(|| format!("more than {MAX_BYTES} bytes unpacked"))?;
    }
    Ok(())
}

fn check(animation: &Animation) -> Result<(), String> {
    let sides = 1..=MAX_SIDE;
    let Animation { width, height, .. } = animation;
    if !sides.contains(width) || !sides.contains(height) {
        return Err(format!(
            "{width}x{height} pixels: expected sides from 1 to {MAX_SIDE}"
        ));
    }
    let frames = f64::from(animation.out_point) - f64::from(animation.in_point);
    let rate = f64::from(animation.frame_rate);
    let seconds = frames / rate;
    if !(rate > 0.0 && seconds > 0.0 && seconds <= MAX_SECONDS) {
        return Err(format!(
            "{frames} frames at {rate} a second: expected some, and at most {MAX_SECONDS} s"
        ));
    }
    let inner: usize = animation
        .assets
        .iter()
        .map(|asset| asset.layers.len())
        .sum();
    let layers = animation.layers.len() + inner;
    if layers > MAX_LAYERS {
        return Err(format!("{layers} layers: expected at most {MAX_LAYERS}"));
    }
    compositions_end(animation)
}

/// Compositions in one another have to end, and not to multiply without bound.
fn compositions_end(animation: &Animation) -> Result<(), String> {
    let mut drawn = 0;
    let mut waiting: Vec<(&[Layer], usize)> = vec![(&animation.layers, 0)];
    while let Some((layers, depth)) = waiting.pop() {
        drawn += layers.len();
        if depth > MAX_DEPTH || drawn > MAX_DRAWN_LAYERS {
            return Err(format!(
                "compositions in one another: expected at most {MAX_DEPTH} deep and {MAX_DRAWN_LAYERS} layers in all"
            ));
        }
        let inside = layers
            .iter()
            .filter(|layer| layer.layer_type == LayerType::PRECOMP)
            .filter_map(|layer| layer.ref_id.as_deref());
        for id in inside {
            let composition = animation.assets.iter().find(|asset| asset.id == id);
            waiting.extend(composition.map(|asset| (asset.layers.as_slice(), depth + 1)));
        }
    }
    Ok(())
}

/// The deepest compositions in one another.
const MAX_DEPTH: usize = 16;

/// The most layers, each counted as often as it is drawn.
const MAX_DRAWN_LAYERS: usize = 10_000;

/// What the rasteriser takes: also what it draws without.
const LENIENT: SupportProfile = SupportProfile {
    allow_effects: true,
    allow_expressions: true,
    allow_unknown_shape_items: true,
    ..SupportProfile::target_corpus()
};

/// The animation without the layers that cannot be drawn, and what these are.
fn drawable(mut animation: Animation) -> Result<(Animation, Vec<String>), String> {
    let told = |issue: &UnsupportedFeature| format!("{}: {}", issue.path, issue.detail);
    let strict = Renderer::default().analyze(&animation);
    let mut left_out: Vec<String> = strict.issues.iter().take(MAX_TOLD).map(told).collect();
    let lenient = Renderer::new(LENIENT);
    for _ in 0..MAX_PASSES {
        let issues = lenient.analyze(&animation).issues;
        if issues.is_empty() {
            left_out.dedup();
            return Ok((animation, left_out));
        }
        let external: BTreeSet<String> = animation
            .assets
            .iter()
            .filter(|asset| asset.is_image_asset() && !asset.is_embedded_image_asset())
            .map(|asset| asset.id.clone())
            .collect();
        animation
            .assets
            .retain(|asset| !external.contains(&asset.id));
        for issue in &issues {
            take_out(&mut animation, issue);
        }
    }
    Err(format!(
        "nothing that can be drawn: {}",
        left_out.join("; ")
    ))
}

/// Makes what `issue` is about nothing: its layer stays as a place that others hang on.
fn take_out(animation: &mut Animation, issue: &UnsupportedFeature) {
    let Some(layer) = layer_at(animation, &issue.path) else {
        return;
    };
    if issue.kind == UnsupportedKind::Effects && !layer.effects.is_empty() {
        layer.effects.clear();
        return;
    }
    layer.layer_type = LayerType::NULL;
    layer.shapes.clear();
    layer.masks.clear();
    layer.effects.clear();
    layer.text = None;
    layer.time_remap = None;
    layer.track_matte = None;
    layer.matte_parent = None;
    layer.matte_source = None;
    if layer.stretch <= 0.0 {
        layer.stretch = 1.0;
    }
    match issue.kind {
        UnsupportedKind::Parenting => layer.parent = None,
        UnsupportedKind::TransformFeature
        | UnsupportedKind::AnimatedValue
        | UnsupportedKind::Expressions => layer.transform = None,
        _ => {}
    }
}

/// The layer that a path such as `` layers[1]#2 `a`.asset_layers[0] `` leads to.
fn layer_at<'a>(animation: &'a mut Animation, path: &str) -> Option<&'a mut Layer> {
    let index = |text: &str| text.split(']').next()?.parse::<usize>().ok();
    let mut at = index(path.strip_prefix("layers[")?)?;
    // Which asset, if not the animation itself.
    let mut within: Option<usize> = None;
    for inner in path.split(".asset_layers[").skip(1) {
        let layers = match within {
            Some(asset) => &animation.assets.get(asset)?.layers,
            None => &animation.layers,
        };
        let id = layers.get(at)?.ref_id.clone()?;
        within = Some(animation.assets.iter().position(|asset| asset.id == id)?);
        at = index(inner)?;
    }
    match within {
        Some(asset) => animation.assets.get_mut(asset)?.layers.get_mut(at),
        None => animation.layers.get_mut(at),
    }
}

thread_local! {
    /// The animations that this thread drew last, the latest at the end. Of the
    /// thread's own, as what is made ready cannot be shared between threads.
    static READY: RefCell<Vec<(Digest, PreparedAnimation)>> = const { RefCell::new(Vec::new()) };
}

/// Draws `lottie` as it looks at `time` of its own, so that it fills its box.
pub fn draw_lottie(
    lottie: &Lottie,
    time: Time,
    locate: &dyn Fn(&Digest) -> Result<PathBuf, RasterError>,
) -> Result<Sprite, RasterError> {
    let Lottie {
        asset,
        width,
        height,
        speed,
        ..
    } = lottie;
    check_size(*width, *height)?;
    let known = READY.with_borrow_mut(|ready| {
        let at = ready.iter().position(|(digest, _)| digest == asset)?;
        Some(ready.remove(at).1)
    });
    let played = speed.played(lottie.same_as(time)).as_seconds();
    let drawn = guarded(|| {
        let animation = match known {
            Some(animation) => animation,
            None => prepare(&locate(asset).map_err(|error| error.to_string())?)?,
        };
        let sprite = draw(&animation, played, *width, *height)?;
        Ok((animation, sprite))
    });
    let (animation, sprite) = drawn.map_err(RasterError::Draw)?;
    READY.with_borrow_mut(|ready| {
        if ready.len() >= KEPT {
            ready.remove(0);
        }
        ready.push((*asset, animation));
    });
    Ok(sprite)
}

fn prepare(path: &Path) -> Result<PreparedAnimation, String> {
    let (animation, _) = read_animation(path)?;
    Renderer::new(LENIENT)
        .prepare(&animation)
        .map_err(|error| error.to_string())
}

fn draw(
    prepared: &PreparedAnimation,
    seconds: f64,
    width: u32,
    height: u32,
) -> Result<Sprite, String> {
    let animation = prepared.animation();
    let (first, end) = (
        f64::from(animation.in_point),
        f64::from(animation.out_point),
    );
    // Its last picture stays: the end itself shows nothing any more.
    let last = (end - LAST_FRAME).max(first);
    let frame = (first + seconds * f64::from(animation.frame_rate)).min(last);
    let scale = f64::from(width) / f64::from(animation.width);
    let config = RenderConfig::new(Rgba8::TRANSPARENT, scale as f32);
    let drawn = prepared
        .render_frame(frame as f32, config)
        .map_err(|error| error.to_string())?;
    // Sizes are rounded up there: at most a row or a column is too many, or missing.
    let mut rgba = vec![0; width as usize * height as usize * 4];
    let row = width.min(drawn.width) as usize * 4;
    let rows = drawn.pixels.chunks_exact(drawn.width as usize * 4);
    for (to, from) in rgba.chunks_exact_mut(width as usize * 4).zip(rows) {
        to[..row].copy_from_slice(&from[..row]);
    }
    Sprite::from_premultiplied(width, height, rgba).ok_or_else(|| "pixels are missing".into())
}

/// How long before its end the last picture of an animation is, in frames.
const LAST_FRAME: f64 = 1.0 / 64.0;

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::timeline::Speed;

    const CROSS: &str = include_str!("../../tests/lottie/cross.json");
    const SPINNER: &str = include_str!("../../tests/lottie/spinner.json");
    const BADGE: &str = include_str!("../../tests/lottie/badge.json");

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(bytes).expect("written");
        file
    }

    fn probe(bytes: &[u8]) -> Option<Result<AssetKind, String>> {
        probe_lottie(file(bytes).path())
    }

    fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in entries {
            let options = zip::write::SimpleFileOptions::default();
            writer.start_file(*name, options).expect("begun");
            writer.write_all(bytes).expect("written");
        }
        writer.finish().expect("finished").into_inner()
    }

    fn drawn(text: &str, lottie: &Lottie, millis: i64) -> Sprite {
        let file = file(text.as_bytes());
        let path = |_: &Digest| Ok(file.path().to_owned());
        draw_lottie(lottie, Time::from_millis(millis), &path).expect("draws")
    }

    fn lottie(text: &str, width: u32, height: u32) -> Lottie {
        Lottie {
            asset: Digest::of(text.as_bytes()),
            width,
            height,
            speed: Speed::NORMAL,
            cycle: None,
        }
    }

    #[test]
    fn a_file_says_how_large_it_is_and_how_long_it_lasts() {
        let manifest = br#"{"animations": [{"id": "one"}]}"#.as_slice();
        let archive = archive(&[
            ("manifest.json", manifest),
            ("animations/one.json", CROSS.as_bytes()),
        ]);
        for bytes in [CROSS.as_bytes(), &archive] {
            let expected = AssetKind::Lottie {
                size: (100, 50),
                duration: Time::from_seconds(2),
                left_out: vec![],
            };
            assert_eq!(probe(bytes), Some(Ok(expected)));
        }
        assert_eq!(probe(b"\x89PNG"), None);
    }

    #[test]
    fn it_moves_by_its_own_time_at_any_size_and_speed() {
        let ink = |lottie: &Lottie, millis| drawn(CROSS, lottie, millis).ink();
        let once = lottie(CROSS, 100, 50);
        assert_eq!(ink(&once, 0), Some((0, 15, 20, 20)));
        assert_eq!(ink(&once, 1000), Some((40, 15, 20, 20)));
        let held = ink(&once, 1999).expect("ink");
        assert!((79..=80).contains(&held.0), "{held:?}");
        assert_eq!(drawn(CROSS, &once, 2000), drawn(CROSS, &once, 9000));
        assert_eq!(ink(&lottie(CROSS, 400, 200), 1000), Some((160, 60, 80, 80)));
        let fast = Lottie {
            speed: Speed::new(2.0),
            ..once.clone()
        };
        assert_eq!(drawn(CROSS, &fast, 500), drawn(CROSS, &once, 1000));
        let again = Lottie {
            cycle: Some(Time::from_seconds(2)),
            ..once.clone()
        };
        assert_eq!(drawn(CROSS, &again, 5000), drawn(CROSS, &once, 1000));
    }

    #[test]
    fn a_picture_does_not_depend_on_what_was_drawn_before() {
        let turn = lottie(SPINNER, 64, 64);
        let times = [0, 400, 700, 133];
        let forth: Vec<Sprite> = times.iter().map(|t| drawn(SPINNER, &turn, *t)).collect();
        let fresh = std::thread::spawn(move || {
            let turn = lottie(SPINNER, 64, 64);
            let mut back: Vec<Sprite> = times
                .iter()
                .rev()
                .map(|t| drawn(SPINNER, &turn, *t))
                .collect();
            back.reverse();
            back
        });
        assert!(forth == fresh.join().expect("draws"));
        assert!(forth[0] != forth[1]);
    }

    #[test]
    fn what_is_not_known_is_told_and_the_rest_is_drawn() {
        let Some(Ok(AssetKind::Lottie { left_out, .. })) = probe(BADGE.as_bytes()) else {
            panic!("a Lottie animation");
        };
        let told = left_out.join("\n");
        assert!(
            told.contains("effects") && told.contains("layer type"),
            "{told}"
        );
        let sprite = drawn(BADGE, &lottie(BADGE, 80, 40), 0);
        assert_eq!(sprite.ink(), Some((0, 0, 65, 40)));
    }

    #[test]
    fn what_is_too_much_or_no_animation_is_refused() {
        let with = |from: &str, to: &str| CROSS.replacen(from, to, 1).into_bytes();
        let endless = r#"{"fr":30,"ip":0,"op":30,"w":8,"h":8,"layers":[{"ty":0,"refId":"a"}],
            "assets":[{"id":"a","layers":[{"ty":0,"refId":"a"},{"ty":0,"refId":"a"}]}]}"#;
        let bomb = archive(&[("manifest.json", &vec![b' '; MAX_BYTES as usize + 1])]);
        for (bytes, part) in [
            (b"{}".to_vec(), "no Lottie animation"),
            (b"{\"a\": [".to_vec(), "no Lottie animation"),
            (b"PK\x03\x04rest".to_vec(), "rchive"),
            (with("\"w\": 100", "\"w\": 10000"), "10000x50 pixels"),
            (with("\"fr\": 30", "\"fr\": 0"), "frames at 0"),
            (with("\"op\": 60", "\"op\": 1e30"), "at most 3600 s"),
            (endless.into(), "compositions in one another"),
            (bomb, "bytes unpacked"),
        ] {
            let error = probe(&bytes).expect("looks like one").expect_err(part);
            assert!(error.contains(part), "{error}");
        }
    }
}
