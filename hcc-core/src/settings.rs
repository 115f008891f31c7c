//! What setup asks for: how servers are created, and which ones are ours.

/// How servers are created and recognized, with defaults that make a first
/// run work.
///
/// Where the records lie and how the API is reached is not decided here: that
/// is what [`Project::new`](crate::Project::new) takes beside the
/// settings.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Where new servers are created, such as `fsn1`; Hetzner chooses if none.
    pub location: Option<String>,
    /// The type of new servers, such as `cx23`; the cheapest available if none.
    pub server_type: Option<String>,
    /// The image of new servers; the newest Debian if none.
    pub image: Option<String>,
    /// The label that marks a server as managed.
    pub label: String,
    /// What the names of new servers must begin with.
    pub prefix: Option<String>,
    /// The address of the console page, in front of the `?`.
    pub console: Option<String>,
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
        }
    }
}

/// The location that `text` names: Hetzner's former data centres are read as
/// the location they stood in.
///
/// ```
/// assert_eq!(hcc_core::location("fsn1-dc14"), "fsn1");
/// assert_eq!(hcc_core::location("hel1"), "hel1");
/// ```
pub fn location(text: &str) -> &str {
    match text.split_once("-dc") {
        Some((location, number))
            if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) =>
        {
            location
        }
        _ => text,
    }
}
