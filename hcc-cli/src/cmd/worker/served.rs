//! One project that a worker serves: a thread with a runtime of its own, so that it shares neither
//! failures nor time with other projects, and all that it logs and measures names it.

use std::convert::Infallible;
use std::fmt::Display;
use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use hcc_core::{
    AccountAuthorizer, Project, ProjectName, ProjectScope, Service, WorkerHandle, WorkerPhase,
    WorkerStatus,
};
use hcc_queue::Queue;
use hcc_store::{Accounts, Store};
use hcloud_api::RetryPolicy;
use metrics::set_default_local_recorder;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};
use tracing::{error, error_span, info, warn};

use super::Behavior;
use crate::config::{Config, Flags};
use crate::error::{CliError, Exit, Result};
use crate::hint;
use crate::monitor::Recorder;
use crate::platform::{log, systemd};

/// The delays between attempts to open a database that is unavailable.
const MIN_RETRY_DELAY: Duration = Duration::from_millis(500);
const MAX_RETRY_DELAY: Duration = Duration::from_secs(30);

/// How long the queue may take to count its commands.
const COUNT_TIMEOUT: Duration = Duration::from_secs(5);

/// A project, as the parts of the process share it.
#[derive(Debug)]
pub(crate) struct Served {
    name: Option<ProjectName>,
    config: Config,
    flags: Flags,
    behavior: Behavior,
    state: Mutex<State>,
    /// Notified after each change of the state.
    changed: Arc<Notify>,
}

/// What a project does at the moment.
#[derive(Debug)]
enum State {
    /// It waits for a database.
    Opening(String),
    Working {
        status: WorkerStatus,
        requests: Requests,
    },
    /// It has failed.
    Failed(String),
    Stopped,
}

/// What other parts of the process ask of a project.
#[derive(Clone, Debug)]
struct Requests {
    reload: mpsc::UnboundedSender<Reloading>,
    record: mpsc::UnboundedSender<oneshot::Sender<()>>,
}

