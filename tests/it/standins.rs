//! Stand-ins for the media that Edits name by URL: files of the same kind, made here,
//! under the same paths.
//!
//! A path with `solid/RRGGBB/` in it stands for that colour, so that a test can ask
//! what is seen where; all others show their name, and move where they are videos.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use loomcast::template::merge::{Data, merge};
use serde_json::{Value, json};

use crate::support::{assets, ffmpeg};

/// What a file has to be, by the asset that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Video,
    Picture,
    Sound,
    Matte,
    Font,
    Words,
}

/// The Edit with every URL in it, also in the defaults of its merge fields, replaced
/// by a path below `base`: `https://host/a/b.mp4` by `base/host/a/b.mp4`.
pub fn mapped(edit: &Value, base: &str) -> Value {
    match edit {
        Value::String(text) => {
            let url = text
                .strip_prefix("https://")
                .or_else(|| text.strip_prefix("http://"));
            url.map_or_else(|| edit.clone(), |rest| format!("{base}{rest}").into())
        }
        Value::Array(values) => values.iter().map(|value| mapped(value, base)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), mapped(value, base)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

/// The Edit with a value for each placeholder that has none in it: a template that
/// somebody fills in.
pub fn filled(edit: &Value) -> Value {
    let text = edit.to_string();
    let mut edit = edit.clone();
    let mut fields = edit["merge"].as_array().cloned().unwrap_or_default();
    for rest in text.split("{{").skip(1) {
        let name = rest
            .split("}}")
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned();
        if fields.iter().any(|field| field["find"] == *name) {
            continue;
        }
        let value = match name.as_str() {
            _ if name.ends_with("FONT_SRC") => format!("https://media.example/fonts/{name}.ttf"),
            _ if name.ends_with("FONT") => "Montserrat".to_owned(),
            "OVERLAY_COLOR" => "black".to_owned(),
            _ if name.ends_with("COLOR") => "#f0c20c".to_owned(),
            "SOUNDTRACK" => format!("https://media.example/music/{name}.mp3"),
            "LOGO" => format!("https://media.example/images/{name}.png"),
            "HEADSHOT" => format!("https://media.example/images/{name}.jpg"),
            _ if name.starts_with("IMAGE") => format!("https://media.example/images/{name}.jpg"),
            _ => name.clone(),
        };
        fields.push(json!({ "find": name, "replace": value }));
    }
    edit["merge"] = fields.into();
    edit
}

/// Makes a stand-in in `folder` for all that `edit` names below `base`. Those that are
/// there already stay.
pub fn make(edit: &Value, base: &str, folder: &Path) {
    let merged = merge(edit.clone(), &Data::new()).expect("its defaults fill it in");
    let mut wanted = BTreeMap::new();
    find(&merged.document, None, &mut wanted);
    for ((kind, src), seconds) in wanted {
        let Some(path) = src.strip_prefix(base) else {
            continue;
        };
        let file = folder.join(path);
        if file.exists() {
            continue;
        }
        fs::create_dir_all(file.parent().expect("a folder")).expect("is made");
        stand_in(kind, &file, seconds);
    }
}

/// All files below `value` with what they have to be and how many seconds of them are shown.
fn find(value: &Value, place: Option<&str>, wanted: &mut BTreeMap<(Kind, String), u32>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| find(value, place, wanted)),
        Value::Object(members) => {
            // A clip: its asset, and how long it is wanted.
            let asset = members.get("asset").unwrap_or(value);
            if let Some(kind) = kind(asset, place)
                && let Some(src) = asset["src"].as_str()
            {
                let number = |value: &Value| value.as_f64().unwrap_or(0.0);
                let seconds = number(&asset["trim"]) + number(&value["length"]) * 2.0;
                let needed = wanted.entry((kind, src.to_owned())).or_insert(6);
                *needed = (*needed).max(seconds as u32 + 1);
            }
            for (name, member) in members {
                let place = matches!(name.as_str(), "fonts" | "soundtrack").then_some(name);
                if name != "asset" {
                    find(member, place.map(String::as_str), wanted);
                }
            }
        }
        _ => {}
    }
}

