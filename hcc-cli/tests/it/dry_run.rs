//! `--dry-run` changes nothing, whatever the verb.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hcc_queue::{Command, Queue, QueueUrl};
use hcc_store::{Patch, Schedule, Schedules, Store, StoreExt, StoreUrl};
use hcloud_sim::Sim;
use secrecy::SecretString;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use crate::user::User;

const MANAGED: &[(&str, &str)] = &[("managed", "1")];

/// What a verb does with `--dry-run`.
#[derive(Clone, Copy, PartialEq)]
enum Expected {
    /// It changes nothing anyway.
    Reads,
    /// It prints this; without the flag, it changes something.
    Prints(&'static str),
    /// It is refused as invalid usage.
    Refuses,
    /// It runs until it is ended, and changes nothing until then.
    Runs,
}
use Expected::{Prints, Reads, Refuses, Runs};

/// A command line of each verb and each way to use it. `ID` is the id of a waiting command, and
/// `DEAD` that of a dead letter.
const CASES: &[(&str, Expected)] = &[
    ("setup --type cx33", Prints("would write ")),
    ("setup --import=legacy.conf", Prints("would write ")),
    ("config path", Reads),
    ("config list", Reads),
    ("config get label", Reads),
    ("config set type cx33", Prints("would write ")),
    ("config unset label", Prints("would write ")),
    ("list", Reads),
    ("list --cached", Reads),
    ("images", Prints("debian-13")),
    ("isos", Prints("virtio-win")),
    ("locations", Prints("fsn1")),
    ("types", Prints("cx23")),
    ("create web9", Prints("POST /servers\n")),
    (
        "create web9 --backups --protect",
        Prints("POST /servers/{id}/actions/change_protection\n"),
    ),
    ("create web2", Prints("would change nothing")),
    ("start web1", Prints("/actions/poweron")),
    ("stop web1", Prints("/actions/shutdown")),
    ("stop web1 --force-after 1s", Prints("/actions/shutdown")),
    ("force web1", Prints("/actions/poweroff")),
    ("reset web1", Prints("/actions/reset")),
    ("reboot web1", Prints("/actions/reboot")),
    ("kill web1 --yes", Prints("DELETE /servers/")),
    ("kill gone --yes", Prints("would remove the record of gone")),
    ("settag db1", Prints("PUT /servers/")),
    ("deltag web1", Prints("PUT /servers/")),
    ("show web1", Reads),
    ("rescue enable web1", Prints("/actions/enable_rescue")),
    ("rescue disable web1", Prints("would change nothing")),
    ("passwd web1", Prints("/actions/reset_password")),
    ("rebuild web1 debian-13", Prints("/actions/rebuild")),
    ("snapshot create web1", Prints("/actions/create_image")),
    ("snapshot list web1", Reads),
    ("snapshot delete web1 1", Reads),
    ("backup enable web1", Prints("/actions/enable_backup")),
    ("backup disable web1", Prints("would change nothing")),
    ("backup list web1", Reads),
    ("backup delete web1 1", Reads),
    ("resize web1 cx33 --restart", Prints("/actions/poweron\n")),
    ("iso attach web1 8637", Prints("/actions/attach_iso")),
    ("iso detach web1", Prints("would change nothing")),
    ("protect web1", Prints("/actions/change_protection")),
    ("unprotect web1", Prints("would change nothing")),
    ("label set web1 env=prod", Prints("PUT /servers/")),
    ("label remove web1 env", Prints("would change nothing")),
    (
        "rdns set web1 ip4 web1.example.com",
        Prints("/actions/change_dns_ptr"),
    ),
    ("rdns reset web1 ip4", Prints("/actions/change_dns_ptr")),
    ("rename web1 web9", Prints("PUT /servers/")),
    ("metrics web1", Reads),
    ("ssh web1 -- true", Refuses),
    ("api GET /servers", Reads),
    ("version", Reads),
    ("sync", Prints("web1  would update")),
    ("sync web2", Prints("web2  would adopt")),
    ("sync gone", Prints("gone  would remove")),
    ("sync --all", Prints("web2  would adopt")),
    ("sync --prune", Prints("gone  would remove")),
    ("console web1", Prints("/actions/request_console")),
    ("console web1 --vnc 0", Prints("/actions/request_console")),
    (
        "console web1 --screenshot x.png",
        Prints("/actions/request_console"),
    ),
    ("console web1 --type x", Prints("/actions/request_console")),
    ("password web1", Reads),
    ("page --listen 127.0.0.1:0", Runs),
    ("notify hello", Prints("would send hello")),
    ("wait", Runs),
    ("push stop web1", Prints("would push stop web1")),
    ("push stop web1 --wait=1s", Prints("would push stop web1")),
    ("pull", Refuses),
    ("next", Refuses),
    ("queue init", Prints("would create ")),
    ("queue list", Reads),
    ("queue show ID", Reads),
    ("queue retry DEAD", Prints("would retry ")),
    ("queue retry --dead", Prints("would retry ")),
    ("queue drop ID", Prints("would remove ")),
    ("queue drop --dead", Prints("would remove ")),
    (
        "schedule add web1 stop --at 20:00",
        Prints("would schedule web1: stop, next "),
    ),
    ("schedule list", Reads),
    ("schedule pause SCHEDULE", Prints("would pause ")),
    ("schedule resume PAUSED", Prints("would resume ")),
    ("schedule remove SCHEDULE", Prints("would remove ")),
    ("events", Runs),
    ("worker", Refuses),
    ("action 1", Reads),
    ("doctor", Reads),
    ("completion bash", Reads),
    ("man pages", Refuses),
];

/// Those for which nothing is left to change without the flag either.
const CHANGE_NOTHING: &[&str] = &[
    "create web2",
    "rescue disable web1",
    "backup disable web1",
    "iso detach web1",
    "unprotect web1",
    "label remove web1 env",
    "queue init",
];

/// A user with all that a verb could change: servers, records of them and of one that is gone, a
/// waiting command, a dead letter, schedules, and settings.
struct Fixture {
    user: User,
    id: String,
    dead: String,
}

impl Fixture {
    async fn new() -> Self {
        let sim = Sim::builder()
            .server("web1", MANAGED)
            .server("web2", MANAGED)
            .server("db1", &[]);
        let user = User::of(sim).await;
        user.write(".config/hcc/config.toml", "label = \"managed\"\n");
        user.write("legacy.conf", r#"{"typ": "cx33"}"#);
        let store = store(&user).await;
        let password = SecretString::from("the only copy");
        for name in ["gone", "web1"] {
            let patch = Patch::new().status("off").created(Some(&password), &[]);
            store.set(name, patch).await.unwrap();
        }
        let mut schedule = Schedule::new("a7", "web1", "stop", "0 20 * * *");
        assert!(store.put_schedule(&schedule).await.unwrap());
        (schedule.id, schedule.paused) = ("b7".to_owned(), true);
        assert!(store.put_schedule(&schedule).await.unwrap());
        let queue = queue(&user).await;
        let dead = queue.push(&Command::new("start", "web1")).await.unwrap();
        let lease = queue.lease().await.unwrap().unwrap();
        let outcome = hcc_queue::Outcome::Dead("broken".into());
        queue.settle(lease, &outcome).await.unwrap();
        let id = queue.push(&Command::new("stop", "web1")).await.unwrap();
        drop(queue);
        user.sim.clear_requests();
        Self {
            user,
            id: id.to_string(),
            dead: dead.to_string(),
        }
    }

    fn args(&self, line: &str) -> Vec<String> {
        let word = |word: &str| match word {
            "ID" => self.id.clone(),
            "DEAD" => self.dead.clone(),
            "SCHEDULE" => "a7".to_owned(),
            "PAUSED" => "b7".to_owned(),
            _ => word.to_owned(),
        };
        line.split(' ').map(word).collect()
    }

    /// Returns all that could have changed.
    async fn state(&self) -> BTreeMap<String, String> {
        let mut state = files(self.user.path("").as_path());
        let records = store(&self.user).await.list().await.unwrap();
        state.insert("records".to_owned(), format!("{records:#?}"));
        let schedules = store(&self.user).await.schedules(Schedules::All).await;
        state.insert("schedules".to_owned(), format!("{schedules:#?}"));
        let commands = queue(&self.user).await.list_all().await.unwrap();
        state.insert("commands".to_owned(), format!("{commands:#?}"));
        let changing = self.user.sim.requests().into_iter();
        let changing: Vec<_> = changing
            .filter(|request| request.method != "GET")
            .map(|request| format!("{} {}", request.method, request.path))
            .collect();
        state.insert("requests".to_owned(), changing.join("\n"));
        state
    }

    /// Runs a verb; one that runs until it is ended is ended when it is ready or has had a second.
    async fn run(&self, args: &[&str], expected: Expected) -> crate::user::Run {
        let mut command = self.user.command(args);
        command.current_dir(self.user.path(""));
        if expected != Runs {
            return crate::user::Run::of(command).await;
        }
        let mut hcc = command.spawn().unwrap();
        let mut out = hcc.stdout.take().unwrap();
        let _ = timeout(Duration::from_secs(1), out.read_u8()).await;
        hcc.start_kill().unwrap();
        hcc.wait_with_output().await.unwrap().into()
    }
}

async fn store(user: &User) -> Arc<dyn Store> {
    let path = user.path(".local/share/hcc/hcc.db");
    hcc_store::open(&StoreUrl::sqlite(path)).await.unwrap()
}

async fn queue(user: &User) -> Queue {
    let path = user.path(".local/share/hcc/queue.db");
    hcc_queue::open(&QueueUrl::sqlite(path)).await.unwrap()
}

/// Returns the files of a directory with their content; of databases, which differ in their bytes
/// although nothing was changed, only the names.
fn files(directory: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut directories = vec![PathBuf::from(directory)];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.display().to_string();
            if path.is_dir() {
                directories.push(path);
            } else if name.ends_with(".db") {
                found.insert(name, String::new());
            } else if name.ends_with("-wal") || name.ends_with("-shm") {
                // The logs of databases come and go.
            } else {
                let bytes = std::fs::read(&path).unwrap();
                // Waiting for messages creates an empty file.
                if !bytes.is_empty() {
                    found.insert(name, String::from_utf8_lossy(&bytes).into_owned());
                }
            }
        }
    }
    found
}

