//! A store in one stream, to be carried elsewhere: a tar archive of the payload
//! files as they are, `chunks/<digest>`, and the small values, `small/<name>`.
//!
//! Files describe themselves ([`super::trailer`]), so nothing else is needed to take
//! one in; what is not whole, or not what its name says, is left out. That a file's
//! bytes are what its key stands for nobody can tell from the file: take in
//! archives of people you trust.

use std::io::{self, Read, Write};
use std::path::Path;

use bytes::Bytes;
use tar::{Archive, Builder, EntryType, Header};
use thiserror::Error;

use super::trailer::{self, MAX_TRAILER_BYTES};
use super::{
    ChunkStore, Lookup, MAX_BYTES_NAME, MAX_CHUNK_BYTES, MAX_SMALL_BYTES, MAX_SMALL_NAME, Put,
    StoreError,
};
use crate::chunk::{ChunkKey, ReuseClass};
use crate::digest::Digest;

const CHUNKS: &str = "chunks";
const SMALL: &str = "small";

/// The longest file that may be a chunk's.
const MAX_FILE_BYTES: u64 = MAX_CHUNK_BYTES + MAX_TRAILER_BYTES as u64;

/// What went into an archive, or came out of one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArchiveReport {
    /// Chunks written, or taken in.
    pub chunks: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// Small values written, or taken in.
    pub small_values: u64,
    /// Chunks that were there already.
    pub present: u64,
    /// Chunks there was no room for.
    pub refused: u64,
    /// Entries (or stored chunks) that were damaged, or not of this kind: left out.
    pub bad: u64,
}

/// Why an archive could not be written or read to its end. What was taken in
/// until then stays.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// The archive.
    #[error("the archive: {0}")]
    Archive(#[from] io::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ChunkStore {
    /// Writes all chunks that are sound, and all small values, to `out`; `progress`
    /// is called for each chunk.
    pub fn export(
        &self,
        out: impl Write,
        mut progress: impl FnMut(),
    ) -> Result<ArchiveReport, ArchiveError> {
        let mut report = ArchiveReport::default();
        let mut archive = Builder::new(out);
        let values = self.0.index.small_values();
        for (name, value) in values.map_err(|error| self.0.index_error(error))? {
            // How much this store may take is its own affair.
            if name != MAX_BYTES_NAME {
                append(&mut archive, &format!("{SMALL}/{name}"), 0, &value)?;
                report.small_values += 1;
            }
        }
        for key in self.keys()? {
            match self.exported(&key)? {
                Some(file) => {
                    let name = format!("{CHUNKS}/{}", file.name);
                    append(&mut archive, &name, file.created, &file.bytes)?;
                    report.bytes += file.bytes.len() as u64;
                    report.chunks += 1;
                }
                None => report.bad += 1,
            }
            progress();
        }
        archive.into_inner()?.flush()?;
        Ok(report)
    }

    fn exported(&self, key: &ChunkKey) -> Result<Option<Exported>, StoreError> {
        let Some(row) = self.0.row(key)? else {
            return Ok(None);
        };
        let Lookup::Hit(chunk) = self.read(key)? else {
            return Ok(None);
        };
        let mut pieces: Vec<&[u8]> = chunk.parts.iter().map(|part| part.data.as_ref()).collect();
        let trailer = trailer::encode(key, &row.record);
        pieces.push(&trailer);
        Ok(Some(Exported {
            name: row.file,
            created: row.record.created,
            bytes: pieces.concat(),
        }))
    }

    /// Takes in what an archive holds and is not there yet, as far as there is room;
    /// `progress` is told the bytes of each entry.
    pub fn import(
        &self,
        input: impl Read,
        mut progress: impl FnMut(u64),
    ) -> Result<ArchiveReport, ArchiveError> {
        let mut report = ArchiveReport::default();
        for entry in Archive::new(input).entries()? {
            let mut entry = entry?;
            let size = entry.size();
            if entry.header().entry_type() != EntryType::Regular || size > MAX_FILE_BYTES {
                report.bad += 1;
                continue;
            }
            let name = entry.path()?.into_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            if bytes.len() as u64 != size {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            self.take_in(&name, bytes, &mut report)?;
            progress(size);
        }
        Ok(report)
    }

    fn take_in(
        &self,
        name: &Path,
        bytes: Vec<u8>,
        report: &mut ArchiveReport,
    ) -> Result<(), StoreError> {
        if let Some(name) = named(name, SMALL) {
            // How much this store may take is its own affair, whatever others say.
            let allowed = (1..=MAX_SMALL_NAME).contains(&name.len())
                && bytes.len() <= MAX_SMALL_BYTES
                && name != MAX_BYTES_NAME;
            if !allowed {
                report.bad += 1;
            } else if self.get_small(name)?.is_none() {
                self.put_small(name, &bytes)?;
                report.small_values += 1;
            }
            return Ok(());
        }
        let digest = named(name, CHUNKS).and_then(|name| name.parse::<Digest>().ok());
        let whole = digest.is_some_and(|digest| Digest::of(&bytes) == digest);
        let len = bytes.len() as u64;
        let bytes = Bytes::from(bytes);
        let described = trailer::parse(&bytes)
            .filter(|(_, record)| whole && trailer::file_len(record) == len)
            .and_then(|(key, record)| Some((key, record.meta.split(&bytes)?, record.meta)));
        let Some((key, parts, meta)) = described else {
            report.bad += 1;
            return Ok(());
        };
        if self.contains(&key)? {
            report.present += 1;
            return Ok(());
        }
        match self.put(&key, ReuseClass::Shared, &meta, &parts)? {
            Put::Kept => {
                report.chunks += 1;
                report.bytes += len;
            }
            Put::Refused => report.refused += 1,
        }
        Ok(())
    }
}

struct Exported {
    name: Digest,
    created: u64,
    bytes: Vec<u8>,
}

/// The rest of a path that begins with this folder.
fn named<'a>(path: &'a Path, folder: &str) -> Option<&'a str> {
    path.strip_prefix(folder).ok()?.to_str()
}

