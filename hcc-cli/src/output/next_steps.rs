//! What a person needs after a verb: the address of a server, and the commands for it.

use hcc_core::ServerName;
use hcc_store::Record;

use super::Output;
use crate::config::Config;
use crate::hint::quoted;

/// What to print about a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// How to log in to a new server.
    Created,
    /// How to see a server that starts.
    Started,
    /// How to start a server again.
    Stopped,
}

/// Prints the next steps on a terminal, as far as the record of the server tells them.
pub(crate) async fn print(out: &Output, config: &Config, name: &ServerName, next: Next) {
    if !out.shows_next_steps() {
        return;
    }
    let Ok(store) = config.store().await else {
        return;
    };
    if let Ok(Some(record)) = store.get(name.as_str()).await {
        let profile = config.file().profile();
        eprint!("{}", block(&steps(name, &record, next, profile)));
    }
}

/// Formats names and values, as they are printed about a server.
pub(crate) fn block(facts: &[(&str, String)]) -> String {
    let facts = facts.iter().filter(|(_, fact)| !fact.is_empty());
    facts
        .map(|(name, fact)| format!("  {name:10}{fact}\n"))
        .collect()
}

fn steps(
    name: &ServerName,
    record: &Record,
    next: Next,
    profile: Option<&str>,
) -> Vec<(&'static str, String)> {
    let hcc = match profile {
        Some(profile) => format!("hcc --profile {}", quoted(profile)),
        None => "hcc".to_owned(),
    };
    if next == Next::Stopped {
        return vec![("start", format!("{hcc} start {name}"))];
    }
    let ip4 = record.ip4.as_deref().unwrap_or_default();
    let ip6 = record.ip6.as_deref().unwrap_or_default();
    let addresses = [ip4, ip6].into_iter().filter(|ip| !ip.is_empty());
    let addresses: Vec<_> = addresses.collect();
    let mut steps = vec![("address", addresses.join(", "))];
    if next == Next::Created {
        if !ip4.is_empty() {
            steps.push(("log in", format!("ssh root@{ip4}")));
        }
        if record.pw.is_some() {
            steps.push(("password", format!("{hcc} password {name}")));
        }
    }
    steps.push(("screen", format!("{hcc} console {name} --open")));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(record: &Record, next: Next, profile: Option<&str>) -> String {
        block(&steps(&"web1".parse().unwrap(), record, next, profile))
    }

    #[test]
    fn new_server_has_an_address_a_password_and_a_screen() {
        let mut record = Record::default();
        record.ip4 = Some("10.0.0.2".to_owned());
        record.ip6 = Some("2001:db8::/64".to_owned());
        record.pw = Some("canary".into());
        assert_eq!(
            printed(&record, Next::Created, None),
            "  address   10.0.0.2, 2001:db8::/64\n  log in    ssh root@10.0.0.2\n  \
             password  hcc password web1\n  screen    hcc console web1 --open\n"
        );
    }

    #[test]
    fn commands_name_the_profile_and_what_is_missing_is_left_out() {
        let record = Record::default();
        assert_eq!(
            printed(&record, Next::Created, Some("my work")),
            "  screen    hcc --profile 'my work' console web1 --open\n"
        );
        assert_eq!(
            printed(&record, Next::Stopped, None),
            "  start     hcc start web1\n"
        );
    }
}
