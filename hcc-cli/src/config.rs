//! Settings from flags, the environment, the settings file and the official CLI, in this order.
//!
//! A program that shares the settings of `hcc` loads them with the default flags:
//!
//! ```no_run
//! # async fn example() -> Result<(), hcc_cli::CliError> {
//! use hcc_cli::config::{Config, Flags};
//!
//! let config = Config::load(Flags::default())?;
//! let records = config.store().await?.list().await?;
//! # Ok(())
//! # }
//! ```

mod environment;
mod file;
mod flags;
pub(crate) mod hcloud;
pub(crate) mod key;
pub(crate) mod legacy;
mod paths;
pub(crate) mod token;
mod toml;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::{fmt, fs};

use etcetera::BaseStrategy;
use hcc_core::{Guard, Project, ProjectName, ProjectScope, ResourceKind, Settings};
use hcc_queue::{Collections, Policy, Queue, QueueUrl};
use hcc_store::{DatabaseUrl, Store, StoreUrl};
use hcloud_api::{Client, ClientBuilder};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use tokio::task::spawn_blocking;

use self::environment::{directories, no_home, variable, variables};
use self::hcloud::HcloudConfig;
use self::key::Values;
use self::paths::{resolve, resolve_in_url};
use self::token::{no_token, output_of, read_token};
use crate::duration;
use crate::error::{CliError, Context, Exit, Result};
use crate::hint::quoted;
use crate::report::{warn_of_delay, warn_of_deviation};

pub(crate) use self::environment::{home, not_utf8, unless_empty};
pub(crate) use self::file::File;
pub use self::flags::Flags;
pub use self::key::Key;
pub use self::token::TokenSource;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A flag.
    Flag(&'static str),
    /// An environment variable.
    Variable(&'static str),
    /// The settings file.
    File,
    /// A profile in the settings file.
    Profile(String),
    /// A context of the official CLI.
    HcloudContext(String),
    /// Not set.
    Default,
}

/// The settings in force.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) settings: Settings,
    flags: Flags,
    variables: Values,
    persisted: Values,
    /// Where values come from that are not written to the file yet.
    origins: BTreeMap<Key, Option<String>>,
    /// What the commands that lead to databases have printed.
    outputs: Arc<Mutex<BTreeMap<String, SecretString>>>,
    file: File,
}

impl Config {
    /// Loads the settings.
    ///
    /// # Errors
    ///
    /// The settings file is invalid, can be read by other users, or lacks the profile.
    pub fn load(flags: Flags) -> Result<Self> {
        let config = Self::load_or_new(flags)?;
        match config.file.profile() {
            Some(name) if !config.file.exists() => {
                let profiles = config.file.profiles();
                let hint = if profiles.is_empty() {
                    format!("run hcc --profile {} setup to create it", quoted(name))
                } else {
                    format!("profiles: {}", profiles.join(", "))
                };
                let message = format!("the settings file has no profile {name:?}");
                Err(CliError::new(Exit::NotSetUp, "no_profile", message).hint(hint))
            }
            _ => Ok(config),
        }
    }

    /// Loads the settings for a verb that may create the profile.
    pub(crate) fn load_or_new(flags: Flags) -> Result<Self> {
        refuse_secrets(flags.settings())?;
        let profile = flags.profile()?;
        let path = match (flags.config(), directories()) {
            (Some(path), _) => Some(resolve(path, None)?),
            (None, Ok(directories)) => Some(directories.config_dir().join("hcc/config.toml")),
            (None, Err(_)) => None,
        };
        let file = match path {
            Some(path) => File::read(&path, profile)?,
            None => File::none(profile),
        };
        let mut config = Self {
            settings: Settings::default(),
            // A profile selects the project: variables meant for another project must not mix the
            // records of the two.
            variables: variables(|key| profile.is_none() || !key.selects_project())?,
            persisted: file.values(),
            origins: BTreeMap::new(),
            outputs: Arc::default(),
            file,
            flags,
        };
        config.settings = config.server_settings();
        Ok(config)
    }

