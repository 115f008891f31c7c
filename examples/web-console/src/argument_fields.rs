//! The arguments of commands as fields of a form, with what there is to choose from.

use std::collections::BTreeMap;

use hcc_core::{Argument, ArgumentKind, Command, OfferedCatalog, OfferedType, Verb};
use hcc_store::{Record, SavedImage};
use serde_json::{Map, Value};

use crate::auth::AuthUser;
use crate::button::{Button, capitalized};
use crate::create::{described, in_place};
use crate::form::Problem;
use crate::saved_image::SavedView;

/// What the names of the fields begin with, so that no argument has the name of another field.
const PREFIX: &str = "arg:";

/// The values of all fields of a form, by name.
pub(crate) type Values = BTreeMap<String, String>;

/// A field for an argument.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) argument: &'static Argument,
    /// The name in the form.
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) value: String,
    /// What to choose from.
    pub(crate) input: Input,
}

/// How the value of an argument is chosen.
#[derive(Debug)]
pub(crate) enum Input {
    Typed,
    Number,
    Switch,
    /// It has been chosen already.
    Fixed,
    /// One of these, in groups with a heading.
    Select(Vec<(&'static str, Vec<Choice>)>),
    /// One of these, or another one.
    Suggest(Vec<Choice>),
    /// Any of these.
    Boxes(Vec<Choice>),
}

#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) text: String,
    pub(crate) is_chosen: bool,
}

/// What the choices depend on.
pub(crate) struct Offers<'a> {
    pub(crate) auth: &'a AuthUser,
    /// The server, if it is only one.
    pub(crate) record: Option<&'a Record>,
    pub(crate) catalog: Option<&'a OfferedCatalog>,
}

impl Choice {
    fn new(value: impl Into<String>, text: impl Into<String>) -> Self {
        let (value, text) = (value.into(), text.into());
        let is_chosen = false;
        Self {
            value,
            text,
            is_chosen,
        }
    }

    fn named(name: &str) -> Self {
        Self::new(name, name)
    }
}

/// The name of the field of an argument.
pub(crate) fn field_name(argument: &str) -> String {
    format!("{PREFIX}{argument}")
}

