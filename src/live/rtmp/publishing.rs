//! One connection of an encoder.
//!
//! The session below answers a request to publish at once, with yes. So that
//! it is not its answer that the encoder gets, it is given one byte at a time
//! until the request has come: what it then answers, it answers to this one
//! message, and can be left out.

use std::collections::VecDeque;
use std::fmt;

use bytes::{Bytes, BytesMut};
use rtmp_runtime::amf0::{Amf0Value, Command};
use rtmp_runtime::chunk::{ChunkWriter, Message};
use rtmp_runtime::message::{UserControl, msg_type};
use rtmp_runtime::server::{ServerConfig, ServerEvent, ServerSession};

use super::{
    MAX_BUFFERED_BYTES, MAX_BYTES_BEFORE_PUBLISH, MAX_REASON_BYTES, MAX_UNDECIDED_BYTES, RtmpError,
    RtmpEvent, Secret,
};
use crate::live::flv::TagKind;

/// Bytes that the session is given at once. It moves what follows a message to
/// the front, message by message: of many small ones in one piece it would move
/// most of the piece each time.
const PIECE: usize = 4 << 10;

/// The chunk size of what is answered, as the session announces it.
const CHUNK_SIZE: u32 = 4096;

/// The chunk stream that commands are answered on.
const COMMAND_CHUNK_STREAM: u32 = 3;

/// What encoders put in front of `onMetaData`, in AMF0, to have it kept for
/// those who come later. Not part of the tag.
const SET_DATA_FRAME: &[u8] = b"\x02\x00\x0d@setDataFrame";

/// One connection of an encoder that publishes. See the [module](super).
pub struct Publishing {
    session: ServerSession,
    phase: Phase,
    /// How many bytes came before the request.
    asked: usize,
    /// What came between request and answer.
    held: BytesMut,
    /// Whether the session has written its FLV header, in front of the first tag.
    begun: bool,
    output: BytesMut,
    events: VecDeque<RtmpEvent>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Shaking hands, or between that and the request.
    Asking,
    /// The request has come, for this message stream.
    Undecided { stream: u32 },
    /// Accepted.
    Live,
    /// Rejected, unpublished or gone.
    Ended,
    /// What came could not be understood, or was too much.
    Failed,
}

impl Publishing {
    /// A connection that nothing has come from.
    pub fn new() -> Self {
        let config = ServerConfig::default()
            .with_chunk_size(CHUNK_SIZE)
            .with_max_in_progress_bytes(MAX_BUFFERED_BYTES);
        Self {
            session: ServerSession::new(config),
            phase: Phase::Asking,
            asked: 0,
            held: BytesMut::new(),
            begun: false,
            output: BytesMut::new(),
            events: VecDeque::new(),
        }
    }

