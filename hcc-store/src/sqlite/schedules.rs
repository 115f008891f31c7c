//! Schedules in the file of the records, as JSON documents.

use std::time::SystemTime;

use hcc_database::sqlite::Fault;
use rusqlite::types::Value;
use rusqlite::{Row, params};
use tracing::warn;

use super::{Sqlite, corrupt, epoch_seconds};
use crate::{Result, Schedule, Schedules};

impl Sqlite {
    pub(super) async fn read_schedules(&self, which: Schedules<'_>) -> Result<Vec<Schedule>> {
        let (condition, value) = match which {
            Schedules::All => ("?1", Value::Integer(1)),
            Schedules::Id(id) => ("id = ?1", Value::Text(id.to_owned())),
            Schedules::Server(server) => ("server = ?1", Value::Text(server.to_owned())),
            Schedules::DueBy(time) => ("due <= ?1", Value::Real(epoch_seconds(time))),
        };
        let read = self.0.read(move |connection| {
            let sql = format!("SELECT doc, id FROM schedules WHERE {condition} ORDER BY key");
            let mut select = connection.prepare_cached(&sql)?;
            let rows = select.query_map([value], |row| Ok(schedule(row)))?;
            let mut schedules = Vec::new();
            for row in rows {
                schedules.extend(row??);
            }
            Ok(schedules)
        });
        Ok(read.await?)
    }

    pub(super) async fn earliest_schedule(&self) -> Result<Option<SystemTime>> {
        let earliest = self.0.read(|connection| {
            let mut select = connection.prepare_cached("SELECT min(due) FROM schedules")?;
            Ok(select.query_row([], |row| row.get::<_, Option<f64>>(0))?)
        });
        Ok(earliest.await?.map(time))
    }

    pub(super) async fn store_schedule(&self, schedule: &Schedule) -> Result<bool> {
        let (id, rev) = (schedule.id.clone(), schedule.rev);
        let document = serde_json::to_string(&schedule.next_revision());
        let document = document.expect("its keys are strings");
        let stored = self.0.write(move |transaction| {
            if rev == 0 {
                let sql = "INSERT INTO schedules (doc) VALUES (?1) ON CONFLICT (id) DO NOTHING";
                return Ok(transaction.execute(sql, [document])? > 0);
            }
            let sql = "UPDATE schedules SET doc = ?2
                WHERE id = ?1 AND ifnull(doc ->> '$.rev', 1) = ?3";
            Ok(transaction.execute(sql, params![id, document, rev])? > 0)
        });
        Ok(stored.await?)
    }

    pub(super) async fn delete_schedule(&self, id: &str) -> Result<bool> {
        let id = id.to_owned();
        let removed = self.0.write_existing(move |transaction| {
            Ok(transaction.execute("DELETE FROM schedules WHERE id = ?1", [id])? > 0)
        });
        Ok(removed.await?)
    }
}

/// Reads a schedule; `None` if another program has stored one that cannot be decoded.
fn schedule(row: &Row<'_>) -> Result<Option<Schedule>, Fault> {
    let document = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
    match serde_json::from_str(document).map_err(corrupt) {
        Ok(schedule) => Ok(Some(schedule)),
        Err(_) => {
            let id: String = row.get(1)?;
            warn!(id, "schedule skipped: its document cannot be decoded");
            Ok(None)
        }
    }
}

fn time(seconds: f64) -> SystemTime {
    let since = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default();
    SystemTime::UNIX_EPOCH + since
}
