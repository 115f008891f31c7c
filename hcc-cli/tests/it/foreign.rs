//! A web service that has always worked with the documents goes on as before.

use std::path::Path;

use crate::on_mongodb::{OnMongodb, python};
use crate::user::Run;

#[tokio::test]
#[ignore = "needs MongoDB and the Python package pymongo"]
async fn python_web_service_finds_its_documents_as_they_were() {
    let project = OnMongodb::start().await;

    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut service = project.program(python());
    service
        .arg(here.join("tests/it/foreign.py"))
        .env("HCC", env!("CARGO_BIN_EXE_hcc"))
        .env(
            "ORIGINAL",
            here.join("../hcc-store/src/conformance/original.json"),
        );
    let said = Run::of(service).await;

    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.contains("\nOK\n"), "{}", said.err);
}
