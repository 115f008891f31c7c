//! Settings, in this order: flags, environment, our file, the official CLI's contexts.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::{env, fs, io};

use anyhow::{Context, Result};
use etcetera::BaseStrategy;
use hcc_core::{Guard, Middleware, Settings};
use hcc_queue::{Collections, Queue, QueueUrl};
use hcc_store::{Store, StoreUrl};
use hcloud_api::Client;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

use crate::problem::Problem;

/// Settings that every verb understands.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct Flags {
    /// Settings file [default: ~/.config/hcc/config.toml]
    #[arg(long, global = true, value_name = "FILE", env = "HCC_CONFIG")]
    #[arg(hide_env_values = true, hide_short_help = true)]
    config: Option<PathBuf>,

    /// Where the records lie: sqlite:PATH or mongodb://HOST/DATABASE
    #[arg(long, global = true, value_name = "URL", env = "HCC_STORE")]
    #[arg(hide_env_values = true, hide_short_help = true)]
    store: Option<SecretString>,

    /// Where commands wait: sqlite:PATH, mongodb://HOST/DATABASE or redis://HOST
    /// [default: beside the records]
    #[arg(long, global = true, value_name = "URL", env = "HCC_QUEUE")]
    #[arg(hide_env_values = true, hide_short_help = true)]
    queue: Option<SecretString>,

    /// File that holds the API token
    #[arg(long, global = true, value_name = "FILE", env = "HCC_TOKEN_FILE")]
    #[arg(hide_env_values = true, hide_short_help = true)]
    token_file: Option<PathBuf>,

    /// Context of the official CLI that holds the API token
    #[arg(long, global = true, value_name = "NAME", env = "HCLOUD_CONTEXT")]
    #[arg(hide_env_values = true, hide_short_help = true)]
    context: Option<String>,

    /// Say which request would change something, and do not send it
    #[arg(long, global = true)]
    dry_run: bool,

    /// Label that marks a server as managed
    #[arg(long, global = true, env = "HCC_LABEL")]
    #[arg(hide_env_values = true, hide_short_help = true)]
    label: Option<String>,

    /// What names of new servers begin with; - for nothing
    #[arg(long, global = true, env = "HCC_PREFIX")]
    #[arg(
        hide_env_values = true,
        hide_short_help = true,
        allow_hyphen_values = true
    )]
    prefix: Option<String>,

    /// Address of the console page, in front of the ?; - for none
    #[arg(long, global = true, value_name = "URL", env = "HCC_CONSOLE")]
    #[arg(
        hide_env_values = true,
        hide_short_help = true,
        allow_hyphen_values = true
    )]
    console: Option<String>,
}

/// What the settings file holds.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[serde_with::skip_serializing_none]
pub(crate) struct File {
    #[serde(serialize_with = "exposed")]
    pub(crate) token: Option<SecretString>,
    pub(crate) token_file: Option<PathBuf>,
    pub(crate) token_command: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) location: Option<String>,
    #[serde(rename = "type")]
    pub(crate) server_type: Option<String>,
    pub(crate) image: Option<String>,
    pub(crate) label: Option<String>,
    pub(crate) prefix: Option<String>,
    pub(crate) console: Option<String>,
    #[serde(serialize_with = "exposed")]
    pub(crate) store: Option<SecretString>,
    #[serde(serialize_with = "exposed")]
    pub(crate) queue: Option<SecretString>,
    pub(crate) records: Option<String>,
    pub(crate) commands: Option<String>,
    pub(crate) signals: Option<String>,
    pub(crate) events: Option<String>,
    pub(crate) signal_bytes: Option<u64>,
}

fn exposed<S: Serializer>(secret: &Option<SecretString>, to: S) -> Result<S::Ok, S::Error> {
    secret
        .as_ref()
        .map(ExposeSecret::expose_secret)
        .serialize(to)
}

impl File {
    /// Reads a settings file; none is an empty one.
    ///
    /// It holds a token, so it is refused when others can read it.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            text => text.map_err(|cause| Problem::Unreadable {
                path: path.to_owned(),
                cause,
            })?,
        };
        check_private(path)?;
        parse(&text, path)
    }

    /// Writes the settings where only their owner can read them, all or nothing.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = toml::to_string(self)?;
        let dir = path.parent().context("a settings file needs a folder")?;
        fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))?;
        // A temporary file is readable by its owner alone.
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        io::Write::write_all(&mut file, text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }
}

