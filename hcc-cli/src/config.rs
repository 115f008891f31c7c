//! Settings, in this order: flags, environment, our file, the official CLI's contexts.

mod file;
mod flags;
mod key;
mod official;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::{env, fmt, fs};

use anyhow::{Context, Result};
use etcetera::BaseStrategy;
use hcc_core::{Guard, Project, Settings};
use hcc_queue::{Collections, Queue, QueueUrl};
use hcc_store::{Store, StoreUrl};
use hcloud_api::Client;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use self::file::Flaw;
use self::official::Official;
use crate::problem::Problem;

pub(crate) use self::file::File;
pub(crate) use self::flags::Flags;
pub(crate) use self::key::Key;

/// Values of settings. Some are secrets, so all are kept as such.
pub(crate) type Values = BTreeMap<Key, SecretString>;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Flag(&'static str),
    Variable(&'static str),
    File,
    Profile(String),
    /// A context of the official CLI.
    Official(String),
    Default,
}

/// The way to the token that counts.
#[derive(Debug)]
pub(crate) enum Access {
    Token(SecretString),
    File(PathBuf),
    Command(String),
    Context(String),
}

/// The settings that are in force.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) settings: Settings,
    flags: Flags,
    variables: Values,
    kept: Values,
    file: File,
}

impl Config {
    /// Finds the settings; a profile that is named must be there.
    pub(crate) fn load(flags: Flags) -> Result<Self> {
        let config = Self::begin(flags)?;
        match config.file.profile() {
            Some(name) if !config.file.exists() => Err(Problem::NoProfile {
                name: name.to_owned(),
                profiles: config.file.profiles(),
            }
            .into()),
            _ => Ok(config),
        }
    }

    /// The same, for verbs that may begin a profile.
    pub(crate) fn begin(flags: Flags) -> Result<Self> {
        let path = match flags.config() {
            Some(path) => path.to_owned(),
            None => base()?.config_dir().join("hcc/config.toml"),
        };
        let file = File::read(&path, flags.profile())?;
        let mut config = Self {
            settings: Settings::default(),
            // A profile says which project is meant: a variable that is there for another one
            // must not mix the records of the two.
            variables: variables(|key| flags.profile().is_none() || !key.is_of_project()),
            kept: file.values(),
            file,
            flags,
        };
        config.settings = config.found();
        Ok(config)
    }

    /// The file that the settings are kept in.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// What is in force once the file is written and nothing is said beside, but for where the API
    /// is: a token that was typed goes nowhere else.
    pub(crate) fn kept(&self) -> Self {
        let mut kept = self.clone();
        kept.flags = kept.flags.without_settings();
        kept.variables.clear();
        if let Some((endpoint, Source::Flag(_) | Source::Variable(_))) = self.find(Key::Endpoint) {
            kept.variables.insert(Key::Endpoint, endpoint.clone());
        }
        kept.settings = kept.found();
        kept
    }

    /// Sets a value in the file, which is not written yet.
    pub(crate) fn set(&mut self, key: Key, value: &str) -> Result<()> {
        key.check(value).map_err(|why| Problem::Invalid {
            key,
            why: format!("{why:#}"),
        })?;
        self.file.set(key, value);
        self.take_in();
        Ok(())
    }

    /// Removes a value from the file, which is not written yet; returns whether there was one.
    pub(crate) fn unset(&mut self, key: Key) -> bool {
        let found = self.file.unset(key);
        self.take_in();
        found
    }

    fn take_in(&mut self) {
        self.kept = self.file.values();
        self.settings = self.found();
    }

    /// Makes flags and environment part of the file, as `setup` does.
    pub(crate) fn adopt_given(&mut self) -> Result<()> {
        // Into a profile go all but the records of another one.
        let of_profile = |key| !matches!(key, Key::Store | Key::Queue);
        self.variables = variables(|key| self.file.profile().is_none() || of_profile(key));
        let mut given = self.variables.clone();
        given.extend(self.flags.given().clone());
        if let Some((access, _)) = self.access_key() {
            given.retain(|key, _| !Key::ACCESS.contains(key) || *key == access);
        }
        if let Some(path) = given.remove(&Key::TokenFile) {
            // It may be gone tomorrow: a shell's `<(…)` is.
            given.insert(Key::Token, read_token(path.expose_secret().as_ref())?);
        }
        for (key, value) in given {
            self.set(key, value.expose_secret())?;
        }
        Ok(())
    }

