//! What a worker does for each command.

use std::borrow::Cow;
use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hcc_store::{NoPassword, Record};
use hcloud_api::{Action, ImageId, Server, ServerId, ServerStatus};
use secrecy::ExposeSecret;
use serde_json::json;
use tokio::sync::{Mutex, MutexGuard, Notify};
use tokio::time::timeout;
use tracing::warn;

use super::action_poller::ActionPoller;
use super::context::WorkerContext;
use super::custom::Registered;
use super::failure::AttemptError;
use super::refresher::RecordRefresher;
use crate::operation::{Execution, Operation, Snapshot};
use crate::project::delete::ExpectedServer;
use crate::project::delivery::Delivery;
use crate::project::id_or_name;
use crate::{
    Command, CreateOptions, CreateOutcome, CustomRequest, DeleteOutcome, Error, InvalidRequest,
    Power, PricedPlace, Request, Scope, ServerName, SyncOutcome,
};

/// How long a command waits for an action at Hetzner.
const ACTION_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// How long a new root password is kept for the user who requested it.
const SECRET_TTL: Duration = Duration::from_secs(10 * 60);

/// What the outcome of a command that succeeded says in addition.
pub(super) type Note = Option<Cow<'static, str>>;

/// Executes commands.
#[derive(Debug)]
pub(super) struct Executor {
    pub(super) context: Arc<WorkerContext>,
    pub(super) action_poller: ActionPoller,
    pub(super) refresher: RecordRefresher,
    pub(super) console_created: Arc<Notify>,
    /// Held while a server is created within the limits of a user.
    pub(super) creating: Mutex<()>,
}

impl Executor {
    /// Executes a command.
    pub(super) async fn execute(
        &self,
        request: &Request,
        delivery: &Delivery,
    ) -> Result<Note, AttemptError> {
        let context = &self.context;
        let Some(server) = &request.server else {
            context.authorizer.check(request, None).await?;
            context.sync_all().await?;
            return Ok(None);
        };
        let record = context.store().get(server.as_str()).await?;
        self.authorize(request, server, record.as_ref()).await?;
        match &request.command {
            Command::Sync | Command::SyncAll => self.sync(server, record.is_some()).await?,
            Command::Power(power) => self.power(server, *power, delivery).await?,
            Command::Console => {
                context.project().console(server).await?;
                self.publish(server, SyncOutcome::Updated).await;
                self.console_created.notify_one();
            }
            Command::Kill { id } => {
                let recorded = record.and_then(|record| record.id);
                let before = ExpectedServer::Before(delivery.pushed, recorded);
                let expected = id.map_or(before, ExpectedServer::Id);
                return Box::pin(self.delete(server, expected, delivery)).await;
            }
            Command::Create(options) => {
                if let Some(image) = &options.image {
                    self.check_image(request, image, None).await?;
                }
                if !context.authorizer.limits_create(request).await? {
                    return Box::pin(self.create_complete(server, options, None, delivery)).await;
                }
                // Two commands must not fill the same room.
                let _creating = self.creating.lock().await;
                let places = self.within_limits(request, options).await?;
                let create = self.create_complete(server, options, Some(&places), delivery);
                return Box::pin(create).await;
            }
            Command::Settag => {
                let project = context.project();
                project.find_managed(server).await?;
                project.manage(server).await?;
                self.publish(server, SyncOutcome::Updated).await;
            }
            Command::Deltag => {
                context.project().unmanage(server).await?;
                self.publish(server, SyncOutcome::Updated).await;
            }
            Command::Operation(operation) => {
                return Box::pin(self.operate(request, server, operation, delivery)).await;
            }
        }
        Ok(None)
    }

    /// Creates a server with its backups and protection, in one of these places if there are any.
    async fn create_complete(
        &self,
        server: &ServerName,
        options: &CreateOptions,
        places: Option<&[PricedPlace]>,
        delivery: &Delivery,
    ) -> Result<Note, AttemptError> {
        let note = self.create(server, options, places, delivery).await?;
        if options.backups || options.protect {
            let started = self.context.project().complete(server, options).await?;
            self.wait(started).await?;
            if let Err(error) = self.refresher.sync(server).await {
                // The next periodic sync updates the record.
                warn!(%server, error = error.failure.message, "record not synced");
            }
        }
        Ok(note)
    }

