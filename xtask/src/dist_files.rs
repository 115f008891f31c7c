//! `cargo xtask dist-files`: what packages put beside the program `hcc`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::workspace::{cargo, program, root, run};

/// Where packages put the completions of a shell, below `/usr/share`.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "bash-completion/completions/hcc"),
    ("fish", "fish/vendor_completions.d/hcc.fish"),
    ("zsh", "zsh/vendor-completions/_hcc"),
];

/// Write man pages and shell completions, laid out as below /usr/share
#[derive(clap::Args)]
pub(crate) struct DistFiles {
    /// Where to write them
    folder: PathBuf,

    /// The program that they are of; built in release mode unless it is given
    #[arg(long, value_name = "FILE")]
    hcc: Option<PathBuf>,
}

impl DistFiles {
    pub(crate) fn run(self) -> Result<()> {
        let hcc = match self.hcc {
            Some(hcc) => hcc,
            None => {
                run(cargo().args(["build", "--release", "-p", "hcc-cli"]))?;
                program("release", "hcc")
            }
        };
        // Chores run in the root of the checkout.
        write(&hcc, &root().join(self.folder))
    }
}

/// Writes what a program `hcc` says of itself.
pub(crate) fn write(hcc: &Path, share: &Path) -> Result<()> {
    run(Command::new(hcc).arg("man").arg(share.join("man/man1")))?;
    for (shell, file) in COMPLETIONS {
        let path = share.join(file);
        let folder = path.parent().expect("it lies below a folder");
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&path, completion(hcc, shell)?))
            .with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

fn completion(hcc: &Path, shell: &str) -> io::Result<Vec<u8>> {
    let output = Command::new(hcc).args(["completion", shell]).output()?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(io::Error::other(format!("hcc completion {shell} failed"))),
    }
}
