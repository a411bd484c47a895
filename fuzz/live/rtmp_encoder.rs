//! An encoder that speaks RTMP (Adobe RTMP 1.0), as bytes: chunks of several messages
//! among each other, headers of all types, and whatever else may stand between.

use std::collections::BTreeMap;

use crate::choices::Choices;

/// Types of messages.
const SET_CHUNK_SIZE: u8 = 1;
const ACKNOWLEDGEMENT: u8 = 3;
const USER_CONTROL: u8 = 4;
const WINDOW_SIZE: u8 = 5;
pub const AUDIO: u8 = 8;
pub const VIDEO: u8 = 9;
pub const SCRIPT: u8 = 18;
const COMMAND: u8 = 20;

/// A field of 24 bits that stands in another of 32.
const EXTENDED: u32 = 0xff_ffff;

/// What is sent on one chunk stream.
#[derive(Clone, Debug)]
pub struct Message {
    pub chunk_stream: u32,
    pub timestamp: u32,
    pub kind: u8,
    pub stream: u32,
    pub body: Vec<u8>,
}

/// What the other side knows of a chunk stream.
#[derive(Clone, Copy)]
struct Known {
    timestamp: u32,
    /// Of the last header that had one.
    delta: Option<u32>,
    length: usize,
    kind: u8,
    stream: u32,
}

/// A message that has begun.
struct Begun {
    message: Message,
    sent: usize,
    /// What chunks that go on repeat.
    extended: Option<u32>,
}

/// What was sent so far.
pub struct Encoder {
    pub bytes: Vec<u8>,
    chunk_size: usize,
    known: BTreeMap<u32, Known>,
    begun: Vec<Begun>,
}

impl Encoder {
    /// An encoder that has shaken hands.
    pub fn new(choices: &mut Choices<'_>) -> Self {
        let mut bytes = vec![3];
        bytes.extend((0..2 * 1536).map(|_| choices.number() as u8));
        Self {
            bytes,
            chunk_size: 128,
            known: BTreeMap::new(),
            begun: Vec::new(),
        }
    }

    /// Connects to `app` and asks to publish `key`.
    pub fn ask(&mut self, choices: &mut Choices<'_>, app: &str, key: &str) {
        let connect = [
            string("connect"),
            number(1.0),
            vec![3],
            name("app"),
            string(app),
            OBJECT_END.into(),
        ];
        self.command(choices, 0, &connect.concat());
        for (call, at) in [("releaseStream", 2.0), ("FCPublish", 3.0)] {
            if choices.often(70) {
                let body = [string(call), number(at), vec![5], string(key)].concat();
                self.command(choices, 0, &body);
            }
        }
        self.command(
            choices,
            0,
            &[string("createStream"), number(4.0), vec![5]].concat(),
        );
        let publish = [
            string("publish"),
            number(5.0),
            vec![5],
            string(key),
            string("live"),
        ];
        self.command(choices, 1, &publish.concat());
    }

    /// Says that the stream ends.
    pub fn unpublish(&mut self, choices: &mut Choices<'_>) {
        let body = [string("deleteStream"), number(7.0), vec![5], number(1.0)].concat();
        self.command(choices, 0, &body);
    }

    fn command(&mut self, choices: &mut Choices<'_>, stream: u32, body: &[u8]) {
        self.begin(
            choices,
            Message {
                chunk_stream: 3,
                timestamp: 0,
                kind: COMMAND,
                stream,
                body: body.to_vec(),
            },
        );
        self.finish(choices);
    }

    /// Something that is about the connection: it may stand between all chunks.
    pub fn aside(&mut self, choices: &mut Choices<'_>) {
        let size = 1 + choices.below(3000) as u32;
        let (kind, body) = match choices.below(4) {
            0 => (SET_CHUNK_SIZE, size.to_be_bytes().to_vec()),
            1 => (
                ACKNOWLEDGEMENT,
                (choices.number() as u32).to_be_bytes().to_vec(),
            ),
            2 => (
                WINDOW_SIZE,
                (choices.below(1 << 20) as u32).to_be_bytes().to_vec(),
            ),
            // SetBufferLength
            _ => (USER_CONTROL, vec![0, 3, 0, 0, 0, 1, 0, 0, 1, 0]),
        };
        if self
            .begun
            .iter()
            .any(|begun| begun.message.chunk_stream == 2)
        {
            return;
        }
        self.begin(
            choices,
            Message {
                chunk_stream: 2,
                timestamp: 0,
                kind,
                stream: 0,
                body,
            },
        );
        while self
            .begun
            .iter()
            .any(|begun| begun.message.chunk_stream == 2)
        {
            let index = self.begun.len() - 1;
            self.go_on(index);
        }
        if kind == SET_CHUNK_SIZE {
            self.chunk_size = size as usize;
        }
    }

