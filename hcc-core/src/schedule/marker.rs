//! What marks a queued command as that of a schedule.

use std::time::{Duration, SystemTime};

use hcc_queue::CommandId;
use hcc_store::Schedule;
use serde_json::json;

use super::MARKER;

/// A due time of a schedule.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Due {
    /// The id of the schedule.
    pub(crate) schedule: String,
    pub(crate) at: SystemTime,
}

impl Due {
    pub(crate) fn new(schedule: &Schedule, at: SystemTime) -> Self {
        let schedule = schedule.id.clone();
        Self { schedule, at }
    }

    /// Reads the due time of a queued command; `None` if it does not come from a schedule.
    pub(crate) fn of(command: &hcc_queue::Command) -> Option<Self> {
        let marker = command.args.get(MARKER)?;
        let at = Duration::try_from_secs_f64(marker["due"].as_f64()?).ok()?;
        Some(Self {
            schedule: marker["id"].as_str()?.to_owned(),
            at: SystemTime::UNIX_EPOCH.checked_add(at)?,
        })
    }

    /// Returns the command to push for this due time.
    ///
    /// It has the same id whichever worker pushes it, so that all of them push one command. Its
    /// arguments differ from those of any other, so that it is not merged with a command of a user.
    pub(crate) fn command(&self, schedule: &Schedule) -> hcc_queue::Command {
        let mut command = super::queued(schedule);
        if !command.args.is_object() {
            command.args = json!({});
        }
        command.args[MARKER] = json!({ "id": self.schedule, "due": seconds(self.at) });
        command.id = self.command_id();
        command
    }

    /// Returns the id of the command: the time in seconds and a hash, in the format of all ids.
    pub(crate) fn command_id(&self) -> CommandId {
        let seconds = seconds(self.at) as u64 as u32;
        format!("{seconds:08x}{}", command_suffix(&self.schedule)).into()
    }
}

/// Returns the end of the ids of all commands of a schedule.
pub(crate) fn command_suffix(schedule: &str) -> String {
    // FNV-1a: ids must be the same in each release.
    let hash = schedule.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

fn seconds(time: SystemTime) -> f64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Request;

    #[test]
    fn command_of_a_due_time_is_the_same_wherever_it_is_made() {
        let mut schedule = Schedule::new("a7", "web1", "snapshot", "0 3 * * *");
        schedule.args = json!({ "do": "create" });
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_362_000);
        let due = Due::new(&schedule, at);

        let command = due.command(&schedule);

        assert_eq!(command, due.command(&schedule));
        assert_eq!(command.id.as_str(), "6b030cd0089c1107b54541c1");
        assert_eq!(Due::of(&command), Some(due));
        assert_eq!(
            command.args,
            json!({ "do": "create", "schedule": { "id": "a7", "due": 1_795_362_000.0 } })
        );
        let request = Request::try_from(&command).unwrap();
        assert_eq!(request.command.args(), json!({ "do": "create" }));
    }
}