#[tokio::test]
async fn no_verb_changes_anything() {
    let mut fixture = Fixture::new().await;
    for &(line, expected) in CASES {
        let args = fixture.args(line);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let before = fixture.state().await;

        let with_flag = [&["--dry-run"], &args[..]].concat();
        let dry = fixture.run(&with_flag, expected).await;

        assert_eq!(fixture.state().await, before, "{line}: {dry:?}");
        match expected {
            Prints(text) => {
                assert_eq!(dry.code, Some(0), "{line}: {dry:?}");
                assert!(dry.out.contains(text), "{line}: {dry:?}");
            }
            Refuses => {
                let (code, error) = dry.failure();
                assert_eq!(code, 2, "{line}: {dry:?}");
                let refusal = "cannot run with --dry-run";
                assert!(error.contains(refusal), "{line}: {dry:?}");
            }
            Reads | Runs => {}
        }
        if matches!(expected, Prints(_)) && !CHANGE_NOTHING.contains(&line) {
            let serves = args.contains(&"--vnc");
            let run = fixture.run(&args, if serves { Runs } else { expected });
            let run = run.await;
            assert_ne!(fixture.state().await, before, "{line}: {run:?}");
            fixture = Fixture::new().await;
        }
    }
}

#[tokio::test]
async fn all_steps_of_a_verb_are_printed_in_their_order() {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;
    let id = user.id("web1").await;
    let stopped = format!("POST /servers/{id}/actions/shutdown");
    let changed = format!("POST /servers/{id}/actions/change_type");
    let started = format!("POST /servers/{id}/actions/poweron");
    let created = "POST /servers".to_owned();
    let saved = "POST /servers/{id}/actions/enable_backup".to_owned();
    let protected = "POST /servers/{id}/actions/change_protection".to_owned();

    for (line, steps) in [
        (
            "resize web1 cx33 --restart",
            vec![&stopped, &changed, &started],
        ),
        ("create web9", vec![&created]),
        ("create web9 --backups", vec![&created, &saved]),
        ("create web9 --protect", vec![&created, &protected]),
        (
            "create web9 --backups --protect",
            vec![&created, &saved, &protected],
        ),
    ] {
        let args: Vec<&str> = line.split(' ').collect();
        let text = user.ok(&[&["--dry-run"], &args[..]].concat()).await;
        let json = ["--dry-run", "-o", "json"];
        let json = user.ok(&[&json, &args[..]].concat()).await;

        let printed: Vec<_> = text.lines().filter(|it| it.starts_with("POST ")).collect();
        assert_eq!(printed, steps, "{line}: {text}");
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let listed = json.as_array().cloned().unwrap_or_else(|| vec![json]);
        let request = |it: &serde_json::Value| {
            format!(
                "{} {}",
                it["method"].as_str().unwrap(),
                it["path"].as_str().unwrap()
            )
        };
        let listed: Vec<_> = listed.iter().map(request).collect();
        assert_eq!(listed.iter().collect::<Vec<_>>(), steps, "{line}");
    }

    user.ok(&["stop", "web1", "--wait"]).await;
    let text = user
        .ok(&["--dry-run", "resize", "web1", "cx33", "--restart"])
        .await;
    let printed: Vec<_> = text.lines().filter(|it| it.starts_with("POST ")).collect();
    assert_eq!(printed, [&changed, &started], "{text}");
}

