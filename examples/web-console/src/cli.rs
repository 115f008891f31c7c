//! The command line.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::{env, iter};

use anyhow::{Context, bail, ensure};
use axum::http::HeaderName;
use clap::{Args, Parser, Subcommand};
use hcc_core::{Frontend, ProjectName, ProjectScope};
use hcc_queue::{Collections, QueueUrl};
use hcc_store::{Accounts, StoreUrl};
use secrecy::{ExposeSecret, SecretString};
use tokio::runtime::Runtime;
use web_console::{BasePath, Oidc, Origin, WebConsole, monitor};

use crate::log;
use crate::serve::{self, ListenAddress};
use crate::user::User;

/// The servers of a Hetzner Cloud project in the browser
///
/// Needs no API token: it connects to the database only. A worker, which may run on another machine, executes the
/// commands.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,

    #[command(flatten)]
    database: Database,

    #[command(flatten)]
    serve: Serve,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Manage users
    User(User),
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Show a simulated project; everything runs in this process, and nothing is kept
    #[cfg(feature = "demo")]
    #[arg(long, conflicts_with_all = ["store", "queue"])]
    demo: bool,

    #[command(flatten)]
    site: Site,
}

/// The databases of records, users and commands.
#[expect(clippy::doc_markdown, reason = "shown as it stands by --help")]
#[derive(Debug, Args)]
pub(crate) struct Database {
    /// Records and users: sqlite:PATH or mongodb://HOST/DATABASE
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "HCC_STORE",
        hide_env_values = true
    )]
    store: Option<SecretString>,

    /// Commands: sqlite:PATH, mongodb://HOST/DATABASE or redis://HOST/NUMBER [default: next to the records]
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "HCC_QUEUE",
        hide_env_values = true
    )]
    queue: Option<SecretString>,

    /// Name of the project in --store, for permissions and the list
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "WEB_CONSOLE_PROJECT_NAME"
    )]
    project_name: Option<ProjectName>,

    /// Another project: NAME=STORE, or NAME=STORE,QUEUE; can be repeated. Users stay in --store. If it shares a MongoDB
    /// database, its collections follow: ,records=NAME,commands=NAME,signals=NAME,events=NAME
    #[arg(
        long,
        global = true,
        value_name = "PROJECT",
        env = "WEB_CONSOLE_PROJECTS",
        value_delimiter = ' ',
        hide_env_values = true
    )]
    project: Vec<SecretString>,
}

/// The records and the queue of a project, which it shares with no other.
struct ProjectDatabases {
    store: StoreUrl,
    queue: QueueUrl,
    /// The collection of the records in MongoDB, if it has another name than usual.
    records: Option<String>,
    /// Those of the queue.
    collections: Collections,
}

/// Parses another project: `NAME=STORE` or `NAME=STORE,QUEUE`, with collections after that. Errors do not
/// quote it, as it may hold a password.
fn other_project(text: &str) -> anyhow::Result<(ProjectName, ProjectDatabases)> {
    let parts = text.split_once('=');
    let parts = parts.and_then(|(name, rest)| Some((name.parse::<ProjectName>().ok()?, rest)));
    let (name, rest) = parts.context(
        "invalid project: expected NAME=STORE or NAME=STORE,QUEUE, and a name of letters, digits, '-', \
         '_' and '.'",
    )?;
    let databases = ProjectDatabases::parse(rest);
    let databases = databases.with_context(|| format!("invalid project {name}"))?;
    Ok((name, databases))
}

impl ProjectDatabases {
    fn new(store: StoreUrl, queue: QueueUrl) -> Self {
        Self {
            store,
            queue,
            records: None,
            collections: Collections::default(),
        }
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let mut urls: Vec<String> = Vec::new();
        let mut names = Vec::new();
        for part in text.split(',') {
            match (part.split_once('='), urls.last_mut()) {
                (Some((key, name)), Some(_)) if key.bytes().all(|it| it.is_ascii_lowercase()) => {
                    names.push((key, name));
                }
                // Another host of the same URL.
                (_, Some(url)) if names.is_empty() && part.parse::<QueueUrl>().is_err() => {
                    *url = format!("{url},{part}");
                }
                _ => urls.push(part.to_owned()),
            }
        }
        let mut databases = match &*urls {
            [store] => Self::new(store.parse()?, next_to(store)?),
            [store, queue] => Self::new(store.parse()?, queue.parse()?),
            _ => bail!("expected a STORE and at most one QUEUE"),
        };
        for (key, name) in names {
            let collections = &mut databases.collections;
            let collection = match key {
                "records" => databases.records.get_or_insert_default(),
                "commands" => &mut collections.commands,
                "signals" => &mut collections.signals,
                "events" => &mut collections.events,
                _ => bail!(
                    "after its URLs, expected records=NAME, commands=NAME, signals=NAME or events=NAME"
                ),
            };
            ensure!(
                !name.is_empty(),
                "the name of the collection of the {key} is missing"
            );
            name.clone_into(collection);
        }
        Ok(databases)
    }

