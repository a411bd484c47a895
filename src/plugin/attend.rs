//! A plug-in end from its first connection to its last.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::plugin::{Connection, PlugInError, Target};

/// The pause before the first try to connect again; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How a plug-in end's work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// The stream is over.
    Stream,
    /// It was to stop.
    Stopped,
}

/// How one connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// The server said that the stream is over.
    Over,
    /// The server closed it, and did not say why: it goes, or it is too slow.
    Closed {
        /// Whether anything of the stream came.
        any: bool,
    },
    /// The plug-in end was to stop.
    Stopped,
}

/// Has `serve` do the work over one connection after the other, until the stream is
/// over or `stop`. Who is not let in the first time, or does not find the server, is
/// told at once; later the server is looked for `tries` times, with growing pauses, and
/// `tell` is told of each.
pub async fn attend(
    target: &Target,
    tries: u32,
    stop: &CancellationToken,
    tell: impl Fn(&PlugInError, Duration),
    mut serve: impl AsyncFnMut(Connection) -> Result<Served, PlugInError>,
) -> Result<Over, PlugInError> {
    let mut looking = Looking::default();
    loop {
        let opened = tokio::select! {
            opened = Connection::open(target) => opened,
            () = stop.cancelled() => return Ok(Over::Stopped),
        };
        let served = match opened {
            Ok(connection) => serve(connection).await,
            Err(error) => Err(error),
        };
        let error = match looking.after(served) {
            Next::Done(done) => return done,
            Next::Again(error) => error,
        };
        let Some(pause) = looking.pause(tries) else {
            let last = Box::new(error);
            return Err(PlugInError::GivenUp { tries, last });
        };
        tell(&error, pause);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => return Ok(Over::Stopped),
        }
    }
}

/// What is done after a connection.
#[derive(Debug)]
enum Next {
    Done(Result<Over, PlugInError>),
    /// Another, because of this.
    Again(PlugInError),
}

/// How the server has been.
#[derive(Debug, Default)]
struct Looking {
    /// Something of the stream came at some time.
    begun: bool,
    /// The server could not be reached since.
    lost: bool,
    failed: u32,
}

impl Looking {
    fn after(&mut self, served: Result<Served, PlugInError>) -> Next {
        let closed = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into();
        match served {
            Ok(Served::Over) => Next::Done(Ok(Over::Stream)),
            Ok(Served::Stopped) => Next::Done(Ok(Over::Stopped)),
            Ok(Served::Closed { any: true }) => {
                *self = Self {
                    begun: true,
                    ..Self::default()
                };
                Next::Again(closed())
            }
            // Of a stream that is over there is nothing.
            Ok(Served::Closed { any: false }) if !self.lost => Next::Done(Ok(Over::Stream)),
            Ok(Served::Closed { any: false }) => Next::Again(closed()),
            Err(PlugInError::Refused(error))
                if self.begun && !self.lost && error.field == "name" =>
            {
                Next::Done(Ok(Over::Stream))
            }
            Err(error) => {
                // A connection that is lost amid the stream had begun.
                self.begun |= matches!(error, PlugInError::Io(_) | PlugInError::Deaf(_));
                self.lost |= !matches!(error, PlugInError::Refused(_));
                match self.begun && error.is_passing() {
                    true => Next::Again(error),
                    false => Next::Done(Err(error)),
                }
            }
        }
    }

    /// How long to wait before the next try; `None` after the last.
    fn pause(&mut self, tries: u32) -> Option<Duration> {
        if self.failed >= tries {
            return None;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failed.min(16));
        self.failed += 1;
        Some(pause.min(LONGEST_PAUSE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::dictionary::RequestError;

    fn refused(field: &str) -> Result<Served, PlugInError> {
        Err(PlugInError::Refused(RequestError::new(field, "no")))
    }

    fn unreachable() -> Result<Served, PlugInError> {
        Err(PlugInError::Connect {
            address: "localhost:1".into(),
            error: std::io::ErrorKind::ConnectionRefused.into(),
        })
    }

    /// How it ended with the last of these connections; `None` if it goes on.
    fn after(
        connections: impl IntoIterator<Item = Result<Served, PlugInError>>,
    ) -> Option<Result<Over, PlugInError>> {
        let mut looking = Looking::default();
        let mut last = None;
        for served in connections {
            assert!(last.is_none(), "it had ended");
            if let Next::Done(done) = looking.after(served) {
                last = Some(done);
            }
        }
        last
    }

    #[test]
    fn a_stream_is_over_when_the_server_says_so_or_knows_it_no_more() {
        let some = || Ok(Served::Closed { any: true });
        let none = || Ok(Served::Closed { any: false });
        assert!(matches!(after([Ok(Served::Over)]), Some(Ok(Over::Stream))));
        for last in [none(), refused("name")] {
            assert!(matches!(after([some(), last]), Some(Ok(Over::Stream))));
        }
        // A server that was away may not have it again yet.
        for last in [none(), refused("name"), refused("identity"), unreachable()] {
            assert!(after([some(), unreachable(), last]).is_none());
        }
        assert!(after([some(), unreachable(), some(), unreachable()]).is_none());
    }

    #[test]
    fn who_is_not_let_in_is_told_at_once() {
        for field in ["name", "authentication", "identity"] {
            let ended = after([refused(field)]);
            assert!(matches!(ended, Some(Err(PlugInError::Refused(_)))));
        }
        assert!(matches!(after([unreachable()]), Some(Err(_))));
        let ended = after([Ok(Served::Closed { any: true }), refused("authentication")]);
        assert!(matches!(ended, Some(Err(PlugInError::Refused(_)))));
    }

    #[test]
    fn pauses_grow_and_end() {
        let mut looking = Looking::default();
        let pauses = std::iter::from_fn(|| looking.pause(8)).map(|pause| pause.as_secs());
        assert_eq!(pauses.collect::<Vec<_>>(), [1, 2, 4, 8, 16, 30, 30, 30]);
    }
}