    /// Writes the file, unless nothing is to be changed.
    pub(crate) fn save(&self) -> Result<()> {
        match self.is_dry_run() {
            true => Ok(()),
            false => self.file.write(),
        }
    }

    /// Whether nothing is to be changed.
    pub(crate) fn is_dry_run(&self) -> bool {
        self.flags.dry_run()
    }

    /// A value that somebody has set, and where.
    pub(crate) fn find(&self, key: Key) -> Option<(&SecretString, Source)> {
        let names = key.names();
        if let Some(value) = self.flags.given().get(&key) {
            return Some((value, Source::Flag(names.flag?)));
        }
        if let Some(value) = self.variables.get(&key) {
            return Some((value, Source::Variable(names.variable)));
        }
        let source = match self.file.profile() {
            Some(name) => Source::Profile(name.to_owned()),
            None => Source::File,
        };
        Some((self.kept.get(&key)?, source))
    }

    /// The value that somebody has set.
    pub(crate) fn text(&self, key: Key) -> Option<&str> {
        self.find(key).map(|(value, _)| value.expose_secret())
    }

    fn found(&self) -> Settings {
        // `-` and nothing mean none.
        let named = |key| {
            let text = self.text(key).filter(|text| !matches!(*text, "" | "-"));
            text.map(str::to_owned)
        };
        let mut settings = Settings::default();
        settings.location = named(Key::Location);
        settings.server_type = named(Key::Type);
        settings.image = named(Key::Image);
        settings.prefix = named(Key::Prefix);
        settings.console = named(Key::Console);
        if let Some(label) = named(Key::Label) {
            settings.label = label;
        }
        settings
    }

    /// Where the records lie.
    pub(crate) fn store_url(&self) -> Result<StoreUrl> {
        match self.text(Key::Store) {
            Some(url) => Ok(url.parse()?),
            None => Ok(StoreUrl::sqlite(self.folder()?.join("hcc.db"))),
        }
    }

    /// Where records lie unless the settings say so: those of each profile, and of each context of
    /// the official CLI, apart from all others.
    fn folder(&self) -> Result<PathBuf> {
        let folder = base()?.data_dir().join("hcc");
        if let Some(profile) = self.file.profile() {
            return Ok(folder.join("profiles").join(escaped(profile)));
        }
        Ok(match self.access()? {
            Some((Access::Context(name), _)) => folder.join("contexts").join(escaped(&name)),
            _ => folder,
        })
    }

    /// Where commands wait: beside the records, unless the settings say otherwise.
    pub(crate) fn queue_url(&self) -> Result<QueueUrl> {
        if let Some(url) = self.text(Key::Queue) {
            return Ok(url.parse()?);
        }
        if let Some(records) = self.store_url()?.path() {
            return Ok(QueueUrl::sqlite(records.with_file_name("queue.db")));
        }
        let store = self.text(Key::Store);
        Ok(store.expect("the default store is a file").parse()?)
    }

    /// The records.
    pub(crate) async fn store(&self) -> Result<Arc<dyn Store>> {
        let url = self.store_url()?;
        let store = match self.text(Key::Records) {
            Some(collection) => hcc_store::open_in(&url, collection).await,
            None => hcc_store::open(&url).await,
        };
        Ok(store?)
    }

    /// The commands, their signals, and the events.
    pub(crate) async fn queue(&self) -> Result<Queue> {
        let url = self.queue_url()?;
        Ok(hcc_queue::open_with(&url, &self.collections()?).await?)
    }

    fn collections(&self) -> Result<Collections> {
        let mut named = Collections::default();
        let set = |name: &mut String, key| {
            if let Some(text) = self.text(key) {
                text.clone_into(name);
            }
        };
        set(&mut named.commands, Key::Commands);
        set(&mut named.signals, Key::Signals);
        set(&mut named.events, Key::Events);
        if let Some(bytes) = self.text(Key::SignalBytes) {
            named.signal_bytes = bytes.parse().map_err(|_| Problem::Invalid {
                key: Key::SignalBytes,
                why: "it is no number of bytes".to_owned(),
            })?;
        }
        Ok(named)
    }

    /// The side that holds the token, for servers that `guard` lets through.
    pub(crate) async fn project(&self, guard: Guard) -> Result<Project> {
        let api = self.client()?;
        let store = self.store().await?;
        Ok(Project::new(api, store, self.settings.clone()).with_guard(guard))
    }

    /// The same for what needs no records, and shall make none.
    pub(crate) fn project_without_records(&self) -> Result<Project> {
        let nowhere = Arc::new(hcc_store::Memory::default());
        Ok(Project::new(self.client()?, nowhere, self.settings.clone()))
    }

