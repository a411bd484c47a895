//! What the clips of the gallery show: pictures and footage by formulas, the same to the
//! last bit on every machine.

use std::fs;
use std::path::Path;

use image::{GrayImage, Luma, Rgb, RgbImage, Rgba, RgbaImage};

use super::reel::{HEIGHT, WIDTH};
use crate::support::{Scratch, ffmpeg};

type Colour = [u8; 3];

const WHITE: Colour = [0xFF; 3];

/// Frames a second of footage, and how many there are.
const RATE: u32 = 24;
const FRAMES: u32 = 96;

/// An F in a box of this size: no side of it is like another.
fn is_letter(x: u32, y: u32, (left, top, width, height): (u32, u32, u32, u32)) -> bool {
    if !(left..left + width).contains(&x) || !(top..top + height).contains(&y) {
        return false;
    }
    let (x, y, bar) = (x - left, y - top, width / 4);
    x < bar || y < bar || (x < width * 3 / 4 && (height * 2 / 5..height * 2 / 5 + bar).contains(&y))
}

/// Four quarters of different colours with an F on them.
fn quarters(size: (u32, u32), colours: [Colour; 4]) -> RgbImage {
    let height = size.0.min(size.1) * 5 / 9;
    let width = height * 7 / 10;
    let letter = ((size.0 - width) / 2, (size.1 - height) / 2, width, height);
    RgbImage::from_fn(size.0, size.1, |x, y| {
        if is_letter(x, y, letter) {
            return Rgb(WHITE);
        }
        let quarter = usize::from(x >= size.0 / 2) + 2 * usize::from(y >= size.1 / 2);
        Rgb(colours[quarter])
    })
}

fn is_in(x: u32, y: u32, centre: (i64, i64), radius: i64) -> bool {
    let (dx, dy) = (i64::from(x) - centre.0, i64::from(y) - centre.1);
    dx * dx + dy * dy < radius * radius
}

fn pictures(scratch: &Scratch) {
    let frame = (WIDTH as u32, HEIGHT as u32);
    let save = |name: &str, picture: &dyn Fn(&Path) -> image::ImageResult<()>| {
        picture(&scratch.path(name)).expect("is written");
    };
    let card = quarters(
        frame,
        [
            [0xC8, 0x30, 0x38],
            [0xE0, 0x88, 0x20],
            [0x98, 0x28, 0x60],
            [0xD8, 0x58, 0x28],
        ],
    );
    save("card.png", &|path| card.save(path));
    let tall = quarters(
        (60, 100),
        [
            [0x70, 0x30, 0xA0],
            [0x30, 0x70, 0xC0],
            [0x40, 0x20, 0x70],
            [0x20, 0xA0, 0xA0],
        ],
    );
    save("tall.png", &|path| tall.save(path));
    let ground = RgbImage::from_fn(frame.0, frame.1, |x, y| {
        Rgb(if x % 16 == 8 || y % 16 == 4 {
            [0x48, 0x60, 0x88]
        } else {
            [0x20, 0x30, 0x50]
        })
    });
    save("ground.png", &|path| ground.save(path));
    // Bars of colours, greys below, and something like skin in the middle.
    let bars: [Colour; 8] = [
        [0xE0; 3],
        [0xD0, 0xD0, 0x20],
        [0x20, 0xC8, 0xC8],
        [0x20, 0xB8, 0x30],
        [0xC0, 0x28, 0xC0],
        [0xD0, 0x20, 0x28],
        [0x20, 0x28, 0xD0],
        [0x18; 3],
    ];
    let photo = RgbImage::from_fn(frame.0, frame.1, |x, y| {
        Rgb(match (x, y) {
            (40..88, 14..48) => [0xE8, 0xB8, 0x90],
            (_, 54..) => [(x / 16 * 36) as u8; 3],
            _ => bars[(x / 16) as usize],
        })
    });
    save("photo.png", &|path| photo.save(path));
    let square = quarters(
        (24, 24),
        [
            [0xF0, 0xB0, 0x28],
            [0xE0, 0x60, 0x28],
            [0xD0, 0x90, 0x20],
            [0xF0, 0xD0, 0x50],
        ],
    );
    save("square.png", &|path| square.save(path));
    let dot = RgbaImage::from_fn(12, 12, |x, y| {
        Rgba([
            0x60,
            0xE0,
            0x90,
            if is_in(x, y, (6, 6), 6) { 0xFF } else { 0 },
        ])
    });
    save("dot.png", &|path| dot.save(path));
    let logo = RgbaImage::from_fn(48, 48, |x, y| {
        let alpha = if is_in(x, y, (24, 24), 14) {
            0x80
        } else {
            0xFF
        };
        Rgba([
            0xF0,
            0xB4,
            0x28,
            if is_in(x, y, (24, 24), 23) { alpha } else { 0 },
        ])
    });
    save("logo.png", &|path| logo.save(path));
    let disc = GrayImage::from_fn(72, 72, |x, y| {
        Luma([if is_in(x, y, (36, 36), 33) { 0xFF } else { 0 }])
    });
    save("disc.png", &|path| disc.save(path));
    let ramp = GrayImage::from_fn(frame.0, frame.1, |x, _| Luma([(x * 2) as u8]));
    save("ramp.png", &|path| ramp.save(path));
}

