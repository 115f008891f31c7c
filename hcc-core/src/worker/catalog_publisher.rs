//! Publishing what can be ordered.

use std::convert::Infallible;
use std::time::Duration;

use hcc_store::Accounts;
use hcloud_api::{Decimal, ListIsos, ListSshKeys};
use serde_json::json;
use tokio::time::sleep;
use tracing::warn;

use super::context::WorkerContext;
use super::status::Service;
use crate::offered::{OfferedImage, OfferedIso, OfferedLocation, OfferedPlace, OfferedType};
use crate::{Catalog, OfferedCatalog, Project, ProjectScope, Result};

/// Availability changes within minutes, but "is an indicator, not a guarantee".
const INTERVAL: Duration = Duration::from_secs(15 * 60);
const RETRY_INTERVAL: Duration = Duration::from_secs(60);

/// Publishes the catalog regularly, if there is a database for it.
pub(super) async fn publish_catalog(context: &WorkerContext) -> Infallible {
    let Some((accounts, scope)) = context.catalog.clone() else {
        return std::future::pending().await;
    };
    loop {
        let interval = match publish(&context.project(), &*accounts, &scope).await {
            Ok(true) => INTERVAL,
            Ok(false) => RETRY_INTERVAL,
            Err(error) => {
                if Service::unavailable(&error).is_some() {
                    context.failed(&error);
                } else {
                    let error = &error as &dyn std::error::Error;
                    warn!(error, "catalog not published");
                }
                RETRY_INTERVAL
            }
        };
        sleep(interval).await;
    }
}

/// Publishes the catalog, and returns whether there are users to publish it for.
async fn publish(project: &Project, accounts: &dyn Accounts, scope: &ProjectScope) -> Result<bool> {
    // Without users, no web service shows it.
    if accounts.users().await?.is_empty() {
        return Ok(false);
    }
    let catalog = json!(OfferedCatalog::fetch(project).await?);
    let setting = OfferedCatalog::setting(scope);
    accounts.put_setting(&setting, &catalog).await?;
    Ok(true)
}

impl OfferedCatalog {
    /// Reads the catalog of a project from Hetzner.
    ///
    /// # Errors
    ///
    /// A request to Hetzner fails.
    pub async fn fetch(project: &Project) -> Result<Self> {
        let all = ListSshKeys::default();
        let keys = async { Ok(project.api.ssh_keys().list(&all).all().await?) };
        let all_isos = ListIsos::default();
        let isos = async { Ok(project.api.isos().list(&all_isos).all().await?) };
        let (catalog, keys, isos) = tokio::try_join!(Catalog::fetch(project), keys, isos)?;
        let mut isos: Vec<_> = isos
            .into_iter()
            .filter(|iso| iso.deprecation.is_none())
            .map(|iso| OfferedIso {
                name: iso.name.unwrap_or_else(|| iso.id.to_string()),
                description: iso.description,
            })
            .collect();
        isos.sort_by(|a, b| a.name.cmp(&b.name));
        let Catalog {
            locations,
            types,
            images,
            currency,
        } = catalog;
        let types = types.into_iter().filter(|it| !it.is_deprecated());
        let images = images.into_iter().filter(|image| !image.is_deprecated());
        Ok(Self {
            currency,
            types: types.map(offered_type).collect(),
            images: images
                .filter_map(|image| {
                    Some(OfferedImage {
                        name: image.name?,
                        description: image.description,
                        architecture: image.architecture.to_string(),
                    })
                })
                .collect(),
            locations: locations
                .into_iter()
                .map(|location| OfferedLocation {
                    name: location.name,
                    city: location.city,
                    country: location.country,
                })
                .collect(),
            ssh_keys: keys.into_iter().map(|key| key.name).collect(),
            isos,
            label: project.settings.label.clone(),
        })
    }
}

fn offered_type(it: hcloud_api::ServerType) -> OfferedType {
    let place = |place: &hcloud_api::ServerTypeLocation| {
        let price = it.price(&place.name)?.price_monthly.gross.as_ref();
        Some(OfferedPlace {
            location: place.name.clone(),
            monthly: price.map(Decimal::to_string)?,
            available: place.available && place.deprecation.is_none(),
        })
    };
    OfferedType {
        places: it.locations.iter().filter_map(place).collect(),
        cores: it.cores.unwrap_or_default(),
        memory: it.memory.unwrap_or_default(),
        disk: it.disk.unwrap_or_default(),
        architecture: it.architecture.to_string(),
        name: it.name,
    }
}
