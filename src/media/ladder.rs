//! A live stream's pictures in smaller sizes: decoded once, and scaled and encoded for
//! each rung.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use crate::cmaf::{Colours, Elementary, VideoConfig};
use crate::media::{Decoded, LiveEncoder, LiveFormat, LivePicture, MediaError, PictureDecoder};

/// Pictures in a row that cannot be decoded before the ladder is given up: ten seconds of
/// 30 a second.
const MAX_BAD: u32 = 300;

/// Pictures of which is remembered what they are to be, while they are in the decoder.
const MAX_INSIDE: usize = 64;

/// One rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RungFormat {
    /// Width and height in pixels; even.
    pub size: (u32, u32),
    /// Kilobits a second.
    pub kilobits: u32,
}

/// A picture of a rung.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RungPicture {
    /// Of which, as they were given.
    pub rung: usize,
    /// When it is shown, as its source's.
    pub shown: i64,
    /// Whether decoding can begin here.
    pub key: bool,
    /// Length-prefixed NAL units.
    pub data: Bytes,
    /// The AVCDecoderConfigurationRecord that it needs.
    pub record: Bytes,
}

/// What is made of a picture.
#[derive(Clone, Copy)]
struct Wanted {
    key: bool,
    left_out: usize,
}

/// One decoder and an encoder for each rung, for one thread.
pub struct LadderEncoder {
    samples: Elementary,
    decoder: PictureDecoder,
    colours: Colours,
    timescale: u32,
    rungs: Vec<(RungFormat, Option<LiveEncoder>)>,
    /// By when they are shown, the pictures that are in the decoder.
    inside: BTreeMap<i64, Wanted>,
    bad: u32,
    size: Option<(u32, u32)>,
    ready: VecDeque<RungPicture>,
}

impl LadderEncoder {
    /// For pictures that are coded so, whose times count `timescale` a second.
    pub fn new(
        config: &VideoConfig,
        colours: Colours,
        timescale: u32,
        rungs: &[RungFormat],
    ) -> Result<Self, MediaError> {
        Ok(Self {
            samples: Elementary::new(config).map_err(|error| broken(&error.to_string()))?,
            decoder: PictureDecoder::new(config)?,
            colours,
            timescale,
            rungs: rungs.iter().map(|rung| (*rung, None)).collect(),
            inside: BTreeMap::new(),
            bad: 0,
            size: None,
            ready: VecDeque::new(),
        })
    }

    /// The next coded picture of the source, shown at `shown`; `sync` if decoding can
    /// begin with it, and `key` if it is to be a key frame of each rung. The first
    /// `left_out` rungs get nothing of it. What cannot be decoded is left out.
    pub fn push(
        &mut self,
        data: &Bytes,
        (sync, key): (bool, bool),
        shown: i64,
        left_out: usize,
    ) -> Result<Vec<RungPicture>, MediaError> {
        let sample = self.samples.sample(data, sync);
        let pushed = match &sample {
            Ok(sample) => self.decoder.push(sample, shown),
            Err(error) => Err(broken(&error.to_string())),
        };
        match pushed {
            Ok(()) => {
                self.inside.insert(shown, Wanted { key, left_out });
                if self.inside.len() > MAX_INSIDE {
                    self.inside.pop_first();
                }
            }
            Err(error) => {
                self.bad += 1;
                if self.bad > MAX_BAD {
                    return Err(error);
                }
                tracing::debug!(%error, "a picture cannot be decoded, and no rung has it");
            }
        }
        self.encode_all()
    }

    /// What is left; nothing comes any more.
    pub fn finish(&mut self) -> Result<Vec<RungPicture>, MediaError> {
        self.decoder.finish()?;
        self.encode_all()
    }

    fn encode_all(&mut self) -> Result<Vec<RungPicture>, MediaError> {
        while let Some(decoded) = self.decoder.next_picture()? {
            self.bad = 0;
            self.encode(decoded)?;
        }
        Ok(self.ready.drain(..).collect())
    }