    /// Takes what came from the peer. After an error, what is in
    /// [`take_output`](Self::take_output) and [`next_event`](Self::next_event)
    /// is the last. What comes after the end is ignored.
    ///
    /// All events of `bytes` are kept until they are taken, and small messages
    /// make many: a read should be some 64 KiB at most.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), RtmpError> {
        let fed = self.fed(bytes);
        if fed.is_err() {
            self.end(Phase::Failed);
        }
        fed
    }

    /// What is to be sent to the peer; empty if there is nothing.
    pub fn take_output(&mut self) -> Bytes {
        self.output.split().freeze()
    }

    /// What the peer wants or brings, in order.
    pub fn next_event(&mut self) -> Option<RtmpEvent> {
        self.events.pop_front()
    }

    /// Whether a request waits for its answer: until then, there is no use in reading.
    pub fn undecided(&self) -> bool {
        matches!(self.phase, Phase::Undecided { .. })
    }

    /// Whether nothing more will come of this connection: once the output is
    /// sent, it can be closed. Better not at once: encoders say twice that they
    /// end, and a socket closed with bytes unread is reset, which they report
    /// as an error, and by which a rejection can be lost. To read on for a
    /// moment, to where the peer closes, avoids it.
    pub fn ended(&self) -> bool {
        matches!(self.phase, Phase::Ended | Phase::Failed)
    }

    /// Lets the encoder publish. What has already come from it is taken now,
    /// and may be as wrong as in [`feed`](Self::feed).
    pub fn accept(&mut self) -> Result<(), RtmpError> {
        let Phase::Undecided { stream } = self.phase else {
            return Err(RtmpError::NotAsked);
        };
        self.send(&UserControl::StreamBegin(stream).to_message())?;
        self.send_status(
            stream,
            "status",
            "NetStream.Publish.Start",
            "The stream is published.",
        )?;
        self.phase = Phase::Live;
        let held = self.held.split();
        self.feed(&held)
    }

    /// Sends the encoder away. It is told `reason`, and may show it to who runs it.
    pub fn reject(&mut self, reason: &str) -> Result<(), RtmpError> {
        let Phase::Undecided { stream } = self.phase else {
            return Err(RtmpError::NotAsked);
        };
        let reason = &reason[..reason.floor_char_boundary(MAX_REASON_BYTES)];
        // Not `Denied`, which would be the better word: encoders know this one,
        // and ask for another key instead of trying again.
        let sent = self.send_status(stream, "error", "NetStream.Publish.BadName", reason);
        self.end(Phase::Ended);
        sent
    }

    /// The peer is gone. What was accepted and not yet ended ends.
    pub fn close(&mut self) {
        if self.phase != Phase::Failed {
            self.end(Phase::Ended);
        }
    }

    fn fed(&mut self, mut bytes: &[u8]) -> Result<(), RtmpError> {
        while !bytes.is_empty() {
            match self.phase {
                Phase::Asking => {
                    self.ask(&bytes[..1])?;
                    bytes = &bytes[1..];
                }
                Phase::Undecided { .. } => return self.hold(bytes),
                Phase::Live => {
                    let (piece, rest) = bytes.split_at(bytes.len().min(PIECE));
                    self.publish(piece)?;
                    bytes = rest;
                }
                Phase::Ended => return Ok(()),
                Phase::Failed => return Err(RtmpError::Failed),
            }
        }
        Ok(())
    }

    /// The next byte before the request, in which one message at most ends.
    fn ask(&mut self, byte: &[u8]) -> Result<(), RtmpError> {
        self.asked += byte.len();
        if self.asked > MAX_BYTES_BEFORE_PUBLISH {
            return Err(RtmpError::NoPublish {
                bytes: self.asked,
                max: MAX_BYTES_BEFORE_PUBLISH,
            });
        }
        let (answer, events) = self.session.handle_data(byte)?;
        for event in events {
            match event {
                ServerEvent::Publish {
                    app,
                    stream_key,
                    stream_id,
                } => {
                    self.phase = Phase::Undecided { stream: stream_id };
                    self.events.push_back(request(&app, &stream_key));
                    return Ok(());
                }
                ServerEvent::Eof => self.end(Phase::Ended),
                _ => {}
            }
        }
        self.output.extend_from_slice(&answer);
        Ok(())
    }

    fn hold(&mut self, bytes: &[u8]) -> Result<(), RtmpError> {
        let held = self.held.len() + bytes.len();
        if held > MAX_UNDECIDED_BYTES {
            return Err(RtmpError::Impatient {
                bytes: held,
                max: MAX_UNDECIDED_BYTES,
            });
        }
        self.held.extend_from_slice(bytes);
        Ok(())
    }

    /// What comes from an encoder that was accepted.
    fn publish(&mut self, piece: &[u8]) -> Result<(), RtmpError> {
        let (answer, events) = self.session.handle_data(piece)?;
        for event in events {
            match event {
                ServerEvent::Media { flv } => self.tag(flv.into()),
                ServerEvent::Eof => self.end(Phase::Ended),
                // The session would take a second connect and publish, with
                // another key, and go on with the media.
                ServerEvent::Connected { .. } | ServerEvent::Publish { .. } => {
                    return Err(RtmpError::Again);
                }
                // Data in AMF3, shared objects.
                _ => {}
            }
        }
        self.output.extend_from_slice(&answer);
        Ok(())
    }

    /// A tag as the session frames it: the kind, three bytes of length, three
    /// and one of time, three of zero, the body, and four of length.
    fn tag(&mut self, mut flv: Bytes) {
        const FRAMING: usize = 11;
        if !std::mem::replace(&mut self.begun, true) {
            flv = flv.slice(crate::live::flv::FILE_HEADER_LEN.min(flv.len())..);
        }
        let Some((&[kind, _, _, _, t1, t2, t3, t0], _)) = flv.split_first_chunk::<8>() else {
            return;
        };
        let end = flv.len().saturating_sub(4);
        // An aggregate can hold what is no tag.
        let Some(kind) = TagKind::from_code(kind) else {
            return;
        };
        let mut body = flv.slice(FRAMING.min(end)..end);
        if kind == TagKind::Script && body.starts_with(SET_DATA_FRAME) {
            body = body.slice(SET_DATA_FRAME.len()..);
        }
        if !body.is_empty() {
            self.events.push_back(RtmpEvent::Tag {
                kind,
                timestamp_ms: u32::from_be_bytes([t0, t1, t2, t3]),
                body,
            });
        }
    }

    fn end(&mut self, phase: Phase) {
        if self.phase == Phase::Live {
            self.events.push_back(RtmpEvent::Unpublish);
        }
        self.phase = phase;
        self.held = BytesMut::new();
    }

    fn send_status(
        &mut self,
        stream: u32,
        level: &str,
        code: &str,
        description: &str,
    ) -> Result<(), RtmpError> {
        let text = |name: &str, value: &str| (name.to_owned(), Amf0Value::String(value.to_owned()));
        let status = Command {
            name: "onStatus".to_owned(),
            transaction_id: 0.0,
            arguments: vec![
                Amf0Value::Null,
                Amf0Value::Object(vec![
                    text("level", level),
                    text("code", code),
                    text("description", description),
                ]),
            ],
        };
        self.send(&Message {
            chunk_stream_id: COMMAND_CHUNK_STREAM,
            timestamp: 0,
            message_type_id: msg_type::COMMAND_AMF0,
            message_stream_id: stream,
            payload: status.to_body()?,
        })
    }

    fn send(&mut self, message: &Message) -> Result<(), RtmpError> {
        // It writes every message by itself, so a second one beside the session's does no harm.
        let mut writer = ChunkWriter::new();
        writer.set_chunk_size(CHUNK_SIZE);
        self.output.extend_from_slice(&writer.write(message)?);
        Ok(())
    }
}

impl Default for Publishing {
    fn default() -> Self {
        Self::new()
    }
}

/// Without the session, whose buffers hold the stream key.
impl fmt::Debug for Publishing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Publishing")
            .field("phase", &self.phase)
            .field("held", &self.held.len())
            .field("output", &self.output.len())
            .field("events", &self.events.len())
            .finish_non_exhaustive()
    }
}

/// Encoders have no field for a query: it is written behind the key, or, with a
/// key of its own field, behind the address and so in the application.
fn request(app: &str, key: &str) -> RtmpEvent {
    let split = |text: &str| match text.split_once('?') {
        Some((before, query)) => (before.to_owned(), Some(Secret::new(query.to_owned()))),
        None => (text.to_owned(), None),
    };
    let (app, of_app) = split(app);
    let (key, of_key) = split(key);
    RtmpEvent::Publish {
        app,
        key: Secret::new(key),
        query: of_key.or(of_app),
    }
}