impl Offers<'_> {
    /// Returns the fields of a command, filled with these values.
    pub(crate) fn fields(&self, button: Button, values: &Values) -> Vec<Field> {
        let arguments = button.arguments().iter();
        arguments
            .map(|argument| self.field(button, argument, values))
            .collect()
    }

    fn field(&self, button: Button, argument: &'static Argument, values: &Values) -> Field {
        let name = field_name(argument.name);
        let mut value = values.get(&name).cloned().unwrap_or_default();
        let mut input = self.input(button, argument);
        match &mut input {
            Input::Select(groups) => {
                let choices = groups.iter_mut().flat_map(|(_, choices)| choices);
                for choice in choices {
                    choice.is_chosen = choice.value == value;
                    if choice.is_chosen && argument.name == "image" && button.verb != Verb::Rebuild
                    {
                        return Field {
                            label: choice.text.clone(),
                            input: Input::Fixed,
                            argument,
                            name,
                            value,
                        };
                    }
                }
            }
            Input::Suggest(choices) if value.is_empty() => {
                value = choices
                    .first()
                    .map(|it| it.value.clone())
                    .unwrap_or_default();
            }
            Input::Boxes(choices) => {
                for choice in choices {
                    let name = format!("{name}:{}", choice.value);
                    choice.is_chosen = values.contains_key(&name);
                }
            }
            _ => {}
        }
        Field {
            label: label(argument),
            argument,
            name,
            value,
            input,
        }
    }

    fn input(&self, button: Button, argument: &Argument) -> Input {
        let offered = match (button.verb, argument.name) {
            (Verb::Resize, "type") => self.types(),
            (Verb::Rebuild, "image") => self.images(),
            (Verb::Snapshot, "image") => Input::Select(vec![("", self.saved(|it| &it.snapshots))]),
            (Verb::Backup, "image") => Input::Select(vec![("", self.saved(|it| &it.backups))]),
            (Verb::Iso, "iso") => {
                let isos = self.catalog.iter().flat_map(|it| &it.isos);
                let choice = |it: &hcc_core::OfferedIso| Choice::new(&it.name, &it.description);
                Input::Suggest(isos.map(choice).collect())
            }
            (Verb::Rdns, "ip") => Input::Suggest(self.addresses()),
            (Verb::Label, "keys") => {
                let labels = self.record.iter().flat_map(|it| &it.labels).flatten();
                let choice =
                    |(key, value): (&String, &String)| Choice::new(key, format!("{key}={value}"));
                Input::Boxes(labels.map(choice).collect())
            }
            (Verb::Metrics, "types") => {
                Input::Boxes(["cpu", "disk", "network"].map(Choice::named).to_vec())
            }
            (_, "ssh_keys") => {
                let keys = self.catalog.iter().flat_map(|it| &it.ssh_keys);
                Input::Boxes(keys.map(|key| Choice::named(key)).collect())
            }
            _ => Input::Typed,
        };
        let is_empty = match &offered {
            Input::Select(groups) => groups.iter().all(|(_, choices)| choices.is_empty()),
            Input::Suggest(choices) | Input::Boxes(choices) => choices.is_empty(),
            _ => true,
        };
        match argument.kind {
            _ if !is_empty => offered,
            ArgumentKind::Number | ArgumentKind::Seconds => Input::Number,
            ArgumentKind::Switch => Input::Switch,
            // Without a catalog, names are typed.
            _ => Input::Typed,
        }
    }

    /// The other types of the same architecture that are available where the server is.
    fn types(&self) -> Input {
        let (Some(catalog), Some(record)) = (self.catalog, self.record) else {
            return Input::Typed;
        };
        let current = record.r#type.as_ref().and_then(|it| it.name.as_deref());
        let current = current.unwrap_or_default();
        let known = catalog.types.iter().find(|it| it.name == current);
        let location = location(record);
        let limits = self.auth.permissions.create_limits();
        let is_offered = |it: &&OfferedType| {
            let is_allowed =
                limits.is_none_or(|it_is| it_is.types.is_empty() || it_is.types.contains(&it.name));
            it.name != current
                && is_allowed
                && known.is_none_or(|known| known.architecture == it.architecture)
        };
        let choice = |it: &OfferedType| {
            let here = in_place(it, location);
            let text = described(&here, &catalog.currency);
            (!here.places.is_empty()).then(|| Choice::new(&it.name, text))
        };
        let types = catalog.types.iter().filter(is_offered);
        Input::Select(vec![("", types.filter_map(choice).collect())])
    }

    /// The snapshots and backups of the server, and images of its architecture.
    fn images(&self) -> Input {
        let architecture = self.catalog.and_then(|catalog| {
            let current = self.record?.r#type.as_ref()?.name.as_deref()?;
            let known = catalog.types.iter().find(|it| it.name == current)?;
            Some(&*known.architecture)
        });
        let images = self.catalog.iter().flat_map(|it| &it.images);
        let images = images
            .filter(|it| architecture.is_none_or(|wanted| it.architecture == wanted))
            .map(|it| Choice::new(&it.name, &it.description));
        let groups = vec![
            ("Snapshots", self.saved(|it| &it.snapshots)),
            ("Backups", self.saved(|it| &it.backups)),
            ("Images", images.collect()),
        ];
        let filled = groups.into_iter().filter(|(_, it)| !it.is_empty());
        Input::Select(filled.collect())
    }

    /// The newest first.
    fn saved(&self, of: impl Fn(&Record) -> &Option<Vec<SavedImage>>) -> Vec<Choice> {
        let images = SavedView::all(self.record.and_then(|record| of(record).as_ref()));
        let choice = |it: SavedView| Choice::new(it.id.to_string(), it.described());
        images.into_iter().map(choice).collect()
    }

    fn addresses(&self) -> Vec<Choice> {
        let Some(record) = self.record else {
            return Vec::new();
        };
        let first = record.ip6.as_deref().map(|network| {
            let (network, _) = network.split_once('/').unwrap_or((network, ""));
            match network.strip_suffix("::") {
                Some(prefix) => format!("{prefix}::1"),
                None => network.to_owned(),
            }
        });
        let addresses = [record.ip4.clone(), first].into_iter().flatten();
        addresses.map(|it| Choice::named(&it)).collect()
    }
}

impl Field {
    pub(crate) fn is_fixed(&self) -> bool {
        matches!(self.input, Input::Fixed)
    }

    /// The example, as a placeholder of what is typed.
    pub(crate) fn example(&self) -> &str {
        match self.argument.kind {
            ArgumentKind::Switch => "",
            _ => self.argument.example,
        }
    }
}

/// The name of the location of a server.
pub(crate) fn location(record: &Record) -> Option<&str> {
    let location = record.dc.as_ref()?.loc.as_ref()?;
    location.name.as_deref()
}

/// The label of an argument; one without a label has its description, or its name.
pub(crate) fn label(argument: &Argument) -> String {
    let label = match argument.name {
        "ssh_keys" => "SSH keys",
        "image" => "Image",
        "description" => "Description",
        "labels" => "Labels",
        "keys" => "Labels to remove",
        "type" => "Type",
        "disk" => "Grow the disk, too: the type cannot become smaller again after that",
        "restart" => "Shut the server down before, and start it afterwards",
        "iso" => "ISO image",
        "ip" => "Address",
        "name" => "Name",
        "to" => "New name",
        "types" => "Metrics",
        "range" => "Period until now, in seconds",
        "step" => "Interval between samples, in seconds",
        _ if argument.about.is_empty() => return capitalized(argument.name),
        _ => argument.about,
    };
    label.to_owned()
}

