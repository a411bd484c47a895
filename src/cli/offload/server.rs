//! Asking a server that runs.

use std::time::Duration;

use anyhow::{Result, anyhow};
use clap::Args;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde_json::Value;
use url::Url;

use crate::cli::BadInput;
use crate::fetch::{Allowed, Client, FetchError, Incoming, Patience};

/// The most of an answer that says what went wrong.
const MAX_REFUSAL: u64 = 64 << 10;

/// Which server, and what it wants.
#[derive(Debug, Args)]
pub(super) struct ServerArgs {
    /// The server: a `loomcast serve` or `loomcast edge`
    #[arg(
        long = "server",
        value_name = "URL",
        env = "LOOMCAST_SERVER",
        default_value = "http://127.0.0.1:8080",
        value_parser = address
    )]
    url: Url,

    /// A key of the server, where it wants one
    #[arg(
        long,
        value_name = "KEY",
        env = "LOOMCAST_API_KEY",
        hide_env_values = true
    )]
    key: Option<String>,
}

fn address(text: &str) -> Result<Url, String> {
    let expected = || "expected http://HOST:PORT or https://HOST".to_owned();
    let url: Url = text.parse().map_err(|_| expected())?;
    match matches!(url.scheme(), "http" | "https") && url.has_host() {
        true => Ok(url),
        false => Err(expected()),
    }
}

impl ServerArgs {
    /// What the server answers at `path`, of at most `limit` bytes.
    pub fn get(&self, path: &str, limit: u64, patience: Patience) -> Result<Incoming> {
        let mut base = self.url.clone();
        base.set_query(None);
        base.set_fragment(None);
        let url = format!("{}{path}", base.as_str().trim_end_matches('/'));
        let url: Url = url.parse()?;
        let headers: Vec<_> = self
            .key
            .iter()
            .map(|key| ("x-api-key", key.clone()))
            .collect();
        let client = Client::new(anywhere().into(), patience);
        let answer = client.get(&url, &headers, limit);
        let (status, body) = answer.map_err(|error| self.failed(error))?;
        if status == 200 {
            return Ok(body);
        }
        let said = told(body).unwrap_or_else(|| format!("{path} was answered with {status}"));
        let said = format!("{}: {said}", self.url);
        Err(match status {
            400..=403 | 422 => BadInput(said).into(),
            _ => anyhow!(said),
        })
    }

    /// That an answer broke off, or never came.
    pub fn failed(&self, error: FetchError) -> anyhow::Error {
        anyhow!("{}: expected {error}", self.url)
    }
}

/// The error of a body that has one.
fn told(body: Incoming) -> Option<String> {
    let mut bytes = Vec::new();
    let read = body.read(|piece| {
        let room = (MAX_REFUSAL as usize).saturating_sub(bytes.len());
        bytes.extend(&piece[..piece.len().min(room)]);
        Ok(())
    });
    read.ok()?;
    let value: Value = serde_json::from_slice(&bytes).ok()?;
    let message = value.get("error")?.get("message")?.as_str()?;
    Some(message.to_owned())
}

/// The operator names the server: wherever it is, it is meant.
fn anywhere() -> Vec<Allowed> {
    let nets = [IpNet::V4(Ipv4Net::default()), IpNet::V6(Ipv6Net::default())];
    nets.map(Allowed::Net).into()
}

/// How long an answer may take that is there at once.
pub(super) fn at_once() -> Patience {
    Patience {
        connect: Duration::from_secs(10),
        idle: Duration::from_secs(30),
        total: Duration::from_secs(60),
    }
}