    /// The file of the settings.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Returns the settings that are in force once the file is written, without flags and
    /// variables. The endpoint stays: a typed token must not be sent to another one.
    pub(crate) fn persisted(&self) -> Self {
        let mut config = self.clone();
        config.flags = config.flags.without_settings();
        config.variables.clear();
        if let Some((endpoint, Source::Flag(_) | Source::Variable(_))) = self.find(Key::Endpoint) {
            config.variables.insert(Key::Endpoint, endpoint.clone());
        }
        config.settings = config.server_settings();
        config
    }

    /// Returns [persisted](Self::persisted) settings, with the token in force if the file leads to
    /// none.
    pub(crate) fn persisted_with_token(&self) -> Result<Self> {
        let persisted = self.persisted();
        if persisted.token_source()?.is_some() {
            return Ok(persisted);
        }
        let settings = persisted.settings;
        Ok(Self {
            settings,
            ..self.clone()
        })
    }

    /// Sets a value in the file, which is not written yet.
    pub(crate) fn set(&mut self, key: Key, value: &str) -> Result<()> {
        self.set_from(None, key, value)
    }

    /// Sets a value in the file, which is not written yet. Messages quote where it comes from.
    pub(crate) fn set_from(&mut self, origin: Option<String>, key: Key, value: &str) -> Result<()> {
        key.check(value).map_err(|why| match &origin {
            Some(origin) => invalid(key, &format!("{why} (from {origin})")),
            None => invalid(key, &why),
        })?;
        self.file.set(key, &absolute(key, value)?);
        self.origins.insert(key, origin);
        self.update();
        Ok(())
    }

    /// Removes a value from the file, which is not written yet; returns whether there was one.
    pub(crate) fn unset(&mut self, key: Key) -> bool {
        let was_set = self.file.unset(key);
        self.update();
        was_set
    }

    fn update(&mut self) {
        self.persisted = self.file.values();
        self.settings = self.server_settings();
    }

    /// Copies flags and environment into the file, as `setup` does.
    pub(crate) fn adopt_overrides(&mut self) -> Result<()> {
        // A profile does not take the databases of another project.
        let counts = |key| self.file.profile().is_none() || !is_database(key);
        self.variables = variables(counts)?;
        let mut overrides = self.variables.clone();
        overrides.extend(self.flags.settings().clone());
        let origins: BTreeMap<_, _> = overrides
            .keys()
            .map(|key| (*key, self.origin(*key)))
            .collect();
        for sources in [
            &Key::TOKEN_SOURCES[..],
            &Key::STORE_SOURCES,
            &Key::QUEUE_SOURCES,
            &Key::ACCOUNTS_SOURCES,
        ] {
            if let Some((source, _)) = self.first_of(sources) {
                overrides.retain(|key, _| !sources.contains(key) || *key == source);
            }
        }
        if let Some(path) = overrides.remove(&Key::TokenFile) {
            // The file may be temporary, such as that of a shell's `<(…)`.
            let path = path.expose_secret();
            self.set_from(
                Some(path.to_owned()),
                Key::Token,
                read_token(path.as_ref())?.expose_secret(),
            )?;
        }
        for (key, value) in overrides {
            let origin = origins.get(&key).cloned().flatten();
            self.set_from(origin, key, value.expose_secret())?;
        }
        Ok(())
    }

    /// Writes the file, except in a dry run.
    pub(crate) fn save(&self) -> Result<()> {
        if self.is_dry_run() {
            return Ok(());
        }
        self.file.write()
    }

    /// Whether nothing may be changed.
    pub fn is_dry_run(&self) -> bool {
        self.flags.dry_run()
    }