    fn encode(&mut self, decoded: Decoded) -> Result<(), MediaError> {
        let shown = decoded.time;
        let Some(wanted) = self.inside.remove(&shown) else {
            return Ok(());
        };
        // Those that were to come before it have been lost.
        self.inside = self.inside.split_off(&shown);
        let layout = decoded.frame.layout;
        let size = (layout.width as u32, layout.height as u32);
        if self.size.replace(size).is_some_and(|before| before != size) {
            return Err(broken("its size changes"));
        }
        let frame = Arc::new(decoded.frame);
        let rate = self.decoder.rate();
        let at = i128::from(shown) * 1000 / i128::from(self.timescale.max(1));
        let at = i64::try_from(at).unwrap_or(i64::MAX);
        let colours = self.colours;
        let rungs = self.rungs.iter_mut().enumerate();
        for (rung, (format, encoder)) in rungs.skip(wanted.left_out) {
            let encoder = match encoder {
                Some(encoder) => encoder,
                none => none.insert(LiveEncoder::new(&LiveFormat {
                    size,
                    scaled: (format.size != size).then_some(format.size),
                    rate,
                    colours,
                    kilobits: Some(format.kilobits),
                })?),
            };
            let LivePicture { data, sync } = encoder.encode(Arc::clone(&frame), at, wanted.key)?;
            let record = encoder.config().cloned().unwrap_or_default();
            self.ready.push_back(RungPicture {
                rung,
                shown,
                key: sync,
                data,
                record,
            });
        }
        Ok(())
    }
}

fn broken(message: &str) -> MediaError {
    MediaError::Pipeline {
        what: "making the smaller sizes of a live stream".into(),
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Frame;

    #[test]
    fn rungs_have_key_frames_where_they_are_wanted_and_what_is_left_out_comes_back() {
        let size = (320, 180);
        let mut source = LiveEncoder::new(&LiveFormat {
            size,
            scaled: None,
            rate: None,
            colours: Colours::BT709,
            kilobits: None,
        })
        .expect("an encoder");
        let formats = [(160, 90), (64, 36)].map(|size| RungFormat {
            size,
            kilobits: 300,
        });
        let mut ladder: Option<LadderEncoder> = None;
        let mut out = Vec::new();
        for index in 0..60_i64 {
            let frame = Frame::filled(320, 180, [16 + index as u8, 128, 128]);
            let key = index % 20 == 0;
            let picture = source.encode(frame, index * 40, key).expect("a picture");
            let ladder = ladder.get_or_insert_with(|| {
                let record = source.config().expect("a record").clone();
                let config = VideoConfig::Avc(record);
                LadderEncoder::new(&config, Colours::BT709, 90_000, &formats).expect("a ladder")
            });
            // The larger one pauses for a segment.
            let left_out = usize::from((20..40).contains(&index));
            let made = ladder.push(&picture.data, (picture.sync, key), index * 3600, left_out);
            out.extend(made.expect("pictures"));
        }
        out.extend(ladder.expect("a ladder").finish().expect("an end"));
        let of = |rung: usize| out.iter().filter(move |picture| picture.rung == rung);
        let times: Vec<i64> = of(1).map(|picture| picture.shown / 3600).collect();
        assert_eq!(times, (0..60).collect::<Vec<_>>());
        let times: Vec<i64> = of(0).map(|picture| picture.shown / 3600).collect();
        assert_eq!(times, (0..20).chain(40..60).collect::<Vec<_>>());
        let keys = |rung| {
            let keys = of(rung).filter(|picture| picture.key);
            keys.map(|picture| picture.shown / 3600).collect::<Vec<_>>()
        };
        assert_eq!((keys(0), keys(1)), (vec![0, 40], vec![0, 20, 40]));
        assert!(out.iter().all(|picture| picture.record.len() > 7));
    }
}
