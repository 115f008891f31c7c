//! Where the API token comes from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use secrecy::SecretString;

use super::hcloud::HcloudConfig;
use super::key::Key;
use super::paths::warn_if_exposed;
use crate::error::{CliError, Context, Exit, Result};

/// Where the token comes from.
#[derive(Clone, Debug)]
pub enum TokenSource {
    /// The token itself.
    Token(SecretString),
    /// A file with the token.
    File(PathBuf),
    /// A shell command that prints the token.
    Command(String),
    /// A context of the official CLI.
    Context(String),
}

impl TokenSource {
    /// The setting that leads to it.
    pub(crate) fn key(&self) -> Key {
        match self {
            Self::Token(_) => Key::Token,
            Self::File(_) => Key::TokenFile,
            Self::Command(_) => Key::TokenCommand,
            Self::Context(_) => Key::Context,
        }
    }

    /// Reads the token.
    ///
    /// # Errors
    ///
    /// The file cannot be read, the command fails, or the context does not exist.
    pub fn token(&self) -> Result<SecretString> {
        match self {
            Self::Token(token) => Ok(token.clone()),
            Self::File(path) => read_token(path),
            Self::Command(command) => output_of(Key::TokenCommand, command),
            Self::Context(name) => HcloudConfig::read_token(name),
        }
    }
}

/// The error of a configuration without a token.
pub(crate) fn no_token() -> CliError {
    CliError::new(Exit::NotSetUp, "no_token", "no API token is set").hint("run hcc setup")
}

pub(super) fn read_token(path: &Path) -> Result<SecretString> {
    let text = fs::read_to_string(path).map_err(|cause| CliError::unreadable(path, cause))?;
    warn_if_exposed(path);
    Ok(text.trim().into())
}

/// Runs the command of a setting. Its standard output is the secret; its standard error is shown to
/// the user.
pub(super) fn output_of(key: Key, command: &str) -> Result<SecretString> {
    let output = Command::new("sh")
        .args(["-c", command])
        .stderr(Stdio::inherit())
        .output()
        .context(|| format!("cannot run {key}"))?;
    let code = match key {
        Key::TokenCommand => "no_token",
        _ => "no_database",
    };
    let failed = |why: &str| {
        let message = format!("{key} failed: {why}");
        CliError::new(Exit::NotSetUp, code, message)
    };
    if !output.status.success() {
        return Err(failed(&output.status.to_string()));
    }
    let text = String::from_utf8(output.stdout).map_err(|_| failed("its output is not text"))?;
    match text.trim() {
        "" => Err(failed("it printed nothing")),
        text => Ok(text.into()),
    }
}
