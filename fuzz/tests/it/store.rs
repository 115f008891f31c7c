//! Records in a SQLite file that other programs write to.

use bolero::check;
use fuzz::{Mutation, mutated};
use hcc_core::{Command, Permissions, Power, ServerName};
use hcc_store::{Patch, Sqlite, Store, StoreExt};
use serde_json::json;

use crate::block_on;
use crate::queue::{Column, open};

#[test]
fn records() {
    check!()
        .with_type::<Vec<(Column, Vec<Mutation>)>>()
        .for_each(|documents| {
            block_on(async {
                let directory = tempfile::tempdir().unwrap();
                let path = directory.path().join("store.db");
                let store = Sqlite::new(&path);
                store.reserve("good").await.unwrap();
                let connection = open(&path);
                for (number, (column, mutations)) in documents.iter().enumerate() {
                    if let Some((place, value)) = column.sql() {
                        let sql = format!("INSERT INTO vms (doc) VALUES ({place})");
                        // The table refuses what is not JSON.
                        let _ = connection.execute(&sql, [value]);
                    }
                    let document = json!({ "id": 7, "status": "off", "labels": { "a": "b" },
                        "ip4": "1.2.3.4", "created": "2026-11-22 14:21:09+00:00", "type": {} });
                    let mut document = mutated(document, mutations);
                    if let Some(fields) = document.as_object_mut() {
                        fields.insert("name".to_owned(), json!(number.to_string()));
                    }
                    let sql = "INSERT INTO vms (doc) VALUES (jsonb(?1))";
                    let _ = connection.execute(sql, [document.to_string()]);
                }

                let records = store.list().await.unwrap();
                assert!(records.iter().any(|record| record.name == "good"));
                store.statuses().await.unwrap();
                store.set("good", Patch::new().status("off")).await.unwrap();
            });
        });
}

#[test]
fn permissions() {
    let server: ServerName = "web1".parse().unwrap();
    check!().with_type::<Vec<Mutation>>().for_each(|mutations| {
        let document = json!({ "admin": false, "grants": [
            { "may": ["view", "power"], "servers": "web*", "labels": "env=test" } ], "waiting": 5 });
        let Ok(permissions) = serde_json::from_value::<Permissions>(mutated(document, mutations)) else {
            return;
        };
        if permissions.allows(&Command::Power(Power::Start), &server, None) {
            assert!(Permissions::admin().allows(&Command::Power(Power::Start), &server, None));
        }
        let written = serde_json::to_value(&permissions).unwrap();
        assert_eq!(serde_json::from_value::<Permissions>(written).unwrap(), permissions);
    });
}
