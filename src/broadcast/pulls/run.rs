//! One pull, from the first who wants it until nobody does.

use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::broadcast::connections::Door;
use crate::broadcast::hub::Origin;
use crate::broadcast::intake::{Format, Intake};
use crate::broadcast::publisher::{Leaving, STALL};
use crate::broadcast::pulls::{Phase, Pulled, Pulls};
use crate::live::source::SourceUrl;

/// What is read at a time, in bytes.
const READ_BYTES: usize = 64 << 10;

/// How often it is looked whether somebody still wants a stream.
const LOOK: Duration = Duration::from_secs(1);

/// Pauses before a source that broke off is asked again, while somebody wants it.
const PAUSES_S: [u64; 5] = [1, 2, 4, 8, 15];

/// How an attempt ended.
enum Attempt {
    /// Nobody wants it, or nobody may have it.
    Done,
    /// It broke off, after it had come.
    Broke(String),
    /// It did not come at all.
    Failed(String),
}

pub(super) async fn run(pulls: Pulls, name: String, url: SourceUrl, stop: CancellationToken) {
    // One that has never come is not waited for.
    let mut pauses = [].iter();
    loop {
        tracing::info!(stream = name, source = %url, "a stream is pulled");
        let attempt = tokio::select! {
            attempt = attempt(&pulls, &name, &url, &stop) => attempt,
            () = stop.cancelled() => Attempt::Done,
        };
        let (error, pause) = match attempt {
            Attempt::Done => break,
            // It was there: it may be again at once, or soon.
            Attempt::Broke(error) => {
                pauses = PAUSES_S.iter();
                (error, pauses.next())
            }
            Attempt::Failed(error) => (error, pauses.next()),
        };
        tracing::warn!(stream = name, source = %url, error, "a pull failed");
        let Some(pause) = pause else {
            fail(&pulls, &name, error);
            return;
        };
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(*pause)) => {}
            () = stop.cancelled() => break,
        }
        if unwanted(&pulls, &name) {
            break;
        }
    }
    tracing::info!(stream = name, "a stream is no more pulled");
    // Only its own: it may have been replaced.
    if !stop.is_cancelled() {
        pulls.state().pulls.remove(&name);
    }
    pulls.tell();
}

/// Whoever waits is told, and nobody asks the source for a while.
fn fail(pulls: &Pulls, name: &str, error: String) {
    let until = Instant::now() + pulls.0.config.rest;
    if let Some(pull) = pulls.state().pulls.get_mut(name) {
        pull.phase = Phase::Failed { until, error };
    }
    pulls.tell();
}

/// Whether nobody watches, nor has lately wanted to.
fn unwanted(pulls: &Pulls, name: &str) -> bool {
    let stream = pulls.0.hub.stream(name);
    let pushed = stream.map_or(0, |stream| stream.audience().report().there.iter().sum());
    let mut state = pulls.state();
    let Some(pull) = state.pulls.get_mut(name) else {
        return true;
    };
    if pushed > 0 {
        pull.wanted = Instant::now();
    }
    pull.wanted.elapsed() > pulls.0.config.linger
}

async fn attempt(pulls: &Pulls, name: &str, url: &SourceUrl, stop: &CancellationToken) -> Attempt {
    let Pulled { mut bytes, ended } = match (pulls.0.opener)(url) {
        Ok(pulled) => pulled,
        Err(error) => return Attempt::Failed(error.to_string()),
    };
    let origin = Origin {
        address: Some(url.to_string()),
        ..Origin::live(Door::Pull, None)
    };
    let mut buffer = vec![0; READ_BYTES];
    let mut intake: Option<Intake> = None;
    let silence = pulls.0.config.silence;
    let mut heard = Instant::now();
    let outcome = loop {
        let read = tokio::select! {
            read = timeout(LOOK, bytes.read(&mut buffer)) => read,
            () = stop.cancelled() => break Attempt::Done,
        };
        if unwanted(pulls, name) {
            break Attempt::Done;
        }
        let count = match read {
            Err(_) if heard.elapsed() < silence => {
                if let Some(intake) = &mut intake
                    && heard.elapsed() >= STALL
                    && let Err(error) = intake.stalled().await
                {
                    break Attempt::Broke(error.to_string());
                }
                continue;
            }
            Err(_) => {
                break failed(
                    &intake,
                    format!("it sent nothing for {} s", silence.as_secs()),
                );
            }
            Ok(Err(error)) => break failed(&intake, error.to_string()),
            Ok(Ok(count)) => count,
        };
        heard = Instant::now();
        if count == 0 {
            let why = match ended.await {
                Ok(Ok(())) => "it ended".to_owned(),
                Ok(Err(error)) => error,
                Err(_) => "its reader died".to_owned(),
            };
            break failed(&intake, why);
        }
        // The stream is on the air when its source is: not before.
        let intake = match &mut intake {
            Some(intake) => intake,
            none => match pulls.0.hub.publish(name, &origin) {
                Ok(publisher) => {
                    pulls.tell();
                    none.insert(Intake::new(publisher, Format::MpegTs))
                }
                Err(error) => break Attempt::Failed(error.to_string()),
            },
        };
        if let Err(error) = intake.take(&buffer[..count]).await {
            break Attempt::Broke(error.to_string());
        }
    };
    if let Some(intake) = intake {
        let leaving = match outcome {
            Attempt::Done => Leaving::Orderly,
            // It is asked again.
            Attempt::Broke(_) | Attempt::Failed(_) => Leaving::Lost,
        };
        pulls.0.hub.farewell(intake.end().await, leaving).await;
    }
    outcome
}

const fn failed(intake: &Option<Intake>, error: String) -> Attempt {
    match intake {
        Some(_) => Attempt::Broke(error),
        None => Attempt::Failed(error),
    }
}
