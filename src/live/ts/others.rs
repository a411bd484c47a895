//! Frames of sound that is turned into AAC, out of packets that need not end with one.

use bytes::{Buf as _, Bytes, BytesMut};

use crate::live::other_sound::{HEAD_BYTES, OtherFamily, OtherHead};
use crate::live::stretch::ticks;

/// A frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Other {
    /// When it is heard, in ticks of its packet's time.
    pub time: i64,
    /// What it says of itself.
    pub head: OtherHead,
    /// All of it.
    pub data: Bytes,
}

/// Frames, one after the other. What is kept of one packet for the next is less than a
/// frame, 5 KiB.
#[derive(Debug)]
pub(super) struct Others {
    family: OtherFamily,
    rest: BytesMut,
    /// When the next frame is heard.
    due: Option<i64>,
}

impl Others {
    /// Nothing yet.
    pub fn new(family: OtherFamily) -> Self {
        Self {
            family,
            rest: BytesMut::new(),
            due: None,
        }
    }

    /// Something is missing before what comes next.
    pub fn lost(&mut self) {
        *self = Self::new(self.family);
    }

    /// The next packet; its time is that of the first frame that begins in it.
    pub fn take(&mut self, time: Option<i64>, payload: &[u8]) -> Vec<Other> {
        let mut frames = Vec::new();
        let carried = self.rest.len();
        self.rest.extend_from_slice(payload);
        let all = self.rest.len();
        // Ticks are counted from the packet's time: they are no whole numbers.
        let mut base = self.due;
        let (mut samples, mut timed) = (0, false);
        while let Some(head) = self.head() {
            if !timed && all - self.rest.len() >= carried {
                timed = true;
                if time.is_some() {
                    (base, samples) = (time, 0);
                }
            }
            let at = base.map(|base| base.saturating_add(ticks(samples, head.rate)));
            self.due = at;
            if self.rest.len() < head.bytes {
                break;
            }
            let data = self.rest.split_to(head.bytes).freeze();
            // What began before the first time is not placed.
            if let Some(time) = at {
                frames.push(Other { time, head, data });
            }
            samples += u64::from(head.samples);
            self.due = base.map(|base| base.saturating_add(ticks(samples, head.rate)));
        }
        // Its head is not whole, but the time is that of what begins here.
        if !timed && all - self.rest.len() >= carried && time.is_some() {
            self.due = time;
        }
        frames
    }

    /// The next head, behind what is none.
    fn head(&mut self) -> Option<OtherHead> {
        while self.rest.len() >= HEAD_BYTES {
            if let Some(head) = self.family.head(&self.rest) {
                return Some(head);
            }
            self.rest.advance(1);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// MP3 of 48 kHz, 24 ms long.
    fn frame(fill: u8) -> Vec<u8> {
        let mut frame = vec![fill; 384];
        frame[..4].copy_from_slice(&[0xff, 0xfb, 0x94, 0]);
        frame
    }

    fn heard(others: &mut Others, time: i64, payload: &[u8]) -> Vec<(i64, u8)> {
        let frames = others.take(Some(time), payload).into_iter();
        frames.map(|other| (other.time, other.data[9])).collect()
    }

    #[test]
    fn a_frame_that_goes_on_in_the_next_packet_keeps_its_time() {
        let bytes = [frame(1), frame(2), frame(3)].concat();
        let expected = [(9000, 1), (11_160, 2), (13_320, 3)];
        for cut in 1..bytes.len() {
            let mut others = Others::new(OtherFamily::Mpeg);
            let mut all = heard(&mut others, 9000, &bytes[..cut]);
            // As a multiplexer would: the time of the first frame that begins there.
            let begun = cut.div_ceil(384) as i64;
            all.extend(heard(&mut others, 9000 + 2160 * begun, &bytes[cut..]));
            assert_eq!(all, expected, "{cut}");
        }
    }

    #[test]
    fn what_is_no_frame_is_skipped_and_without_a_time_nothing_is_placed() {
        let mut others = Others::new(OtherFamily::Mpeg);
        let bytes = [&b"noise"[..], &frame(1)].concat();
        assert_eq!(others.take(None, &bytes), []);
        assert_eq!(heard(&mut others, 0, &bytes), [(0, 1)]);
        others.lost();
        assert_eq!(others.take(None, &frame(1)), []);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            packets in prop::collection::vec(prop::collection::vec(
                prop_oneof![Just(0xff), Just(0xfb), Just(0x0b), Just(0x77), any::<u8>()], 0..40), 0..6),
        ) {
            for family in [OtherFamily::Mpeg, OtherFamily::Dolby] {
                let mut others = Others::new(family);
                for packet in &packets {
                    let _ = others.take(Some(0), packet);
                    prop_assert!(others.rest.len() < 1 << 13);
                }
            }
        }
    }
}
