//! `hcc worker` for several projects: two profiles, whose servers have the same name.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use hcc_store::{AuditQuery, StoreUrl};
use hcloud_sim::Sim;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::service::{Service, get};
use crate::user::{Run, TOKEN, User};

const CONFIG: &str = ".config/hcc/config.toml";
const MANAGED: &[(&str, &str)] = &[("managed", "1")];
const OTHER: &str = "other-canary-token";

/// The profiles `a` and `b`, each a project with a server `web1`.
struct Projects {
    user: User,
    other: Sim,
}

impl Projects {
    async fn new() -> Self {
        Self::with("").await
    }

    /// More settings of profile `b`.
    async fn with(settings: &str) -> Self {
        let user = User::of(Sim::builder().server("web1", MANAGED)).await;
        let other = Sim::builder().server("web1", MANAGED).token(OTHER);
        let other = other.speed(1000.0).start().await.unwrap();
        user.write("token_a", TOKEN);
        user.write("token_b", OTHER);
        let profile = |name: &str, endpoint: &str| {
            let token = user.path(&format!("token_{name}"));
            format!("[profile.{name}]\ntoken_file = {token:?}\nendpoint = {endpoint:?}\n",)
        };
        let config = profile("a", user.sim.endpoint()) + &profile("b", other.endpoint()) + settings;
        user.write(CONFIG, &config);
        Self { user, other }
    }

    fn worker(&self, args: &[&str]) -> Command {
        let mut worker = self.user.command_without_token(&["worker"]);
        worker.env_remove("HCLOUD_ENDPOINT").args(args);
        worker
    }

    fn both(&self) -> Command {
        self.worker(&["--profile", "a", "--profile", "b"])
    }

    async fn started(&self, command: Command) -> Service {
        let mut service = Service::start(command);
        // In any order.
        service.line("serving the queue queue=").await;
        service.line("serving the queue queue=").await;
        service
    }

    async fn hcc(&self, profile: &str, args: &[&str]) -> Run {
        let mut command = self.user.command_without_token(&["--profile", profile]);
        command.args(args);
        Run::of(command).await
    }

    async fn ok(&self, profile: &str, args: &[&str]) {
        let run = self.hcc(profile, args).await;
        assert_eq!(run.code, Some(0), "{profile} {args:?}: {run:?}");
    }

    /// How often each project was asked to shut a server down.
    fn shutdowns(&self) -> [usize; 2] {
        [&self.user.sim, &self.other].map(|sim| {
            let requests = sim.requests();
            let paths = requests.iter().map(|request| &request.path);
            paths
                .filter(|path| path.ends_with("/actions/shutdown"))
                .count()
        })
    }

    fn store(&self, profile: &str) -> StoreUrl {
        let file = format!(".local/share/hcc/profiles/{profile}/hcc.db");
        StoreUrl::sqlite(self.user.path(&file))
    }
}

