//! Every command, from the command line and through the queue, with each database.

use std::process::Stdio;

use hcc_core::{Argument, ArgumentKind, Form, Verb};
use hcloud_sim::Sim;
use serde_json::{Value, json};
use test_services::TestDatabase;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::user::{Run, User};

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4Yb6pPpzHSnPhUhYIfGXE2oAUn4HZcE1NUeSeKM1kO me";

/// How a command is requested.
#[derive(Clone, Copy, Debug)]
enum Way {
    CommandLine,
    Queue,
}

/// A project with the server `web1`, its records and its queue.
struct Project {
    user: User,
    store: Option<String>,
}

impl Project {
    async fn new(store: Option<String>) -> Self {
        let user = User::of(Sim::builder().server("web1", &[("managed", "1")])).await;
        let project = Self { user, store };
        let key = json!({ "name": "laptop", "public_key": KEY }).to_string();
        project
            .hcc(&["api", "POST", "/ssh_keys", "--data", &key])
            .await;
        project.hcc(&["sync", "--all"]).await;
        project
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut hcc = self.user.command(args);
        hcc.env("HCC_YES", "1");
        if let Some(store) = &self.store {
            hcc.env("HCC_STORE", store);
        }
        hcc
    }

    /// Runs `hcc`, which must succeed.
    async fn hcc(&self, args: &[&str]) -> String {
        let run = Run::of(self.command(args)).await;
        assert_eq!(run.code, Some(0), "hcc {args:?}: {run:?}");
        run.out
    }

    async fn start_worker(&self) -> Child {
        let mut worker = self.command(&["worker"]);
        worker.stderr(Stdio::piped()).kill_on_drop(true);
        let mut worker = worker.spawn().unwrap();
        let mut log = BufReader::new(worker.stderr.take().unwrap()).lines();
        assert!(log.next_line().await.unwrap().is_some());
        // A full pipe would block the worker.
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        worker
    }

    /// Creates what a command needs.
    async fn prepare(&self, verb: Verb, form: &Form) {
        match (verb, form.name) {
            // An earlier command has stopped it.
            (Verb::Reboot | Verb::Console | Verb::Passwd, _) => {
                self.hcc(&["start", "web1", "--wait"]).await;
            }
            (Verb::Snapshot, "delete") => {
                self.hcc(&["snapshot", "create", "web1", "--wait"]).await;
            }
            (Verb::Backup, "delete") => {
                self.hcc(&["backup", "enable", "web1", "--wait"]).await;
                let listed = self.hcc(&["list", "-o", "json"]).await;
                let listed: Value = serde_json::from_str(&listed).unwrap();
                let web1 = listed
                    .as_array()
                    .unwrap()
                    .iter()
                    .find(|it| it["name"] == "web1");
                let path = format!("/servers/{}/actions/create_image", web1.unwrap()["id"]);
                let backup = r#"{ "type": "backup" }"#;
                let created = self.hcc(&["api", "POST", &path, "--data", backup]).await;
                let created: Value = serde_json::from_str(&created).unwrap();
                let action = created["action"]["id"].to_string();
                self.hcc(&["action", &action, "--wait"]).await;
            }
            _ => {}
        }
    }

    /// Runs a command in its longest form.
    async fn run(&self, verb: Verb, form: &Form, way: Way) {
        let server = match verb {
            Verb::Create | Verb::Kill => "new1",
            Verb::Deltag => "web2",
            _ => "web1",
        };
        let mut args = form.example_args(|_| !matches!(verb, Verb::Create | Verb::Kill));
        if verb == Verb::Create {
            args = json!({ "type": "cx23", "image": "debian-13", "backups": true });
        }
        let words = match way {
            Way::CommandLine => words(verb, form, server),
            Way::Queue => {
                let args = args.to_string();
                ["push", verb.wire(), server, "--args", &args, "--wait"]
                    .map(str::to_owned)
                    .to_vec()
            }
        };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let run = Run::of(self.command(&words)).await;
        assert_eq!(run.code, Some(0), "hcc {words:?}: {run:?}");
        if form.brings_password {
            assert!(run.out.trim().len() >= 16, "hcc {words:?}: {run:?}");
        }
    }
}

fn words(verb: Verb, form: &Form, server: &str) -> Vec<String> {
    let mut words = vec![verb.name().to_owned()];
    if !form.name.is_empty() {
        words.push(form.name.to_owned());
    }
    words.push(server.to_owned());
    if verb == Verb::Create {
        words.extend(["cx23", "debian-13", "--backups"].map(str::to_owned));
    }
    let others = !matches!(verb, Verb::Create | Verb::Kill);
    for argument in form.arguments.iter().filter(|_| others) {
        let Argument {
            is_required,
            example,
            ..
        } = argument;
        match argument.kind {
            _ if *is_required => words.push((*example).to_owned()),
            ArgumentKind::Switch => words.push(format!("--{}", argument.flag())),
            _ => words.extend([format!("--{}", argument.flag()), (*example).to_owned()]),
        }
    }
    if !matches!(
        verb,
        Verb::Sync | Verb::Console | Verb::Settag | Verb::Deltag
    ) {
        words.push("--wait".to_owned());
    }
    words
}

/// All commands; those that remove what others need are last.
fn commands() -> Vec<(Verb, &'static Form)> {
    let last = [Verb::Kill, Verb::Rename, Verb::Deltag];
    let others = Verb::ALL.iter().filter(|verb| !last.contains(verb));
    let verbs = others.chain(&last);
    verbs
        .flat_map(|verb| verb.description().forms.iter().map(|form| (*verb, form)))
        .collect()
}

/// Runs every command in both ways, and returns the rows of the matrix.
async fn rows(database: &str, store: impl Fn() -> Option<String>) -> Vec<String> {
    let mut rows = Vec::new();
    for way in [Way::CommandLine, Way::Queue] {
        let project = Project::new(store()).await;
        let _worker = match way {
            Way::CommandLine => None,
            Way::Queue => Some(project.start_worker().await),
        };
        for (verb, form) in commands() {
            project.prepare(verb, form).await;
            project.run(verb, form, way).await;
            rows.push(format!(
                "{:10} {:8} {way:?} {database}: ok",
                verb.name(),
                form.name
            ));
        }
    }
    rows
}

#[tokio::test]
async fn every_command_works_in_each_way_with_sqlite() {
    let rows = rows("SQLite", || None).await;

    println!("{}", rows.join("\n"));
    assert_eq!(rows.len(), 2 * commands().len());
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn every_command_works_in_each_way_with_mongodb() {
    let databases = [TestDatabase::new(), TestDatabase::new()];
    let mut urls = databases
        .iter()
        .map(|database| database.url.clone())
        .collect::<Vec<_>>();
    let next = std::cell::RefCell::new(urls.drain(..));
    let rows = rows("MongoDB", || next.borrow_mut().next()).await;

    println!("{}", rows.join("\n"));
    assert_eq!(rows.len(), 2 * commands().len());
}
