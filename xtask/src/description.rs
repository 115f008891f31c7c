//! `cargo xtask description`: reduces Hetzner's OpenAPI descriptions to what the simulator needs.

pub(crate) mod reduce;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::description::reduce::{Reduced, text};
use crate::workspace::root;

/// Reduce Hetzner's OpenAPI descriptions to the files that the simulator and its tests use
#[derive(clap::Args)]
pub(crate) struct Description {
    /// JSON files with the descriptions of the cloud API and of the storage box API
    #[arg(required = true)]
    descriptions: Vec<PathBuf>,
}

impl Description {
    pub(crate) fn run(self) -> Result<()> {
        let reduced = Reduced::read(&self.descriptions)?;
        for (path, file) in reduced.files() {
            let path = root().join(path);
            fs::create_dir_all(path.parent().context("a file in the workspace")?)?;
            fs::write(&path, text(&file)?)?;
        }
        println!("{} operations", reduced.len());
        Ok(())
    }
}
