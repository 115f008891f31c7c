//! A web service that has always worked with the documents goes on as before.

use std::env;
use std::path::Path;

use hcloud_sim::Sim;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::user::{Run, User};

#[tokio::test]
#[ignore = "needs MongoDB and the Python package pymongo"]
async fn python_web_service_finds_its_documents_as_they_were() {
    let server = test_services::Fresh::new();
    let user = User::of(Sim::builder().server("web1", &[("managed", "1")])).await;
    let on_mongodb = |args| {
        let mut hcc = user.command(args);
        hcc.env("HCC_STORE", &server.url);
        hcc
    };
    let synced = Run::of(on_mongodb(&["sync", "--all"])).await;
    assert_eq!(synced.code, Some(0), "{synced:?}");
    let mut worker = on_mongodb(&["worker"]).spawn().unwrap();
    let mut log = BufReader::new(worker.stderr.take().unwrap()).lines();
    assert!(log.next_line().await.unwrap().is_some());
    // A full pipe would stop the worker.
    tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });

    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = env::var("HCC_TEST_PYTHON").unwrap_or_else(|_| "python3".into());
    let mut service = Command::new(python);
    service
        .arg(here.join("tests/it/foreign.py"))
        .env_clear()
        .envs(
            on_mongodb(&[])
                .as_std()
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env("MONGODB", &server.url)
        .env("HCC", env!("CARGO_BIN_EXE_hcc"))
        .env(
            "ORIGINAL",
            here.join("../hcc-store/src/conformance/original.json"),
        );
    let said = Run::of(service).await;

    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.contains("\nOK\n"), "{}", said.err);
    worker.kill().await.unwrap();
}
