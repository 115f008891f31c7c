//! Code that works with many kinds of resources.

use std::fmt::Display;

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    Action, Certificate, Client, Firewall, FloatingIp, Image, LabelSelector, Labels, Listing,
    LoadBalancer, Network, PlacementGroup, PrimaryIp, Resource, Result, Server, SshKey, StorageBox,
    Volume, Zone,
};

/// A kind of resource of a project with a name and labels, for code that works with many kinds.
///
/// Kinds of your own need only this trait and [`Resource`].
///
/// ```no_run
/// use hcloud_api::{Client, LabelSelector, Labelled, Network, Result, Server, Volume};
///
/// async fn print<T: Labelled>(client: &Client, selector: &LabelSelector) -> Result<()> {
///     for resource in client.list_labelled::<T>(selector).all().await? {
///         println!("{} {}", T::ONE, resource.name());
///     }
///     Ok(())
/// }
///
/// # async fn example(client: &Client) -> Result<()> {
/// let selector = LabelSelector::new().equals("env", "test")?;
/// print::<Server>(client, &selector).await?;
/// print::<Volume>(client, &selector).await?;
/// print::<Network>(client, &selector).await?;
/// # Ok(()) }
/// ```
pub trait Labelled: Resource<Id: Copy + Display> {
    /// Returns the name; of snapshots and backups, which have none, the description.
    fn name(&self) -> &str;

    /// Returns the labels.
    fn labels(&self) -> &Labels;

    /// Returns when it was created.
    fn created(&self) -> Option<Timestamp>;
}

impl Client {
    /// Lists the resources of a kind whose labels match `selector`; an empty one matches all.
    pub fn list_labelled<T: Labelled>(&self, selector: &LabelSelector) -> Listing<T> {
        let selector = Some(selector).filter(|selector| !selector.is_empty());
        self.list(&Filter {
            label_selector: selector,
        })
    }

    /// Replaces all labels of a resource of a kind.
    pub async fn set_labels<T: Labelled>(&self, id: T::Id, labels: &Labels) -> Result<T> {
        self.change(id, &NewLabels { labels }).await
    }

    /// Deletes a resource of a kind, as the method `delete` of that kind does.
    pub async fn delete_labelled<T: Labelled>(&self, id: T::Id) -> Result<Option<Action>> {
        self.remove::<T>(id).await
    }
}

#[derive(Serialize)]
struct Filter<'a> {
    label_selector: Option<&'a LabelSelector>,
}

#[derive(Serialize)]
struct NewLabels<'a> {
    labels: &'a Labels,
}

macro_rules! labelled {
    ($($kind:ident),+ $(,)?) => {$(
        impl Labelled for $kind {
            fn name(&self) -> &str {
                &self.name
            }

            fn labels(&self) -> &Labels {
                &self.labels
            }

            fn created(&self) -> Option<Timestamp> {
                self.created
            }
        }
    )+};
}

labelled! {
    Certificate,
    Firewall,
    FloatingIp,
    LoadBalancer,
    Network,
    PlacementGroup,
    PrimaryIp,
    Server,
    SshKey,
    StorageBox,
    Volume,
    Zone,
}

impl Labelled for Image {
    fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.description)
    }

    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn created(&self) -> Option<Timestamp> {
        self.created
    }
}
