//! A picture in memory: planar Y'CbCr 4:2:0, BT.709, limited range.

use crate::media::Pixels;

/// How the three planes lie in one allocation: GStreamer's layout of I420, so
/// that a frame goes to the encoder without a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaneLayout {
    /// Picture width in pixels; even.
    pub width: usize,
    /// Picture height in pixels; even.
    pub height: usize,
}

impl PlaneLayout {
    /// Bytes from one row of luma to the next.
    pub const fn luma_stride(self) -> usize {
        self.width.next_multiple_of(4)
    }

    /// Bytes from one row of chroma to the next.
    pub const fn chroma_stride(self) -> usize {
        self.width.div_ceil(2).next_multiple_of(4)
    }

    const fn luma_bytes(self) -> usize {
        self.luma_stride() * self.height.next_multiple_of(2)
    }

    const fn chroma_bytes(self) -> usize {
        self.chroma_stride() * self.height.div_ceil(2)
    }

    /// Width, height and stride of plane 0, 1 or 2.
    pub const fn plane_size(self, plane: usize) -> (usize, usize, usize) {
        match plane {
            0 => (self.width, self.height, self.luma_stride()),
            _ => (
                self.width.div_ceil(2),
                self.height.div_ceil(2),
                self.chroma_stride(),
            ),
        }
    }

    /// Bytes of a whole frame.
    pub const fn bytes(self) -> usize {
        self.luma_bytes() + 2 * self.chroma_bytes()
    }
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// How the planes lie in `data`.
    pub layout: PlaneLayout,
    /// Y', then Cb, then Cr.
    pub data: Pixels,
    /// How opaque each pixel is, row by row without padding; `None` where all are
    /// wholly. Colours are not multiplied by it.
    pub alpha: Option<Pixels>,
}

impl Frame {
    /// A frame of one colour, given as Y', Cb, Cr.
    pub fn filled(width: u32, height: u32, [y, cb, cr]: [u8; 3]) -> Self {
        let layout = PlaneLayout {
            width: width as usize,
            height: height as usize,
        };
        let data = Pixels::new(layout.bytes(), |data| {
            data.resize(layout.luma_bytes(), y);
            data.resize(layout.luma_bytes() + layout.chroma_bytes(), cb);
            data.resize(layout.bytes(), cr);
        });
        Self {
            layout,
            data,
            alpha: None,
        }
    }

    /// The planes: Y', Cb, Cr.
    pub fn planes(&self) -> [&[u8]; 3] {
        let (luma, chroma) = self.data.split_at(self.layout.luma_bytes());
        let (cb, cr) = chroma.split_at(self.layout.chroma_bytes());
        [luma, cb, cr]
    }

    /// The planes, to be drawn on.
    pub fn planes_mut(&mut self) -> [&mut [u8]; 3] {
        let (luma, chroma) = self.data.split_at_mut(self.layout.luma_bytes());
        let (cb, cr) = chroma.split_at_mut(self.layout.chroma_bytes());
        [luma, cb, cr]
    }

    /// Width, height and stride of plane 0, 1 or 2.
    pub const fn plane_size(&self, plane: usize) -> (usize, usize, usize) {
        self.layout.plane_size(plane)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_that_of_gstreamer() {
        crate::media::init().expect("GStreamer");
        for (width, height) in [
            (1280, 720),
            (426, 240),
            (1080, 1920),
            (16, 16),
            (854, 480),
            (598, 336),
        ] {
            let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, width, height)
                .build()
                .expect("info");
            let frame = Frame::filled(width, height, [16, 128, 128]);
            assert_eq!(info.size(), frame.data.len(), "{width}x{height}");
            assert_eq!(info.stride()[0] as usize, frame.layout.luma_stride());
            assert_eq!(info.stride()[1] as usize, frame.layout.chroma_stride());
            assert_eq!(
                info.offset()[2],
                frame.layout.luma_bytes() + frame.layout.chroma_bytes()
            );
        }
    }
}
