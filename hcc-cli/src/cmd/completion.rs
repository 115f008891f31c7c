//! `hcc completion`, `hcc man`: completion scripts and man pages.

use std::fs;
use std::io::{Write, stdout};
use std::path::PathBuf;

use clap::{Command, ValueEnum};
use clap_complete::env::{Bash, EnvCompleter, Fish, Powershell, Zsh};

use crate::error::{Context, Result};

/// Print a script that completes verbs, flags and names in a shell
///
/// Names of servers come from the local records, those of images, locations and types from the last
/// list of them. Completion makes no request.
#[derive(Debug, clap::Args)]
#[command(after_help = INSTALL)]
pub(crate) struct Completion {
    /// Shell to complete in
    shell: Shell,
}

const INSTALL: &str = "\
Example:
  hcc completion bash

To enable it, add this to the startup file of the shell:
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
            // In a file `_hcc` on zsh's `fpath`, it runs at the first Tab and must complete at once.
            script.extend(b"\n[[ $funcstack[1] == _hcc ]] && _clap_dynamic_completer_hcc \"$@\"\n");
            script.extend(b"true\n");
        }
        stdout().write_all(&script)?;
        Ok(())
    }
}

/// Write the man pages into a directory, for packages
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  hcc man share/man/man1")]
pub(crate) struct Man {
    /// Directory for hcc.1, hcc-list.1, …
    directory: PathBuf,
}

impl Man {
    pub(crate) fn run(self, program: Command) -> Result<()> {
        fs::create_dir_all(&self.directory)
            .and_then(|()| clap_mangen::generate_to(with_aliases(program), &self.directory))
            .context(|| format!("cannot write to {}", self.directory.display()))
    }
}

/// Adds the aliases of verbs to their descriptions, as man pages do not list them otherwise.
fn with_aliases(program: Command) -> Command {
    program.mut_subcommands(|verb| {
        let aliases: Vec<&str> = verb.get_visible_aliases().collect();
        match verb.get_about() {
            Some(about) if !aliases.is_empty() => {
                let label = if aliases.len() == 1 {
                    "alias"
                } else {
                    "aliases"
                };
                let about = format!("{about} [{label}: {}]", aliases.join(", "));
                verb.about(about)
            }
            _ => verb,
        }
    })
}
