//! `cargo xtask fuzz`: the fuzz targets, for longer than the tests run them.

use anyhow::Result;

use crate::services;
use crate::workspace::{cargo, run};

/// Run the fuzz targets
#[derive(clap::Args)]
pub(crate) struct Fuzz {
    /// Run only the targets with this in their name
    #[arg(default_value = "")]
    target: String,

    /// How long to run each target
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

impl Fuzz {
    pub(crate) fn run(self) -> Result<()> {
        let python = services::python()?;
        let mongod = services::mongod(&python)?;
        let milliseconds = (1000 * u64::from(self.seconds)).to_string();
        // Among other tests, their names begin with `fuzz_`.
        let others = match &*self.target {
            "" => "fuzz_",
            target => target,
        };
        let packages = [
            (["-p", "fuzz", "--test=it"], &*self.target),
            (["-p", "hcc-core", "--lib"], others),
            (["-p", "web-console", "--test=it"], others),
        ];
        for (package, filter) in packages {
            run(cargo()
                .args(["test", "--all-features"])
                .args(package)
                .args([filter, "--", "--nocapture", "--include-ignored"])
                .env("BOLERO_RANDOM_TEST_TIME_MS", &milliseconds)
                .env("HCC_TEST_MONGOD", &mongod))?;
        }
        Ok(())
    }
}
