//! AAC in ADTS (ISO/IEC 13818-7, 6.2): frames of sound, each with a head of its own.

use bytes::{Buf as _, Bytes, BytesMut};

use crate::live::describe::AAC_RATES;
use crate::live::stretch::ticks;
use crate::live::ts::TsError;
use crate::profile::AAC_FRAME_SAMPLES;

/// Bytes of a head; a check sum makes it longer.
const HEAD_BYTES: usize = 7;
const CHECK_SUM_BYTES: usize = 2;

/// How sound is coded, as a head says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AacConfig {
    object_type: u8,
    rate_index: u8,
    channels: u8,
}

impl AacConfig {
    /// AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1).
    pub fn record(self) -> Bytes {
        let Self {
            object_type,
            rate_index,
            channels,
        } = self;
        let record = [
            object_type << 3 | rate_index >> 1,
            (rate_index & 1) << 7 | channels << 3,
        ];
        Bytes::copy_from_slice(&record)
    }

    fn rate(self) -> Option<u32> {
        AAC_RATES.get(usize::from(self.rate_index)).copied()
    }
}

/// A frame of sound.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sound {
    /// When it is heard, in ticks of its packet's time.
    pub time: i64,
    /// How it is coded.
    pub config: AacConfig,
    /// Without its head.
    pub data: Bytes,
}

/// A head, read.
struct Head {
    config: AacConfig,
    bytes: usize,
    frame_bytes: usize,
    blocks: u8,
}

/// Frames, from packets that need not end with one. What is kept of one packet for
/// the next is less than a frame, 8 KiB.
#[derive(Debug, Default)]
pub(super) struct Adts {
    rest: BytesMut,
    /// When the next frame is heard.
    due: Option<i64>,
    /// What comes next need not be a head: one is believed that another follows, as
    /// sound has bytes that look like one.
    astray: bool,
}

impl Adts {
    /// Something is missing before what comes next, which may begin anywhere.
    pub fn lost(&mut self) {
        *self = Self {
            astray: true,
            ..Self::default()
        };
    }

    /// The next packet; its time is that of the first frame that begins in it.
    pub fn take(&mut self, time: Option<i64>, payload: &[u8]) -> Result<Vec<Sound>, TsError> {
        let mut frames = Vec::new();
        let carried = self.rest.len();
        self.rest.extend_from_slice(payload);
        let all = self.rest.len();
        // Ticks are counted from the packet's time: they are no whole numbers.
        let mut base = if carried == 0 {
            time.or(self.due)
        } else {
            self.due
        };
        let mut samples = 0;
        let mut begun_here = carried == 0;
        while let Some(head) = self.head() {
            if self.rest.len() < head.frame_bytes {
                break;
            }
            if head.blocks > 0 {
                return Err(TsError::Unsupported {
                    track: "sound",
                    found: format!("{} blocks of AAC a frame of ADTS", head.blocks + 1),
                    expected: "one",
                });
            }
            let at = all - self.rest.len();
            if !begun_here && at >= carried {
                begun_here = true;
                if time.is_some() {
                    (base, samples) = (time, 0);
                }
            }
            let mut data = self.rest.split_to(head.frame_bytes).freeze();
            data.advance(head.bytes);
            let rate = head.config.rate().unwrap_or(1);
            // What began before the first time is not placed.
            if let Some(base) = base {
                frames.push(Sound {
                    time: base.saturating_add(ticks(samples, rate)),
                    config: head.config,
                    data,
                });
            }
            samples += u64::from(AAC_FRAME_SAMPLES);
            self.due = base.map(|base| base.saturating_add(ticks(samples, rate)));
        }
        // The frame that is not whole may have begun here.
        if !begun_here && all - self.rest.len() >= carried && time.is_some() {
            self.due = time;
        } else if frames.is_empty() && carried == 0 {
            self.due = base;
        }
        Ok(frames)
    }

    /// The next head, behind what is none.
    fn head(&mut self) -> Option<Head> {
        loop {
            if let Some(head) = head(self.rest.first_chunk()?) {
                match self.is_followed(&head) {
                    _ if !self.astray => return Some(head),
                    Some(true) => {
                        self.astray = false;
                        return Some(head);
                    }
                    // More has to come before that is known.
                    None => return None,
                    Some(false) => {}
                }
            }
            self.astray = true;
            self.rest.advance(1);
        }
    }

    /// Whether behind the frame of `head` there is the head of another that is coded the
    /// same, or nothing, as packets begin with frames; if that can be told.
    fn is_followed(&self, head: &Head) -> Option<bool> {
        let behind = self.rest.get(head.frame_bytes..)?;
        match behind.first_chunk() {
            Some(next) => Some(self::head(next).is_some_and(|next| next.config == head.config)),
            None => behind.is_empty().then_some(true),
        }
    }
}

