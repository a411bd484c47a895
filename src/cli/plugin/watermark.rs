//! `loomcast plugin watermark`: a live stream with a mark, given back as another.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::Args;

use super::{StreamArgs, failed, name, stop_at_signal, trouble};
use crate::broadcast::MAX_NAME_BYTES;
use crate::cli::BadInput;
use crate::cli::values::runtime;
use crate::plugin::Over;
use crate::plugin::watermark::{Marks, WatermarkPlan, watermark};
use crate::raster::{FontCatalogue, RasterRequest, Rasteriser, Sprite, read_picture};
use crate::render::MarkPosition;
use crate::template::markup::{Markup, escape};

/// The longest text, in characters.
const MAX_TEXT_CHARS: usize = 200;

/// What the name of the stream that is given back ends in, where it is not said.
const SUFFIX: &str = "-watermark";

/// Letters are this share of the picture's height, but no smaller than they can be read.
const LETTERS: u32 = 18;
const SMALLEST_LETTERS: u32 = 12;

#[derive(Debug, Args)]
pub(super) struct WatermarkArgs {
    #[command(flatten)]
    stream: StreamArgs,

    /// What the stream that is given back is called [default: NAME-watermark]
    #[arg(long = "as", value_name = "NAME", value_parser = name)]
    identity: Option<String>,

    #[command(flatten)]
    what: What,

    /// Where it stands: top-left, top, top-right, left, center, right, bottom-left, bottom
    /// or bottom-right
    #[arg(long, value_name = "WHERE", value_parser = position, default_value = "top-right")]
    position: MarkPosition,

    /// How much of it is seen, from 0 to 1
    #[arg(long, value_name = "SHARE", value_parser = opacity, default_value = "0.7")]
    opacity: u16,

    /// Kilobits a second of pictures [default: even quality, whatever it takes]
    #[arg(
        long,
        value_name = "KBIT",
        value_parser = clap::value_parser!(u32).range(50..=200_000)
    )]
    bitrate: Option<u32>,

    /// The assets folder, with the fonts of texts
    #[arg(
        long,
        value_name = "DIR",
        env = "LOOMCAST_ASSETS",
        default_value = "assets"
    )]
    assets: PathBuf,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct What {
    /// The mark: a PNG, JPEG, WebP or GIF
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,

    /// The mark: a line of text
    #[arg(long, value_name = "TEXT", value_parser = text)]
    text: Option<String>,
}

fn position(wanted: &str) -> Result<MarkPosition, String> {
    let known = MarkPosition::NAMED;
    let found = known.iter().find(|(name, _)| *name == wanted);
    found.map(|(_, position)| *position).ok_or_else(|| {
        let names = known.map(|(name, _)| name);
        format!("expected one of {}", names.join(", "))
    })
}

/// In 1/256.
fn opacity(share: &str) -> Result<u16, String> {
    let share = share.parse::<f64>().ok();
    let share = share.filter(|share| (0.0..=1.0).contains(share));
    share
        .map(|share| (share * 256.0).round() as u16)
        .ok_or_else(|| "expected 0 to 1".into())
}

fn text(text: &str) -> Result<String, String> {
    let count = text.chars().count();
    match !text.trim().is_empty() && count <= MAX_TEXT_CHARS {
        true => Ok(text.to_owned()),
        false => Err(format!("expected 1 to {MAX_TEXT_CHARS} characters")),
    }
}

pub(super) fn run(args: &WatermarkArgs) -> Result<ExitCode> {
    let stream = &args.stream.stream;
    let identity = match &args.identity {
        Some(identity) => identity.clone(),
        None => format!("{stream}{SUFFIX}"),
    };
    if identity == *stream || identity.len() > MAX_NAME_BYTES {
        let message = format!(
            "--as {identity}: expected another name than that of the stream, of at most {MAX_NAME_BYTES} letters"
        );
        return Err(BadInput(message).into());
    }
    crate::media::init()?;
    let plan = WatermarkPlan {
        target: args.stream.target(Some(identity.clone())),
        marks: marks(args)?,
        kilobits: args.bitrate,
        tries: args.stream.retries,
    };
    eprintln!("loomcast: {stream} is marked, as {identity}");
    let over = runtime()?.block_on(async {
        let stop = stop_at_signal();
        watermark(&plan, &stop, trouble).await
    });
    match over.map_err(failed)? {
        Over::Stream => eprintln!("loomcast: {stream} is over"),
        Over::Stopped => eprintln!("loomcast: stopped"),
    }
    Ok(ExitCode::SUCCESS)
}

fn marks(args: &WatermarkArgs) -> Result<Marks> {
    if let Some(path) = &args.what.image {
        let sprite = read_picture(path);
        let sprite =
            sprite.map_err(|error| BadInput(format!("--image {}: {error}", path.display())))?;
        // Its transparent margins would move it from its place.
        let sprite = Arc::new(sprite.trim().2);
        if sprite.width() == 0 {
            let message = format!("--image {}: nothing of it can be seen", path.display());
            return Err(BadInput(message).into());
        }
        let draw = move |_| Ok((*sprite).clone());
        return Ok(Marks::new(draw, args.position, args.opacity));
    }
    let text = args.what.text.clone().unwrap_or_default();
    let rasteriser = rasteriser(&args.assets)?;
    let selection = rasteriser
        .catalogue()
        .select_markup(&markup(&text, (1280, 720)));
    for missing in &selection.missing {
        eprintln!("loomcast: warning: no font has {missing:?}");
    }
    for family in &selection.substituted {
        eprintln!("loomcast: warning: there is no font {family:?}");
    }
    let draw = move |size| {
        let request = RasterRequest::new(markup(&text, size), &selection);
        let drawn = rasteriser.render(&request);
        drawn
            .map(|sprite: Sprite| sprite.trim().2)
            .map_err(|error| format!("--text: {error}"))
    };
    Ok(Marks::new(draw, args.position, args.opacity))
}

fn rasteriser(assets: &Path) -> Result<Rasteriser> {
    let fonts = assets.join("fonts");
    let catalogue = FontCatalogue::load(&fonts, &[])
        .with_context(|| format!("--assets: the fonts in {}", fonts.display()))?;
    Ok(Rasteriser::new(Arc::new(catalogue)))
}

/// A line of white letters with a dark edge, to be seen on any ground.
fn markup(text: &str, (width, height): (u32, u32)) -> Markup {
    let letters = (height / LETTERS).max(SMALLEST_LETTERS);
    Markup {
        html: format!("<div class=\"t\">{}</div>", escape(text)),
        css: format!(
            ".t {{ font-family: 'Open Sans'; font-weight: 700; font-size: {letters}px; \
             line-height: {}px; color: #ffffff; white-space: nowrap; padding: 2px 4px; \
             text-shadow: 0 0 {}px rgba(0, 0, 0, 0.9); }}",
            2 * letters,
            (letters / 6).max(2),
        ),
        width,
        height: 2 * letters + 8,
    }
}
