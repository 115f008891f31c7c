//! The programs in `docs` for other languages run and print what the documents show.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::on_mongodb::{OnMongodb, python};
use crate::user::Run;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

#[tokio::test]
#[ignore = "needs MongoDB and the Python package pymongo"]
async fn python_service_works_as_documented() {
    let document = document("python.md");
    let project = OnMongodb::start().await;
    let service = project
        .user
        .write("service.py", &blocks(&document, "python"));

    let mut program = project.program(python());
    program.arg(service);
    let run = Run::of(program).await;

    assert_eq!(run.code, Some(0), "{}", run.err);
    assert_eq!(masked(&run.out), masked(&blocks(&document, "text")));
}

#[tokio::test]
#[ignore = "needs MongoDB and the npm package mongodb"]
async fn node_service_works_as_documented() {
    let document = document("node.md");
    let project = OnMongodb::start().await;
    let service = project.user.write("service.mjs", &blocks(&document, "js"));
    let packages = Path::new(HERE).join("tests/node/node_modules");
    symlink(packages, project.user.path("node_modules")).unwrap();

    let mut program = project.program("node");
    program.arg(service);
    let run = Run::of(program).await;

    assert_eq!(run.code, Some(0), "{}", run.err);
    assert_eq!(masked(&run.out), masked(&blocks(&document, "text")));
}

#[tokio::test]
#[ignore = "needs MongoDB and the Python package pymongo"]
async fn every_command_works_from_python_as_documented() {
    let document = document("commands.md");
    let (python_part, _) = document.split_once("## From Node").unwrap();
    let project = OnMongodb::start().await;
    let functions = first_block(&self::document("python.md"), "python");
    let service = functions + "\n" + &blocks(python_part, "python");
    let service = project.user.write("service.py", &service);

    let mut program = project.program(python());
    program.arg(service);
    let run = Run::of(program).await;

    assert_eq!(run.code, Some(0), "{}", run.err);
    assert_eq!(run.out, blocks(python_part, "text"));
}

#[tokio::test]
#[ignore = "needs MongoDB and the npm package mongodb"]
async fn every_command_works_from_node_as_documented() {
    let document = document("commands.md");
    let (_, node_part) = document.split_once("## From Node").unwrap();
    let project = OnMongodb::start().await;
    let functions = first_block(&self::document("node.md"), "js");
    let service = functions + "\n" + &blocks(node_part, "js");
    let service = project.user.write("service.mjs", &service);
    let packages = Path::new(HERE).join("tests/node/node_modules");
    symlink(packages, project.user.path("node_modules")).unwrap();

    let mut program = project.program("node");
    program.arg(service);
    let run = Run::of(program).await;

    assert_eq!(run.code, Some(0), "{}", run.err);
    assert_eq!(run.out, blocks(node_part, "text"));
}

#[tokio::test]
#[ignore = "needs MongoDB and the Python package pymongo"]
async fn schedules_work_from_python_as_documented() {
    let document = document("schedules.md");
    let (python_part, _) = document.split_once("### From Node").unwrap();
    let project = OnMongodb::start().await;
    let functions = first_block(&self::document("python.md"), "python");
    let service = functions + "\n" + &blocks(python_part, "python");
    let service = project.user.write("service.py", &service);

    let mut program = project.program(python());
    program.arg(service);
    let run = Run::of(program).await;

    assert_eq!(run.code, Some(0), "{}", run.err);
    assert_eq!(run.out, blocks(python_part, "text"));
}

#[tokio::test]
#[ignore = "needs MongoDB and the npm package mongodb"]
async fn schedules_work_from_node_as_documented() {
    let document = document("schedules.md");
    let (_, node_part) = document.split_once("### From Node").unwrap();
    let project = OnMongodb::start().await;
    let functions = first_block(&self::document("node.md"), "js");
    let service = functions + "\n" + &blocks(node_part, "js");
    let service = project.user.write("service.mjs", &service);
    let packages = Path::new(HERE).join("tests/node/node_modules");
    symlink(packages, project.user.path("node_modules")).unwrap();

    let mut program = project.program("node");
    program.arg(service);
    let run = Run::of(program).await;

    assert_eq!(run.code, Some(0), "{}", run.err);
    assert_eq!(run.out, blocks(node_part, "text"));
}

/// Returns the first code block of a document in one language.
fn first_block(document: &str, language: &str) -> String {
    let (_, rest) = document.split_once(&format!("```{language}\n")).unwrap();
    rest.split("```").next().unwrap().to_owned()
}

fn document(name: &str) -> String {
    fs::read_to_string(Path::new(HERE).join("../docs").join(name)).unwrap()
}

/// Returns the code blocks of a document in one language.
fn blocks(document: &str, language: &str) -> String {
    let opening = format!("```{language}\n");
    let blocks = document.split(&opening).skip(1);
    let blocks: Vec<_> = blocks
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(!blocks.is_empty(), "no {language} in the document");
    blocks.join("\n")
}

/// Replaces links, which differ each time.
fn masked(printed: &str) -> Vec<&str> {
    let link = |line: &str| line.starts_with("ws") && line.contains("token=") && line.contains('#');
    let lines = printed.lines();
    lines
        .map(|line| if link(line) { "a link" } else { line })
        .collect()
}
