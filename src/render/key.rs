//! Chroma key: a colour becomes transparent, and those near to it.

use crate::render::picture::ycbcr;
use crate::render::plane::Plane;
use crate::timeline::treatment::ChromaKey;

/// How opaque each pixel of luma is after keying: by its distance from the key's
/// colour in chroma, whatever its brightness, so that shadows on the screen go too.
pub(super) fn alpha(planes: &[Plane; 3], key: ChromaKey) -> Plane {
    let [luma, cb, cr] = planes;
    let ChromaKey {
        color,
        threshold,
        halo,
    } = key;
    let [_, key_cb, key_cr] = ycbcr(color.0).map(i32::from);
    let opacity = |cb: u8, cr: u8| {
        let (b, r) = (i32::from(cb) - key_cb, i32::from(cr) - key_cr);
        let distance = f64::from(b * b + r * r).sqrt();
        let over = distance - f64::from(threshold);
        let share = over / f64::from(halo).max(1.0);
        (share.clamp(0.0, 1.0) * 255.0).round() as u8
    };
    let coarse = Plane {
        width: cb.width,
        height: cb.height,
        data: cb
            .data
            .iter()
            .zip(&cr.data)
            .map(|(cb, cr)| opacity(*cb, *cr))
            .collect(),
    };
    enlarged(&coarse, luma.width, luma.height)
}

/// Twice as wide and high, with straight lines in between: chroma's samples stand
/// between those of luma.
fn enlarged(coarse: &Plane, width: usize, height: usize) -> Plane {
    // Which two samples, and how much of the second in quarters.
    let mix = |at: usize, limit: usize| {
        let half = at / 2;
        if at.is_multiple_of(2) {
            (half.saturating_sub(1), half.min(limit - 1), 3)
        } else {
            (half.min(limit - 1), (half + 1).min(limit - 1), 1)
        }
    };
    let mut data = Vec::with_capacity(width * height);
    for y in 0..height {
        let (upper, lower, down) = mix(y, coarse.height);
        let upper = &coarse.data[upper * coarse.width..][..coarse.width];
        let lower = &coarse.data[lower * coarse.width..][..coarse.width];
        data.extend((0..width).map(|x| {
            let (left, right, across) = mix(x, coarse.width);
            let row =
                |row: &[u8]| u32::from(row[left]) * (4 - across) + u32::from(row[right]) * across;
            ((row(upper) * (4 - down) + row(lower) * down + 8) / 16) as u8
        }));
    }
    Plane {
        width,
        height,
        data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::Rgb;

    #[test]
    fn the_colour_and_its_shades_go_and_others_stay() {
        let key = ChromaKey {
            color: Rgb([0, 255, 0]),
            threshold: 60,
            halo: 30,
        };
        let opacity = |rgb: [u8; 3]| {
            let [y, cb, cr] = ycbcr(rgb);
            let planes = [
                Plane::filled(4, 4, y),
                Plane::filled(2, 2, cb),
                Plane::filled(2, 2, cr),
            ];
            alpha(&planes, key).data[5]
        };
        for gone in [[0, 255, 0], [20, 230, 30], [0, 180, 0]] {
            assert_eq!(opacity(gone), 0, "{gone:?}");
        }
        for stays in [[255, 0, 0], [255, 255, 255], [0, 0, 0], [200, 160, 140]] {
            assert_eq!(opacity(stays), 255, "{stays:?}");
        }
    }

    #[test]
    fn a_coarse_edge_is_smooth_in_the_fine_plane() {
        let coarse = Plane {
            width: 2,
            height: 1,
            data: vec![0, 255],
        };
        assert_eq!(enlarged(&coarse, 4, 2).data[..4], [0, 64, 191, 255]);
    }
}
