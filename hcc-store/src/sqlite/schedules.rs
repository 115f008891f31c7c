//! Schedules in the file of the records, as JSON documents.

use std::time::SystemTime;

use rusqlite::params;
use rusqlite::types::Value;

use super::{Sqlite, epoch_seconds};
use crate::schedule::NOT_FINITE_KEY;
use crate::{MalformedSchedule, Result, Schedule, Schedules};

impl Sqlite {
    pub(super) async fn read_schedules(&self, which: Schedules<'_>) -> Result<Vec<Schedule>> {
        let (condition, value) = match which {
            Schedules::All => ("?1", Value::Integer(1)),
            Schedules::Id(id) => ("id = ?1", Value::Text(id.to_owned())),
            Schedules::Server(server) => ("server = ?1", Value::Text(server.to_owned())),
            Schedules::DueBy(time) => ("due <= ?1", Value::Real(epoch_seconds(time))),
        };
        let decoded = self.decoded_schedules(condition, value).await?;
        Ok(decoded
            .into_iter()
            .filter_map(MalformedSchedule::skip)
            .collect())
    }

    pub(super) async fn read_malformed_schedules(&self) -> Result<Vec<MalformedSchedule>> {
        let decoded = self.decoded_schedules("?1", Value::Integer(1)).await?;
        Ok(decoded.into_iter().filter_map(Result::err).collect())
    }

    async fn decoded_schedules(
        &self,
        condition: &'static str,
        value: Value,
    ) -> Result<Vec<Result<Schedule, MalformedSchedule>>> {
        let read = self.0.read(move |connection| {
            let sql = format!("SELECT doc, id FROM schedules WHERE {condition} ORDER BY key");
            let mut select = connection.prepare_cached(&sql)?;
            let rows = select.query_map([value], |row| {
                let (document, id) = (row.get::<_, String>(0)?, row.get(1)?);
                Ok(schedule(&document, id))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        });
        Ok(read.await?)
    }

    pub(super) async fn earliest_schedule(&self, after: SystemTime) -> Result<Option<SystemTime>> {
        let after = epoch_seconds(after);
        let earliest = self.0.read(move |connection| {
            // Text is greater than any number.
            let sql = "SELECT min(due) FROM schedules WHERE due > ?1 AND due < ''";
            let mut select = connection.prepare_cached(sql)?;
            Ok(select.query_row([after], |row| row.get::<_, Option<f64>>(0))?)
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

/// Decodes a schedule, which another program may have stored.
fn schedule(document: &str, id: String) -> Result<Schedule, MalformedSchedule> {
    let read = serde_json::from_str(document);
    // SQLite takes numbers that JSON lacks.
    match read.or_else(|_| serde_json::from_str(&with_typed_numbers(document))) {
        Ok(value) => MalformedSchedule::decode(id, value),
        Err(_) => Err(MalformedSchedule::no_json(id)),
    }
}

/// The numbers that JSON lacks.
const NOT_FINITE: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

/// Replaces the numbers that JSON lacks by objects, which no field of hcc can have instead.
fn with_typed_numbers(document: &str) -> String {
    let mut typed = String::new();
    let mut is_text = false;
    let mut rest = document;
    while let Some(letter) = rest.chars().next() {
        if let Some(number) = NOT_FINITE
            .into_iter()
            .find(|it| !is_text && rest.starts_with(it))
        {
            typed += &format!(r#"{{"{NOT_FINITE_KEY}":"{number}"}}"#);
            rest = &rest[number.len()..];
            continue;
        }
        let escaped = rest.chars().nth(1).filter(|_| is_text && letter == '\\');
        is_text ^= letter == '"';
        let length = letter.len_utf8() + escaped.map_or(0, char::len_utf8);
        typed += &rest[..length];
        rest = &rest[length..];
    }
    typed
}

fn time(seconds: f64) -> SystemTime {
    let since = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default();
    SystemTime::UNIX_EPOCH + since
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_json_lacks_become_objects() {
        let document = r#"{"a": NaN, "b": [-Infinity,Infinity], "NaN\"": "NaN Infinity\\"}"#;

        assert_eq!(
            with_typed_numbers(document),
            [
                r#"{"a": {"$numberDouble":"NaN"}, "b": [{"$numberDouble":"-Infinity"},"#,
                r#"{"$numberDouble":"Infinity"}], "NaN\"": "NaN Infinity\\"}"#,
            ]
            .concat()
        );
    }
}
