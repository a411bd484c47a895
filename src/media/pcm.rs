//! Sound conformed once, so that any sample of it can be had at once and is
//! always the same.
//!
//! A compressed file cannot be cut into at a sample: what a decoder gives
//! after a seek depends on where it began. So each sounding file is decoded
//! whole, once, to 48 kHz stereo samples in a file named by the digest
//! of the source. They are 32-bit floats, as decoders and mixers have them: what a loud
//! recording has above full scale is left to the limiter, and nothing is rounded. Such files are a cache: any may be deleted, and those that were
//! not used for longest are, so that they all together keep to a bound. On a disk
//! that takes no file, sound is conformed to the system's temporary folder.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::digest::Digest;
use crate::media::{MediaError, sound};
use crate::profile::AudioProfile;

/// The longest sound, in bytes of samples: four hours and a minute.
const MAX_BYTES: u64 = 48_000 * SAMPLE_BYTES * (4 * 3600 + 60);

/// The most bytes of all conformed sound in the folder, but for the file that is
/// in use: some three hours.
const MAX_FOLDER_BYTES: u64 = 4 << 30;

/// The most sounds that are kept outside the folder.
const MAX_OUTSIDE: usize = 4;

/// In the names of the files, so that those of another format are not taken for them.
const FORMAT: &str = "f32";

/// Bytes of one stereo sample.
const SAMPLE_BYTES: u64 = 8;

/// Files being written carry these; what a killed process left of them is swept.
const TEMP_PREFIX: &str = "loom-";
const TEMP_SUFFIX: &str = ".part";

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

    /// Interleaved stereo samples from sample `from` on, full scale being 1; silence
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
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        samples
            .iter_mut()
            .skip(skipped)
            .zip(read)
            .for_each(|(sample, value)| *sample = value);
        Ok(samples)
    }
}

/// The folder of conformed sound, which has one user at a time.
#[derive(Clone)]
pub struct PcmStore {
    folder: PathBuf,
    max_bytes: u64,
    /// One file is conformed at a time: two renders that need the same one
    /// must not both decode it, and conforming is quick beside rendering.
    conforming: Arc<Mutex<Outside>>,
}

/// Sounds that the folder did not take, by their names in it: files without a
/// name, gone when nobody has them open. The one used last at the end.
type Outside = VecDeque<(String, Arc<Pcm>)>;

impl PcmStore {
    /// Uses `folder`, which is made if it is not there, for at most 4 GiB of sound.
    pub fn open(folder: &Path) -> Result<Self, MediaError> {
        Self::bounded(folder, MAX_FOLDER_BYTES)
    }

    fn bounded(folder: &Path, max_bytes: u64) -> Result<Self, MediaError> {
        fs::create_dir_all(folder).map_err(|error| io(folder, &error))?;
        let store = Self {
            folder: folder.to_owned(),
            max_bytes,
            conforming: Arc::default(),
        };
        store.sweep().map_err(|error| io(folder, &error))?;
        Ok(store)
    }

    /// The conformed sound of the file at `source`, whose digest is `asset`.
    pub fn get(
        &self,
        asset: &Digest,
        source: &Path,
        profile: &AudioProfile,
    ) -> Result<Arc<Pcm>, MediaError> {
        let name = format!("{asset}-{}.{FORMAT}", profile.sample_rate);
        let path = self.folder.join(&name);
        if let Ok(Some(pcm)) = open(&path) {
            return Ok(Arc::new(pcm));
        }
        let mut outside = self.outside();
        if let Ok(Some(pcm)) = open(&path) {
            return Ok(Arc::new(pcm));
        }
        if let Some(at) = outside.iter().position(|(known, _)| *known == name)
            && let Some(used) = outside.remove(at)
        {
            outside.push_back(used.clone());
            return Ok(used.1);
        }
        match self.keep(source, profile, &path) {
            Ok(pcm) => return Ok(Arc::new(pcm)),
            // The folder's trouble, not the sound's.
            Err(error @ MediaError::Io(_)) => {
                tracing::warn!(%error, "conformed sound cannot be kept");
            }
            Err(error) => return Err(error),
        }
        let mut file = tempfile::tempfile().map_err(|error| io(&std::env::temp_dir(), &error))?;
        conform(source, profile, &mut file)?;
        let pcm = Arc::new(described(file, &path)?);
        while outside.len() >= MAX_OUTSIDE {
            outside.pop_front();
        }
        outside.push_back((name, Arc::clone(&pcm)));
        Ok(pcm)
    }

