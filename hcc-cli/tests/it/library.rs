//! The settings and checks of `hcc` in another program.

use clap::Parser;
use hcc_cli::config::{Config, Flags, Key, Source, TokenSource};
use hcc_cli::health::{self, Health};
use hcc_cli::{CliError, Exit};
use hcloud_sim::Sim;

use crate::user::{TOKEN, User};

#[derive(Parser)]
struct Service {
    #[command(flatten)]
    settings: Flags,
}

/// Loads the settings of a program with these arguments and the settings file of the user.
fn load(user: &User, args: &[&str]) -> Result<Config, CliError> {
    let file = user.path(".config/hcc/config.toml");
    let mut all = vec!["service", "--config", file.to_str().unwrap()];
    all.extend(args);
    Config::load(Service::parse_from(all).settings)
}

#[tokio::test]
async fn settings_are_loaded_from_file_and_flags() {
    let user = User::of(Sim::builder().server("web1", &[("managed", "1")])).await;
    let records = format!("sqlite:{}", user.path("records.db").display());
    let token = user.write("token", TOKEN);
    let settings = format!("token_file = {token:?}\nstore = {records:?}\n");
    user.write(".config/hcc/config.toml", &settings);
    user.ok(&["sync", "--all"]).await;

    let config = load(&user, &["--endpoint", user.sim.endpoint()]).unwrap();

    let (_, source) = config.find(Key::Store).unwrap();
    assert_eq!(source, Source::File);
    let token = config.token_source().unwrap();
    assert!(matches!(token, Some((TokenSource::File(_), Source::File))));
    assert_eq!(config.store().await.unwrap().list().await.unwrap().len(), 1);
    let mut findings = health::api(&config).await;
    findings.extend([health::records(&config).await, health::queue(&config).await]);
    for finding in findings {
        assert_eq!(finding.check, Health::Ok, "{finding:?}");
    }
}

#[tokio::test]
async fn errors_have_an_exit_code_and_a_name() {
    let user = User::of(Sim::builder()).await;
    user.write(".config/hcc/config.toml", "");

    let error = load(&user, &["--profile", "none"]).unwrap_err();

    assert_eq!((error.exit(), error.code()), (Exit::NotSetUp, "no_profile"));
    assert!(error.message().contains("\"none\""), "{error}");
}
