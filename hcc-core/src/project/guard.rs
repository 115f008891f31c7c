//! Which servers are ours.

use hcloud_api::Server;

use crate::{Error, Result, ServerName, Settings};

/// Decides which servers may be touched.
///
/// A server is ours when it carries the label of the settings. Commands from
/// the queue are always held to that; a person at the command line may lift it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Guard {
    /// Only servers that carry our label.
    #[default]
    Managed,
    /// Any server of the project.
    Any,
}

impl Guard {
    /// Refuses a server that is not ours.
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

/// Refuses a name for a new server that does not begin with our prefix.
pub(crate) fn check_prefix(name: &ServerName, settings: &Settings) -> Result<()> {
    match &settings.prefix {
        Some(prefix) if !name.as_str().starts_with(prefix.as_str()) => Err(Error::Prefix {
            name: name.clone(),
            prefix: prefix.clone(),
        }),
        _ => Ok(()),
    }
}
