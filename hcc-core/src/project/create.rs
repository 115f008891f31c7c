//! `create`: at most one server of a name, and no record of a failed creation.

use std::vec;

use hcc_store::{NoPassword, Patch, Precondition, Stage, StoreExt};
use hcloud_api::{
    Action, ChangeServerProtection, CreatePublicNet, CreateServer, ErrorCode, FirewallId, IdOrName,
    IpType, Labels, NetworkId, PlacementGroupId, Price, Pricing, Salvage, ServerCreated, ServerId,
    SshKeyId, TypePrice, VolumeId,
};
use secrecy::SecretString;
use tracing::warn;

use super::Project;
use super::adopt::is_protected;
use super::catalog::{Choice, id_or_name};
use super::guard::check_prefix;
use super::offers::{NamedResource, Selection};
use super::snapshot::{actions, snapshot};
use crate::{CreateOptions, Error, PricedPlace, ResourceKind, Result, ServerName};

/// The outcome of a creation.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CreateOutcome {
    /// A server was created; these actions are still running.
    Created(Vec<Action>),
    /// A managed server of this name existed already, and is running.
    Adopted,
    /// A managed server of this name existed already, but is not running yet. If these actions
    /// succeed, create again to check that it is.
    Resumed(Vec<Action>),
}

/// The progress of a creation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CreateProgress {
    /// This type is requested in this location; those before were sold out.
    Requesting {
        /// The server type.
        server_type: String,
        /// The location; `None` if Hetzner chooses it.
        location: Option<String>,
    },
}

/// The complete options of a creation, with the price.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Quote {
    /// The options, with defaults for those that were unset.
    pub options: CreateOptions,
    /// The price of the server, if its location is known.
    pub price: Option<TypePrice>,
    /// The price of the server with its IPv4 address and backups; `None` if that of one of them is
    /// unknown.
    pub total: Option<TotalPrice>,
    /// The currency of the prices, such as `EUR`, if it could be fetched.
    pub currency: Option<String>,
}

/// The price of a server with its IPv4 address and backups, with VAT.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct TotalPrice {
    /// The price per hour begun, up to the monthly price.
    pub hourly_gross: f64,
    /// The maximum price per month, without additional traffic.
    pub monthly_gross: f64,
}

impl TotalPrice {
    fn new(
        options: &CreateOptions,
        server: &TypePrice,
        location: &str,
        pricing: &Pricing,
    ) -> Option<Self> {
        let gross = |price: &Price| price.gross.as_ref()?.to_f64();
        let mut hourly = gross(&server.price_hourly)?;
        let mut monthly = gross(&server.price_monthly)?;
        if options.backups {
            let percentage = pricing.server_backup.percentage.as_ref()?.to_f64()?;
            hourly += hourly * percentage / 100.0;
            monthly += monthly * percentage / 100.0;
        }
        if !options.without_ipv4 {
            let mut addresses = pricing.primary_ips.iter();
            let prices = addresses.find(|it| it.kind == IpType::Ipv4)?;
            let price = prices.prices.iter().find(|it| it.location == location)?;
            hourly += gross(price.price_hourly.as_ref()?)?;
            monthly += gross(&price.price_monthly)?;
        }
        Some(Self {
            hourly_gross: hourly,
            monthly_gross: monthly,
        })
    }
}

/// The resources that a new server is attached to.
#[derive(Default)]
pub(super) struct Surroundings {
    pub(super) networks: Vec<NetworkId>,
    pub(super) firewalls: Vec<FirewallId>,
    pub(super) volumes: Vec<VolumeId>,
    pub(super) placement_group: Option<PlacementGroupId>,
}

const PROTECTED: ChangeServerProtection = ChangeServerProtection {
    delete: Some(true),
    rebuild: Some(true),
};

/// The maximum number of types and locations that are tried for one server.
const MAX_PLACES: usize = 12;

