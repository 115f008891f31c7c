//! The settings of a project.

use std::collections::BTreeMap;

use crate::ResourceKind;

/// How a project's servers are created and recognized.
///
/// ```
/// let settings = hcc_core::Settings::default()
///     .with_server_type("cx23")
///     .with_location("fsn1");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// The location of new servers, such as `fsn1`, or several, as in
    /// [`CreateOptions`](crate::CreateOptions::location). If unset, the cheapest one for the type.
    pub location: Option<String>,
    /// The type of new servers, such as `cx23`, or several, as in
    /// [`CreateOptions`](crate::CreateOptions::server_type). If unset, the cheapest available one.
    pub server_type: Option<String>,
    /// The image of new servers. If unset, the newest Debian.
    pub image: Option<String>,
    /// The label of managed servers: `managed` by default.
    pub label: String,
    /// The required prefix of the names of new servers.
    pub prefix: Option<String>,
    /// The URL of the console page, without `?`.
    pub console: Option<String>,
    /// Names or ids of the SSH keys of new servers, unless others are requested.
    pub ssh_keys: Vec<String>,
    /// Whether new root passwords of existing servers are recorded, like those of new servers.
    pub record_passwords: bool,
    origins: BTreeMap<ResourceKind, String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            location: None,
            server_type: None,
            image: None,
            label: "managed".to_owned(),
            prefix: None,
            console: None,
            ssh_keys: Vec::new(),
            record_passwords: false,
            origins: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// Sets the location of new servers.
    #[must_use]
    pub fn with_location(self, location: impl Into<String>) -> Self {
        let location = Some(location.into());
        Self { location, ..self }
    }

    /// Sets the type of new servers.
    #[must_use]
    pub fn with_server_type(self, server_type: impl Into<String>) -> Self {
        let server_type = Some(server_type.into());
        Self {
            server_type,
            ..self
        }
    }

    /// Sets the image of new servers.
    #[must_use]
    pub fn with_image(self, image: impl Into<String>) -> Self {
        let image = Some(image.into());
        Self { image, ..self }
    }

    /// Sets the label of managed servers.
    #[must_use]
    pub fn with_label(self, label: impl Into<String>) -> Self {
        let label = label.into();
        Self { label, ..self }
    }

    /// Sets the required prefix of the names of new servers.
    #[must_use]
    pub fn with_prefix(self, prefix: impl Into<String>) -> Self {
        let prefix = Some(prefix.into());
        Self { prefix, ..self }
    }

    /// Sets the URL of the console page.
    #[must_use]
    pub fn with_console(self, console: impl Into<String>) -> Self {
        let console = Some(console.into());
        Self { console, ..self }
    }

    /// Sets where the name of a resource comes from, such as `HCC_TYPE` or the path of a file.
    /// Error messages quote it.
    #[must_use]
    pub fn with_origin(mut self, kind: ResourceKind, origin: impl Into<String>) -> Self {
        self.origins.insert(kind, origin.into());
        self
    }

    /// Returns where the name of a resource comes from, if it is known.
    pub fn origin(&self, kind: ResourceKind) -> Option<&str> {
        self.origins.get(&kind).map(String::as_str)
    }
}
