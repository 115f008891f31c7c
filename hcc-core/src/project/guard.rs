//! The distinction between managed servers and others.

use hcloud_api::Server;

use crate::{Error, Result, ServerName, Settings};

/// Decides which servers commands may change.
///
/// A server with the label of the settings is managed. Commands from the queue are always limited to
/// managed servers; the command line can lift the limit.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Guard {
    /// Managed servers only.
    #[default]
    Managed,
    /// Any server of the project.
    Any,
}

impl Guard {
    /// Checks that commands may change a server.
    ///
    /// # Errors
    ///
    /// [`Error::NotManaged`].
    pub fn check(self, server: &Server, settings: &Settings) -> Result<()> {
        if self == Self::Any || is_managed(server, settings) {
            return Ok(());
        }
        Err(Error::NotManaged {
            name: server.name.clone(),
            label: settings.label.clone(),
        })
    }
}

pub(crate) fn is_managed(server: &Server, settings: &Settings) -> bool {
    server.labels.contains_key(&settings.label)
}

/// Checks that the name of a new server starts with the prefix of the settings.
pub(crate) fn check_prefix(name: &ServerName, settings: &Settings) -> Result<()> {
    match &settings.prefix {
        Some(prefix) if !name.as_str().starts_with(prefix.as_str()) => Err(Error::Prefix {
            name: name.clone(),
            prefix: prefix.clone(),
        }),
        _ => Ok(()),
    }
}