    /// What no other project may have.
    fn exclusive(&self) -> [String; 4] {
        let of = |url: String, collection: &str| match url.starts_with("mongodb") {
            true => format!("{url}, collection {collection}"),
            false => url,
        };
        let Collections {
            commands,
            signals,
            events,
            ..
        } = &self.collections;
        let records = self.records.as_deref().unwrap_or("vms");
        let in_queue = |collection| of(self.queue.to_string(), collection);
        [
            of(self.store.to_string(), records),
            in_queue(commands),
            in_queue(signals),
            in_queue(events),
        ]
    }

    async fn open(&self) -> anyhow::Result<Frontend> {
        let store = match &self.records {
            Some(collection) => hcc_store::open_in(&self.store, collection).await?,
            None => hcc_store::open(&self.store).await?,
        };
        let queue = hcc_queue::open_with(&self.queue, &self.collections).await?;
        Ok(Frontend::new(store, queue))
    }
}

/// How browsers reach the service.
#[expect(clippy::doc_markdown, reason = "shown as it stands by --help")]
#[derive(Debug, Args)]
pub(crate) struct Site {
    /// Address to listen on, or unix:PATH for a proxy on this machine; port 0 takes a free one [default:
    /// 127.0.0.1:8480]
    #[arg(long, value_name = "ADDRESS", env = "WEB_CONSOLE_LISTEN")]
    pub(crate) listen: Option<ListenAddress>,

    /// Address of a second HTTP server, with /metrics for Prometheus, /healthz and /readyz
    #[arg(long, value_name = "ADDRESS", env = "WEB_CONSOLE_METRICS")]
    pub(crate) metrics: Option<SocketAddr>,

    /// Address in the browser, such as https://console.example.org [default: the address listened on]
    #[arg(long, env = "WEB_CONSOLE_ORIGIN")]
    pub(crate) origin: Option<Origin>,

    /// Path in the browser below which a reverse proxy serves it, such as /console [default: the root]
    #[arg(long, value_name = "PATH", env = "WEB_CONSOLE_BASE_PATH")]
    pub(crate) base_path: Option<BasePath>,

    /// Accept an --origin without encryption that is not on this machine: for private networks, as others on the
    /// network can read passwords and control sessions
    #[arg(long, env = "WEB_CONSOLE_INSECURE_HTTP")]
    pub(crate) insecure_http: bool,

    /// Directory of the console page [default: the page built in]
    #[arg(long, value_name = "DIR", env = "HCC_WWW")]
    pub(crate) www: Option<PathBuf>,

    /// Hosts of screens, as sources of a Content-Security-Policy; the console page has to list them too
    #[arg(long, value_name = "SOURCES", env = "WEB_CONSOLE_SCREENS")]
    pub(crate) screens: Option<Screens>,

