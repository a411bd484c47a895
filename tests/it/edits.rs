//! Edits that were written for another renderer, and more of their kind, rendered whole
//! and looked at: as many frames and as much sound as they say, pictures in them, and
//! no warning but those that are to be expected.
//!
//! The public Edits are found in the folder that `LOOMCAST_EDITS` names; without it
//! only those that are kept here are tried. With `LOOMCAST_SHEET=FILE.png` the frames
//! that were looked at are also put on a sheet, at full frame rate (`scripts/contact-sheet`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::origin::Origin;
use crate::standins::{filled, make, mapped};
use crate::support::{
    Loomcast, Scratch, assets, decode_sound, ffmpeg, ffprobe, files, have_ffmpeg,
};

/// Frames of each Edit that are looked at.
const LOOKS: u32 = 8;

/// What frames are looked at in.
const SIZE: (usize, usize) = (160, 90);

/// What may be warned about: stand-ins are not called what the fonts that they stand
/// in for are.
const EXPECTED: [&str; 2] = ["there is no font", "the last picture is held"];

/// A pixel's colour, each channel 0 to 255.
type Rgb = [u8; 3];

/// What an Edit became.
struct Made {
    report: Value,
    video: PathBuf,
    frames: Vec<Vec<Rgb>>,
}

impl Made {
    /// The colour at these shares of width and height in the frame looked at that is
    /// nearest to `time`.
    fn at(&self, time: f64, x: f64, y: f64) -> Rgb {
        let duration = self.report["duration_s"].as_f64().expect("seconds");
        let frame = (time / duration * f64::from(LOOKS) - 0.5).round().max(0.0) as usize;
        let frame = &self.frames[frame.min(self.frames.len() - 1)];
        let (column, row) = (x * SIZE.0 as f64, y * SIZE.1 as f64);
        frame[(row as usize).min(SIZE.1 - 1) * SIZE.0 + (column as usize).min(SIZE.0 - 1)]
    }
}

/// Where the sheet goes, if one is wanted.
fn sheet() -> Option<PathBuf> {
    std::env::var_os("LOOMCAST_SHEET").map(PathBuf::from)
}

/// Renders the Edit of this file with stand-ins for its media.
fn made(scratch: &Scratch, origin: &Origin, file: &Path) -> Made {
    let name = file
        .file_stem()
        .and_then(|stem| stem.to_str())
        .expect("a name");
    let text = fs::read(file).expect("is read");
    let mut edit: Value = serde_json::from_slice(&text).expect("JSON");
    // The Edit as it is, but for the hosts: its media are fetched.
    let base = origin.url("/");
    edit = mapped(&filled(&edit), &base);
    let folder = scratch.path("web");
    fs::create_dir_all(&folder).expect("is made");
    make(&edit, &base, &folder);
    for (path, bytes) in files(&folder) {
        origin.file(&format!("/{}", path.to_string_lossy()), &bytes);
    }
    if sheet().is_none() && edit["output"]["fps"].is_null() {
        // Half the pictures show as much.
        edit["output"]["fps"] = json!(12);
    }
    let user = Loomcast::new(scratch, "data");
    let path = scratch.edit(&format!("{name}.json"), &edit);
    let video = scratch.path(&format!("{name}.mp4"));
    let args = [
        "render".as_ref(),
        path.as_os_str(),
        "-o".as_ref(),
        video.as_os_str(),
        "--allow-host".as_ref(),
        "127.0.0.1".as_ref(),
    ];
    let ran = user.run(args);
    assert_eq!(ran.code, Some(0), "{}: {}", file.display(), ran.stderr);
    let report = ran.json();
    let frames = frames(&video, report["frames"].as_u64().expect("a count"));
    Made {
        report,
        video,
        frames,
    }
}

