//! H.264 as a decoder takes it that is given nothing but the pictures: start codes in
//! place of lengths, parameter sets in front of key frames (ISO/IEC 14496-10, annex B).

use bytes::Bytes;
use mp4_atom::{Atom as _, Avcc};

use super::{CmafError, VideoTrack};

/// What stands in front of each NAL unit.
const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// Samples of one track to annex B.
#[derive(Clone, Debug)]
pub struct AnnexB {
    length_size: usize,
    parameter_sets: Vec<u8>,
}

impl AnnexB {
    /// For the samples of `track`.
    pub fn new(track: &VideoTrack) -> Result<Self, CmafError> {
        let bad = || CmafError::Track {
            field: "avcc",
            value: format!("{} bytes", track.avcc.len()),
            expected: "an AVCDecoderConfigurationRecord with SPS and PPS",
        };
        let avcc = Avcc::decode_body(&mut track.avcc.as_ref()).map_err(|_| bad())?;
        let sets = avcc.sequence_parameter_sets.iter();
        let sets = sets.chain(&avcc.picture_parameter_sets);
        let mut parameter_sets = Vec::new();
        for set in sets {
            parameter_sets.extend_from_slice(&START_CODE);
            parameter_sets.extend_from_slice(set);
        }
        Ok(Self {
            length_size: usize::from(avcc.length_size),
            parameter_sets,
        })
    }

    /// One sample; a `key` frame with the parameter sets before it.
    pub fn sample(&self, data: &Bytes, key: bool) -> Result<Vec<u8>, CmafError> {
        let sets = if key { self.parameter_sets.len() } else { 0 };
        let mut out = Vec::with_capacity(sets + data.len() + 64);
        out.extend_from_slice(&self.parameter_sets[..sets]);
        let mut rest = &data[..];
        while !rest.is_empty() {
            let offset = data.len() - rest.len();
            let cut = CmafError::Foreign {
                expected: "a whole NAL unit",
                offset,
            };
            let Some((length, after)) = rest.split_at_checked(self.length_size) else {
                return Err(cut);
            };
            let length = length
                .iter()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            let Some((unit, after)) = after.split_at_checked(length) else {
                return Err(cut);
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
        let samples = AnnexB::new(&video()).expect("a record");
        let sample = Bytes::from_static(&[0, 0, 0, 2, 0x65, 9, 0, 0, 0, 1, 0x0c]);
        let plain = samples.sample(&sample, false).expect("whole");
        assert_eq!(plain, [0, 0, 0, 1, 0x65, 9, 0, 0, 0, 1, 0x0c]);
        let key = samples.sample(&sample, true).expect("whole");
        assert!(key.starts_with(&[0, 0, 0, 1, 0x67, 0x64]));
        assert!(key.ends_with(&plain) && key.len() > plain.len() + 12);
    }

    #[test]
    fn a_sample_that_is_cut_is_refused() {
        let samples = AnnexB::new(&video()).expect("a record");
        for cut in [&[0, 0, 0][..], &[0, 0, 0, 2, 1], &[0xff; 5]] {
            let cut = Bytes::copy_from_slice(cut);
            assert!(samples.sample(&cut, false).is_err(), "{cut:?}");
        }
    }
}
