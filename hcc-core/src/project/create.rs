//! `create`: at most one server of a name, and no record of a failed creation.

use hcc_store::{Patch, Precondition, Stage, StoreExt};
use hcloud_api::{
    Action, ActionStatus, CreateServer, ErrorCode, IdOrName, Labels, ListActions, Salvage, Server,
    ServerCreated, SshKeyId, TypePrice,
};
use tracing::warn;

use super::Project;
use super::catalog::{Choice, id_or_name};
use super::guard::{check_prefix, is_managed};
use super::offers::NamedResource;
use super::snapshot::{actions, snapshot};
use crate::{CreateOptions, Error, ResourceKind, Result, ServerName};

/// The outcome of a creation.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CreateOutcome {
    /// A server was created; these actions are still running.
    Created(Vec<Action>),
    /// A managed server of this name existed already.
    Adopted,
}

/// The complete options of a creation, with the price.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Quote {
    /// The options, with defaults for those that were unset.
    pub options: CreateOptions,
    /// The price of the server, if its location is known.
    pub price: Option<TypePrice>,
    /// The currency of the price, such as `EUR`, if it could be fetched.
    pub currency: Option<String>,
}

impl Project {
    /// Creates a server and records it with its root password.
    ///
    /// Safe to repeat: a managed server of this name is adopted. Whatever fails, there is at most
    /// one server of this name, and a failed creation leaves no record.
    ///
    /// # Errors
    ///
    /// The name lacks the prefix or belongs to a server that is not managed, the request to Hetzner
    /// fails, or [`Error::CreateUnconfirmed`] if the outcome of the request is unknown.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the server may be created all the same. The next call adopts it;
    /// its root password is lost.
    pub async fn create(
        &self,
        name: &ServerName,
        options: &CreateOptions,
    ) -> Result<CreateOutcome> {
        check_prefix(name, &self.settings)?;
        if let Some(server) = self.find(name).await? {
            return self.adopt(name, &server).await;
        }
        let request = self.request(name, options).await?;

        // The records must be writable before money is spent: the response has the only copy of
        // the root password.
        self.store.reserve(name.as_str()).await?;
        match self.api.servers().create(&request).await {
            Ok(created) => self.record(name, created).await,
            Err(error) => self.resolve_failure(name, options, &request, error).await,
        }
    }

    /// Returns what [`create`](Self::create) would create, and its price.
    ///
    /// # Errors
    ///
    /// A requested resource does not exist, or the request to Hetzner fails.
    pub async fn quote(&self, name: &ServerName, options: &CreateOptions) -> Result<Quote> {
        let request = self.request(name, options).await?;
        let server_type = request.server_type.to_string();
        let location = request.location.as_ref().map(ToString::to_string);
        let server_types = self.api.server_types();
        let (found, currency) = tokio::join!(server_types.find(&server_type), self.currency());
        let found = found?;
        let price = found.and_then(|found| match &location {
            Some(location) => found.price(location).cloned(),
            None => None,
        });
        Ok(Quote {
            options: CreateOptions {
                server_type: Some(server_type),
                image: Some(request.image.to_string()),
                location,
                ..options.clone()
            },
            price,
            currency: currency.ok(),
        })
    }

    /// Returns the running actions of a server.
    pub(crate) async fn running_actions(&self, name: &ServerName) -> Result<Vec<Action>> {
        let Some(server) = self.find(name).await? else {
            return Ok(Vec::new());
        };
        let running = ListActions {
            status: vec![ActionStatus::Running],
            ..ListActions::default()
        };
        let servers = self.api.servers();
        Ok(servers.actions_for(server.id).list(&running).all().await?)
    }

    /// Returns the request to Hetzner, with defaults for unset options.
    async fn request(&self, name: &ServerName, options: &CreateOptions) -> Result<CreateServer> {
        let selection = self.selection(options);
        let choice = match &selection.server_type {
            Some(wanted) => {
                let location = selection.location.as_ref();
                Choice::new(&wanted.name, location.map(|location| &*location.name))
            }
            None => self.cheapest(selection.location.as_ref()).await?,
        };
        let chosen = NamedResource::new(ResourceKind::ServerType, &choice.server_type);
        let server_type = selection.server_type.unwrap_or(chosen);
        let image = match selection.image {
            Some(image) => image.name,
            None => self.newest_debian(&server_type).await?,
        };
        Ok(CreateServer {
            location: choice.location.map(Into::into),
            ssh_keys: self.ssh_keys(&options.ssh_keys).await?,
            user_data: options.user_data.clone(),
            labels: Labels::new().with(&self.settings.label, "1")?,
            ..CreateServer::new(
                name.as_str(),
                id_or_name(&server_type.name),
                id_or_name(&image),
            )
        })
    }

