//! A server's screen for VNC viewers, which support neither WebSockets nor URLs that expire.

use std::time::Duration;

use secrecy::SecretString;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy, split};
use tokio::time::timeout;

use super::CLOSE_TIMEOUT;
use super::security::{self, Admitted};
use crate::{Error, Project, Result, ServerName};

/// Time limit for a viewer to send the password, which a person may be typing.
const PASSWORD_TIMEOUT: Duration = Duration::from_secs(120);

/// Connects VNC viewers to a server's screen.
///
/// Hetzner's console URLs expire after a minute, and each has its own password. A proxy has one
/// password, and requests a console whenever a viewer has authenticated: viewers can connect at any
/// time, concurrently and repeatedly.
#[derive(Clone, Debug)]
pub struct VncProxy {
    project: Project,
    name: ServerName,
    password: SecretString,
}

/// How the connection of a viewer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewerOutcome {
    /// The viewer was connected to the screen until one of them closed the connection.
    Connected,
    /// The viewer did not send the password.
    Rejected,
}

impl VncProxy {
    /// Creates a proxy for the screen of a server, and requests a console once to check that this
    /// is possible.
    ///
    /// # Errors
    ///
    /// As [`console`](Project::console).
    pub async fn new(project: Project, name: ServerName) -> Result<Self> {
        project.console(&name).await?;
        Ok(Self {
            project,
            name,
            password: random_password(),
        })
    }

    /// Returns the password for viewers.
    pub fn password(&self) -> &SecretString {
        &self.password
    }

    /// Connects a viewer to the screen until one of them closes the connection.
    ///
    /// # Errors
    ///
    /// The screen cannot be opened, after the viewer has authenticated. The viewer has got the
    /// message.
    pub async fn serve(
        &self,
        mut viewer: impl AsyncRead + AsyncWrite + Unpin,
    ) -> Result<ViewerOutcome> {
        let authenticated = security::admit(&mut viewer, &self.password);
        // Whatever sends nothing, or anything but RFB, is not a viewer.
        let Ok(Ok(Some(admitted))) = timeout(PASSWORD_TIMEOUT, authenticated).await else {
            return Ok(ViewerOutcome::Rejected);
        };
        self.show(&mut viewer, admitted).await?;
        Ok(ViewerOutcome::Connected)
    }

    async fn show(
        &self,
        viewer: &mut (impl AsyncRead + AsyncWrite + Unpin),
        admitted: Admitted,
    ) -> Result<()> {
        let console = self.project.console(&self.name).await;
        let screen = match console {
            Ok(console) => self.project.connect(&console).await,
            Err(error) => Err(error),
        };
        let mut screen = match screen {
            Ok(screen) => screen,
            Err(error) => return Err(self.reject(viewer, admitted, error).await),
        };
        // From here on all versions of the protocol are the same.
        if admitted.accept(viewer).await.is_ok() {
            relay(viewer, &mut screen).await;
        }
        // The screen may have closed the connection already.
        let _ = timeout(CLOSE_TIMEOUT, screen.shutdown()).await;
        Ok(())
    }

    async fn reject(
        &self,
        viewer: &mut (impl AsyncWrite + Unpin),
        admitted: Admitted,
        error: Error,
    ) -> Error {
        // The viewer may have closed the connection already.
        let _ = admitted.reject(viewer, &error.to_string()).await;
        error
    }
}

/// Copies bytes in both directions until one side closes the connection.
async fn relay(
    viewer: &mut (impl AsyncRead + AsyncWrite + Unpin),
    screen: &mut (impl AsyncRead + AsyncWrite + Unpin),
) {
    let (mut from_viewer, mut to_viewer) = split(viewer);
    let (mut from_screen, mut to_screen) = split(screen);
    tokio::select! {
        _ = copy(&mut from_viewer, &mut to_screen) => {}
        _ = copy(&mut from_screen, &mut to_viewer) => {}
    }
}

/// Generates eight characters, the maximum of VNC, that are easy to tell apart.
fn random_password() -> SecretString {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut random = [0; 8];
    getrandom::fill(&mut random).expect("the system has random numbers");
    let letters = random.map(|byte| char::from(LETTERS[usize::from(byte % 32)]));
    String::from_iter(letters).into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hcc_store::Memory;
    use hcloud_api::Client;
    use hcloud_sim::Sim;
    use tokio::io::{AsyncReadExt, DuplexStream, duplex};

    use super::*;
    use crate::{ErrorKind, Settings};

    async fn simulator() -> Sim {
        let sim = Sim::builder().server("web1", &[("managed", "1")]);
        sim.speed(1000.0).start().await.unwrap()
    }

    fn project(sim: &Sim) -> Project {
        let api = Client::builder(sim.token()).endpoint(sim.endpoint());
        let store = Arc::new(Memory::default());
        Project::new(api.build().unwrap(), store, Settings::default())
    }

    async fn proxy(sim: &Sim) -> VncProxy {
        let name = "web1".parse().unwrap();
        VncProxy::new(project(sim), name).await.unwrap()
    }

    /// Authenticates; returns what the server shows, or the reason of the rejection.
    async fn view(mut viewer: DuplexStream, password: &SecretString) -> Vec<u8> {
        if security::authenticate(&mut viewer, password).await.is_ok() {
            const SHARED: u8 = 1;
            viewer.write_u8(SHARED).await.unwrap();
            let mut seen = vec![0; 28];
            viewer.read_exact(&mut seen).await.unwrap();
            return seen;
        }
        let mut reason = Vec::new();
        viewer.read_to_end(&mut reason).await.unwrap();
        reason
    }

    #[tokio::test]
    async fn every_viewer_gets_its_own_console() {
        let sim = simulator().await;
        let proxy = proxy(&sim).await;
        sim.clock().advance(Duration::from_secs(3600));

        for _ in 0..2 {
            let (ours, theirs) = duplex(64);
            let (served, seen) = tokio::join!(proxy.serve(ours), view(theirs, proxy.password()));

            assert_eq!(served.unwrap(), ViewerOutcome::Connected);
            assert!(seen.ends_with(b"web1"), "{seen:?}");
        }
    }

    #[tokio::test]
    async fn viewer_gets_the_reason_why_there_is_no_screen() {
        let sim = simulator().await;
        let proxy = proxy(&sim).await;
        project(&sim).kill(&proxy.name).await.unwrap();
        let (ours, theirs) = duplex(64);

        let (served, reason) = tokio::join!(
            async { proxy.serve(ours).await },
            view(theirs, proxy.password())
        );

        assert_eq!(served.unwrap_err().kind(), ErrorKind::NotFound);
        assert!(reason.ends_with(b"server web1 not found"), "{reason:?}");
    }

    #[tokio::test]
    async fn wrong_password_makes_no_request() {
        let sim = simulator().await;
        let proxy = proxy(&sim).await;
        sim.clear_requests();
        let (ours, theirs) = duplex(64);

        let wrong = SecretString::from("wrong");
        let (served, reason) = tokio::join!(proxy.serve(ours), view(theirs, &wrong));

        assert_eq!(served.unwrap(), ViewerOutcome::Rejected);
        assert!(reason.ends_with(b"wrong password"), "{reason:?}");
        assert_eq!(sim.requests().len(), 0);
    }
}
