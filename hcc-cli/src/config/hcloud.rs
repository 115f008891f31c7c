//! The settings file of the official CLI, `hcloud`.

use std::path::PathBuf;
use std::{fs, io};

use etcetera::BaseStrategy;
use secrecy::SecretString;
use serde::Deserialize;

use super::environment::{directories, home, variable};
use super::paths::warn_if_exposed;
use super::toml;
use crate::error::{CliError, Exit, Result};

/// Its contexts: a project each.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct HcloudConfig {
    active_context: Option<String>,
    contexts: Vec<Context>,
    preferences: Preferences,
}

#[derive(Debug, Deserialize)]
struct Context {
    name: String,
    token: SecretString,
    #[serde(default)]
    preferences: Preferences,
}

/// What newer releases store for one context, or for all.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Preferences {
    endpoint: Option<String>,
    default_ssh_keys: Vec<String>,
}

impl HcloudConfig {
    pub(super) fn read() -> Result<Self> {
        let Ok(path) = path() else {
            // Without a home directory there is none.
            return Ok(Self::default());
        };
        match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(cause) => Err(CliError::unreadable(&path, cause)),
            Ok(text) => toml::parse(&text, &path),
        }
    }

    /// Reads the token of a context, and warns if other users can read it as well.
    pub(super) fn read_token(context: &str) -> Result<SecretString> {
        let token = Self::read()?.token(context)?;
        warn_if_exposed(&path()?);
        Ok(token)
    }

    /// The context in force unless another one is named.
    pub(super) fn active(&self) -> Option<&str> {
        self.active_context
            .as_deref()
            .filter(|name| !name.is_empty())
    }

    /// The token of a context.
    ///
    /// The official CLI uses another token if the context does not exist. That may be the token of
    /// another project, so it is an error here.
    fn token(&self, context: &str) -> Result<SecretString> {
        let found = self.context(context).map(|found| found.token.clone());
        found.ok_or_else(|| {
            let message = format!("the official CLI has no context {context:?}");
            CliError::new(Exit::NotSetUp, "no_context", message).hint("run hcloud context list")
        })
    }

    pub(super) fn endpoint(&self, context: &str) -> Option<&str> {
        let own = self
            .context(context)
            .and_then(|context| context.preferences.endpoint.as_deref());
        own.or(self.preferences.endpoint.as_deref())
    }

    /// The SSH keys of new servers.
    pub(super) fn ssh_keys(&self, context: &str) -> &[String] {
        let own = self
            .context(context)
            .map(|found| &*found.preferences.default_ssh_keys);
        let own = own.filter(|keys| !keys.is_empty());
        own.unwrap_or(&self.preferences.default_ssh_keys)
    }

    fn context(&self, name: &str) -> Option<&Context> {
        self.contexts.iter().find(|context| context.name == name)
    }
}

/// The official CLI ignores `XDG_CONFIG_HOME`.
pub(crate) fn path() -> Result<PathBuf> {
    if let Some(path) = variable("HCLOUD_CONFIG") {
        return Ok(path.into());
    }
    let config = if cfg!(windows) {
        directories()?.config_dir()
    } else {
        home()?.join(".config")
    };
    Ok(config.join("hcloud/cli.toml"))
}