    /// Returns a value that is set, and where.
    pub fn find(&self, key: Key) -> Option<(&SecretString, Source)> {
        let names = key.names();
        if let Some(value) = self.flags.settings().get(&key) {
            return Some((value, Source::Flag(names.flag?)));
        }
        if let Some(value) = self.variables.get(&key) {
            return Some((value, Source::Variable(names.variable)));
        }
        let source = match self.file.profile() {
            Some(name) => Source::Profile(name.to_owned()),
            None => Source::File,
        };
        Some((self.persisted.get(&key)?, source))
    }

    /// Returns where a value in force comes from, for messages: a flag, a variable or a file.
    pub(crate) fn origin(&self, key: Key) -> Option<String> {
        match self.find(key)?.1 {
            Source::File | Source::Profile(_) => {
                let in_file = || Some(self.file.to_string());
                self.origins.get(&key).cloned().unwrap_or_else(in_file)
            }
            source => Some(source.to_string()),
        }
    }

    fn get(&self, key: Key) -> Option<&str> {
        self.find(key).map(|(value, _)| value.expose_secret())
    }

    fn server_settings(&self) -> Settings {
        // An empty value and `-` mean none.
        let get = |key| {
            let value = self.get(key).filter(|value| !matches!(*value, "" | "-"));
            value.map(str::to_owned)
        };
        let mut settings = Settings::default();
        settings.location = get(Key::Location);
        settings.server_type = get(Key::Type);
        settings.image = get(Key::Image);
        settings.prefix = get(Key::Prefix);
        settings.console = get(Key::Console);
        settings.label = get(Key::Label).unwrap_or(settings.label);
        // Verbs that need the token report an invalid file of the official CLI.
        settings.ssh_keys = self.ssh_keys().unwrap_or_default();
        settings.record_passwords = self.get(Key::RecordPasswords) == Some("yes");
        for kind in [
            ResourceKind::Location,
            ResourceKind::ServerType,
            ResourceKind::Image,
        ] {
            let key = Key::of_resource(kind).expect("each of these kinds has a setting");
            if let Some(origin) = self.origin(key) {
                settings = settings.with_origin(kind, origin);
            }
        }
        settings
    }

    /// Returns the URL of the database of the records.
    pub fn store_url(&self) -> Result<StoreUrl> {
        match self.database(&Key::STORE_SOURCES)? {
            Some(url) => Ok(url.expose_secret().parse()?),
            None => Ok(StoreUrl::sqlite(self.data_directory()?.join("hcc.db"))),
        }
    }

    /// Returns the URL of a database, if it is set.
    fn database(&self, sources: &[Key]) -> Result<Option<SecretString>> {
        let Some((key, source)) = self.first_of(sources) else {
            return Ok(None);
        };
        let base = self.base(&source);
        let value = self.get(key).expect("the key was found");
        let is_command = matches!(
            key,
            Key::StoreCommand | Key::QueueCommand | Key::AccountsCommand
        );
        if !is_command {
            return Ok(Some(resolve_in_url(value, base)?.into()));
        }
        let mut outputs = self.outputs.lock().unwrap_or_else(PoisonError::into_inner);
        let output = match outputs.get(value) {
            Some(output) => output.clone(),
            None => output_of(key, value)?,
        };
        outputs.insert(value.to_owned(), output.clone());
        Ok(Some(resolve_in_url(output.expose_secret(), base)?.into()))
    }

    /// Returns the directory at which relative paths of settings from this source start, if that is
    /// not the working directory.
    fn base(&self, source: &Source) -> Option<&Path> {
        match source {
            Source::File | Source::Profile(_) => self.file.path().ok()?.parent(),
            _ => None,
        }
    }

    /// The default directory of the records: each profile and each context of the official CLI has
    /// its own.
    fn data_directory(&self) -> Result<PathBuf> {
        let directories = directories().map_err(|_| {
            no_home().hint("set HOME, or name the database of the records with HCC_STORE")
        })?;
        let directory = directories.data_dir().join("hcc");
        if let Some(profile) = self.file.profile() {
            return Ok(directory.join("profiles").join(file_name(profile)));
        }
        Ok(match self.token_source()? {
            Some((TokenSource::Context(name), _)) => {
                directory.join("contexts").join(file_name(&name))
            }
            _ => directory,
        })
    }