fn kind(asset: &Value, place: Option<&str>) -> Option<Kind> {
    match (place, asset["type"].as_str()) {
        (Some("fonts"), _) => Some(Kind::Font),
        (Some("soundtrack"), _) | (_, Some("audio")) => Some(Kind::Sound),
        (_, Some("video")) => Some(Kind::Video),
        (_, Some("image")) => Some(Kind::Picture),
        (_, Some("luma")) => Some(Kind::Matte),
        (_, Some("caption" | "rich-caption")) => Some(Kind::Words),
        _ => None,
    }
}

/// The shipped fonts in place of those named so.
const FONTS: [(&str, &str); 9] = [
    ("Montserrat-Black", "Montserrat-Black.ttf"),
    ("Montserrat-Bold", "Montserrat-Bold.ttf"),
    ("Montserrat", "Montserrat-Regular.ttf"),
    ("OpenSans-ExtraBold", "OpenSans-ExtraBold.ttf"),
    ("OpenSans-Bold", "OpenSans-Bold.ttf"),
    ("OpenSans", "OpenSans-Regular.ttf"),
    ("manrope-extrabold", "Montserrat-ExtraBold.ttf"),
    ("Bold", "DejaVuSans-Bold.ttf"),
    ("", "PlayfairDisplay-Regular.ttf"),
];

fn stand_in(kind: Kind, file: &Path, seconds: u32) {
    let name = file
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default();
    let path = file.to_string_lossy();
    let suffix = file
        .extension()
        .and_then(|suffix| suffix.to_str())
        .unwrap_or_default();
    match kind {
        Kind::Font => {
            let named = FONTS.iter().find(|(known, _)| name.contains(known));
            let (_, font) = named.expect("the last fits all");
            fs::copy(assets().join("fonts").join(font), file).expect("is copied");
        }
        Kind::Words => {
            let words = "1\n00:00:00,200 --> 00:00:02,000\nThe first words\n\n\
                         2\n00:00:02,200 --> 00:00:04,000\nand those after them\n";
            let words = match suffix {
                "vtt" => format!("WEBVTT\n\n{}", words.replace(',', ".")),
                _ => words.to_owned(),
            };
            fs::write(file, words).expect("is written");
        }
        Kind::Sound => {
            let sound = format!("aevalsrc='{0}|{0}':s=44100:d=40", chord(name));
            run(&[&sound], &[], file);
        }
        Kind::Matte if matches!(suffix, "mp4" | "mov" | "webm") => {
            // A bright bar that grows from the left until all is white.
            let grows = "color=c=black:s=640x360:r=25[g];color=c=white:s=640x360:r=25[w];\
                         [g][w]overlay=x='-W+W*t/2':eval=frame,format=yuv420p";
            let length = seconds.to_string();
            run(
                &[grows],
                &["-t", &length, "-c:v", "libx264", "-preset", "veryfast"],
                file,
            );
        }
        Kind::Matte => {
            let disc = "color=c=black:s=1080x1080,format=gray,\
                        geq=lum='255*lt(hypot(X-540,Y-540),520)'";
            run(&[disc], &["-frames:v", "1"], file);
        }
        Kind::Picture => match solid(&path) {
            Some(colour) => {
                let source = format!("color=c={colour}:s=640x360,format=rgb24");
                run(&[&source], &["-frames:v", "1"], file);
            }
            None if suffix == "png" => {
                // A logo or an icon: opaque in part.
                let (inner, outer) = if path.contains("icon") {
                    ("56x56", "64:64")
                } else {
                    ("592x192", "600:200")
                };
                let source = format!(
                    "color=c={}:s={inner},format=rgba,{},pad={outer}:4:4:color=black@0.0",
                    hue(name),
                    labelled(name, 40)
                );
                run(&[&source], &["-frames:v", "1"], file);
            }
            None => {
                let source = format!(
                    "gradients=s=1600x1067:n=4:seed={},drawgrid=w=160:h=160:t=4:c=white@0.4,{}",
                    number(name),
                    labelled(name, 120)
                );
                run(&[&source], &["-frames:v", "1"], file);
            }
        },
        Kind::Video => video(&path, name, suffix, seconds, file),
    }
}

