//! What `docs` shows to people with services in other languages works as it stands there.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::on_mongodb::{OnMongodb, python};
use crate::user::Run;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

#[tokio::test]
#[ignore = "needs MongoDB and the Python package pymongo"]
async fn service_in_python_does_what_its_document_says() {
    let document = document("python.md");
    let project = OnMongodb::start().await;
    let service = project
        .user
        .write("service.py", &blocks(&document, "python"));

    let mut program = project.program(python());
    program.arg(service);
    let said = Run::of(program).await;

    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_eq!(masked(&said.out), masked(&blocks(&document, "text")));
}

#[tokio::test]
#[ignore = "needs MongoDB and the npm package mongodb"]
async fn service_in_node_does_what_its_document_says() {
    let document = document("node.md");
    let project = OnMongodb::start().await;
    let service = project.user.write("service.mjs", &blocks(&document, "js"));
    let packages = Path::new(HERE).join("tests/node/node_modules");
    symlink(packages, project.user.path("node_modules")).unwrap();

    let mut program = project.program("node");
    program.arg(service);
    let said = Run::of(program).await;

    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_eq!(masked(&said.out), masked(&blocks(&document, "text")));
}

fn document(name: &str) -> String {
    fs::read_to_string(Path::new(HERE).join("../docs").join(name)).unwrap()
}

/// All code of a document in one language, one block after the other.
fn blocks(document: &str, language: &str) -> String {
    let opening = format!("```{language}\n");
    let blocks = document.split(&opening).skip(1);
    let blocks: Vec<_> = blocks
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(!blocks.is_empty(), "there is no {language}");
    blocks.join("\n")
}

/// Leaves out what is another link each time.
fn masked(printed: &str) -> Vec<&str> {
    let link = |line: &str| line.starts_with("ws") && line.contains("token=") && line.contains('#');
    let lines = printed.lines();
    lines
        .map(|line| if link(line) { "a link" } else { line })
        .collect()
}
