//! Schedules: commands that are due again and again.

use std::time::SystemTime;

use hcc_queue::CommandId;
use hcc_store::{Schedule, Schedules};

use super::Frontend;
use crate::schedule::{SCHEDULES, creates, scheduled_request, server};
use crate::{Authorizer, DueTimes, Error, NewSchedule, Result, ServerName};

/// How often a change is attempted again if other programs change the schedule at the same time.
const MAX_ATTEMPTS: usize = 20;

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

    /// Returns the schedule of this id.
    ///
    /// # Errors
    ///
    /// It does not exist, or the records cannot be read.
    pub async fn schedule(&self, id: &str) -> Result<Schedule> {
        let found = self.store.schedules(Schedules::Id(id)).await?;
        let missing = || Error::NoSuchResource {
            kind: "schedule".to_owned(),
            name: id.to_owned(),
        };
        found.into_iter().next().ok_or_else(missing)
    }

    /// Adds a schedule, whose first due time is after now, if the authorizer allows its command to its
    /// user. Workers check that again at each due time.
    ///
    /// # Errors
    ///
    /// [`InvalidSchedule`](crate::InvalidSchedule), [`Denied`](crate::Denied), the server has no
    /// record, or the records cannot be written.
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
    /// # Errors
    ///
    /// As [`pause_schedule`](Self::pause_schedule).
    pub async fn remove_schedule(
        &self,
        id: &str,
        by: Option<&str>,
        authorizer: &dyn Authorizer,
    ) -> Result<()> {
        let schedule = self.schedule(id).await?;
        self.check_schedule(&schedule, by, authorizer).await?;
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

    /// Asks the authorizer about the command of a schedule, in the name of this user.
    async fn check_schedule(
        &self,
        schedule: &Schedule,
        by: Option<&str>,
        authorizer: &dyn Authorizer,
    ) -> Result<()> {
        let mut request = scheduled_request(schedule)?;
        request.by = by.map(Into::into);
        let record = self.store.get(&schedule.server).await?;
        authorizer.check(&request, record.as_ref()).await
    }

    async fn notify_schedules(&self) {
        // It may be lost: workers also look at the schedules once a minute.
        let _ = self.queue.signals().send(&SCHEDULES.to_owned()).await;
    }
}

/// Returns 32 random bits as hexadecimal digits, which people can type.
fn random_id() -> String {
    let id = CommandId::random();
    id.as_str()[16..].to_owned()
}