    /// Executes an operation, and hands over a new root password.
    async fn operate(
        &self,
        request: &Request,
        server: &ServerName,
        operation: &Operation,
        delivery: &Delivery,
    ) -> Result<Note, AttemptError> {
        let context = &self.context;
        let project = context.project();
        let found = project.find_for(server, operation).await?;
        let wait = |actions| -> Pin<Box<dyn Future<Output = crate::Result<()>> + Send + '_>> {
            Box::pin(async { Ok(self.wait(actions).await?) })
        };
        let execution = Execution {
            project: &project,
            name: server,
            server: &found,
            verb: operation.verb(),
            delivery,
            wait: &wait,
        };
        let executed = {
            // Two commands must not fill the same room.
            let _limited = self.limit(request, operation, &found).await?;
            Box::pin(operation.execute(&execution)).await?
        };
        if let Some(password) = &executed.password {
            let secret = json!({
                "password": password.expose_secret(),
                "for": server.as_str(),
                "by": request.by,
            });
            let (id, until) = (delivery.id.as_str(), SystemTime::now() + SECRET_TTL);
            project.persist_secret(id, &secret, until).await?;
        }
        self.wait(executed.actions.clone()).await?;
        if let (Operation::Snapshot(Snapshot::Create { .. }), Some(kept)) =
            (operation, &delivery.schedule)
        {
            project.keep_newest(kept).await?;
        }
        let name = executed.renamed.as_ref().unwrap_or(server);
        project.record_executed(name, &executed).await?;
        if name != server {
            self.publish(server, SyncOutcome::Removed).await;
        }
        if executed.changes_images || name != server {
            self.publish(name, SyncOutcome::Updated).await;
        }
        if let Err(error) = self.refresher.sync(name).await {
            // The next periodic sync updates the record.
            warn!(server = %name, error = error.failure.message, "record not synced");
        }
        executed.require_password(name)?;
        Ok(executed.note.map(Into::into))
    }

    /// Checks the limits of a user for an operation that costs. No other one is checked until the
    /// returned guard is dropped.
    async fn limit(
        &self,
        request: &Request,
        operation: &Operation,
        found: &Server,
    ) -> Result<Option<MutexGuard<'_, ()>>, AttemptError> {
        let context = &self.context;
        let authorizer = &context.authorizer;
        match operation {
            Operation::Resize(resize) => {
                if !authorizer.limits_create(request).await? {
                    return Ok(None);
                }
                let guard = self.creating.lock().await;
                let project = context.project();
                let types = project.api.server_types();
                let found_type = types.resolve(&id_or_name(&resize.r#type)).await;
                let found_type = found_type.map_err(Error::from)?;
                let location = found.location.as_ref().map(|location| &*location.name);
                let monthly = found_type
                    .as_ref()
                    .zip(location)
                    .and_then(|(it, location)| {
                        it.price(location)?.price_monthly.gross.as_ref()?.to_f64()
                    });
                let name = found_type.as_ref().map(|found| &*found.name);
                let place = PricedPlace {
                    location: location.map(str::to_owned),
                    monthly,
                    ..PricedPlace::new(name.unwrap_or(&resize.r#type))
                };
                let records = context.store().list().await?;
                authorizer
                    .check_create(request, vec![place], &records)
                    .await?;
                Ok(Some(guard))
            }
            Operation::Snapshot(Snapshot::Create { .. }) => {
                let records = context.store().list().await?;
                let Some(counted) = authorizer.limits_snapshots(request, &records).await? else {
                    return Ok(None);
                };
                let guard = self.creating.lock().await;
                let saved = context.project().saved_images().await?;
                let mut counted: HashSet<u64> = counted.into_iter().collect();
                counted.insert(found.id.number());
                let existing = saved.snapshots_of(counted.into_iter());
                authorizer.check_snapshot(request, existing).await?;
                Ok(Some(guard))
            }
            Operation::Rebuild(rebuild) => {
                let image = &rebuild.image;
                self.check_image(request, image, Some(found.id)).await?;
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    /// Checks that the user may read an image if it is a snapshot or backup of another server.
    async fn check_image(
        &self,
        request: &Request,
        image: &str,
        own: Option<ServerId>,
    ) -> Result<(), AttemptError> {
        let context = &self.context;
        let Ok(id) = image.parse().map(ImageId::new) else {
            return Ok(());
        };
        let images = context.project().api.images().try_get(id).await;
        let found = images.map_err(Error::from)?;
        let origin = found.and_then(|image| image.created_from);
        let origin = origin.map(|origin| origin.id);
        let Some(origin) = origin.filter(|origin| Some(*origin) != own) else {
            return Ok(());
        };
        let records = context.store().list().await?;
        let is_origin = |record: &&Record| record.id == Some(origin.number());
        let origin = records.iter().find(is_origin);
        let checked = context.authorizer.check_image(request, image, origin);
        Ok(checked.await?)
    }

    /// Asks the authorizer, with the labels that the server has now if they matter.
    pub(super) async fn authorize(
        &self,
        request: &Request,
        server: &ServerName,
        record: Option<&Record>,
    ) -> Result<(), AttemptError> {
        let WorkerContext { authorizer, .. } = &*self.context;
        if !authorizer.needs_labels(request).await? {
            return Ok(authorizer.check(request, record).await?);
        }
        let found = self.context.project().find(server).await?;
        let current = with_labels(record, server, found.as_ref());
        Ok(authorizer.check(request, Some(&current)).await?)
    }

    /// Executes a command of another program.
    pub(super) async fn execute_custom(
        self: &Arc<Self>,
        custom: &Registered,
        queued: &hcc_queue::Command,
        delivery: &Delivery,
    ) -> Result<Option<String>, AttemptError> {
        let context = &self.context;
        let name: ServerName = queued.server.parse().map_err(InvalidRequest::from)?;
        let found = context.project().find(&name).await?;
        let record = context.store().get(name.as_str()).await?;
        let request = CustomRequest {
            verb: custom.verb,
            permission: custom.permission,
            server: &name,
            by: queued.by.as_deref(),
        };
        let current = with_labels(record.as_ref(), &name, found.as_ref());
        context
            .authorizer
            .check_custom(&request, Some(&current))
            .await?;
        let server = found.ok_or_else(|| Error::NoSuchServer { name: name.clone() })?;
        let project = context.project();
        project.guard.check(&server, &project.settings)?;
        let done = custom.run(self, queued, server, delivery.is_repeated).await;
        if let Err(error) = self.refresher.sync(&name).await {
            // The next periodic sync updates the record.
            warn!(server = %name, error = error.failure.message, "record not synced");
        }
        done
    }

    async fn sync(&self, server: &ServerName, is_recorded: bool) -> Result<(), AttemptError> {
        if !is_recorded {
            self.context.project().find_managed(server).await?;
        }
        match self.refresher.sync(server).await? {
            SyncOutcome::Unknown => Err(Error::NoSuchServer {
                name: server.clone(),
            }
            .into()),
            // Its own request fails with the reason.
            SyncOutcome::Unreadable => {
                Ok((self.context.project().find_managed(server).await).map(drop)?)
            }
            _ => Ok(()),
        }
    }

    async fn power(
        &self,
        server: &ServerName,
        power: Power,
        delivery: &Delivery,
    ) -> Result<(), AttemptError> {
        let project = self.context.project();
        let action = if Command::Power(power).is_unrepeatable() {
            project.power_once(server, power, delivery).await?
        } else {
            project.power(server, power).await?
        };
        self.wait(vec![action]).await?;
        self.refresh(server, power.leads_to()).await;
        Ok(())
    }

    async fn create(
        &self,
        server: &ServerName,
        options: &CreateOptions,
        places: Option<&[PricedPlace]>,
        delivery: &Delivery,
    ) -> Result<Note, AttemptError> {
        let project = self.context.project();
        let note = loop {
            let outcome = match places {
                Some(places) => project.create_in(server, options, places).await?,
                None => project.create(server, options).await?,
            };
            self.publish(server, SyncOutcome::Adopted).await;
            match outcome {
                CreateOutcome::Created(actions) => {
                    self.wait(actions).await?;
                    break self.lost_password_note(server).await?;
                }
                CreateOutcome::Adopted => {
                    let lost = self.lost_password_note(server).await?;
                    let note = lost.or(self.password_note(server, options).await?);
                    // An earlier delivery may have created it.
                    let existed = (!delivery.is_repeated).then_some("the server already existed");
                    break note.or(existed.map(Into::into));
                }
                CreateOutcome::Resumed(actions) => self.wait(actions).await?,
            }
        };
        self.refresh(server, ServerStatus::Running).await;
        Ok(note)
    }

    /// Returns where a new server may be created within the limits of the user.
    async fn within_limits(
        &self,
        request: &Request,
        options: &CreateOptions,
    ) -> Result<Vec<PricedPlace>, AttemptError> {
        let context = &self.context;
        let places = context.project().priced_places(options).await?;
        let records = context.store().list().await?;
        let allowed = context.authorizer.check_create(request, places, &records);
        Ok(allowed.await?)
    }

    /// Says so if the response to the creation of a server had no root password.
    async fn lost_password_note(&self, server: &ServerName) -> Result<Note, AttemptError> {
        const LOST: &str = "the response to the creation was lost or had no root password; set \
                            another one with passwd";
        let record = self.context.store().get(server.as_str()).await?;
        let is_lost = |it: &Record| it.pw.is_none() && it.nopw == Some(NoPassword::Lost);
        Ok(record.filter(is_lost).map(|_| LOST.into()))
    }

    /// Says so if the root password of an adopted server was lost.
    async fn password_note(
        &self,
        server: &ServerName,
        options: &CreateOptions,
    ) -> Result<Note, AttemptError> {
        let record = self.context.store().get(server.as_str()).await?;
        let is_known = |it: Record| it.pw.is_some() || it.nopw == Some(NoPassword::Keys);
        let has_password = record.is_some_and(is_known);
        let defaults = self.context.project().settings.ssh_keys;
        let is_lost = options.ssh_keys.is_empty() && defaults.is_empty() && !has_password;
        Ok(is_lost.then_some("the server already existed; its root password is unknown".into()))
    }

    async fn delete(
        &self,
        server: &ServerName,
        expected: ExpectedServer,
        delivery: &Delivery,
    ) -> Result<Note, AttemptError> {
        const GONE: Note = Some(Cow::Borrowed("the server was already deleted"));
        let has_id = matches!(expected, ExpectedServer::Id(_));
        match (self.context.project().delete_expected(server, expected)).await {
            Ok(DeleteOutcome::Deleted { id, action }) => {
                if let Err(error) = self.wait(action.iter().cloned().collect()).await {
                    self.restore_status(server).await;
                    return Err(error);
                }
                self.context.pause_schedules_of(server.as_str()).await?;
                let project = self.context.project();
                project.conclude_kill(server, id, action.as_ref()).await?;
                self.publish(server, SyncOutcome::Removed).await;
                Ok(None)
            }
            Ok(DeleteOutcome::Gone) => {
                self.context.pause_schedules_of(server.as_str()).await?;
                self.publish(server, SyncOutcome::Removed).await;
                Ok(GONE)
            }
            // An earlier delivery or another program deleted it.
            Err(Error::NoSuchServer { .. }) if has_id || delivery.is_repeated => {
                self.context.pause_schedules_of(server.as_str()).await?;
                Ok(GONE)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Updates the record of a server whose deletion has failed.
    async fn restore_status(&self, server: &ServerName) {
        let scope = Scope::Recorded(vec![server.clone()]);
        if let Err(error) = self.context.sync(&scope).await {
            // The next periodic sync updates the record.
            let error = &error as &dyn std::error::Error;
            warn!(%server, error, "record not synced");
        }
    }

    /// Waits until all actions have succeeded.
    pub(super) async fn wait(&self, actions: Vec<Action>) -> Result<(), AttemptError> {
        for action in actions {
            let ended = timeout(ACTION_TIMEOUT, self.action_poller.wait(action)).await;
            let action = match ended {
                Ok(Some(action)) => action,
                Ok(None) => return Err(unknown("the action cannot be polled")),
                Err(_) => return Err(unknown("the action did not finish within 15 minutes")),
            };
            // Makes no request, since the action has ended: returns its error, if any.
            let project = self.context.project();
            project.wait(vec![action], ACTION_TIMEOUT, |_| {}).await?;
        }
        Ok(())
    }

    /// Updates the record of a server now, and until it has this status.
    async fn refresh(&self, server: &ServerName, status: ServerStatus) {
        if let Err(error) = self.refresher.sync_until(server, status).await {
            // The command has succeeded; the next periodic sync updates the record.
            warn!(%server, error = error.failure.message, "record not synced");
        }
    }

    async fn publish(&self, server: &ServerName, record: SyncOutcome) {
        self.context.publish_record(server.as_str(), record).await;
    }
}

/// Returns a record with the labels that the server has now.
fn with_labels(record: Option<&Record>, name: &ServerName, found: Option<&Server>) -> Record {
    let mut current = record.cloned().unwrap_or_default();
    current.name = name.to_string();
    current.labels = found.map(|found| {
        let labels = (&found.labels).into_iter();
        labels
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    });
    current
}

fn unknown(why: &str) -> AttemptError {
    AttemptError::transient(&format!("outcome unknown: {why}"), "still_running")
}