impl Project {
    /// Creates a server and records it with its root password.
    ///
    /// Safe to repeat: a managed server of this name is adopted, and started if it failed to start.
    /// Whatever fails, there is at most one server of this name, and a failed creation leaves no
    /// record.
    ///
    /// If the type is sold out, the next cheapest location is tried, unless one is requested; then
    /// the next cheapest type, unless one is requested. Of several requested types and locations, all
    /// locations are tried with a type before the next type.
    ///
    /// # Errors
    ///
    /// The name lacks the prefix, the request to Hetzner fails, or
    /// [`Error::CreateUnconfirmed`] if the outcome of the request is unknown. A server that has the
    /// name leads to
    ///
    /// - [`Error::BeingDeleted`] until its deletion has ended,
    /// - [`Error::NameTaken`] if it is not managed,
    /// - [`Error::Differs`] if it is not what was requested,
    /// - [`Error::NotRunning`] if it was switched off, or is in a state that cannot be waited for.
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
        self.create_with_progress(name, options, |_| {}).await
    }

    /// Does the same as [`create`](Self::create), and reports the progress.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    ///
    /// # Cancel safety
    ///
    /// As [`create`](Self::create).
    pub async fn create_with_progress(
        &self,
        name: &ServerName,
        options: &CreateOptions,
        progress: impl FnMut(CreateProgress) + Send,
    ) -> Result<CreateOutcome> {
        let choices = self.selections(options)?;
        self.create_first(name, options, choices, progress).await
    }

    /// Does the same as [`create`](Self::create), in the first of these places that is not sold out.
    pub(crate) async fn create_in(
        &self,
        name: &ServerName,
        options: &CreateOptions,
        places: &[PricedPlace],
    ) -> Result<CreateOutcome> {
        let selections = self.selections(options)?;
        let places = places.iter().take(MAX_PLACES * selections.len());
        let choices = places.map(|place| {
            let selection = selections[0].clone();
            selection.at(&place.server_type, place.location.as_deref())
        });
        let choices = choices.collect();
        self.create_first(name, options, choices, |_| {}).await
    }

    /// Creates a server of the first of these choices that Hetzner can provide.
    async fn create_first(
        &self,
        name: &ServerName,
        options: &CreateOptions,
        choices: Vec<Selection>,
        mut progress: impl FnMut(CreateProgress) + Send,
    ) -> Result<CreateOutcome> {
        check_prefix(name, &self.settings)?;
        if let Some(server) = self.find(name).await? {
            return Box::pin(self.adopt(name, &server, options)).await;
        }
        let mut choices = choices.into_iter();
        let (mut choice, mut request) = self.next_choice(name, options, &mut choices).await?;

        // The records must be writable before money is spent: the response has the only copy of
        // the root password.
        if options.backups || options.protect {
            self.note_incomplete(name).await?;
        }
        if !self.store.reserve(name.as_str()).await? {
            self.vacate(name).await?;
            self.store.reserve(name.as_str()).await?;
        }
        let mut alternatives = None;
        loop {
            let location = request.location.as_ref().map(ToString::to_string);
            progress(CreateProgress::Requesting {
                server_type: request.server_type.to_string(),
                location,
            });
            let error = match self.api.servers().create(&request).await {
                Ok(created) => return self.record(name, &request, created).await,
                Err(error @ hcloud_api::Error::DryRun { .. }) => {
                    return Err(self.unsent(options, error).await);
                }
                Err(error) => error,
            };
            let is_sold_out = error.is_out_of_capacity();
            if is_sold_out {
                let next = self.next_request(name, options, &choice, &request, &mut alternatives);
                if let Some(next) = next.await {
                    request = next;
                    continue;
                }
            }
            if choices.len() > 0 && (is_sold_out || error.may_succeed_elsewhere()) {
                match self.next_choice(name, options, &mut choices).await {
                    Ok(next) => {
                        (choice, request) = next;
                        alternatives = None;
                        continue;
                    }
                    // Hetzner's error says more.
                    Err(Error::NoTypeAvailable { .. }) => {}
                    Err(error) => {
                        self.release(name).await;
                        return Err(error);
                    }
                }
            }
            let resolved = self.resolve_failure(name, options, &choice, &request, error);
            return Box::pin(resolved).await;
        }
    }

    /// Returns the next choice for which there is something to request, and the request.
    async fn next_choice(
        &self,
        name: &ServerName,
        options: &CreateOptions,
        choices: &mut vec::IntoIter<Selection>,
    ) -> Result<(Selection, CreateServer)> {
        loop {
            let choice = choices.next().expect("there is another choice");
            match self.request(name, options, &choice).await {
                Err(Error::NoTypeAvailable { .. }) if choices.len() > 0 => {}
                request => return Ok((choice, request?)),
            }
        }
    }

    /// Returns what [`create`](Self::create) would create, and its price.
    ///
    /// # Errors
    ///
    /// A requested resource does not exist, or the request to Hetzner fails.
    pub async fn quote(&self, name: &ServerName, options: &CreateOptions) -> Result<Quote> {
        let first = self.selections(options)?.swap_remove(0);
        let request = self.request(name, options, &first).await?;
        let server_type = request.server_type.to_string();
        let location = request.location.as_ref().map(ToString::to_string);
        let server_types = self.api.server_types();
        let (found, pricing) = tokio::join!(server_types.find(&server_type), self.api.pricing());
        let place = found?.zip(location.as_deref());
        let price = place.and_then(|(found, location)| found.price(location).cloned());
        let pricing = pricing.ok();
        let known = price
            .as_ref()
            .zip(location.as_deref())
            .zip(pricing.as_ref());
        let total = known.and_then(|((price, location), pricing)| {
            TotalPrice::new(options, price, location, pricing)
        });
        Ok(Quote {
            options: CreateOptions {
                server_type: Some(server_type),
                image: Some(request.image.to_string()),
                location,
                ..options.clone()
            },
            price,
            total,
            currency: pricing.map(|pricing| pricing.currency),
        })
    }

    /// Enables what a new server gets after its creation has ended: backups and protection. The
    /// returned actions are usually still running. Safe to repeat.
    ///
    /// # Errors
    ///
    /// The server is missing or not managed, or a request to Hetzner fails.
    pub async fn complete(
        &self,
        name: &ServerName,
        options: &CreateOptions,
    ) -> Result<Vec<Action>> {
        let mut actions = Vec::new();
        if !options.backups && !options.protect {
            return Ok(actions);
        }
        let server = self.find_managed(name).await?;
        let servers = self.api.servers();
        if options.backups && server.backup_window.is_none() {
            let enabled = servers.enable_backup(server.id).await?;
            self.api.wait([enabled]).await?;
        }
        if options.protect && !is_protected(&server) {
            actions.push(servers.change_protection(server.id, &PROTECTED).await?);
        }
        Ok(actions)
    }

    /// Adds to the creation that a dry run does not send what [`complete`](Self::complete) would.
    async fn unsent(&self, options: &CreateOptions, creation: hcloud_api::Error) -> Error {
        let (servers, unknown) = (self.api.servers(), ServerId::new(0));
        let mut completion = Vec::new();
        if options.backups {
            completion.extend(servers.enable_backup(unknown).await.err());
        }
        if options.protect {
            let protected = servers.change_protection(unknown, &PROTECTED).await;
            completion.extend(protected.err());
        }
        for request in &mut completion {
            if let hcloud_api::Error::DryRun { path, .. } = request {
                *path = path.replace("/0/", "/{id}/");
            }
        }
        if completion.is_empty() {
            return creation.into();
        }
        completion.insert(0, creation);
        Error::DryRun {
            requests: completion,
        }
    }

    /// Returns the request to Hetzner, with defaults for unset options.
    ///
    /// The future is boxed, since it is part of several large ones.
    async fn request(
        &self,
        name: &ServerName,
        options: &CreateOptions,
        selection: &Selection,
    ) -> Result<CreateServer> {
        Box::pin(self.resolved_request(name, options, selection.clone())).await
    }

    async fn resolved_request(
        &self,
        name: &ServerName,
        options: &CreateOptions,
        selection: Selection,
    ) -> Result<CreateServer> {
        let choice = match &selection.server_type {
            Some(wanted) => match &selection.location {
                Some(location) => Choice::new(&wanted.name, Some(&location.name)),
                None => self.cheapest_place(&wanted.name).await?,
            },
            None => self.cheapest(selection.location.as_ref()).await?,
        };
        let chosen = NamedResource::new(ResourceKind::ServerType, &choice.server_type);
        let server_type = selection.server_type.unwrap_or(chosen);
        let image = match selection.image {
            Some(image) => image.name,
            None => self.newest_debian(&server_type).await?,
        };
        let ssh_keys = match options.ssh_keys.as_slice() {
            [] => &self.settings.ssh_keys,
            keys => keys,
        };
        let mut labels = Labels::try_from(options.labels.clone())?;
        labels.insert(&self.settings.label, "1")?;
        let surroundings = self.surroundings(options).await?;
        let volumes = surroundings.volumes;
        Ok(CreateServer {
            location: choice.location.map(Into::into),
            ssh_keys: self.ssh_keys(ssh_keys).await?,
            user_data: options.user_data.clone(),
            labels,
            networks: surroundings.networks,
            firewalls: surroundings.firewalls,
            automount: (!volumes.is_empty()).then_some(true),
            volumes,
            placement_group: surroundings.placement_group,
            public_net: options.without_ipv4.then(|| CreatePublicNet {
                enable_ipv4: false,
                ..CreatePublicNet::default()
            }),
            ..CreateServer::new(
                name.as_str(),
                id_or_name(&server_type.name),
                id_or_name(&image),
            )
        })
    }

    /// Finds the resources that a new server is attached to.
    ///
    /// # Errors
    ///
    /// One of them does not exist, or the request to Hetzner fails.
    pub(super) async fn surroundings(&self, options: &CreateOptions) -> Result<Surroundings> {
        let api = &self.api;
        let mut surroundings = Surroundings::default();
        for name in &options.networks {
            let found = api.networks().resolve(&id_or_name(name)).await?;
            surroundings
                .networks
                .push(existing(found, "network", name)?.id);
        }
        for name in &options.firewalls {
            let found = api.firewalls().resolve(&id_or_name(name)).await?;
            surroundings
                .firewalls
                .push(existing(found, "firewall", name)?.id);
        }
        for name in &options.volumes {
            let found = api.volumes().resolve(&id_or_name(name)).await?;
            surroundings
                .volumes
                .push(existing(found, "volume", name)?.id);
        }
        if let Some(name) = &options.placement_group {
            let found = api.placement_groups().resolve(&id_or_name(name)).await?;
            let group = existing(found, "placement group", name)?;
            surroundings.placement_group = Some(group.id);
        }
        Ok(surroundings)
    }

    /// Returns where a type is the cheapest. If it can be ordered nowhere, Hetzner is asked all the
    /// same, for the reason.
    async fn cheapest_place(&self, server_type: &str) -> Result<Choice> {
        let places = self.places(Some(server_type), None).await?;
        let cheapest = places.into_iter().next();
        Ok(cheapest.unwrap_or_else(|| Choice::new(server_type, None)))
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

    /// Returns the request for the next place, unless type and location were requested.
    async fn next_request(
        &self,
        name: &ServerName,
        options: &CreateOptions,
        selection: &Selection,
        sold_out: &CreateServer,
        places: &mut Option<vec::IntoIter<Choice>>,
    ) -> Option<CreateServer> {
        let server_type = selection.server_type.as_ref().map(|it| it.name.as_str());
        let location = selection.location.as_ref().map(|it| it.name.as_str());
        if server_type.is_some() && location.is_some() {
            return None;
        }
        if places.is_none() {
            let mut found = self.places(server_type, location).await.ok()?;
            found.truncate(MAX_PLACES);
            *places = Some(found.into_iter());
        }
        for place in places.as_mut()? {
            let selection = selection
                .clone()
                .at(&place.server_type, place.location.as_deref());
            // The image may not exist for the architecture of the type.
            if let Ok(request) = self.request(name, options, &selection).await {
                let offer = (&request.server_type, &request.location);
                if offer != (&sold_out.server_type, &sold_out.location) {
                    return Some(request);
                }
            }
        }
        None
    }

    async fn record(
        &self,
        name: &ServerName,
        request: &CreateServer,
        created: ServerCreated,
    ) -> Result<CreateOutcome> {
        let running: Vec<Action> = created.actions().cloned().collect();
        let patch = Patch::new()
            .snapshot(&snapshot(&created.server))
            .stage(Stage::Created);
        let password = created.root_password;
        self.record_created(name, request, patch, password, &running)
            .await?;
        Ok(CreateOutcome::Created(running))
    }

    /// Records the root password of a new server, or why there is none, and its actions.
    async fn record_created(
        &self,
        name: &ServerName,
        request: &CreateServer,
        patch: Patch,
        password: Option<SecretString>,
        running: &[Action],
    ) -> Result<()> {
        let mut patch = patch.created(password.as_ref(), &actions(running));
        if password.is_none() {
            patch = patch.no_password(&reason(request));
        }
        let recorded = self.persist(name.as_str(), patch).await;
        recorded.map_err(|source| Error::Unrecorded {
            name: name.clone(),
            password,
            source,
        })
    }

    /// Notes why a server has no root password whose creation got no readable response.
    async fn note_lost_password(&self, name: &ServerName, request: &CreateServer) -> Result<()> {
        let record = self.store.get(name.as_str()).await?;
        if record.is_some_and(|record| record.pw.is_none()) {
            let patch = Patch::new().no_password(&reason(request));
            self.store.update(name.as_str(), patch).await?;
        }
        Ok(())
    }

    /// Records a server whose response could not be decoded: the password first, which cannot be
    /// requested again.
    async fn record_salvage(
        &self,
        name: &ServerName,
        request: &CreateServer,
        salvage: &Salvage,
    ) -> Result<CreateOutcome> {
        let started = self.api.actions().list(&salvage.actions).await;
        let known = started.as_deref().unwrap_or_default();
        let mut patch = Patch::new().stage(Stage::Created);
        if let Some(id) = salvage.id {
            patch = patch.id(id);
        }
        let password = salvage.root_password.clone();
        self.record_created(name, request, patch, password, known)
            .await?;
        if let Ok(Some(server)) = self.find(name).await {
            let patch = Patch::new().snapshot(&snapshot(&server));
            if let Err(error) = self.store.set(name.as_str(), patch).await {
                warn!(server = %name, %error, "record not completed");
            }
        }
        Ok(CreateOutcome::Created(started?))
    }

    /// Removes the reservation of a name.
    async fn release(&self, name: &ServerName) {
        let reserved = Precondition::Reserved;
        if let Err(error) = self.store.remove(name.as_str(), reserved).await {
            warn!(server = %name, %error, "reservation not removed");
        }
    }

    /// Determines the outcome of a request that failed or got no response.
    async fn resolve_failure(
        &self,
        name: &ServerName,
        options: &CreateOptions,
        choice: &Selection,
        request: &CreateServer,
        error: hcloud_api::Error,
    ) -> Result<CreateOutcome> {
        let identifies =
            |salvage: &&Salvage| salvage.id.is_some() || salvage.root_password.is_some();
        if let Some(salvage) = error.salvage().filter(identifies) {
            let recorded = self.record_salvage(name, request, salvage).await;
            if recorded.is_err() || !salvage.actions.is_empty() {
                return recorded;
            }
            // Its actions are unknown, so the server shows whether it is ready.
        }
        let is_taken = error.code() == Some(&ErrorCode::UniquenessError);
        let may_exist = is_taken || error.may_have_taken_effect();
        let mut adopted = None;
        if may_exist {
            if let Ok(Some(server)) = self.find(name).await {
                adopted = Some(self.adopt(name, &server, options).await);
                if !is_taken {
                    self.note_lost_password(name, request).await?;
                }
            }
        }
        // An adopted server has a record, which is no reservation.
        self.release(name).await;
        if let Some(outcome) = adopted {
            return outcome;
        }
        if may_exist {
            let (name, source) = (name.clone(), Box::new(error));
            return Err(Error::CreateUnconfirmed { name, source });
        }
        let mut selection = choice.clone();
        let sent = request.server_type.to_string();
        let sent = NamedResource::new(ResourceKind::ServerType, &sent);
        selection.server_type.get_or_insert(sent);
        Err(self.explain(&selection, error).await)
    }
}

/// Returns why a server has no root password if the response has none.
fn reason(request: &CreateServer) -> NoPassword {
    match request.ssh_keys.as_slice() {
        [] => NoPassword::Lost,
        _ => NoPassword::Keys,
    }
}

/// Returns a resource, or the error that it does not exist.
fn existing<T>(found: Option<T>, kind: &str, name: &str) -> Result<T> {
    found.ok_or_else(|| Error::NoSuchResource {
        kind: kind.to_owned(),
        name: format!("{name:?}"),
    })
}