    /// A client with the token that the settings name first.
    pub(crate) fn client(&self) -> Result<Client> {
        let (access, _) = self.access()?.ok_or(Problem::NoToken)?;
        let mut builder = Client::builder(access.token()?)
            .user_agent("hcc", env!("CARGO_PKG_VERSION"))
            .dry_run(self.flags.dry_run());
        if let Some(endpoint) = self.endpoint(&access)? {
            builder = builder.endpoint(endpoint);
        }
        if let Some(path) = variable("SSL_CERT_FILE") {
            // Where a proxy inspects TLS, Mozilla's certificates are not enough.
            let pem = fs::read(&path).with_context(|| format!("read {path} (SSL_CERT_FILE)"))?;
            builder = builder.root_certificates(pem);
        }
        Ok(builder.build().map_err(hcc_core::Error::from)?)
    }

    /// Where the API is, if not where it usually is: a context's token belongs to its endpoint.
    fn endpoint(&self, access: &Access) -> Result<Option<String>> {
        let found = self.find(Key::Endpoint);
        let said = matches!(found, Some((_, Source::Flag(_) | Source::Variable(_))));
        if let (false, Access::Context(name)) = (said, access)
            && let Some(endpoint) = Official::read()?.endpoint(name)
        {
            return Ok(Some(endpoint.to_owned()));
        }
        Ok(found.map(|(endpoint, _)| endpoint.expose_secret().to_owned()))
    }

    /// Where lists of Hetzner's are kept that the same command may want again.
    pub(crate) fn cache(&self) -> Result<PathBuf> {
        let endpoint = match self.access()? {
            Some((access, _)) => self.endpoint(&access)?,
            None => self.text(Key::Endpoint).map(str::to_owned),
        };
        let place = endpoint.map_or_else(|| "hetzner".to_owned(), |url| escaped(&url));
        Ok(base()?.cache_dir().join("hcc").join(place))
    }

    /// The way to the token, and who names it; none if nobody does.
    pub(crate) fn access(&self) -> Result<Option<(Access, Source)>> {
        if let Some((key, source)) = self.access_key() {
            let value = self.text(key).expect("it was just found").to_owned();
            let access = match key {
                Key::TokenFile => Access::File(value.into()),
                Key::TokenCommand => Access::Command(value),
                Key::Context => Access::Context(value),
                _ => Access::Token(value.into()),
            };
            return Ok(Some((access, source)));
        }
        if self.file.profile().is_some() {
            // The context that happens to be active may be another project.
            return Ok(None);
        }
        let official = Official::read()?;
        Ok(official.active().map(|name| {
            let source = Source::Official(name.to_owned());
            (Access::Context(name.to_owned()), source)
        }))
    }

    /// Which of the keys for a token counts.
    fn access_key(&self) -> Option<(Key, Source)> {
        let layers = [self.flags.given(), &self.variables, &self.kept];
        let mut keys = layers.into_iter().flat_map(|layer| {
            let mut keys = Key::ACCESS.into_iter();
            keys.find(|key| layer.contains_key(key))
        });
        let key = keys.next()?;
        Some((key, self.find(key)?.1))
    }
}

impl Access {
    fn token(&self) -> Result<SecretString> {
        match self {
            Self::Token(token) => Ok(token.clone()),
            Self::File(path) => read_token(path),
            Self::Command(command) => ask_command(command),
            Self::Context(name) => Official::read()?.token(name),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "--{name}"),
            Self::Variable(name) => f.write_str(name),
            Self::File => f.write_str("file"),
            Self::Profile(name) => write!(f, "profile {name}"),
            Self::Official(name) => write!(f, "hcloud context {name}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// What the environment sets.
fn variables(counts: impl Fn(Key) -> bool) -> Values {
    Key::all()
        .filter(|key| counts(*key))
        .filter_map(|key| Some((key, variable(key.names().variable)?.into())))
        .collect()
}

/// A parser's own message quotes the faulty line, and that may be the token's.
fn parse<T: for<'de> Deserialize<'de>>(text: &str, path: &Path) -> Result<T> {
    toml_edit::de::from_str(text).map_err(|error| {
        let flaw = Flaw {
            at: error.span().map_or(0, |span| span.start),
            message: error.message().to_owned(),
        };
        flaw.in_file(path, text).into()
    })
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// A name as a folder may be called.
fn escaped(name: &str) -> String {
    const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');
    utf8_percent_encode(name, PLAIN).to_string()
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
