//! Asking before something is done that cannot be undone.

use std::io::{BufRead, IsTerminal, Write, stderr, stdin};

use anyhow::Result;

use crate::config::Config;
use crate::problem::Problem;

/// Whether to ask.
#[derive(Debug, clap::Args)]
pub(crate) struct Consent {
    /// Do not ask
    #[arg(short, long, env = "HCC_YES", hide_env_values = true)]
    yes: bool,
}

impl Consent {
    /// Whether nobody needs to be asked.
    pub(crate) fn is_given(&self, config: &Config) -> bool {
        self.yes || config.is_dry_run()
    }

    /// Asks on a terminal, where no is the answer to Return; scripts know what they do.
    pub(crate) fn ask(&self, config: &Config, question: &str) -> Result<()> {
        if self.is_given(config) || !stdin().is_terminal() {
            return Ok(());
        }
        let answer = answer(&format!("{question} (y/N) "))?;
        match answer.to_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(Problem::Declined.into()),
        }
    }

    /// Asks for a word, as a `y` is typed too easily. Somebody must be there to type it.
    pub(crate) fn ask_for(&self, word: &str, question: &str) -> Result<()> {
        if !stdin().is_terminal() {
            return Err(Problem::NobodyToAsk.into());
        }
        match answer(question)? == word {
            true => Ok(()),
            false => Err(Problem::Declined.into()),
        }
    }
}

fn answer(question: &str) -> Result<String> {
    write!(stderr(), "{question}")?;
    let mut answer = String::new();
    stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim().to_owned())
}
