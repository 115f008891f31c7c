//! The programs in `docs` for other languages run and print what the documents show.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tokio::process::Command;

use crate::on_mongodb::{OnMongodb, python};
use crate::user::Run;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

#[tokio::test]
#[ignore = "needs MongoDB and the Python package pymongo"]
async fn python_service_works_as_documented() {
    let document = document("python.md");

    let printed = python_prints(&blocks(&document, "python")).await;

    assert_eq!(masked(&printed), masked(&blocks(&document, "text")));
}

#[tokio::test]
#[ignore = "needs MongoDB and the npm package mongodb"]
async fn node_service_works_as_documented() {
    let document = document("node.md");

    let printed = node_prints(&blocks(&document, "js")).await;

    assert_eq!(masked(&printed), masked(&blocks(&document, "text")));
}

#[tokio::test]
#[ignore = "needs MongoDB and the Python package pymongo"]
async fn every_command_works_from_python_as_documented() {
    python_part_works_as_documented("commands.md").await;
}

#[tokio::test]
#[ignore = "needs MongoDB and the npm package mongodb"]
async fn every_command_works_from_node_as_documented() {
    node_part_works_as_documented("commands.md").await;
}

#[tokio::test]
#[ignore = "needs MongoDB and the Python package pymongo"]
async fn schedules_work_from_python_as_documented() {
    python_part_works_as_documented("schedules.md").await;
}

#[tokio::test]
#[ignore = "needs MongoDB and the npm package mongodb"]
async fn schedules_work_from_node_as_documented() {
    node_part_works_as_documented("schedules.md").await;
}

/// Runs what a document shows in Python, with the functions of `python.md`.
async fn python_part_works_as_documented(name: &str) {
    let document = document(name);
    let (part, _) = document.split_once("# From Node\n").unwrap();
    let functions = first_block(&self::document("python.md"), "python");

    let printed = python_prints(&(functions + "\n" + &blocks(part, "python"))).await;

    assert_eq!(printed, blocks(part, "text"));
}

/// Runs what a document shows for Node, with the functions of `node.md`.
async fn node_part_works_as_documented(name: &str) {
    let document = document(name);
    let (_, part) = document.split_once("# From Node\n").unwrap();
    let functions = first_block(&self::document("node.md"), "js");

    let printed = node_prints(&(functions + "\n" + &blocks(part, "js"))).await;

    assert_eq!(printed, blocks(part, "text"));
}

async fn python_prints(service: &str) -> String {
    let project = OnMongodb::start().await;
    let service = project.user.write("service.py", service);
    let mut program = project.program(python());
    program.arg(service);
    output(program).await
}

async fn node_prints(service: &str) -> String {
    let project = OnMongodb::start().await;
    let service = project.user.write("service.mjs", service);
    let packages = Path::new(HERE).join("tests/node/node_modules");
    symlink(packages, project.user.path("node_modules")).unwrap();
    let mut program = project.program("node");
    program.arg(service);
    output(program).await
}

/// Runs a program, which must succeed, and returns what it prints.
async fn output(program: Command) -> String {
    let run = Run::of(program).await;
    assert_eq!(run.code, Some(0), "{}", run.err);
    run.out
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
