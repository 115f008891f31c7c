//! `hcc ssh`: a shell on a server.

use std::io;
use std::net::Ipv6Addr;
#[cfg(unix)]
use std::os::unix::process::CommandExt;
use std::process::Command;

use hcc_core::{Error, Guard, ServerName};
use hcc_store::Record;

use crate::cmd::args::{line, resolve_all};
use crate::config::Config;
use crate::error::{CliError, Exit, Result};

/// Log in to a server by SSH, or run a command there
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Ssh {
    /// Name or id of the server
    name: ServerName,

    /// User on the server
    #[arg(short, long, default_value = "root", value_parser = line)]
    user: String,

    /// Connect to the IPv6 address
    #[arg(long, conflicts_with = "private")]
    ipv6: bool,

    /// Connect to the address in a private network
    #[arg(long)]
    private: bool,

    /// Option of ssh, such as -oPort=2222; may be repeated
    #[arg(long = "ssh-option", value_name = "OPTION", allow_hyphen_values = true)]
    options: Vec<String>,

    /// Command to run on the server
    #[arg(last = true)]
    command: Vec<String>,
}

const EXAMPLES: &str = "\
Examples:
  hcc ssh web1
  hcc ssh web1 --user admin --ssh-option -oPort=2222 -- uptime";

impl Ssh {
    pub(crate) async fn run(self, config: &Config) -> Result<()> {
        let store = config.store().await?;
        let mut name = self.name.clone();
        let mut record = store.get(name.as_str()).await?;
        if record.is_none() {
            // The record is made from Hetzner, for this run only.
            let project = config.project(Guard::Any).await?;
            name = resolve_all(&project, &[name]).await?.remove(0);
            record = project.current_record(&name).await?;
        }
        let record = record.ok_or_else(|| Error::NoSuchServer { name: name.clone() })?;
        let address = self.address(&record).ok_or_else(|| {
            let kind = match (self.ipv6, self.private) {
                (true, _) => "IPv6",
                (_, true) => "private",
                _ => "public",
            };
            let message = format!("server {name} has no {kind} address");
            CliError::new(Exit::Failed, "no_address", message).hint("run hcc sync to update it")
        })?;
        let mut ssh = Command::new("ssh");
        ssh.args(&self.options)
            // What follows is no option, whatever the record and the command begin with.
            .args(["-l", &self.user, "--", &address])
            .args(&self.command);
        let error = become_program(ssh);
        Err(CliError::new(Exit::Failed, "no_ssh", "cannot run ssh").source(error))
    }

    fn address(&self, record: &Record) -> Option<String> {
        if self.private {
            let addresses = record.net.as_ref()?;
            return addresses.iter().find_map(|address| address.ip.clone());
        }
        match &record.ip4 {
            Some(ip4) if !self.ipv6 => Some(ip4.clone()),
            _ => first_of(record.ip6.as_deref()?),
        }
    }
}

/// Runs a program in place of this one, so that it receives the signals, and its exit code is the one that
/// scripts look at. Returns only if it cannot be run.
#[cfg(unix)]
fn become_program(mut program: Command) -> io::Error {
    program.exec()
}

#[cfg(not(unix))]
fn become_program(mut program: Command) -> io::Error {
    match program.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}

/// Returns the address that a server usually takes of its network.
fn first_of(network: &str) -> Option<String> {
    let (network, _) = network.split_once('/').unwrap_or((network, ""));
    let network: Ipv6Addr = network.parse().ok()?;
    Some(Ipv6Addr::from_bits(network.to_bits() | 1).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_takes_the_first_address_of_its_network() {
        assert_eq!(
            first_of("2001:db8:7::/64").as_deref(),
            Some("2001:db8:7::1")
        );
        assert_eq!(first_of("2001:db8:7::5").as_deref(), Some("2001:db8:7::5"));
        assert_eq!(first_of("none"), None);
    }
}
