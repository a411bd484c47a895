//! Writes a planned video: one MP4 file, or a folder of HLS.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use futures_util::TryStreamExt as _;
use tokio::fs;
use tokio::io::AsyncWriteExt as _;

use crate::cli::BadInput;
use crate::cmaf::{self, Retimed, Track};
use crate::delivery::{Delivery, Init, Movie, Plan, Wanted};
use crate::partition::PlacedChunk;
use crate::playlist::Uri;
use crate::publish::playlists::{Targets, TrackKind, multivariant, video_clock, vod};
use crate::render::{Priority, SharedLayers};
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

/// The chunks of one track as the delivery wants them.
pub(super) fn wanted(chunks: &[PlacedChunk], shared: bool) -> Vec<Wanted> {
    let want = |chunk: &PlacedChunk| Wanted {
        shared: SharedLayers(if shared { chunk.shared_layers } else { 0 }),
        ..Wanted::of(chunk)
    };
    chunks.iter().map(want).collect()
}

/// The tracks of a plan with their init segments.
pub(super) async fn tracks(delivery: &Delivery, plan: &Plan) -> Result<(Init, Option<Init>)> {
    let video = delivery.video_init(&plan.timeline.video).await?;
    let audio = plan
        .timeline
        .audio
        .as_ref()
        .map(|profile| delivery.audio_init(profile))
        .transpose()?;
    Ok((video, audio))
}

/// Writes the MP4 file through a temporary one beside it, so that a failure
/// leaves nothing behind.
pub(super) async fn write_mp4(
    delivery: &Delivery,
    plan: &Plan,
    path: &Path,
    priority: Priority,
) -> Result<()> {
    let (video, audio) = tracks(delivery, plan).await?;
    let mut joined: Vec<(Track, Vec<Wanted>)> =
        vec![(video.track, wanted(&plan.partition.video, false))];
    if let Some(audio) = audio {
        joined.push((audio.track, wanted(&plan.partition.audio, false)));
    }
    let movie = Movie::join(delivery, joined, priority).await?;
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
    let (video, audio) = tracks(delivery, plan).await?;
    let targets = Targets::of(plan);
    let clock = video_clock(&plan.timeline.video);
    write_track(
        delivery,
        &plan.partition.video,
        &video,
        folder,
        TrackKind::Video,
        priority,
    )
    .await?;
    let playlist = vod(
        &plan.partition.video,
        clock,
        targets,
        Uri::new("init.mp4")?,
        segment_name,
    )?;
    fs::write(folder.join("video/index.m3u8"), playlist.to_text()).await?;
    let mut audio_entry = None;
    if let (Some(init), Some(profile)) = (&audio, &plan.timeline.audio) {
        write_track(
            delivery,
            &plan.partition.audio,
            init,
            folder,
            TrackKind::Audio,
            priority,
        )
        .await?;
        let playlist = vod(
            &plan.partition.audio,
            profile.sample_rate,
            targets,
            Uri::new("init.mp4")?,
            segment_name,
        )?;
        fs::write(folder.join("audio/index.m3u8"), playlist.to_text()).await?;
        audio_entry = Some((&init.track, Uri::new("audio/index.m3u8")?));
    }
    let multivariant = multivariant(
        plan,
        &video.track,
        Uri::new("video/index.m3u8")?,
        audio_entry,
    )?;
    fs::write(folder.join("index.m3u8"), multivariant.to_text()).await?;
    Ok(())
}

fn segment_name(index: usize, _: &PlacedChunk) -> Result<Uri, crate::playlist::TagError> {
    Uri::new(format!("{index:05}.m4s"))
}

async fn write_track(
    delivery: &Delivery,
    chunks: &[PlacedChunk],
    init: &Init,
    folder: &Path,
    kind: TrackKind,
    priority: Priority,
) -> Result<()> {
    let folder = folder.join(kind.as_str());
    fs::create_dir_all(&folder)
        .await
        .with_context(|| format!("making {}", folder.display()))?;
    fs::write(folder.join("init.mp4"), &init.segment).await?;
    for (index, (placed, wanted)) in chunks.iter().zip(wanted(chunks, false)).enumerate() {
        let chunk = delivery
            .chunk(&wanted, priority)
            .await?
            .fragment
            .finished()
            .await?;
        let mut segment = Vec::with_capacity(usize::try_from(chunk.meta.bytes())?);
        for part in &chunk.parts {
            let Retimed { head, tail } = cmaf::placed(&part.data, placed.decode_time)?;
            segment.extend_from_slice(&head);
            segment.extend_from_slice(&tail);
        }
        fs::write(folder.join(format!("{index:05}.m4s")), segment).await?;
    }
    Ok(())
}