    /// Address of a reverse proxy whose forwarding headers are trusted; can be repeated
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "WEB_CONSOLE_PROXY",
        value_delimiter = ','
    )]
    pub(crate) proxy: Vec<IpAddr>,

    /// Event streams that one user may have open [default: 64]
    #[arg(long, value_name = "COUNT", env = "WEB_CONSOLE_MAX_STREAMS_OF_USER")]
    pub(crate) max_streams_of_user: Option<usize>,

    /// Address of an identity provider at which users log in by OpenID Connect, in addition to passwords; its secret for
    /// the web console is in WEB_CONSOLE_OIDC_SECRET
    #[arg(
        long,
        value_name = "URL",
        env = "WEB_CONSOLE_OIDC_ISSUER",
        requires = "oidc_client"
    )]
    pub(crate) oidc_issuer: Option<String>,

    /// Id of the web console at the identity provider
    #[arg(long, value_name = "ID", env = "WEB_CONSOLE_OIDC_CLIENT")]
    pub(crate) oidc_client: Option<String>,

    /// Claim of the identity provider that is the name of the user here: sub, email if it is verified, or another
    /// [default: preferred_username]
    #[arg(long, value_name = "CLAIM", env = "WEB_CONSOLE_OIDC_CLAIM")]
    pub(crate) oidc_claim: Option<String>,

    /// Name of the identity provider on the button [default: single sign-on]
    #[arg(long, value_name = "NAME", env = "WEB_CONSOLE_OIDC_LABEL")]
    pub(crate) oidc_label: Option<String>,

    /// Header in which that proxy names the user; disables login by password
    #[arg(long, value_name = "NAME", env = "WEB_CONSOLE_USER_HEADER")]
    pub(crate) user_header: Option<HeaderName>,
}

/// Sources of a `Content-Security-Policy`.
#[derive(Clone, Debug)]
pub(crate) struct Screens(pub(crate) String);

impl FromStr for Screens {
    type Err = &'static str;

    fn from_str(sources: &str) -> Result<Self, Self::Err> {
        let is_source = |part: &str| part.starts_with("wss://") || part.starts_with("ws://");
        let is_plain = sources
            .bytes()
            .all(|it| it.is_ascii_graphic() || it == b' ');
        if is_plain && !sources.contains([';', ',']) && sources.split(' ').all(is_source) {
            Ok(Self(sources.to_owned()))
        } else {
            Err("expected wss://HOST or ws://HOST:PORT, separated by spaces")
        }
    }
}

/// Refuses arguments with passwords, which the process list shows to all users.
fn refuse_secrets(mut arguments: impl Iterator<Item = String>) -> anyhow::Result<()> {
    let is_secret = |argument: String| {
        // The value of a flag, and the URLs of a project, begin after `=` or a comma.
        let begins = argument.match_indices(['=', ',']).map(|(at, _)| at + 1);
        let mut values = iter::once(0).chain(begins).flat_map(|at| {
            let rest = &argument[at..];
            [rest, rest.split(',').next().unwrap_or_default()]
        });
        values.any(|value| value.parse().is_ok_and(|url: QueueUrl| url.has_secret()))
    };
    ensure!(
        !arguments.any(is_secret),
        "a URL with a password cannot be passed as an argument (visible in the process list); \
         hint: set HCC_STORE, HCC_QUEUE and WEB_CONSOLE_PROJECTS"
    );
    Ok(())
}

impl Cli {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let arguments = env::args_os().skip(1);
        refuse_secrets(arguments.filter_map(|argument| argument.into_string().ok()))?;
        log::start()?;
        let runtime = Runtime::new()?;
        match self.verb {
            Some(Verb::User(user)) => runtime.block_on(user.run(&self.database)),
            #[cfg(feature = "demo")]
            None if self.serve.demo => crate::demo::run(runtime, self.serve.site),
            None => {
                let serve = self.serve.site.serve(&self.database);
                runtime.block_on(serve::until_interrupted(serve))
            }
        }
    }
}

impl Site {
    /// The identity provider, if there is one.
    pub(crate) fn oidc(&self) -> anyhow::Result<Option<Oidc>> {
        let Some((issuer, client)) = self.oidc_issuer.as_ref().zip(self.oidc_client.as_ref())
        else {
            return Ok(None);
        };
        let is_local = || {
            let origin = issuer.parse::<Origin>();
            origin.is_ok_and(|origin| origin.is_local())
        };
        ensure!(
            issuer.starts_with("https://") || is_local(),
            "the identity provider {issuer} is not encrypted; hint: use https://"
        );
        let mut oidc = Oidc::new(issuer, client);
        oidc.client_secret = env::var("WEB_CONSOLE_OIDC_SECRET").ok().map(Into::into);
        if let Some(claim) = &self.oidc_claim {
            oidc.claim.clone_from(claim);
        }
        if let Some(label) = &self.oidc_label {
            oidc.label.clone_from(label);
        }
        Ok(Some(oidc))
    }