#[tokio::test]
async fn dry_run_creates_no_database() {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;

    for line in [
        "list",
        "sync --all",
        "push start web1",
        "queue list",
        "kill web1",
        "create web2",
    ] {
        let args: Vec<&str> = line.split(' ').collect();
        user.ok(&[&["--dry-run"], &args[..]].concat()).await;
    }

    assert!(files(user.path("").as_path()).is_empty());
}

/// The manual has a page for each verb; a new verb fails here until it has a case.
#[tokio::test]
async fn every_verb_has_a_case() {
    let user = User::of(Sim::builder()).await;
    let pages = user.path("pages");
    user.ok(&["man", pages.to_str().unwrap()]).await;

    let pages: BTreeSet<String> = std::fs::read_dir(pages)
        .unwrap()
        .map(|page| page.unwrap().file_name().into_string().unwrap())
        .map(|page| page.trim_end_matches(".1").to_owned())
        .filter(|page| !page.contains("help"))
        .collect();
    let is_family = |page: &String| {
        pages
            .iter()
            .any(|other| other.starts_with(&format!("{page}-")))
    };
    let verbs: BTreeSet<_> = pages
        .iter()
        .filter(|page| !is_family(page))
        .cloned()
        .collect();
    let has_case = |verb: &&String| {
        let line = verb["hcc-".len()..].replace('-', " ");
        CASES
            .iter()
            .any(|(case, _)| format!("{case} ").starts_with(&format!("{line} ")))
    };

    let missing: Vec<_> = verbs.iter().filter(|verb| !has_case(verb)).collect();
    assert!(missing.is_empty(), "without a case: {missing:?}");
    assert!(verbs.len() > 30, "{verbs:?}");
    assert!(verbs.contains("hcc-queue-drop"), "{verbs:?}");
}
