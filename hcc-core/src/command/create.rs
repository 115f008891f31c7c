//! `create`: one server, never two, and no trace of a failed one.

use std::convert::Infallible;
use std::str::FromStr;

use hcc_store::{Only, Patch, Stage, StoreExt};
use hcloud_api::{Action, CreateServer, ErrorCode, IdOrName, Labels, Server, ServerCreated};
use secrecy::SecretString;
use tracing::warn;

use crate::facts::{actions, facts};
use crate::guard::{check_prefix, is_managed};
use crate::offers::{Choice, not_offered};
use crate::{Error, Middleware, Result, ServerName};

/// A server to create. What is not said comes from the settings.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Order {
    /// The server's name.
    pub name: ServerName,
    /// Its type, such as `cx23`.
    pub server_type: Option<String>,
    /// Its image, such as `debian-13`.
    pub image: Option<String>,
    /// Its location, such as `fsn1`.
    pub location: Option<String>,
    /// Names or ids of the project's SSH keys; with one there is no root password.
    pub ssh_keys: Vec<String>,
    /// What cloud-init is to do.
    pub user_data: Option<SecretString>,
}

impl Order {
    /// A server of this name, all else from the settings.
    pub fn new(name: ServerName) -> Self {
        Self {
            name,
            server_type: None,
            image: None,
            location: None,
            ssh_keys: Vec::new(),
            user_data: None,
        }
    }
}

/// What came of an order.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Made {
    /// A new server; these actions are still running.
    Created(Vec<Action>),
    /// A managed server of this name was there already.
    Adopted,
}

impl Middleware {
    /// Creates a server and records it with its root password.
    ///
    /// Safe to repeat: a managed server of this name is adopted. Under any
    /// fault there is at most one server of this name, and a failed order
    /// leaves no record.
    ///
    /// # Errors
    ///
    /// The name does not fit, belongs to a server that is not ours, Hetzner
    /// refuses, or [`Error::Uncertain`] when no clear answer arrived.
    pub async fn create(&self, order: &Order) -> Result<Made> {
        let name = &order.name;
        check_prefix(name, &self.settings)?;
        if let Some(server) = self.find(name).await? {
            return self.adopt(name, &server).await;
        }
        let request = self.request(order).await?;

        // The records must be writable before money is spent: the answer holds
        // the only copy of the root password.
        self.store.reserve(name.as_str()).await?;
        match self.api.servers().create(&request).await {
            Ok(created) => self.record(name, created).await,
            Err(error) => self.settle(name, &request, error).await,
        }
    }

    /// The order with everything said that it leaves open.
    async fn request(&self, order: &Order) -> Result<CreateServer> {
        let settings = &self.settings;
        let location = order.location.as_ref().or(settings.location.as_ref());
        let location = location.map(|text| crate::location(text));
        let choice = match order.server_type.as_ref().or(settings.server_type.as_ref()) {
            Some(server_type) => Choice::new(server_type, location),
            None => self.cheapest(location).await?,
        };
        let image = match order.image.as_ref().or(settings.image.as_ref()) {
            Some(image) => image.clone(),
            None => self.newest_debian(&choice.server_type).await?,
        };
        Ok(CreateServer {
            location: choice.location.map(Into::into),
            ssh_keys: order.ssh_keys.iter().map(|key| id_or_name(key)).collect(),
            user_data: order.user_data.clone(),
            labels: Labels::new().with(&settings.label, "1")?,
            ..CreateServer::new(
                order.name.as_str(),
                id_or_name(&choice.server_type),
                id_or_name(&image),
            )
        })
    }

    async fn adopt(&self, name: &ServerName, server: &Server) -> Result<Made> {
        if !is_managed(server, &self.settings) {
            return Err(Error::NameTaken { name: name.clone() });
        }
        let patch = Patch::new().facts(&facts(server)).stage(Stage::Created);
        self.store.set(name.as_str(), patch).await?;
        Ok(Made::Adopted)
    }

    async fn record(&self, name: &ServerName, created: ServerCreated) -> Result<Made> {
        let running: Vec<Action> = created.actions().cloned().collect();
        let patch = Patch::new()
            .facts(&facts(&created.server))
            .stage(Stage::Created)
            .created(created.root_password.as_ref(), &actions(&running));
        match self.store.set(name.as_str(), patch).await {
            Ok(()) => Ok(Made::Created(running)),
            Err(source) => Err(Error::Unrecorded {
                name: name.clone(),
                source,
            }),
        }
    }

    /// Finds out what became of an order that got no good answer.
    async fn settle(
        &self,
        name: &ServerName,
        request: &CreateServer,
        error: hcloud_api::Error,
    ) -> Result<Made> {
        let taken = error.code() == Some(&ErrorCode::UniquenessError);
        if (taken || error.may_have_taken_effect())
            && let Ok(Some(server)) = self.find(name).await
        {
            return self.adopt(name, &server).await;
        }
        if let Err(error) = self.store.remove(name.as_str(), Only::Reserved).await {
            warn!(server = %name, %error, "a reservation was left behind");
        }
        if error.may_have_taken_effect() {
            let (name, source) = (name.clone(), Box::new(error));
            return Err(Error::Uncertain { name, source });
        }
        Err(not_offered(request, &error).unwrap_or_else(|| error.into()))
    }
}

/// People write digits for ids.
fn id_or_name<Id: FromStr>(text: &str) -> IdOrName<Id> {
    text.parse()
        .unwrap_or_else(|never: Infallible| match never {})
}
