//! `loomcast explain`: why the chunks of two videos differ.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::chunk::Difference;
use crate::cli::inputs::{self, FolderArgs, PartitionArgs, TemplateArgs};
use crate::partition::{PlacedChunk, TrackKind};

/// The longest value shown in the table; `--json` has them whole.
const SHOWN: usize = 100;

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    #[command(flatten)]
    first: TemplateArgs,

    /// The other Edit; may be the same file with other data
    other: PathBuf,

    /// A merge field's value for the other Edit
    #[arg(long = "set-b", value_name = "KEY=VALUE", value_parser = inputs::assignment)]
    set_b: Vec<(String, String)>,

    #[command(flatten)]
    folders: FolderArgs,
    #[command(flatten)]
    partition: PartitionArgs,

    /// Print a JSON array with an object for each differing chunk
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Differing {
    track: String,
    /// Places in the first and second video; null where there is no such chunk.
    index: [Option<usize>; 2],
    key: [Option<String>; 2],
    differences: Vec<PropertyChange>,
}

#[derive(Debug, Serialize)]
struct PropertyChange {
    layer: Option<String>,
    property: &'static str,
    before: Option<String>,
    after: Option<String>,
}

impl From<Difference> for PropertyChange {
    fn from(difference: Difference) -> Self {
        let Difference {
            layer,
            name,
            before,
            after,
        } = difference;
        Self {
            layer,
            property: name,
            before,
            after,
        }
    }
}

pub(super) fn run(args: &ExplainArgs) -> Result<ExitCode> {
    let config = args.folders.config(Some(&args.first.template));
    let planner = config.planner()?;
    let partitioning = args.partition.partitioning();
    let first = inputs::read_template(&args.first.template, args.partition.variant.as_deref())?;
    let first = inputs::plan(&planner, first, &args.first.data(), &partitioning)?;
    let other = inputs::read_template(&args.other, args.partition.variant.as_deref())?;
    let other = inputs::plan(&planner, other, &inputs::data(&args.set_b), &partitioning)?;
    let mut differing = compare(
        TrackKind::Video,
        &first.partition.video,
        &other.partition.video,
    );
    differing.extend(compare(
        TrackKind::Audio,
        &first.partition.audio,
        &other.partition.audio,
    ));
    if args.json {
        println!("{}", serde_json::to_string_pretty(&differing)?);
    } else {
        let total = other.partition.video.len() + other.partition.audio.len();
        print(&differing, total);
    }
    Ok(ExitCode::SUCCESS)
}

/// Pairs chunks: first those with equal keys in order, then what lies between
/// two such pairs one by one.
fn compare(kind: TrackKind, a: &[PlacedChunk], b: &[PlacedChunk]) -> Vec<Differing> {
    let (mut i, mut j) = (0, 0);
    let mut differing = Vec::new();
    while i < a.len() || j < b.len() {
        match (a.get(i), b.get(j)) {
            (Some(x), Some(y)) if x.key == y.key => {
                i += 1;
                j += 1;
            }
            (Some(x), y) => {
                // If one side goes on with what the other has next, the chunks
                // before it are extra.
                let ahead_in_b = b[j..].iter().position(|chunk| chunk.key == x.key);
                let ahead_in_a = y.and_then(|y| a[i..].iter().position(|chunk| chunk.key == y.key));
                match (y, ahead_in_a, ahead_in_b) {
                    (Some(y), None, None) => {
                        differing.push(pair(kind, Some((i, x)), Some((j, y))));
                        i += 1;
                        j += 1;
                    }
                    (Some(y), _, Some(_)) => {
                        differing.push(pair(kind, None, Some((j, y))));
                        j += 1;
                    }
                    _ => {
                        differing.push(pair(kind, Some((i, x)), None));
                        i += 1;
                    }
                }
            }
            (None, Some(y)) => {
                differing.push(pair(kind, None, Some((j, y))));
                j += 1;
            }
            (None, None) => break,
        }
    }
    differing
}

fn pair(
    kind: TrackKind,
    a: Option<(usize, &PlacedChunk)>,
    b: Option<(usize, &PlacedChunk)>,
) -> Differing {
    let differences = match (a, b) {
        (Some((_, a)), Some((_, b))) => a.spec.differences(&b.spec),
        _ => Vec::new(),
    };
    Differing {
        track: kind.to_string(),
        index: [a.map(|(index, _)| index), b.map(|(index, _)| index)],
        key: [a, b].map(|side| side.map(|(_, chunk)| chunk.key.to_string())),
        differences: differences.into_iter().map(PropertyChange::from).collect(),
    }
}

fn print(differing: &[Differing], total: usize) {
    for chunk in differing {
        let side = |index: Option<usize>| index.map_or("none".into(), |index| format!("#{index}"));
        println!(
            "{} chunk {} → {}",
            chunk.track,
            side(chunk.index[0]),
            side(chunk.index[1])
        );
        for change in &chunk.differences {
            let layer = change.layer.as_deref().unwrap_or("the chunk");
            println!("    {layer}: {}", change.property);
            println!("      - {}", shown(change.before.as_deref()));
            println!("      + {}", shown(change.after.as_deref()));
        }
    }
    let changed = differing
        .iter()
        .filter(|chunk| chunk.index[1].is_some())
        .count();
    println!(
        "{changed} of {total} chunks differ, {} are shared",
        total - changed
    );
}

fn shown(value: Option<&str>) -> String {
    let value = value.unwrap_or("(not there)");
    match value.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::{AudioSpec, ChunkSpec};
    use crate::profile::AudioProfile;

    fn chunks(frames: &[u32]) -> Vec<PlacedChunk> {
        let chunk = |frames: &u32| {
            let spec = ChunkSpec::Audio(AudioSpec {
                profile: AudioProfile::default(),
                frames: *frames,
                voices: vec![],
            });
            PlacedChunk {
                key: spec.key(),
                spec,
                decode_time: 0,
                ticks: 1,
                dynamic: false,
                shared_layers: 0,
            }
        };
        frames.iter().map(chunk).collect()
    }

    #[test]
    fn chunks_are_paired_around_what_both_have() {
        for (a, b, expected) in [
            (vec![1, 2, 3], vec![1, 2, 3], vec![]),
            (vec![1, 2, 3], vec![1, 9, 3], vec![[Some(1), Some(1)]]),
            (
                vec![1, 2, 3],
                vec![1, 8, 9, 2, 3],
                vec![[None, Some(1)], [None, Some(2)]],
            ),
            (
                vec![1, 2, 3],
                vec![3],
                vec![[Some(0), None], [Some(1), None]],
            ),
            (vec![1], vec![1, 2], vec![[None, Some(1)]]),
        ] {
            let found: Vec<_> = compare(TrackKind::Audio, &chunks(&a), &chunks(&b))
                .iter()
                .map(|d| d.index)
                .collect();
            assert_eq!(found, expected, "{a:?} {b:?}");
        }
    }
}