#[cfg(unix)]
fn check_private(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;

    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(Problem::Exposed(path.to_owned()).into())
}

#[cfg(not(unix))]
fn check_private(_path: &Path) -> Result<()> {
    Ok(())
}

/// The settings that are in force.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) path: PathBuf,
    pub(crate) file: File,
    pub(crate) settings: Settings,
    flags: Flags,
}

impl Config {
    pub(crate) fn load(flags: Flags) -> Result<Self> {
        let path = match &flags.config {
            Some(path) => path.clone(),
            None => base()?.config_dir().join("hcc/config.toml"),
        };
        let file = File::read(&path)?;
        Ok(Self {
            settings: settings(&flags, &file),
            path,
            file,
            flags,
        })
    }

    /// Makes the flags part of the file, as `setup` does.
    pub(crate) fn adopt_flags(&mut self) -> Result<()> {
        let (file, flags) = (&mut self.file, &self.flags);
        if let Some(path) = &flags.token_file {
            file.token = Some(read_token(path)?);
        } else if let Some(token) = variable("HCLOUD_TOKEN") {
            file.token = Some(token.into());
        }
        file.store = flags.store.clone().or(file.store.take());
        file.queue = flags.queue.clone().or(file.queue.take());
        file.label = flags.label.clone().or(file.label.take());
        file.prefix = flags.prefix.clone().or(file.prefix.take());
        file.console = flags.console.clone().or(file.console.take());
        self.settings = settings(&self.flags, &self.file);
        Ok(())
    }

    /// Whether nothing is to be changed.
    pub(crate) fn is_dry_run(&self) -> bool {
        self.flags.dry_run
    }

    /// Whether the settings name a token, be it a good one or not.
    pub(crate) fn has_token(&self) -> bool {
        self.token().is_ok()
    }

    /// Where the records lie.
    pub(crate) fn store_url(&self) -> Result<StoreUrl> {
        match self.store_text() {
            Some(url) => Ok(url.expose_secret().parse()?),
            None => {
                let path = base()?.data_dir().join("hcc/hcc.db");
                Ok(StoreUrl::sqlite(path))
            }
        }
    }

    fn store_text(&self) -> Option<&SecretString> {
        self.flags.store.as_ref().or(self.file.store.as_ref())
    }

    /// Where commands wait: beside the records, unless the settings say otherwise.
    pub(crate) fn queue_url(&self) -> Result<QueueUrl> {
        if let Some(url) = self.flags.queue.as_ref().or(self.file.queue.as_ref()) {
            return Ok(url.expose_secret().parse()?);
        }
        if let Some(records) = self.store_url()?.path() {
            return Ok(QueueUrl::sqlite(records.with_file_name("queue.db")));
        }
        let store = self.store_text().expect("the default store is a file");
        Ok(store.expose_secret().parse()?)
    }

    /// The records.
    pub(crate) async fn store(&self) -> Result<Arc<dyn Store>> {
        let url = self.store_url()?;
        let store = match &self.file.records {
            Some(collection) => hcc_store::open_in(&url, collection).await,
            None => hcc_store::open(&url).await,
        };
        Ok(store?)
    }

    /// The commands, their signals, and the events.
    pub(crate) async fn queue(&self) -> Result<Queue> {
        let url = self.queue_url()?;
        Ok(hcc_queue::open_with(&url, &self.collections()).await?)
    }

    fn collections(&self) -> Collections {
        let file = &self.file;
        let named = Collections::default();
        Collections {
            commands: file.commands.clone().unwrap_or(named.commands),
            signals: file.signals.clone().unwrap_or(named.signals),
            events: file.events.clone().unwrap_or(named.events),
            signal_bytes: file.signal_bytes.unwrap_or(named.signal_bytes),
        }
    }

    /// The side that holds the token, for servers that `guard` lets through.
    pub(crate) async fn middleware(&self, guard: Guard) -> Result<Middleware> {
        self.middleware_with(self.client()?, guard).await
    }

    pub(crate) async fn middleware_with(&self, api: Client, guard: Guard) -> Result<Middleware> {
        let store = self.store().await?;
        Ok(Middleware::new(api, store, self.settings.clone()).guarded_by(guard))
    }

    /// A client with the token that the settings name first.
    pub(crate) fn client(&self) -> Result<Client> {
        self.client_with(self.token()?)
    }

