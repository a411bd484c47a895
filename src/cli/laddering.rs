//! How the server makes smaller sizes of live streams: FFmpeg decodes, GStreamer scales
//! and encodes, in the thread of each ladder.

use std::sync::Arc;

use crate::broadcast::{MadePicture, OpenRungs, RungMaker};
use crate::live::LiveFrame;
use crate::media::{LadderEncoder, MediaError, RungFormat, RungPicture};

/// Opens what makes the smaller sizes of one stream.
pub(super) fn rungs() -> OpenRungs {
    Arc::new(|track, sizes| {
        let formats = sizes.iter().map(|size| RungFormat {
            size: (size.width, size.height),
            kilobits: size.kilobits,
        });
        let formats: Vec<_> = formats.collect();
        let encoder = LadderEncoder::new(&track.config, track.colours, track.timescale, &formats);
        let encoder = encoder.map_err(|error| error.to_string())?;
        Ok(Box::new(Rungs(encoder)) as Box<dyn RungMaker>)
    })
}

struct Rungs(LadderEncoder);

impl RungMaker for Rungs {
    fn push(
        &mut self,
        frame: &LiveFrame,
        key: bool,
        left_out: usize,
    ) -> Result<Vec<MadePicture>, String> {
        let shown = frame.decode_time + i64::from(frame.composition_offset);
        let keys = (frame.sync, key);
        pictures(self.0.push(&frame.data, keys, shown, left_out))
    }

    fn finish(&mut self) -> Result<Vec<MadePicture>, String> {
        pictures(self.0.finish())
    }
}

fn pictures(made: Result<Vec<RungPicture>, MediaError>) -> Result<Vec<MadePicture>, String> {
    let made = made.map_err(|error| error.to_string())?.into_iter();
    let picture = |made: RungPicture| MadePicture {
        rung: made.rung,
        shown: made.shown,
        key: made.key,
        data: made.data,
        record: made.record,
    };
    Ok(made.map(picture).collect())
}
