//! Schedules in a collection of the same database.
//!
//! The `_id` of a schedule is its id. Another program may leave it to the driver, which chooses an
//! `ObjectId`.

use std::time::{Duration, SystemTime};

use ::mongodb::bson::oid::ObjectId;
use ::mongodb::bson::{Bson, Document, doc};
use ::mongodb::{Collection, IndexModel};
use hcc_database::mongodb::{is_duplicate_key, to_json};
use serde_json::{Map, Value};

use super::{Mongodb, to_bson};
use crate::{MalformedSchedule, Result, Schedule, Schedules};

impl Mongodb {
    pub(super) async fn read_schedules(&self, which: Schedules<'_>) -> Result<Vec<Schedule>> {
        let filter = match which {
            Schedules::All => doc! {},
            Schedules::Id(id) => doc! { "_id": stored_id(id) },
            Schedules::Server(server) => doc! { "for": server },
            Schedules::DueBy(time) => {
                let is_due = [
                    doc! { "next": null },
                    doc! { "next": { "$lte": seconds(time) } },
                ];
                doc! { "paused": { "$ne": true }, "$or": is_due }
            }
        };
        let schedules = self.schedule_documents();
        let find = schedules.find(filter);
        let documents = self.collect(find.sort(doc! { "_id": 1 })).await?;
        let decoded = documents.into_iter().map(schedule);
        Ok(decoded.filter_map(MalformedSchedule::skip).collect())
    }

    pub(super) async fn read_malformed_schedules(&self) -> Result<Vec<MalformedSchedule>> {
        let schedules = self.schedule_documents();
        let find = schedules.find(doc! {}).sort(doc! { "_id": 1 });
        let documents = self.collect(find).await?;
        let decoded = documents.into_iter().map(schedule);
        Ok(decoded.filter_map(Result::err).collect())
    }

    pub(super) async fn earliest_schedule(&self, after: SystemTime) -> Result<Option<SystemTime>> {
        let schedules = self.schedule_documents();
        let is_later = doc! { "$gt": seconds(after) };
        let later = schedules.find_one(doc! { "paused": { "$ne": true }, "next": is_later });
        let first = self.server.answer(later.sort(doc! { "next": 1 })).await?;
        Ok(first.map(|first| {
            let next = match first.get("next") {
                Some(Bson::Double(seconds)) => *seconds,
                Some(Bson::Int32(seconds)) => f64::from(*seconds),
                Some(Bson::Int64(seconds)) => *seconds as f64,
                _ => 0.0,
            };
            SystemTime::UNIX_EPOCH + Duration::try_from_secs_f64(next).unwrap_or_default()
        }))
    }

    pub(super) async fn store_schedule(&self, schedule: &Schedule) -> Result<bool> {
        self.ensure_schedules_indexed().await?;
        let rev = i64::from(schedule.rev);
        // One that another program has inserted may have no revision.
        let rev = match rev {
            1 => doc! { "$in": [1, Bson::Null] }.into(),
            rev => Bson::Int64(rev),
        };
        let is_new = schedule.rev == 0;
        let id = match is_new {
            true => Bson::from(&schedule.id),
            false => stored_id(&schedule.id).into(),
        };
        let old = doc! { "_id": id, "rev": rev };
        let document = document(&schedule.next_revision());
        let schedules = self.schedule_documents();
        let put = schedules.replace_one(old, document);
        match self.server.bounded(put.upsert(is_new)).await {
            Ok(put) => Ok(put.upserted_id.is_some() || put.matched_count > 0),
            Err(error) if is_duplicate_key(&error) => Ok(false),
            Err(error) => Err(self.server.error(error).into()),
        }
    }

    pub(super) async fn delete_schedule(&self, id: &str) -> Result<bool> {
        let schedules = self.schedule_documents();
        let removed = schedules.delete_one(doc! { "_id": stored_id(id) });
        Ok(self.server.answer(removed).await?.deleted_count > 0)
    }

    fn schedule_documents(&self) -> Collection<Document> {
        self.of_project("schedules")
    }

    /// Creates the indexes by which the schedules of a server, and those that are due, are found.
    async fn ensure_schedules_indexed(&self) -> Result<()> {
        let create = async || {
            let index = |field: &str| IndexModel::builder().keys(doc! { field: 1 }).build();
            let indexes = [index("for"), index("next")];
            let schedules = self.schedule_documents();
            self.server
                .answer(schedules.create_indexes(indexes))
                .await?;
            Ok(())
        };
        self.scheduled.get_or_try_init(create).await.copied()
    }
}

/// Matches an id in the types in which it may be stored.
fn stored_id(id: &str) -> Document {
    let mut stored = vec![Bson::from(id)];
    stored.extend(ObjectId::parse_str(id).ok().map(Bson::from));
    // Numbers and other types, as `written` returns them.
    stored.extend(serde_json::from_str::<Bson>(id).ok());
    doc! { "$in": stored }
}

/// Returns an id as a string, as MongoDB's tools display it.
pub(super) fn written(id: Option<Bson>) -> String {
    match id {
        Some(Bson::String(id)) => id,
        Some(Bson::ObjectId(id)) => id.to_hex(),
        id => serde_json::to_string(&id).unwrap_or_default(),
    }
}

/// Decodes a schedule, which another program may have stored.
fn schedule(mut document: Document) -> Result<Schedule, MalformedSchedule> {
    let id = written(document.remove("_id"));
    document.insert("id", &id);
    MalformedSchedule::decode(id, to_json(document.into()))
}

fn document(schedule: &Schedule) -> Document {
    let fields: Map<String, Value> = serde_json::to_value(schedule)
        .and_then(serde_json::from_value)
        .expect("structs have string keys");
    let others = fields.into_iter().filter(|(field, _)| field != "id");
    others
        .map(|(field, value)| (field, to_bson(&value)))
        .collect()
}

fn seconds(time: SystemTime) -> f64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}
