use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hcloud_api::{Client, Error, LocationId, RetryPolicy, ServerId};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::api::{TOKEN, read_request};

/// Starts a listener that reads a request, responds with these bytes, and closes the connection.
struct Abrupt {
    client: Client,
    connections: Arc<AtomicUsize>,
}

impl Abrupt {
    async fn answering(bytes: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}/v1", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                read_request(&mut stream).await;
                stream.write_all(bytes).await.unwrap();
            }
        });
        let immediately = Duration::from_millis(1);
        let policy = RetryPolicy::default()
            .attempts(3)
            .backoff(immediately, immediately);
        let client = Client::builder(TOKEN).endpoint(endpoint).retry(policy);
        Self {
            client: client.build().unwrap(),
            connections,
        }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

const NOTHING: &[u8] = b"";
const HALF: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"action\": {\"id\": 1";
const NO_HTTP: &[u8] = b"SSH-2.0-OpenSSH_9.2p1\r\n";

#[tokio::test]
async fn a_post_is_not_retried_after_a_lost_connection() {
    for response in [NOTHING, HALF, NO_HTTP] {
        let api = Abrupt::answering(response).await;

        let started = api.client.servers().power_on(ServerId::new(42));
        let error = started.await.unwrap_err();

        assert!(matches!(error, Error::Transport { .. }), "{error:?}");
        assert!(error.may_have_taken_effect());
        assert_eq!(api.connections(), 1);
    }
}

#[tokio::test]
async fn a_get_is_retried_after_a_lost_connection() {
    for response in [NOTHING, HALF, NO_HTTP] {
        let api = Abrupt::answering(response).await;

        let found = api.client.locations().get(LocationId::new(1));
        let error = found.await.unwrap_err();

        assert!(matches!(error, Error::Transport { .. }), "{error:?}");
        assert_eq!(api.connections(), 3);
    }
}