    /// Reads the names of SSH keys. Digits are the id of a key, or else its name, as for the
    /// official CLI; those that are neither are sent as they are.
    async fn ssh_keys(&self, names: &[String]) -> Result<Vec<IdOrName<SshKeyId>>> {
        let mut keys = Vec::new();
        for name in names {
            let key = id_or_name(name);
            let found = match key {
                IdOrName::Id(_) => self.api.ssh_keys().resolve(&key).await?,
                IdOrName::Name(_) => None,
            };
            keys.push(found.map_or(key, |found| found.id.into()));
        }
        Ok(keys)
    }

    async fn adopt(&self, name: &ServerName, server: &Server) -> Result<CreateOutcome> {
        if !is_managed(server, &self.settings) {
            return Err(Error::NameTaken { name: name.clone() });
        }
        let patch = Patch::new()
            .snapshot(&snapshot(server))
            .stage(Stage::Created);
        self.store.set(name.as_str(), patch).await?;
        Ok(CreateOutcome::Adopted)
    }

    async fn record(&self, name: &ServerName, created: ServerCreated) -> Result<CreateOutcome> {
        let running: Vec<Action> = created.actions().cloned().collect();
        let patch = Patch::new()
            .snapshot(&snapshot(&created.server))
            .stage(Stage::Created)
            .created(created.root_password.as_ref(), &actions(&running));
        match self.store.set(name.as_str(), patch).await {
            Ok(()) => Ok(CreateOutcome::Created(running)),
            Err(source) => Err(Error::Unrecorded {
                name: name.clone(),
                source,
            }),
        }
    }

    /// Records a server whose response could not be decoded: the password first, which cannot be
    /// requested again.
    async fn record_salvage(&self, name: &ServerName, salvage: &Salvage) -> Result<CreateOutcome> {
        let started = self.api.actions().list(&salvage.actions).await;
        let started = started.unwrap_or_default();
        let mut patch = Patch::new()
            .stage(Stage::Created)
            .created(salvage.root_password.as_ref(), &actions(&started));
        if let Some(id) = salvage.id {
            patch = patch.id(id);
        }
        if let Err(source) = self.store.set(name.as_str(), patch).await {
            let name = name.clone();
            return Err(Error::Unrecorded { name, source });
        }
        if let Ok(Some(server)) = self.find(name).await {
            let patch = Patch::new().snapshot(&snapshot(&server));
            if let Err(error) = self.store.set(name.as_str(), patch).await {
                warn!(server = %name, %error, "record not completed");
            }
        }
        Ok(CreateOutcome::Created(started))
    }

    /// Determines the outcome of a request that failed or got no response.
    async fn resolve_failure(
        &self,
        name: &ServerName,
        options: &CreateOptions,
        request: &CreateServer,
        error: hcloud_api::Error,
    ) -> Result<CreateOutcome> {
        if let Some(salvage) = error.salvage()
            && (salvage.id.is_some() || salvage.root_password.is_some())
        {
            return self.record_salvage(name, salvage).await;
        }
        let is_taken = error.code() == Some(&ErrorCode::UniquenessError);
        let may_exist = is_taken || error.may_have_taken_effect();
        if may_exist && let Ok(Some(server)) = self.find(name).await {
            return self.adopt(name, &server).await;
        }
        if let Err(error) = self
            .store
            .remove(name.as_str(), Precondition::Reserved)
            .await
        {
            warn!(server = %name, %error, "reservation not removed");
        }
        if may_exist {
            let (name, source) = (name.clone(), Box::new(error));
            return Err(Error::CreateUnconfirmed { name, source });
        }
        let mut selection = self.selection(options);
        let sent = request.server_type.to_string();
        let sent = NamedResource::new(ResourceKind::ServerType, &sent);
        selection.server_type.get_or_insert(sent);
        Err(self.explain(&selection, error).await)
    }
}
