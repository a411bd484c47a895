//! A connection of an encoder that publishes by RTMP.

use loomcast::live::flv::TagKind;
use loomcast::live::rtmp::{MAX_CHUNK_STREAMS, Publishing, RtmpError, RtmpEvent};

use super::damage::{damage, noise, pieces};
use super::memory::within;
use super::rtmp_encoder::{AUDIO, Encoder, Message, SCRIPT, VIDEO, string};
use crate::choices::Choices;

/// What is held for a byte that came: where a chunk of one byte is a message of its own,
/// its tag.
const PER_BYTE: usize = 128;

/// What is held before the first.
const AT_FIRST: usize = 64 << 10;

/// A connection of an encoder, as it should be or damaged.
pub fn run(choices: &mut Choices<'_>) {
    let made = Made::new(choices);
    if choices.often(40) {
        whole(choices, &made);
    } else {
        let mut bytes = made.bytes;
        if choices.often(10) {
            let count = choices.below(4000);
            bytes = noise(choices, count);
            bytes.splice(..0, [3]);
        }
        // The handshake is most of it, and hardly looked at.
        let behind = choices
            .often(80)
            .then(|| bytes.split_off(bytes.len().min(3073)));
        match behind {
            Some(mut behind) => {
                damage(choices, &mut behind);
                bytes.extend(behind);
            }
            None => damage(choices, &mut bytes),
        }
        broken(choices, &bytes);
    }
}

/// What an encoder sends, and what has to come of it.
struct Made {
    bytes: Vec<u8>,
    key: &'static str,
    app: &'static str,
    tags: Vec<(TagKind, u32, Vec<u8>)>,
}

impl Made {
    fn new(choices: &mut Choices<'_>) -> Self {
        let mut encoder = Encoder::new(choices);
        let key = choices.pick(&["show", "show?key=a%20key", ""]);
        let app = choices.pick(&["live", "live?key=k", "a/b"]);
        encoder.ask(choices, app, key);
        let mut ended = Vec::new();
        let mut now = choices.pick(&[0, 7, 0xff_fff0, 0xffff_ff00]);
        for number in 0..choices.below(24) {
            now = step(choices, now);
            let message = message(choices, number, now);
            if choices.often(20) {
                encoder.aside(choices);
            }
            while encoder.is_busy(message.chunk_stream) {
                ended.extend(encoder.chunk(choices));
            }
            ended.extend(encoder.begin(choices, message));
            if choices.often(50) {
                ended.extend(encoder.finish(choices));
            }
        }
        ended.extend(encoder.finish(choices));
        if choices.often(50) {
            encoder.unpublish(choices);
        }
        let tag = |message: Message| {
            let kind = TagKind::from_code(message.kind).expect("a kind");
            let set = string("@setDataFrame");
            let body = match message.body.strip_prefix(&set[..]) {
                Some(rest) if kind == TagKind::Script => rest.to_vec(),
                _ => message.body,
            };
            (kind, message.timestamp, body)
        };
        let tags = ended.into_iter().map(tag);
        Self {
            bytes: encoder.bytes,
            key,
            app,
            tags: tags.filter(|(_, _, body)| !body.is_empty()).collect(),
        }
    }
}

fn step(choices: &mut Choices<'_>, now: u32) -> u32 {
    match choices.below(12) {
        0 => now.wrapping_add(0xff_fffe + choices.below(4) as u32),
        1 => now.wrapping_sub(choices.below(50) as u32),
        2 => choices.number() as u32,
        _ => now.wrapping_add(choices.pick(&[0, 20, 21, 40])),
    }
}

