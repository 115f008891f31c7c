//! What users can do with servers: a button for each form of each command, derived from the
//! descriptions of the commands.

use hcc_core::operation::Operation;
use hcc_core::{Argument, Command, Form, ServerName, Verb};
use hcc_store::Record;

use crate::auth::AuthUser;

/// A form of a command, such as `snapshot create`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Button {
    pub(crate) verb: Verb,
    pub(crate) form: &'static Form,
}

/// The confirmation of a command that cannot be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Confirm {
    No,
    Click,
    TypedName,
}

/// Where the page of a server has a button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Next to the name.
    Power,
    /// With the details.
    Details,
    Snapshots,
    Backups,
    Metrics,
    /// At a snapshot or backup.
    Image,
}

/// The commands next to the name of a server, and in lists.
pub(crate) const POWER: [Verb; 7] = [
    Verb::Start,
    Verb::Stop,
    Verb::Reboot,
    Verb::Reset,
    Verb::Force,
    Verb::Sync,
    Verb::Kill,
];

/// What makes sense for several servers at once, in addition to [`POWER`].
const BULK: [&str; 6] = [
    "snapshot create",
    "backup enable",
    "protect",
    "unprotect",
    "label set",
    "label remove",
];

impl Button {
    /// All buttons for existing servers. The screen has a page of its own.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let others = Verb::ALL.iter().filter(|verb| !POWER.contains(verb));
        // The least used are last.
        let (last, others): (Vec<_>, Vec<_>) =
            others.partition(|verb| matches!(verb, Verb::Settag | Verb::Deltag));
        let verbs = POWER.iter().chain(others).chain(last);
        let verbs = verbs.filter(|verb| !matches!(verb, Verb::Create | Verb::Console));
        verbs.flat_map(|verb| {
            let forms = verb.description().forms.iter();
            forms.map(|form| Self { verb: *verb, form })
        })
    }

    /// The button of a command that has one form, or of its first form.
    pub(crate) fn of(verb: Verb) -> Self {
        let form = &verb.description().forms[0];
        Self { verb, form }
    }

    /// The buttons for several servers.
    pub(crate) fn bulk() -> impl Iterator<Item = Self> {
        let further = BULK.iter().filter_map(|value| Self::parse(value));
        POWER.iter().map(|verb| Self::of(*verb)).chain(further)
    }

    /// The buttons for schedules: all but those that can be done only once.
    pub(crate) fn scheduled() -> impl Iterator<Item = Self> {
        Self::all().filter(|it| it.place() != Place::Image && it.verb != Verb::Rename)
    }

    /// Parses the value of a button for schedules.
    pub(crate) fn parse_scheduled(value: &str) -> Option<Self> {
        let button = Self::parse(value)?;
        Self::scheduled().find(|it| it.value() == button.value())
    }

    /// Parses the value of a button: a verb, and the form if it has several.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let (verb, form) = value.split_once(' ').unwrap_or((value, ""));
        let verb = verb.parse().ok()?;
        let named = |button: &Self| {
            let is_first = form.is_empty() && button.form.name == Self::of(verb).form.name;
            button.verb == verb && (is_first || button.form.name == form)
        };
        Self::all().find(named)
    }

    /// The value, as forms submit it.
    pub(crate) fn value(&self) -> String {
        self.verb.wire_with(self.form)
    }

    /// The label, and what cannot be undone.
    fn texts(&self) -> (&'static str, &'static str) {
        match (self.verb, self.form.name) {
            (Verb::Start, _) => ("Start", ""),
            (Verb::Stop, _) => ("Stop", ""),
            (Verb::Reboot, _) => ("Reboot", ""),
            (Verb::Reset, _) => (
                "Reset",
                "Cuts the power and switches it on again. Unsaved data is lost.",
            ),
            (Verb::Force, _) => ("Cut power", "Cuts the power. Unsaved data is lost."),
            (Verb::Sync, _) => ("Refresh", ""),
            (Verb::Kill, _) => (
                "Delete",
                "Deletes the server permanently, with everything on its disk and its backups. Its IP addresses \
                 may be given to others.",
            ),
            (Verb::Settag, _) => ("Manage", ""),
            (Verb::Deltag, _) => ("Stop managing", ""),
            (Verb::Show, _) => ("Read everything", ""),
            (Verb::Rescue, "enable") => ("Enable rescue system", ""),
            (Verb::Rescue, "disable") => ("Disable rescue system", ""),
            (Verb::Passwd, _) => (
                "New root password",
                "Sets another root password; the old one is not valid any more. The server must run Linux with \
                 the QEMU guest agent.",
            ),
            (Verb::Rebuild, _) => (
                "Rebuild",
                "Overwrites the disk of the server with an image. Everything on it is lost.",
            ),
            (Verb::Snapshot, "create") => ("Create snapshot", ""),
            (Verb::Snapshot, "list") => ("Refresh snapshots", ""),
            (Verb::Snapshot, "delete") => ("Delete snapshot", "Deletes the snapshot permanently."),
            (Verb::Backup, "enable") => ("Enable backups", ""),
            (Verb::Backup, "disable") => (
                "Disable backups",
                "Deletes all existing backups of the server permanently.",
            ),
            (Verb::Backup, "list") => ("Refresh backups", ""),
            (Verb::Backup, "delete") => ("Delete backup", "Deletes the backup permanently."),
            (Verb::Resize, _) => ("Change type", ""),
            (Verb::Iso, "attach") => ("Attach ISO image", ""),
            (Verb::Iso, "detach") => ("Detach ISO image", ""),
            (Verb::Protect, _) => ("Protect", ""),
            (Verb::Unprotect, _) => ("Remove protection", ""),
            (Verb::Label, "set") => ("Set labels", ""),
            (Verb::Label, "remove") => ("Remove labels", ""),
            (Verb::Rdns, "set") => ("Set reverse DNS", ""),
            (Verb::Rdns, "reset") => ("Reset reverse DNS", ""),
            (Verb::Rename, _) => ("Rename", ""),
            (Verb::Metrics, _) => ("Read metrics", ""),
            _ => ("", ""),
        }
    }

    /// The label; a command without one has its name.
    pub(crate) fn label(&self) -> String {
        match self.texts() {
            ("", _) => capitalized(&format!("{} {}", self.verb.name(), self.form.name)),
            (label, _) => label.to_owned(),
        }
    }

    /// What it does, and what cannot be undone.
    pub(crate) fn consequence(&self) -> String {
        match self.texts() {
            (_, "") if self.form.is_destructive => {
                format!("{}. This cannot be undone.", self.form.about)
            }
            (_, "") => format!("{}.", self.form.about),
            (_, consequence) => consequence.to_owned(),
        }
    }

    pub(crate) fn confirm(&self) -> Confirm {
        match self.verb {
            Verb::Kill | Verb::Rebuild => Confirm::TypedName,
            _ if self.form.is_destructive => Confirm::Click,
            _ => Confirm::No,
        }
    }

    pub(crate) fn needs_confirmation(&self) -> bool {
        self.confirm() != Confirm::No
    }

    /// The arguments that users choose.
    pub(crate) fn arguments(&self) -> &'static [Argument] {
        match self.verb {
            // The frontend adds the id.
            Verb::Kill => &[],
            _ => self.form.arguments,
        }
    }

    /// Whether a click is enough: otherwise, it leads to a form.
    pub(crate) fn is_immediate(&self) -> bool {
        self.arguments().is_empty() && !self.needs_confirmation()
    }

    pub(crate) fn place(&self) -> Place {
        match (self.verb, self.form.name) {
            (verb, _) if POWER.contains(&verb) => Place::Power,
            (Verb::Snapshot | Verb::Backup, "delete") => Place::Image,
            (Verb::Snapshot, _) => Place::Snapshots,
            (Verb::Backup, _) => Place::Backups,
            (Verb::Metrics, _) => Place::Metrics,
            _ => Place::Details,
        }
    }

    /// Returns whether a user may do this with a server.
    pub(crate) fn is_allowed(&self, auth: &AuthUser, record: &Record) -> bool {
        let server: Option<ServerName> = record.name.parse().ok();
        let command = self.example();
        server.is_some_and(|server| auth.may(&command, &server, Some(record)))
    }

    /// The command, with any arguments.
    pub(crate) fn example(&self) -> Command {
        if !self.is_operation() {
            return self.verb.into();
        }
        let args = self.form.example_args(|argument| argument.is_required);
        let operation = self.verb.operation(&args);
        operation.expect("examples are valid").into()
    }

    pub(crate) fn is_operation(&self) -> bool {
        Operation::VERBS.contains(&self.verb)
    }

    /// Returns whether it would change anything, as far as the record tells.
    pub(crate) fn is_useful(&self, record: &Record) -> bool {
        let is_protected = |all: bool| {
            let protection = record.prot.map(|it| (it.delete, it.rebuild));
            protection == Some((all, all))
        };
        let has_labels = || record.labels.as_ref().is_some_and(|it| !it.is_empty());
        match (self.verb, self.form.name, record.status.as_deref()) {
            (Verb::Start, _, status) => status != Some("running"),
            (Verb::Stop | Verb::Reboot | Verb::Reset | Verb::Force, _, status) => {
                status != Some("off")
            }
            (Verb::Rescue, "enable", _) => record.rescue != Some(true),
            (Verb::Rescue, "disable", _) => record.rescue != Some(false),
            (Verb::Backup, "enable", _) => record.window.is_none(),
            (Verb::Backup, "disable", _) => record.window.is_some(),
            (Verb::Iso, "detach", _) => record.iso.is_some(),
            (Verb::Protect, ..) => !is_protected(true),
            (Verb::Unprotect, ..) => !is_protected(false),
            (Verb::Label, "remove", _) => has_labels(),
            _ => true,
        }
    }
}

