//! `web-console user`: users on the command line.

use std::io::{IsTerminal, read_to_string, stdin};
use std::time::SystemTime;

use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use hcc_core::Permissions;
use hcc_store::{Accounts, AuditEntry, Sessions};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use web_console::{
    Passwords, add, check_name, check_password, format_grants, generate, parse_grants,
};

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
    /// List users and their permissions
    List,

    /// Add a user
    Add {
        /// Name of the user
        name: String,

        /// Allow everything, including changes to users
        #[arg(long)]
        admin: bool,
    },

    /// Set a new password and end all sessions of a user
    #[command(visible_alias = "passwd")]
    Password {
        /// Name of the user
        name: String,
    },

    /// Replace the permissions of a user, such as 'web-*: console power'; without any, nothing is allowed
    Grant {
        /// Name of the user
        name: String,

        /// Servers and what is allowed, each as SERVERS: PERMISSIONS or label SELECTOR: PERMISSIONS
        grants: Vec<String>,

        /// Allow everything, including changes to users
        #[arg(long, conflicts_with = "grants")]
        admin: bool,
    },

    /// Block a user and end all sessions
    Disable {
        /// Name of the user
        name: String,
    },

    /// Unblock a user
    Enable {
        /// Name of the user
        name: String,
    },

    /// Remove a user and end all sessions
    #[command(visible_alias = "rm")]
    Remove {
        /// Name of the user
        name: String,
    },

    /// Remove the second factor and the passkeys of a user, and end all sessions
    ResetSecondFactor {
        /// Name of the user
        name: String,
    },

    /// List the sessions of a user
    Sessions {
        /// Name of the user
        name: String,

        /// End them
        #[arg(long)]
        end: bool,
    },
}

impl User {
    pub(crate) async fn run(self, database: &Database) -> anyhow::Result<()> {
        let accounts = &*database.accounts().await?;
        match self.verb {
            Verb::List => list(accounts).await,
            Verb::Add { name, admin } => {
                let name = check_name(&name)?;
                let permissions = if admin {
                    Permissions::admin()
                } else {
                    Permissions::default()
                };
                let added = add(accounts, name, &permissions, password()?).await?;
                ensure!(added, "user {name:?} already exists");
                Ok(())
            }
            Verb::Password { name } => {
                let hash = Passwords::default().hash(password()?).await;
                change(accounts, &name, |user| user.password = Some(hash)).await?;
                end_sessions(accounts, &name).await
            }
            Verb::Grant {
                name,
                grants,
                admin,
            } => {
                let grants = parse_grants(&grants.join("\n"))?;
                let mut permissions = Permissions::of(&user(accounts, &name).await?)
                    .with_context(|| format!("the permissions of {name:?} are malformed"))?;
                permissions.grants = grants;
                permissions.admin = admin;
                change(accounts, &name, |user| user.rights = json!(permissions)).await
            }
            Verb::Disable { name } => {
                change(accounts, &name, |user| user.disabled = true).await?;
                end_sessions(accounts, &name).await
            }
            Verb::Enable { name } => change(accounts, &name, |user| user.disabled = false).await,
            Verb::Remove { name } => {
                let removed = accounts.remove_user(&name).await?;
                ensure!(removed, "user {name:?} not found");
                Ok(())
            }
            Verb::ResetSecondFactor { name } => {
                change(accounts, &name, |user| {
                    user.second_factor = None;
                    user.passkeys = json!(null);
                })
                .await?;
                audit(accounts, format!("reset second factor of {name}")).await?;
                end_sessions(accounts, &name).await
            }
            Verb::Sessions { name, end: true } => {
                user(accounts, &name).await?;
                end_sessions(accounts, &name).await
            }
            Verb::Sessions { name, end: false } => {
                user(accounts, &name).await?;
                for session in accounts.sessions(&name, SystemTime::now()).await? {
                    let (since, until) = (shown(session.since)?, shown(session.until)?);
                    println!("since {since}, ends {until} without a request");
                }
                Ok(())
            }
        }
    }
}

async fn list(accounts: &dyn Accounts) -> anyhow::Result<()> {
    for user in accounts.users().await? {
        let permissions = match Permissions::of(&user) {
            Ok(permissions) if permissions.admin => "admin".to_owned(),
            Ok(permissions) => format_grants(&permissions.grants).replace('\n', "; "),
            Err(_) => "malformed permissions".to_owned(),
        };
        let disabled = if user.disabled { "disabled; " } else { "" };
        println!("{}  {disabled}{permissions}", user.name);
    }
    Ok(())
}

async fn user(accounts: &dyn Accounts, name: &str) -> anyhow::Result<hcc_store::User> {
    let user = accounts.user(name).await?;
    user.with_context(|| format!("user {name:?} not found"))
}

/// Changes a user.
async fn change(
    accounts: &dyn Accounts,
    name: &str,
    set: impl FnOnce(&mut hcc_store::User),
) -> anyhow::Result<()> {
    let mut user = user(accounts, name).await?;
    set(&mut user);
    let stored = accounts.put_user(&user).await?;
    ensure!(stored, "user {name:?} was changed concurrently; try again");
    Ok(())
}

/// Adds what was done on the command line to the audit trail.
async fn audit(accounts: &dyn Accounts, what: String) -> anyhow::Result<()> {
    let entry = AuditEntry {
        at: SystemTime::now(),
        by: None,
        ip: None,
        what,
        server: None,
        project: None,
        outcome: "on the command line".to_owned(),
    };
    Ok(accounts.append(&entry).await?)
}

async fn end_sessions(accounts: &dyn Accounts, name: &str) -> anyhow::Result<()> {
    accounts.end_sessions(Sessions::Of(name)).await?;
    Ok(())
}

fn shown(time: SystemTime) -> anyhow::Result<String> {
    Ok(Timestamp::try_from(time)?.strftime("%F %T UTC").to_string())
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
    Ok(check_password(password.into())?)
}