fn message(choices: &mut Choices<'_>, number: usize, timestamp: u32) -> Message {
    let kind = choices.pick(&[AUDIO, AUDIO, VIDEO, VIDEO, SCRIPT]);
    let most = choices.pick(&[1, 9, 140, 5000]);
    let mut body = match kind {
        SCRIPT if choices.often(50) => string("@setDataFrame"),
        _ => Vec::new(),
    };
    if choices.often(95) {
        body.extend((number as u16).to_be_bytes());
        let count = choices.below(most);
        body.extend(noise(choices, count));
    }
    Message {
        chunk_stream: choices.pick(&[4, 5, 6, 63, 64, 319, 320, 65_599]),
        timestamp,
        kind,
        stream: 1,
        body,
    }
}

/// Each tag comes once, in the order in which its message ended.
fn whole(choices: &mut Choices<'_>, made: &Made) {
    let accepted = choices.often(90);
    let mut publishing = Publishing::new();
    let mut events = Vec::new();
    let most = AT_FIRST + PER_BYTE * made.bytes.len();
    within(most, || {
        for piece in pieces(choices, &made.bytes) {
            publishing.feed(piece).expect("RTMP");
            while let Some(event) = publishing.next_event() {
                if let RtmpEvent::Publish { .. } = event {
                    assert!(publishing.undecided());
                    match accepted {
                        true => publishing.accept().expect("RTMP"),
                        false => publishing.reject("no").expect("RTMP"),
                    }
                }
                events.push(event);
            }
            drop(publishing.take_output());
        }
        publishing.close();
        events.extend(std::iter::from_fn(|| publishing.next_event()));
    });
    assert!(publishing.ended());
    let mut events = events.into_iter();
    let Some(RtmpEvent::Publish { app, key, query }) = events.next() else {
        panic!("no request to publish");
    };
    let before = |text: &'static str| text.split('?').next().unwrap_or_default();
    assert_eq!(
        (app.as_str(), key.expose()),
        (before(made.app), before(made.key))
    );
    let expected = made.key.split_once('?').or(made.app.split_once('?'));
    let query = query.as_ref().map(|query| query.expose());
    assert_eq!(query, expected.map(|(_, query)| query));
    if !accepted {
        assert_eq!(events.next(), None);
        return;
    }
    for (kind, timestamp_ms, body) in &made.tags {
        let expected = RtmpEvent::Tag {
            kind: *kind,
            timestamp_ms: *timestamp_ms,
            body: body.clone().into(),
        };
        assert_eq!(events.next(), Some(expected));
    }
    assert_eq!(events.next(), Some(RtmpEvent::Unpublish));
    assert_eq!(events.next(), None);
}

/// Whatever comes, it is asked once, ends once, and nothing comes after that.
fn broken(choices: &mut Choices<'_>, bytes: &[u8]) {
    let mut publishing = Publishing::new();
    let mut told = Told::default();
    // Each chunk stream knows a message.
    let most = AT_FIRST + PER_BYTE * bytes.len() + MAX_CHUNK_STREAMS * 1024;
    let failed = within(most, || {
        for piece in pieces(choices, bytes) {
            let fed = publishing.feed(piece);
            let answered = told.all(&mut publishing);
            drop(publishing.take_output());
            if fed.is_err() || answered.is_err() {
                return true;
            }
        }
        false
    });
    if failed {
        assert!(publishing.ended());
        assert!(matches!(publishing.feed(&[0]), Err(RtmpError::Failed)));
    }
    publishing.close();
    told.all(&mut publishing).expect("nothing is asked");
    assert!(publishing.ended());
    assert_eq!(told.accepted, told.ended);
}

#[derive(Default)]
struct Told {
    accepted: bool,
    ended: bool,
}

impl Told {
    fn all(&mut self, publishing: &mut Publishing) -> Result<(), RtmpError> {
        while let Some(event) = publishing.next_event() {
            assert!(!self.ended, "{event:?} after the end");
            match event {
                RtmpEvent::Publish { .. } => {
                    assert!(!std::mem::replace(&mut self.accepted, true));
                    publishing.accept()?;
                }
                RtmpEvent::Tag { body, .. } => assert!(self.accepted && !body.is_empty()),
                RtmpEvent::Unpublish => self.ended = true,
            }
        }
        Ok(())
    }
}