/// Evenly spread frames of a video, the first half a step after its beginning.
fn frames(video: &Path, count: u64) -> Vec<Vec<Rgb>> {
    let step = (count / u64::from(LOOKS)).max(1);
    let select = format!(
        "select='eq(mod(n,{step}),{})',scale={}:{}:flags=area:in_color_matrix=bt709",
        step / 2,
        SIZE.0,
        SIZE.1
    );
    let looks = LOOKS.to_string();
    let args = ["-i".as_ref(), video.as_os_str()];
    let how = [
        "-vf",
        &select,
        "-fps_mode",
        "passthrough",
        "-frames:v",
        &looks,
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        "-",
    ];
    let bytes = ffmpeg(args.into_iter().chain(how.iter().map(AsRef::as_ref)));
    let pixels: Vec<Rgb> = bytes
        .chunks_exact(3)
        .map(|pixel| [pixel[0], pixel[1], pixel[2]])
        .collect();
    pixels
        .chunks_exact(SIZE.0 * SIZE.1)
        .map(<[Rgb]>::to_vec)
        .collect()
}

/// Whether anything is heard of an Edit whose videos have sound.
fn is_heard(edit: &Value) -> bool {
    let clips = clips(edit);
    let mut assets = clips.iter().map(|clip| &clip["asset"]);
    let silent = |asset: &Value| asset["volume"] == 0 || asset["volume"] == "0";
    let muted = edit["output"]["mute"] == true;
    !muted
        && (edit["timeline"]["soundtrack"].is_object()
            || assets.any(|asset| match asset["type"].as_str() {
                Some("audio") => true,
                // Overlays (in other containers) have no sound.
                Some("video") => {
                    asset["src"]
                        .as_str()
                        .is_some_and(|src| src.ends_with(".mp4"))
                        && !silent(asset)
                }
                _ => false,
            }))
}

fn clips(edit: &Value) -> Vec<&Value> {
    let tracks = edit["timeline"]["tracks"].as_array().expect("tracks");
    let clips = tracks.iter().filter_map(|track| track["clips"].as_array());
    clips.flatten().collect()
}

/// When the last clip ends, if all say so in numbers.
fn ends(edit: &Value) -> Option<f64> {
    let number = |value: &Value| match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_f64(),
    };
    let end = |clip: &&Value| Some(number(&clip["start"])? + number(&clip["length"])?);
    let ends: Option<Vec<f64>> = clips(edit).iter().map(end).collect();
    ends?.into_iter().reduce(f64::max)
}

/// What is wrong with what became of an Edit.
fn faults(edit: &Value, made: &Made) -> Vec<String> {
    let mut faults = Vec::new();
    let warnings = made.report["warnings"].as_array().expect("an array");
    for warning in warnings.iter().filter_map(Value::as_str) {
        if !EXPECTED.iter().any(|expected| warning.contains(expected)) {
            faults.push(format!("warns: {warning}"));
        }
    }
    let probed = ffprobe(
        &made.video,
        &[
            "-count_frames",
            "-show_entries",
            "stream=codec_type,nb_read_frames,r_frame_rate",
        ],
    );
    let streams = probed["streams"].as_array().expect("streams");
    let stream = |kind: &str| streams.iter().find(|stream| stream["codec_type"] == kind);
    let found = stream("video").and_then(|video| video["nb_read_frames"].as_str());
    let found: Option<u64> = found.and_then(|count| count.parse().ok());
    if found != made.report["frames"].as_u64() {
        faults.push(format!("{found:?} frames, not {}", made.report["frames"]));
    }
    if let Some(end) = ends(edit) {
        let duration = made.report["duration_s"].as_f64().expect("seconds");
        if duration < end - 1e-6 || duration > end + 0.1 {
            faults.push(format!("lasts {duration} s, not {end} s"));
        }
    }
    if stream("audio").is_some() != is_heard(edit) {
        faults.push(format!("sound: {} expected", is_heard(edit)));
    } else if is_heard(edit) {
        let sound = decode_sound(&made.video);
        let loudest = sound
            .iter()
            .fold(0.0_f32, |loudest, sample| loudest.max(sample.abs()));
        if loudest < 0.01 {
            faults.push(format!("silence: at most {loudest}"));
        }
    }
    let is_black = |frame: &&Vec<Rgb>| frame.iter().flatten().all(|channel| *channel < 24);
    let black = made.frames.iter().filter(is_black).count();
    if black * 4 > made.frames.len() {
        faults.push(format!("{black} of {} frames are black", made.frames.len()));
    }
    let coarse = made
        .frames
        .iter()
        .flatten()
        .map(|pixel| pixel.map(|channel| channel >> 5));
    let colours: BTreeSet<Rgb> = coarse.collect();
    if colours.len() < 2 {
        faults.push(format!("nothing but {colours:?} is seen"));
    }
    faults
}