fn video(path: &str, name: &str, suffix: &str, seconds: u32, file: &Path) {
    let length = seconds.to_string();
    let sound = format!("aevalsrc='{0}|{0}':s=48000", chord(name));
    let with_sound = [
        "-t",
        &length,
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-crf",
        "20",
        "-pix_fmt",
        "yuv420p",
        "-colorspace",
        "bt709",
        "-color_primaries",
        "bt709",
        "-color_trc",
        "bt709",
        "-color_range",
        "tv",
        "-c:a",
        "aac",
        "-shortest",
    ];
    match (solid(path), suffix) {
        (Some(colour), _) => {
            let to_yuv = "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p";
            let source = format!("color=c={colour}:s=640x360:r=25,format=rgb24,{to_yuv}");
            run(&[&source, &sound], &with_sound, file);
        }
        (None, "mov" | "webm") => {
            // A black wedge that moves over nothing: an overlay.
            let source = format!(
                "color=c=black@0.0:s=1024x576:r=25,format=rgba[g];\
                 color=c={}:s=400x576:r=25,format=rgba[w];\
                 [g][w]overlay=x='-400+1400*mod(t,2)/2':eval=frame:format=rgb,format=rgba",
                hue(name)
            );
            let codec: &[&str] = match suffix {
                "mov" => &["-c:v", "qtrle"],
                _ => &[
                    "-c:v",
                    "libvpx-vp9",
                    "-pix_fmt",
                    "yuva420p",
                    "-deadline",
                    "realtime",
                ],
            };
            run(&[&source], &[&["-t", &length], codec].concat(), file);
        }
        (None, _) => {
            let source = format!(
                "testsrc2=s=1280x720:r=25,hue=h={},{}",
                number(name) % 360,
                labelled(name, 90)
            );
            run(&[&source, &sound], &with_sound, file);
        }
    }
}

fn run(sources: &[&str], how: &[&str], file: &Path) {
    let mut args = vec!["-y".to_owned()];
    for source in sources {
        args.extend(["-f", "lavfi", "-i", source].map(str::to_owned));
    }
    args.extend(how.iter().map(|&arg| arg.to_owned()));
    args.push(file.to_string_lossy().into_owned());
    ffmpeg(args);
}

/// The colour that a path stands for.
fn solid(path: &str) -> Option<String> {
    let rest = path.split("solid/").nth(1)?;
    Some(format!("0x{}", rest.get(..6)?))
}

/// A filter that writes a name into the middle.
fn labelled(name: &str, size: u32) -> String {
    let font: PathBuf = assets().join("fonts/OpenSans-Bold.ttf");
    format!(
        "drawtext=fontfile={}:text='{name}':fontsize={size}:x=(w-tw)/2:y=(h-th)/2:\
         fontcolor=white:borderw=4",
        font.display()
    )
}

/// A number that follows from a name.
fn number(name: &str) -> u32 {
    name.bytes().fold(17_u32, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(byte.into())
    }) % 100_000
}

fn hue(name: &str) -> String {
    let colours = [
        "0xC04040", "0x40A040", "0x4060C0", "0xB09030", "0x8040A0", "0x309090",
    ];
    colours[number(name) as usize % colours.len()].to_owned()
}

fn chord(name: &str) -> String {
    let root = 200 + number(name) % 200;
    format!(
        "0.2*sin(2*PI*{root}*t)+0.1*sin(2*PI*{}*t)*(0.6+0.4*sin(3*t))",
        root * 3 / 2
    )
}
