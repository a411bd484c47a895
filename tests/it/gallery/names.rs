//! The names of the language, from those who know them: the product says which it takes when
//! it is given one that it does not, and the reference lists them for readers.

use std::fs;
use std::path::Path;

use loomcast::template::edit::Edit;
use serde_json::{Value, json};

/// What an Edit of this one clip should have instead of what is wrong with it.
fn allowed(clip: &Value) -> String {
    let edit = json!({
        "timeline": { "tracks": [{ "clips": [clip] }] },
        "output": { "format": "mp4", "resolution": "preview" }
    });
    let error = Edit::read(&edit, &mut Vec::new()).expect_err("no such name");
    error.allowed
}

/// The names in a list such as `one of a, b or c`.
fn listed(list: &str) -> Vec<String> {
    let list = list.strip_prefix("one of ").unwrap_or(list);
    list.split(", ")
        .flat_map(|part| part.split(" or "))
        .map(str::to_owned)
        .collect()
}

fn of_clip(field: Value) -> String {
    let mut clip =
        json!({ "asset": { "type": "image", "src": "card.png" }, "start": 0, "length": 1 });
    let members = clip.as_object_mut().expect("an object");
    members.extend(field.as_object().expect("an object").clone());
    allowed(&clip)
}

fn of_asset(asset: Value) -> Vec<String> {
    listed(&allowed(
        &json!({ "asset": asset, "start": 0, "length": 1 }),
    ))
}

/// Names that come with speeds: each as it is, slow and fast, but for `none`.
fn with_speeds(list: &str) -> Vec<String> {
    // The sentence has few other words, and these are no names.
    let others = ["or", "one", "of", "each", "also", "with", "Slow", "Fast"];
    list.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty() && !others.contains(word))
        .flat_map(|name| match name {
            "none" => vec![name.to_owned()],
            _ => ["", "Slow", "Fast"]
                .map(|speed| format!("{name}{speed}"))
                .to_vec(),
        })
        .collect()
}

pub fn transitions() -> Vec<String> {
    with_speeds(&of_clip(json!({ "transition": { "in": "?" } })))
}

pub fn effects() -> Vec<String> {
    with_speeds(&of_clip(json!({ "effect": "?" })))
}

/// Without `none`, which stands beside the list.
pub fn filters() -> Vec<String> {
    listed(&of_clip(json!({ "filter": "?" })))
}

pub fn fits() -> Vec<String> {
    listed(&of_clip(json!({ "fit": "?" })))
}

pub fn positions() -> Vec<String> {
    listed(&of_clip(json!({ "position": "?" })))
}

pub fn interpolations() -> Vec<String> {
    listed(&of_clip(
        json!({ "scale": [{ "from": 1, "to": 2, "interpolation": "?" }] }),
    ))
}

pub fn easings() -> Vec<String> {
    listed(&of_clip(
        json!({ "scale": [{ "from": 1, "to": 2, "easing": "?" }] }),
    ))
}

/// All types of asset.
pub fn kinds() -> Vec<String> {
    of_asset(json!({ "type": "?" }))
}

pub fn shapes() -> Vec<String> {
    of_asset(json!({ "type": "shape", "shape": "?" }))
}

pub fn title_styles() -> Vec<String> {
    of_asset(json!({ "type": "title", "text": "", "style": "?" }))
}

pub fn title_sizes() -> Vec<String> {
    of_asset(json!({ "type": "title", "text": "", "size": "?" }))
}

pub fn presets() -> Vec<String> {
    of_asset(json!({ "type": "rich-text", "text": "", "animation": { "preset": "?" } }))
}

/// By what the text of a preset comes.
pub fn preset_styles(preset: &str) -> Vec<String> {
    of_asset(
        json!({ "type": "rich-text", "text": "", "animation": { "preset": preset, "style": "?" } }),
    )
}

/// The ways that the text of a preset moves.
pub fn preset_directions(preset: &str) -> Vec<String> {
    of_asset(
        json!({ "type": "rich-text", "text": "", "animation": { "preset": preset, "direction": "?" } }),
    )
}

pub fn word_styles() -> Vec<String> {
    of_asset(json!({ "type": "rich-caption", "src": "words.vtt", "animation": { "style": "?" } }))
}

pub fn word_directions() -> Vec<String> {
    of_asset(
        json!({ "type": "rich-caption", "src": "words.vtt", "animation": { "direction": "?" } }),
    )
}

/// The names in the first column of the table that has `head` as its first cell, in the
/// part of the reference below `heading`.
pub fn in_reference(heading: &str, head: &str) -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ref/template.md");
    let reference = fs::read_to_string(file).expect("it is there");
    let first = |line: &str| line.split('|').nth(1).unwrap_or_default().trim().to_owned();
    let lines: Vec<&str> = reference.lines().collect();
    let start = lines.iter().position(|line| *line == heading);
    let part = &lines[start.unwrap_or_else(|| panic!("no part is called {heading}"))..];
    let is_head = |pair: &[&str]| first(pair[0]) == head && pair[1].starts_with("|---");
    let table = part.windows(2).position(is_head);
    let table = table.unwrap_or_else(|| panic!("{heading} has no table of {head}"));
    let rows = part[table + 2..].iter();
    rows.take_while(|line| line.starts_with('|'))
        .flat_map(|line| {
            let quoted: Vec<String> = first(line)
                .split('`')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect();
            quoted
        })
        .collect()
}