    /// A client with this token, for `setup`, which tries it before it writes it.
    pub(crate) fn client_with(&self, token: SecretString) -> Result<Client> {
        let mut builder = Client::builder(token)
            .user_agent("hcc", env!("CARGO_PKG_VERSION"))
            .read_only(self.flags.dry_run);
        if let Some(endpoint) = variable("HCLOUD_ENDPOINT").or_else(|| self.file.endpoint.clone()) {
            builder = builder.endpoint(endpoint);
        }
        if let Some(path) = variable("SSL_CERT_FILE") {
            // Where a proxy inspects TLS, Mozilla's certificates are not enough.
            let pem = fs::read(&path).with_context(|| format!("read {path} (SSL_CERT_FILE)"))?;
            builder = builder.root_certificates(pem);
        }
        Ok(builder.build().map_err(hcc_core::Error::from)?)
    }

    fn token(&self) -> Result<SecretString> {
        if let Some(path) = &self.flags.token_file {
            return read_token(path);
        }
        if let Some(context) = &self.flags.context {
            return Official::read()?.token(context);
        }
        if let Some(token) = variable("HCLOUD_TOKEN") {
            return Ok(token.into());
        }
        if let Some(token) = &self.file.token {
            return Ok(token.clone());
        }
        if let Some(path) = &self.file.token_file {
            return read_token(path);
        }
        if let Some(command) = &self.file.token_command {
            return ask_command(command);
        }
        let mut official = Official::read()?;
        match official.active_context.take() {
            Some(context) => official.token(&context),
            None => Err(Problem::NoToken.into()),
        }
    }
}

/// The settings file of the official CLI, as far as we read it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Official {
    active_context: Option<String>,
    contexts: Vec<OfficialContext>,
}

#[derive(Deserialize)]
struct OfficialContext {
    name: String,
    token: SecretString,
}

impl Official {
    fn read() -> Result<Self> {
        let path = match variable("HCLOUD_CONFIG") {
            Some(path) => path.into(),
            None => base()?.config_dir().join("hcloud/cli.toml"),
        };
        match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(cause) => Err(Problem::Unreadable { path, cause }.into()),
            Ok(text) => parse(&text, &path),
        }
    }

    fn token(self, context: &str) -> Result<SecretString> {
        match self
            .contexts
            .into_iter()
            .find(|found| found.name == context)
        {
            Some(found) => Ok(found.token),
            None => Err(Problem::NoContext(context.to_owned()).into()),
        }
    }
}

/// A parser's own message quotes the faulty line, and that may be the token's.
fn parse<T: for<'de> Deserialize<'de>>(text: &str, path: &Path) -> Result<T> {
    toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        Problem::Malformed {
            path: path.to_owned(),
            line: 1 + text[..start].matches('\n').count(),
            message: error.message().to_owned(),
        }
        .into()
    })
}

fn settings(flags: &Flags, file: &File) -> Settings {
    let mut settings = Settings::default();
    settings.location = file.location.clone();
    settings.server_type = file.server_type.clone();
    settings.image = file.image.clone();
    settings.prefix = named(flags.prefix.as_ref().or(file.prefix.as_ref()));
    settings.console = named(flags.console.as_ref().or(file.console.as_ref()));
    if let Some(label) = named(flags.label.as_ref().or(file.label.as_ref())) {
        settings.label = label;
    }
    settings
}

/// `-` and nothing mean none.
fn named(text: Option<&String>) -> Option<String> {
    text.filter(|text| !matches!(text.as_str(), "" | "-"))
        .cloned()
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn read_token(path: &Path) -> Result<SecretString> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text.trim().into()),
        Err(cause) => Err(Problem::Unreadable {
            path: path.to_owned(),
            cause,
        }
        .into()),
    }
}

/// What the command prints is the token; what it says beside is for the user.
fn ask_command(command: &str) -> Result<SecretString> {
    let output = Command::new("sh")
        .args(["-c", command])
        .stderr(Stdio::inherit())
        .output()
        .context("run token_command")?;
    if !output.status.success() {
        return Err(Problem::TokenCommand(output.status).into());
    }
    let text = String::from_utf8(output.stdout).map_err(|_| Problem::NoToken)?;
    Ok(text.trim().into())
}

fn base() -> Result<impl BaseStrategy> {
    etcetera::choose_base_strategy().context("find the home folder")
}
