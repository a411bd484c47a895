//! GIF: at most 256 colours in each picture, each with its own.
//!
//! A pixel that has not changed is left as it is, so what stands still does not
//! flicker and takes no room. What is new is dithered by error diffusion, which
//! leaves flat colours flat.

use std::io::Write;

use gif::{DisposalMethod, Encoder, Frame as GifFrame, Repeat};
use quantette::PaletteSize;
use quantette::deps::palette::Srgb;
use quantette::wu::{BinnerU8x3, WuU8x3};

use crate::media::{Frame, MediaError, rgb};
use crate::profile::{Quality, VideoProfile};
use crate::time::FrameRate;

/// The most frames a second: delays are whole hundredths of a second, and viewers
/// take less than two for ten. Of more, every second, third … is left out.
const MAX_RATE: u32 = 50;

/// The shares of a pixel's error that its neighbours take over, of 16, are those of
/// Floyd and Steinberg; this much of the error is passed on at all.
const PASSED_ON: (i32, i32) = (7, 8);

/// A GIF being written, by one thread.
pub struct GifWriter<W: Write> {
    encoder: Encoder<W>,
    size: (usize, usize),
    rate: FrameRate,
    /// Of so many frames one is taken.
    step: u32,
    colors: u16,
    tolerance: u8,
    /// The frames given so far.
    count: u32,
    /// The colours that each pixel had when it was painted last.
    painted: Vec<[u8; 3]>,
    /// Which of them are painted in the picture at hand.
    is_new: Vec<bool>,
    /// The picture that waits to be written, and when it begins in hundredths.
    waiting: Option<(GifFrame<'static>, u64)>,
}

impl<W: Write> GifWriter<W> {
    /// A GIF into `target`, which begins again for ever if it is to `repeat`.
    pub fn new(target: W, profile: &VideoProfile, repeat: bool) -> Result<Self, MediaError> {
        let side = |pixels: u32| {
            u16::try_from(pixels).map_err(|_| failed("a side is longer than 65535 pixels"))
        };
        let (width, height) = (side(profile.width)?, side(profile.height)?);
        let mut encoder = Encoder::new(target, width, height, &[]).map_err(failed)?;
        if repeat {
            encoder.set_repeat(Repeat::Infinite).map_err(failed)?;
        }
        let (colors, tolerance) = detail(profile.quality);
        let rate = profile.rate;
        Ok(Self {
            encoder,
            size: (profile.width as usize, profile.height as usize),
            rate,
            step: rate.num().div_ceil(rate.den() * MAX_RATE).max(1),
            colors,
            tolerance,
            count: 0,
            painted: Vec::new(),
            is_new: Vec::new(),
            waiting: None,
        })
    }

    /// The next frame.
    pub fn frame(&mut self, frame: &Frame) -> Result<(), MediaError> {
        let index = self.count;
        self.count += 1;
        if !index.is_multiple_of(self.step) {
            return Ok(());
        }
        let pixels = rgb(frame);
        let (pixels, _) = pixels.as_chunks::<3>();
        let Some(picture) = self.picture(pixels)? else {
            return Ok(());
        };
        let start = self.hundredths(index);
        self.write_waiting(start)?;
        self.waiting = Some((picture, start));
        Ok(())
    }

    /// Ends the file.
    pub fn finish(mut self) -> Result<(), MediaError> {
        let end = self.hundredths(self.count);
        self.write_waiting(end)?;
        let mut target = self.encoder.into_inner().map_err(failed)?;
        target.flush().map_err(failed)
    }

    /// When frame `index` begins, in hundredths of a second.
    fn hundredths(&self, index: u32) -> u64 {
        let (num, den) = (u64::from(self.rate.num()), u64::from(self.rate.den()));
        (200 * u64::from(index) * den + num) / (2 * num)
    }

    fn write_waiting(&mut self, until: u64) -> Result<(), MediaError> {
        let Some((mut picture, mut start)) = self.waiting.take() else {
            return Ok(());
        };
        // Longer than a picture can last, it is followed by one that changes nothing.
        while until.saturating_sub(start) > u64::from(u16::MAX) {
            picture.delay = u16::MAX;
            self.encoder.write_frame(&picture).map_err(failed)?;
            start += u64::from(u16::MAX);
            picture = GifFrame {
                transparent: Some(0),
                width: 1,
                height: 1,
                buffer: vec![0].into(),
                palette: Some(vec![0; 6]),
                ..GifFrame::default()
            };
        }
        picture.delay = u16::try_from(until.saturating_sub(start))
            .unwrap_or(u16::MAX)
            .max(1);
        self.encoder.write_frame(&picture).map_err(failed)
    }

