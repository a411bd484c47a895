//! A body that is all there, in pieces: nothing is copied, and its length is known.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};

/// Pieces that are sent one after the other.
pub(super) struct Pieces {
    left: VecDeque<Bytes>,
    bytes: u64,
}

impl Pieces {
    /// The body that `pieces` make.
    pub fn body(pieces: Vec<Bytes>) -> Body {
        let bytes = pieces.iter().map(|piece| piece.len() as u64).sum();
        Body::new(Self {
            left: pieces.into(),
            bytes,
        })
    }
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.left.pop_front();
        Poll::Ready(next.map(|piece| {
            self.bytes -= piece.len() as u64;
            Ok(Frame::data(piece))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pieces_come_in_order_and_tell_what_is_left() {
        let body = Pieces::body(vec![Bytes::from("ab"), Bytes::from("cde")]);
        assert_eq!(body.size_hint().exact(), Some(5));
        let bytes = axum::body::to_bytes(body, 9).await.expect("there");
        assert_eq!(bytes, "abcde");
        assert!(Pieces::body(Vec::new()).is_end_stream());
    }
}