    /// Returns the URL of the database of the commands: next to the records, unless it is set.
    pub fn queue_url(&self) -> Result<QueueUrl> {
        if let Some(url) = self.database(&Key::QUEUE_SOURCES)? {
            return Ok(url.expose_secret().parse()?);
        }
        if let Some(records) = self.store_url()?.path() {
            return Ok(QueueUrl::sqlite(records.with_file_name("queue.db")));
        }
        let store = self.database(&Key::STORE_SOURCES)?;
        let store = store.expect("the default store is a file");
        Ok(store.expose_secret().parse()?)
    }

    /// Returns the name of the project: the setting, or the name of the profile if it is a valid one.
    pub(crate) fn project_name(&self) -> Result<Option<ProjectName>> {
        match (self.get(Key::Project), self.file.profile()) {
            (Some(name), _) => match name.parse() {
                Ok(name) => Ok(Some(name)),
                Err(error) => Err(invalid(Key::Project, &error.to_string())),
            },
            (None, profile) => Ok(profile.and_then(|name| name.parse().ok())),
        }
    }

    /// Returns the URL of the database of the users, and the project in their permissions.
    ///
    /// # Errors
    ///
    /// The users are in the database of another project, and this one has no name.
    pub(crate) fn accounts(&self) -> Result<(StoreUrl, ProjectScope)> {
        let name = self.project_name()?;
        let Some(url) = self.database(&Key::ACCOUNTS_SOURCES)? else {
            return Ok((self.store_url()?, ProjectScope::Home(name)));
        };
        let url: StoreUrl = url.expose_secret().parse()?;
        // A MongoDB database can hold several projects: the users are those of the one whose
        // collections have the usual names.
        if self.get(Key::Records).is_none() && identity(&url) == identity(&self.store_url()?) {
            return Ok((url, ProjectScope::Home(name)));
        }
        let Some(name) = name else {
            let message = "accounts is set, but the project has no name for their permissions";
            return Err(CliError::new(Exit::NotSetUp, "no_project_name", message)
                .hint("run hcc config set project NAME"));
        };
        Ok((url, ProjectScope::Other(name)))
    }

    /// Returns what no other project may have: its records and its queue, and the database of its users
    /// if grants without a project hold in it.
    pub(crate) fn exclusive_databases(&self) -> Result<Vec<(&'static str, String)>> {
        let (store, queue) = (self.store_url()?, self.queue_url()?);
        let (accounts, scope) = self.accounts()?;
        let of = |url: &DatabaseUrl, key, default| {
            let name = identity(url);
            match name.starts_with("mongodb") {
                true => format!("{name}, collection {}", self.get(key).unwrap_or(default)),
                false => name,
            }
        };
        let queue = DatabaseUrl::from(queue);
        let mut databases = vec![
            ("records", of(&store.into(), Key::Records, "vms")),
            ("commands", of(&queue, Key::Commands, "cmd")),
            ("events", of(&queue, Key::Events, "evt")),
        ];
        if matches!(scope, ProjectScope::Home(_)) {
            databases.push(("users", identity(&accounts)));
        }
        Ok(databases)
    }

    /// Opens the records; in a dry run, for reading only.
    pub async fn store(&self) -> Result<Arc<dyn Store>> {
        let url = self.store_url()?;
        if self.is_dry_run() && url.path().is_some_and(|path| !path.exists()) {
            // Opening would create it.
            return Ok(Arc::new(hcc_store::Memory::default()));
        }
        let store = match self.get(Key::Records) {
            Some(collection) => hcc_store::open_in(&url, collection).await?,
            None => hcc_store::open(&url).await?,
        };
        Ok(if self.is_dry_run() {
            Arc::new(hcc_store::DryRun::new(store))
        } else {
            store
        })
    }