/// The label of a command in the queue, or of one that has ended.
pub(crate) fn label_of(verb: &str, args: Option<&serde_json::Value>) -> String {
    let Ok(verb) = verb.parse::<Verb>() else {
        // Commands of scripts have only their name.
        return verb.to_owned();
    };
    let description = verb.description();
    match (verb, args) {
        (Verb::Create, _) => "Create".to_owned(),
        (Verb::Console, _) => "Screen".to_owned(),
        (_, None) if description.forms.len() > 1 => match verb {
            Verb::Rescue => "Rescue system".to_owned(),
            Verb::Snapshot => "Snapshots".to_owned(),
            Verb::Backup => "Backups".to_owned(),
            Verb::Iso => "ISO image".to_owned(),
            Verb::Label => "Labels".to_owned(),
            Verb::Rdns => "Reverse DNS".to_owned(),
            _ => capitalized(verb.name()),
        },
        (_, args) => {
            let none = serde_json::Value::Null;
            let form = description.form(args.unwrap_or(&none));
            Button { verb, form }.label()
        }
    }
}

/// A name of the code as a text for people.
pub(crate) fn capitalized(name: &str) -> String {
    let name = name.trim().replace('_', " ");
    let mut letters = name.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_for_existing_servers_has_a_button_for_each_form() {
        for verb in Verb::ALL {
            let forms = verb.description().forms;
            let buttons = Button::all().filter(|button| button.verb == *verb);
            let expected = match verb {
                Verb::Create | Verb::Console => 0,
                _ => forms.len(),
            };
            assert_eq!(buttons.count(), expected, "{verb}");
        }
    }

    #[test]
    fn value_of_a_button_is_parsed() {
        for button in Button::all() {
            let parsed = Button::parse(&button.value()).unwrap();
            assert_eq!(parsed.value(), button.value());
            assert_eq!(parsed.example().form().name, button.form.name);
        }
        assert_eq!(
            Button::parse("snapshot").unwrap().value(),
            "snapshot create"
        );
        for unknown in ["", "fly", "snapshot fly", "start now", "new", "console"] {
            assert!(Button::parse(unknown).is_none(), "{unknown}");
        }
    }

    #[test]
    fn what_cannot_be_undone_needs_a_confirmation() {
        for button in Button::all() {
            let is_confirmed = button.needs_confirmation();
            assert_eq!(is_confirmed, button.form.is_destructive, "{button:?}");
        }
    }
}
