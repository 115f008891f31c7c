//! How a browser reaches a server's screen.

use secrecy::{ExposeSecret, SecretString};

/// A way to a server's screen; valid for one minute to connect.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Console {
    /// The WebSocket of the screen; its query holds a token.
    pub url: SecretString,
    /// The VNC password, which only works together with the URL.
    pub password: SecretString,
}

impl Console {
    /// The link that the console page at `base` understands.
    ///
    /// Without a page it is the bare URL and password.
    pub fn link(&self, base: Option<&str>) -> SecretString {
        let (url, password) = (self.url.expose_secret(), self.password.expose_secret());
        match base {
            Some(base) => format!("{}?{url}#{password}", base.trim_end_matches('?')).into(),
            None => format!("{url}#{password}").into(),
        }
    }
}
