//! The URL and password of a server's screen.

use secrecy::{ExposeSecret, SecretString};

/// The URL and password of a server's screen. The URL expires after one minute.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Console {
    /// The WebSocket URL, with a token in its query.
    pub url: SecretString,
    /// The VNC password, which is valid for this URL only.
    pub password: SecretString,
}

impl Console {
    /// Returns a link to the console page at `base` that opens this console; without `base`, the
    /// URL and password alone.
    pub fn link(&self, base: Option<&str>) -> SecretString {
        let (url, password) = (self.url.expose_secret(), self.password.expose_secret());
        match base {
            Some(base) => format!("{}?{url}#{password}", base.trim_end_matches('?')).into(),
            None => format!("{url}#{password}").into(),
        }
    }
}
