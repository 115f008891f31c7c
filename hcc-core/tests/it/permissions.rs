//! Commands that are pushed past the web service.

use std::sync::Arc;

use hcc_core::operation::{Rebuild, Rename, Snapshot};
use hcc_core::{
    AccountAuthorizer, Command, CreateOptions, ErrorKind, OfferedCatalog, Power, ProjectScope,
    Request,
};
use hcc_store::{Accounts, AuditQuery, Memory, Patch, StoreExt, User};
use hcloud_api::CreateImage;
use hcloud_sim::Sim;
use serde_json::{Value, json};

use crate::harness::{Harness, MINUTE, RunningWorker};
use crate::setup::name;

/// A harness with the server `web1`, and the users `mary` and `zoe`.
struct Fixture {
    harness: Harness,
    accounts: Memory,
}

impl Fixture {
    async fn new() -> Self {
        let sim = Sim::builder()
            .server("web1", &[("managed", "1")])
            .record_bodies(true);
        let harness = Harness::new(sim).await;
        let scope = hcc_core::Scope::All;
        harness.setup.project.sync(&scope, false).await.unwrap();
        harness.setup.sim.clear_requests();
        let fixture = Self {
            harness,
            accounts: Memory::default(),
        };
        let may = |right| json!({ "grants": [{ "servers": "web*", "may": [right] }] });
        fixture.add("mary", may("console")).await;
        fixture.add("zoe", may("kill")).await;
        fixture
    }

    async fn add(&self, name: &str, rights: Value) {
        let user = User {
            rights,
            ..User::new(name)
        };
        assert!(self.accounts.put_user(&user).await.unwrap());
    }

    fn start_worker(&self) -> RunningWorker {
        let users = AccountAuthorizer::new(Arc::new(self.accounts.clone()));
        RunningWorker::start(self.harness.worker().with_authorizer(Arc::new(users)))
    }

    /// Pushes a command past the web service.
    async fn push(&self, command: Command, by: &str) -> hcc_core::Result<Option<String>> {
        let request = Request::new(command, name("web1")).by(by);
        self.harness
            .frontend
            .submit_and_wait(&request, MINUTE)
            .await
    }
}

#[tokio::test]
async fn console_permission_kills_no_server() {
    let fixture = Fixture::new().await;
    let _worker = fixture.start_worker();

    let error = fixture.push(Command::Kill { id: None }, "mary").await;

    let error = error.unwrap_err();
    assert_eq!(error.code(), "denied");
    assert_eq!(error.to_string(), "denied: mary may not kill web1");
    assert!(fixture.harness.setup.requests().is_empty());
    assert_eq!(
        fixture.harness.dead_letter_reason().await,
        "denied: mary may not kill web1"
    );
    let record = fixture.harness.setup.record("web1").await.unwrap();
    let last = record.last.unwrap();
    assert_eq!((last.ok, last.by.as_deref()), (false, Some("mary")));
    fixture.push(Command::Console, "mary").await.unwrap();
}

#[tokio::test]
async fn sync_of_all_servers_is_for_admins() {
    let fixture = Fixture::new().await;
    fixture.add("root", json!({ "admin": true })).await;
    let _worker = fixture.start_worker();
    let frontend = &fixture.harness.frontend;
    let sync = async |by: Option<&str>| {
        let mut sync = Request::sync_all();
        sync.by = by.map(Into::into);
        frontend.submit_and_wait(&sync, MINUTE).await
    };

    let error = sync(Some("zoe")).await.unwrap_err();

    assert_eq!(error.to_string(), "denied: zoe may not sync all servers");
    assert!(fixture.harness.setup.requests().is_empty());
    sync(Some("root")).await.unwrap();
    // Programs without users set no user.
    sync(None).await.unwrap();
}

