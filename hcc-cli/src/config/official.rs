//! The settings file of the official CLI, as far as we read it.

use std::path::PathBuf;
use std::{fs, io};

use anyhow::Result;
use etcetera::BaseStrategy;
use secrecy::SecretString;
use serde::Deserialize;

use super::{parse, variable};
use crate::problem::Problem;

/// Its contexts: a project each.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Official {
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

/// What newer releases keep for a context, or for all.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Preferences {
    endpoint: Option<String>,
}

impl Official {
    pub(crate) fn read() -> Result<Self> {
        let path = path()?;
        match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(cause) => Err(Problem::Unreadable { path, cause }.into()),
            Ok(text) => parse(&text, &path),
        }
    }

    /// The context that counts when nobody names one.
    pub(crate) fn active(&self) -> Option<&str> {
        self.active_context
            .as_deref()
            .filter(|name| !name.is_empty())
    }

    /// The token of a context.
    ///
    /// The official CLI takes another one if there is no such context. That may be the token of
    /// another project, so it is an error here.
    pub(crate) fn token(&self, context: &str) -> Result<SecretString> {
        match self.context(context) {
            Some(found) => Ok(found.token.clone()),
            None => Err(Problem::NoContext(context.to_owned()).into()),
        }
    }

    pub(crate) fn endpoint(&self, context: &str) -> Option<&str> {
        let own = self
            .context(context)
            .and_then(|context| context.preferences.endpoint.as_deref());
        own.or(self.preferences.endpoint.as_deref())
    }

    fn context(&self, name: &str) -> Option<&Context> {
        self.contexts.iter().find(|context| context.name == name)
    }
}

/// It keeps its file there whatever `XDG_CONFIG_HOME` says.
fn path() -> Result<PathBuf> {
    if let Some(path) = variable("HCLOUD_CONFIG") {
        return Ok(path.into());
    }
    let config = if cfg!(windows) {
        super::base()?.config_dir()
    } else {
        etcetera::home_dir()?.join(".config")
    };
    Ok(config.join("hcloud/cli.toml"))
}