    /// Whether a message is on its way on `chunk_stream`.
    pub fn is_busy(&self, chunk_stream: u32) -> bool {
        let mut begun = self.begun.iter();
        begun.any(|begun| begun.message.chunk_stream == chunk_stream)
    }

    /// Sends a chunk of one of the messages that have begun; gives it, if it was the last.
    pub fn chunk(&mut self, choices: &mut Choices<'_>) -> Option<Message> {
        if self.begun.is_empty() {
            return None;
        }
        let index = choices.below(self.begun.len());
        self.go_on(index)
    }

    /// Sends the rest of all messages; gives them in the order in which they ended.
    pub fn finish(&mut self, choices: &mut Choices<'_>) -> Vec<Message> {
        let mut ended = Vec::new();
        while !self.begun.is_empty() {
            ended.extend(self.chunk(choices));
        }
        ended
    }

    /// Sends the head of a message, and its first chunk; gives it, if that is all of it.
    pub fn begin(&mut self, choices: &mut Choices<'_>, message: Message) -> Option<Message> {
        let known = self.known.get(&message.chunk_stream).copied();
        // Only how much later it is can be said of one that is later, and little enough for
        // all to agree on it.
        let later = known.filter(|known| known.stream == message.stream);
        let delta = later.map(|known| message.timestamp.wrapping_sub(known.timestamp));
        let delta = delta.filter(|delta| *delta < 1 << 31 && choices.often(80));
        let alike = later
            .is_some_and(|known| (known.length, known.kind) == (message.body.len(), message.kind));
        let again = later.is_some_and(|known| known.delta.is_some() && known.delta == delta);
        let kind = match delta {
            None => 0,
            Some(_) if alike && again && choices.often(50) => 3,
            Some(_) if alike && choices.often(70) => 2,
            Some(_) => 1,
        };
        let said = delta.unwrap_or(message.timestamp);
        let extended = (said >= EXTENDED).then_some(said);
        self.basic(kind, message.chunk_stream);
        if kind < 3 {
            self.bytes.extend(&said.min(EXTENDED).to_be_bytes()[1..]);
        }
        if kind < 2 {
            self.bytes
                .extend(&(message.body.len() as u32).to_be_bytes()[1..]);
            self.bytes.push(message.kind);
        }
        if kind == 0 {
            self.bytes.extend(message.stream.to_le_bytes());
        }
        self.bytes
            .extend(extended.map(u32::to_be_bytes).into_iter().flatten());
        self.known.insert(
            message.chunk_stream,
            Known {
                timestamp: message.timestamp,
                delta,
                length: message.body.len(),
                kind: message.kind,
                stream: message.stream,
            },
        );
        let begun = Begun {
            message,
            sent: 0,
            extended,
        };
        self.begun.push(begun);
        self.piece(self.begun.len() - 1)
    }

    /// The next chunk of a message that goes on.
    fn go_on(&mut self, index: usize) -> Option<Message> {
        let begun = &self.begun[index];
        let (chunk_stream, extended) = (begun.message.chunk_stream, begun.extended);
        self.basic(3, chunk_stream);
        self.bytes
            .extend(extended.map(u32::to_be_bytes).into_iter().flatten());
        self.piece(index)
    }

    fn piece(&mut self, index: usize) -> Option<Message> {
        let begun = &mut self.begun[index];
        let rest = &begun.message.body[begun.sent..];
        let piece = &rest[..rest.len().min(self.chunk_size)];
        self.bytes.extend(piece);
        begun.sent += piece.len();
        let ended = begun.sent == begun.message.body.len();
        ended.then(|| self.begun.remove(index).message)
    }

    /// The type of a header, and the number of its chunk stream in the shortest form.
    fn basic(&mut self, kind: u8, chunk_stream: u32) {
        let kind = kind << 6;
        match chunk_stream {
            2..64 => self.bytes.push(kind | chunk_stream as u8),
            64..320 => self.bytes.extend([kind, (chunk_stream - 64) as u8]),
            _ => {
                let [low, high, ..] = (chunk_stream - 64).to_le_bytes();
                self.bytes.extend([kind | 1, low, high]);
            }
        }
    }
}

const OBJECT_END: [u8; 3] = [0, 0, 9];

/// Values of AMF0.
fn name(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes(), text.as_bytes()].concat()
}

pub fn string(text: &str) -> Vec<u8> {
    [vec![2], name(text)].concat()
}

fn number(value: f64) -> Vec<u8> {
    [&[0][..], &value.to_be_bytes()].concat()
}
