//! Code over many kinds of resources.

use hcloud_api::{
    Client, CreateNetwork, CreateSshKey, CreateVolume, Image, ImageId, LabelSelector, Labelled,
    Labels, Network, Server, ServerId, SshKey, StorageBox, Volume, ZoneId,
};
use hcloud_sim::Sim;

use crate::simulator::start;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKlH8pQn2uHsqCVXBrtMgLhOa9nMm6vOPoIHpyrsSoN0";

async fn move_to<T: Labelled>(client: &Client, from: &LabelSelector, to: &Labels) -> Vec<String> {
    let mut moved = Vec::new();
    for resource in client.list_labelled::<T>(from).all().await.unwrap() {
        let resource = client.set_labels::<T>(resource.id(), to).await.unwrap();
        assert_eq!(resource.labels(), to);
        assert!(resource.created().is_some());
        moved.push(format!("{} {}", T::ONE, resource.name()));
    }
    moved
}

#[tokio::test]
async fn one_function_works_with_many_kinds() {
    let (_sim, client) = start(Sim::builder().server("web-1", &[("env", "a")])).await;
    let labels = Labels::new().with("env", "a").unwrap();
    let network = CreateNetwork {
        labels: labels.clone(),
        ..CreateNetwork::new("inner", "10.0.0.0/16")
    };
    client.networks().create(&network).await.unwrap();
    let volume = CreateVolume {
        labels,
        ..CreateVolume::in_location("data", 10, "fsn1")
    };
    client.volumes().create(&volume).await.unwrap();
    let key = CreateSshKey::new("laptop", KEY);
    client.ssh_keys().create(&key).await.unwrap();
    let from = "env=a".parse().unwrap();
    let to = Labels::new().with("env", "b").unwrap();

    let mut moved = move_to::<Server>(&client, &from, &to).await;
    moved.extend(move_to::<Network>(&client, &from, &to).await);
    moved.extend(move_to::<Volume>(&client, &from, &to).await);
    moved.extend(move_to::<SshKey>(&client, &from, &to).await);
    moved.extend(move_to::<StorageBox>(&client, &from, &to).await);
    moved.extend(move_to::<Image>(&client, &from, &to).await);

    assert_eq!(moved, ["server web-1", "network inner", "volume data"]);
    let to = "env=b".parse().unwrap();
    for volume in client.list_labelled::<Volume>(&to).all().await.unwrap() {
        client.delete_labelled::<Volume>(volume.id).await.unwrap();
    }
    assert_eq!(client.volumes().all().await.unwrap(), []);
}

#[tokio::test]
async fn an_empty_selector_matches_all() {
    let (_sim, client) = start(Sim::builder().servers(2, &[])).await;

    let all = client.list_labelled::<Server>(&LabelSelector::new());

    assert_eq!(all.count().await.unwrap(), 2);
}

#[tokio::test]
async fn what_does_not_exist_is_none() {
    let (sim, client) = start(Sim::builder().server("web-1", &[])).await;
    let id = client.servers().find("web-1").await.unwrap().unwrap().id;

    let servers = client.servers();
    assert_eq!(servers.try_get(id).await.unwrap().unwrap().name, "web-1");
    assert_eq!(servers.try_get(ServerId::new(9)).await.unwrap(), None);
    assert_eq!(
        client.images().try_get(ImageId::new(9)).await.unwrap(),
        None
    );
    assert_eq!(client.zones().try_get(ZoneId::new(9)).await.unwrap(), None);
    assert_eq!(client.zones().try_get("example.org").await.unwrap(), None);
    sim.add_fault("error=forbidden GET".parse().unwrap());
    assert!(servers.try_get(id).await.is_err());
}

#[tokio::test]
async fn one_page_and_the_number_of_items_are_fetched() {
    let (sim, client) = start(Sim::builder().servers(5, &[])).await;
    let list = || client.servers().list(&Default::default()).per_page(2);

    let page = list().page(2).await.unwrap();
    let names: Vec<_> = page.items.iter().map(|server| &*server.name).collect();
    assert_eq!(names, ["server-3", "server-4"]);
    assert_eq!((page.number, page.next, page.last), (2, Some(3), Some(3)));
    assert_eq!((page.progress.items, page.progress.total), (2, Some(5)));
    let last = list().page(3).await.unwrap();
    assert_eq!((last.items.len(), last.next), (1, None));
    assert_eq!(list().page(4).await.unwrap().items, []);

    sim.clear_requests();
    assert_eq!(list().count().await.unwrap(), 5);
    assert_eq!(sim.requests().len(), 1);
}

#[tokio::test]
async fn pages_of_a_stream_are_numbered() {
    use futures_util::TryStreamExt;

    let (_sim, client) = start(Sim::builder().servers(5, &[])).await;

    let pages = client.servers().list(&Default::default()).per_page(2);
    let pages: Vec<_> = pages.pages().try_collect().await.unwrap();

    let numbers: Vec<_> = pages.iter().map(|page| (page.number, page.next)).collect();
    assert_eq!(numbers, [(1, Some(2)), (2, Some(3)), (3, None)]);
}

#[cfg(feature = "ssh-keys")]
#[tokio::test]
async fn a_key_is_found_whatever_its_name_and_comment() {
    let (_sim, client) = start(Sim::builder()).await;
    let key = CreateSshKey::new("laptop", format!("{KEY} me@laptop"));
    let uploaded = client.ssh_keys().create(&key).await.unwrap();
    let key = format!("{KEY} root@elsewhere").parse().unwrap();

    let found = client.ssh_keys().find_by_key(&key).await.unwrap();

    assert_eq!(found.as_ref(), Some(&uploaded));
    assert_eq!(uploaded.fingerprint, key.md5());
    assert_eq!(uploaded.key().unwrap().sha256(), key.sha256());
    let other = KEY.replace("Kl", "Km").parse().unwrap();
    assert_eq!(client.ssh_keys().find_by_key(&other).await.unwrap(), None);
}
