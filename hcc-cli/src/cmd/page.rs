//! `hcc page`: serves the console page.

/// Serve the console page on this machine
#[derive(Debug, clap::Args)]
pub(crate) struct Page {}

impl Page {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        anyhow::bail!("not here yet")
    }
}