/// A film of frames by a formula, encoded without loss.
fn film(scratch: &Scratch, name: &str, pixel: impl Fn(u32, u32, u32) -> [u8; 4], how: &[&str]) {
    let raw = scratch.path("frames.raw");
    let (width, height) = (WIDTH as u32, HEIGHT as u32);
    let bytes: Vec<u8> = (0..FRAMES)
        .flat_map(|frame| (0..height).flat_map(move |y| (0..width).map(move |x| (frame, x, y))))
        .flat_map(|(frame, x, y)| pixel(frame, x, y))
        .collect();
    fs::write(&raw, bytes).expect("is written");
    let size = format!("{WIDTH}x{HEIGHT}");
    let rate = RATE.to_string();
    let input = [
        "-y", "-f", "rawvideo", "-pix_fmt", "rgba", "-s", &size, "-r", &rate, "-i",
    ];
    let output = scratch.path(name);
    let args = input
        .iter()
        .map(AsRef::as_ref)
        .chain([raw.as_os_str()])
        .chain(how.iter().map(AsRef::as_ref))
        .chain([output.as_os_str()]);
    ffmpeg(args);
}

/// H.264 that keeps each value, in BT.709.
const LOSSLESS: [&str; 16] = [
    "-vf",
    "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+bitexact,format=yuv420p",
    "-c:v",
    "libx264",
    "-preset",
    "veryfast",
    "-qp",
    "0",
    "-colorspace",
    "bt709",
    "-color_primaries",
    "bt709",
    "-color_trc",
    "bt709",
    "-color_range",
    "tv",
];

fn films(scratch: &Scratch) {
    // A box that crosses the frame in four seconds.
    let crossing = |frame: u32, x: u32, y: u32| {
        let left = frame * 104 / FRAMES;
        (left..left + 24).contains(&x) && (24..48).contains(&y)
    };
    let opaque = |[r, g, b]: Colour| [r, g, b, 0xFF];
    let moving = |ground: Colour, front: Colour| {
        move |frame, x, y| opaque(if crossing(frame, x, y) { front } else { ground })
    };
    let clip = |frame, x, y| {
        let ground = if (x / 16 + y / 12) % 2 == 0 {
            [0x30, 0x48, 0x30]
        } else {
            [0x38, 0x58, 0x38]
        };
        opaque(if crossing(frame, x, y) {
            [0xF0, 0xD0, 0x40]
        } else {
            ground
        })
    };
    film(scratch, "clip.mp4", clip, &LOSSLESS);
    let green = moving([0x20, 0xC0, 0x40], [0xD0, 0x30, 0x30]);
    film(scratch, "green.mp4", green, &LOSSLESS);
    // Brightness that comes in from the left in two seconds.
    let bar = |frame: u32, x: u32, _| opaque([if x < frame * 128 / 48 { 0xFF } else { 0 }; 3]);
    film(scratch, "bar.mp4", bar, &LOSSLESS);
    let clear = |frame, x, y| match crossing(frame, x, y) {
        true => [0xF0, 0x60, 0x30, 0xFF],
        false if y < 24 => [0x30, 0x60, 0xF0, 0x80],
        false => [0; 4],
    };
    film(scratch, "clear.mov", clear, &["-c:v", "qtrle"]);
}

/// Two cues of a second each, the first with times of its words.
const WORDS: &str = "WEBVTT\n\n\
    00:00.000 --> 00:01.000\n<00:00.000>one <00:00.333>two <00:00.667>three\n\n\
    00:01.000 --> 00:02.000\nfour five\n";

/// Makes all of it.
pub fn make(scratch: &Scratch) {
    pictures(scratch);
    films(scratch);
    for name in ["spinner.json", "badge.json", "cross.json"] {
        let lottie = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lottie");
        fs::copy(lottie.join(name), scratch.path(name)).expect("is copied");
    }
    fs::write(scratch.path("words.vtt"), WORDS).expect("is written");
}
