//! The settings file: a table of settings, and one more for each profile.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use secrecy::{ExposeSecret, SecretString};
use toml_edit::{Document, DocumentMut, Item, Table, TableLike, Value};

use super::environment::no_home;
use super::key::{Key, Values};
use super::paths::require_private;
use super::toml::TomlError;
use crate::error::{CliError, Context, Result};

/// The name of the table of profiles.
const PROFILES: &str = "profile";

/// The settings file, or one profile in it.
///
/// A change leaves the rest of the file as it was, comments included.
#[derive(Clone)]
pub(crate) struct File {
    path: PathBuf,
    profile: Option<String>,
    document: DocumentMut,
}

impl File {
    /// Reads a settings file; a missing one is empty.
    ///
    /// It is refused if other users can change it, or read it although it holds a secret.
    pub(crate) fn read(path: &Path, profile: Option<&str>) -> Result<Self> {
        let document = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => DocumentMut::new(),
            Err(cause) => return Err(CliError::unreadable(path, cause)),
            Ok(text) => {
                let parsed = parse(&text);
                // In doubt, it does.
                let holds_secrets = parsed.as_ref().map_or(true, holds_secrets);
                require_private(path, holds_secrets)?;
                parsed.map_err(|error| error.in_file(path, &text))?
            }
        };
        Ok(Self {
            path: path.to_owned(),
            profile: profile.map(str::to_owned),
            document,
        })
    }

    /// The settings of a user without a home directory, who has no such file.
    pub(crate) fn none(profile: Option<&str>) -> Self {
        Self {
            path: PathBuf::new(),
            profile: profile.map(str::to_owned),
            document: DocumentMut::new(),
        }
    }

    /// Returns its path.
    ///
    /// # Errors
    ///
    /// The user has no home directory.
    pub(crate) fn path(&self) -> Result<&Path> {
        if self.path.as_os_str().is_empty() {
            return Err(no_home());
        }
        Ok(&self.path)
    }

    pub(crate) fn profile(&self) -> Option<&str> {
        self.profile.as_deref()
    }

    /// Whether the file exists, with the profile in it.
    pub(crate) fn exists(&self) -> bool {
        match &self.profile {
            Some(_) => self.table().is_some(),
            None => self.path.exists(),
        }
    }

    /// Returns the names of all profiles.
    pub(crate) fn profiles(&self) -> Vec<String> {
        let profiles = self.document.get(PROFILES).and_then(Item::as_table_like);
        let names = profiles.into_iter().flat_map(TableLike::iter);
        names.map(|(name, _)| name.to_owned()).collect()
    }

    /// Returns all values in it.
    pub(crate) fn values(&self) -> Values {
        self.table().into_iter().flat_map(settings_of).collect()
    }

    /// Sets a value, and removes its alternatives.
    pub(crate) fn set(&mut self, key: Key, value: &str) {
        for other in key.alternatives().iter().filter(|other| **other != key) {
            self.unset(*other);
        }
        let mut value = match value.parse::<i64>() {
            Ok(number) if key == Key::SignalBytes => Value::from(number),
            _ => Value::from(value),
        };
        let table = self.table_mut();
        let name = key.names().file;
        match table.get_mut(name).and_then(Item::as_value_mut) {
            Some(present) => {
                *value.decor_mut() = present.decor().clone();
                *present = value;
            }
            None => {
                table.insert(name, value.into());
            }
        }
    }

    /// Removes a value; returns whether there was one.
    pub(crate) fn unset(&mut self, key: Key) -> bool {
        self.table_mut().remove(key.names().file).is_some()
    }

    /// Replaces the file atomically; only its owner can read the new one.
    pub(crate) fn write(&self) -> Result<()> {
        // A symbolic link stays, and its target is replaced.
        let path = self.path()?;
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let directory = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(directory)
            .context(|| format!("cannot create {}", directory.display()))?;
        // A temporary file is readable by its owner only.
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        file.write_all(self.document.to_string().as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(io::Error::from)?;
        Ok(())
    }

    fn table(&self) -> Option<&dyn TableLike> {
        let root = self.document.as_table();
        match &self.profile {
            Some(name) => root.get(PROFILES)?.get(name)?.as_table_like(),
            None => Some(root),
        }
    }

    fn table_mut(&mut self) -> &mut dyn TableLike {
        let root = self.document.as_table_mut();
        let Some(name) = &self.profile else {
            return root;
        };
        let mut profiles = Table::new();
        profiles.set_implicit(true);
        root.entry(PROFILES)
            .or_insert(profiles.into())
            .as_table_like_mut()
            .expect("profiles were parsed as tables")
            .entry(name)
            .or_insert(Table::new().into())
            .as_table_like_mut()
            .expect("a profile was parsed as a table")
    }
}

impl fmt::Display for File {
    /// Names the file, and the profile in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.profile {
            Some(profile) => write!(f, "profile {profile} in {path}"),
            None => path.fmt(f),
        }
    }
}

impl fmt::Debug for File {
    /// Omits the document, which may hold a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("path", &self.path)
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

fn parse(text: &str) -> Result<DocumentMut, TomlError> {
    let document = Document::parse(text)?;
    let (profiles, settings): (Vec<_>, Vec<_>) =
        document.iter().partition(|(name, _)| *name == PROFILES);
    check_settings(settings)?;
    for (_, profiles) in profiles {
        for (_, profile) in tables(profiles)?.iter() {
            check_settings(tables(profile)?.iter())?;
        }
    }
    Ok(document.into_mut())
}

fn tables(item: &Item) -> Result<&dyn TableLike, TomlError> {
    item.as_table_like()
        .ok_or_else(|| TomlError::at(item, "a profile must be a table"))
}

fn check_settings<'a>(
    settings: impl IntoIterator<Item = (&'a str, &'a Item)>,
) -> Result<(), TomlError> {
    for (name, item) in settings {
        if Key::named(name).is_none() {
            return Err(TomlError::at(item, format!("unknown setting {name:?}")));
        }
        if value(item).is_none() {
            return Err(TomlError::at(item, format!("{name} must be a string")));
        }
    }
    Ok(())
}

fn value(item: &Item) -> Option<SecretString> {
    match item.as_value()? {
        Value::String(text) => Some(text.value().as_str().into()),
        Value::Integer(number) => Some(number.value().to_string().into()),
        _ => None,
    }
}

/// Whether a setting of the file, or of one of its profiles, is a secret.
fn holds_secrets(document: &DocumentMut) -> bool {
    let profiles = document.get(PROFILES).and_then(Item::as_table_like);
    let profiles = profiles.into_iter().flat_map(TableLike::iter);
    let profiles = profiles.filter_map(|(_, profile)| profile.as_table_like());
    let root: &dyn TableLike = document.as_table();
    profiles
        .chain([root])
        .flat_map(settings_of)
        .any(|(key, value)| key.has_secret(value.expose_secret()))
}

fn settings_of(table: &dyn TableLike) -> impl Iterator<Item = (Key, SecretString)> {
    let settings = table.iter();
    settings.filter_map(|(name, item)| Some((Key::named(name)?, value(item)?)))
}
