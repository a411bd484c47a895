//! Samples as a decoder takes them that is given nothing but the pictures: start codes
//! in place of lengths (ISO/IEC 14496-10 and 23008-2, annex B), what sets a decoder up
//! in front of key frames.

use bytes::Bytes;
use mp4_atom::{Atom as _, Avcc, Hvcc};

use super::{CmafError, VideoConfig};

/// What stands in front of each NAL unit.
const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// Bytes of an AV1CodecConfigurationRecord before its OBUs (AV1 in ISO-BMFF, 2.3.3).
const AV1C_HEAD: usize = 4;

/// Samples of one track to elementary streams.
#[derive(Clone, Debug)]
pub struct Elementary {
    /// Bytes of a length; none where units need none.
    length_size: Option<usize>,
    beginning: Vec<u8>,
}

impl Elementary {
    /// For samples that are coded so.
    pub fn new(config: &VideoConfig) -> Result<Self, CmafError> {
        let record = config.record();
        let bad = |expected| CmafError::Track {
            field: "config",
            value: format!("{} bytes", record.len()),
            expected,
        };
        let (length_size, sets) = match config {
            VideoConfig::Avc(record) => {
                let avcc = Avcc::decode_body(&mut record.as_ref());
                let avcc = avcc.map_err(|_| bad("an AVCDecoderConfigurationRecord"))?;
                let mut sets = avcc.sequence_parameter_sets;
                sets.extend(avcc.picture_parameter_sets);
                (avcc.length_size, sets)
            }
            VideoConfig::Hevc(record) => {
                let hvcc = Hvcc::decode_body(&mut record.as_ref());
                let hvcc = hvcc.map_err(|_| bad("an HEVCDecoderConfigurationRecord"))?;
                let sets = hvcc.arrays.into_iter().flat_map(|array| array.nalus);
                (hvcc.length_size_minus_one + 1, sets.collect())
            }
            VideoConfig::Av1(record) => {
                let units = record.get(AV1C_HEAD..);
                let units = units.ok_or_else(|| bad("an AV1CodecConfigurationRecord"))?;
                return Ok(Self {
                    length_size: None,
                    beginning: units.to_vec(),
                });
            }
        };
        let mut beginning = Vec::new();
        for set in sets {
            beginning.extend_from_slice(&START_CODE);
            beginning.extend_from_slice(&set);
        }
        Ok(Self {
            length_size: Some(usize::from(length_size)),
            beginning,
        })
    }

    /// One sample; a `key` frame with what sets the decoder up.
    pub fn sample(&self, data: &Bytes, key: bool) -> Result<Vec<u8>, CmafError> {
        let beginning = if key { &self.beginning[..] } else { &[] };
        let mut out = Vec::with_capacity(beginning.len() + data.len() + 64);
        out.extend_from_slice(beginning);
        let Some(length_size) = self.length_size else {
            out.extend_from_slice(data);
            return Ok(out);
        };
        let mut rest = &data[..];
        while !rest.is_empty() {
            let offset = data.len() - rest.len();
            let unit = rest
                .split_at_checked(length_size)
                .and_then(|(length, rest)| {
                    let length = length.iter();
                    let length = length.fold(0, |sum, byte| sum << 8 | usize::from(*byte));
                    rest.split_at_checked(length)
                });
            let Some((unit, after)) = unit else {
                return Err(CmafError::Foreign {
                    expected: "a whole NAL unit",
                    offset,
                });
            };
            out.extend_from_slice(&START_CODE);
            out.extend_from_slice(unit);
            rest = after;
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::super::track::tests::video;
    use super::*;

    #[test]
    fn lengths_become_start_codes_and_key_frames_bring_their_parameter_sets() {
        let samples = Elementary::new(&video().config).expect("a record");
        let sample = Bytes::from_static(&[0, 0, 0, 2, 0x65, 9, 0, 0, 0, 1, 0x0c]);
        let plain = samples.sample(&sample, false).expect("whole");
        assert_eq!(plain, [0, 0, 0, 1, 0x65, 9, 0, 0, 0, 1, 0x0c]);
        let key = samples.sample(&sample, true).expect("whole");
        assert!(key.starts_with(&[0, 0, 0, 1, 0x67, 0x64]));
        assert!(key.ends_with(&plain) && key.len() > plain.len() + 12);
    }

    #[test]
    fn units_of_av1_say_themselves_how_long_they_are() {
        let record = Bytes::from_static(&[0x81, 0, 0, 0, 0x0a, 1, 7]);
        let samples = Elementary::new(&VideoConfig::Av1(record)).expect("a record");
        let sample = Bytes::from_static(&[0x32, 1, 5]);
        assert_eq!(samples.sample(&sample, false).expect("whole"), sample);
        let key = samples.sample(&sample, true).expect("whole");
        assert_eq!(key, [0x0a, 1, 7, 0x32, 1, 5]);
    }

    #[test]
    fn a_sample_that_is_cut_is_refused() {
        let samples = Elementary::new(&video().config).expect("a record");
        for cut in [&[0, 0, 0][..], &[0, 0, 0, 2, 1], &[0xff; 5]] {
            let cut = Bytes::copy_from_slice(cut);
            assert!(samples.sample(&cut, false).is_err(), "{cut:?}");
        }
    }
}
