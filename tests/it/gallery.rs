//! How everything that the language can do looks, in small: stills of each transition, effect,
//! filter, easing, place, kind of asset and way of text, compared with stored ones.
//!
//! A family is a video whose clips follow one another; its stills are on one sheet,
//! `tests/it/golden/FAMILY.png`, a row a name. `LOOMCAST_GOLDEN=write` makes the sheets anew
//! and the page that shows them (`docs/gallery`): look at them before they are kept.
//!
//! What is heard is measured in `sound`.

mod families;
mod kinds;
mod looks;
mod measure;
mod media;
mod moves;
mod names;
mod page;
mod reel;
mod sheet;
mod words;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use self::families::FAMILIES;
use self::reel::{Family, HEIGHT, Take, WIDTH};
use self::sheet::{Still, apart};
use crate::support::{Loomcast, Scratch, ffmpeg, files, have_ffmpeg};

fn writes() -> bool {
    std::env::var_os("LOOMCAST_GOLDEN").is_some_and(|value| value == "write")
}

fn page_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/gallery/index.html")
}

/// All frames of a take, in the middle of a still each where they are smaller.
fn frames(scratch: &Scratch, user: &Loomcast, take: &Take) -> Vec<Still> {
    let edit = scratch.edit("take.json", &take.edit);
    let film = scratch.path("take.mp4");
    // Few chunks: how they are cut is looked at elsewhere.
    let more = ["--scheme", "fixed", "--chunk-max", "10"].map(str::to_owned);
    let more: Vec<&str> = more.iter().chain(&take.more).map(String::as_str).collect();
    user.render(&edit, &film, &more);
    let convert = format!(
        "scale=in_color_matrix=bt709:flags=accurate_rnd+full_chroma_int+bitexact,pad={WIDTH}:{HEIGHT}:-1:-1"
    );
    let how = ["-vf", &convert, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"];
    let args = ["-i".as_ref(), film.as_os_str()];
    let bytes = ffmpeg(args.into_iter().chain(how.iter().map(AsRef::as_ref)));
    let still = WIDTH * HEIGHT * 3;
    bytes.chunks_exact(still).map(<[u8]>::to_vec).collect()
}

/// A family as it is now: the stills of each row, and the same so many frames early and late.
struct Rendered {
    now: Vec<Vec<Still>>,
    off: Vec<[Vec<Still>; 2]>,
}

fn render(scratch: &Scratch, user: &Loomcast, family: &Family) -> Rendered {
    let mut rendered = Rendered {
        now: Vec::new(),
        off: Vec::new(),
    };
    for take in (family.make)() {
        let frames = frames(scratch, user, &take);
        let at = |frame: usize| frames[frame.min(frames.len() - 1)].clone();
        for row in &take.rows {
            let moved =
                |by: &dyn Fn(usize) -> usize| row.looks.iter().map(|look| at(by(*look))).collect();
            rendered.now.push(moved(&|look| look));
            if let Some(shift) = family.shift {
                rendered.off.push([
                    moved(&|look| look.saturating_sub(shift)),
                    moved(&|look| look + shift),
                ]);
            }
        }
    }
    rendered
}

/// What of a family does not look as stored; and rows in which another time would not be noticed.
fn faults(family: &Family, rendered: &Rendered) -> Vec<String> {
    let rows = family.rows();
    let counts: Vec<usize> = rows.iter().map(|row| row.looks.len()).collect();
    let stored = match sheet::stored(family.name, &counts) {
        Ok(stored) => stored,
        Err(why) => return vec![why],
    };
    let mut faults = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let name = format!("{}/{}", family.name, row.name);
        let pairs = rendered.now[index].iter().zip(&stored[index]);
        for ((now, stored), label) in pairs.zip(&row.labels) {
            let apart = apart(now, stored);
            if apart.is_seen() {
                faults.push(format!("{name} at {label}: {apart:?}"));
            }
        }
        if family.still.contains(&row.name.as_str()) {
            continue;
        }
        for off in rendered.off.get(index).into_iter().flatten() {
            if !measure::is_row_seen(off, &stored[index]) {
                faults.push(format!("{name} at other times looks the same"));
            }
        }
    }
    faults
}

#[test]
fn everything_looks_as_it_did_when_it_was_looked_at() {
    if !have_ffmpeg("everything_looks_as_it_did_when_it_was_looked_at") {
        return;
    }
    let scratch = Scratch::new();
    media::make(&scratch);
    let user = Loomcast::new(&scratch, "data");
    let mut all = Vec::new();
    for family in FAMILIES {
        let rendered = render(&scratch, &user, family);
        if writes() {
            sheet::keep(
                &sheet::folder().join(format!("{}.png", family.name)),
                &rendered.now,
            );
        }
        let faults = faults(family, &rendered);
        if !faults.is_empty() {
            // What it looks like now, to be looked at.
            let now = std::env::temp_dir().join(format!("loomcast-{}.png", family.name));
            sheet::keep(&now, &rendered.now);
            all.push(format!("now: {}", now.display()));
            all.extend(faults);
        }
    }
    assert!(all.is_empty(), "{all:#?}");
}

#[test]
fn the_gallery_shows_what_there_is() {
    if writes() {
        fs::create_dir_all(page_file().parent().expect("a folder")).expect("is made");
        fs::write(page_file(), page::page(FAMILIES)).expect("is written");
    }
    let kept = fs::read_to_string(page_file()).unwrap_or_default();
    assert!(
        kept == page::page(FAMILIES),
        "docs/gallery is not of this state: scripts/gallery makes it anew"
    );
    let sheets: BTreeSet<String> = FAMILIES
        .iter()
        .map(|family| format!("{}.png", family.name))
        .collect();
    let kept = files(&sheet::folder());
    let names = kept
        .iter()
        .map(|(file, _)| file.to_string_lossy().into_owned())
        .collect();
    assert_eq!(
        sheets, names,
        "there is a sheet of each family and no other"
    );
    let bytes: usize = kept.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(bytes < 3_000_000, "the sheets have {bytes} bytes");
}

#[test]
fn every_name_of_the_reference_has_a_row() {
    let rows = |family: &str| -> BTreeSet<String> {
        let family = FAMILIES.iter().find(|known| known.name == family);
        let rows = family.expect("a family").rows();
        // `slideIn, left` is a row of `slideIn`.
        let first = |name: &str| name.split(", ").next().unwrap_or_default().to_owned();
        rows.iter().map(|row| first(&row.name)).collect()
    };
    for (family, heading, head) in [
        ("transitions", "### Transitions", "name"),
        ("effects", "### Effects", "name"),
        ("filters", "### Filters", "name"),
        ("animations", "#### `animation`", "`preset`"),
        ("captions", "### `rich-caption`", "`animation.style`"),
        ("titles", "### `title`", "`style`"),
    ] {
        let rows = rows(family);
        let names = names::in_reference(heading, head);
        assert!(names.len() > 3, "{heading}: {names:?}");
        for name in names {
            assert!(rows.contains(&name), "{name} of {heading} has no row");
        }
    }
    let rows = rows("kinds");
    for kind in names::in_reference("## Assets", "`type`") {
        let is_made = [
            "text-to-image",
            "image-to-video",
            "text-to-speech",
            "prompt",
            "src",
        ];
        let is_unseen = kinds::UNSEEN.contains(&kind.as_str());
        if !is_unseen && !is_made.contains(&kind.as_str()) {
            assert!(rows.contains(&kind), "{kind} has no row");
        }
    }
}
