//! Backends with one mistake each: the conformance suites find it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use hcc_store::conformance::accounts::{self, AccountsFixture};
use hcc_store::conformance::{self, Fixture};
use hcc_store::{
    Accounts, Attachment, AuditEntry, AuditPage, AuditProject, AuditQuery, Changes, Fields,
    IfMissing, Memory, Order, Precondition, RateLimit, Record, RecordStream, Result, Revision,
    Schedule, Schedules, Session, SessionKey, Sessions, Store, Token, Tokens, User, Write,
};
use serde_json::Value;
use tokio::runtime::Runtime;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mistake {
    None,
    ListIsSortedByName,
    AllFieldsAreRead,
    CountIncludesOneMore,
    RemovalsAreNoChanges,
    ChangesAreNeverComplete,
    TakenNameIsReserved,
    SkippedWriteInserts,
    WriteReplacesTheRecord,
    EarlierWriteWins,
    PreconditionIsIgnored,
    TakenAttachmentStays,
    OutdatedScheduleIsStored,
    PausedScheduleIsDue,
    OutdatedUserIsStored,
    SessionsOutliveTheirUser,
    SessionNeverExpires,
    ExtensionIsIgnored,
    SessionsDoNotEnd,
    TokenNeverExpires,
    TokensStay,
    NothingIsCounted,
    SettingsStay,
    AuditIsReadOldestFirst,
    AuditIsNotFiltered,
    AuditOfAllProjects,
    AllEntriesArePruned,
}

/// The memory backend with a mistake.
#[derive(Clone, Debug)]
struct Mutant {
    memory: Memory,
    mistake: Mistake,
}

impl Mutant {
    fn new(mistake: Mistake) -> Self {
        Self {
            memory: Memory::default(),
            mistake,
        }
    }

    fn has(&self, mistake: Mistake) -> bool {
        self.mistake == mistake
    }
}

#[async_trait]
impl Fixture for Mutant {
    async fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.clone())
    }

    async fn insert(&self, document: Value) {
        self.memory.insert(document).await;
    }

    async fn document(&self, name: &str) -> Option<Value> {
        self.memory.document(name).await
    }
}

#[async_trait]
impl Store for Mutant {
    async fn get(&self, name: &str) -> Result<Option<Record>> {
        self.memory.get(name).await
    }

    async fn get_many(&self, names: &[&str], fields: Fields) -> Result<Vec<Record>> {
        let fields = match self.mistake {
            Mistake::AllFieldsAreRead => Fields::All,
            _ => fields,
        };
        self.memory.get_many(names, fields).await
    }

    fn stream(&self, order: Order, fields: Fields) -> RecordStream<'_> {
        let order = match self.mistake {
            Mistake::ListIsSortedByName => Order::Name,
            _ => order,
        };
        self.memory.stream(order, fields)
    }

    async fn count(&self) -> Result<u64> {
        Ok(Store::count(&self.memory).await? + u64::from(self.has(Mistake::CountIncludesOneMore)))
    }

    async fn changes(&self, since: &Revision, fields: Fields) -> Result<Changes> {
        let mut changes = self.memory.changes(since, fields).await?;
        if self.has(Mistake::RemovalsAreNoChanges) {
            changes.removed.clear();
        }
        changes.is_complete &= !self.has(Mistake::ChangesAreNeverComplete);
        Ok(changes)
    }

    async fn statuses(&self) -> Result<Vec<(String, Option<String>)>> {
        self.memory.statuses().await
    }

    async fn reserve(&self, name: &str) -> Result<bool> {
        Ok(self.memory.reserve(name).await? || self.has(Mistake::TakenNameIsReserved))
    }

    async fn write(&self, writes: &[Write]) -> Result<usize> {
        let mut writes = writes.to_vec();
        match self.mistake {
            Mistake::SkippedWriteInserts => {
                for write in &mut writes {
                    write.if_missing = IfMissing::Insert;
                }
            }
            Mistake::WriteReplacesTheRecord => {
                for write in &writes {
                    self.memory.remove(&write.name, Precondition::Any).await?;
                }
            }
            Mistake::EarlierWriteWins => writes.reverse(),
            _ => {}
        }
        self.memory.write(&writes).await
    }

    async fn remove(&self, name: &str, only: Precondition) -> Result<bool> {
        let only = match self.mistake {
            Mistake::PreconditionIsIgnored => Precondition::Any,
            _ => only,
        };
        self.memory.remove(name, only).await
    }

    async fn rename(&self, from: &str, to: &str, id: u64) -> Result<bool> {
        self.memory.rename(from, to, id).await
    }

    async fn attach(
        &self,
        kind: Attachment,
        key: &str,
        document: &Value,
        until: SystemTime,
    ) -> Result<()> {
        self.memory.attach(kind, key, document, until).await
    }

    async fn attachment(&self, kind: Attachment, key: &str) -> Result<Option<Value>> {
        self.memory.attachment(kind, key).await
    }

    async fn take_attachment(&self, kind: Attachment, key: &str) -> Result<Option<Value>> {
        if self.has(Mistake::TakenAttachmentStays) {
            return self.memory.attachment(kind, key).await;
        }
        self.memory.take_attachment(kind, key).await
    }

    async fn expire_attachments(&self) -> Result<usize> {
        self.memory.expire_attachments().await
    }

    async fn schedules(&self, which: Schedules<'_>) -> Result<Vec<Schedule>> {
        match which {
            Schedules::DueBy(_) if self.has(Mistake::PausedScheduleIsDue) => {
                self.memory.schedules(Schedules::All).await
            }
            which => self.memory.schedules(which).await,
        }
    }

    async fn next_schedule(&self, after: SystemTime) -> Result<Option<SystemTime>> {
        self.memory.next_schedule(after).await
    }

    async fn put_schedule(&self, schedule: &Schedule) -> Result<bool> {
        let mut schedule = schedule.clone();
        if self.has(Mistake::OutdatedScheduleIsStored) {
            let stored = self.memory.schedules(Schedules::Id(&schedule.id)).await?;
            schedule.rev = stored.first().map_or(0, |stored| stored.rev);
        }
        self.memory.put_schedule(&schedule).await
    }

    async fn remove_schedule(&self, id: &str) -> Result<bool> {
        self.memory.remove_schedule(id).await
    }

    async fn version(&self) -> Result<String> {
        self.memory.version().await
    }
}