/// Appends a file.
fn append(
    archive: &mut Builder<impl Write>,
    name: &str,
    modified: u64,
    bytes: &[u8],
) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o444);
    header.set_mtime(modified);
    archive.append_data(&mut header, name, bytes)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::super::tests::{assert_hit, assert_tidy, open, put};
    use super::*;
    use crate::store::StoreConfig;

    fn archive(store: &ChunkStore) -> Vec<u8> {
        let mut out = Vec::new();
        store.export(&mut out, || ()).unwrap();
        out
    }

    #[test]
    fn what_is_exported_is_taken_in_elsewhere_once() {
        let (dir, other_dir) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let (store, _) = open(&dir);
        for seed in 0..20 {
            put(&store, seed);
        }
        store.put_small("avcc/abc", b"config").unwrap();
        let mut seen = 0;
        let mut bytes = Vec::new();
        let out = store.export(&mut bytes, || seen += 1).unwrap();
        assert_eq!(
            (seen, out.chunks, out.small_values, out.bad),
            (20, 20, 1, 0)
        );
        assert_eq!(out.bytes, store.stats().bytes);

        let (other, _) = open(&other_dir);
        put(&other, 3);
        let taken = other.import(&bytes[..], |_| ()).unwrap();
        assert_eq!((taken.chunks, taken.present, taken.bad), (19, 1, 0));
        assert_eq!(taken.small_values, 1);
        (0..20).for_each(|seed| assert_hit(&other, seed));
        let value = other.get_small("avcc/abc").unwrap();
        assert_eq!(value.as_deref(), Some(&b"config"[..]));
        assert_tidy(&other_dir, &other);
        let again = other.import(&bytes[..], |_| ()).unwrap();
        assert_eq!((again.chunks, again.present), (0, 20));
    }

    #[test]
    fn what_is_damaged_or_of_another_kind_is_left_out() {
        let (dir, other_dir) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let (store, _) = open(&dir);
        put(&store, 1);
        let mut bytes = archive(&store);
        // In the payload, behind the header of the only file.
        bytes[512 + 50] ^= 1;
        let mut builder = Builder::new(Vec::new());
        append(&mut builder, "readme.txt", 0, b"hello").unwrap();
        append(&mut builder, "chunks/readme.txt", 0, b"hello").unwrap();
        append(&mut builder, "small/store/max-bytes", 0, &[1; 8]).unwrap();
        append(&mut builder, "small/avcc/x", 0, &[1; MAX_SMALL_BYTES + 1]).unwrap();
        let strange = builder.into_inner().unwrap();
        let (other, _) = open(&other_dir);
        for (bytes, bad) in [(bytes, 1), (strange, 4)] {
            let taken = other.import(&bytes[..], |_| ()).unwrap();
            assert_eq!((taken.chunks, taken.bad), (0, bad));
        }
        assert_eq!(other.stats().chunks, 0);
        assert_eq!(other.get_small(MAX_BYTES_NAME).unwrap(), None);
        assert_tidy(&other_dir, &other);
    }

    #[test]
    fn an_archive_cut_short_is_an_error_and_keeps_what_came_before() {
        let (dir, other_dir) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let (store, _) = open(&dir);
        for seed in 0..5 {
            put(&store, seed);
        }
        let bytes = archive(&store);
        let (other, _) = open(&other_dir);
        let cut = &bytes[..bytes.len() * 2 / 3];
        assert!(matches!(
            other.import(cut, |_| ()),
            Err(ArchiveError::Archive(_))
        ));
        let kept = other.stats().chunks;
        assert!((1..5).contains(&kept), "{kept}");
        assert_tidy(&other_dir, &other);
        let not_tar = other.import(&[7_u8; 2000][..], |_| ());
        assert!(matches!(not_tar, Err(ArchiveError::Archive(_))));
    }

    #[test]
    fn a_smaller_store_takes_what_it_has_room_for() {
        let (dir, other_dir) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let (store, _) = open(&dir);
        for seed in 0..60 {
            put(&store, seed);
        }
        let (other, _) = ChunkStore::open(StoreConfig {
            max_bytes: Some(300 << 10),
            ..StoreConfig::new(other_dir.path())
        })
        .unwrap();
        let taken = other.import(&archive(&store)[..], |_| ()).unwrap();
        assert_eq!(taken.chunks + taken.refused, 60);
        let stats = other.stats();
        assert!(stats.chunks < 50 && stats.disk_bytes <= 300 << 10);
        assert_tidy(&other_dir, &other);
    }
}
