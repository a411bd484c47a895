//! A GStreamer pipeline that is read by timed pulls and cleaned up on drop.

use std::time::Duration;

use gst::prelude::*;

use crate::media::MediaError;

/// The longest that one buffer may take to come out. A 4K frame takes well
/// under a second; what takes this long hangs.
const PULL_DEADLINE: Duration = Duration::from_secs(20);

/// The elements that rendering needs, and the Debian package of each.
const ELEMENTS: [(&str, &str); 19] = [
    ("appsrc", "gstreamer1.0-plugins-base"),
    ("appsink", "gstreamer1.0-plugins-base"),
    ("decodebin", "gstreamer1.0-plugins-base"),
    ("videoconvert", "gstreamer1.0-plugins-base"),
    ("videoscale", "gstreamer1.0-plugins-base"),
    ("videoscale", "gstreamer1.0-plugins-base"),
    ("audioconvert", "gstreamer1.0-plugins-base"),
    ("audioresample", "gstreamer1.0-plugins-base"),
    ("qtdemux", "gstreamer1.0-plugins-good"),
    ("matroskademux", "gstreamer1.0-plugins-good"),
    ("wavparse", "gstreamer1.0-plugins-good"),
    ("flacparse", "gstreamer1.0-plugins-good"),
    ("videoflip", "gstreamer1.0-plugins-good"),
    ("vp9dec", "gstreamer1.0-plugins-good"),
    ("vp9alphadecodebin", "gstreamer1.0-plugins-bad"),
    ("h264parse", "gstreamer1.0-plugins-bad"),
    ("x264enc", "gstreamer1.0-plugins-ugly"),
    ("avdec_h264", "gstreamer1.0-libav"),
    ("avenc_aac", "gstreamer1.0-libav"),
];

/// The elements that this machine lacks, each with the package that has it.
pub fn missing_elements() -> Vec<(&'static str, &'static str)> {
    ELEMENTS
        .into_iter()
        .filter(|(name, _)| gst::ElementFactory::find(name).is_none())
        .collect()
}

/// Loads the code of all elements, so that the first pipelines start as fast as
/// any. What is missing is told when it is needed.
pub fn load_elements() {
    for (name, _) in ELEMENTS {
        if let Some(factory) = gst::ElementFactory::find(name)
            && let Err(error) = factory.load()
        {
            tracing::warn!(element = name, %error, "an element cannot be loaded");
        }
    }
}

/// A running pipeline with one `appsink` named `out` and, for encoders, one
/// `appsrc` named `in`.
pub(super) struct Pipeline {
    pipeline: gst::Pipeline,
    sink: gst_app::AppSink,
    what: String,
}

/// What a pull brings.
pub(super) enum Pulled {
    Sample(gst::Sample),
    Nothing,
    End,
}

impl Pipeline {
    /// Builds `description` (in the language of gst-launch) without starting it.
    pub fn new(description: &str, what: impl Into<String>) -> Result<Self, MediaError> {
        crate::media::init()?;
        let pipeline = gst::parse::launch(description)
            .map_err(|error| {
                MediaError::Unusable(format!("GStreamer cannot build {description:?}: {error}"))
            })?
            .downcast::<gst::Pipeline>()
            .map_err(|_| MediaError::Unusable(format!("{description:?} is no pipeline")))?;
        let sink = child(&pipeline, "out")?;
        Ok(Self {
            pipeline,
            sink,
            what: what.into(),
        })
    }

    /// The element `name` of the description.
    pub fn element<T: IsA<gst::Element>>(&self, name: &str) -> Result<T, MediaError> {
        child(&self.pipeline, name)
    }

    pub fn bin(&self) -> &gst::Pipeline {
        &self.pipeline
    }

    pub fn play(&self) -> Result<(), MediaError> {
        match self.pipeline.set_state(gst::State::Playing) {
            Ok(_) => Ok(()),
            Err(_) => Err(self
                .failure()
                .unwrap_or_else(|| self.pipeline_error("cannot start"))),
        }
    }

    /// The next sample, however long it takes up to the deadline.
    pub fn pull(&self) -> Result<Pulled, MediaError> {
        const STEP: Duration = Duration::from_millis(100);
        let steps = PULL_DEADLINE.as_millis() / STEP.as_millis();
        for _ in 0..steps {
            match self.try_pull(STEP)? {
                Pulled::Nothing => {}
                pulled => return Ok(pulled),
            }
        }
        Err(MediaError::Stalled {
            what: self.what.clone(),
            seconds: PULL_DEADLINE.as_secs(),
        })
    }

    /// The next sample if it comes within `timeout`.
    pub fn try_pull(&self, timeout: Duration) -> Result<Pulled, MediaError> {
        let timeout = gst::ClockTime::from_nseconds(timeout.as_nanos() as u64);
        if let Some(sample) = self.sink.try_pull_sample(timeout) {
            return Ok(Pulled::Sample(sample));
        }
        if let Some(error) = self.failure() {
            return Err(error);
        }
        Ok(if self.sink.is_eos() {
            Pulled::End
        } else {
            Pulled::Nothing
        })
    }

    /// Jumps to the key frame at or before `position`.
    pub fn seek_to_key_frame(&self, position: gst::ClockTime) -> Result<(), MediaError> {
        let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::KEY_UNIT | gst::SeekFlags::SNAP_BEFORE;
        self.pipeline
            .seek_simple(flags, position)
            .map_err(|_| self.pipeline_error("cannot seek"))
    }

    /// The first error that the pipeline has reported.
    fn failure(&self) -> Option<MediaError> {
        let message = self
            .pipeline
            .bus()?
            .pop_filtered(&[gst::MessageType::Error])?;
        let gst::MessageView::Error(error) = message.view() else {
            return None;
        };
        let debug = error
            .debug()
            .map(|debug| format!(" ({debug})"))
            .unwrap_or_default();
        Some(self.pipeline_error(format!("{}{debug}", error.error())))
    }

    pub fn pipeline_error(&self, message: impl Into<String>) -> MediaError {
        MediaError::Pipeline {
            what: self.what.clone(),
            message: message.into(),
        }
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        // Failing to stop leaves nothing that could be done about it.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

fn child<T: IsA<gst::Element>>(pipeline: &gst::Pipeline, name: &str) -> Result<T, MediaError> {
    pipeline
        .by_name(name)
        .and_then(|element| element.downcast::<T>().ok())
        .ok_or_else(|| MediaError::Unusable(format!("the pipeline has no {name}")))
}
