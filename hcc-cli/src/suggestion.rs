//! Suggestions for mistyped names of servers, types, images and locations.

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
            nearest(name.as_str(), names.map(|(name, _)| name))
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

/// Returns the most similar name, if it differs in few letters only.
fn nearest(name: &str, names: impl Iterator<Item = String>) -> Option<String> {
    let max = name.len().div_ceil(4);
    names
        .map(|known| (strsim::osa_distance(name, &known), known))
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