/// A reload of all projects; dropping the last clone reports to systemd that it has ended.
#[derive(Clone, Debug)]
pub(super) struct Reloading(#[expect(dead_code, reason = "it is dropped")] Arc<EndOfReload>);

#[derive(Debug)]
struct EndOfReload;

impl Reloading {
    pub(super) fn begin() -> Self {
        systemd::reloading();
        Self(Arc::new(EndOfReload))
    }
}

impl Drop for EndOfReload {
    fn drop(&mut self) {
        systemd::ready();
    }
}

impl Served {
    pub(super) fn new(
        config: Config,
        flags: Flags,
        behavior: Behavior,
        changed: Arc<Notify>,
    ) -> Result<Self> {
        Ok(Self {
            name: config.project_name()?,
            config,
            flags,
            behavior,
            state: Mutex::new(State::Opening("starting".to_owned())),
            changed,
        })
    }

    /// Starts a thread that serves the project until `stop` is true; the future waits for its end.
    ///
    /// If it is not alone, its failure is logged, as the process goes on.
    pub(super) fn start(
        self: &Arc<Self>,
        stop: watch::Receiver<bool>,
        recorder: Option<Recorder>,
        is_alone: bool,
    ) -> Result<impl Future<Output = Result<()>> + use<>> {
        let (sender, ended) = oneshot::channel();
        let served = self.clone();
        self.set(State::Opening("starting".to_owned()));
        let thread = thread::Builder::new().name("project".to_owned());
        thread.spawn(move || {
            // The receiver is gone if the process ends at once.
            let _ = sender.send(served.serve(stop, recorder, is_alone));
        })?;
        let served = self.clone();
        Ok(async move {
            let ended = ended.await.unwrap_or_else(|_| {
                let message = "the worker panicked";
                Err(CliError::new(Exit::Failed, "panic", message))
            });
            served.set(match &ended {
                Ok(()) => State::Stopped,
                Err(error) => State::Failed(error.message()),
            });
            ended
        })
    }

    fn serve(
        &self,
        stop: watch::Receiver<bool>,
        recorder: Option<Recorder>,
        is_alone: bool,
    ) -> Result<()> {
        let name = self.name.as_ref().map(ProjectName::as_str);
        let _span = name.map(|project| error_span!("project", project).entered());
        let recorder = recorder.map(|recorder| recorder.of_project(name));
        let _recorder = recorder.as_ref().map(|it| set_default_local_recorder(it));
        if recorder.is_some() {
            hcc_core::metrics::describe();
        }
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build()?;
        let ended = runtime.block_on(self.work(stop));
        ended.map_err(|error| {
            let error = not_accepted(error, &self.config);
            let is_for_people = is_alone && !log::is_for_programs();
            if is_for_people || error.message().is_empty() {
                return error;
            }
            error!(
                error = error.message(),
                error.code = error.code(),
                hint = error.hint,
                "worker failed"
            );
            match is_alone {
                true => CliError::silent(error.exit()),
                false => error,
            }
        })
    }

    async fn work(&self, mut stop: watch::Receiver<bool>) -> Result<()> {
        let config = &self.config;
        let shutdown = async {
            // Without a sender, the process ends.
            let _ = stop.wait_for(|stops| *stops).await;
        };
        let mut shutdown = std::pin::pin!(shutdown);
        let databases = tokio::select! {
            opened = self.open_databases() => opened?,
            () = &mut shutdown => return Ok(()),
        };
        let Databases {
            store,
            accounts,
            scope,
            queue,
        } = databases;
        let client = config.service_client(config.token()?)?;
        let project = Project::new(client, store, config.settings.clone());
        let authorizer = AccountAuthorizer::new(accounts.clone()).in_project(scope.clone());
        let authorizer = match self.behavior.requires_user {
            true => authorizer.require_user(),
            false => authorizer,
        };
        let settings = config.clone();
        let worker = hcc_core::Worker::new(project, queue.clone())
            .with_config(self.behavior.config.clone())
            .with_hints(move |error| hint::in_project(error, &settings))
            .with_authorizer(Arc::new(authorizer))
            .with_catalog(accounts, scope);
        let handle = worker.handle();
        let (reload, mut reloads) = mpsc::unbounded_channel();
        let (record, mut records) = mpsc::unbounded_channel();
        self.set(State::Working {
            status: handle.status(),
            requests: Requests { reload, record },
        });
        let reload = async {
            while let Some(_reloading) = reloads.recv().await {
                self.reload_now(&handle).await;
            }
            pending::<Infallible>().await
        };
        let record = async {
            while let Some(recorded) = records.recv().await {
                hcc_core::metrics::record_worker(&handle.status());
                // The last depth stays if the queue does not respond.
                let counted = hcc_core::metrics::record_queue(&queue, None);
                let _ = timeout(COUNT_TIMEOUT, counted).await;
                // The request may have been given up.
                let _ = recorded.send(());
            }
            pending::<Infallible>().await
        };
        tokio::select! {
            ended = worker.run(shutdown) => Ok(ended?),
            never = self.follow(handle.clone()) => match never? {},
            never = reload => match never {},
            never = record => match never {},
        }
    }

    /// Keeps the state up to date.
    async fn follow(&self, mut worker: WorkerHandle) -> Result<Infallible> {
        let mut is_running = false;
        while let Some(new) = worker.changed().await {
            if new.phase == WorkerPhase::Running && !is_running {
                let (queue, records) = (self.config.queue_url()?, self.config.store_url()?);
                info!(%queue, %records, "serving the queue");
                is_running = true;
            }
            if let State::Working { status, .. } = &mut *self.lock() {
                *status = new;
            }
            self.changed.notify_one();
        }
        pending().await
    }

    /// Opens the records, the users and the commands, and waits for those that are unavailable.
    async fn open_databases(&self) -> Result<Databases> {
        let config = &self.config;
        let (queue, records) = (config.queue_url()?, config.store_url()?);
        let (users, scope) = config.accounts()?;
        let store = async || config.store().await;
        let accounts = async || Ok(hcc_store::open_accounts(&users).await?);
        Ok(Databases {
            store: self.open(Service::Store, &records, store).await?,
            accounts: self.open(Service::Store, &users, accounts).await?,
            scope,
            queue: {
                let open = async || config.queue().await;
                self.open(Service::Queue, &queue, open).await?
            },
        })
    }

    /// Opens a database, and waits while it is unavailable.
    async fn open<T>(
        &self,
        service: Service,
        address: &impl Display,
        open: impl AsyncFn() -> Result<T>,
    ) -> Result<T> {
        let mut delay = MIN_RETRY_DELAY;
        loop {
            let error = match open().await {
                Ok(opened) => return Ok(opened),
                Err(error) if error.exit() == Exit::TryLater => error,
                Err(error) => return Err(error),
            };
            if delay == MIN_RETRY_DELAY {
                let error = error.message();
                warn!(service = service.as_str(), %address, error, "unavailable, retrying");
            }
            self.set(State::Opening(format!(
                "waiting for the {service}: {error}"
            )));
            sleep(delay).await;
            delay = (2 * delay).min(MAX_RETRY_DELAY);
        }
    }

    /// Reads token and settings again; keeps the old ones if the new ones are not valid.
    async fn reload_now(&self, worker: &WorkerHandle) {
        if let Err(error) = reload(&self.config, &self.flags, worker).await {
            error!(
                error = error.message(),
                error.code = error.code(),
                hint = error.hint,
                "reload failed"
            );
        }
    }

    /// Reloads token and settings of the project, if it works.
    pub(super) fn reload(&self, reloading: &Reloading) {
        if let State::Working { requests, .. } = &*self.lock() {
            // It may just have ended.
            let _ = requests.reload.send(reloading.clone());
        }
    }

    /// Records the metrics that have to be read first, if the project works.
    pub(crate) async fn record(&self) {
        let (sender, recorded) = oneshot::channel();
        if let State::Working { requests, .. } = &*self.lock() {
            // It may just have ended.
            let _ = requests.record.send(sender);
        }
        // Without an answer, the last values stay.
        let _ = timeout(COUNT_TIMEOUT, recorded).await;
    }

    /// Whether it has begun to take commands.
    pub(super) fn is_running(&self) -> bool {
        matches!(&*self.lock(), State::Working { status, .. } if status.phase == WorkerPhase::Running)
    }

    /// Whether it takes commands, and all it needs is available.
    pub(crate) fn is_ready(&self) -> bool {
        match &*self.lock() {
            State::Working { status, .. } => {
                status.phase == WorkerPhase::Running && status.unavailable.is_empty()
            }
            _ => false,
        }
    }

    fn status(&self) -> String {
        match &*self.lock() {
            State::Opening(status) => status.clone(),
            State::Working { status, .. } => status.to_string(),
            State::Failed(why) => format!("failed: {why}"),
            State::Stopped => "stopped".to_owned(),
        }
    }

    fn set(&self, state: State) {
        *self.lock() = state;
        self.changed.notify_one();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns a line about each project: what it does at the moment.
pub(crate) fn lines(projects: &[Arc<Served>]) -> Vec<String> {
    let line = |served: &Arc<Served>| match &served.name {
        Some(name) if projects.len() > 1 => format!("{name}: {}", served.status()),
        _ => served.status(),
    };
    projects.iter().map(line).collect()
}

struct Databases {
    store: Arc<dyn Store>,
    accounts: Arc<dyn Accounts>,
    scope: ProjectScope,
    queue: Queue,
}

async fn reload(old: &Config, flags: &Flags, worker: &WorkerHandle) -> Result<()> {
    let flags = flags.clone();
    // A token_command may take a while.
    let read = spawn_blocking(move || {
        let config = Config::load(flags)?;
        let token = config.token()?;
        Ok::<_, CliError>((config, token))
    });
    let (config, token) = read.await??;
    let client = config.service_client(token.clone())?;
    match client.with_retry(RetryPolicy::never()).check_token().await {
        Err(error) if !error.is_retryable() => return Err(not_accepted(error.into(), &config)),
        // The worker checks it again when it uses it.
        _ => {}
    }
    let identity = |config: &Config| {
        let urls = (config.store_url()?, config.queue_url()?);
        Ok::<_, CliError>((urls, config.accounts()?))
    };
    if client.endpoint() != worker.endpoint() || identity(&config)? != identity(old)? {
        warn!("another endpoint, store, queue, project or accounts is used after a restart");
    }
    Ok(worker.reload(token, config.settings)?)
}

/// Says where a token that the API rejects comes from.
fn not_accepted(error: CliError, config: &Config) -> CliError {
    let error = error.in_project(config);
    let api = error.cause().and_then(hcc_core::Error::api);
    if api.is_some_and(hcloud_api::Error::is_token_rejected) {
        return error.context("Hetzner does not accept the API token");
    }
    error
}
