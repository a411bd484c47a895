//! Sound conformed once, so that any sample of it can be had at once and is
//! always the same.
//!
//! A compressed file cannot be cut into at a sample: what a decoder gives
//! after a seek depends on where it began. So each sounding file is decoded
//! whole, once, to 48 kHz stereo 16-bit samples in a file named by the digest
//! of the source. Such files are a cache: any may be deleted.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::digest::Digest;
use crate::media::MediaError;
use crate::media::pipeline::{Pipeline, Pulled};
use crate::profile::AudioProfile;

/// The longest sound, in bytes of samples: four hours and a minute.
const MAX_BYTES: u64 = 48_000 * 4 * (4 * 3600 + 60);

/// Bytes of one stereo sample.
const SAMPLE_BYTES: u64 = 4;

/// A file of conformed sound.
pub struct Pcm {
    file: File,
    samples: i64,
}

impl Pcm {
    /// How many samples a channel has.
    pub const fn samples(&self) -> i64 {
        self.samples
    }

    /// Interleaved stereo samples from sample `from` on, -1 to 1; silence
    /// before the file's start and after its end.
    pub fn read(&self, from: i64, count: usize) -> Result<Vec<f32>, MediaError> {
        let mut samples = vec![0.0; count * 2];
        let start = from.clamp(0, self.samples);
        let end = from.saturating_add(count as i64).clamp(start, self.samples);
        let mut bytes = vec![0; (end - start) as usize * SAMPLE_BYTES as usize];
        self.file
            .read_exact_at(&mut bytes, start as u64 * SAMPLE_BYTES)
            .map_err(|error| MediaError::Io(format!("conformed sound: {error}")))?;
        let skipped = (start - from).max(0) as usize * 2;
        let read = bytes
            .chunks_exact(2)
            .map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32_768.0);
        samples
            .iter_mut()
            .skip(skipped)
            .zip(read)
            .for_each(|(sample, value)| *sample = value);
        Ok(samples)
    }
}

/// The folder of conformed sound.
#[derive(Clone)]
pub struct PcmStore {
    folder: PathBuf,
    /// One file is conformed at a time: two renders that need the same one
    /// must not both decode it, and conforming is quick beside rendering.
    conforming: Arc<Mutex<()>>,
}

impl PcmStore {
    /// Uses `folder`, which is made if it is not there.
    pub fn open(folder: &Path) -> Result<Self, MediaError> {
        fs::create_dir_all(folder).map_err(|error| io(folder, &error))?;
        Ok(Self {
            folder: folder.to_owned(),
            conforming: Arc::default(),
        })
    }

    /// The conformed sound of the file at `source`, whose digest is `asset`.
    pub fn get(
        &self,
        asset: &Digest,
        source: &Path,
        profile: &AudioProfile,
    ) -> Result<Pcm, MediaError> {
        let path = self
            .folder
            .join(format!("{asset}-{}.pcm", profile.sample_rate));
        if let Some(pcm) = open(&path)? {
            return Ok(pcm);
        }
        let _one_at_a_time = self
            .conforming
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(pcm) = open(&path)? {
            return Ok(pcm);
        }
        let mut temporary = tempfile::NamedTempFile::new_in(&self.folder)
            .map_err(|error| io(&self.folder, &error))?;
        conform(source, profile, temporary.as_file_mut())?;
        temporary
            .persist(&path)
            .map_err(|error| io(&path, &error.error))?;
        open(&path)?.ok_or_else(|| MediaError::Empty(source.display().to_string()))
    }
}

fn open(path: &Path) -> Result<Option<Pcm>, MediaError> {
    match File::open(path) {
        Ok(file) => {
            let bytes = file.metadata().map_err(|error| io(path, &error))?.len();
            Ok(Some(Pcm {
                file,
                samples: (bytes / SAMPLE_BYTES) as i64,
            }))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io(path, &error)),
    }
}

fn conform(source: &Path, profile: &AudioProfile, target: &mut File) -> Result<(), MediaError> {
    let description = format!(
        "filesrc name=file ! decodebin caps=audio/x-raw expose-all-streams=false ! audioconvert dithering=none ! \
         audioresample quality=8 ! audio/x-raw,format=S16LE,layout=interleaved,rate={},channels=2 ! \
         appsink name=out sync=false max-buffers=32",
        profile.sample_rate
    );
    let pipeline = Pipeline::new(
        &description,
        format!("decoding the sound of {}", source.display()),
    )?;
    let file: gst::Element = pipeline.element("file")?;
    gst::prelude::ObjectExt::set_property(&file, "location", source);
    pipeline.play()?;
    let mut writer = BufWriter::with_capacity(1 << 20, target);
    let mut written = 0;
    while let Pulled::Sample(sample) = pipeline.pull()? {
        let buffer = sample
            .buffer()
            .ok_or_else(|| pipeline.pipeline_error("samples without data"))?;
        let data = buffer
            .map_readable()
            .map_err(|_| pipeline.pipeline_error("samples without bytes"))?;
        written += data.len() as u64;
        if written > MAX_BYTES {
            return Err(pipeline.pipeline_error("longer than four hours"));
        }
        writer
            .write_all(&data)
            .map_err(|error| MediaError::Io(format!("conformed sound: {error}")))?;
    }
    writer
        .flush()
        .map_err(|error| MediaError::Io(format!("conformed sound: {error}")))
}

fn io(path: &Path, error: &std::io::Error) -> MediaError {
    MediaError::Io(format!("{}: {error}", path.display()))
}
