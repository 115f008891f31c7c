//! `hcc api`: any other request to the Hetzner API.

use std::io;

use hcloud_api::Method;
use serde_json::Value;

use crate::config::Config;
use crate::error::{CliError, Context, Result};
use crate::output::Output;

/// Send any request to the Hetzner API, and print the response
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Api {
    /// Method: GET, POST, PUT or DELETE
    #[arg(value_parser = method)]
    method: Method,

    /// Path below the endpoint, with a query if needed
    #[arg(value_name = "PATH", value_parser = path)]
    path: String,

    /// Body in JSON; - for standard input
    #[arg(short, long, value_name = "JSON")]
    data: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  hcc api GET '/firewalls?per_page=50'
  hcc api POST /ssh_keys --data '{\"name\": \"laptop\", \"public_key\": \"ssh-ed25519 …\"}'";

impl Api {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let mut request = config.client()?.request(self.method, path);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            request = request.query(&decoded(name), decoded(value));
        }
        if let Some(data) = self.data {
            let text = match &*data {
                "-" => io::read_to_string(io::stdin()).context(|| "cannot read standard input")?,
                _ => data,
            };
            let body: Value = serde_json::from_str(&text)
                .map_err(|error| CliError::usage("the body is not valid JSON").source(error))?;
            request = request.json(&body).map_err(hcc_core::Error::from)?;
        }
        let response: Value = request.send().await.map_err(hcc_core::Error::from)?;
        let text = serde_json::to_string_pretty(&response)?;
        out.result(if response.is_null() { "ok" } else { &text }, &response)
    }
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}

fn method(name: &str) -> Result<Method, &'static str> {
    match &*name.to_uppercase() {
        "GET" => Ok(Method::GET),
        "POST" => Ok(Method::POST),
        "PUT" => Ok(Method::PUT),
        "DELETE" => Ok(Method::DELETE),
        _ => Err("expected GET, POST, PUT or DELETE"),
    }
}

fn path(path: &str) -> Result<String, &'static str> {
    match path.strip_prefix("/v1/") {
        Some(rest) => Ok(format!("/{rest}")),
        None if path.starts_with('/') => Ok(path.to_owned()),
        None => Err("it must begin with /, such as /servers"),
    }
}
