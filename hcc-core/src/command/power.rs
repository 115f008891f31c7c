//! `start stop force reset reboot`: power.

use hcloud_api::Action;

use crate::{Middleware, Result, ServerName};

/// What to do with a server's power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    /// Switch it on.
    Start,
    /// Ask its operating system to shut down.
    Stop,
    /// Cut its power.
    Force,
    /// Cut its power and switch it on again.
    Reset,
    /// Ask its operating system to restart.
    Reboot,
}

impl Middleware {
    /// Changes a server's power; the returned action is usually still running.
    ///
    /// # Errors
    ///
    /// The server is missing or not managed, or Hetzner refuses, such as while
    /// another action has locked the server.
    pub async fn power(&self, name: &ServerName, power: Power) -> Result<Action> {
        let id = self.touchable(name).await?.id;
        let servers = self.api.servers();
        let action = match power {
            Power::Start => servers.power_on(id).await,
            Power::Stop => servers.shutdown(id).await,
            Power::Force => servers.power_off(id).await,
            Power::Reset => servers.reset(id).await,
            Power::Reboot => servers.reboot(id).await,
        };
        Ok(action?)
    }
}
