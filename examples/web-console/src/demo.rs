//! `web-console --demo`: a simulated project, worker and web console in one process.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use hcc_console_page::{ConsolePage, Error};
use hcc_core::{
    AccountAuthorizer, Frontend, Permissions, Project, ProjectScope, Scope, Worker, WorkerConfig,
};
use hcc_queue::QueueUrl;
use hcc_store::StoreUrl;
use hcloud_sim::Sim;
use secrecy::ExposeSecret;
use tokio::process::Command;
use tokio::runtime::Runtime;
use tokio::select;
use web_console::{WebConsole, add, generate};

use crate::cli::Site;
use crate::serve::{self, ListenAddress, until_interrupted};

const LABEL: (&str, &str) = ("managed", "1");

/// Runs until Ctrl-C or SIGTERM, and removes its files.
pub(crate) fn run(runtime: Runtime, site: Site) -> anyhow::Result<()> {
    let directory = tempfile::Builder::new().prefix("web-console-").tempdir()?;
    let result = runtime.block_on(until_interrupted(simulate(site, directory.path())));
    // Ends the tasks that would recreate files.
    drop(runtime);
    directory.close()?;
    result
}

async fn simulate(mut site: Site, directory: &Path) -> anyhow::Result<()> {
    fetch_novnc(site.www.as_deref()).await?;
    let file = |name| directory.join(name);
    let store_url = StoreUrl::sqlite(file("hcc.db"));
    let store = hcc_store::open(&store_url).await?;
    let accounts = hcc_store::open_accounts(&store_url).await?;
    let queue = hcc_queue::open(&QueueUrl::sqlite(file("queue.db"))).await?;

    let sim = Sim::builder()
        .token(generate().expose_secret())
        .server("web-1", &[LABEL, ("env", "prod")])
        .server("web-2", &[LABEL, ("env", "prod")])
        .server("db-1", &[LABEL, ("env", "test")])
        .start()
        .await?;
    let api = hcloud_api::Client::builder(sim.token())
        .endpoint(sim.endpoint())
        .build()?;
    let project = Project::new(api, store.clone(), hcc_core::Settings::default());
    project.sync(&Scope::All, false).await?;
    let mut config = WorkerConfig::default();
    config.sync_interval = Duration::from_secs(5);
    config.console_ttl = Some(Duration::from_secs(60));
    let authorizer = Arc::new(AccountAuthorizer::new(accounts.clone()));
    let worker = Worker::new(project, queue.clone())
        .with_config(config)
        .with_authorizer(authorizer)
        .with_catalog(accounts.clone(), ProjectScope::default());

    let password = generate();
    add(&*accounts, "demo", &Permissions::admin(), password.clone()).await?;

    let free_port = ListenAddress::Tcp((Ipv4Addr::LOCALHOST, 0).into());
    site.listen = site.listen.or(Some(free_port));
    let (listener, mut settings) = serve::listen(site).await?;
    settings.screens = format!("ws://{}", sim.address());
    println!("Simulating a project with three servers; press Ctrl-C to stop.\n");
    println!("  {}{}\n", settings.origin, settings.base_path);
    println!("  name      demo");
    println!("  password  {}", password.expose_secret());
    let console = WebConsole::new(Frontend::new(store, queue), accounts, settings);
    select! {
        () = web_console::serve(listener, console) => Ok(()),
        ended = worker.run(std::future::pending()) => Ok(ended?),
    }
}

/// Fetches noVNC, which draws the screens, if it is missing.
async fn fetch_novnc(www: Option<&Path>) -> anyhow::Result<()> {
    let error = match ConsolePage::find(www) {
        Err(error @ Error::NoVnc { .. }) => error,
        result => return Ok(result.map(drop)?),
    };
    let Some(package) = ConsolePage::find_any(www)?.novnc_package() else {
        return Err(error.into());
    };
    let npm = Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund", "--silent", "--prefix"])
        .arg(&package)
        .kill_on_drop(true)
        .status();
    let status = npm
        .await
        .context("cannot run npm to fetch noVNC, which draws the screens; hint: install npm")?;
    ensure!(status.success(), "npm ci failed with {status}");
    Ok(())
}
