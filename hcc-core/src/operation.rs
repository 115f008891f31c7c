//! Operations on existing servers, each in a file of its own: arguments, description, and what a
//! worker does.
//!
//! A new operation is a file with a struct, its [`Description`] and its meaning, a line of
//! `operations!`, and a [`Verb`].

mod backup;
#[cfg(feature = "worker")]
mod execution;
#[cfg(feature = "worker")]
mod images;
mod iso;
mod label;
mod metrics;
mod passwd;
mod protect;
mod rdns;
mod rebuild;
mod rename;
mod rescue;
mod resize;
mod show;
mod snapshot;

use serde_json::{Map, Value};

pub use self::backup::Backup;
#[cfg(feature = "worker")]
pub use self::execution::Executed;
#[cfg(feature = "worker")]
pub(crate) use self::execution::Execution;
pub use self::iso::Iso;
pub use self::label::Label;
pub use self::metrics::Metrics;
pub use self::passwd::Passwd;
pub use self::protect::{Protect, Unprotect};
pub use self::rdns::Rdns;
pub use self::rebuild::Rebuild;
pub use self::rename::Rename;
pub use self::rescue::Rescue;
pub use self::resize::Resize;
pub use self::show::Show;
pub use self::snapshot::Snapshot;
#[cfg(feature = "worker")]
pub(crate) use self::snapshot::{COMMAND, SCHEDULE, label_value};
use crate::description::{Description, Form};
use crate::{Command, Verb};

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// An operation on an existing server.
        #[derive(Clone, Debug)]
        #[non_exhaustive]
        pub enum Operation {
            $($(#[$doc])* $name($name),)*
        }

        impl Operation {
            /// The verbs of all operations.
            pub const VERBS: &[Verb] = &[$(Verb::$name),*];

            /// Returns the name of the operation.
            pub fn verb(&self) -> Verb {
                match self {
                    $(Self::$name(_) => Verb::$name,)*
                }
            }

            /// Returns the description of an operation; `None` if the verb is not one of them.
            pub(crate) fn description(verb: Verb) -> Option<&'static Description> {
                match verb {
                    $(Verb::$name => Some(&$name::DESCRIPTION),)*
                    _ => None,
                }
            }

            /// Returns the operation of a verb without arguments; those that need one are not complete.
            pub(crate) fn of(verb: Verb) -> Option<Self> {
                match verb {
                    $(Verb::$name => Some(Self::$name($name::default())),)*
                    _ => None,
                }
            }

            fn from_value(verb: Verb, args: Value) -> Option<serde_json::Result<Self>> {
                match verb {
                    $(Verb::$name => Some(serde_json::from_value(args).map(Self::$name)),)*
                    _ => None,
                }
            }

            fn to_value(&self) -> Value {
                let value = match self {
                    $(Self::$name(operation) => serde_json::to_value(operation),)*
                };
                value.expect("its keys are strings")
            }

            #[cfg(feature = "worker")]
            pub(crate) async fn execute(&self, on: &Execution<'_>) -> crate::Result<Executed> {
                match self {
                    $(Self::$name(operation) => operation.execute(on).await,)*
                }
            }
        }

        $(impl From<$name> for Command {
            fn from(operation: $name) -> Self {
                Self::Operation(Operation::$name(operation))
            }
        })*
    };
}

operations! {
    /// Read everything about the server into its record.
    Show,
    /// Enable or disable the rescue system.
    Rescue,
    /// Set a new root password.
    Passwd,
    /// Overwrite the disk with an image.
    Rebuild,
    /// Create, list or delete snapshots.
    Snapshot,
    /// Enable, disable, list or delete daily backups.
    Backup,
    /// Change the type.
    Resize,
    /// Attach or detach an ISO image.
    Iso,
    /// Protect it from deletion and rebuilds.
    Protect,
    /// Remove the protection.
    Unprotect,
    /// Set or remove labels.
    Label,
    /// Set or reset the reverse DNS name of an address.
    Rdns,
    /// Give it another name.
    Rename,
    /// Read its metrics.
    Metrics,
}

impl Operation {
    /// Returns the form of the operation.
    pub fn form(&self) -> &'static Form {
        self.verb().description().form(&self.to_value())
    }

    /// Reads the arguments of a queued command; `None` if the verb is not one of an operation. The
    /// first form is requested unless `do` names one.
    pub(crate) fn read(verb: Verb, args: &Value) -> Option<serde_json::Result<Self>> {
        let description = Self::description(verb)?;
        let mut args = match args {
            Value::Null => Value::Object(Map::new()),
            args => args.clone(),
        };
        let default = description.forms[0].name;
        if let (Some(args), false) = (args.as_object_mut(), default.is_empty()) {
            args.entry("do").or_insert_with(|| default.into());
        }
        Self::from_value(verb, args)
    }

    /// Returns the arguments of a queued command.
    pub(crate) fn args(&self) -> Value {
        match self.to_value() {
            Value::Object(args) if args.is_empty() => Value::Null,
            args => args,
        }
    }
}

impl From<Operation> for Command {
    fn from(operation: Operation) -> Self {
        Self::Operation(operation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn described_arguments_are_those_that_are_read() {
        for verb in Operation::VERBS {
            let description = verb.description();
            for form in description.forms {
                for args in [
                    form.example_args(|_| true),
                    form.example_args(|argument| argument.is_required),
                ] {
                    let read = Operation::read(*verb, &args).unwrap();
                    let operation = read.unwrap_or_else(|error| panic!("{verb} {args}: {error}"));

                    assert_eq!(operation.verb(), *verb);
                    assert_eq!(operation.form().name, form.name);
                    let is_empty = args.as_object().unwrap().is_empty();
                    let args = if is_empty { Value::Null } else { args };
                    assert_eq!(operation.args(), args, "{verb}");
                }
            }
        }
    }

    #[test]
    fn arguments_that_are_not_described_are_refused() {
        for verb in Operation::VERBS {
            for form in verb.description().forms {
                let mut args = form.example_args(|argument| argument.is_required);
                args["misspelt"] = true.into();

                assert!(
                    Operation::read(*verb, &args).unwrap().is_err(),
                    "{verb} {args}"
                );
            }
        }
    }

    #[test]
    fn first_form_is_the_default() {
        for verb in Operation::VERBS {
            let description = verb.description();
            let operation = Operation::of(*verb).unwrap();

            assert_eq!(operation.form().name, description.forms[0].name, "{verb}");
        }
    }
}