/// Values that a form has before anything is chosen.
pub(crate) fn defaults(button: Button, record: &Record) -> Values {
    let is_running = record.status.as_deref() == Some("running");
    match button.verb {
        // It has to be off.
        Verb::Resize if is_running => [(field_name("restart"), "on".to_owned())].into(),
        _ => Values::new(),
    }
}

/// Returns the command with the arguments of a form.
///
/// # Errors
///
/// What is wrong with a field.
pub(crate) fn command(button: Button, values: &Values) -> Result<Command, Problem> {
    let mut args = Map::new();
    if !button.form.name.is_empty() {
        args.insert("do".to_owned(), button.form.name.into());
    }
    for argument in button.arguments() {
        let value = read(argument, values)?;
        if value.is_null() && argument.is_required {
            return Err(Problem::new(argument.name, "This is missing."));
        }
        if !value.is_null() {
            args.insert(argument.name.to_owned(), value);
        }
    }
    if !button.is_operation() {
        return Ok(button.verb.into());
    }
    let operation = button.verb.operation(&args.into());
    let field = button.arguments().first().map_or("", |it| it.name);
    let operation = operation.map_err(|error| Problem::new(field, error))?;
    Ok(operation.into())
}

/// Returns the value of an argument as it is in the queue; null if none was chosen.
fn read(argument: &Argument, values: &Values) -> Result<Value, Problem> {
    let name = field_name(argument.name);
    let typed = values.get(&name).map_or("", |value| value.trim());
    let parts = || {
        let parts = typed.split([',', '\n']).map(str::trim);
        parts.filter(|part| !part.is_empty())
    };
    let boxes = || {
        let prefix = format!("{name}:");
        let checked = values.keys();
        checked.filter_map(move |key| key.strip_prefix(&prefix).map(str::to_owned))
    };
    let value = match argument.kind {
        ArgumentKind::Switch if typed.is_empty() => Value::Null,
        ArgumentKind::Switch => true.into(),
        ArgumentKind::List => {
            let list: Vec<_> = parts().map(str::to_owned).chain(boxes()).collect();
            match list.is_empty() {
                true => Value::Null,
                false => list.into(),
            }
        }
        _ if typed.is_empty() => Value::Null,
        ArgumentKind::Number | ArgumentKind::Seconds => {
            let number = typed.parse::<u64>();
            let is_wrong = |_| Problem::new(argument.name, "This is not a whole number.");
            number.map_err(is_wrong)?.into()
        }
        ArgumentKind::Map => {
            let pair = |part: &str| {
                let (key, value) = part.split_once('=')?;
                Some((key.trim().to_owned(), Value::from(value.trim())))
            };
            let map: Option<Map<_, _>> = parts().map(pair).collect();
            let problem = || Problem::new(argument.name, "These are not of the form key=value.");
            map.ok_or_else(problem)?.into()
        }
        _ => typed.into(),
    };
    Ok(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Fields with the example of each argument.
    fn examples(button: Button) -> Values {
        let arguments = button.arguments().iter();
        let field = |it: &Argument| {
            let value = match it.kind {
                ArgumentKind::Switch => "on",
                _ => it.example,
            };
            (field_name(it.name), value.to_owned())
        };
        arguments.map(field).collect()
    }

    #[test]
    fn every_argument_of_every_command_is_read_from_its_field() {
        for button in Button::all().filter(|it| it.verb != Verb::Kill) {
            let command = command(button, &examples(button)).unwrap();

            let server = "web1".parse().unwrap();
            let queued = hcc_queue::Command::from(&hcc_core::Request::new(command, server));
            let expected = match button.form.example_args(|_| true) {
                Value::Object(args) if args.is_empty() => Value::Null,
                args => args,
            };
            assert_eq!(queued.args, expected, "{}", button.value());
        }
    }

    #[test]
    fn missing_and_malformed_values_are_problems_of_their_fields() {
        let problem = |value: &str, fields: &[(&str, &str)]| {
            let fields = fields
                .iter()
                .map(|(name, value)| (field_name(name), (*value).to_owned()));
            let button = Button::parse(value).unwrap();
            command(button, &fields.collect()).unwrap_err()
        };
        for (value, fields, field) in [
            ("rebuild", &[("image", " ")][..], "image"),
            ("resize", &[("disk", "on")], "type"),
            ("rdns set", &[("ip", "ip4")], "name"),
            ("label set", &[("labels", "env")], "labels"),
            ("metrics", &[("range", "an hour")], "range"),
        ] {
            assert!(problem(value, fields).of(field).is_some(), "{value}");
        }
    }

    #[test]
    fn list_has_what_is_checked_and_what_is_typed() {
        let values = [("arg:ssh_keys", "a, b\nc"), ("arg:ssh_keys:my key", "on")];
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let argument = &Verb::Rescue.description().forms[0].arguments[0];

        let read = read(argument, &values.into()).unwrap();

        assert_eq!(read, json!(["a", "b", "c", "my key"]));
    }
}