#[async_trait]
impl AccountsFixture for Mutant {
    async fn accounts(&self) -> Arc<dyn Accounts> {
        Arc::new(self.clone())
    }
}

#[async_trait]
impl Accounts for Mutant {
    async fn user(&self, name: &str) -> Result<Option<User>> {
        self.memory.user(name).await
    }

    async fn users(&self) -> Result<Vec<User>> {
        self.memory.users().await
    }

    async fn put_user(&self, user: &User) -> Result<bool> {
        let mut user = user.clone();
        if self.has(Mistake::OutdatedUserIsStored) {
            let stored = self.memory.user(&user.name).await?;
            user.rev = stored.map_or(0, |stored| stored.rev);
        }
        self.memory.put_user(&user).await
    }

    async fn remove_user(&self, name: &str) -> Result<bool> {
        let sessions = self.memory.sessions(name, SystemTime::UNIX_EPOCH).await?;
        let removed = self.memory.remove_user(name).await?;
        if self.has(Mistake::SessionsOutliveTheirUser) {
            for session in &sessions {
                self.memory.begin_session(session).await?;
            }
        }
        Ok(removed)
    }

    async fn begin_session(&self, session: &Session) -> Result<()> {
        self.memory.begin_session(session).await
    }

    async fn session(&self, key: &SessionKey, now: SystemTime) -> Result<Option<Session>> {
        let now = match self.mistake {
            Mistake::SessionNeverExpires => SystemTime::UNIX_EPOCH,
            _ => now,
        };
        self.memory.session(key, now).await
    }

    async fn sessions(&self, user: &str, now: SystemTime) -> Result<Vec<Session>> {
        self.memory.sessions(user, now).await
    }

    async fn extend_session(&self, key: &SessionKey, until: SystemTime) -> Result<bool> {
        if self.has(Mistake::ExtensionIsIgnored) {
            return Ok(true);
        }
        self.memory.extend_session(key, until).await
    }

    async fn end_sessions(&self, which: Sessions<'_>) -> Result<usize> {
        if self.has(Mistake::SessionsDoNotEnd) {
            return Ok(0);
        }
        self.memory.end_sessions(which).await
    }

    async fn put_token(&self, token: &Token) -> Result<()> {
        self.memory.put_token(token).await
    }

    async fn token(&self, key: &SessionKey, now: SystemTime) -> Result<Option<Token>> {
        let now = match self.mistake {
            Mistake::TokenNeverExpires => SystemTime::UNIX_EPOCH,
            _ => now,
        };
        self.memory.token(key, now).await
    }

    async fn tokens(&self, kind: &str, user: Option<&str>, now: SystemTime) -> Result<Vec<Token>> {
        self.memory.tokens(kind, user, now).await
    }

    async fn use_token(&self, key: &SessionKey, at: SystemTime) -> Result<bool> {
        self.memory.use_token(key, at).await
    }

    async fn remove_tokens(&self, which: Tokens<'_>) -> Result<usize> {
        if self.has(Mistake::TokensStay) {
            return Ok(1);
        }
        self.memory.remove_tokens(which).await
    }

    async fn count(
        &self,
        key: &str,
        limit: RateLimit,
        now: SystemTime,
    ) -> Result<Option<Duration>> {
        if self.has(Mistake::NothingIsCounted) {
            return Ok(None);
        }
        Accounts::count(&self.memory, key, limit, now).await
    }

