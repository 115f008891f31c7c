//! `hcc start stop force reset reboot`: power.

use hcc_core::Power;

use crate::cmd::target::Target;
use crate::cmd::wait::Waiting;
use crate::config::Config;
use crate::output::Output;

macro_rules! power_verbs {
    ($($(#[$doc:meta])+ $name:ident),+ $(,)?) => {$(
        $(#[$doc])+
        #[derive(Debug, clap::Args)]
        pub(crate) struct $name {
            #[command(flatten)]
            target: Target,

            #[command(flatten)]
            waiting: Waiting,
        }

        impl $name {
            pub(crate) async fn run(self, config: &Config, out: Output) -> anyhow::Result<()> {
                change(Power::$name, &self.target, &self.waiting, config, &out).await
            }
        }
    )+};
}

power_verbs! {
    /// Switch a server on
    Start,
    /// Ask a server's operating system to shut down
    Stop,
    /// Cut a server's power
    Force,
    /// Cut a server's power and switch it on again
    Reset,
    /// Ask a server's operating system to restart
    Reboot,
}

async fn change(
    power: Power,
    target: &Target,
    waiting: &Waiting,
    config: &Config,
    out: &Output,
) -> anyhow::Result<()> {
    let middleware = config.middleware(target.guard()).await?;
    let action = middleware.power(&target.name, power).await?;
    waiting.wait(&middleware, vec![action]).await?;
    out.ok()
}
