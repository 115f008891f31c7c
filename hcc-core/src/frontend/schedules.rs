//! Schedules: commands that are due again and again.

use std::time::SystemTime;

use hcc_queue::CommandId;
use hcc_store::{MalformedSchedule, Schedule, Schedules};

use super::Frontend;
use crate::schedule::{SCHEDULES, creates, scheduled_request, server};
use crate::{Authorizer, DueTimes, Error, NewSchedule, Request, Result, ServerName};

/// How often a change is attempted again if other programs change the schedule at the same time.
const MAX_ATTEMPTS: usize = 20;

/// How many schedules a server may have.
const MAX_SCHEDULES: usize = 100;

impl Frontend {
    /// Returns the schedules of a server, or all of them, by server and next due time.
    ///
    /// # Errors
    ///
    /// The records cannot be read, or their database stores no schedules.
    pub async fn schedules(&self, server: Option<&ServerName>) -> Result<Vec<Schedule>> {
        let which = server.map_or(Schedules::All, |it| Schedules::Server(it.as_str()));
        let mut schedules = self.store.schedules(which).await?;
        schedules.sort_by(|a, b| {
            let key = |it: &Schedule| (it.server.clone(), it.paused, it.next);
            key(a).cmp(&key(b)).then_with(|| a.id.cmp(&b.id))
        });
        Ok(schedules)
    }

    /// Returns the schedules of a server, or all of them, whose documents are malformed: other
    /// programs have stored them, and workers do not carry them out.
    ///
    /// # Errors
    ///
    /// The records cannot be read.
    pub async fn malformed_schedules(
        &self,
        server: Option<&ServerName>,
    ) -> Result<Vec<MalformedSchedule>> {
        let mut malformed = self.store.malformed_schedules().await?;
        let server = server.map(ServerName::as_str);
        malformed.retain(|it| server.is_none() || it.server.as_deref() == server);
        Ok(malformed)
    }

    /// Returns the schedule of this id.
    ///
    /// # Errors
    ///
    /// It does not exist, it is malformed, or the records cannot be read.
    pub async fn schedule(&self, id: &str) -> Result<Schedule> {
        let found = self.store.schedules(Schedules::Id(id)).await?;
        if let Some(schedule) = found.into_iter().next() {
            return Ok(schedule);
        }
        let name = id.to_owned();
        let malformed = self.store.malformed_schedules().await?;
        Err(match malformed.into_iter().find(|it| it.id == id) {
            Some(MalformedSchedule { field, reason, .. }) => Error::MalformedSchedule {
                name,
                field,
                reason,
            },
            None => Error::NoSuchResource {
                kind: "schedule".to_owned(),
                name: format!("{name:?}"),
            },
        })
    }

    /// Adds a schedule, whose first due time is after now, if the authorizer allows its command to its
    /// user. Workers check that again at each due time.
    ///
    /// # Errors
    ///
    /// [`InvalidSchedule`](crate::InvalidSchedule), [`Denied`](crate::Denied), the server has no
    /// record, or 100 schedules already, or the records cannot be written.
    pub async fn add_schedule(
        &self,
        schedule: &NewSchedule,
        authorizer: &dyn Authorizer,
    ) -> Result<Schedule> {
        let mut document = schedule.document(&random_id())?;
        document.next = DueTimes::of(&document)?.after(SystemTime::now());
        self.check_schedule(&document, document.by.as_deref(), authorizer)
            .await?;
        if !creates(&document) && self.store.get(&document.server).await?.is_none() {
            let name = server(&document)?;
            return Err(Error::NoSuchServer { name });
        }
        let others = self.store.schedules(Schedules::Server(&document.server));
        if others.await?.len() >= MAX_SCHEDULES {
            let (name, max) = (server(&document)?, MAX_SCHEDULES);
            return Err(Error::ScheduleLimit { name, max });
        }
        while !self.store.put_schedule(&document).await? {
            document.id = random_id();
        }
        self.notify_schedules().await;
        Ok(document.next_revision())
    }

