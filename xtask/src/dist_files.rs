//! `cargo xtask dist-files`: what packages put beside the program `hcc`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

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
        let share = root().join(self.folder);
        run(Command::new(&hcc).arg("man").arg(share.join("man/man1")))?;
        for (shell, file) in COMPLETIONS {
            write(&share.join(file), &completion(&hcc, shell)?)?;
        }
        Ok(())
    }
}

fn completion(hcc: &Path, shell: &str) -> Result<Vec<u8>> {
    let output = Command::new(hcc).args(["completion", shell]).output()?;
    ensure!(output.status.success(), "hcc completion {shell} failed");
    Ok(output.stdout)
}

fn write(path: &Path, text: &[u8]) -> Result<()> {
    let folder = path.parent().expect("it lies below a folder");
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .with_context(|| format!("write {}", path.display()))
}
