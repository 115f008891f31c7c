//! `cargo xtask test`: all tests, with the services that they need.

use anyhow::Result;

use crate::services;
use crate::workspace::{cargo, run};

/// Run all tests, including those that need services or a browser
#[derive(clap::Args)]
pub(crate) struct Test {
    /// Arguments for `cargo test`, such as `-p hcloud-api`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

impl Test {
    pub(crate) fn run(self) -> Result<()> {
        services::programs()?;
        services::novnc()?;
        services::axe()?;
        services::node()?;
        services::geckodriver()?;
        let python = services::python()?;
        let mongod = services::mongod(&python)?;
        let ansible = services::ansible_collections(&python)?;

        let mut test = cargo();
        test.args(["test", "--workspace", "--all-features", "--no-fail-fast"])
            .args(self.args)
            .args(["--", "--include-ignored"])
            .env("HCC_TEST_ANSIBLE", ansible)
            .env("HCC_TEST_MONGOD", mongod)
            .env("HCC_TEST_PYTHON", python);
        run(&mut test)
    }
}
