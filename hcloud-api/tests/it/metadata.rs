use std::net::{IpAddr, Ipv4Addr};

use hcloud_api::{Error, ExposeSecret, Metadata, NetworkId, ServerId};
use wiremock::{MockServer, ResponseTemplate};

use crate::api::respond;

async fn service(responses: &[(&str, &str)]) -> (MockServer, Metadata) {
    let service = MockServer::start().await;
    for (at, value) in responses {
        let response = ResponseTemplate::new(200).set_body_string(*value);
        respond(&service, "GET", at, [response]).await;
    }
    let metadata = Metadata::at(service.uri()).unwrap();
    (service, metadata)
}

#[tokio::test]
async fn metadata_describes_the_server() {
    let (_service, metadata) = service(&[
        ("/hostname", "my-server"),
        ("/instance-id", "42"),
        ("/public-ipv4", "203.0.113.7\n"),
        ("/private-networks", "- ip: 10.0.0.2\n  network_id: 1234\n"),
        ("/availability-zone", "hel1-dc2"),
        ("/region", "eu-central"),
    ])
    .await;

    assert!(metadata.is_available().await);
    assert_eq!(metadata.hostname().await.unwrap(), "my-server");
    assert_eq!(metadata.instance_id().await.unwrap(), ServerId::new(42));
    let ip = metadata.public_ipv4().await.unwrap();
    assert_eq!(ip, Some(Ipv4Addr::new(203, 0, 113, 7)));
    let networks = metadata.private_networks().await.unwrap();
    assert_eq!(networks, "- ip: 10.0.0.2\n  network_id: 1234");
    assert_eq!(metadata.availability_zone().await.unwrap(), "hel1-dc2");
    assert_eq!(metadata.region().await.unwrap(), "eu-central");
}

#[tokio::test]
async fn a_server_may_have_no_public_address() {
    let (_absent, without_route) = service(&[]).await;
    let (_empty, with_nothing) = service(&[("/public-ipv4", "")]).await;

    assert_eq!(without_route.public_ipv4().await.unwrap(), None);
    assert_eq!(with_nothing.public_ipv4().await.unwrap(), None);
}

#[tokio::test]
async fn another_clouds_metadata_service_is_not_available() {
    let (_service, metadata) = service(&[("/instance-id", "i-0abcdef")]).await;

    let error = metadata.instance_id().await.unwrap_err();

    assert!(matches!(error, Error::Decode { .. }), "{error:?}");
    assert!(!metadata.is_available().await);
}

#[tokio::test]
async fn summary_and_user_data_are_whole_documents() {
    let (service, _) = service(&[
        ("/v1/metadata", "instance-id: 42\n"),
        ("/v1/userdata", "#cloud-config\n"),
    ])
    .await;
    let metadata = Metadata::at(format!("{}/v1/metadata", service.uri())).unwrap();

    assert_eq!(metadata.summary().await.unwrap(), "instance-id: 42");
    let user_data = metadata.user_data().await.unwrap().unwrap();
    assert_eq!(user_data.expose_secret(), "#cloud-config\n");
}

#[tokio::test]
async fn a_server_may_have_no_user_data() {
    let (_absent, without_route) = service(&[]).await;
    let (_empty, with_nothing) = service(&[("/userdata", "")]).await;

    assert!(without_route.user_data().await.unwrap().is_none());
    assert!(with_nothing.user_data().await.unwrap().is_none());
}

/// As in Hetzner's documentation, as cloud-init's parser writes it, and as servers without aliases
/// have it.
#[tokio::test]
async fn private_networks_are_read() {
    let documented = "\
- ip: 10.0.0.2
  alias_ips: [10.0.0.3, 10.0.0.4]
  interface_num: 1
  mac_address: 86:00:00:2a:7d:e0
  network_id: 1234
  network_name: nw-test1
  network: 10.0.0.0/8
  subnet: 10.0.0.0/24
  gateway: 10.0.0.1
- ip: 192.168.0.2
  alias_ips: []
  interface_num: 2
  mac_address: 86:00:00:2a:7d:e1
  network_id: 4321
  network_name: \"nw: test2\"
  network: 192.168.0.0/16
  subnet: 192.168.0.0/24
  gateway: 192.168.0.1
";
    let in_blocks = "\
---
-
  alias_ips:
  - 10.0.0.3
  - \"10.0.0.4\"
  ip: 10.0.0.2
  network_id: '1234'
";
    let (_documented, metadata) = service(&[("/private-networks", documented)]).await;
    let (_in_blocks, other) = service(&[("/private-networks", in_blocks)]).await;
    let (_empty, without) = service(&[("/private-networks", "[]\n")]).await;

    let networks = metadata.networks().await.unwrap();
    assert_eq!(networks.len(), 2);
    let first = &networks[0];
    assert_eq!(
        (first.id, &*first.name),
        (Some(NetworkId::new(1234)), "nw-test1")
    );
    assert_eq!(
        (&*first.ip_range, &*first.subnet),
        ("10.0.0.0/8", "10.0.0.0/24")
    );
    assert_eq!(first.ip, Some([10, 0, 0, 2].into()));
    assert_eq!(first.gateway, Some([10, 0, 0, 1].into()));
    let alias_ips: [IpAddr; 2] = [[10, 0, 0, 3].into(), [10, 0, 0, 4].into()];
    assert_eq!(first.alias_ips, alias_ips);
    assert_eq!(first.interface, Some(1));
    assert_eq!(first.mac_address.as_deref(), Some("86:00:00:2a:7d:e0"));
    assert_eq!(
        (&*networks[1].name, networks[1].alias_ips.len()),
        ("nw: test2", 0)
    );

    let networks = other.networks().await.unwrap();
    assert_eq!(networks.len(), 1);
    assert_eq!(networks[0].alias_ips, alias_ips);
    assert_eq!(networks[0].id, Some(NetworkId::new(1234)));
    assert_eq!(without.networks().await.unwrap(), []);
}

#[tokio::test]
async fn another_document_is_not_a_list_of_networks() {
    for document in [
        "<html>no such route</html>",
        "- ip: over there\n",
        "ip: 10.0.0.2\n",
    ] {
        let (_service, metadata) = service(&[("/private-networks", document)]).await;

        let error = metadata.networks().await.unwrap_err();

        assert!(
            matches!(error, Error::Decode { .. }),
            "{document}: {error:?}"
        );
    }
}