    async fn serve(self, database: &Database) -> anyhow::Result<()> {
        let is_local = matches!(&self.listen, Some(ListenAddress::Unix(_)));
        ensure!(
            self.user_header.is_none() || is_local || !self.proxy.is_empty(),
            "the header of the user is accepted from a proxy only; hint: pass --proxy or listen on \
             unix:PATH"
        );
        let accounts = database.accounts().await?;
        let projects = database.open().await?;
        let metrics = self.metrics;
        let (listener, settings) = serve::listen(self).await?;
        println!("{}{}", settings.origin, settings.base_path);
        let (home, others) = projects;
        let scope = ProjectScope::Home(database.project_name.clone());
        let console = WebConsole::new(home, accounts, settings).in_project(scope);
        let console = others
            .into_iter()
            .fold(console, |console, (name, frontend)| {
                console.with_project(name, frontend)
            });
        let monitored = console.clone();
        let serve = async {
            web_console::serve(listener, console).await;
            Ok(())
        };
        match metrics {
            Some(address) => tokio::select! {
                served = serve => served,
                served = monitor(address, monitored) => served,
            },
            None => serve.await,
        }
    }
}

impl Database {
    /// Opens the databases of the first project, and those of the others.
    async fn open(&self) -> anyhow::Result<(Frontend, Vec<(ProjectName, Frontend)>)> {
        let home = ProjectDatabases::new(self.store()?, self.queue()?);
        let mut used = Vec::from(home.exclusive());
        let mut names: Vec<_> = self.project_name.iter().cloned().collect();
        let home = home.open().await?;
        let mut others = Vec::new();
        for project in &self.project {
            let (name, databases) = other_project(project.expose_secret())?;
            ensure!(!names.contains(&name), "two projects have the name {name}");
            let exclusive = databases.exclusive();
            if let Some(shared) = exclusive.iter().find(|it| used.contains(it)) {
                bail!("project {name} has the records or the queue of another one: {shared}");
            }
            used.extend(exclusive);
            others.push((name.clone(), databases.open().await?));
            names.push(name);
        }
        Ok((home, others))
    }

    pub(crate) async fn accounts(&self) -> anyhow::Result<Arc<dyn Accounts>> {
        Ok(hcc_store::open_accounts(&self.store()?).await?)
    }

    fn store(&self) -> anyhow::Result<StoreUrl> {
        Ok(self.store_url()?.parse()?)
    }

    fn store_url(&self) -> anyhow::Result<&str> {
        let url = self.store.as_ref().map(ExposeSecret::expose_secret);
        url.context("no database is set; hint: pass --store URL, or --demo to try it")
    }

    fn queue(&self) -> anyhow::Result<QueueUrl> {
        if let Some(url) = &self.queue {
            return Ok(url.expose_secret().parse()?);
        }
        next_to(self.store_url()?)
    }
}

/// Returns the queue next to the records.
fn next_to(store: &str) -> anyhow::Result<QueueUrl> {
    match store.parse::<StoreUrl>()?.path() {
        Some(records) => Ok(QueueUrl::sqlite(records.with_file_name("queue.db"))),
        None => Ok(store.parse()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn project_has_urls_with_several_hosts_and_collections() {
        let host = "mongodb://mary:pw@a:27017,b/db?replicaSet=r";
        let other = "redis://c/1";
        for (text, queue, collections) in [
            (host.to_owned(), host, "vms cmd msg evt"),
            (format!("{host},{other}"), other, "vms cmd msg evt"),
            (format!("{host},{host}"), host, "vms cmd msg evt"),
            (
                format!("{host},records=r,commands=c,signals=s,events=e"),
                host,
                "r c s e",
            ),
            (format!("{host},{other},records=r"), other, "r cmd msg evt"),
        ] {
            let (name, databases) = other_project(&format!("lab={text}")).unwrap();

            assert_eq!(name.as_str(), "lab");
            assert_eq!(databases.store, host.parse().unwrap(), "{text}");
            assert_eq!(databases.queue, queue.parse().unwrap(), "{text}");
            let Collections {
                commands,
                signals,
                events,
                ..
            } = &databases.collections;
            let records = databases.records.as_deref().unwrap_or("vms");
            let found = format!("{records} {commands} {signals} {events}");
            assert_eq!(found, collections, "{text}");
        }
    }
}
