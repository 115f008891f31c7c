//! `web-console --demo`: a simulated project and all that works on it, in one
//! process.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use hcc_core::{AccountAuthorizer, Frontend, Permissions, Project, Scope, Worker, WorkerConfig};
use hcc_queue::QueueUrl;
use hcc_store::StoreUrl;
use hcloud_sim::Sim;
use secrecy::ExposeSecret;
use tokio::process::Command;
use tokio::runtime::Runtime;
use tokio::select;
use web_console::{WebConsole, add, generate};

use crate::cli::Site;
use crate::serve::{self, until_interrupted};

const LABEL: (&str, &str) = ("managed", "1");

/// Runs until Ctrl-C or SIGTERM, and leaves nothing behind.
pub(crate) fn run(runtime: Runtime, site: Site) -> anyhow::Result<()> {
    let folder = tempfile::Builder::new().prefix("web-console-").tempdir()?;
    let shown = runtime.block_on(until_interrupted(show(site, folder.path())));
    // What still works on the files would make them again.
    drop(runtime);
    folder.close()?;
    shown
}

async fn show(mut site: Site, folder: &Path) -> anyhow::Result<()> {
    fetch_novnc(&site.www).await?;
    let file = |name| folder.join(name);
    let store_url = StoreUrl::sqlite(file("hcc.db"));
    let store = hcc_store::open(&store_url).await?;
    let accounts = hcc_store::open_accounts(&store_url).await?;
    let queue = hcc_queue::open(&QueueUrl::sqlite(file("queue.db"))).await?;

    let sim = Sim::builder()
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
    let permit = Arc::new(AccountAuthorizer::new(accounts.clone()));
    let worker = Worker::new(project, queue.clone())
        .with_config(config)
        .with_authorizer(permit);

    let password = generate();
    add(&*accounts, "demo", &Permissions::admin(), password.clone()).await?;

    let free = (Ipv4Addr::LOCALHOST, 0).into();
    site.listen = site.listen.or(Some(free));
    let (listener, mut settings) = serve::listen(site).await?;
    settings.screens = format!("ws://{}", sim.address());
    println!("A simulated project with three servers, until Ctrl-C:\n");
    println!("  {}\n", settings.origin);
    println!("  name      demo");
    println!("  password  {}", password.expose_secret());
    let console = WebConsole::new(Frontend::new(store, queue), accounts, settings);
    select! {
        served = serve::serve(listener, console) => served,
        () = worker.run(std::future::pending()) => Ok(()),
    }
}

/// Brings noVNC, which draws the screens, where it is missing.
async fn fetch_novnc(www: &Path) -> anyhow::Result<()> {
    if www.join("novnc/core/rfb.js").is_file() {
        return Ok(());
    }
    let folder = www.with_file_name("noVNC");
    let npm = Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund", "--silent", "--prefix"])
        .arg(&folder)
        .kill_on_drop(true)
        .status();
    let status = npm
        .await
        .context("noVNC, which draws the screens, comes through npm: install npm")?;
    ensure!(status.success(), "npm could not fetch noVNC");
    Ok(())
}
