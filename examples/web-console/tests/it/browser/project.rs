//! Simulated projects with workers and a web console.

use std::sync::Arc;
use std::time::Duration;

use hcc_core::{
    AccountAuthorizer, Frontend, Project, ProjectScope, Scope, Settings, Worker, WorkerConfig,
};
use hcc_store::Accounts;
use hcloud_api::Client;
use hcloud_sim::{Builder, Sim};
use serde_json::json;
use tokio::task::JoinSet;

use crate::site::{Database, Site};

pub(super) const LABEL: (&str, &str) = ("managed", "1");

pub(super) struct BrowserProject {
    pub(super) sim: Sim,
    pub(super) site: Site,
    _tasks: JoinSet<hcc_core::Result<()>>,
}

/// The project `shop`, whose database stores the users, and the project `lab`.
pub(super) struct BrowserProjects {
    pub(super) shop: Sim,
    pub(super) lab: Sim,
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
        let sim = start(servers()).await;
        let worker = worker(&sim, &database, &database.accounts, ProjectScope::default()).await;
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

impl BrowserProjects {
    /// Three servers in each, two of which have the same names, and an admin `root`.
    pub(super) async fn start() -> Self {
        let [home, other] = [Database::in_memory(), Database::in_memory()];
        let accounts = home.accounts.clone();
        let [shop, lab] = ["shop", "lab"].map(|name| name.parse().unwrap());
        let test = Sim::builder().server("test-1", &[LABEL, ("env", "test")]);
        let test = test.server("web-1", &[LABEL]).server("web-2", &[LABEL]);
        let [shop_sim, lab_sim] = [start(servers()).await, start(test).await];
        let scope = ProjectScope::Home(Some(shop));
        let workers = [
            worker(&shop_sim, &home, &accounts, scope.clone()).await,
            worker(&lab_sim, &other, &accounts, ProjectScope::Other(lab)).await,
        ];
        let screens = [&shop_sim, &lab_sim].map(|sim| format!("ws://{}", sim.address()));
        let frontend = Frontend::new(other.store, other.queue);
        let site = Site::extended(
            home,
            |settings| settings.screens = screens.join(" "),
            |console| {
                let console = console.in_project(scope);
                console.with_project("lab".parse().unwrap(), frontend)
            },
        )
        .await;
        site.add_user("root", json!({ "admin": true })).await;
        let mut tasks = JoinSet::new();
        for worker in workers {
            tasks.spawn(worker.run(std::future::pending()));
        }
        Self {
            shop: shop_sim,
            lab: lab_sim,
            site,
            _tasks: tasks,
        }
    }
}

fn servers() -> Builder {
    let sim = Sim::builder().server("web-1", &[LABEL, ("env", "prod")]);
    sim.server("web-2", &[LABEL]).server("db-1", &[LABEL])
}

async fn start(sim: Builder) -> Sim {
    sim.speed(20.0).start().await.unwrap()
}

/// A worker of a simulated project, whose servers are in the records.
async fn worker(
    sim: &Sim,
    database: &Database,
    accounts: &Arc<dyn Accounts>,
    scope: ProjectScope,
) -> Worker {
    let api = Client::builder(sim.token()).endpoint(sim.endpoint());
    let project = Project::new(
        api.build().unwrap(),
        database.store.clone(),
        Settings::default(),
    );
    project.sync(&Scope::All, false).await.unwrap();
    let mut config = WorkerConfig::default();
    config.sync_interval = Duration::from_secs(5);
    config.console_ttl = Some(Duration::from_secs(60));
    let authorizer = AccountAuthorizer::new(accounts.clone()).in_project(scope.clone());
    Worker::new(project, database.queue.clone())
        .with_config(config)
        .with_authorizer(Arc::new(authorizer))
        .with_catalog(accounts.clone(), scope)
}