    async fn refund(&self, key: &str, limit: RateLimit) -> Result<()> {
        self.memory.refund(key, limit).await
    }

    async fn setting(&self, name: &str) -> Result<Option<Value>> {
        self.memory.setting(name).await
    }

    async fn put_setting(&self, name: &str, value: &Value) -> Result<()> {
        if value.is_null() && self.has(Mistake::SettingsStay) {
            return Ok(());
        }
        self.memory.put_setting(name, value).await
    }

    async fn append(&self, entry: &AuditEntry) -> Result<()> {
        self.memory.append(entry).await
    }

    async fn prune_audit(&self, before: SystemTime) -> Result<usize> {
        let century = Duration::from_secs(100 * 365 * 24 * 60 * 60);
        let before = match self.mistake {
            Mistake::AllEntriesArePruned => before + century,
            _ => before,
        };
        self.memory.prune_audit(before).await
    }

    async fn audit(&self, query: &AuditQuery) -> Result<AuditPage> {
        let mut query = query.clone();
        if self.has(Mistake::AuditIsNotFiltered) {
            query.by = None;
        }
        if self.has(Mistake::AuditOfAllProjects) {
            query.project = AuditProject::Any;
        }
        let mut page = self.memory.audit(&query).await?;
        if self.has(Mistake::AuditIsReadOldestFirst) {
            page.entries.reverse();
        }
        Ok(page)
    }
}

/// Runs a case in a thread of its own; returns whether it passed.
fn passes(mistake: Mistake, case: impl AsyncFnOnce(&Mutant) + Send + 'static) -> bool {
    let run = move || {
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async { case(&Mutant::new(mistake)).await });
    };
    std::thread::spawn(run).join().is_ok()
}

macro_rules! mutants {
    ($suite:ident; $($test:ident: $mistake:ident dies in $case:ident;)*) => {
        $(#[test]
        fn $test() {
            assert!(passes(Mistake::None, async |fixture| $suite::$case(fixture).await));
            assert!(!passes(Mistake::$mistake, async |fixture| $suite::$case(fixture).await));
        })*
    };
}

mutants! { conformance;
    list_by_name: ListIsSortedByName dies in records_are_listed_the_oldest_first;
    more_fields_than_requested: AllFieldsAreRead dies in requested_fields_are_read_and_no_others;
    wrong_count: CountIncludesOneMore dies in records_are_counted;
    changes_without_removals: RemovalsAreNoChanges dies in removed_records_are_among_the_changes;
    first_changes_that_are_not_complete: ChangesAreNeverComplete dies in changes_since_the_beginning_are_all_records;
    name_that_is_reserved_twice: TakenNameIsReserved dies in reserved_name_is_taken;
    skipped_write_that_inserts: SkippedWriteInserts dies in skipped_write_inserts_none;
    write_of_a_whole_record: WriteReplacesTheRecord dies in foreign_fields_survive_every_write;
    writes_in_the_wrong_order: EarlierWriteWins dies in later_write_of_one_call_wins;
    removal_of_any_record: PreconditionIsIgnored dies in removal_checks_its_precondition;
    attachment_that_is_taken_twice: TakenAttachmentStays dies in attached_document_is_taken_once;
    schedule_that_was_changed_by_another: OutdatedScheduleIsStored dies in schedule_is_stored_if_it_is_unchanged;
    schedules_that_are_not_due: PausedScheduleIsDue dies in schedules_are_found_by_id_server_and_due_time;
}

mutants! { accounts;
    user_that_was_changed_by_another: OutdatedUserIsStored dies in outdated_user_is_not_stored;
    sessions_of_a_removed_user: SessionsOutliveTheirUser dies in sessions_end_when_their_user_is_removed;
    eternal_session: SessionNeverExpires dies in session_is_found_by_its_key_until_it_expires;
    session_that_is_not_extended: ExtensionIsIgnored dies in expiry_of_a_session_can_be_changed;
    sessions_that_do_not_end: SessionsDoNotEnd dies in all_sessions_of_a_user_can_be_ended;
    token_that_never_expires: TokenNeverExpires dies in token_is_found_by_its_key_until_it_expires;
    token_that_is_used_twice: TokensStay dies in one_of_many_tasks_removes_a_token;
    unlimited_events: NothingIsCounted dies in burst_is_allowed_and_then_one_event_per_interval;
    setting_that_stays: SettingsStay dies in settings_are_read_as_they_were_stored;
    oldest_entry_first: AuditIsReadOldestFirst dies in audit_is_read_newest_first;
    entries_of_all_users: AuditIsNotFiltered dies in audit_is_filtered_by_user_and_server;
    entries_of_all_projects: AuditOfAllProjects dies in audit_is_filtered_by_project;
    entries_that_are_pruned_too_early: AllEntriesArePruned dies in old_entries_of_the_audit_are_pruned;
}
