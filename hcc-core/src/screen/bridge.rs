//! A server's screen for VNC viewers, which know nothing of WebSockets and of links that expire.

use std::time::Duration;

use secrecy::SecretString;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy, split};
use tokio::time::timeout;

use super::FAREWELL;
use super::security::{self, Guest};
use crate::{Error, Project, Result, ServerName};

/// How long a viewer may take to say the password: a person may be typing it.
const PASSWORD_LIMIT: Duration = Duration::from_secs(120);

/// Leads VNC viewers to a server's screen.
///
/// Hetzner's links live for a minute, and each has another password. A bridge has a password of
/// its own, and asks Hetzner for a link when a viewer has said it: viewers may come at any time, be
/// several, and come again.
#[derive(Clone, Debug)]
pub struct VncProxy {
    project: Project,
    name: ServerName,
    password: SecretString,
}

/// How a viewer fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewerOutcome {
    /// It saw the screen, until it or the screen had enough.
    Seen,
    /// It did not know the password.
    TurnedAway,
}

impl VncProxy {
    /// A bridge to the screen of a server, which is asked for once, so that what would keep a
    /// viewer from it is known before one comes.
    ///
    /// # Errors
    ///
    /// As [`console`](Project::console).
    pub async fn new(project: Project, name: ServerName) -> Result<Self> {
        project.console(&name).await?;
        Ok(Self {
            project,
            name,
            password: made_up(),
        })
    }

    /// What viewers have to say.
    pub fn password(&self) -> &SecretString {
        &self.password
    }

    /// Shows the screen to a viewer until one of them goes.
    ///
    /// # Errors
    ///
    /// The viewer said the password, and the screen cannot be shown; it has been told so.
    pub async fn serve(
        &self,
        mut viewer: impl AsyncRead + AsyncWrite + Unpin,
    ) -> Result<ViewerOutcome> {
        let asked = security::admit(&mut viewer, &self.password);
        // Who says nothing, or something else than a viewer would, is none.
        let Ok(Ok(Some(guest))) = timeout(PASSWORD_LIMIT, asked).await else {
            return Ok(ViewerOutcome::TurnedAway);
        };
        self.show(&mut viewer, guest).await?;
        Ok(ViewerOutcome::Seen)
    }

    async fn show(
        &self,
        viewer: &mut (impl AsyncRead + AsyncWrite + Unpin),
        guest: Guest,
    ) -> Result<()> {
        let console = self.project.console(&self.name).await;
        let screen = match console {
            Ok(console) => self.project.enter(&console).await,
            Err(error) => Err(error),
        };
        let mut screen = match screen {
            Ok(screen) => screen,
            Err(error) => return Err(self.turn_away(viewer, guest, error).await),
        };
        // From here on both speak the same, whatever versions they began with.
        if guest.let_in(viewer).await.is_ok() {
            join(viewer, &mut screen).await;
        }
        // A screen that has gone already needs no good-bye.
        let _ = timeout(FAREWELL, screen.shutdown()).await;
        Ok(())
    }

    async fn turn_away(
        &self,
        viewer: &mut (impl AsyncWrite + Unpin),
        guest: Guest,
        error: Error,
    ) -> Error {
        // A viewer that has gone already need not know.
        let _ = guest.turn_away(viewer, &error.to_string()).await;
        error
    }
}

/// Carries bytes both ways until one side ends; how it ends is between the two.
async fn join(
    viewer: &mut (impl AsyncRead + AsyncWrite + Unpin),
    screen: &mut (impl AsyncRead + AsyncWrite + Unpin),
) {
    let (mut viewer_says, mut viewer_hears) = split(viewer);
    let (mut screen_says, mut screen_hears) = split(screen);
    tokio::select! {
        _ = copy(&mut viewer_says, &mut screen_hears) => {}
        _ = copy(&mut screen_says, &mut viewer_hears) => {}
    }
}

/// Eight characters, as many as VNC heeds, that are easy to tell apart.
fn made_up() -> SecretString {
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

    async fn bridge(sim: &Sim) -> VncProxy {
        let name = "web1".parse().unwrap();
        VncProxy::new(project(sim), name).await.unwrap()
    }

    /// Says the password, and goes on once it is let in.
    async fn look(mut viewer: DuplexStream, password: &SecretString) -> Vec<u8> {
        if security::enter(&mut viewer, password).await.is_ok() {
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
    async fn every_viewer_gets_a_link_of_its_own() {
        let sim = simulator().await;
        let bridge = bridge(&sim).await;
        sim.clock().advance(Duration::from_secs(3600));

        for _ in 0..2 {
            let (ours, theirs) = duplex(64);
            let (visit, seen) = tokio::join!(bridge.serve(ours), look(theirs, bridge.password()));

            assert_eq!(visit.unwrap(), ViewerOutcome::Seen);
            assert!(seen.ends_with(b"web1"), "{seen:?}");
        }
    }

    #[tokio::test]
    async fn viewer_is_told_why_there_is_no_screen() {
        let sim = simulator().await;
        let bridge = bridge(&sim).await;
        project(&sim).kill(&bridge.name).await.unwrap();
        let (ours, theirs) = duplex(64);

        let (visit, told) = tokio::join!(
            async { bridge.serve(ours).await },
            look(theirs, bridge.password())
        );

        assert_eq!(visit.unwrap_err().kind(), ErrorKind::NotFound);
        assert!(told.ends_with(b"there is no server web1"), "{told:?}");
    }

    #[tokio::test]
    async fn wrong_password_asks_hetzner_for_nothing() {
        let sim = simulator().await;
        let bridge = bridge(&sim).await;
        sim.clear_requests();
        let (ours, theirs) = duplex(64);

        let wrong = SecretString::from("wrong");
        let (visit, told) = tokio::join!(bridge.serve(ours), look(theirs, &wrong));

        assert_eq!(visit.unwrap(), ViewerOutcome::TurnedAway);
        assert!(told.ends_with(b"wrong password"), "{told:?}");
        assert_eq!(sim.requests().len(), 0);
    }
}