    /// Pauses a schedule, if the authorizer allows its command to this user. Due times that pass
    /// meanwhile are not missed.
    ///
    /// # Errors
    ///
    /// The schedule does not exist, [`Denied`](crate::Denied), or the records cannot be written.
    pub async fn pause_schedule(
        &self,
        id: &str,
        by: Option<&str>,
        authorizer: &dyn Authorizer,
    ) -> Result<Schedule> {
        self.change_schedule(id, by, authorizer, |schedule| {
            schedule.paused = true;
            schedule.next = None;
            Ok(())
        })
        .await
    }

    /// Resumes a schedule with its first due time after now, if the authorizer allows its command to
    /// this user.
    ///
    /// # Errors
    ///
    /// As [`pause_schedule`](Self::pause_schedule).
    pub async fn resume_schedule(
        &self,
        id: &str,
        by: Option<&str>,
        authorizer: &dyn Authorizer,
    ) -> Result<Schedule> {
        self.change_schedule(id, by, authorizer, |schedule| {
            if schedule.paused {
                schedule.next = DueTimes::of(schedule)?.after(SystemTime::now());
                schedule.paused = false;
                schedule.why = None;
            }
            Ok(())
        })
        .await
    }

    /// Removes a schedule, if the authorizer allows its command to this user. A command that is due
    /// already and waits in the queue is not carried out.
    ///
    /// Only administrators may remove a malformed one.
    ///
    /// # Errors
    ///
    /// As [`pause_schedule`](Self::pause_schedule).
    pub async fn remove_schedule(
        &self,
        id: &str,
        by: Option<&str>,
        authorizer: &dyn Authorizer,
    ) -> Result<()> {
        match self.schedule(id).await {
            Err(Error::MalformedSchedule { .. }) => check_admin(by, authorizer).await?,
            schedule => self.check_schedule(&schedule?, by, authorizer).await?,
        }
        self.store.remove_schedule(id).await?;
        self.notify_schedules().await;
        Ok(())
    }

    async fn change_schedule(
        &self,
        id: &str,
        by: Option<&str>,
        authorizer: &dyn Authorizer,
        change: impl Fn(&mut Schedule) -> Result<()>,
    ) -> Result<Schedule> {
        for _ in 0..MAX_ATTEMPTS {
            let mut schedule = self.schedule(id).await?;
            self.check_schedule(&schedule, by, authorizer).await?;
            let before = schedule.clone();
            change(&mut schedule)?;
            if schedule == before {
                return Ok(schedule);
            }
            if self.store.put_schedule(&schedule).await? {
                self.notify_schedules().await;
                return Ok(schedule.next_revision());
            }
        }
        let name = id.to_owned();
        Err(Error::ScheduleBusy { name })
    }

    /// Asks the authorizer about the command of a schedule, in the name of this user: one that another
    /// program has stored may be invalid.
    async fn check_schedule(
        &self,
        schedule: &Schedule,
        by: Option<&str>,
        authorizer: &dyn Authorizer,
    ) -> Result<()> {
        let Ok(mut request) = scheduled_request(schedule) else {
            return check_admin(by, authorizer).await;
        };
        request.by = by.map(Into::into);
        let record = self.store.get(&schedule.server).await?;
        authorizer.check(&request, record.as_ref()).await
    }

    async fn notify_schedules(&self) {
        // It may be lost: workers also look at the schedules once a minute.
        let _ = self.queue.signals().send(&SCHEDULES.to_owned()).await;
    }
}

/// Asks the authorizer about what only administrators may do.
async fn check_admin(by: Option<&str>, authorizer: &dyn Authorizer) -> Result<()> {
    let mut request = Request::sync_all();
    request.by = by.map(Into::into);
    authorizer.check(&request, None).await
}

/// Returns 32 random bits as hexadecimal digits, which people can type.
fn random_id() -> String {
    let id = CommandId::random();
    id.as_str()[16..].to_owned()
}
