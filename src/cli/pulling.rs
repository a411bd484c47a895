//! How the server opens stream sources: FFmpeg, in a thread for each, after a look at
//! where they are.

use std::net::ToSocketAddrs as _;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::net::unix::pipe;
use tokio::sync::oneshot;

use crate::broadcast::pulls::{Opener, Pulled};
use crate::fetch::{Allowed, special};
use crate::live::source::SourceUrl;
use crate::media::pull::pull;

/// Opens sources at public addresses, and at those that are `allowed`.
pub(super) fn opener(allowed: Arc<[Allowed]>) -> Opener {
    Arc::new(move |url| {
        let (sender, bytes) = pipe::pipe()?;
        let pipe = sender.into_blocking_fd()?;
        let (tell, ended) = oneshot::channel();
        let (url, allowed) = (url.clone(), Arc::clone(&allowed));
        std::thread::Builder::new()
            .name("pull".into())
            .spawn(move || {
                let outcome = run(&url, &allowed, &pipe);
                // Before the pipe closes, so that whoever reads its end finds it.
                drop(tell.send(outcome));
                drop(pipe);
            })?;
        Ok(Pulled { bytes, ended })
    })
}

fn run(url: &SourceUrl, allowed: &[Allowed], pipe: &OwnedFd) -> Result<(), String> {
    reachable(url, allowed)?;
    pull(url.expose(), pipe).map_err(|error| error.to_string())
}

/// Whether a source may be asked at all. FFmpeg looks its host up again: who runs a
/// name server can lie the second time, and a key is needed to name a source.
fn reachable(url: &SourceUrl, allowed: &[Allowed]) -> Result<(), String> {
    let (host, port) = (url.host(), url.port().unwrap_or(0));
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let addresses = (bare, port)
        .to_socket_addrs()
        .map_err(|error| format!("its host is not known: {error}"))?;
    for address in addresses {
        let address = address.ip();
        if let Some(what) = special(address)
            && !allowed.iter().any(|allowed| allowed.holds(bare, address))
        {
            return Err(format!(
                "its host is at a {what} address: expected a public one, or --allow-host"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_at_private_addresses_are_pulled_only_where_that_is_allowed() {
        let url: SourceUrl = "rtmp://127.0.0.1/live/show".parse().expect("an address");
        let refused = reachable(&url, &[]).expect_err("refused");
        assert!(refused.contains("--allow-host"), "{refused}");
        let allowed = ["127.0.0.1".parse().expect("one")];
        assert_eq!(reachable(&url, &allowed), Ok(()));
        let url: SourceUrl = "rtsp://[::1]:8554/show".parse().expect("an address");
        assert!(reachable(&url, &[]).is_err());
    }
}
