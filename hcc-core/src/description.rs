//! What is known of a command, in one place.
//!
//! Queue documents, permissions, the command line, the web console and the documentation are
//! derived from it.

use serde_json::{Map, Value, json};

use crate::{Permission, Repetition};

/// A command: its names, and the forms in which it can be requested.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Description {
    /// The name in the queue, such as `off`.
    pub wire: &'static str,
    /// The name for people, as on the command line, such as `force`.
    pub name: &'static str,
    /// Further names.
    pub aliases: &'static [&'static str],
    /// What a user may or may not do with a server, as in "may not `force off` web1".
    pub phrase: &'static str,
    /// What its forms do, such as "Attach or detach an ISO image".
    pub about: &'static str,
    /// The forms, of which the first is the default; most commands have one.
    pub forms: &'static [Form],
}

/// A form of a command, such as `create` of `snapshot`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Form {
    /// The value of `do` in the arguments; empty if the command has only one form.
    pub name: &'static str,
    /// What it does with a server, such as "Power on a server".
    pub about: &'static str,
    /// The permission that it needs; `None` if it is for administrators.
    pub permission: Option<Permission>,
    /// Whether a second execution would have an effect of its own. If so, it is executed at most
    /// once: a repeated delivery first looks for what an earlier one has done.
    pub repetition: Repetition,
    /// Whether it brings a root password, which only the user who requested it may see.
    pub brings_password: bool,
    /// Whether what it does cannot be undone.
    pub is_destructive: bool,
    /// The arguments in addition to the server.
    pub arguments: &'static [Argument],
}

/// An argument of a command.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Argument {
    /// The name, as in `args` of the queue.
    pub name: &'static str,
    /// The type of its value.
    pub kind: ArgumentKind,
    /// Whether it must be given. On the command line, it has no flag then.
    pub is_required: bool,
    /// What it means.
    pub about: &'static str,
    /// A value, as on the command line.
    pub example: &'static str,
}

/// The type of an argument's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArgumentKind {
    /// A string.
    Text,
    /// A whole number.
    Number,
    /// A whole number of seconds; on the command line, also with a unit, as in `24h`.
    Seconds,
    /// Whether something is the case; no unless given.
    Switch,
    /// Strings; on the command line, the flag is repeated, or its values are separated by commas.
    List,
    /// An object of strings; on the command line, `KEY=VALUE`, and the flag is repeated.
    Map,
}

impl Description {
    /// Describes a command with the same name everywhere, and no aliases.
    pub(crate) const fn new(name: &'static str, forms: &'static [Form]) -> Self {
        Self {
            wire: name,
            name,
            aliases: &[],
            phrase: name,
            about: forms[0].about,
            forms,
        }
    }

    pub(crate) const fn wire(self, wire: &'static str) -> Self {
        Self { wire, ..self }
    }

    pub(crate) const fn aliases(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    pub(crate) const fn about(self, about: &'static str) -> Self {
        Self { about, ..self }
    }

    pub(crate) const fn phrase(self, phrase: &'static str) -> Self {
        Self { phrase, ..self }
    }

    /// Returns the form that these arguments request; the first one if they name none.
    pub fn form(&self, args: &Value) -> &'static Form {
        let name = args["do"].as_str().unwrap_or_default();
        let named = self.forms.iter().find(|form| form.name == name);
        named.unwrap_or(&self.forms[0])
    }

    /// Returns whether a name is one of this command.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.wire == name || self.name == name || self.aliases.contains(&name)
    }
}

impl Form {
    pub(crate) const fn new(about: &'static str, permission: Permission) -> Self {
        Self {
            name: "",
            about,
            permission: Some(permission),
            repetition: Repetition::Allowed,
            brings_password: false,
            is_destructive: false,
            arguments: &[],
        }
    }

    pub(crate) const fn for_admins(about: &'static str) -> Self {
        Self {
            permission: None,
            ..Self::new(about, Permission::View)
        }
    }

    pub(crate) const fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    pub(crate) const fn arguments(self, arguments: &'static [Argument]) -> Self {
        Self { arguments, ..self }
    }

    pub(crate) const fn once(self) -> Self {
        let repetition = Repetition::Once;
        Self { repetition, ..self }
    }

    pub(crate) const fn brings_password(self) -> Self {
        let brings_password = true;
        Self {
            brings_password,
            ..self
        }
    }

    pub(crate) const fn destructive(self) -> Self {
        let is_destructive = true;
        Self {
            is_destructive,
            ..self
        }
    }

    /// Returns the `args` of an example, with these of the arguments.
    pub fn example_args(&self, include: impl Fn(&Argument) -> bool) -> Value {
        let mut args = Map::new();
        if !self.name.is_empty() {
            args.insert("do".to_owned(), self.name.into());
        }
        for argument in self.arguments.iter().filter(|it| include(it)) {
            args.insert(argument.name.to_owned(), argument.example_value());
        }
        Value::Object(args)
    }
}

impl Argument {
    pub(crate) const fn required(
        name: &'static str,
        kind: ArgumentKind,
        about: &'static str,
        example: &'static str,
    ) -> Self {
        Self {
            name,
            kind,
            is_required: true,
            about,
            example,
        }
    }

    pub(crate) const fn optional(
        name: &'static str,
        kind: ArgumentKind,
        about: &'static str,
        example: &'static str,
    ) -> Self {
        Self {
            is_required: false,
            ..Self::required(name, kind, about, example)
        }
    }

    /// Returns the flag on the command line, such as `ssh-key` of `ssh_keys`.
    pub fn flag(&self) -> String {
        let name = match self.kind {
            ArgumentKind::List | ArgumentKind::Map => self.name.trim_end_matches('s'),
            _ => self.name,
        };
        name.replace('_', "-")
    }

    /// Returns the example as it is in the queue.
    pub fn example_value(&self) -> Value {
        let pair = |text: &str| {
            let (key, value) = text.split_once('=').unwrap_or((text, ""));
            json!({ key: value })
        };
        match self.kind {
            ArgumentKind::Text => json!(self.example),
            ArgumentKind::Number | ArgumentKind::Seconds => {
                json!(self.example.parse::<u64>().unwrap_or_default())
            }
            ArgumentKind::Switch => json!(true),
            ArgumentKind::List => json!([self.example]),
            ArgumentKind::Map => pair(self.example),
        }
    }
}