/// The Edits of a folder and those below it, by their paths in it.
fn edits(folder: &Path) -> Vec<PathBuf> {
    let is_edit = |path: &PathBuf| path.extension() == Some("json".as_ref());
    let found = files(folder).into_iter().map(|(path, _)| path);
    found
        .filter(is_edit)
        .map(|path| folder.join(path))
        .collect()
}

/// Renders all Edits of a folder and gives what is wrong with each.
fn try_all(scratch: &Scratch, folder: &Path) -> (BTreeMap<String, Made>, Vec<String>) {
    let mut all = BTreeMap::new();
    let mut wrong = Vec::new();
    let origin = Origin::start();
    for file in edits(folder) {
        let made = made(scratch, &origin, &file);
        let edit: Value = serde_json::from_slice(&fs::read(&file).expect("is read")).expect("JSON");
        let name = file.strip_prefix(folder).expect("inside").to_string_lossy();
        for fault in faults(&edit, &made) {
            wrong.push(format!("{name}: {fault}"));
        }
        if let Some(sheet) = sheet() {
            strip(
                &made,
                &name,
                &strips(&sheet).join(format!("{}.png", name.replace('/', "-"))),
            );
        }
        all.insert(name.into_owned(), made);
    }
    (all, wrong)
}

fn strips(sheet: &Path) -> PathBuf {
    let folder = sheet.with_extension("strips");
    fs::create_dir_all(&folder).expect("is made");
    folder
}

/// The frames of a video in a row, under its name.
fn strip(made: &Made, name: &str, file: &Path) {
    let count = made.report["frames"].as_u64().expect("a count");
    let step = (count / u64::from(LOOKS)).max(1);
    let font = assets().join("fonts/OpenSans-Bold.ttf");
    let graph = format!(
        "select='eq(mod(n,{step}),{})',scale=320:180:force_original_aspect_ratio=decrease,\
         pad=320:180:-1:-1:color=0x404040,tile={LOOKS}x1,pad=iw:ih+28:0:28:color=0x202020,\
         drawtext=fontfile={}:text='{name}':fontsize=18:x=8:y=5:fontcolor=white",
        step / 2,
        font.display()
    );
    let args = ["-y".as_ref(), "-i".as_ref(), made.video.as_os_str()];
    let how = ["-vf", &graph, "-frames:v", "1"].map(AsRef::as_ref);
    ffmpeg(args.into_iter().chain(how).chain([file.as_os_str()]));
}

/// Puts all strips that there are onto one sheet.
fn put_together(sheet: &Path) {
    let strips = edits_strips(sheet);
    let mut args: Vec<String> = vec!["-y".into()];
    for strip in &strips {
        args.extend(["-i".into(), strip.to_string_lossy().into_owned()]);
    }
    let stack = format!("vstack=inputs={}", strips.len());
    if strips.len() > 1 {
        args.extend(["-filter_complex".into(), stack]);
    }
    args.push(sheet.to_string_lossy().into_owned());
    ffmpeg(args);
}

fn edits_strips(sheet: &Path) -> Vec<PathBuf> {
    let folder = strips(sheet);
    let found = files(&folder)
        .into_iter()
        .map(|(path, _)| folder.join(path));
    found.collect()
}

