//! The files of an Edit that are on other servers, side by side.
//!
//! It is a step of its own between reading an Edit and binding it to its files: the
//! only one that waits for others.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use crate::cache::{Account, Asker, Fetch};
use crate::delivery::PlanError;
use crate::digest::Digest;
use crate::fetch::{Came, Download, Downloads, FetchError, Freshness};
use crate::offload::{Cause, Class, Kind, Size, Tier};
use crate::template::asset::{Place, Source};
use crate::template::error::{EditError, Warning};

/// The most files of an Edit that are fetched at a time.
const AT_A_TIME: usize = 8;

/// The longest that all files of an Edit may take.
const MAX_WAIT: Duration = Duration::from_secs(900);

/// The most files of an Edit on other servers.
const MAX_REMOTE: usize = 1000;

/// Fetched files by their addresses.
pub(super) type Fetched = HashMap<String, Download>;

/// Fetches what of `sources` is on other servers and not here. The first source, in their
/// order, whose file is not to be had is named.
pub(super) fn fetch<'a>(
    (downloads, account): (&Downloads, &Account),
    sources: impl Iterator<Item = &'a Source>,
    freshness: Freshness,
    warnings: &mut Vec<Warning>,
) -> Result<Fetched, PlanError> {
    let mut distinct = BTreeMap::new();
    for (order, source) in sources.enumerate() {
        if let Place::Remote(url) = &source.place {
            distinct.entry(url).or_insert((order, source));
        }
    }
    let mut fetched = Fetched::new();
    let mut missing = Vec::new();
    for (url, (order, source)) in distinct {
        let there = (freshness == Freshness::AsSaid).then(|| downloads.fresh(url));
        match there.flatten() {
            Some(download) => {
                note(account, url.as_str(), &download);
                fetched.insert(url.to_string(), download);
            }
            None => missing.push((order, source, url)),
        }
    }
    missing.sort_by_key(|(order, ..)| *order);
    if let Some((_, source, _)) = missing.get(MAX_REMOTE) {
        let allowed = format!("at most {MAX_REMOTE} files on other servers");
        return Err(refused(source, &allowed).into());
    }
    for (source, outcome) in all(downloads, &missing, freshness) {
        let download = outcome.map_err(|error| unavailable(source, &error))?;
        warnings.extend(download.stale.as_ref().map(|message| Warning {
            pointer: source.pointer.clone(),
            message: message.clone(),
        }));
        note(account, source.name(), &download);
        fetched.insert(source.name().to_owned(), download);
    }
    Ok(fetched)
}

/// Tells the account how a file was come by. One that its server says is as it was has cost
/// that server no more than saying so: it was there.
fn note(account: &Account, name: &str, download: &Download) {
    if !account.is_on() {
        return;
    }
    let (class, key) = (Class::new(Kind::Asset, ""), Digest::of(name.as_bytes()));
    let size = Size::new(download.bytes, 0);
    let again = match download.came {
        Came::Kept | Came::Confirmed | Came::Shared => {
            return account.hit(&class, &key, size, Tier::Disk, 1);
        }
        Came::Fetched { again } => again,
    };
    if again {
        account.gone(&key, Cause::Expired);
    }
    if let Some(cause) = account.cause(&key) {
        let fetch = Fetch {
            cause,
            asker: Asker::Client,
            followers: 0,
            content: Some(&download.digest),
        };
        account.fetched(&class, &key, size, fetch);
    }
}

type Outcome<'a> = (&'a Source, Result<Download, FetchError>);

/// Asks for all of them; at the first that fails those not begun are left.
fn all<'a>(
    downloads: &Downloads,
    missing: &[(usize, &'a Source, &url::Url)],
    freshness: Freshness,
) -> Vec<Outcome<'a>> {
    let deadline = Instant::now() + MAX_WAIT;
    let next = Mutex::new(missing.iter().enumerate());
    let outcomes = Mutex::new(Vec::new());
    let work = || {
        loop {
            let taken = next.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((index, (_, source, url))) = taken else {
                break;
            };
            let outcome = downloads.get(url, freshness, deadline);
            let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
            let failed = outcome.is_err();
            outcomes.push((index, (*source, outcome)));
            if failed {
                let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
                next.by_ref().for_each(drop);
            }
        }
    };
    std::thread::scope(|scope| {
        // This thread is one of them.
        for _ in 1..missing.len().min(AT_A_TIME) {
            scope.spawn(work);
        }
        work();
    });
    let mut outcomes = outcomes
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    outcomes.sort_by_key(|(index, _)| *index);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// An error about the file that `source` names.
pub(super) fn refused(source: &Source, allowed: &str) -> EditError {
    EditError::new(
        source.pointer.clone(),
        format!("{:?}", source.name()),
        allowed,
    )
}

fn unavailable(source: &Source, error: &FetchError) -> PlanError {
    if error.is_ours() {
        PlanError::Unavailable(format!("{}: expected {error}", source.pointer))
    } else {
        refused(source, &error.to_string()).into()
    }
}