#[tokio::test]
async fn servers_are_made_of_images_of_other_servers_only_by_those_who_may_read_them() {
    let managed = [("managed", "1")];
    let sim = Sim::builder()
        .server("web1", &managed)
        .server("db1", &managed);
    let harness = Harness::new(sim).await;
    let scope = hcc_core::Scope::All;
    harness.setup.project.sync(&scope, false).await.unwrap();
    let api = harness.setup.api();
    let server = api.servers().find("db1").await.unwrap().unwrap();
    let request = CreateImage::default();
    let snapshot = api.servers().create_image(server.id, &request);
    let snapshot = snapshot.await.unwrap();
    api.wait(snapshot.action).await.unwrap();
    let image = snapshot.image.id.to_string();
    let fixture = Fixture {
        harness,
        accounts: Memory::default(),
    };
    let web = json!({ "servers": "web*", "may": ["create", "rebuild", "snapshot"] });
    let db = json!({ "servers": "db1", "may": ["snapshot"] });
    fixture.add("mary", json!({ "grants": [web] })).await;
    fixture.add("zoe", json!({ "grants": [web, db] })).await;
    let _worker = fixture.start_worker();
    let frontend = &fixture.harness.frontend;
    let mut options = CreateOptions::default();
    options.image = Some(image.clone());
    let mut rebuild = Rebuild::default();
    rebuild.image = image.clone();

    for (user, is_allowed) in [("mary", false), ("zoe", true)] {
        let new = Command::Create(options.clone());
        let new = Request::new(new, name(&format!("web-{user}"))).by(user);
        let created = frontend.submit_and_wait(&new, MINUTE).await;
        let rebuilt = fixture.push(rebuild.clone().into(), user).await;

        for outcome in [created, rebuilt] {
            match outcome {
                Ok(_) => assert!(is_allowed, "{user}"),
                Err(error) => {
                    assert!(!is_allowed, "{user}: {error}");
                    let denied = format!("denied: image {image} is of another server");
                    assert_eq!(error.to_string(), denied);
                }
            }
        }
    }
}

#[tokio::test]
async fn permissions_by_label_are_judged_by_the_current_labels() {
    for (recorded, current, is_allowed) in [("test", "prod", false), ("prod", "test", true)] {
        let labels = [("managed", "1"), ("env", current)];
        let harness = Harness::new(Sim::builder().server("web1", &labels)).await;
        let scope = hcc_core::Scope::All;
        harness.setup.project.sync(&scope, false).await.unwrap();
        let stale = [("managed".to_owned(), "1".to_owned())];
        let stale = stale
            .into_iter()
            .chain([("env".to_owned(), recorded.to_owned())]);
        let stale = Patch::new().labels(&stale.collect());
        harness.setup.store.update("web1", stale).await.unwrap();
        let fixture = Fixture {
            harness,
            accounts: Memory::default(),
        };
        let may = json!({ "grants": [{ "labels": "env=test", "may": ["power"] }] });
        fixture.add("mary", may).await;
        let _worker = fixture.start_worker();

        let stopped = fixture.push(Command::Power(Power::Stop), "mary").await;

        match stopped {
            Ok(_) => assert!(is_allowed, "{recorded} {current}"),
            Err(error) => {
                assert!(!is_allowed, "{recorded} {current}: {error}");
                assert_eq!(error.to_string(), "denied: mary may not stop web1");
                assert_eq!(error.kind(), ErrorKind::Refused);
            }
        }
    }
}

#[tokio::test]
async fn unknown_user_changes_nothing() {
    let fixture = Fixture::new().await;
    let _worker = fixture.start_worker();

    for by in ["root", "", "zoe ", "Zoe"] {
        let power = Command::Power(Power::Force);
        let error = fixture.push(power, by).await.unwrap_err();
        assert_eq!(error.to_string(), format!("denied: user {by:?} not found"));
    }

    assert!(fixture.harness.setup.requests().is_empty());
}

#[tokio::test]
async fn command_of_a_removed_user_is_denied() {
    let fixture = Fixture::new().await;
    let kill = Request::new(Command::Kill { id: None }, name("web1")).by("zoe");
    let id = fixture.harness.frontend.submit(&kill).await.unwrap();
    fixture.accounts.remove_user("zoe").await.unwrap();

    let _worker = fixture.start_worker();

    let ended = fixture.harness.frontend.wait(&id, MINUTE).await;
    let error = ended.unwrap_err().to_string();
    assert_eq!(error, "denied: user \"zoe\" not found");
    assert_eq!(fixture.harness.setup.servers("web1").await, 1);
}

