//! Writes a planned video: one MP4 file, or a folder of HLS.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use futures_util::TryStreamExt as _;
use tokio::fs;
use tokio::io::AsyncWriteExt as _;

use crate::cli::BadInput;
use crate::cmaf::{self, Retimed};
use crate::delivery::{Delivery, Init, Movie, Plan, Wanted};
use crate::partition::{PlacedChunk, TrackKind};
use crate::playlist::Uri;
use crate::publish::playlists::{Targets, multivariant, vod};
use crate::publish::timing::TrackTiming;
use crate::render::Priority;
use crate::template::output::Format;

/// What is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// One MP4 file.
    File(PathBuf),
    /// A folder with `index.m3u8`.
    Folder(PathBuf),
}

impl Target {
    /// A path that ends in `/`, is a folder, or has no extension is a folder.
    pub fn of(path: &Path) -> Self {
        let folder = path.is_dir()
            || path.extension().is_none()
            || path.as_os_str().to_string_lossy().ends_with('/');
        if folder {
            Self::Folder(path.to_owned())
        } else {
            Self::File(path.to_owned())
        }
    }

    /// Fails unless what is made in `format` can be written there.
    pub fn agrees_with(&self, format: Format) -> Result<()> {
        let (path, fits) = match self {
            Self::Folder(path) => (path, format.is_chunks()),
            Self::File(path) => {
                let ending = path.extension().and_then(|ending| ending.to_str());
                let ending = ending.map(str::to_ascii_lowercase);
                let named = match ending.as_deref() {
                    Some("jpeg") => Some(Format::Jpg),
                    Some("m4v") => Some(Format::Mp4),
                    Some(ending) => Format::named(ending),
                    None => None,
                };
                // Of the formats that are chunks, both are always made.
                let fits = named.is_some_and(|named| {
                    named == format || (named == Format::Mp4 && format == Format::Hls)
                });
                (path, fits)
            }
        };
        if fits {
            return Ok(());
        }
        let name = format.name();
        let message = format!(
            "{}: /output/format is {name}: expected a file that ends in .{}; \
             --format makes another",
            path.display(),
            if format == Format::Hls {
                "mp4, or a folder"
            } else {
                name
            },
        );
        Err(BadInput(message).into())
    }

    /// Whether this track is in it: a file is of the video itself, a folder has its ladder.
    pub fn has(&self, kind: TrackKind) -> bool {
        matches!(self, Self::Folder(_)) || !kind.is_rung()
    }

    /// Where a picture called `what` goes: beside the file, or into the folder.
    pub fn beside(&self, what: &str) -> Option<PathBuf> {
        match self {
            Self::Folder(folder) => Some(folder.join(format!("{what}.jpg"))),
            Self::File(path) => {
                let stem = path.file_stem()?.to_string_lossy();
                Some(path.with_file_name(format!("{stem}-{what}.jpg")))
            }
        }
    }
}

/// Writes the MP4 file through a temporary one beside it, so that a failure
/// leaves nothing behind.
pub(super) async fn write_mp4(
    delivery: &Delivery,
    plan: &Plan,
    path: &Path,
    priority: Priority,
) -> Result<()> {
    let inits = delivery.inits(plan).await?.into_iter();
    let own = inits.filter(|(kind, _)| !kind.is_rung());
    let joined = own.map(|(kind, init)| {
        let chunks = plan.chunks(kind).iter().map(Wanted::of);
        (init.track, chunks.collect())
    });
    let movie = Movie::join(delivery, joined.collect(), priority).await?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::create_dir_all(folder)
        .await
        .with_context(|| format!("making {}", folder.display()))?;
    let temporary = tempfile::Builder::new()
        .prefix(".loomcast-")
        .tempfile_in(folder);
    let temporary = temporary.with_context(|| format!("writing into {}", folder.display()))?;
    let mut file = tokio::io::BufWriter::new(fs::File::from_std(temporary.as_file().try_clone()?));
    let mut bytes = std::pin::pin!(movie.into_stream());
    while let Some(piece) = bytes.try_next().await? {
        file.write_all(&piece).await?;
    }
    file.flush().await?;
    let persisted = temporary
        .persist(path)
        .map_err(|error| anyhow!("{}: {}", path.display(), error.error))?;
    set_readable(&persisted)?;
    Ok(())
}

/// Temporary files are private; a video is not.
pub(super) fn set_readable(file: &std::fs::File) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(file.set_permissions(std::fs::Permissions::from_mode(0o644))?)
}

/// Writes the folder: segments first, playlists last, `index.m3u8` at the end.
pub(super) async fn write_hls(
    delivery: &Delivery,
    plan: &Plan,
    folder: &Path,
    priority: Priority,
) -> Result<()> {
    let targets = Targets::of(plan);
    let mut tracks = Vec::new();
    for (kind, init) in delivery.inits(plan).await? {
        let chunks = plan.chunks(kind);
        let track_folder = folder.join(kind.to_string());
        let timing = TrackTiming::of(plan, kind);
        write_track(delivery, (chunks, timing), &init, &track_folder, priority).await?;
        let map = Uri::new("init.mp4")?;
        let playlist = vod(chunks, timing.clock, targets, map, segment_name)?;
        fs::write(track_folder.join("index.m3u8"), playlist.to_text()).await?;
        tracks.push((kind, init.track, Uri::new(format!("{kind}/index.m3u8"))?));
    }
    let multivariant = multivariant(plan, tracks)?;
    fs::write(folder.join("index.m3u8"), multivariant.to_text()).await?;
    Ok(())
}

fn segment_name(index: usize, _: &PlacedChunk) -> Result<Uri, crate::playlist::TagError> {
    Uri::new(format!("{index:05}.m4s"))
}

async fn write_track(
    delivery: &Delivery,
    (chunks, timing): (&[PlacedChunk], TrackTiming),
    init: &Init,
    folder: &Path,
    priority: Priority,
) -> Result<()> {
    fs::create_dir_all(folder)
        .await
        .with_context(|| format!("making {}", folder.display()))?;
    fs::write(folder.join("init.mp4"), &init.segment).await?;
    for (index, placed) in chunks.iter().enumerate() {
        let chunk = delivery
            .chunk(&Wanted::of(placed), priority)
            .await?
            .fragment
            .finished()
            .await?;
        let mut segment = Vec::with_capacity(usize::try_from(chunk.meta.bytes())?);
        for part in &chunk.parts {
            let Retimed { head, tail } = cmaf::placed(&part.data, timing.decode_time(placed))?;
            segment.extend_from_slice(&head);
            segment.extend_from_slice(&tail);
        }
        fs::write(folder.join(format!("{index:05}.m4s")), segment).await?;
    }
    Ok(())
}
