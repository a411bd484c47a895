//! The cache dictionary: its first line, and what it answers.

use loomcast::live::dictionary::{
    Answer, FirstLine, MAX_LINE_BYTES, MAX_TEXT_BYTES, Request, RequestError, Role, StreamType,
};
use loomcast::live::rtmp::Secret;
use serde_json::{Map, Value, json};

use super::damage::{damage, noise, pieces};
use super::memory::within;
use crate::choices::Choices;

/// What a line may hold at a time: itself, the values that are read of it, an error that
/// tells of them, and what came behind it.
const MOST: usize = 16 * MAX_LINE_BYTES;

const FIELDS: [&str; 7] = [
    "role",
    "identity",
    "type",
    "name",
    "address",
    "authentication",
    "nmae",
];

/// A request that is as it should be, one that is not quite, or noise.
pub fn run(choices: &mut Choices<'_>) {
    match choices.below(3) {
        0 => whole(choices),
        1 => {
            let mut line = odd(choices).to_string().into_bytes();
            if choices.often(30) {
                damage(choices, &mut line);
            }
            broken(choices, line);
        }
        _ => {
            let count = choices.below(2 * MAX_LINE_BYTES);
            let line = noise(choices, count);
            broken(choices, line);
        }
    }
}

/// What is written is read, however it comes, and what follows is not taken for it.
fn whole(choices: &mut Choices<'_>) {
    let request = request(choices);
    let count = choices.below(300);
    let media = noise(choices, count);
    let line = request.to_line();
    let bytes = [line.as_bytes(), &media].concat();
    let mut reader = FirstLine::default();
    let mut found: Option<(Request, Vec<u8>)> = None;
    for piece in pieces(choices, &bytes) {
        match &mut found {
            Some((_, behind)) => behind.extend(piece),
            None => {
                let fed = within(MOST, || reader.feed(piece)).expect("a request");
                found = fed.map(|(request, behind)| (request, behind.to_vec()));
            }
        }
    }
    assert_eq!(found, Some((request, media)), "{line}");
}

/// What is no request is answered in one line that names a field.
fn broken(choices: &mut Choices<'_>, mut line: Vec<u8>) {
    if choices.often(70) {
        line.push(b'\n');
    }
    let mut reader = FirstLine::default();
    for piece in pieces(choices, &line) {
        match within(MOST, || reader.feed(piece)) {
            Ok(None) => {}
            Ok(Some((request, _))) => return taken(&request),
            Err(error) => return refused(error),
        }
    }
    refused(reader.ended());
}

fn taken(request: &Request) {
    let texts = [&request.identity, &request.address];
    let texts = texts.into_iter().flatten().chain([&request.name]);
    assert!(texts.into_iter().all(|text| text.len() <= MAX_TEXT_BYTES));
    let again = Request::parse(request.to_line().as_bytes());
    assert_eq!(again.as_ref(), Ok(request));
}

fn refused(error: RequestError) {
    assert!(!error.field.is_empty() && !error.message.is_empty());
    let line = Answer::refused(error).to_line();
    assert_eq!(line.matches('\n').count(), 1);
    assert!(line.ends_with('\n'));
    let answer: Answer = serde_json::from_str(&line).expect("JSON");
    assert!(matches!(answer, Answer::Refused { ok: false, .. }));
}

fn text(choices: &mut Choices<'_>) -> String {
    let letters = [
        'a',
        'Z',
        '0',
        '-',
        '_',
        ' ',
        '"',
        '\\',
        '\n',
        '\u{0}',
        'ä',
        '\u{1f3ac}',
    ];
    let most = choices.pick(&[1, 8, MAX_TEXT_BYTES / 8]);
    (0..choices.below(most + 1))
        .map(|_| choices.pick(&letters))
        .collect()
}

fn request(choices: &mut Choices<'_>) -> Request {
    let some = |choices: &mut Choices<'_>| choices.often(60).then(|| text(choices));
    let role = choices.pick(&[Role::Pushing, Role::PlugIn, Role::Subscription]);
    let stream_type = choices
        .often(50)
        .then(|| choices.pick(&[StreamType::Live, StreamType::Replay]));
    Request {
        role,
        identity: some(choices),
        stream_type,
        name: text(choices),
        // A plug-in has no address.
        address: some(choices).filter(|_| role != Role::PlugIn),
        authentication: some(choices).map(Secret::new),
    }
}

/// Fields of all types, some twice, some unknown, some missing.
fn odd(choices: &mut Choices<'_>) -> Value {
    if choices.often(10) {
        return value(choices, 200);
    }
    let mut object = Map::new();
    for field in FIELDS {
        let likely = if field == "nmae" { 5 } else { 70 };
        if choices.often(likely) {
            let value = match (choices.often(70), field) {
                (true, "role") => json!(choices.pick(&["pushing", "plug-in", "subscription"])),
                (true, "type") => json!(choices.pick(&["live", "replay"])),
                (true, _) => json!(text(choices)),
                _ => value(choices, 3),
            };
            object.insert(field.into(), value);
        }
    }
    Value::Object(object)
}

fn value(choices: &mut Choices<'_>, deep: usize) -> Value {
    match choices.below(if deep > 0 { 9 } else { 6 }) {
        0 => Value::Null,
        1 => json!(choices.often(50)),
        2 => json!(choices.number()),
        3 => json!(-1.5e300),
        4 => json!(text(choices)),
        5 => json!("x".repeat(choices.below(2 * MAX_LINE_BYTES))),
        6 => json!({"a": value(choices, deep - 1)}),
        _ => json!([value(choices, deep - 1)]),
    }
}
