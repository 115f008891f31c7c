//! Serving connections, with limits for slow and greedy clients.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Extensions, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::select;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tower::ServiceExt;
use tracing::{debug, warn};

use crate::peer::{OnUnixSocket, network};
use crate::places::Places;
use crate::{WebConsole, app};

/// How long to wait after a connection could not be accepted, which fails if there are no more
/// file descriptors.
const ACCEPT_DELAY: Duration = Duration::from_millis(100);

/// Where a web console accepts connections.
#[derive(Debug)]
pub enum Listener {
    /// Browsers and proxies.
    Tcp(TcpListener),
    /// A socket file. Programs that may connect to it are trusted as proxies.
    Unix(UnixListener),
}

/// Serves a web console and keeps open pages up to date; never returns.
///
/// [`Settings`](crate::Settings) limit the number of connections and their time. Dropping the future closes all connections.
pub async fn serve(listener: Listener, console: WebConsole) {
    let server = Server {
        app: app(console.clone()),
        networks: Places::new(console.settings.max_connections_of_network),
        console,
    };
    select! {
        () = server.run(&listener) => {}
        () = server.console.watch() => {}
        () = server.console.prune_regularly() => {}
    }
}

struct Server {
    app: Router,
    console: WebConsole,
    networks: Places<IpAddr>,
}

impl Server {
    async fn run(&self, listener: &Listener) {
        let free = Arc::new(Semaphore::new(self.console.settings.max_connections));
        let mut connections = JoinSet::new();
        loop {
            let permit = free.clone().acquire_owned().await;
            let permit = permit.expect("it is never closed");
            while connections.try_join_next().is_some() {}
            if let Err(error) = self.accept(listener, permit, &mut connections).await {
                warn!(%error, "connection not accepted");
                sleep(ACCEPT_DELAY).await;
            }
        }
    }

    async fn accept(
        &self,
        listener: &Listener,
        permit: OwnedSemaphorePermit,
        connections: &mut JoinSet<()>,
    ) -> io::Result<()> {
        let mut extensions = Extensions::new();
        match listener {
            Listener::Tcp(listener) => {
                let (stream, sender) = listener.accept().await?;
                let address = sender.ip().to_canonical();
                let proxies = &self.console.settings.trusted_proxies;
                let place = match proxies.contains(&address) {
                    true => None,
                    false => match self.networks.take(network(address)) {
                        Some(place) => Some(place),
                        // Dropping the stream closes the connection.
                        None => return Ok(()),
                    },
                };
                extensions.insert::<ConnectInfo<SocketAddr>>(ConnectInfo(sender));
                let connection = self.connection(stream, extensions);
                connections.spawn(async move {
                    let _held = (permit, place);
                    connection.await;
                });
            }
            Listener::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                extensions.insert(OnUnixSocket);
                let connection = self.connection(stream, extensions);
                connections.spawn(async move {
                    let _held = permit;
                    connection.await;
                });
            }
        }
        Ok(())
    }

    /// Serves the requests of one connection.
    fn connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        &self,
        stream: S,
        extensions: Extensions,
    ) -> impl Future<Output = ()> + use<S> {
        let (app, timeout) = (self.app.clone(), self.console.settings.head_timeout);
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().extend(extensions.clone());
            app.clone().oneshot(request.map(Body::new))
        });
        async move {
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(timeout)
                .serve_connection(TokioIo::new(stream), service);
            if let Err(error) = served.await {
                debug!(%error, "connection failed");
            }
        }
    }
}
