//! Playlists, of videos and of live streams.
//!
//! Where the origin of a live stream has terminals wait when they join, so does the
//! edge: each of its terminals has an identifier of its own, and all that join at a time
//! share one wait upstream.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use uuid::Uuid;

use crate::edge::{
    Answer, AnswerError, Edge, Given, Kind, LivePlaylist, Met, Trail, Wanted, viewer, with_viewer,
};
use crate::http::edge::counted::Served;
use crate::http::edge::failed;
use crate::http::join::{redirect, takes_gzip};
use crate::http::live::track_named;
use crate::http::{ApiError, traffic_class};
use crate::live::join::Terminal;
use crate::live::window::Listing;

/// The folder of the playlists for legacy low-latency players.
const LEGACY_FOLDER: &str = "/lhls/";

/// `GET /v1/videos/{id}/….m3u8`
pub(super) async fn video(
    edge: &Edge,
    path: &str,
    query: &str,
    headers: &HeaderMap,
    trail: &Trail,
) -> Response {
    let wanted = Wanted::new(path, query, headers.get(header::USER_AGENT));
    match edge.answer(&wanted, trail).await {
        Ok(given) => {
            let answer = told(&given, None, headers);
            traffic_class::told(headers, &edge.traffic_of(&wanted), answer)
        }
        Err(error) => failed(Kind::Playlist, error.into()),
    }
}

/// `GET /live/{name}/….m3u8`
pub(super) async fn live(
    edge: &Edge,
    playlist: &LivePlaylist,
    path: &str,
    query: &str,
    headers: &HeaderMap,
    trail: &Trail,
) -> Response {
    let terminals = edge.terminals();
    let stream = playlist.stream.as_str();
    let id = viewer(query).filter(|id| terminals.knows(stream, *id));
    if playlist.is_index {
        let given = match edge.answer(&Wanted::index(path), trail).await {
            Ok(given) => given,
            Err(error) => return failed(Kind::Playlist, error.into()),
        };
        return match (given.answer.waits, id) {
            (false, _) => told(&given, None, headers),
            (true, Some(id)) => told(&given, Some(id), headers),
            (true, None) => match redirect("index.m3u8", query, terminals.issue(stream)) {
                Ok(answer) => served(answer, given.met),
                Err(error) => failed(Kind::Playlist, error),
            },
        };
    }
    let plain = Wanted::new(path, query, None);
    // Who names a segment has a playlist already.
    let joins =
        !plain.waits() && id.is_some_and(|id| joins(edge, playlist, path, id) == Terminal::First);
    let wanted = if joins { Wanted::join(path) } else { plain };
    match edge.answer(&wanted, trail).await {
        Ok(given) => told(&given, id, headers),
        Err(error) => failed(Kind::Playlist, error.into()),
    }
}

fn joins(edge: &Edge, playlist: &LivePlaylist, path: &str, id: Uuid) -> Terminal {
    let listing = match playlist.folder.ends_with(LEGACY_FOLDER) {
        true => Listing::Legacy,
        false => Listing::LowLatency,
    };
    let file = path.strip_prefix(playlist.folder.as_str());
    let track = file
        .and_then(|file| file.strip_suffix(".m3u8"))
        .and_then(track_named);
    match track {
        Some(track) => edge.terminals().asks(&playlist.stream, id, track, listing),
        None => Terminal::Known,
    }
}

/// An answer, as its head says that it may be kept, and how old it is. What is for one
/// terminal alone says so.
fn told(given: &Given, terminal: Option<Uuid>, headers: &HeaderMap) -> Response {
    let Given { answer, met } = given;
    let mut text = answer.text.plain();
    let gzip = takes_gzip(headers).then(|| answer.text.gzip()).flatten();
    let mut gzip = gzip.filter(|_| answer.status.is_success());
    let index = terminal.filter(|_| answer.waits);
    if let (Some(id), Ok(plain)) = (index, std::str::from_utf8(&text)) {
        text = Bytes::from(with_viewer(plain, id));
        gzip = None;
    }
    let mut response = match gzip {
        Some(gzip) => {
            let encoding = [(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))];
            (answer.status, encoding, gzip).into_response()
        }
        None => (answer.status, text).into_response(),
    };
    let head = response.headers_mut();
    for (name, value) in &answer.headers {
        head.insert(name, value.clone());
    }
    head.insert(header::AGE, HeaderValue::from(answer.age_s()));
    head.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if terminal.is_some()
        && let Some(lifetime) = private(answer)
    {
        head.insert(header::CACHE_CONTROL, lifetime);
    }
    served(response, *met)
}

fn private(answer: &Answer) -> Option<HeaderValue> {
    let said = answer.headers.get(header::CACHE_CONTROL)?.to_str().ok()?;
    HeaderValue::try_from(said.replace("public", "private")).ok()
}

fn served(mut response: Response, met: Met) -> Response {
    response.extensions_mut().insert(Served {
        kind: Kind::Playlist,
        met,
        tier: None,
        cause: None,
    });
    response
}

impl From<AnswerError> for ApiError {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::Unavailable(why) => Self::Unavailable(why.to_string()),
            AnswerError::BadGateway(why) => Self::BadGateway(why.to_string()),
        }
    }
}
