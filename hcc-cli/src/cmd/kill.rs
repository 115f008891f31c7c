//! `hcc kill`: deleting a server.

use std::io::{BufRead, IsTerminal, Write, stderr, stdin};

use anyhow::Result;
use hcc_core::Killed;

use crate::cmd::target::Target;
use crate::cmd::wait::Waiting;
use crate::config::Config;
use crate::exit::Declined;
use crate::output::Output;

/// Delete a server and its record
#[derive(Debug, clap::Args)]
pub(crate) struct Kill {
    #[command(flatten)]
    target: Target,

    #[command(flatten)]
    waiting: Waiting,

    /// Do not ask
    #[arg(short, long, env = "HCC_YES", hide_env_values = true)]
    yes: bool,
}

impl Kill {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        if !self.yes {
            confirm(self.target.name.as_str())?;
        }
        let middleware = config.middleware(self.target.guard()).await?;
        if let Killed::Deleted(Some(action)) = middleware.kill(&self.target.name).await? {
            self.waiting.wait(&middleware, vec![action]).await?;
        }
        out.ok()
    }
}

/// Asks for the name: a `y` is typed too easily.
fn confirm(name: &str) -> Result<()> {
    if !stdin().is_terminal() {
        return Err(Declined::NobodyToAsk.into());
    }
    write!(
        stderr(),
        "This deletes {name} with its disk. Type its name to go on: "
    )?;
    let mut answer = String::new();
    stdin().lock().read_line(&mut answer)?;
    if answer.trim() == name {
        Ok(())
    } else {
        Err(Declined::ByUser.into())
    }
}