    /// Opens the commands, their signals, and the events; in a dry run, for reading only.
    pub async fn queue(&self) -> Result<Queue> {
        let url = self.queue_url()?;
        if !self.is_dry_run() {
            let queue = hcc_queue::open_with(&url, &self.collections()?).await?;
            return Ok(queue.with_policy(self.policy()?));
        }
        if url.path().is_some_and(|path| !path.exists()) {
            // Opening would create it.
            return Ok(hcc_queue::Memory::default().queue().dry_run());
        }
        let queue = hcc_queue::open_with(&url, &self.collections()?).await?;
        Ok(queue.dry_run())
    }

    fn policy(&self) -> Result<Policy> {
        let mut policy = Policy::default();
        if let Some(value) = self.get(Key::KeepDead) {
            policy.keep_dead = match value {
                "-" => None,
                value => Some(duration::parse(value)?),
            };
        }
        Ok(policy)
    }

    fn collections(&self) -> Result<Collections> {
        let mut collections = Collections::default();
        for (name, key) in [
            (&mut collections.commands, Key::Commands),
            (&mut collections.signals, Key::Signals),
            (&mut collections.events, Key::Events),
        ] {
            if let Some(value) = self.get(key) {
                value.clone_into(name);
            }
        }
        if let Some(bytes) = self.get(Key::SignalBytes) {
            let parsed = bytes.parse();
            collections.signal_bytes =
                parsed.map_err(|_| invalid(Key::SignalBytes, "expected a number of bytes"))?;
        }
        Ok(collections)
    }

    /// Opens the project, for servers that `guard` lets through.
    pub async fn project(&self, guard: Guard) -> Result<Project> {
        let api = self.client()?;
        let store = self.store().await?;
        Ok(Project::new(api, store, self.settings.clone()).with_guard(guard))
    }

    /// Opens the project for verbs that need no records, and creates none.
    pub(crate) fn project_without_records(&self) -> Result<Project> {
        let store = Arc::new(hcc_store::Memory::default());
        Ok(Project::new(self.client()?, store, self.settings.clone()))
    }

    /// Returns a client with the token and the endpoint in force.
    pub fn client(&self) -> Result<Client> {
        Ok(self.client_builder(self.token()?)?.build()?)
    }

    /// Reads the token.
    pub(crate) fn token(&self) -> Result<SecretString> {
        let (source, _) = self.token_source()?.ok_or_else(no_token)?;
        source.token()
    }

    /// Returns a client of a service, which reads settings and token again when the API rejects
    /// the token.
    pub(crate) fn service_client(&self, token: SecretString) -> Result<Client> {
        let flags = self.flags.clone();
        let builder = self.client_builder(token)?.token_source(move || {
            let flags = flags.clone();
            async move {
                let read = spawn_blocking(move || Self::load(flags)?.token());
                Ok(read.await??)
            }
        });
        Ok(builder.build()?)
    }

    fn client_builder(&self, token: SecretString) -> Result<ClientBuilder> {
        let (source, _) = self.token_source()?.ok_or_else(no_token)?;
        let mut builder = Client::builder(token)
            .user_agent("hcc", env!("CARGO_PKG_VERSION"))
            .dry_run(self.flags.dry_run())
            .on_deviation(warn_of_deviation)
            .on_delay(warn_of_delay);
        if let Some(endpoint) = self.endpoint(&source)? {
            builder = builder.endpoint(endpoint);
        }
        if let Some(path) = variable("SSL_CERT_FILE") {
            // A proxy that inspects TLS has a certificate that Mozilla's list lacks.
            let pem = fs::read(&path).context(|| format!("cannot read {path} (SSL_CERT_FILE)"))?;
            builder = builder.root_certificates(pem);
        }
        Ok(builder)
    }