#[tokio::test]
async fn commands_end_in_the_project_of_their_queue() {
    let projects = Projects::new().await;
    let mut service = projects.started(projects.both()).await;

    projects.ok("a", &["push", "stop", "web1", "--wait"]).await;
    assert_eq!(projects.shutdowns(), [1, 0]);
    service.line(r#"project{project="a"}:command"#).await;
    projects.ok("b", &["push", "stop", "web1", "--wait"]).await;
    assert_eq!(projects.shutdowns(), [1, 1]);
    service.line(r#"project{project="b"}:command"#).await;

    assert_eq!(service.stop().await, Some(0), "{}", service.seen);
    for secret in [TOKEN, OTHER] {
        assert!(!service.seen.contains(secret), "{}", service.seen);
    }
    let stopped = service.seen.matches("worker stopped").count();
    assert_eq!(stopped, 2, "{}", service.seen);
    let shutdowns = service.seen.matches("shutting down").count();
    assert_eq!(shutdowns, 1, "{}", service.seen);
}

#[tokio::test]
async fn all_profiles_of_the_file_are_served() {
    let projects = Projects::new().await;
    let mut service = projects.started(projects.worker(&["--all-profiles"])).await;

    projects.ok("b", &["push", "stop", "web1", "--wait"]).await;

    assert_eq!(projects.shutdowns(), [0, 1]);
    assert_eq!(service.stop().await, Some(0));
    let both = Run::of(projects.worker(&["--all-profiles", "--profile", "a"])).await;
    assert_eq!(both.failure().0, 2, "{both:?}");
    projects.user.write(CONFIG, "label = \"managed\"\n");
    let none = Run::of(projects.worker(&["--all-profiles"])).await;
    assert_eq!(none.failure().0, 5, "{none:?}");
}

#[tokio::test]
async fn project_that_fails_leaves_the_others_alone_until_a_reload_serves_it_again() {
    let projects = Projects::new().await;
    let mut command = projects.both();
    command.args(["--metrics", "127.0.0.1:0"]);
    let mut service = Service::start(command);
    let address = service.line("serving metrics").await;
    let (_, address) = address.rsplit_once("address=").unwrap();
    for _ in 0..2 {
        service.line("serving the queue queue=").await;
    }

    projects.other.replace_token("new-canary-token");
    projects.ok("b", &["push", "stop", "web1"]).await;
    let failed = service.line("worker failed").await;
    projects.ok("a", &["push", "stop", "web1", "--wait"]).await;
    let (ready, status) = get(address, "/readyz").await;
    let (alive, _) = get(address, "/healthz").await;

    for part in [
        r#"ERROR project{project="b"}"#,
        "does not accept the API token",
        "token_b",
    ] {
        assert!(failed.contains(part), "{part}: {failed}");
    }
    assert_eq!(projects.shutdowns(), [1, 0]);
    assert_eq!(alive, "HTTP/1.0 200 OK");
    assert_eq!(ready, "HTTP/1.0 503 Service Unavailable");
    assert!(status.starts_with("a: running\nb: failed: "), "{status}");

    projects.user.write("token_b", "new-canary-token");
    service.signal(Signal::HUP);
    service
        .line(r#"project{project="b"}: serving the queue queue="#)
        .await;
    service.line("command succeeded").await;
    assert_eq!(projects.shutdowns(), [1, 1]);
    let (_, status) = get(address, "/readyz").await;
    assert_eq!(status, "a: running\nb: running\n");
    assert_eq!(service.stop().await, Some(0), "{}", service.seen);
}

#[tokio::test]
async fn exit_code_is_that_of_the_project_that_failed() {
    let projects = Projects::new().await;
    projects.user.write("token_b", "wrong");

    let mut service = Service::start(projects.both());
    service.line("worker failed").await;
    projects.ok("a", &["push", "stop", "web1", "--wait"]).await;
    assert_eq!(service.stop().await, Some(5), "{}", service.seen);

    projects.user.write("token_a", "wrong");
    let mut service = Service::start(projects.both());
    assert_eq!(service.end().await, Some(5), "{}", service.seen);
    assert_eq!(service.seen.matches("worker failed").count(), 2);

    // A restart may mend a database.
    let text = projects.user.write("text.db", "this is not a database\n");
    let settings = format!("store = \"sqlite:{}\"\n", text.display());
    let projects = Projects::with(&settings).await;
    projects.user.write("token_a", "wrong");
    let mut service = Service::start(projects.both());
    assert_eq!(service.end().await, Some(1), "{}", service.seen);
}

#[tokio::test]
async fn database_that_is_away_delays_its_own_project_only() {
    let projects = Projects::with("queue = \"redis://127.0.0.1:1/0\"\n").await;
    let mut service = Service::start(projects.both());

    let away = service.line("unavailable, retrying").await;
    projects.ok("a", &["push", "stop", "web1", "--wait"]).await;

    assert!(away.contains(r#"project{project="b"}"#), "{away}");
    assert_eq!(projects.shutdowns(), [1, 0]);
    assert_eq!(service.stop().await, Some(0), "{}", service.seen);
}

#[tokio::test]
async fn metrics_have_a_label_with_the_project() {
    let projects = Projects::new().await;
    let mut command = projects.both();
    command.args(["--metrics", "127.0.0.1:0", "--cycle", "0s"]);
    let mut service = Service::start(command);
    let address = service.line("serving metrics").await;
    let (_, address) = address.rsplit_once("address=").unwrap();
    for _ in 0..2 {
        service.line("serving the queue queue=").await;
    }
    projects.ok("b", &["push", "stop", "web1", "--wait"]).await;
    projects.ok("b", &["push", "dance", "web1"]).await;
    service.line("command failed").await;

    let (_, metrics) = get(address, "/metrics").await;

    for line in [
        r#"hcc_commands_total{verb="stop",outcome="done",project="b"} 1"#,
        r#"hcc_queue_commands{state="dead",project="a"} 0"#,
        r#"hcc_queue_commands{state="dead",project="b"} 1"#,
        r#"hcc_service_available{service="Hetzner",project="a"} 1"#,
        r#"hcc_leases_lost_total{project="a"} 0"#,
        r#"hcloud_api_rate_limit_limit{budget="cloud",project="b"} 3600"#,
        r#"route="/servers/{id}/actions/shutdown",status="201",project="b"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    let values = metrics.lines().filter(|line| !line.starts_with('#'));
    for line in values.filter(|line| !line.is_empty()) {
        assert!(line.contains("project=\""), "{line}");
    }
    assert!(!metrics.contains(r#"verb="stop",outcome="done",project="a""#));
    assert_eq!(service.stop().await, Some(0));
}

#[tokio::test]
async fn each_profile_is_reloaded() {
    let projects = Projects::new().await;
    let mut service = projects.started(projects.both()).await;

    projects.user.write("token_a", "wrong");
    service.signal(Signal::HUP);
    let mut lines = [service.line("reload").await, service.line("reload").await];
    lines.sort_by_key(|line| line.contains(r#"project{project="b"}"#));

    let [a, b] = lines;
    assert!(a.contains("reload failed") && a.contains("token_a"), "{a}");
    assert!(b.contains(r#"reloaded token="unchanged""#), "{b}");
    projects.ok("a", &["push", "stop", "web1", "--wait"]).await;
    assert_eq!(service.stop().await, Some(0));
}

#[tokio::test]
async fn json_lines_name_the_project() {
    let projects = Projects::new().await;
    let mut command = projects.both();
    command.env("HCC_LOG_FORMAT", "json");
    let mut service = Service::start(command);
    for _ in 0..2 {
        service.line(r#""serving the queue","queue""#).await;
    }
    projects.ok("b", &["push", "stop", "web1", "--wait"]).await;

    let line = service.line("command succeeded").await;

    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["spans"][0]["project"], "b", "{line}");
    assert_eq!(line["span"]["verb"], "stop", "{line}");
    assert_eq!(service.stop().await, Some(0));
}

#[tokio::test]
async fn systemd_learns_what_each_project_does() {
    let projects = Projects::new().await;
    projects.user.write("token_b", "wrong");
    let path = projects.user.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let mut command = projects.both();
    command.env("NOTIFY_SOCKET", &path);

    let mut service = Service::start(command);
    let received = tokio::task::spawn_blocking(move || {
        let (mut is_ready, mut buffer) = (false, [0; 4096]);
        loop {
            let length = socket.recv(&mut buffer).unwrap();
            let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
            is_ready |= text.contains("READY=1");
            if is_ready && text.contains("STATUS=a: running; b: failed: ") {
                return;
            }
        }
    });

    received.await.unwrap();
    assert_eq!(service.stop().await, Some(5), "{}", service.seen);
}

#[tokio::test]
async fn projects_that_would_mix_are_refused() {
    let projects = Projects::new().await;
    let store = projects.user.path("shared/hcc.db");
    let linked = projects.user.path("linked");
    std::fs::create_dir(projects.user.path("shared")).unwrap();
    std::os::unix::fs::symlink(projects.user.path("shared"), &linked).unwrap();
    let (store, linked) = (
        format!("sqlite:{}", store.display()),
        format!("sqlite:{}", linked.join("hcc.db").display()),
    );

    for (a, b, refused) in [
        (
            format!("store = {store:?}\n"),
            format!("store = {linked:?}\n"),
            "the same records: sqlite:",
        ),
        (
            "queue = \"redis://h\"\n".to_owned(),
            "queue = \"redis://:s3cret@h:6379/0\"\n".to_owned(),
            "the same commands: redis://h",
        ),
        (
            "store = \"mongodb://h/db\"\n".to_owned(),
            "store = \"mongodb://mary:s3cret@h:27017/db\"\nrecords = \"vms\"\n".to_owned(),
            "the same records: mongodb://h/db, collection vms",
        ),
        (
            "store = \"mongodb://h/db\"\n".to_owned(),
            "store = \"mongodb://h/db\"\nrecords = \"v\"\ncommands = \"c\"\nevents = \"e\"\n"
                .to_owned(),
            "the same users: mongodb://h/db",
        ),
        (
            "project = \"shop\"\n".to_owned(),
            "project = \"shop\"\n".to_owned(),
            "the same name: shop",
        ),
    ] {
        let text = format!("[profile.a]\ntoken = \"x\"\n{a}[profile.b]\ntoken = \"y\"\n{b}");
        projects.user.write(CONFIG, &text);

        let run = Run::of(projects.both()).await;

        let (code, line) = run.failure();
        assert_eq!(code, 2, "{line}");
        assert!(line.contains("the profiles a and b have "), "{line}");
        assert!(line.contains(refused), "{refused}: {line}");
        assert!(
            line.contains("\nhint: ") && !line.contains("s3cret"),
            "{line}"
        );
    }
    let twice = Run::of(projects.worker(&["--profile", "a", "--profile", "a"])).await;
    let (code, line) = twice.failure();
    assert_eq!(code, 2);
    assert!(line.contains("profile a was given twice"), "{line}");
    projects.user.write(
        CONFIG,
        "[profile.a]\ntoken = \"x\"\n[profile.\"my shop\"]\ntoken = \"y\"\n",
    );
    let unnamed = Run::of(projects.worker(&["--profile", "a", "--profile", "my shop"])).await;
    let (code, line) = unnamed.failure();
    assert_eq!(code, 2);
    assert!(
        line.ends_with("hint: run hcc --profile 'my shop' config set project NAME"),
        "{line}"
    );
}

#[tokio::test]
async fn other_verbs_act_on_one_project() {
    let projects = Projects::new().await;
    for verb in [&["list"][..], &["config", "list"], &["doctor"], &["setup"]] {
        let mut command = projects.user.command_without_token(verb);
        command.args(["--profile", "a", "--profile", "b"]);

        let run = Run::of(command).await;

        let (code, line) = run.failure();
        assert_eq!(code, 2, "{verb:?}: {line}");
        assert!(line.contains("only hcc worker serves several"), "{line}");
    }
}

#[tokio::test]
async fn profiles_count_before_and_after_the_verb() {
    let projects = Projects::new().await;
    let several = "only hcc worker serves several";
    let twice = "profile a was given twice";
    for (args, refused) in [
        (&["--profile", "a", "list", "--profile", "b"][..], several),
        (&["--profile", "a", "list", "--profile", "a"], several),
        (
            &["config", "--profile=a", "list", "--profile", "b"],
            several,
        ),
        (
            &["--profile", "a", "config", "--profile", "b", "list"],
            several,
        ),
        (
            &["--profile=a", "api", "GET", "/servers", "--profile", "b"],
            several,
        ),
        (
            &["--quiet", "--profile", "a", "worker", "--profile=a"],
            twice,
        ),
        (
            &["--profile", "a", "worker", "--all-profiles"],
            "--all-profiles was given with a profile",
        ),
    ] {
        let run = Run::of(projects.user.command_without_token(args)).await;

        let (code, line) = run.failure();
        assert_eq!(code, 2, "{args:?}: {line}");
        assert!(line.contains(refused), "{args:?}: {line}");
    }
    let worker = |args: &[&str]| {
        let mut worker = projects.user.command_without_token(args);
        worker
            .env_remove("HCLOUD_ENDPOINT")
            .env("HCC_PROFILE", "unused");
        worker
    };
    let both = worker(&["--profile", "a", "worker", "--profile", "b"]);
    projects.started(both).await.stop().await;
    for args in [
        &["--profile", "a", "list", "-o", "columns=name"][..],
        &["list", "--profile", "a", "-o", "columns=name"],
    ] {
        let run = Run::of(worker(args)).await;
        assert!(run.out.contains("web1"), "{args:?}: {run:?}");
    }
}

#[tokio::test]
async fn permissions_for_one_project_are_refused_in_the_other() {
    let projects = Projects::new().await;
    let users = projects.store("a");
    projects.ok("a", &["sync", "--all"]).await;
    let set = ["config", "set", "accounts", &{
        let path = users.path().unwrap();
        format!("sqlite:{}", path.display())
    }];
    projects.ok("b", &set).await;
    let accounts = hcc_store::open_accounts(&users).await.unwrap();
    for (name, project) in [("mary", Some("a")), ("zoe", Some("b")), ("old", None)] {
        let mut grant = json!({ "servers": "*", "may": ["power"] });
        if let Some(project) = project {
            grant["project"] = json!(project);
        }
        let mut user = hcc_store::User::new(name);
        user.rights = json!({ "grants": [grant] });
        assert!(accounts.put_user(&user).await.unwrap());
    }
    let mut service = projects.started(projects.both()).await;

    for (by, project, is_allowed) in [
        ("mary", "a", true),
        ("mary", "b", false),
        ("zoe", "a", false),
        ("zoe", "b", true),
        ("old", "a", true),
        ("old", "b", false),
    ] {
        let push = ["push", "start", "web1", "--by", by, "--wait"];
        let run = projects.hcc(project, &push).await;

        let expected = if is_allowed { 0 } else { 4 };
        assert_eq!(run.code, Some(expected), "{by} {project}: {run:?}");
    }
    assert_eq!(service.stop().await, Some(0));
    let query = AuditQuery {
        limit: 10,
        ..AuditQuery::default()
    };
    let entries = accounts.audit(&query).await.unwrap().entries;
    let denied = entries.iter().filter(|entry| entry.outcome == "denied");
    let denied: Vec<_> = denied
        .map(|entry| (entry.by.as_deref().unwrap(), entry.project.as_deref()))
        .collect();
    assert_eq!(
        denied,
        [("old", Some("b")), ("zoe", None), ("mary", Some("b"))]
    );
}

#[tokio::test]
async fn shared_accounts_need_a_project_name() {
    let projects = Projects::new().await;
    projects
        .user
        .write(CONFIG, "token = \"x\"\naccounts = \"sqlite:users.db\"\n");

    let run = Run::of(projects.worker(&[])).await;

    let (code, line) = run.failure();
    assert_eq!(code, 5, "{line}");
    assert!(line.contains("(no_project_name)"), "{line}");
}
