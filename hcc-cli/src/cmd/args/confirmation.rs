//! Confirmation of what cannot be undone.

use std::io::{BufRead, IsTerminal, Write, stderr, stdin};
use std::thread;

use tokio::sync::oneshot;

use crate::config::Config;
use crate::error::{CliError, Exit, Result};

/// Whether to ask for confirmation.
#[derive(Debug, clap::Args)]
pub(crate) struct Confirmation {
    /// Do not ask for confirmation
    #[arg(short, long, env = "HCC_YES", hide_env_values = true)]
    #[arg(action = clap::ArgAction::SetTrue, value_parser = switch)]
    yes: bool,
}

impl Confirmation {
    /// Whether no question is needed.
    pub(crate) fn is_given(&self, config: &Config) -> bool {
        self.yes || config.is_dry_run()
    }

    /// Asks a question on a terminal; the default answer is no. Scripts are not asked.
    pub(crate) async fn ask(&self, config: &Config, question: &str) -> Result<()> {
        if self.is_given(config) || !stdin().is_terminal() {
            return Ok(());
        }
        let answer = prompt(&format!("{question} (y/N) ")).await?.to_lowercase();
        confirmed(matches!(answer.as_str(), "y" | "yes"))
    }

    /// Asks for a word, which is not typed by accident; without a terminal it fails.
    pub(crate) async fn ask_for(&self, word: &str, question: &str) -> Result<()> {
        if !stdin().is_terminal() {
            let message = "confirmation required but stdin is not a terminal";
            return Err(CliError::new(Exit::Refused, "declined", message).hint("pass --yes"));
        }
        confirmed(prompt(question).await? == word)
    }
}

/// Reads a switch from the environment.
pub(in crate::cmd) fn switch(value: &str) -> Result<bool, &'static str> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "y" | "on" => Ok(true),
        "0" | "false" | "no" | "n" | "off" | "" => Ok(false),
        _ => Err("expected yes or no, true or false, or 1 or 0"),
    }
}

fn confirmed(is_confirmed: bool) -> Result<()> {
    if is_confirmed {
        return Ok(());
    }
    Err(CliError::new(Exit::Refused, "declined", "aborted"))
}

/// Reads the answer in a thread of its own: a signal ends the process meanwhile.
async fn prompt(question: &str) -> Result<String> {
    write!(stderr(), "{question}")?;
    let (sender, receiver) = oneshot::channel();
    thread::spawn(move || {
        let mut answer = String::new();
        let read = stdin().lock().read_line(&mut answer);
        // It is not awaited any more if a signal has ended the verb.
        let _ = sender.send(read.map(|_| answer));
    });
    let answer = receiver.await.expect("the thread sends what it has read");
    Ok(answer?.trim().to_owned())
}