    /// Conforms into the folder, from which the oldest go for it.
    fn keep(&self, source: &Path, profile: &AudioProfile, path: &Path) -> Result<Pcm, MediaError> {
        let mut temporary = tempfile::Builder::new()
            .prefix(TEMP_PREFIX)
            .suffix(TEMP_SUFFIX)
            .tempfile_in(&self.folder)
            .map_err(|error| io(&self.folder, &error))?;
        conform(source, profile, temporary.as_file_mut())?;
        temporary
            .persist(path)
            .map_err(|error| io(path, &error.error))?;
        if let Err(error) = self.make_room(path) {
            tracing::warn!(%error, folder = %self.folder.display(), "old sound cannot be deleted");
        }
        open(path)?.ok_or_else(|| MediaError::Empty(source.display().to_string()))
    }

    /// Deletes what was not used for longest until the rest is within the bound.
    fn make_room(&self, newest: &Path) -> std::io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let found = entry.metadata()?;
            if found.is_file() && entry.path() != newest {
                files.push((found.modified()?, found.len(), entry.path()));
            }
        }
        files.sort();
        let mut bytes: u64 = files.iter().map(|(_, len, _)| len).sum();
        bytes += fs::metadata(newest)?.len();
        for (_, len, path) in files {
            if bytes <= self.max_bytes {
                break;
            }
            // Whoever reads it has it open.
            fs::remove_file(path)?;
            bytes -= len;
        }
        Ok(())
    }

    /// Deletes what a killed process left half written.
    fn sweep(&self) -> std::io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let ours = name
                .to_str()
                .is_some_and(|name| name.starts_with(TEMP_PREFIX) && name.ends_with(TEMP_SUFFIX));
            if ours {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    fn outside(&self) -> MutexGuard<'_, Outside> {
        // Each change is one step.
        self.conforming
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(path: &Path) -> Result<Option<Pcm>, MediaError> {
    match File::open(path) {
        Ok(file) => {
            // So that the oldest are those not used for longest; where it cannot be
            // noted, those conformed first.
            let _noted = file.set_modified(SystemTime::now());
            described(file, path).map(Some)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io(path, &error)),
    }
}

fn described(file: File, path: &Path) -> Result<Pcm, MediaError> {
    let bytes = file.metadata().map_err(|error| io(path, &error))?.len();
    Ok(Pcm {
        file,
        samples: (bytes / SAMPLE_BYTES) as i64,
    })
}

fn conform(source: &Path, profile: &AudioProfile, target: &mut File) -> Result<(), MediaError> {
    let mut writer = BufWriter::with_capacity(1 << 20, target);
    let failed = |error: std::io::Error| MediaError::Io(format!("conformed sound: {error}"));
    let mut written = 0;
    sound::decode(source, profile.sample_rate.get(), &mut |samples| {
        written += samples.len() as u64 * 4;
        if written > MAX_BYTES {
            return Err(MediaError::Pipeline {
                what: format!("decoding the sound of {}", source.display()),
                message: "longer than four hours".to_owned(),
            });
        }
        samples
            .iter()
            .try_for_each(|sample| writer.write_all(&sample.to_le_bytes()))
            .map_err(failed)
    })?;
    writer.flush().map_err(failed)
}

fn io(path: &Path, error: &std::io::Error) -> MediaError {
    MediaError::Io(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn sound(folder: &Path, name: &str, bytes: usize, age: u64) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, vec![0; bytes]).unwrap();
        let then = SystemTime::now() - Duration::from_secs(age);
        File::open(&path).unwrap().set_modified(then).unwrap();
        path
    }

    #[test]
    fn what_was_not_used_for_longest_goes_for_what_is_new() {
        let folder = tempfile::TempDir::new().unwrap();
        let store = PcmStore::bounded(folder.path(), 1000).unwrap();
        let [old, used, newer] = [("a.pcm", 90), ("b.pcm", 80), ("c.pcm", 70)]
            .map(|(name, age)| sound(folder.path(), name, 400, age));
        assert_eq!(open(&used).unwrap().unwrap().samples(), 50);
        let new = sound(folder.path(), "d.pcm", 400, 0);
        store.make_room(&new).unwrap();
        let there = [&old, &newer, &used, &new].map(|path| path.exists());
        assert_eq!(there, [false, false, true, true]);
        // One that is larger than all may be is kept while it is the newest.
        let large = sound(folder.path(), "e.pcm", 4000, 0);
        store.make_room(&large).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_process_left_is_swept_and_nothing_else() {
        let folder = tempfile::TempDir::new().unwrap();
        let mine = sound(folder.path(), "loom-abc.part", 10, 0);
        let other = sound(folder.path(), "notes.txt", 10, 0);
        PcmStore::open(folder.path()).unwrap();
        assert!(!mine.exists() && other.exists());
    }
}
