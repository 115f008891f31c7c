//! Responses of the Hetzner Cloud API.

use std::time::Duration;

use bolero::{TypeGenerator, check};
use fuzz::{Mutation, Part, mutated, text};
use hcloud_api::{Client, ListServers, RetryPolicy, fixtures};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::block_on;

/// Decodes a resource with changes.
fn decode<T: Serialize + DeserializeOwned>(resource: T, mutations: &[Mutation]) {
    let document = serde_json::to_value(resource).unwrap();
    // Whether it can be decoded depends on the changes.
    let _ = serde_json::from_value::<T>(mutated(document, mutations));
}

#[test]
fn decoding() {
    const RESOURCES: &[fn(&[Mutation])] = &[
        |mutations| decode(fixtures::action(), mutations),
        |mutations| decode(fixtures::certificate(), mutations),
        |mutations| decode(fixtures::firewall(), mutations),
        |mutations| decode(fixtures::floating_ip(), mutations),
        |mutations| decode(fixtures::image(), mutations),
        |mutations| decode(fixtures::load_balancer(), mutations),
        |mutations| decode(fixtures::network(), mutations),
        |mutations| decode(fixtures::pricing(), mutations),
        |mutations| decode(fixtures::primary_ip(), mutations),
        |mutations| decode(fixtures::rrset(), mutations),
        |mutations| decode(fixtures::server(), mutations),
        |mutations| decode(fixtures::server_metrics(), mutations),
        |mutations| decode(fixtures::server_type(), mutations),
        |mutations| decode(fixtures::storage_box(), mutations),
        |mutations| decode(fixtures::volume(), mutations),
        |mutations| decode(fixtures::zone(), mutations),
    ];
    check!()
        .with_type::<(u8, Vec<Mutation>)>()
        .for_each(|(resource, mutations)| {
            RESOURCES[usize::from(*resource) % RESOURCES.len()](mutations);
        });
}

/// A response: the index of its status, headers and a body.
#[derive(Clone, Debug, TypeGenerator)]
struct Response {
    status: u8,
    headers: Vec<(u8, Vec<Part>)>,
    body: Body,
}

#[derive(Clone, Debug, TypeGenerator)]
enum Body {
    Servers(Vec<Mutation>),
    Error(Vec<Mutation>),
    Cut(Vec<Mutation>, u8),
    Text(Vec<Part>),
}

impl Response {
    fn bytes(&self) -> Vec<u8> {
        const STATUSES: [u16; 10] = [200, 201, 204, 400, 401, 404, 409, 423, 429, 503];
        const HEADERS: [&str; 6] = [
            "RateLimit-Limit",
            "RateLimit-Remaining",
            "RateLimit-Reset",
            "Retry-After",
            "Link",
            "X-Correlation-ID",
        ];
        const VALUES: [&str; 8] = [
            "0",
            "1",
            "3600",
            "-1",
            "1e9",
            "99999999999999999999",
            ",",
            ";",
        ];
        let servers = |mutations: &[Mutation]| {
            let document = serde_json::json!({
                "servers": [fixtures::server()],
                "meta": { "pagination": { "page": 1, "per_page": 50, "previous_page": null,
                    "next_page": 2, "last_page": 2, "total_entries": 2 } },
            });
            mutated(document, mutations).to_string()
        };
        let body = match &self.body {
            Body::Servers(mutations) => servers(mutations),
            Body::Error(mutations) => {
                let error = serde_json::json!({ "error": { "code": "locked", "message": "canary",
                    "details": { "fields": [{ "name": "name", "messages": ["taken"] }] } } });
                mutated(error, mutations).to_string()
            }
            Body::Cut(mutations, length) => {
                servers(mutations).chars().take((*length).into()).collect()
            }
            Body::Text(parts) => text(
                parts,
                &["{", "}", "[", "]", "\"servers\"", ":", ",", "null", "1"],
            ),
        };
        let status = STATUSES[usize::from(self.status) % STATUSES.len()];
        let mut head = format!("HTTP/1.1 {status} x\r\nConnection: close\r\n");
        for (name, value) in &self.headers {
            let value = text(value, &VALUES).replace(['\r', '\n', '\0'], " ");
            let name = HEADERS[usize::from(*name) % HEADERS.len()];
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("Content-Length: {}\r\n\r\n", body.len());
        [head.into_bytes(), body.into_bytes()].concat()
    }
}

#[test]
fn responses() {
    check!().with_type::<Response>().for_each(|response| {
        block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let client = Client::builder("canary-token")
                .endpoint(format!("http://{address}/v1"))
                .retry(RetryPolicy::never())
                .build()
                .unwrap();
            let bytes = response.bytes();
            let serve = async {
                loop {
                    let (mut connection, _) = listener.accept().await.unwrap();
                    let mut request = [0; 4096];
                    let _ = connection.read(&mut request).await;
                    let _ = connection.write_all(&bytes).await;
                }
            };
            let list = async {
                let listed = client.servers().list(&ListServers::default()).all().await;
                if let Err(error) = listed {
                    assert!(!format!("{error} {error:?}").contains("canary-token"));
                }
            };
            // A client may wait for its budget.
            tokio::select! {
                _ = timeout(Duration::from_millis(100), list) => {}
                () = serve => {}
            }
        });
    });
}
