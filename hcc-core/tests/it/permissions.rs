//! Users who try to get round the web service.

use std::sync::Arc;

use hcc_core::{AccountAuthorizer, Command, Power, Request};
use hcc_store::{Accounts, Memory, User};
use hcloud_sim::Sim;
use serde_json::{Value, json};

use crate::office::{Hired, MINUTE, Office};
use crate::setup::name;

/// An office with the server `web1`, and the users `mary` and `zoe`.
struct House {
    office: Office,
    accounts: Memory,
}

impl House {
    async fn new() -> Self {
        let sim = Sim::builder().server("web1", &[("managed", "1")]);
        let office = Office::new(sim).await;
        let scope = hcc_core::Scope::All;
        office.setup.project.sync(&scope, false).await.unwrap();
        office.setup.sim.clear_requests();
        let house = Self {
            office,
            accounts: Memory::default(),
        };
        let may = |right| json!({ "grants": [{ "servers": "web*", "may": [right] }] });
        house.add("mary", may("console")).await;
        house.add("zoe", may("kill")).await;
        house
    }

    async fn add(&self, name: &str, rights: Value) {
        let user = User {
            rights,
            ..User::new(name)
        };
        assert!(self.accounts.put_user(&user).await.unwrap());
    }

    fn hire(&self) -> Hired {
        let users = AccountAuthorizer::new(Arc::new(self.accounts.clone()));
        Hired::new(self.office.worker().with_authorizer(Arc::new(users)))
    }

    /// Pushes a command past the web service.
    async fn push(&self, command: Command, by: &str) -> hcc_core::Result<()> {
        let request = Request::new(command, name("web1")).by(by);
        self.office.frontend.submit_and_wait(&request, MINUTE).await
    }
}

#[tokio::test]
async fn console_right_kills_no_server() {
    let house = House::new().await;
    let _worker = house.hire();

    let error = house.push(Command::Kill { id: None }, "mary").await;

    let error = error.unwrap_err();
    assert_eq!(error.code(), "denied");
    assert_eq!(error.to_string(), "denied: mary may not kill web1");
    assert!(house.office.setup.requests().is_empty());
    assert_eq!(house.office.why().await, "denied: mary may not kill web1");
    let record = house.office.setup.record("web1").await.unwrap();
    let last = record.last.unwrap();
    assert_eq!((last.ok, last.by.as_deref()), (false, Some("mary")));
    house.push(Command::Console, "mary").await.unwrap();
}

#[tokio::test]
async fn sync_of_all_servers_is_for_admins() {
    let house = House::new().await;
    house.add("root", json!({ "admin": true })).await;
    let _worker = house.hire();
    let frontend = &house.office.frontend;
    let sync = async |by| {
        let id = frontend.submit_sync_all(by).await.unwrap();
        frontend.wait(&id, MINUTE).await
    };

    let error = sync(Some("zoe")).await.unwrap_err();

    assert_eq!(error.to_string(), "denied: zoe may not sync all servers");
    assert!(house.office.setup.requests().is_empty());
    sync(Some("root")).await.unwrap();
    // Programs that know no users say no name.
    sync(None).await.unwrap();
}

#[tokio::test]
async fn invented_user_changes_nothing() {
    let house = House::new().await;
    let _worker = house.hire();

    for by in ["root", "", "zoe ", "Zoe"] {
        let power = Command::Power(Power::Force);
        let error = house.push(power, by).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("denied: there is no user {by:?}")
        );
    }

    assert!(house.office.setup.requests().is_empty());
}

#[tokio::test]
async fn command_outlives_neither_its_user_nor_the_right() {
    let house = House::new().await;
    let kill = Request::new(Command::Kill { id: None }, name("web1")).by("zoe");
    let id = house.office.frontend.submit(&kill).await.unwrap();
    house.accounts.remove_user("zoe").await.unwrap();

    let _worker = house.hire();

    let ended = house.office.frontend.wait(&id, MINUTE).await;
    let error = ended.unwrap_err().to_string();
    assert_eq!(error, "denied: there is no user \"zoe\"");
    assert_eq!(house.office.setup.servers("web1").await, 1);
}
