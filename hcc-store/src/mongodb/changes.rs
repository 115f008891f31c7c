//! What has changed since an earlier time.
//!
//! Each write of this crate sets a time in the document, by the clock of the server, and an index
//! finds the newest. Documents that other programs insert or remove change the number of documents;
//! then the names are compared, which the index of names alone answers. A change stream would show
//! their updates as well, but needs a replica set, and a scan would read everything each time.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ::mongodb::IndexModel;
use ::mongodb::bson::{Bson, RawDocument, doc};
use tokio::sync::OnceCell;
use tracing::debug;

use super::{Mongodb, is_record};
use crate::record::UPDATED;
use crate::{Changes, Fields, Record, Result, Revision, Store};

/// How long after its time a write may become visible, in seconds: the response timeout of a call,
/// and what the clocks of two members of a replica set may differ.
const WINDOW_SECONDS: f64 = 10.0;

/// The state of a [`Revision`].
struct MongodbRevision {
    /// Identifies the store.
    store: Arc<OnceCell<()>>,
    known: Known,
}

/// What is known of the collection.
#[derive(Clone, Default)]
struct Known {
    /// All writes before this time are known.
    since: f64,
    /// The records written later, and when.
    newest: HashMap<String, f64>,
    /// The number of documents, including those that are not records.
    documents: u64,
    names: Arc<HashSet<String>>,
}

/// Returns the index by which changed records are found.
pub(super) fn index() -> IndexModel {
    IndexModel::builder()
        .keys(doc! { UPDATED: 1, "name": 1 })
        .build()
}

/// Returns the expression of the time of a write: later than the one of the write before.
pub(super) fn now() -> Bson {
    let now = doc! { "$divide": [{ "$toLong": "$$NOW" }, 1000] };
    let later = doc! { "$add": [format!("${UPDATED}"), 0.001] };
    // The field is missing, or the value of another program, in a document that was never written.
    let is_time = doc! { "$isNumber": format!("${UPDATED}") };
    let later = doc! { "$cond": [is_time, later, 0] };
    doc! { "$max": [now, later] }.into()
}

impl Mongodb {
    pub(super) async fn changes_since(&self, since: &Revision, fields: Fields) -> Result<Changes> {
        let known = since
            .state::<MongodbRevision>()
            .filter(|revision| Arc::ptr_eq(&revision.store, &self.unique))
            .map(|revision| revision.known.clone());
        let is_complete = known.is_none();
        let (records, removed, known) = match known {
            Some(known) => self.changes_after(known, fields).await?,
            None => self.everything(fields).await?,
        };
        Ok(Changes {
            records,
            removed,
            is_complete,
            revision: Revision::new(MongodbRevision {
                store: self.unique.clone(),
                known,
            }),
        })
    }

    async fn everything(&self, fields: Fields) -> Result<(Vec<Record>, Vec<String>, Known)> {
        if let Err(error) = self.ensure_unique().await {
            // Duplicate names or a user who may only read: changes are found by a scan.
            debug!(%error, "indexes not created");
        }
        let mut known = Known {
            documents: self.documents().await?,
            ..Known::default()
        };
        // The times are read before the records, so that what is written in between is read again.
        known.since = self.last_write().await? - WINDOW_SECONDS;
        known.newest = self.written_after(known.since).await?.0;
        let records = self.records(is_record(), fields).await?;
        known.names = Arc::new(records.iter().map(|record| record.name.clone()).collect());
        Ok((records, Vec::new(), known))
    }

    async fn changes_after(
        &self,
        mut known: Known,
        fields: Fields,
    ) -> Result<(Vec<Record>, Vec<String>, Known)> {
        let (written, now) = self.written_after(known.since).await?;
        let documents = self.documents().await?;
        let is_new = |(name, at): &(&String, &f64)| known.newest.get(*name) != Some(*at);
        let mut changed: HashSet<String> = written
            .iter()
            .filter(is_new)
            .map(|(name, _)| name.clone())
            .collect();
        let inserted = changed
            .difference(&known.names)
            .cloned()
            .collect::<Vec<_>>();
        let mut removed = Vec::new();
        if documents == known.documents + inserted.len() as u64 {
            if !inserted.is_empty() {
                Arc::make_mut(&mut known.names).extend(inserted);
            }
        } else {
            let names = self.names().await?;
            changed.extend(names.difference(&known.names).cloned());
            changed.retain(|name| names.contains(name));
            removed.extend(known.names.difference(&names).cloned());
            known.names = Arc::new(names);
        }
        known.documents = documents;
        known.newest = written;
        if let Some(now) = now {
            known.forget_before(now - WINDOW_SECONDS);
        }
        let changed: Vec<&str> = changed.iter().map(String::as_str).collect();
        let records = self.get_many(&changed, fields).await?;
        Ok((records, removed, known))
    }

    /// Returns the time of the newest write, or 0.
    async fn last_write(&self) -> Result<f64> {
        let newest = self
            .raw
            .find(doc! { UPDATED: { "$gt": 0 } })
            .sort(doc! { UPDATED: -1 })
            .limit(1)
            .projection(doc! { "_id": 0, UPDATED: 1 });
        let mut last = 0.0;
        self.each(newest, |document| {
            last = double(document, UPDATED).unwrap_or(last);
        })
        .await?;
        Ok(last)
    }

    /// Returns the records written after this time and when, and the time of the server if there are
    /// any.
    async fn written_after(&self, since: f64) -> Result<(HashMap<String, f64>, Option<f64>)> {
        let now = doc! { "$divide": [{ "$toLong": "$$NOW" }, 1000] };
        let find = self
            .raw
            .find(doc! { UPDATED: { "$gt": since } })
            .projection(doc! { "_id": 0, "name": 1, UPDATED: 1, "now": now });
        let mut written = HashMap::new();
        let mut latest = None;
        self.each(find, |document| {
            if let (Some(name), Some(at)) = (text(document, "name"), double(document, UPDATED)) {
                written.insert(name.to_owned(), at);
            }
            latest = double(document, "now").or(latest);
        })
        .await?;
        Ok((written, latest))
    }

    async fn names(&self) -> Result<HashSet<String>> {
        let mut names = HashSet::new();
        self.each(self.select(is_record(), Fields::NAME), |document| {
            names.extend(text(document, "name").map(str::to_owned));
        })
        .await?;
        Ok(names)
    }

    async fn documents(&self) -> Result<u64> {
        let count = self.records.estimated_document_count();
        Ok(self.server.answer(count).await?)
    }
}

impl Known {
    /// Forgets what was written before this time.
    fn forget_before(&mut self, time: f64) {
        self.since = self.since.max(time);
        self.newest.retain(|_, at| *at > self.since);
    }
}

fn text<'a>(document: &'a RawDocument, field: &str) -> Option<&'a str> {
    document.get_str(field).ok()
}

fn double(document: &RawDocument, field: &str) -> Option<f64> {
    document.get_f64(field).ok()
}
