//! Suggestions for mistyped names of servers, types, images, ISO images and locations.

use std::time::Duration;

use hcc_core::{Error, OfferReason, ResourceKind};
use tokio::time::timeout;

use crate::completion_cache::Kind;
use crate::config::Config;
use crate::error::CliError;

/// How long the database may take.
const DATABASE_TIMEOUT: Duration = Duration::from_millis(500);

/// Adds a name that is known locally to an error, if it is similar.
pub(crate) async fn suggest(error: CliError, config: &Config) -> CliError {
    let similar = match error.cause() {
        Some(Error::NoSuchServer { name }) => {
            let statuses = async { config.store().await.ok()?.statuses().await.ok() };
            let statuses = timeout(DATABASE_TIMEOUT, statuses).await.ok().flatten();
            let names = statuses.unwrap_or_default().into_iter();
            let existing = names.filter(|(_, status)| status.as_deref() != Some("deleted"));
            nearest(name.as_str(), existing.map(|(name, _)| name))
        }
        Some(Error::NotOffered { problems, .. }) => problems
            .iter()
            .filter(|problem| problem.reason == OfferReason::NotFound)
            .find_map(|problem| {
                let kind = match problem.resource.kind {
                    ResourceKind::ServerType => Kind::Types,
                    ResourceKind::Image => Kind::Images,
                    ResourceKind::Location => Kind::Locations,
                    _ => return None,
                };
                let names = kind.read(config).ok()?.into_iter();
                nearest(&problem.resource.name, names.map(|(name, _)| name))
            }),
        Some(Error::NoSuchResource { kind, name }) => {
            let kind = match &**kind {
                "server type" => Some(Kind::Types),
                "image" => Some(Kind::Images),
                "ISO image" => Some(Kind::Isos),
                "location" => Some(Kind::Locations),
                _ => None,
            };
            let names = kind.and_then(|kind| kind.read(config).ok());
            let names = names.unwrap_or_default().into_iter();
            nearest(name.trim_matches('"'), names.map(|(name, _)| name))
        }
        _ => None,
    };
    let Some(similar) = similar else {
        return error;
    };
    let hint = match &error.hint {
        Some(hint) => format!("did you mean {similar}? {hint}"),
        None => format!("did you mean {similar}?"),
    };
    error.hint(hint)
}

/// Returns the verb for a command of the official CLI, such as `server delete`.
pub(crate) fn of_official(resource: &str, command: Option<&str>) -> Option<&'static str> {
    Some(match (resource, command) {
        ("server" | "servers", command) => match command {
            Some("create") => "create",
            Some("delete") => "delete",
            Some("describe" | "ip") => "show",
            Some("poweron") => "start",
            Some("poweroff") => "force",
            Some("shutdown") => "stop",
            Some("reboot") => "reboot",
            Some("reset") => "reset",
            Some("ssh") => "ssh",
            Some("metrics") => "metrics",
            Some("rebuild") => "rebuild",
            Some("change-type") => "resize",
            Some("update") => "rename",
            Some("reset-password") => "passwd",
            Some("request-console") => "console",
            Some("create-image") => "snapshot create",
            Some("enable-backup") => "backup enable",
            Some("disable-backup") => "backup disable",
            Some("enable-rescue") => "rescue enable",
            Some("disable-rescue") => "rescue disable",
            Some("enable-protection") => "protect",
            Some("disable-protection") => "unprotect",
            Some("attach-iso") => "iso attach",
            Some("detach-iso") => "iso detach",
            Some("add-label") => "label set",
            Some("remove-label") => "label remove",
            Some("set-rdns") => "rdns set",
            _ => "list",
        },
        ("image", _) => "images",
        ("iso" | "isos", _) => "isos",
        ("location" | "datacenter", _) => "locations",
        ("server-type", _) => "types",
        ("context", _) => "config",
        (
            "certificate" | "firewall" | "floating-ip" | "load-balancer" | "network"
            | "placement-group" | "primary-ip" | "ssh-key" | "storage-box" | "volume" | "zone",
            _,
        ) => "api",
        _ => return None,
    })
}

/// Returns the most similar name, if it differs in few letters only.
pub(crate) fn nearest<T: AsRef<str> + Ord>(
    name: &str,
    names: impl Iterator<Item = T>,
) -> Option<T> {
    let max = name.len().div_ceil(4);
    names
        .map(|known| (strsim::osa_distance(name, known.as_ref()), known))
        .filter(|(distance, _)| (1..=max).contains(distance))
        .min()
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_that_differs_in_few_letters_is_suggested() {
        let known = || ["web1", "web2", "database"].map(str::to_owned).into_iter();

        assert_eq!(nearest("wbe1", known()).as_deref(), Some("web1"));
        assert_eq!(nearest("databse", known()).as_deref(), Some("database"));
        assert_eq!(nearest("mail", known()), None);
        assert_eq!(nearest("web1", known()).as_deref(), Some("web2"));
    }
}
