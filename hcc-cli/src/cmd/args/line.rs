//! Values that are printed on a line of their own.

use crate::error::{CliError, Result};

/// Refuses a value that would forge a second line where scripts read lines.
pub(crate) fn line(value: &str) -> Result<String> {
    if value.is_empty() {
        return Err(CliError::usage("it must not be empty"));
    }
    if value.contains(char::is_control) {
        return Err(CliError::usage("it must not contain control characters"));
    }
    Ok(value.to_owned())
}