    /// What of `pixels` is new, in colours of its own; `None` if nothing is.
    fn picture(&mut self, pixels: &[[u8; 3]]) -> Result<Option<GifFrame<'static>>, MediaError> {
        let Some(area) = self.changed(pixels) else {
            return Ok(None);
        };
        let width = self.size.0;
        let rows = area.top..area.top + area.height;
        let places = rows.flat_map(|y| {
            let row = y * width;
            row + area.left..row + area.left + area.width
        });
        let seen: Vec<Srgb<u8>> = places
            .filter(|at| self.is_new[*at])
            .map(|at| Srgb::from(pixels[at]))
            .collect();
        let most = PaletteSize::try_from(self.colors).unwrap_or(PaletteSize::MAX);
        let palette = WuU8x3::run_slice(&seen, BinnerU8x3::<32, 64, 32>::new())
            .map_err(failed)?
            .palette(most);
        let palette: Vec<[u8; 3]> = palette.iter().map(|color| (*color).into()).collect();
        // The index after the last colour is for what stays.
        let stays = palette.len() as u8;
        let indices = dither(pixels, &self.is_new, width, area, &palette);
        let mut flat = palette.concat();
        flat.extend([0; 3]);
        Ok(Some(GifFrame {
            left: area.left as u16,
            top: area.top as u16,
            width: area.width as u16,
            height: area.height as u16,
            dispose: DisposalMethod::Keep,
            transparent: Some(stays),
            palette: Some(flat),
            buffer: indices.into(),
            ..GifFrame::default()
        }))
    }

    /// Notes which pixels are new, and the colours they have now; the rectangle
    /// around them.
    fn changed(&mut self, pixels: &[[u8; 3]]) -> Option<Area> {
        let (width, height) = self.size;
        if self.painted.is_empty() {
            self.painted = pixels.to_vec();
            self.is_new = vec![true; pixels.len()];
            return Some(Area {
                left: 0,
                top: 0,
                width,
                height,
            });
        }
        let (mut left, mut right, mut top, mut bottom) = (width, 0, height, 0);
        let rows = pixels.chunks(width).zip(self.painted.chunks_mut(width));
        for (y, ((row, painted), is_new)) in rows.zip(self.is_new.chunks_mut(width)).enumerate() {
            for (x, ((new, old), is_new)) in row.iter().zip(painted).zip(is_new).enumerate() {
                let far = new.iter().zip(&*old).map(|(a, b)| a.abs_diff(*b)).max();
                *is_new = far.unwrap_or(0) > self.tolerance;
                if *is_new {
                    *old = *new;
                    (left, right) = (left.min(x), right.max(x + 1));
                    (top, bottom) = (top.min(y), bottom.max(y + 1));
                }
            }
        }
        (left < right).then(|| Area {
            left,
            top,
            width: right - left,
            height: bottom - top,
        })
    }
}

/// How many colours a picture has, and how far a channel of a pixel has to have
/// changed for it to be painted anew.
const fn detail(quality: Quality) -> (u16, u8) {
    match quality {
        Quality::VeryLow => (63, 12),
        Quality::Low => (127, 8),
        Quality::Medium => (255, 4),
        Quality::High => (255, 2),
        Quality::VeryHigh => (255, 0),
    }
}

/// A rectangle in pixels.
#[derive(Clone, Copy)]
struct Area {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

/// The new pixels of `area` in the colours of `palette`; for the others the index after
/// the last. Rows are gone through in turns from either side, so that errors do not drift.
fn dither(
    pixels: &[[u8; 3]],
    is_new: &[bool],
    width: usize,
    area: Area,
    palette: &[[u8; 3]],
) -> Vec<u8> {
    let mut nearest = Nearest::new(palette);
    let mut indices = vec![palette.len() as u8; area.width * area.height];
    // One more at either side: what is passed on beyond the edges is lost.
    let mut here = vec![[0_i32; 3]; area.width + 2];
    let mut below = here.clone();
    for y in 0..area.height {
        let row = (area.top + y) * width + area.left;
        let to_right = y % 2 == 0;
        for step in 0..area.width {
            let x = if to_right {
                step
            } else {
                area.width - 1 - step
            };
            if !is_new[row + x] {
                continue;
            }
            let (num, den) = PASSED_ON;
            let mut wanted = [0_i32; 3];
            for (channel, wanted) in wanted.iter_mut().enumerate() {
                let error = here[x + 1][channel] * num / (16 * den);
                *wanted = (i32::from(pixels[row + x][channel]) + error).clamp(0, 255);
            }
            let index = nearest.of(wanted);
            indices[y * area.width + x] = index;
            let (ahead, behind) = if to_right { (x + 2, x) } else { (x, x + 2) };
            for channel in 0..3 {
                let error = wanted[channel] - i32::from(palette[usize::from(index)][channel]);
                here[ahead][channel] += 7 * error;
                below[behind][channel] += 3 * error;
                below[x + 1][channel] += 5 * error;
                below[ahead][channel] += error;
            }
        }
        std::mem::swap(&mut here, &mut below);
        below.fill([0; 3]);
    }
    indices
}

/// Finds the nearest colour of a palette; what is near to what was looked for before
/// gets the same.
struct Nearest<'a> {
    palette: &'a [[u8; 3]],
    known: Vec<u16>,
}

