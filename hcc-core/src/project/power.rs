//! `start stop force reset reboot`: the power state.

use std::time::Duration;

use futures_util::TryStreamExt;
use hcloud_api::{Action, ActionSort, ListActions, ServerId, ServerStatus, Sort, Timestamp};
use tokio::time::{sleep, timeout};

use super::Project;
use super::delivery::Delivery;
use crate::{Error, Power, Result, ServerName};

impl Project {
    /// Changes a server's power state. The returned action is usually still running.
    ///
    /// # Errors
    ///
    /// The server is missing or not managed, or the request to Hetzner fails, for example because
    /// another action has locked the server.
    pub async fn power(&self, name: &ServerName, power: Power) -> Result<Action> {
        let id = self.find_managed(name).await?.id;
        Ok(self.switch(id, power).await?)
    }

    /// Waits until a server is off, polling every two seconds or more often; returns whether it is.
    ///
    /// # Errors
    ///
    /// The server is missing or not managed, or a request to Hetzner fails.
    pub async fn is_off_within(&self, name: &ServerName, within: Duration) -> Result<bool> {
        let id = self.find_managed(name).await?.id;
        self.is_off_by_id(id, within).await
    }

    pub(crate) async fn is_off_by_id(&self, id: ServerId, within: Duration) -> Result<bool> {
        let off = async {
            let mut delay = Duration::from_millis(100);
            while self.api.servers().get(id).await?.status != ServerStatus::Off {
                sleep(delay).await;
                delay = (delay * 2).min(Duration::from_secs(2));
            }
            Ok(true)
        };
        timeout(within, off).await.unwrap_or(Ok(false))
    }

    /// Changes a server's power state at most once for all deliveries of a command: if an earlier
    /// delivery did, its action is returned.
    ///
    /// # Errors
    ///
    /// As [`power`](Self::power); [`Error::RestartUnconfirmed`] if the response was lost and no
    /// action shows that the request arrived.
    pub(crate) async fn power_once(
        &self,
        name: &ServerName,
        power: Power,
        delivery: &Delivery,
    ) -> Result<Action> {
        let id = self.find_managed(name).await?.id;
        let is_wanted = |action: &Action| action.command == power.action();
        if delivery.is_repeated {
            if let Some(action) = self.started_since(id, delivery.pushed, is_wanted).await? {
                return Ok(action);
            }
        }
        match self.switch(id, power).await {
            Err(error) if error.may_have_taken_effect() => {
                let started = self.started_since(id, delivery.pushed, is_wanted).await;
                let unconfirmed = || Error::RestartUnconfirmed { name: name.clone() };
                started.ok().flatten().ok_or_else(unconfirmed)
            }
            action => Ok(action?),
        }
    }

    pub(crate) async fn switch(&self, id: ServerId, power: Power) -> hcloud_api::Result<Action> {
        let servers = self.api.servers();
        match power {
            Power::Start => servers.power_on(id).await,
            Power::Stop => servers.shutdown(id).await,
            Power::Force => servers.power_off(id).await,
            Power::Reset => servers.reset(id).await,
            Power::Reboot => servers.reboot(id).await,
        }
    }

    /// Returns the newest wanted action that was started at this time or later.
    pub(crate) async fn started_since(
        &self,
        id: ServerId,
        since: Timestamp,
        is_wanted: impl Fn(&Action) -> bool,
    ) -> Result<Option<Action>> {
        let newest_first = ListActions {
            sort: vec![Sort::Descending(ActionSort::Id)],
            ..ListActions::default()
        };
        let servers = self.api.servers();
        let mut actions = servers.actions_for(id).list(&newest_first).stream();
        while let Some(action) = actions.try_next().await? {
            // Hetzner truncates times to seconds.
            let Some(started) = action.started else {
                continue;
            };
            if started.as_second() < since.as_second() {
                break;
            }
            if is_wanted(&action) {
                return Ok(Some(action));
            }
        }
        Ok(None)
    }
}

impl Power {
    /// Returns the status of the server after the change.
    pub(crate) fn leads_to(self) -> ServerStatus {
        match self {
            Self::Start | Self::Reset | Self::Reboot => ServerStatus::Running,
            Self::Stop | Self::Force => ServerStatus::Off,
        }
    }

    /// Returns Hetzner's name of the action.
    fn action(self) -> &'static str {
        match self {
            Self::Start => "start_server",
            Self::Stop => "shutdown_server",
            Self::Force => "stop_server",
            Self::Reset => "reset_server",
            Self::Reboot => "reboot_server",
        }
    }
}
