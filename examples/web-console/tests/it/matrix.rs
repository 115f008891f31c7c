//! Every command from the web console, with a worker in a process of its own and each database.

use hcc_core::{Argument, ArgumentKind, Event, Form, Frontend, Listener, Verb};
use hcc_queue::Received;
use hcloud_api::{Client, CreateImage, CreateSshKey, ImageType};
use reqwest::StatusCode;

use crate::installation::{DatabaseUrls, Installation};
use crate::site::{TestClient, TestResponse};

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4Yb6pPpzHSnPhUhYIfGXE2oAUn4HZcE1NUeSeKM1kO me";

struct Project {
    installation: Installation,
    root: TestClient,
    api: Client,
    events: Listener,
}

impl Project {
    async fn new(urls: DatabaseUrls) -> Self {
        let installation = Installation::start(urls, &[]).await;
        let sim = &installation.sim;
        let api = Client::builder(sim.token()).endpoint(sim.endpoint());
        let api = api.build().unwrap();
        let key = CreateSshKey {
            name: "laptop".to_owned(),
            public_key: KEY.to_owned(),
            labels: hcloud_api::Labels::new(),
        };
        api.ssh_keys().create(&key).await.unwrap();
        let database = &installation.database;
        let frontend = Frontend::new(database.store.clone(), database.queue.clone());
        Self {
            root: installation.root().await,
            events: frontend.listen().await.unwrap(),
            api,
            installation,
        }
    }

    /// Sends a form as a browser does.
    async fn send(&self, path: &str, fields: &[(String, String)]) -> TestResponse {
        let fields: Vec<_> = fields.iter().map(|(name, it)| (&**name, &**it)).collect();
        self.root.post(path, &fields).await
    }

    /// Sends a form that submits a command, and waits until that has succeeded.
    async fn run(&mut self, path: &str, fields: &[(String, String)], verb: Verb) -> TestResponse {
        let response = self.send(path, fields).await;
        assert!(
            response.status == StatusCode::SEE_OTHER || verb == Verb::Console,
            "{path} {fields:?}: {}",
            response.text
        );
        loop {
            let Received::Message(event) = self.events.next().await.unwrap() else {
                continue;
            };
            match event {
                Event::Done(done) if done.cmd == verb.wire() => return response,
                Event::Failed(failed) => panic!("{path} {fields:?}: {failed:?}"),
                _ => {}
            }
        }
    }

    /// Creates what a command needs.
    async fn prepare(&mut self, verb: Verb, form: &Form) {
        match (verb, form.name) {
            // An earlier command has stopped it.
            (Verb::Reboot | Verb::Console | Verb::Passwd, _) => {
                let start = [field("verb", "start")];
                self.run("/servers/web-1", &start, Verb::Start).await;
            }
            (Verb::Snapshot, "delete") => {
                let create = [field("verb", "snapshot create")];
                self.run("/servers/web-1", &create, Verb::Snapshot).await;
            }
            (Verb::Backup, "delete") => {
                let enable = [field("verb", "backup enable")];
                self.run("/servers/web-1", &enable, Verb::Backup).await;
                let record = self.installation.database.store.get("web-1").await;
                let id = record.unwrap().unwrap().id.unwrap().into();
                let backup = CreateImage {
                    kind: Some(ImageType::Backup),
                    ..CreateImage::default()
                };
                let created = self.api.servers().create_image(id, &backup).await.unwrap();
                self.api.wait(created.action).await.unwrap();
            }
            _ => {}
        }
    }

    /// Runs a command with all its arguments.
    async fn carry_out(&mut self, verb: Verb, form: &'static Form) {
        let server = match verb {
            Verb::Kill => "new-1",
            Verb::Deltag => "web2",
            _ => "web-1",
        };
        let page = format!("/servers/{server}");
        let response = match verb {
            Verb::Create => {
                let fields = [("name", "new-1"), ("type", "cx23"), ("image", "debian-13")];
                let fields = fields.map(|(name, value)| field(name, value));
                self.run("/new", &fields, verb).await
            }
            Verb::Console => {
                let fields = [field("server", server)];
                let screen = self.run("/screen/l.html", &fields, verb).await;
                assert!(screen.text.contains("content=\"ws://"), "{}", screen.text);
                screen
            }
            _ => {
                let value = format!("{} {}", verb.wire(), form.name);
                let path = format!("{page}/form?verb={}", value.trim().replace(' ', "+"));
                let shown = self.root.get(&path).await;
                assert_eq!(shown.status, StatusCode::OK, "{path}: {}", shown.text);
                let mut fields = vec![field("verb", value.trim())];
                let others = form.arguments.iter().filter(|_| verb != Verb::Kill);
                for argument in others {
                    let name = format!("arg:{}", argument.name);
                    assert!(
                        shown.text.contains(&format!("name=\"{name}")),
                        "{path}: {name}"
                    );
                    fields.push((name, typed(argument).to_owned()));
                }
                if form.is_destructive {
                    let unconfirmed = self.send(&page, &fields).await;
                    assert_eq!(unconfirmed.status, StatusCode::OK, "{value}");
                    let needs_name = unconfirmed.text.contains("To confirm, type");
                    fields.push(field("sure", if needs_name { server } else { "yes" }));
                }
                self.run(&page, &fields, verb).await
            }
        };
        if form.brings_password {
            self.see_password(&page, response.location()).await;
        }
    }

    /// Sees a root password, once.
    async fn see_password(&self, page: &str, location: &str) {
        let (_, command) = location.split_once("?command=").unwrap();
        let offer = self.root.get(location).await.text;
        assert!(offer.contains(&format!("value=\"{command}\"")), "{offer}");
        let fields = [field("command", command)];
        let path = format!("{page}/password");
        let shown = self.send(&path, &fields).await;
        let (_, password) = shown
            .text
            .split_once("data-copy=\"Root password\">")
            .unwrap();
        assert!(password.split('<').next().unwrap().len() >= 16);
        assert_eq!(
            self.send(&path, &fields).await.status,
            StatusCode::NOT_FOUND
        );
    }
}

fn field(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// What a user types for an argument.
fn typed(argument: &Argument) -> &str {
    match argument.kind {
        ArgumentKind::Switch => "on",
        _ => argument.example,
    }
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

/// Runs every command, and prints the rows of the matrix.
async fn every_command_works(database: &str, urls: DatabaseUrls) {
    let mut project = Project::new(urls).await;
    let mut rows = 0;
    for (verb, form) in commands() {
        project.prepare(verb, form).await;
        project.carry_out(verb, form).await;
        println!(
            "{:10} {:8} WebConsole {database}: ok",
            verb.name(),
            form.name
        );
        rows += 1;
    }
    assert_eq!(rows, commands().len());
}

#[tokio::test]
#[ignore = "needs hcc"]
async fn every_command_works_with_sqlite() {
    every_command_works("SQLite", DatabaseUrls::sqlite()).await;
}

#[cfg(feature = "mongodb")]
#[tokio::test]
#[ignore = "needs hcc and MongoDB"]
async fn every_command_works_with_mongodb() {
    every_command_works("MongoDB", DatabaseUrls::mongodb()).await;
}