#[tokio::test]
async fn limits_of_creation_hold_for_commands_that_are_pushed_at_once() {
    let fixture = Fixture::new().await;
    let grants = json!([{ "servers": "test*", "may": ["create"] }]);
    fixture
        .add(
            "eve",
            json!({ "grants": grants, "create": { "servers": 2 } }),
        )
        .await;
    fixture
        .add(
            "max",
            json!({ "grants": grants, "create": { "monthly": 1, "types": ["cx23"] } }),
        )
        .await;
    let _worker = fixture.start_worker();
    let create = async |server: &str, by: &str, options: CreateOptions| {
        let request = Request::new(Command::Create(options), name(server)).by(by);
        let frontend = &fixture.harness.frontend;
        frontend.submit_and_wait(&request, MINUTE).await
    };
    let any = CreateOptions::default;

    let ends = tokio::join!(
        create("test1", "eve", any()),
        create("test2", "eve", any()),
        create("test3", "eve", any()),
    );

    let ends = [ends.0, ends.1, ends.2];
    let errors: Vec<_> = ends.into_iter().filter_map(Result::err).collect();
    let [error] = &errors[..] else {
        panic!("expected one error but got {errors:?}");
    };
    assert_eq!(error.code(), "denied");
    assert_eq!(
        error.to_string(),
        "denied: at most 2 servers are allowed, and there are 2"
    );
    let expensive = create("test4", "max", any().with_server_type("cx23"));
    let expensive = expensive.await.unwrap_err().to_string();
    assert!(
        expensive.starts_with("denied: at most 1 a month are allowed"),
        "{expensive}"
    );
    let other = create("test4", "max", any().with_server_type("cx33"));
    assert_eq!(
        other.await.unwrap_err().to_string(),
        "denied: type cx33 is not one of those allowed: cx23"
    );
    assert_eq!(fixture.harness.setup.servers("test4").await, 0);
}

/// Lets a user with limits create `test1`; returns the types and locations that were requested, and the
/// audit trail.
async fn create_within(
    limits: Value,
    [types, locations]: [&str; 2],
    faults: &[&str],
) -> (hcc_core::Result<Option<String>>, Vec<String>, Vec<String>) {
    let fixture = Fixture::new().await;
    let grants = json!([{ "servers": "test*", "may": ["create"] }]);
    let rights = json!({ "grants": grants, "create": limits });
    fixture.add("eve", rights).await;
    let setup = &fixture.harness.setup;
    for fault in faults {
        setup.fault(fault);
    }
    let mut options = CreateOptions::default().with_image("debian-13");
    let given = |list: &str| Some(list.to_owned()).filter(|list| !list.is_empty());
    (options.server_type, options.location) = (given(types), given(locations));
    let _worker = fixture.start_worker();

    let create = Request::new(Command::Create(options), name("test1")).by("eve");
    let frontend = &fixture.harness.frontend;
    let ended = frontend.submit_and_wait(&create, MINUTE).await;

    let query = AuditQuery {
        limit: 100,
        ..AuditQuery::default()
    };
    let audit = fixture.accounts.audit(&query).await.unwrap().entries;
    let audit = audit.into_iter().map(|entry| entry.outcome).collect();
    (ended, setup.orders(), audit)
}

const SOLD_OUT: &str = "error=resource_unavailable POST /v1/servers x1";

