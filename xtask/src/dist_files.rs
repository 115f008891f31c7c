//! `cargo xtask dist-files`: man pages and shell completions for packages.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::workspace::{cargo, program, root, run};

/// The paths of the completions below `/usr/share`, by shell.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "bash-completion/completions/hcc"),
    ("fish", "fish/vendor_completions.d/hcc.fish"),
    ("zsh", "zsh/vendor-completions/_hcc"),
];

/// Write man pages and shell completions, with the layout of /usr/share
#[derive(clap::Args)]
pub(crate) struct DistFiles {
    /// Directory to write to
    directory: PathBuf,

    /// Program to generate them from [default: a release build]
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
        // Commands run in the root of the checkout.
        write(&hcc, &root().join(self.directory))
    }
}

/// Writes the man pages and completions that a program `hcc` generates.
pub(crate) fn write(hcc: &Path, share: &Path) -> Result<()> {
    run(Command::new(hcc).arg("man").arg(share.join("man/man1")))?;
    for (shell, file) in COMPLETIONS {
        let path = share.join(file);
        let directory = path.parent().expect("a path below `share`");
        fs::create_dir_all(directory)
            .and_then(|()| fs::write(&path, completion(hcc, shell)?))
            .with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

fn completion(hcc: &Path, shell: &str) -> io::Result<Vec<u8>> {
    let output = Command::new(hcc).args(["completion", shell]).output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("hcc completion {shell} failed")));
    }
    Ok(output.stdout)
}
