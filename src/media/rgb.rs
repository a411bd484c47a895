//! Frames as RGB: what picture files and palettes are made of.

use crate::media::Frame;

/// Bits of the fixed-point factors.
const SHIFT: i32 = 16;

/// Y'CbCr (BT.709, limited range) to RGB, in 1/65536.
const LUMA: i32 = 76_309;
const RED_OF_CR: i32 = 117_489;
const GREEN_OF_CB: i32 = -13_975;
const GREEN_OF_CR: i32 = -34_925;
const BLUE_OF_CB: i32 = 138_438;

/// The pixels of a frame, three bytes each, row by row. Chroma, which has half the
/// resolution, is interpolated: its samples stand with every other column and between
/// every two rows.
pub fn rgb(frame: &Frame) -> Vec<u8> {
    let (width, height, stride) = frame.plane_size(0);
    let chroma = Chroma::new(frame);
    let luma = frame.planes()[0];
    let mut rgb = vec![0; width * height * 3];
    let (mut cb, mut cr) = (vec![0; width], vec![0; width]);
    for (y, row) in rgb.chunks_exact_mut((width * 3).max(1)).enumerate() {
        chroma.row(1, y, &mut cb);
        chroma.row(2, y, &mut cr);
        let luma = &luma[y * stride..][..width];
        for (((pixel, luma), cb), cr) in row.chunks_exact_mut(3).zip(luma).zip(&cb).zip(&cr) {
            // Chroma comes in eighths.
            let l = (i32::from(*luma) - 16) * LUMA + (1 << (SHIFT - 1));
            let (b, r) = (cb - 8 * 128, cr - 8 * 128);
            let byte = |value: i32| (value >> SHIFT).clamp(0, 255) as u8;
            pixel[0] = byte(l + ((r * RED_OF_CR) >> 3));
            pixel[1] = byte(l + ((b * GREEN_OF_CB + r * GREEN_OF_CR) >> 3));
            pixel[2] = byte(l + ((b * BLUE_OF_CB) >> 3));
        }
    }
    rgb
}

/// The chroma planes of a frame.
struct Chroma<'a> {
    frame: &'a Frame,
    rows: usize,
    columns: usize,
    stride: usize,
}

impl<'a> Chroma<'a> {
    fn new(frame: &'a Frame) -> Self {
        let (columns, rows, stride) = frame.plane_size(1);
        Self {
            frame,
            rows,
            columns,
            stride,
        }
    }

    /// Plane `plane` (1 or 2) at the pixels of row `y`, in eighths.
    fn row(&self, plane: usize, y: usize, out: &mut [i32]) {
        let samples = self.frame.planes()[plane];
        let near = y / 2;
        let far = if y.is_multiple_of(2) {
            near.saturating_sub(1)
        } else {
            (near + 1).min(self.rows - 1)
        };
        let row = |row: usize| &samples[row * self.stride..][..self.columns];
        let (near, far) = (row(near), row(far));
        // Three quarters of the nearer row, one of the farther.
        let at = |x: usize| 3 * i32::from(near[x]) + i32::from(far[x]);
        for (x, value) in out.iter_mut().enumerate() {
            let left = x / 2;
            *value = if x % 2 == 0 {
                2 * at(left)
            } else {
                at(left) + at((left + 1).min(self.columns - 1))
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_come_out_as_they_are() {
        for (ycbcr, expected) in [
            ([16, 128, 128], [0, 0, 0]),
            ([235, 128, 128], [255, 255, 255]),
            ([63, 102, 240], [255, 0, 0]),
            ([173, 42, 26], [0, 255, 0]),
            ([32, 240, 118], [0, 0, 255]),
        ] {
            let rgb = rgb(&Frame::filled(18, 6, ycbcr));
            assert_eq!(rgb.len(), 18 * 6 * 3);
            for (value, expected) in rgb.iter().zip(expected.iter().cycle()) {
                assert!(value.abs_diff(*expected) <= 2, "{ycbcr:?}: {:?}", &rgb[..3]);
            }
        }
    }

    #[test]
    fn chroma_changes_gently_between_its_samples() {
        let mut frame = Frame::filled(8, 4, [128, 128, 128]);
        let (_, rows, stride) = frame.plane_size(2);
        for y in 0..rows {
            frame.planes_mut()[2][y * stride + 2..y * stride + 4].fill(168);
        }
        let rgb = rgb(&frame);
        let reds: Vec<u8> = (0..8).map(|x| rgb[x * 3]).collect();
        // Half-way at the pixel between two samples, level beyond them.
        let middle = u8::midpoint(reds[2], reds[4]);
        assert!(reds[2] < reds[3] && reds[3] < reds[4], "{reds:?}");
        assert!(reds[3].abs_diff(middle) <= 1, "{reds:?}");
        assert_eq!(reds[4], reds[7]);
    }
}