#[tokio::test]
async fn sold_out_types_and_locations_fall_back_to_those_within_the_limits() {
    for (limits, choices, sold_out, ordered) in [
        (
            json!({ "types": ["cx23", "cpx22"], "servers": 1 }),
            ["cx23,cpx22", "fsn1"],
            1,
            &["cx23 fsn1", "cpx22 fsn1"][..],
        ),
        (
            json!({ "types": ["cpx22"] }),
            ["cx23,cpx22", "fsn1,nbg1"],
            1,
            &["cpx22 fsn1", "cpx22 nbg1"],
        ),
        (
            json!({ "monthly": 5 }),
            ["cpx22, cx23", "fsn1-dc14"],
            0,
            &["cx23 fsn1"],
        ),
        (
            json!({ "monthly": 6 }),
            ["cpx11", "sin,ash"],
            0,
            &["cpx11 ash"],
        ),
        // What is not requested is chosen within the limits.
        (json!({ "types": ["cpx22"] }), ["", ""], 0, &["cpx22 fsn1"]),
        (
            json!({ "types": ["cax11"] }),
            ["", "hel1,nbg1"],
            0,
            &["cax11 nbg1"],
        ),
        (
            json!({ "monthly": 5 }),
            ["", ""],
            3,
            &["cx23 fsn1", "cx23 nbg1", "cx23 hel1", "cax11 fsn1"],
        ),
        (
            json!({ "monthly": 6 }),
            ["cpx11,cx23", ""],
            2,
            &["cpx11 ash", "cpx11 hil", "cx23 fsn1"],
        ),
    ] {
        let faults = vec![SOLD_OUT; sold_out];

        let (ended, orders, audit) = create_within(limits.clone(), choices, &faults).await;

        ended.unwrap();
        assert_eq!(orders, ordered, "{limits} {choices:?}");
        assert_eq!(audit, ["done"], "{limits} {choices:?}");
    }
}

#[tokio::test]
async fn creation_is_denied_once_if_the_limits_forbid_all_types_and_locations() {
    for (limits, choices, reason) in [
        (
            json!({ "types": ["cax11"] }),
            ["cx23,cpx22", "fsn1,nbg1"],
            "type cx23 is not one of those allowed: cax11",
        ),
        (
            json!({ "monthly": 5, "types": ["cpx22"] }),
            ["cx23,cpx22", ""],
            "type cx23 is not one of those allowed: cpx22",
        ),
        (
            json!({ "monthly": 4 }),
            ["", ""],
            "at most 4 a month are allowed, and it would be 4.15 instead of 0.00",
        ),
        (
            json!({ "servers": 0 }),
            ["cx23,cpx22", ""],
            "at most 0 servers are allowed, and there are 0",
        ),
        (
            json!({ "monthly": 100 }),
            ["cx23", "ash,hil"],
            "the price of the server is unknown",
        ),
    ] {
        let (ended, orders, audit) = create_within(limits.clone(), choices, &[]).await;

        let error = ended.unwrap_err();
        assert_eq!(error.to_string(), format!("denied: {reason}"), "{limits}");
        assert_eq!(orders, [""; 0], "{limits}");
        assert_eq!(audit, ["denied"], "{limits}");
    }
}

#[tokio::test]
async fn limits_are_not_exceeded_if_all_that_they_allow_is_sold_out() {
    let sold_out = "error=resource_unavailable POST /v1/servers";
    for (limits, choices) in [
        (json!({ "monthly": 5 }), ["", ""]),
        (json!({ "monthly": 5 }), ["cx23,cpx22", ""]),
        (json!({ "types": ["cx23"] }), ["", "fsn1,nbg1"]),
        (json!({ "types": ["cx23"] }), ["cpx22,cx23", "fsn1,nbg1"]),
    ] {
        let (ended, orders, audit) = create_within(limits.clone(), choices, &[sold_out]).await;

        let error = ended.unwrap_err();
        assert_eq!(error.code(), "resource_unavailable", "{limits} {choices:?}");
        let is_allowed = |order: &String| order.starts_with("cx23 ") || order.starts_with("cax11 ");
        assert!(orders.iter().all(is_allowed), "{limits} {orders:?}");
        assert!(!audit.contains(&"denied".to_owned()), "{audit:?}");
    }
}

#[tokio::test]
async fn misspelt_types_and_locations_are_named_whatever_the_limits_are() {
    for (limits, choices, message) in [
        (
            json!({ "monthly": 50 }),
            ["cx99,cx23", "fsn1"],
            "server type \"cx99\" not found",
        ),
        (
            json!({ "types": ["cx23"] }),
            ["", "mars1,fsn1"],
            "location \"mars1\" not found",
        ),
    ] {
        let (ended, orders, _) = create_within(limits, choices, &[]).await;

        assert_eq!(ended.unwrap_err().to_string(), message);
        assert_eq!(orders, [""; 0]);
    }
}

