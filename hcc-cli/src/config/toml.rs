//! Reading TOML without quoting its secrets.

use std::path::Path;

use serde::Deserialize;
use toml_edit::{Item, TomlError as ParseError};

use crate::error::CliError;

/// What is wrong with a TOML file, and at which byte.
///
/// The display of a parser's error quotes the faulty line, which may be that of the token.
#[derive(Debug)]
pub(super) struct TomlError {
    at: usize,
    message: String,
}

impl TomlError {
    pub(super) fn at(item: &Item, message: impl Into<String>) -> Self {
        Self {
            at: item.span().map_or(0, |span| span.start),
            message: message.into(),
        }
    }

    pub(super) fn in_file(self, path: &Path, text: &str) -> CliError {
        let line = 1 + text[..self.at].matches('\n').count();
        CliError::malformed(path, line, &self.message)
    }
}

impl From<ParseError> for TomlError {
    fn from(error: ParseError) -> Self {
        Self {
            at: error.span().map_or(0, |span| span.start),
            message: error.message().to_owned(),
        }
    }
}

/// Deserializes a file.
pub(super) fn parse<T: for<'de> Deserialize<'de>>(text: &str, path: &Path) -> Result<T, CliError> {
    let parsed = toml_edit::de::from_str(text);
    parsed.map_err(|error| TomlError::from(ParseError::from(error)).in_file(path, text))
}
