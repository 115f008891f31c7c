//! Compatibility with a Python web service that uses the documents in MongoDB.

use std::path::Path;

use crate::on_mongodb::{OnMongodb, python};
use crate::user::Run;

#[tokio::test]
#[ignore = "needs MongoDB and the Python package pymongo"]
async fn python_web_service_works_with_unchanged_documents() {
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
    let run = Run::of(service).await;

    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(run.err.contains("\nOK\n"), "{}", run.err);
}
