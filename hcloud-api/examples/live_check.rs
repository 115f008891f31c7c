//! Compares the responses of a real project with the types of this crate.
//!
//!     HCLOUD_TOKEN=… cargo run -p hcloud-api --example live_check
//!
//! Reads every list and the details of the first item of each, with `GET` requests only; a
//! read-only token is enough. Prints the paths of fields and values of enums that this version does
//! not know, of missing fields, and of values that do not fit; and which requests failed. Prints
//! no values, names or ids, so that you can attach the output to an issue:
//! <https://github.com/hetzner-console/hcc/issues>

use std::collections::{BTreeMap, HashSet};
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hcloud_api::{
    Action, ActionId, Certificate, Client, ClientBuilder, Deviation, DeviationKind, Error,
    Firewall, FloatingIp, Image, Iso, LoadBalancer, LoadBalancerId, LoadBalancerMetric,
    LoadBalancerType, Location, Method, MetricsQuery, Network, NetworkId, NetworkMember,
    PlacementGroup, PrimaryIp, Resource, Result, Rrset, Server, ServerId, ServerMetric, ServerType,
    SshKey, StorageBox, StorageBoxId, StorageBoxSnapshot, StorageBoxSubaccount, StorageBoxType,
    Timestamp, Volume, Zone, ZoneId,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    let is_as_expected = check(ClientBuilder::from_env()?, &mut io::stdout()).await?;
    Ok(match is_as_expected {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Reads everything; returns whether all responses are as expected.
pub(crate) async fn check(client: ClientBuilder, out: &mut impl Write) -> anyhow::Result<bool> {
    let found = Arc::new(Mutex::new(Vec::new()));
    let observed = Arc::clone(&found);
    let client = client.report_unknown(true).on_deviation(move |deviation| {
        if let Ok(mut observed) = observed.lock() {
            observed.push(deviation.clone());
        }
    });
    let mut check = Check {
        client: client.build()?,
        found,
        out,
        action: None,
        total: Total::default(),
    };
    writeln!(check.out, "hcloud-api {}", env!("CARGO_PKG_VERSION"))?;
    check.read_everything().await?;
    let Total {
        read,
        failed,
        unread,
        differences,
    } = check.total;
    writeln!(
        check.out,
        "{read} operations read, {failed} failed, {unread} without anything to read; \
         {differences} differences"
    )?;
    Ok(failed == 0 && differences == 0)
}

#[derive(Default)]
struct Total {
    read: u32,
    failed: u32,
    unread: u32,
    differences: usize,
}

struct Check<'a, W> {
    client: Client,
    /// What the last response had.
    found: Arc<Mutex<Vec<Deviation>>>,
    out: &'a mut W,
    /// An action that exists.
    action: Option<ActionId>,
    total: Total,
}

impl<W: Write> Check<'_, W> {
    async fn read_everything(&mut self) -> io::Result<()> {
        self.kind::<Location>().await?;
        self.kind::<ServerType>().await?;
        self.kind::<LoadBalancerType>().await?;
        self.kind::<StorageBoxType>().await?;
        self.kind::<Iso>().await?;
        self.kind::<SshKey>().await?;
        self.kind::<PlacementGroup>().await?;
        self.kind_with_actions::<Image>().await?;
        self.kind_with_actions::<Volume>().await?;
        self.kind_with_actions::<FloatingIp>().await?;
        self.kind_with_actions::<PrimaryIp>().await?;
        self.kind_with_actions::<Firewall>().await?;
        self.kind_with_actions::<Certificate>().await?;

        let server: Option<ServerId> = self.kind_with_actions::<Server>().await?;
        let metrics = server.map(|id| self.server_metrics(id));
        self.read("/servers/{id}/metrics", metrics).await?;

        let load_balancer: Option<LoadBalancerId> =
            self.kind_with_actions::<LoadBalancer>().await?;
        let metrics = load_balancer.map(|id| self.load_balancer_metrics(id));
        self.read("/load_balancers/{id}/metrics", metrics).await?;

        let network: Option<NetworkId> = self.kind_with_actions::<Network>().await?;
        let members = network.map(|id| format!("/networks/{id}/members"));
        self.list::<NetworkMember>("/networks/{id}/members", members)
            .await?;

        let zone: Option<ZoneId> = self.kind_with_actions::<Zone>().await?;
        self.records(zone).await?;

        let storage_box: Option<StorageBoxId> = self.kind_with_actions::<StorageBox>().await?;
        self.storage_box(storage_box).await?;

        let client = self.client.clone();
        self.read("/pricing", Some(client.pricing())).await?;
        let actions = self.action.map(|id| {
            let actions = client.request(Method::GET, "/actions").query("id", id);
            async move { actions.list::<Action>().page(1).await }
        });
        self.read("/actions", actions).await?;
        let path = self.action.map(|id| format!("/actions/{id}"));
        self.one::<Action>("/actions/{id}", path).await
    }

    /// Reads a list and its first item; returns all ids.
    async fn kind<T: Resource<Id: Display>>(&mut self) -> io::Result<Vec<T::Id>> {
        let all = format!("/{}", T::MANY);
        let items = self.list::<T>(&all, Some(all.clone())).await?;
        let path = items.first().map(|item| format!("{all}/{}", item.id()));
        self.one::<T>(&format!("{all}/{{id}}"), path).await?;
        Ok(items.iter().map(T::id).collect())
    }

    /// In addition, reads the newest actions of all items, and of one; returns its id.
    async fn kind_with_actions<T: Resource<Id: Display>>(&mut self) -> io::Result<Option<T::Id>> {
        let ids = self.kind::<T>().await?;
        let all = format!("/{}", T::MANY);
        let newest = self.actions(&all, Some(all.clone())).await?;
        self.action = newest.first().map(|action| action.id).or(self.action);
        let resources = newest.iter().flat_map(|action| &action.resources);
        let resources = resources.filter(|resource| resource.kind.as_str() == T::ONE);
        let with_actions: HashSet<_> = resources.map(|it| it.id.to_string()).collect();
        let mut ids = ids.into_iter();
        let first = ids.next();
        let has_actions = |id: &T::Id| with_actions.contains(&id.to_string());
        let id = match first {
            Some(first) if !has_actions(&first) => ids.find(has_actions).or(Some(first)),
            first => first,
        };
        let item = id.as_ref().map(|id| format!("{all}/{id}"));
        self.actions(&format!("{all}/{{id}}"), item).await?;
        Ok(id)
    }

    /// Reads the newest actions below a path, and one of them.
    async fn actions(&mut self, template: &str, path: Option<String>) -> io::Result<Vec<Action>> {
        let template = format!("{template}/actions");
        let path = path.map(|path| format!("{path}/actions"));
        let newest = path.clone().map(|path| {
            let request = self.client.request(Method::GET, path);
            let newest = request.query("sort", "id:desc").list::<Action>();
            async move { newest.page(1).await.map(|page| page.items) }
        });
        let newest = self.read(&template, newest).await?.unwrap_or_default();
        let path = path.zip(newest.first());
        let path = path.map(|(path, action)| format!("{path}/{}", action.id));
        self.one::<Action>(&format!("{template}/{{id}}"), path)
            .await?;
        Ok(newest)
    }

    /// Reads the records of a zone.
    async fn records(&mut self, zone: Option<ZoneId>) -> io::Result<()> {
        let client = self.client.clone();
        let path = zone.map(|zone| format!("/zones/{zone}/rrsets"));
        let rrsets = self.list::<Rrset>("/zones/{id}/rrsets", path).await?;
        let rrset = zone.zip(rrsets.first()).map(|(zone, rrset)| {
            let rrsets = client.zones().rrsets(zone);
            async move { rrsets.get(&rrset.id).await }
        });
        self.read("/zones/{id}/rrsets/{id}/{id}", rrset).await?;
        let file = zone.map(|zone| client.zones().export_zonefile(zone));
        self.read("/zones/{id}/zonefile", file).await?;
        Ok(())
    }

    /// Reads what a storage box contains.
    async fn storage_box(&mut self, storage_box: Option<StorageBoxId>) -> io::Result<()> {
        let path = storage_box.map(|id| format!("/storage_boxes/{id}"));
        let within = |part: &str| path.as_ref().map(|path| format!("{path}/{part}"));
        let client = self.client.clone();
        let folders = storage_box.map(|id| {
            let boxes = client.storage_boxes();
            async move { boxes.folders(id, ".").await }
        });
        self.read("/storage_boxes/{id}/folders", folders).await?;

        let (all, template) = (within("snapshots"), "/storage_boxes/{id}/snapshots");
        let items = self
            .list::<StorageBoxSnapshot>(template, all.clone())
            .await?;
        let path = all.zip(items.first());
        let path = path.map(|(all, item)| format!("{all}/{}", item.id));
        let template = "/storage_boxes/{id}/snapshots/{id}";
        self.one::<StorageBoxSnapshot>(template, path).await?;

        let (all, template) = (within("subaccounts"), "/storage_boxes/{id}/subaccounts");
        let items = self
            .list::<StorageBoxSubaccount>(template, all.clone())
            .await?;
        let path = all.zip(items.first());
        let path = path.map(|(all, item)| format!("{all}/{}", item.id));
        let template = "/storage_boxes/{id}/subaccounts/{id}";
        self.one::<StorageBoxSubaccount>(template, path).await
    }

    async fn list<T: Resource>(
        &mut self,
        template: &str,
        path: Option<String>,
    ) -> io::Result<Vec<T>> {
        let all = path.map(|path| {
            let request = self.client.request(Method::GET, path);
            request.list::<T>().all()
        });
        Ok(self.read(template, all).await?.unwrap_or_default())
    }

    async fn one<T: Resource>(&mut self, template: &str, path: Option<String>) -> io::Result<()> {
        let one = path.map(|path| self.client.request(Method::GET, path).one::<T>());
        self.read(template, one).await?;
        Ok(())
    }

    fn server_metrics(&self, id: ServerId) -> impl Future<Output = Result<()>> + use<W> {
        let client = self.client.clone();
        async move {
            let metrics = last_hour(ServerMetric::KNOWN);
            client.servers().metrics(id, &metrics).await.map(drop)
        }
    }

    fn load_balancer_metrics(
        &self,
        id: LoadBalancerId,
    ) -> impl Future<Output = Result<()>> + use<W> {
        let client = self.client.clone();
        async move {
            let metrics = last_hour(LoadBalancerMetric::KNOWN);
            client
                .load_balancers()
                .metrics(id, &metrics)
                .await
                .map(drop)
        }
    }

    /// Prints how a response differs from what is expected; without a request, that there is nothing
    /// to read.
    async fn read<T>(
        &mut self,
        template: &str,
        response: Option<impl Future<Output = Result<T>>>,
    ) -> io::Result<Option<T>> {
        let Some(response) = response else {
            self.total.unread += 1;
            writeln!(self.out, "GET {template}: nothing to read")?;
            return Ok(None);
        };
        let response = response.await;
        match &response {
            Ok(_) => {
                self.total.read += 1;
                writeln!(self.out, "GET {template}: read")?;
            }
            Err(error) => {
                self.total.failed += 1;
                writeln!(self.out, "GET {template}: failed: {}", reason(error))?;
            }
        }
        let found = self
            .found
            .lock()
            .map(|mut found| std::mem::take(&mut *found));
        let mut counted = BTreeMap::<_, u32>::new();
        for deviation in found.unwrap_or_default() {
            let difference = (place(&deviation.path), problem(&deviation));
            *counted.entry(difference).or_default() += 1;
        }
        self.total.differences += counted.len();
        for ((place, problem), count) in counted {
            writeln!(self.out, "    {place}: {problem} ({count} times)")?;
        }
        Ok(response.ok())
    }
}

fn last_hour<Metric: Clone>(metrics: &[Metric]) -> MetricsQuery<Metric> {
    let now = Timestamp::now();
    MetricsQuery::new(metrics, now - Duration::from_secs(3600), now)
}

/// Returns why a request failed, without its path and message, which may have ids and names.
fn reason(error: &Error) -> String {
    match error {
        Error::Api { source, .. } => format!("{} {}", source.status.as_u16(), source.code),
        Error::Gateway { status, .. } => format!("status {}", status.as_u16()),
        Error::Decode { field, .. } => format!("not decoded at {:?}", place(field)),
        Error::Connect { .. } => "no connection".to_owned(),
        Error::Timeout { .. } | Error::CallTimeout { .. } => "timed out".to_owned(),
        Error::Transport { .. } => "connection lost".to_owned(),
        _ => "not sent".to_owned(),
    }
}

/// Returns a path without the numbers of items and the keys of labels.
fn place(path: &str) -> String {
    let mut place = String::new();
    for part in path.split_inclusive(['[', ']', '.']) {
        match part.strip_suffix(']') {
            Some(_) => place.push(']'),
            None => place.push_str(part),
        }
        if part.trim_end_matches(['.', '[']) == "labels" {
            return place.trim_end_matches(['.', '[']).to_owned();
        }
    }
    place
}

/// Returns the difference without the value.
fn problem(deviation: &Deviation) -> String {
    let problem = match deviation.kind {
        DeviationKind::MissingField => "missing field",
        DeviationKind::UnknownField => "unknown field",
        DeviationKind::UnknownValue => "unknown value",
        _ => {
            let expected = deviation.problem.split(", got ").next();
            let expected = expected.filter(|text| text.starts_with("expected "));
            expected.unwrap_or("does not fit")
        }
    };
    problem.to_owned()
}