#[tokio::test]
async fn limits_cost_one_request_for_the_prices() {
    let mut requests = Vec::new();
    for limits in [json!(null), json!({ "monthly": 50 })] {
        let fixture = Fixture::new().await;
        let grants = json!([{ "servers": "test*", "may": ["create"] }]);
        let rights = json!({ "grants": grants, "create": limits });
        fixture.add("eve", rights).await;
        let options = CreateOptions::default()
            .with_server_type("cx23,cpx22")
            .with_location("fsn1,nbg1")
            .with_image("debian-13");
        let _worker = fixture.start_worker();

        let create = Request::new(Command::Create(options), name("test1")).by("eve");
        let frontend = &fixture.harness.frontend;
        frontend.submit_and_wait(&create, MINUTE).await.unwrap();

        let offers = ["server_types", "locations", "pricing"];
        let mut sent = fixture.harness.setup.requests();
        sent.retain(|request| offers.iter().any(|offer| request.contains(offer)));
        requests.push(sent);
    }

    assert_eq!(requests, [vec![], vec!["GET /v1/server_types".to_owned()]]);
}

#[tokio::test]
async fn outcomes_of_the_commands_of_users_are_in_the_audit_trail() {
    let fixture = Fixture::new().await;
    let _worker = fixture.start_worker();

    let delete = Snapshot::Delete {
        image: "newest".to_owned(),
    };
    for allowed in [Command::Console, Snapshot::List {}.into()] {
        fixture.push(allowed, "mary").await.unwrap();
    }
    let rename = Rename::new("web2").into();
    for denied in [Command::Kill { id: None }, delete.into(), rename] {
        fixture.push(denied, "mary").await.unwrap_err();
    }
    fixture.harness.push("sync", "web1").await.unwrap();

    let query = AuditQuery {
        limit: 100,
        ..AuditQuery::default()
    };
    let page = fixture.accounts.audit(&query).await.unwrap();
    let entries = page.entries.into_iter().rev().map(|entry| {
        let (by, server) = (entry.by.unwrap_or_default(), entry.server.unwrap());
        format!("{by} {} {server} {}", entry.what, entry.outcome)
    });
    let entries: Vec<_> = entries.collect();
    assert_eq!(
        entries,
        [
            "mary console web1 done",
            "mary snapshot list web1 done",
            "mary kill web1 denied",
            "mary snapshot delete web1 denied",
            "mary rename web1 denied",
        ]
    );
}

#[tokio::test]
async fn catalog_is_published_for_web_services_with_users() {
    let fixture = Fixture::new().await;
    let accounts = Arc::new(fixture.accounts.clone());
    let other = ProjectScope::Other("shop".parse().unwrap());
    let worker = fixture.harness.worker();
    let worker = worker.with_catalog(accounts.clone(), other.clone());
    let _worker = RunningWorker::start(worker);

    let read = async || OfferedCatalog::read(&*accounts, &other).await.unwrap();
    let published = async || read().await.is_some();
    test_services::wait_until(published, true).await;

    let catalog = read().await.unwrap();
    assert_eq!(catalog.currency, "EUR");
    let labels = |name: &str| [(name.to_owned(), String::new())].into();
    assert_eq!(catalog.is_managed(&labels("managed")), Some(true));
    assert_eq!(catalog.is_managed(&labels("other")), Some(false));
    let cx23 = catalog.types.iter().find(|it| it.name == "cx23").unwrap();
    assert!(cx23.cores > 0 && cx23.memory > 0.0 && cx23.disk > 0);
    let cheapest = catalog.monthly("cx23", None).unwrap();
    assert!(cheapest > 0.0);
    assert_eq!(catalog.monthly("cx23", Some("nowhere")), None);
    assert!(catalog.images.iter().any(|it| it.name == "debian-13"));
    assert!(catalog.locations.iter().any(|it| it.name == "fsn1"));
    let iso = "debian-13.2.0-amd64-netinst.iso";
    assert!(catalog.isos.iter().any(|it| it.name == iso));
    let home = OfferedCatalog::read(&*accounts, &ProjectScope::default()).await;
    assert_eq!(home.unwrap(), None, "it is of another project");
}
