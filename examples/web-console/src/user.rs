//! `web-console user`: users, from the command line.

use std::io::{IsTerminal, read_to_string, stdin};

use anyhow::{Context, bail, ensure};
use clap::{Args, Subcommand};
use hcc_core::Permissions;
use hcc_store::Sessions;
use secrecy::{ExposeSecret, SecretString};
use web_console::{Passwords, add, generate};

use crate::cli::Database;

/// Users, from the command line
#[derive(Debug, Args)]
pub(crate) struct User {
    #[command(subcommand)]
    verb: Verb,
}

/// The password is read from standard input, or made and printed on a terminal.
#[derive(Debug, Subcommand)]
enum Verb {
    /// Add a user
    Add {
        /// What they log in with
        name: String,

        /// May do everything, and change users
        #[arg(long)]
        admin: bool,
    },

    /// Give a user another password, and log them out
    Password {
        /// Who
        name: String,
    },
}

impl User {
    pub(crate) async fn run(self, database: &Database) -> anyhow::Result<()> {
        let accounts = database.accounts().await?;
        match self.verb {
            Verb::Add { name, admin } => {
                let rights = match admin {
                    true => Permissions::admin(),
                    false => Permissions::default(),
                };
                let added = add(&*accounts, &name, &rights, password()?).await?;
                ensure!(added, "there is a user {name} already");
            }
            Verb::Password { name } => {
                let user = accounts.user(&name).await?;
                let mut user = user.with_context(|| format!("there is no user {name}"))?;
                user.password = Some(Passwords::default().hash(password()?).await);
                if !accounts.put_user(&user).await? {
                    bail!("somebody else has just changed {name}; try again");
                }
                accounts.end_sessions(Sessions::Of(&name)).await?;
            }
        }
        Ok(())
    }
}

/// The password that is piped in, or a new one that the terminal shows.
fn password() -> anyhow::Result<SecretString> {
    if stdin().is_terminal() {
        let password = generate();
        println!("password: {}", password.expose_secret());
        return Ok(password);
    }
    let line = read_to_string(stdin())?;
    let password = line.trim_end_matches(['\r', '\n']);
    ensure!(!password.is_empty(), "no password came from standard input");
    Ok(password.into())
}
