//! `web-console user`: users on the command line.

use std::io::{IsTerminal, read_to_string, stdin};

use anyhow::{Context, bail, ensure};
use clap::{Args, Subcommand};
use hcc_core::Permissions;
use hcc_store::Sessions;
use secrecy::{ExposeSecret, SecretString};
use web_console::{Passwords, add, generate};

use crate::cli::Database;

/// Manage users
#[derive(Debug, Args)]
pub(crate) struct User {
    #[command(subcommand)]
    verb: Verb,
}

/// The password is read from standard input; on a terminal, a random one is printed.
#[derive(Debug, Subcommand)]
enum Verb {
    /// Add a user
    Add {
        /// Name of the user
        name: String,

        /// Allow everything, including changes to users
        #[arg(long)]
        admin: bool,
    },

    /// Set a new password and end all sessions of a user
    Password {
        /// Name of the user
        name: String,
    },
}

impl User {
    pub(crate) async fn run(self, database: &Database) -> anyhow::Result<()> {
        let accounts = database.accounts().await?;
        match self.verb {
            Verb::Add { name, admin } => {
                let permissions = if admin {
                    Permissions::admin()
                } else {
                    Permissions::default()
                };
                let added = add(&*accounts, &name, &permissions, password()?).await?;
                ensure!(added, "user {name:?} already exists");
            }
            Verb::Password { name } => {
                let user = accounts.user(&name).await?;
                let mut user = user.with_context(|| format!("user {name:?} not found"))?;
                user.password = Some(Passwords::default().hash(password()?).await);
                if !accounts.put_user(&user).await? {
                    bail!("user {name:?} was changed concurrently; try again");
                }
                accounts.end_sessions(Sessions::Of(&name)).await?;
            }
        }
        Ok(())
    }
}

/// Reads the password from a pipe, or generates and prints one on a terminal.
fn password() -> anyhow::Result<SecretString> {
    if stdin().is_terminal() {
        let password = generate();
        println!("password: {}", password.expose_secret());
        return Ok(password);
    }
    let line = read_to_string(stdin())?;
    let password = line.trim_end_matches(['\r', '\n']);
    ensure!(
        !password.is_empty(),
        "standard input is empty: expected a password"
    );
    Ok(password.into())
}
