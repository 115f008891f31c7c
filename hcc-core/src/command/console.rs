//! `console`: how a browser reaches a server's screen.

use std::time::SystemTime;

use hcc_store::{Patch, StoreExt};
use secrecy::{ExposeSecret, SecretString};

use crate::facts::facts;
use crate::{Project, Result, ServerName};

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

impl Project {
    /// Asks Hetzner for a way to the server's screen, and records it.
    ///
    /// # Errors
    ///
    /// The server is missing or not managed, or Hetzner refuses.
    pub async fn console(&self, name: &ServerName) -> Result<Console> {
        let server = self.find_managed(name).await?;
        let answer = self.api.servers().request_console(server.id).await?;
        let patch = Patch::new().facts(&facts(&server)).console(
            &answer.wss_url,
            &answer.password,
            SystemTime::now(),
        );
        self.store.set(name.as_str(), patch).await?;
        Ok(Console {
            url: answer.wss_url,
            password: answer.password,
        })
    }
}
