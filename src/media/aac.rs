//! Samples to AAC-LC: a whole window at once, as audio chunks are short.

use bytes::Bytes;

use crate::media::MediaError;
use crate::media::pipeline::{Pipeline, Pulled};
use crate::profile::{AAC_FRAME_SAMPLES, AudioProfile};

/// Encodes windows of interleaved samples.
pub struct AacEncoder;

impl AacEncoder {
    /// Encodes `samples` (interleaved, a whole number of AAC frames) and
    /// returns the packets in order.
    ///
    /// The transform overlaps by a frame, so packet `n + 1` decodes (after
    /// packet `n`) to input frame `n`: there is one packet more than frames in.
    pub fn encode(profile: &AudioProfile, samples: Vec<f32>) -> Result<Vec<Bytes>, MediaError> {
        let AudioProfile {
            sample_rate,
            channels,
            bitrate,
        } = profile;
        // Its default, mid/side at any price, puts half of what is on one side on the other.
        let description = format!(
            "appsrc name=in format=time max-bytes=0 \
             caps=audio/x-raw,format=F32LE,layout=interleaved,rate={sample_rate},channels={channels} ! \
             audioconvert ! avenc_aac aac-ms=false bitrate={bitrate} ! \
             audio/mpeg,mpegversion=4,stream-format=raw ! appsink name=out sync=false"
        );
        let pipeline = Pipeline::new(&description, "encoding AAC")?;
        let source: gst_app::AppSrc = pipeline.element("in")?;
        pipeline.play()?;
        let frames = samples.len() / (AAC_FRAME_SAMPLES as usize * usize::from(*channels));
        let data: Vec<u8> = samples.into_iter().flat_map(f32::to_le_bytes).collect();
        let mut buffer = gst::Buffer::from_mut_slice(data);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::ZERO);
        }
        let refused = |_| pipeline.pipeline_error("the encoder takes no samples");
        source.push_buffer(buffer).map_err(refused)?;
        source.end_of_stream().map_err(refused)?;
        let mut packets = Vec::with_capacity(frames + 2);
        while let Pulled::Sample(sample) = pipeline.pull()? {
            let buffer = sample
                .buffer()
                .ok_or_else(|| pipeline.pipeline_error("a packet without data"))?;
            let data = buffer
                .map_readable()
                .map_err(|_| pipeline.pipeline_error("a packet without bytes"))?;
            packets.push(Bytes::copy_from_slice(&data));
        }
        Ok(packets)
    }
}

/// The AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1) of AAC-LC: 5 bits object
/// type 2, 4 bits frequency index, 4 bits channel configuration, 3 bits zero.
/// `None` for a rate that has no index.
pub fn aac_config(profile: &AudioProfile) -> Option<Bytes> {
    const RATES: [u32; 13] = [
        96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025,
        8_000, 7_350,
    ];
    let index = RATES
        .iter()
        .position(|rate| *rate == profile.sample_rate.get())? as u16;
    let bits = (2 << 11) | (index << 7) | (u16::from(profile.channels & 0xf) << 3);
    Some(Bytes::copy_from_slice(&bits.to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_config_of_48_khz_stereo_is_the_well_known_one() {
        assert_eq!(
            aac_config(&AudioProfile::default()).as_deref(),
            Some(&[0x11, 0x90][..])
        );
    }
}
