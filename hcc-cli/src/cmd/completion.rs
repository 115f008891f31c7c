//! `hcc completion`, `hcc man`: what shells and `man` know of hcc.

use std::fs;
use std::io::{Write, stdout};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{CommandFactory, ValueEnum};
use clap_complete::env::{Bash, EnvCompleter, Fish, Powershell, Zsh};

use crate::cli::Cli;

/// Print what makes a shell complete verbs, flags and names
///
/// Names of servers come from the records, those of images, locations and types from the last
/// list of them. Hetzner is not asked.
#[derive(Debug, clap::Args)]
#[command(after_help = INSTALL)]
pub(crate) struct Completion {
    /// Which shell
    shell: Shell,
}

const INSTALL: &str = "\
For the shell that runs, and for those to come:
  bash        source <(hcc completion bash)                          in ~/.bashrc
  zsh         source <(hcc completion zsh)      after compinit, in ~/.zshrc
  fish        hcc completion fish | source          in ~/.config/fish/config.fish
  powershell  hcc completion powershell | Out-String | Invoke-Expression  in $PROFILE";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
    Powershell,
}

impl Completion {
    pub(crate) fn run(self) -> Result<()> {
        let shell: &dyn EnvCompleter = match self.shell {
            Shell::Bash => &Bash,
            Shell::Zsh => &Zsh,
            Shell::Fish => &Fish,
            Shell::Powershell => &Powershell,
        };
        let mut script = Vec::new();
        shell.write_registration("COMPLETE", "hcc", "hcc", "hcc", &mut script)?;
        if let Shell::Zsh = self.shell {
            // As a file `_hcc` on zsh's path it is run at the first Tab, which wants an answer.
            script.extend(b"\n[[ $funcstack[1] == _hcc ]] && _clap_dynamic_completer_hcc \"$@\"\n");
            script.extend(b"true\n");
        }
        stdout().write_all(&script)?;
        Ok(())
    }
}

/// Write the man pages into a folder, for packages
#[derive(Debug, clap::Args)]
pub(crate) struct Man {
    /// Where to write hcc.1, hcc-list.1, …
    folder: PathBuf,
}

impl Man {
    pub(crate) fn run(self) -> Result<()> {
        let folder = self.folder;
        fs::create_dir_all(&folder)
            .and_then(|()| clap_mangen::generate_to(Cli::command(), &folder))
            .with_context(|| format!("write to {}", folder.display()))
    }
}
