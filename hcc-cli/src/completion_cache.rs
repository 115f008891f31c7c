//! Names of images, ISO images, locations and types for completion, as they were last listed.
//!
//! They are the same for all projects and of use to a shell only, so they are in the user's cache
//! rather than among the records, which other programs read.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use hcc_core::Catalog;
use hcloud_api::{Image, Iso, Location, ServerType};

use crate::config::Config;
use crate::error::Result;
use crate::price::size;

/// A list of names.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Images,
    Isos,
    Locations,
    Types,
}

impl Kind {
    /// Reads the names and their descriptions.
    pub(crate) fn read(self, config: &Config) -> Result<Vec<(String, String)>> {
        let text = fs::read_to_string(self.path(config)?)?;
        let lines = text.lines().filter_map(|line| line.split_once('\t'));
        Ok(lines
            .map(|(name, about)| (name.to_owned(), about.to_owned()))
            .collect())
    }

    /// Stores names with their descriptions; a failure is only logged.
    fn store<'a>(self, config: &Config, names: impl Iterator<Item = (&'a str, String)>) {
        if config.is_dry_run() {
            return;
        }
        let mut names: Vec<_> = names.collect();
        // Images of several architectures share a name.
        names.dedup_by(|a, b| a.0 == b.0);
        let lines = names
            .iter()
            .map(|(name, about)| format!("{name}\t{about}\n"));
        if let Err(error) = self.write(config, &lines.collect::<String>()) {
            tracing::debug!(%error, "cannot store names for completion");
        }
    }

    fn write(self, config: &Config, text: &str) -> Result<()> {
        let path = self.path(config)?;
        let directory = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(directory)?;
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        file.write_all(text.as_bytes())?;
        file.persist(path).map_err(io::Error::from)?;
        Ok(())
    }

    fn path(self, config: &Config) -> Result<PathBuf> {
        Ok(config.cache_directory()?.join(match self {
            Self::Images => "images",
            Self::Isos => "isos",
            Self::Locations => "locations",
            Self::Types => "types",
        }))
    }
}

pub(crate) fn store_images(config: &Config, images: &[Image]) {
    let names = images
        .iter()
        .filter_map(|image| Some((image.name.as_deref()?, image.description.clone())));
    Kind::Images.store(config, names);
}

pub(crate) fn store_isos(config: &Config, isos: &[Iso]) {
    let names = isos
        .iter()
        .filter_map(|iso| Some((iso.name.as_deref()?, iso.description.clone())));
    Kind::Isos.store(config, names);
}

pub(crate) fn store_locations(config: &Config, locations: &[Location]) {
    let names = locations.iter().map(|location| {
        let about = format!("{}, {}", location.city, location.country);
        (location.name.as_str(), about)
    });
    Kind::Locations.store(config, names);
}

pub(crate) fn store_types(config: &Config, types: &[ServerType]) {
    let names = types
        .iter()
        .map(|server_type| (server_type.name.as_str(), size(server_type)));
    Kind::Types.store(config, names);
}

pub(crate) fn store_all(config: &Config, catalog: &Catalog) {
    store_images(config, &catalog.images);
    store_locations(config, &catalog.locations);
    store_types(config, &catalog.types);
}
