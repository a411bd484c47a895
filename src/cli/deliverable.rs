//! Writes what is not put together from chunks: GIF, WebM, MP3, pictures.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};

use crate::cli::output::set_readable;
use crate::cli::progress;
use crate::delivery::{Delivery, KeptFile, Making, Recipe};

/// How often the progress bar is moved.
const BAR_EVERY: Duration = Duration::from_millis(200);

/// Makes the file, unless the data folder has it, and copies it to `path`: under its
/// name only when it is whole.
pub(super) async fn write(delivery: &Delivery, recipe: &Recipe, path: &Path) -> Result<()> {
    let context = || format!("making {}", path.display());
    let order = delivery.files().order(recipe.clone())?;
    let bar = progress::bar(u64::from(recipe.frames()), "rendering");
    let mut changes = order.changes();
    while !order.state().is_over() {
        let news = tokio::time::timeout(BAR_EVERY, changes.wait_for(Making::is_over));
        drop(news.await);
        bar.set_position((order.progress() * f64::from(recipe.frames())) as u64);
    }
    bar.finish_and_clear();
    if let Making::Failed(reason) = order.state() {
        return Err(anyhow!("{reason}")).with_context(context);
    }
    let kept = delivery.files().file(recipe).await;
    let kept = kept.with_context(context)?;
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || copy(kept, &path))
        .await
        .with_context(context)?
        .with_context(context)
}

fn copy(mut kept: KeptFile, path: &Path) -> Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut temporary = tempfile::Builder::new()
        .prefix(".loomcast-")
        .tempfile_in(folder)?;
    std::io::copy(&mut kept.file, temporary.as_file_mut())?;
    let persisted = temporary.persist(path);
    let persisted = persisted.map_err(|error| anyhow!("{}", error.error))?;
    set_readable(&persisted)
}
