use hcloud_api::*;

use super::{ALIAS, IPV4, history, labels, selector};

pub(super) async fn call(client: &Client) -> Result<()> {
    let load_balancers = client.load_balancers();
    let id = LoadBalancerId::new(4711);
    let filter = ListLoadBalancers {
        name: Some("front".to_owned()),
        label_selector: Some(selector()),
        sort: vec![Sort::Descending(LoadBalancerSort::Created)],
    };
    load_balancers.list(&filter).all().await?;
    load_balancers.get(id).await?;
    load_balancers
        .create(&CreateLoadBalancer::in_network_zone(
            "front",
            "lb11",
            "eu-central",
        ))
        .await?;
    load_balancers.create(&everything()).await?;
    let change = UpdateLoadBalancer {
        name: Some("other".to_owned()),
        labels: Some(Labels::new()),
    };
    load_balancers.update(id, &change).await?;
    load_balancers.delete(id).await?;
    let mut query = LoadBalancerMetricsQuery::new(
        [
            LoadBalancerMetric::OpenConnections,
            LoadBalancerMetric::Bandwidth,
        ],
        "2026-11-22T18:00:00Z".parse().unwrap(),
        "2026-11-22T19:00:00Z".parse().unwrap(),
    );
    query.step = Some(60);
    load_balancers.metrics(id, &query).await?;
    services(load_balancers, id).await?;
    targets(load_balancers, id).await?;
    network(load_balancers, id).await?;
    let algorithm = LoadBalancerAlgorithmType::LeastConnections.into();
    load_balancers.change_algorithm(id, &algorithm).await?;
    load_balancers.change_type(id, "lb21").await?;
    load_balancers
        .change_protection(id, &ChangeProtection { delete: true })
        .await?;
    history(load_balancers.actions(), load_balancers.actions_for(id)).await?;
    types(client).await
}

fn everything() -> CreateLoadBalancer {
    let mut postgres = LoadBalancerService::tcp(5432, 5432);
    postgres.proxyprotocol = true;
    CreateLoadBalancer {
        algorithm: Some(LoadBalancerAlgorithmType::RoundRobin.into()),
        services: vec![LoadBalancerService::http(80, 8080), shop(), postgres],
        targets: vec![
            AddTarget::privately(ServerId::new(42)),
            AddTarget::publicly(selector()),
            AddTarget::publicly(IPV4),
        ],
        network: Some(NetworkId::new(4711)),
        public_interface: Some(true),
        public_net: Some(CreateLoadBalancerPublicNet {
            ipv4: Some(PrimaryIpId::new(73)),
            ipv6: Some(PrimaryIpId::new(74)),
        }),
        labels: labels(),
        ..CreateLoadBalancer::in_location("front", LoadBalancerTypeId::new(1), "fsn1")
    }
}

fn shop() -> LoadBalancerService {
    let mut service = LoadBalancerService::https(443, 8080, [CertificateId::new(897)]);
    let http = service.http.as_mut().unwrap();
    http.sticky_sessions = Some(true);
    http.cookie_name = Some("SHOP".to_owned());
    http.cookie_lifetime = Some(600);
    http.timeout_idle = Some(60);
    http.redirect_http = Some(true);
    let check = service.health_check.http.as_mut().unwrap();
    check.domain = Some("example.com".to_owned());
    check.path = "/health".to_owned();
    check.response = Some("ok".to_owned());
    check.status_codes = vec!["2??".to_owned()];
    check.tls = Some(false);
    service
}

async fn services(load_balancers: LoadBalancers<'_>, id: LoadBalancerId) -> Result<()> {
    load_balancers.add_service(id, &shop()).await?;
    let mut change = UpdateService::new(443);
    load_balancers.update_service(id, &change).await?;
    change.health_check = Some(UpdateHealthCheck {
        retries: Some(5),
        ..UpdateHealthCheck::default()
    });
    load_balancers.update_service(id, &change).await?;
    let change = UpdateService {
        protocol: Some(ServiceProtocol::Http),
        destination_port: Some(8081),
        proxyprotocol: Some(true),
        health_check: Some(UpdateHealthCheck {
            protocol: Some(HealthCheckProtocol::Http),
            port: Some(8081),
            interval: Some(30),
            timeout: Some(5),
            retries: Some(2),
            http: Some(UpdateHealthCheckHttp {
                domain: Patch::Null,
                path: Some("/".to_owned()),
                response: Some(String::new()),
                status_codes: Some(vec!["200".to_owned()]),
                tls: Some(true),
            }),
        }),
        http: Some(UpdateServiceHttp {
            sticky_sessions: Some(false),
            cookie_name: Some("HCLBSTICKY".to_owned()),
            cookie_lifetime: Some(300),
            timeout_idle: Some(50),
            certificates: Some(Vec::new()),
            redirect_http: Some(false),
        }),
        ..change
    };
    load_balancers.update_service(id, &change).await?;
    load_balancers.delete_service(id, 443).await?;
    Ok(())
}

async fn targets(load_balancers: LoadBalancers<'_>, id: LoadBalancerId) -> Result<()> {
    let server = ServerId::new(42);
    load_balancers
        .add_target(id, &AddTarget::privately(server))
        .await?;
    load_balancers
        .add_target(id, &AddTarget::publicly(selector()))
        .await?;
    load_balancers
        .add_target(id, &AddTarget::publicly(IPV4))
        .await?;
    for target in [server.into(), selector().into(), IPV4.into()] {
        load_balancers.remove_target(id, &target).await?;
    }
    Ok(())
}

async fn network(load_balancers: LoadBalancers<'_>, id: LoadBalancerId) -> Result<()> {
    let network = NetworkId::new(4711);
    let attach = AttachLoadBalancerToNetwork {
        ip: Some(ALIAS),
        ip_range: Some("10.0.0.0/24".to_owned()),
        ..AttachLoadBalancerToNetwork::new(network)
    };
    load_balancers.attach_to_network(id, &attach).await?;
    load_balancers.detach_from_network(id, network).await?;
    load_balancers.enable_public_interface(id).await?;
    load_balancers.disable_public_interface(id).await?;
    load_balancers
        .change_dns_ptr(id, IPV4, Some("lb.example.com"))
        .await?;
    load_balancers.change_dns_ptr(id, IPV4, None).await?;
    Ok(())
}

async fn types(client: &Client) -> Result<()> {
    let types = client.load_balancer_types();
    let filter = ListLoadBalancerTypes {
        name: Some("lb11".to_owned()),
    };
    types.list(&filter).all().await?;
    types.get(LoadBalancerTypeId::new(1)).await?;
    Ok(())
}
