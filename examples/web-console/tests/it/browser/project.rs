//! A simulated project with a worker and a web console.

use std::sync::Arc;
use std::time::Duration;

use hcc_core::{AccountAuthorizer, Project, Scope, Settings, Worker, WorkerConfig};
use hcloud_api::Client;
use hcloud_sim::Sim;
use serde_json::json;
use tokio::task::JoinSet;

use crate::site::{Database, Site};

const LABEL: (&str, &str) = ("managed", "1");

pub(super) struct BrowserProject {
    pub(super) sim: Sim,
    pub(super) site: Site,
    _tasks: JoinSet<hcc_core::Result<()>>,
}

impl BrowserProject {
    /// Three servers, and an admin `root`.
    pub(super) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(super) async fn start_with(set: impl FnOnce(&mut web_console::Settings)) -> Self {
        let database = Database::in_memory();
        let Database {
            store,
            accounts,
            queue,
        } = database.clone();
        let sim = Sim::builder()
            .server("web-1", &[LABEL, ("env", "prod")])
            .server("web-2", &[LABEL]);
        let sim = sim
            .server("db-1", &[LABEL])
            .speed(20.0)
            .start()
            .await
            .unwrap();
        let api = Client::builder(sim.token())
            .endpoint(sim.endpoint())
            .build()
            .unwrap();
        let project = Project::new(api, store, Settings::default());
        project.sync(&Scope::All, false).await.unwrap();
        let mut config = WorkerConfig::default();
        config.sync_interval = Duration::from_secs(5);
        config.console_ttl = Some(Duration::from_secs(60));
        let worker = Worker::new(project, queue)
            .with_config(config)
            .with_authorizer(Arc::new(AccountAuthorizer::new(accounts.clone())))
            .with_catalog(accounts, hcc_core::ProjectScope::default());
        let screens = format!("ws://{}", sim.address());
        let site = Site::of(database, |settings| {
            settings.screens = screens;
            set(settings);
        })
        .await;
        site.add_user("root", json!({ "admin": true })).await;
        let mut tasks = JoinSet::new();
        tasks.spawn(worker.run(std::future::pending()));
        Self {
            sim,
            site,
            _tasks: tasks,
        }
    }

    /// What the screen of a server shows.
    pub(super) async fn screen(&self, server: &str) -> String {
        let record = self.site.store.get(server).await.unwrap();
        let id = record
            .and_then(|record| record.id)
            .expect("the record has an id");
        self.sim.screen(id).unwrap_or_default()
    }
}