impl<'a> Nearest<'a> {
    const UNKNOWN: u16 = u16::MAX;

    fn new(palette: &'a [[u8; 3]]) -> Self {
        Self {
            palette,
            known: vec![Self::UNKNOWN; 1 << 18],
        }
    }

    fn of(&mut self, color: [i32; 3]) -> u8 {
        let bin = color
            .iter()
            .fold(0, |bin, channel| bin << 6 | (channel >> 2) as usize);
        let known = &mut self.known[bin];
        if *known == Self::UNKNOWN {
            // What the eye makes of differences in red, green and blue, roughly.
            let far = |other: &[u8; 3]| {
                let [r, g, b] = [0, 1, 2].map(|at| color[at] - i32::from(other[at]));
                3 * r * r + 6 * g * g + 2 * b * b
            };
            let nearest = self
                .palette
                .iter()
                .enumerate()
                .min_by_key(|(_, other)| far(other));
            *known = nearest.map_or(0, |(index, _)| index as u16);
        }
        *known as u8
    }
}

fn failed(error: impl std::fmt::Display) -> MediaError {
    MediaError::Pipeline {
        what: "writing GIF".into(),
        message: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(num: u32, den: u32) -> VideoProfile {
        VideoProfile {
            width: 32,
            height: 16,
            rate: FrameRate::new(num, den).expect("supported"),
            quality: Quality::Medium,
        }
    }

    /// Delays of the pictures of a GIF, and how often it is played; 0 for ever.
    fn read(bytes: &[u8]) -> (Vec<u16>, Option<u16>) {
        let mut decoder = gif::DecodeOptions::new().read_info(bytes).expect("a GIF");
        let mut delays = Vec::new();
        while let Some(frame) = decoder.read_next_frame().expect("whole") {
            delays.push(frame.delay);
        }
        let again = match decoder.repeat() {
            Repeat::Infinite => Some(0),
            Repeat::Finite(0) => None,
            Repeat::Finite(times) => Some(times),
        };
        (delays, again)
    }

    fn written(frames: u8, profile: &VideoProfile, luma: impl Fn(u8) -> u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = GifWriter::new(&mut bytes, profile, true).expect("a writer");
        for index in 0..frames {
            let frame = Frame::filled(32, 16, [luma(index), 128, 128]);
            writer.frame(&frame).expect("takes frames");
        }
        writer.finish().expect("ends");
        bytes
    }

    #[test]
    fn delays_add_up_to_the_duration_at_every_rate() {
        for (rate, frames, pictures, total) in [
            ((25, 1), 25, 25, 100),
            ((30, 1), 30, 30, 100),
            ((24_000, 1001), 24, 24, 100),
            ((50, 1), 50, 50, 100),
            // Every second is left out.
            ((60, 1), 60, 30, 100),
            ((60_000, 1001), 60, 30, 100),
        ] {
            let bytes = written(frames, &profile(rate.0, rate.1), |index| {
                16 + 20 * (index % 10)
            });
            let (delays, _) = read(&bytes);
            assert_eq!(delays.len(), pictures, "{rate:?}");
            assert_eq!(
                delays.iter().map(|delay| u32::from(*delay)).sum::<u32>(),
                total
            );
            let (least, most) = (delays.iter().min(), delays.iter().max());
            assert!(
                most.zip(least)
                    .is_some_and(|(most, least)| most - least <= 1)
            );
            assert!(delays.iter().all(|delay| *delay >= 2), "{delays:?}");
        }
    }

    #[test]
    fn what_stands_still_is_one_picture() {
        let bytes = written(
            100,
            &profile(25, 1),
            |index| if index < 50 { 40 } else { 200 },
        );
        assert_eq!(read(&bytes).0, [200, 200]);
    }

    #[test]
    fn it_is_played_once_or_for_ever() {
        for (repeat, again) in [(true, Some(0)), (false, None)] {
            let mut bytes = Vec::new();
            let mut writer = GifWriter::new(&mut bytes, &profile(25, 1), repeat).expect("a writer");
            let frame = Frame::filled(32, 16, [100, 128, 128]);
            writer.frame(&frame).expect("takes frames");
            writer.finish().expect("ends");
            assert_eq!(read(&bytes).1, again, "{repeat}");
            let looped = bytes.windows(11).any(|window| window == b"NETSCAPE2.0");
            assert_eq!(looped, repeat);
        }
    }

    #[test]
    fn flat_colours_are_exact_and_never_dithered() {
        let pixels = [[10, 20, 30], [200, 100, 50]];
        let pixels: Vec<[u8; 3]> = (0..64).map(|at| pixels[usize::from(at % 8 > 3)]).collect();
        let palette = [[10, 20, 30], [200, 100, 50]];
        let area = Area {
            left: 0,
            top: 0,
            width: 8,
            height: 8,
        };
        let indices = dither(&pixels, &[true; 64], 8, area, &palette);
        for (pixel, index) in pixels.iter().zip(indices) {
            assert_eq!(palette[usize::from(index)], *pixel);
        }
    }
}