fn head(bytes: &[u8; HEAD_BYTES]) -> Option<Head> {
    let [a, b, c, d, e, f, g] = *bytes;
    // The sync word, and layer 0.
    if a != 0xff || b & 0xf6 != 0xf0 {
        return None;
    }
    let checked = b & 1 == 0;
    let bytes = HEAD_BYTES + if checked { CHECK_SUM_BYTES } else { 0 };
    let frame_bytes = usize::from(d & 3) << 11 | usize::from(e) << 3 | usize::from(f >> 5);
    let config = AacConfig {
        object_type: (c >> 6) + 1,
        rate_index: c >> 2 & 0xf,
        channels: (c & 1) << 2 | d >> 6,
    };
    (frame_bytes >= bytes && config.rate().is_some()).then_some(Head {
        config,
        bytes,
        frame_bytes,
        blocks: g & 3,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// AAC-LC, 48 kHz, stereo.
    fn frame(data: &[u8]) -> Vec<u8> {
        let length = HEAD_BYTES + data.len();
        let head = [
            0xff,
            0xf1,
            0x4c,
            0x80 | (length >> 11) as u8,
            (length >> 3) as u8,
            (length << 5) as u8 | 0x1f,
            0xfc,
        ];
        [&head[..], data].concat()
    }

    fn heard(adts: &mut Adts, time: i64, payload: &[u8]) -> Vec<(i64, Vec<u8>)> {
        let frames = adts.take(Some(time), payload).expect("frames");
        let heard = frames.into_iter();
        heard
            .map(|sound| (sound.time, sound.data.to_vec()))
            .collect()
    }

    #[test]
    fn frames_of_a_packet_follow_each_other_in_time() {
        let mut adts = Adts::default();
        let bytes = [frame(b"a"), frame(b"bc"), frame(b"d")].concat();
        let expected = [
            (9000, b"a".to_vec()),
            (10_920, b"bc".to_vec()),
            (12_840, b"d".to_vec()),
        ];
        assert_eq!(heard(&mut adts, 9000, &bytes), expected);
        let frames = adts.take(Some(0), &frame(b"x")).expect("a frame");
        assert_eq!(frames[0].config.record(), [0x11, 0x90][..]);
    }

    #[test]
    fn a_frame_that_goes_on_in_the_next_packet_keeps_its_time() {
        let bytes = [frame(b"abc"), frame(b"de"), frame(b"f")].concat();
        for cut in 1..bytes.len() {
            let mut adts = Adts::default();
            let mut all = heard(&mut adts, 9000, &bytes[..cut]);
            // As a multiplexer would: the time of the first frame that begins there.
            let begun = [0, 10, 19].into_iter().position(|at| at >= cut);
            let time = 9000 + 1920 * begun.unwrap_or(3) as i64;
            all.extend(heard(&mut adts, time, &bytes[cut..]));
            let expected = [
                (9000, b"abc".to_vec()),
                (10_920, b"de".to_vec()),
                (12_840, b"f".to_vec()),
            ];
            assert_eq!(all, expected, "{cut}");
        }
    }

    #[test]
    fn after_a_loss_sound_is_not_taken_for_a_head() {
        // As its bytes may be: a head of a frame of 9 bytes, and no other behind it.
        let like_a_head = frame(b"xy");
        let mut adts = Adts::default();
        adts.lost();
        let bytes = [
            b"end",
            &like_a_head[..],
            b"more",
            &frame(b"a"),
            &frame(b"b"),
        ]
        .concat();
        assert_eq!(
            heard(&mut adts, 0, &bytes),
            [(0, b"a".to_vec()), (1920, b"b".to_vec())]
        );
        // What would be an error, if it were one.
        let mut two_blocks = frame(b"xy");
        two_blocks[6] |= 1;
        adts.lost();
        let bytes = [&two_blocks[..], b"end", &frame(b"c")].concat();
        assert_eq!(heard(&mut adts, 0, &bytes), [(0, b"c".to_vec())]);
    }

    #[test]
    fn what_is_no_frame_is_skipped_and_what_is_not_taken_is_named() {
        let mut adts = Adts::default();
        let bytes = [&b"noise"[..], &frame(b"a")].concat();
        assert_eq!(heard(&mut adts, 0, &bytes), [(0, b"a".to_vec())]);
        let mut two = frame(b"a");
        two[6] |= 1;
        let error = adts.take(Some(0), &two).expect_err("two blocks");
        assert!(error.to_string().contains("2 blocks"), "{error}");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            packets in prop::collection::vec(prop::collection::vec(
                prop_oneof![Just(0xff), Just(0xf1), any::<u8>()], 0..40), 0..6),
        ) {
            let mut adts = Adts::default();
            for packet in packets {
                let _ = adts.take(Some(0), &packet);
                prop_assert!(adts.rest.len() < 1 << 13);
            }
        }
    }
}
