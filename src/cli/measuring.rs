//! Options of what is measured of the caches, and whom it is told.

use anyhow::Result;
use clap::Args;
use http::HeaderValue;
use tokio::task::JoinHandle;

use crate::cache::Account;
use crate::cli::BadInput;
use crate::edge::{Client, Telling, Upstream};
use crate::http::check_name;

#[derive(Debug, Args)]
pub(super) struct MeasuringArgs {
    /// What this node is called in reports on several [default: origin or edge]
    #[arg(
        long,
        value_name = "NAME",
        env = "LOOMCAST_NODE_NAME",
        value_parser = name
    )]
    node_name: Option<String>,

    /// Tell this server, as http://origin:8080, every 15 seconds what was counted here; it puts
    /// the figures of all that do so together
    #[arg(
        long,
        value_name = "URL",
        env = "LOOMCAST_OFFLOAD_PUSH",
        value_parser = upstream,
        requires = "node_name",
        conflicts_with = "no_offload"
    )]
    offload_push: Option<String>,

    /// A key of that server, where it wants one
    #[arg(
        long,
        value_name = "KEY",
        env = "LOOMCAST_OFFLOAD_PUSH_KEY",
        hide_env_values = true,
        value_parser = key
    )]
    offload_push_key: Option<HeaderValue>,

    /// Measure nothing of what the cache saves
    #[arg(long, env = "LOOMCAST_NO_OFFLOAD")]
    no_offload: bool,
}

impl MeasuringArgs {
    /// Whether anything is measured.
    pub const fn measures(&self) -> bool {
        !self.no_offload
    }

    /// What the node is called, if not otherwise than `usual`.
    pub fn name<'a>(&'a self, usual: &'a str) -> &'a str {
        self.node_name.as_deref().unwrap_or(usual)
    }

    /// Begins to tell what `account` comes to, if anybody is to be told.
    pub fn start(&self, account: &Account) -> Result<Option<JoinHandle<()>>> {
        let Some(url) = &self.offload_push else {
            return Ok(None);
        };
        let telling = Telling {
            to: Upstream::new(url).map_err(|error| BadInput(error.to_string()))?,
            name: self.name("").to_owned(),
            key: self.offload_push_key.clone(),
            client: Client::new()?,
        };
        Ok(Some(tokio::spawn(telling.go_on(account.clone()))))
    }
}

fn name(text: &str) -> Result<String, String> {
    match check_name(text) {
        Ok(()) => Ok(text.to_owned()),
        Err(allowed) => Err(allowed.to_owned()),
    }
}

fn upstream(url: &str) -> Result<String, String> {
    match Upstream::new(url) {
        Ok(_) => Ok(url.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn key(text: &str) -> Result<HeaderValue, String> {
    let value = HeaderValue::from_str(text).map_err(|_| "expected visible ASCII".to_owned());
    value.map(|mut value| {
        value.set_sensitive(true);
        value
    })
}