    /// The endpoint, if it is not the default: the token of a context belongs to its endpoint.
    fn endpoint(&self, source: &TokenSource) -> Result<Option<String>> {
        let found = self.find(Key::Endpoint);
        let is_override = matches!(found, Some((_, Source::Flag(_) | Source::Variable(_))));
        if let (false, TokenSource::Context(name)) = (is_override, source)
            && let Some(endpoint) = HcloudConfig::read()?.endpoint(name)
        {
            return Ok(Some(endpoint.to_owned()));
        }
        Ok(found.map(|(endpoint, _)| endpoint.expose_secret().to_owned()))
    }

    /// Returns the SSH keys of new servers: those of the settings, or else those that the official CLI
    /// has for its context.
    fn ssh_keys(&self) -> Result<Vec<String>> {
        if let Some(keys) = self.get(Key::SshKeys) {
            let keys = keys.split(',').map(str::trim);
            return Ok(keys
                .filter(|key| !matches!(*key, "" | "-"))
                .map(Into::into)
                .collect());
        }
        match self.token_source()? {
            Some((TokenSource::Context(name), _)) => {
                Ok(HcloudConfig::read()?.ssh_keys(&name).to_vec())
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Returns the endpoint in force, without a login, and where it is set.
    pub(crate) fn endpoint_with_origin(&self) -> Result<(String, Option<String>)> {
        const DEFAULT: &str = "https://api.hetzner.cloud/v1";

        let source = self.token_source()?.map(|(source, _)| source);
        let endpoint = source.as_ref().map(|source| self.endpoint(source));
        let Some(endpoint) = endpoint.transpose()?.flatten() else {
            return Ok((DEFAULT.to_owned(), None));
        };
        let origin = match (source, self.get(Key::Endpoint)) {
            (Some(TokenSource::Context(name)), found) if found != Some(&endpoint) => {
                Some(format!("context {name} in {}", hcloud::path()?.display()))
            }
            _ => self.origin(Key::Endpoint),
        };
        let shown = match endpoint.split_once("://") {
            Some((scheme, rest)) => {
                let (_, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
                format!("{scheme}://{rest}")
            }
            None => endpoint,
        };
        Ok((shown, origin))
    }

    /// The directory for cached lists of the API: one for each endpoint.
    pub(crate) fn cache_directory(&self) -> Result<PathBuf> {
        let endpoint = match self.token_source()? {
            Some((source, _)) => self.endpoint(&source)?,
            None => self.get(Key::Endpoint).map(str::to_owned),
        };
        let name = endpoint.map_or_else(|| "hetzner".to_owned(), |url| file_name(&url));
        Ok(directories()?.cache_dir().join("hcc").join(name))
    }

    /// Returns where the token comes from, and where that is set.
    pub fn token_source(&self) -> Result<Option<(TokenSource, Source)>> {
        if let Some((key, source)) = self.first_of(&Key::TOKEN_SOURCES) {
            let value = self.get(key).expect("the key was found").to_owned();
            let token = match key {
                Key::TokenFile => TokenSource::File(resolve(value.as_ref(), self.base(&source))?),
                Key::TokenCommand => TokenSource::Command(value),
                Key::Context => TokenSource::Context(value),
                _ => TokenSource::Token(value.into()),
            };
            return Ok(Some((token, source)));
        }
        if self.file.profile().is_some() {
            // The active context may be another project.
            return Ok(None);
        }
        let hcloud = HcloudConfig::read()?;
        Ok(hcloud.active().map(|name| {
            let source = Source::HcloudContext(name.to_owned());
            (TokenSource::Context(name.to_owned()), source)
        }))
    }

    /// Returns which of these settings is in force.
    pub(crate) fn first_of(&self, alternatives: &[Key]) -> Option<(Key, Source)> {
        let layers = [self.flags.settings(), &self.variables, &self.persisted];
        let key = layers.into_iter().find_map(|layer| {
            let mut keys = alternatives.iter().copied();
            keys.find(|key| layer.contains_key(key))
        })?;
        Some((key, self.find(key)?.1))
    }
}

/// Whether a setting leads to a database.
fn is_database(key: Key) -> bool {
    [
        Key::STORE_SOURCES,
        Key::QUEUE_SOURCES,
        Key::ACCOUNTS_SOURCES,
    ]
    .iter()
    .any(|sources| sources.contains(&key))
}

/// Returns a value as it is written to the file: a relative path that was typed starts at the working
/// directory, and would start at the file there.
fn absolute(key: Key, value: &str) -> Result<String> {
    let is_home = |path: &str| path == "~" || path.starts_with("~/");
    match key {
        Key::Store | Key::Queue | Key::Accounts
            if !value.strip_prefix("sqlite:").is_some_and(is_home) =>
        {
            resolve_in_url(value, None)
        }
        Key::TokenFile if !is_home(value) => {
            Ok(resolve(value.as_ref(), None)?.display().to_string())
        }
        _ => Ok(value.to_owned()),
    }
}

/// Refuses flags with passwords, which the process list shows to all users.
fn refuse_secrets(flags: &Values) -> Result<()> {
    for key in [Key::Store, Key::Queue, Key::Accounts] {
        if let Some(value) = flags.get(&key)
            && key.check(value.expose_secret()).is_ok()
            && key.has_secret(value.expose_secret())
        {
            return Err(visible(key));
        }
    }
    Ok(())
}

/// The error for a secret in an argument.
pub(crate) fn visible(key: Key) -> CliError {
    if key == Key::Token {
        let message = "tokens cannot be passed as arguments (visible in the process list)";
        return CliError::usage(message).hint("pipe it on stdin");
    }
    let message = format!(
        "a {key} URL with a password cannot be passed as an argument (visible in the process list)"
    );
    let variable = key.names().variable;
    let hint = format!("set it in {variable} or the settings file, or set {key}_command");
    CliError::usage(message).hint(hint)
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "--{name}"),
            Self::Variable(name) => f.write_str(name),
            Self::File => f.write_str("file"),
            Self::Profile(name) => write!(f, "profile {name}"),
            Self::HcloudContext(name) => write!(f, "hcloud context {name}"),
            Self::Default => f.write_str("default"),
        }
    }
}

fn invalid(key: Key, reason: &str) -> CliError {
    CliError::new(
        Exit::Usage,
        "invalid",
        format!("invalid value for {key}: {reason}"),
    )
}

/// Returns the database of a URL: the same text for the same database, whatever its user, options and
/// default values are.
fn identity(url: &impl fmt::Display) -> String {
    let url = url.to_string();
    if let Some(path) = url.strip_prefix("sqlite:") {
        // A file that does not exist yet may be in a linked directory.
        let path = Path::new(path);
        let found = fs::canonicalize(path).or_else(|_| {
            let directory = fs::canonicalize(path.parent().unwrap_or(path))?;
            Ok::<_, std::io::Error>(directory.join(path.file_name().unwrap_or_default()))
        });
        return format!("sqlite:{}", found.unwrap_or(path.to_owned()).display());
    }
    match url.split_once("://") {
        Some(("redis" | "rediss", rest)) => {
            let rest = without_user(rest).replacen(":6379", "", 1);
            let rest = rest.trim_end_matches('/');
            format!("redis://{}", rest.strip_suffix("/0").unwrap_or(rest))
        }
        Some((scheme, rest)) => {
            format!("{scheme}://{}", without_user(rest).replace(":27017", ""))
        }
        None => url,
    }
}

fn without_user(location: &str) -> &str {
    location.rsplit_once('@').map_or(location, |(_, host)| host)
}

/// Escapes a name for the use as that of a file.
fn file_name(name: &str) -> String {
    const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');
    utf8_percent_encode(name, PLAIN).to_string()
}
