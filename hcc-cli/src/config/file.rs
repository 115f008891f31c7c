//! The settings file: a table of settings, and one more for each profile.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use anyhow::{Context, Result};
use secrecy::SecretString;
use toml_edit::{Document, DocumentMut, Item, Table, TableLike, Value};

use super::{Key, Values};
use crate::problem::Problem;

/// Under which the profiles stand.
const PROFILE: &str = "profile";

/// The settings file, or one profile in it.
///
/// What is changed leaves the rest as its owner wrote it, comments and all.
#[derive(Clone)]
pub(crate) struct File {
    path: PathBuf,
    profile: Option<String>,
    document: DocumentMut,
}

impl File {
    /// Reads a settings file; none is an empty one.
    ///
    /// It holds a token, so it is refused when others can read it.
    pub(crate) fn read(path: &Path, profile: Option<&str>) -> Result<Self> {
        let document = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => DocumentMut::new(),
            Err(cause) => {
                let path = path.to_owned();
                return Err(Problem::Unreadable { path, cause }.into());
            }
            Ok(text) => {
                check_private(path)?;
                parse(&text).map_err(|flaw| flaw.in_file(path, &text))?
            }
        };
        Ok(Self {
            path: path.to_owned(),
            profile: profile.map(str::to_owned),
            document,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn profile(&self) -> Option<&str> {
        self.profile.as_deref()
    }

    /// Whether there is anything: a file, and the profile in it.
    pub(crate) fn exists(&self) -> bool {
        match &self.profile {
            Some(_) => self.table().is_some(),
            None => self.path.exists(),
        }
    }

    /// The names of all profiles.
    pub(crate) fn profiles(&self) -> Vec<String> {
        let profiles = self.document.get(PROFILE).and_then(Item::as_table_like);
        let names = profiles.into_iter().flat_map(TableLike::iter);
        names.map(|(name, _)| name.to_owned()).collect()
    }

    /// What it sets.
    pub(crate) fn values(&self) -> Values {
        let settings = self.table().into_iter().flat_map(TableLike::iter);
        settings
            .filter_map(|(name, item)| Some((Key::named(name)?, text(item)?)))
            .collect()
    }

    /// Sets a value; a way to the token takes the place of all others.
    pub(crate) fn set(&mut self, key: Key, value: &str) {
        if Key::ACCESS.contains(&key) {
            for other in Key::ACCESS.into_iter().filter(|other| *other != key) {
                self.unset(other);
            }
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

    /// Writes the settings where only their owner can read them, all or nothing.
    pub(crate) fn write(&self) -> Result<()> {
        // A link leads to where its owner keeps the file.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let dir = path.parent().context("a settings file needs a folder")?;
        fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))?;
        // A temporary file is readable by its owner alone.
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        file.write_all(self.document.to_string().as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }

    fn table(&self) -> Option<&dyn TableLike> {
        let root = self.document.as_table();
        match &self.profile {
            Some(name) => root.get(PROFILE)?.get(name)?.as_table_like(),
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
        root.entry(PROFILE)
            .or_insert(profiles.into())
            .as_table_like_mut()
            .expect("profiles were parsed as tables")
            .entry(name)
            .or_insert(Table::new().into())
            .as_table_like_mut()
            .expect("a profile was parsed as a table")
    }
}

impl fmt::Debug for File {
    /// Leaves out what it says, which may be a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("path", &self.path)
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

/// What is wrong with a file, and from which byte on.
///
/// A parser's own message quotes the faulty line, and that may be the token's.
#[derive(Debug)]
pub(super) struct Flaw {
    pub(super) at: usize,
    pub(super) message: String,
}

impl Flaw {
    fn of(item: &Item, message: impl Into<String>) -> Self {
        Self {
            at: item.span().map_or(0, |span| span.start),
            message: message.into(),
        }
    }

    pub(super) fn in_file(self, path: &Path, text: &str) -> Problem {
        Problem::Malformed {
            path: path.to_owned(),
            line: 1 + text[..self.at].matches('\n').count(),
            message: self.message,
        }
    }
}

fn parse(text: &str) -> Result<DocumentMut, Flaw> {
    let document = Document::parse(text).map_err(|error| Flaw {
        at: error.span().map_or(0, |span| span.start),
        message: error.message().to_owned(),
    })?;
    let (profiles, settings): (Vec<_>, Vec<_>) =
        document.iter().partition(|(name, _)| *name == PROFILE);
    check_settings(settings)?;
    for (_, profiles) in profiles {
        for (_, profile) in tables(profiles)?.iter() {
            check_settings(tables(profile)?.iter())?;
        }
    }
    Ok(document.into_mut())
}

fn tables(item: &Item) -> Result<&dyn TableLike, Flaw> {
    item.as_table_like()
        .ok_or_else(|| Flaw::of(item, "a profile is a table"))
}

fn check_settings<'a>(settings: impl IntoIterator<Item = (&'a str, &'a Item)>) -> Result<(), Flaw> {
    for (name, item) in settings {
        if Key::named(name).is_none() {
            return Err(Flaw::of(item, format!("there is no setting {name:?}")));
        }
        if text(item).is_none() {
            return Err(Flaw::of(item, format!("{name} is no text")));
        }
    }
    Ok(())
}

fn text(item: &Item) -> Option<SecretString> {
    match item.as_value()? {
        Value::String(text) => Some(text.value().as_str().into()),
        Value::Integer(number) => Some(number.value().to_string().into()),
        _ => None,
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