#[test]
fn public_edits_are_rendered_as_they_say() {
    let test = "public_edits_are_rendered_as_they_say";
    if !have_ffmpeg(test) {
        return;
    }
    let Some(folder) = std::env::var_os("LOOMCAST_EDITS").map(PathBuf::from) else {
        eprintln!("skipped: {test} needs LOOMCAST_EDITS, a folder of Edits");
        return;
    };
    let scratch = Scratch::new();
    let (made, wrong) = try_all(&scratch, &folder);
    if let Some(sheet) = sheet() {
        put_together(&sheet);
    }
    assert!(!made.is_empty(), "no Edits in {}", folder.display());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Colours that the fixtures' stand-ins have.
const RED: Rgb = [0xE0, 0x20, 0x20];
const GREEN: Rgb = [0x20, 0xC0, 0x40];
const BLUE: Rgb = [0x20, 0x40, 0xD0];
const WHITE: Rgb = [255, 255, 255];
const BLACK: Rgb = [0, 0, 0];

#[test]
fn edits_of_the_same_kind_show_what_they_say_where_they_say() {
    if !have_ffmpeg("edits_of_the_same_kind_show_what_they_say_where_they_say") {
        return;
    }
    let scratch = Scratch::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/edits");
    let (made, mut wrong) = try_all(&scratch, &folder);
    for (name, time, (x, y), expected) in PROBES {
        let found = made
            .get(*name)
            .unwrap_or_else(|| panic!("{name} is not among the fixtures"))
            .at(*time, *x, *y);
        let is_near = |(found, expected): (&u8, &u8)| found.abs_diff(*expected) <= 24;
        if !found.iter().zip(expected).all(is_near) {
            wrong.push(format!(
                "{name} at {time} s, ({x}, {y}): {found:?}, not {expected:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What is seen where: fixture, seconds, shares of width and height, colour.
type Probe = (&'static str, f64, (f64, f64), Rgb);

const PROBES: &[Probe] = &[
    ("watermark.json", 2.0, (0.83, 0.17), RED),
    ("picture-in-picture.json", 2.0, (0.78, 0.78), GREEN),
    ("luma-transition.json", 0.7, (0.5, 0.5), BLUE),
    ("luma-transition.json", 1.7, (0.1, 0.5), RED),
    ("luma-transition.json", 1.7, (0.9, 0.5), BLUE),
    ("luma-transition.json", 3.7, (0.9, 0.5), RED),
    ("luma-circle.json", 2.0, (0.5, 0.5), RED),
    ("luma-circle.json", 2.0, (0.1, 0.1), BLUE),
    ("crop.json", 2.0, (0.2, 0.5), RED),
    ("crop.json", 2.0, (0.45, 0.5), RED),
    ("crop.json", 2.0, (0.55, 0.5), GREEN),
    ("crop.json", 2.0, (0.8, 0.5), GREEN),
    ("crop.json", 2.0, (0.8, 0.2), BLUE),
    ("cards.json", 2.0, (0.3, 0.05), RED),
    ("cards.json", 2.0, (0.05, 0.5), GREEN),
    ("cards.json", 2.0, (0.95, 0.5), BLUE),
    ("cards.json", 2.0, (0.6, 0.9), [128, 128, 128]),
    ("cards.json", 2.0, (0.5, 0.5), BLACK),
    ("subtitles.json", 0.5, (0.1, 0.85), RED),
    ("deep.json", 2.0, (0.5, 0.47), GREEN),
    ("odd-numbers.json", 0.7, (0.5, 0.5), GREEN),
    ("odd-numbers.json", 2.2, (0.5, 0.5), RED),
    ("odd-numbers.json", 2.2, (0.1, 0.5), GREEN),
    ("odd-numbers.json", 2.2, (0.12, 0.11), BLUE),
    ("overlaps.json", 1.2, (0.5, 0.5), RED),
    ("overlaps.json", 3.7, (0.5, 0.5), GREEN),
    ("turned.json", 2.0, (0.5, 0.1), RED),
    ("turned.json", 2.0, (0.5, 0.9), RED),
    ("turned.json", 2.0, (0.7, 0.5), BLUE),
    ("turned.json", 2.0, (0.2, 0.5), GREEN),
    ("chroma-key.json", 2.0, (0.5, 0.5), RED),
    ("wipes.json", 0.2, (0.95, 0.5), BLUE),
    ("wipes.json", 0.8, (0.3, 0.5), RED),
    ("wipes.json", 2.2, (0.9, 0.5), RED),
    ("smart-times.json", 1.0, (0.5, 0.7), RED),
    ("smart-times.json", 3.8, (0.5, 0.1), WHITE),
    ("smart-times.json", 3.8, (0.5, 0.7), GREEN),
    ("overlay-with-alpha.json", 0.2, (0.95, 0.1), BLUE),
];
