//! What stays, and is billed, when a server is deleted.

use std::fmt;

use futures_util::future::{try_join, try_join_all};

use crate::{
    ActionResourceKind, Billed, ImageType, Labelled, ListImages, Pricing, Resource, Result, Server,
    ServerId, Servers,
};

/// What stays when a server is deleted, and is still billed; returned by [`Servers::leftovers`].
///
/// As text, a line for each.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Leftovers {
    /// The resources.
    pub resources: Vec<Leftover>,
    /// The currency of the prices, an ISO 4217 code.
    pub currency: String,
}

/// A resource that stays when a server is deleted, and is still billed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Leftover {
    /// The kind: a volume, Primary IP, Floating IP, or image (a snapshot).
    pub kind: ActionResourceKind,
    /// The id.
    pub id: u64,
    /// The name; of a snapshot, its description.
    pub name: String,
    /// The price per month without VAT; `None` if the price list does not have it.
    pub monthly_net: Option<f64>,
}

impl Leftovers {
    /// Returns the known prices per month without VAT in total.
    pub fn monthly_net(&self) -> f64 {
        let prices = self.resources.iter();
        let prices = prices.filter_map(|leftover| leftover.monthly_net);
        // The sum of nothing is -0.
        prices.sum::<f64>() + 0.0
    }
}

impl fmt::Display for Leftovers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, leftover) in self.resources.iter().enumerate() {
            let line = if index == 0 { "" } else { "\n" };
            let kind = match &leftover.kind {
                ActionResourceKind::Volume => "volume",
                ActionResourceKind::PrimaryIp => "Primary IP",
                ActionResourceKind::FloatingIp => "Floating IP",
                ActionResourceKind::Image => "snapshot",
                kind => kind.as_str(),
            };
            write!(f, "{line}{kind} {:?} stays and costs ", leftover.name)?;
            match leftover.monthly_net {
                Some(net) => write!(f, "{net:.2} {} a month without VAT", self.currency)?,
                None => f.write_str("an unknown price")?,
            }
        }
        Ok(())
    }
}

impl Servers<'_> {
    /// Returns what stays when this server is deleted, and is still billed: its volumes, its Floating
    /// IPs, its Primary IPs that are not deleted with it, and snapshots of it.
    ///
    /// Backups are deleted with the server. Sends a request for the price list, the server and the
    /// snapshots, and one for each volume and address, concurrently.
    ///
    /// ```no_run
    /// # async fn example(client: &hcloud_api::Client, id: hcloud_api::ServerId)
    /// # -> hcloud_api::Result<()> {
    /// let leftovers = client.servers().leftovers(id).await?;
    /// client.servers().delete(id).await?;
    /// println!("{leftovers}"); // volume "data" stays and costs 2.20 EUR a month without VAT
    /// # Ok(()) }
    /// ```
    pub async fn leftovers(self, id: ServerId) -> Result<Leftovers> {
        let (prices, server) = try_join(self.0.pricing(), self.get(id)).await?;
        self.leftovers_of(&server, prices).await
    }

    async fn leftovers_of(self, server: &Server, prices: Pricing) -> Result<Leftovers> {
        let client = self.0;
        let net = &server.public_net;
        let primary_ips = (net.ipv4.iter().filter_map(|ipv4| ipv4.id))
            .chain(net.ipv6.iter().filter_map(|ipv6| ipv6.id));
        let snapshots = ListImages {
            kind: vec![ImageType::Snapshot],
            ..ListImages::default()
        };
        let volumes = server.volumes.iter().copied();
        let volumes = volumes.map(|id| client.volumes().try_get(id));
        let primary_ips = primary_ips.map(|id| client.primary_ips().try_get(id));
        let floating_ips = net.floating_ips.iter().copied();
        let floating_ips = floating_ips.map(|id| client.floating_ips().try_get(id));
        let ((volumes, snapshots), (primary_ips, floating_ips)) = try_join(
            try_join(
                try_join_all(volumes),
                client.images().list(&snapshots).all(),
            ),
            try_join(try_join_all(primary_ips), try_join_all(floating_ips)),
        )
        .await?;

        let primary_ips = primary_ips.into_iter().flatten();
        let snapshots = snapshots.iter().filter(|image| {
            let origin = image.created_from.as_ref();
            origin.is_some_and(|origin| origin.id == server.id)
        });
        let mut resources = Vec::new();
        resources.extend(volumes.iter().flatten().map(|it| leftover(it, &prices)));
        resources.extend(
            primary_ips
                .filter(|ip| !ip.auto_delete)
                .map(|it| leftover(&it, &prices)),
        );
        resources.extend(
            floating_ips
                .iter()
                .flatten()
                .map(|it| leftover(it, &prices)),
        );
        resources.extend(snapshots.map(|it| leftover(it, &prices)));
        Ok(Leftovers {
            resources,
            currency: prices.currency,
        })
    }
}

fn leftover<T>(resource: &T, prices: &Pricing) -> Leftover
where
    T: Labelled + Billed + Resource<Id: Into<u64>>,
{
    Leftover {
        kind: T::ONE.into(),
        id: resource.id().into(),
        name: resource.name().to_owned(),
        monthly_net: resource.monthly_net(prices),
    }
}
