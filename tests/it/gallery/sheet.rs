//! A sheet: all stills of a family on one picture, a row a name; and how far apart two
//! stills are.

use std::fs;
use std::path::{Path, PathBuf};

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{GenericImageView, RgbImage};

use super::reel::{HEIGHT, WIDTH};

const PIXELS: usize = WIDTH * HEIGHT;

/// RGB, row by row.
pub type Still = Vec<u8>;

/// Stored colours have so many steps a channel, black and white among them: a sheet is a
/// third as large then.
const STEPS: u32 = 31;

/// How far rounding to a step moves a colour, at most.
const ROUNDED: u8 = 5;

/// How far a still may be from the stored one beyond rounding: on average, and in any block
/// of 8x8 pixels, in any channel. Decoders and converters of other machines round otherwise.
const MEAN: f64 = 0.4;
const BLOCK: f64 = 6.0;

/// The sides of a block.
const SIDE: usize = 8;

/// How far apart two stills are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Apart {
    pub mean: f64,
    pub block: f64,
}

impl Apart {
    pub fn is_seen(self) -> bool {
        self.mean > MEAN || self.block > BLOCK
    }

    /// How many times as far apart as is just not seen.
    pub fn times(self) -> f64 {
        (self.mean / MEAN).max(self.block / BLOCK)
    }
}

/// How far apart two stills are, one of them rounded.
pub fn apart(still: &[u8], stored: &[u8]) -> Apart {
    let blocks = WIDTH / SIDE;
    let mut sums = vec![[0_u32; 3]; blocks * (HEIGHT / SIDE)];
    let pixels = still.chunks_exact(3).zip(stored.chunks_exact(3));
    for (at, (a, b)) in pixels.enumerate() {
        let block = at / WIDTH / SIDE * blocks + at % WIDTH / SIDE;
        for channel in 0..3 {
            let off = a[channel].abs_diff(b[channel]).saturating_sub(ROUNDED);
            sums[block][channel] += u32::from(off);
        }
    }
    let mean = |channel: usize| {
        let sum: u32 = sums.iter().map(|sums| sums[channel]).sum();
        f64::from(sum) / PIXELS as f64
    };
    let worst = sums.iter().flatten().max().copied().unwrap_or(0);
    Apart {
        mean: (0..3).map(mean).fold(0.0, f64::max),
        block: f64::from(worst) / (SIDE * SIDE) as f64,
    }
}

/// A still as it is stored.
pub fn rounded(still: &[u8]) -> Still {
    let round = |channel: &u8| {
        let step = (u32::from(*channel) * STEPS + 127) / 255;
        ((step * 255 + STEPS / 2) / STEPS) as u8
    };
    still.iter().map(round).collect()
}

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden")
}

/// Stores stills, row by row.
pub fn keep(file: &Path, stills: &[Vec<Still>]) {
    let columns = stills.iter().map(Vec::len).max().unwrap_or(1);
    let mut sheet = RgbImage::new((columns * WIDTH) as u32, (stills.len() * HEIGHT) as u32);
    for (row, cells) in stills.iter().enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            let cell = RgbImage::from_vec(WIDTH as u32, HEIGHT as u32, rounded(cell));
            let cell = cell.expect("as large as a still");
            let (x, y) = (column * WIDTH, row * HEIGHT);
            image::imageops::replace(&mut sheet, &cell, x as i64, y as i64);
        }
    }
    let mut bytes = Vec::new();
    let best =
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Best, FilterType::Adaptive);
    sheet.write_with_encoder(best).expect("is encoded");
    fs::create_dir_all(file.parent().expect("a folder")).expect("is made");
    fs::write(file, bytes).expect("is written");
}

/// Reads the sheet of a family: a row of so many stills for each of `rows`.
pub fn stored(family: &str, rows: &[usize]) -> Result<Vec<Vec<Still>>, String> {
    let file = folder().join(format!("{family}.png"));
    let sheet = image::open(&file)
        .map_err(|error| format!("{}: {error}: scripts/gallery makes it", file.display()))?;
    let columns = rows.iter().copied().max().unwrap_or(1);
    let expected = ((columns * WIDTH) as u32, (rows.len() * HEIGHT) as u32);
    if sheet.dimensions() != expected {
        return Err(format!(
            "{} has {:?} pixels, not {expected:?}: there are other names or times; scripts/gallery makes it anew",
            file.display(),
            sheet.dimensions()
        ));
    }
    let sheet = sheet.to_rgb8();
    let cell = |row: usize, column: usize| {
        let (x, y) = (column * WIDTH, row * HEIGHT);
        let cell = sheet.view(x as u32, y as u32, WIDTH as u32, HEIGHT as u32);
        cell.to_image().into_raw()
    };
    let row = |(row, count): (usize, &usize)| (0..*count).map(|column| cell(row, column)).collect();
    Ok(rows.iter().enumerate().map(row).collect())
}
