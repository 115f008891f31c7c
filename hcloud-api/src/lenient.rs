//! Decoding of responses that differ from the documentation.
//!
//! This is the second attempt, after a response was not decoded directly: values that do not fit
//! their field are ignored one by one, as if they were absent, until the rest fits.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::ptr;

use serde::Deserialize;
use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, Visitor,
};
use serde_json::Value;

use crate::open_enum;

/// A value in a response that differs from the documentation and was ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deviation {
    /// The kind of difference.
    pub kind: DeviationKind,
    /// The path of the value in the response, such as `servers[3].server_type.prices[0].net`.
    pub path: String,
    /// The problem, such as `expected a decimal number, got an object`.
    pub problem: String,
    /// The list item that is missing in the result because of it; `None` if only the value is.
    pub skipped: Option<SkippedItem>,
}

/// How a value in a response differs from the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeviationKind {
    /// The value does not fit its field.
    Mismatch,
    /// A documented field is missing.
    MissingField,
    /// This version does not know the field; see
    /// [`report_unknown`](crate::ClientBuilder::report_unknown).
    UnknownField,
    /// This version does not know the value of an enum; see
    /// [`report_unknown`](crate::ClientBuilder::report_unknown).
    UnknownValue,
}

/// An item of a list that could not be decoded, because its identity is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SkippedItem {
    /// The item's id, if the response has one.
    pub id: Option<String>,
    /// The item's name, if the response has one.
    pub name: Option<String>,
}

impl Deviation {
    /// Creates one that has no value to describe.
    pub(crate) fn unknown(kind: DeviationKind, path: impl fmt::Display) -> Self {
        let problem = match kind {
            DeviationKind::Mismatch => "does not fit",
            DeviationKind::MissingField => "missing",
            DeviationKind::UnknownField => "unknown field",
            DeviationKind::UnknownValue => "unknown value",
        };
        Self {
            kind,
            path: path.to_string(),
            problem: problem.to_owned(),
            skipped: None,
        }
    }
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.problem),
            path => write!(f, "{path}: {}", self.problem),
        }
    }
}

impl SkippedItem {
    fn of(item: &Value) -> Self {
        let text = |field: &str| match item.get(field)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        Self {
            id: text("id"),
            name: text("name"),
        }
    }
}

/// Whether values that do not fit are ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Lenient,
    /// In addition, what this version does not know is found.
    Thorough,
    Strict,
}

impl Mode {
    /// Returns the mode for what has more fields than are decoded.
    pub(crate) fn without_search(self) -> Self {
        match self {
            Self::Thorough => Self::Lenient,
            mode => mode,
        }
    }
}

/// Decodes a value at a path, and adds what was ignored to `deviations`.
///
/// Returns the reason if the value cannot be decoded whatever is ignored.
pub(crate) fn decode<'de, T: Deserialize<'de>>(
    value: &'de Value,
    path: &str,
    mode: Mode,
    deviations: &mut Vec<Deviation>,
) -> Result<T, Deviation> {
    let attempt = Attempt::new(mode);
    let root = Path::Root(path);
    let mut found = Vec::new();
    loop {
        attempt.unknown.borrow_mut().clear();
        let input = Node {
            value,
            path: &root,
            attempt: &attempt,
        };
        let problem = match T::deserialize(input) {
            Ok(decoded) => {
                deviations.append(&mut found);
                deviations.append(&mut attempt.unknown.borrow_mut());
                return Ok(decoded);
            }
            Err(problem) => problem,
        };
        let fault = attempt.fault.take();
        let at = fault.as_ref().map_or(path, |fault| &fault.path);
        let cause = problem.cause(at, &found);
        match fault {
            Some(fault) if mode != Mode::Strict => {
                attempt.ignored.borrow_mut().insert(fault.value);
                // A null is the same as nothing, and what follows from an earlier deviation is
                // none of its own.
                if cause.is_none() && !fault.is_null {
                    found.push(problem.at(&fault.path));
                }
            }
            _ => return Err(cause.cloned().unwrap_or_else(|| problem.at(at))),
        }
    }
}

/// Decodes a list item by item, and skips those that cannot be decoded.
pub(crate) fn decode_list<'de, T: Deserialize<'de>>(
    list: Option<&'de Value>,
    path: &str,
    mode: Mode,
    deviations: &mut Vec<Deviation>,
) -> Result<Vec<T>, Deviation> {
    let Some(Value::Array(items)) = list else {
        let got = list.map_or(Unexpected::Other("nothing"), unexpected);
        let deviation = <Problem as de::Error>::invalid_type(got, &"a list").at(path);
        if mode == Mode::Strict || !list.is_none_or(Value::is_null) {
            return Err(deviation);
        }
        deviations.push(Deviation {
            skipped: Some(SkippedItem::default()),
            ..deviation
        });
        return Ok(Vec::new());
    };
    let mut decoded = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        match decode(item, &format!("{path}[{index}]"), mode, deviations) {
            Ok(item) => decoded.push(item),
            Err(deviation) if mode != Mode::Strict => deviations.push(Deviation {
                skipped: Some(SkippedItem::of(item)),
                ..deviation
            }),
            Err(deviation) => return Err(deviation),
        }
    }
    Ok(decoded)
}

/// Returns the documented fields that are absent in some objects of a list, but not in most of
/// those at the same place. A field that all lack has probably been removed from the API.
pub(crate) fn missing_fields<'de, T: Deserialize<'de>>(
    items: &'de [Value],
    path: &str,
) -> Vec<Deviation> {
    let attempt = Attempt {
        fields: Some(RefCell::default()),
        ..Attempt::new(Mode::Lenient)
    };
    for (index, value) in items.iter().enumerate() {
        let list = Path::Root(path);
        let item = Node {
            value,
            path: &Path::Index(&list, index),
            attempt: &attempt,
        };
        // Items that are left out are reported as a whole, and odd values by the decoding.
        if decode::<T>(value, "", Mode::Lenient, &mut Vec::new()).is_ok() {
            let _ = T::deserialize(item);
        }
    }
    let fields = attempt.fields.unwrap_or_default().into_inner();
    let odd = fields
        .into_values()
        .filter(|field| field.absent.len() <= field.present);
    odd.flat_map(|field| field.absent)
        .map(|path| Deviation {
            kind: DeviationKind::MissingField,
            path,
            problem: "missing, although others have it".to_owned(),
            skipped: None,
        })
        .collect()
}

/// Whether a field of a struct is documented as optional.
fn is_optional(of: &str, field: &str) -> bool {
    let optional: &[&str] = match of {
        "AppliedTo" => &["applied_to_resources", "label_selector", "server"],
        "AuthoritativeNameservers" => &["delegation_status"],
        "Certificate" => &["status"],
        "CertificateStatus" => &["error", "issuance", "renewal"],
        "Firewall" => &["labels"],
        "FirewallRule" => &["description"],
        "HealthCheck" => &["http"],
        "HealthCheckHttp" => &["response", "status_codes", "tls"],
        "Image" => &["rapid_deploy"],
        "IpPrice" => &["price_hourly"],
        "LoadBalancerService" => &["http", "protocol"],
        "LoadBalancerTarget" => &["ip", "label_selector", "server", "targets"],
        "Network" => &["load_balancers"],
        "PrimaryNameserver" => &["port", "tsig_algorithm", "tsig_key"],
        "PrivateNet" => &["alias_ips", "ip", "mac_address"],
        "PublicIpv4" | "PublicIpv6" => &["id"],
        "PublicNet" => &["firewalls"],
        "Record" => &["comment"],
        "Server" => &["load_balancers", "placement_group", "volumes"],
        "ServerType" => &["category", "deprecation"],
        "Subnet" => &["ip_range", "vswitch_id"],
        "TargetHealth" => &["detail", "http_status_code"],
        "Zone" => &["primary_nameservers"],
        _ => &[],
    };
    optional.contains(&field)
}

/// The state of decoding one value.
struct Attempt {
    mode: Mode,
    /// The values that are ignored, by address.
    ignored: RefCell<HashSet<*const Value>>,
    /// The innermost value that did not fit.
    fault: RefCell<Option<Fault>>,
    /// What this version does not know, and what is missing, if the mode is thorough.
    unknown: RefCell<Vec<Deviation>>,
    /// All fields by their place, if they are counted.
    fields: Option<RefCell<BTreeMap<String, Occurrence>>>,
}

impl Attempt {
    fn new(mode: Mode) -> Self {
        Self {
            mode,
            ignored: RefCell::default(),
            fault: RefCell::default(),
            unknown: RefCell::default(),
            fields: None,
        }
    }
}

/// Which of the objects at one place have a field.
#[derive(Default)]
struct Occurrence {
    present: usize,
    /// The paths at which it is missing.
    absent: Vec<String>,
}

struct Fault {
    value: *const Value,
    path: String,
    is_null: bool,
}

/// Why a value did not fit. Strings are not quoted, since they may be secrets.
#[derive(Debug)]
struct Problem(String);

impl Problem {
    fn at(self, path: &str) -> Deviation {
        Deviation {
            kind: DeviationKind::Mismatch,
            path: path.to_owned(),
            problem: self.0,
            skipped: None,
        }
    }

    /// Returns the earlier deviation because of which a field of the value at `path` is missing.
    fn cause<'a>(&self, path: &str, found: &'a [Deviation]) -> Option<&'a Deviation> {
        let field = self.0.strip_prefix("missing field `")?.strip_suffix('`')?;
        let at = Path::Field(&Path::Root(path), field).to_string();
        found.iter().rev().find(|deviation| {
            let rest = deviation.path.strip_prefix(&at);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Problem {}

impl de::Error for Problem {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }

    fn invalid_type(got: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let got = match got {
            Unexpected::Str(_) => "a string".to_owned(),
            Unexpected::Seq => "a list".to_owned(),
            Unexpected::Map => "an object".to_owned(),
            Unexpected::Unit => "null".to_owned(),
            Unexpected::Unsigned(number) => number.to_string(),
            Unexpected::Signed(number) => number.to_string(),
            Unexpected::Float(number) => number.to_string(),
            other => other.to_string().replace('`', ""),
        };
        let expected = match expected.to_string() {
            object if object.starts_with("struct ") => "an object".to_owned(),
            other => other,
        };
        Self(format!("expected {expected}, got {got}"))
    }

    fn invalid_value(got: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(got, expected)
    }
}

/// The place of a value in a document.
enum Path<'a> {
    Root(&'a str),
    Field(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl Path<'_> {
    /// Returns the path without the numbers of the list items.
    fn place(&self) -> String {
        match self {
            Self::Root(path) => (*path).to_owned(),
            Self::Field(parent, field) => format!("{}.{field}", parent.place()),
            Self::Index(parent, _) => format!("{}[]", parent.place()),
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(path) => f.write_str(path),
            Self::Field(Path::Root(""), field) => f.write_str(field),
            Self::Field(parent, field) => write!(f, "{parent}.{field}"),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// A value in a document.
struct Node<'a, 'de> {
    value: &'de Value,
    path: &'a Path<'a>,
    attempt: &'a Attempt,
}

impl<'de> Node<'_, 'de> {
    /// Deserializes a part of this value, and keeps it in mind if it does not fit.
    fn part<S: DeserializeSeed<'de>>(
        &self,
        value: &'de Value,
        path: &Path<'_>,
        seed: S,
    ) -> Result<S::Value, Problem> {
        let part = Node {
            value,
            path,
            attempt: self.attempt,
        };
        seed.deserialize(part).inspect_err(|_| {
            self.attempt
                .fault
                .borrow_mut()
                .get_or_insert_with(|| Fault {
                    value,
                    path: path.to_string(),
                    is_null: value.is_null(),
                });
        })
    }

    /// Counts which fields of a struct are present, if that is asked for.
    fn count(&self, name: &str, fields: &[&str]) {
        let (Some(counted), Value::Object(object)) = (&self.attempt.fields, self.value) else {
            return;
        };
        let mut counted = counted.borrow_mut();
        let place = self.path.place();
        for field in fields.iter().filter(|field| !is_optional(name, field)) {
            let occurrence = counted.entry(format!("{place}.{field}")).or_default();
            if object.contains_key(*field) {
                occurrence.present += 1;
            } else {
                let path = Path::Field(self.path, field).to_string();
                occurrence.absent.push(path);
            }
        }
    }

    /// Finds the fields of a struct that are missing or unknown, if that is asked for.
    fn compare(&self, name: &str, fields: &[&str]) {
        let (Mode::Thorough, Value::Object(object)) = (self.attempt.mode, self.value) else {
            return;
        };
        let missing = fields.iter().filter(|field| !object.contains_key(**field));
        for field in missing.filter(|field| !is_optional(name, field)) {
            self.find(DeviationKind::MissingField, Path::Field(self.path, field));
        }
        for field in object
            .keys()
            .filter(|field| !fields.contains(&field.as_str()))
        {
            self.find(DeviationKind::UnknownField, Path::Field(self.path, field));
        }
    }

    fn find(&self, kind: DeviationKind, path: impl fmt::Display) {
        let deviation = Deviation::unknown(kind, path);
        self.attempt.unknown.borrow_mut().push(deviation);
    }

    fn is_ignored(&self, value: &'de Value) -> bool {
        self.attempt
            .ignored
            .borrow()
            .contains(&ptr::from_ref(value))
    }

    fn fields<V: Visitor<'de>>(self, skip_nulls: bool, visitor: V) -> Result<V::Value, Problem> {
        let Value::Object(fields) = self.value else {
            return self.deserialize_any(visitor);
        };
        visitor.visit_map(Fields {
            fields: fields.iter(),
            skip_nulls: skip_nulls && self.attempt.mode != Mode::Strict,
            next: None,
            node: self,
        })
    }
}

impl<'de> Deserializer<'de> for Node<'_, 'de> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(flag) => visitor.visit_bool(*flag),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(number), ..) => visitor.visit_u64(number),
                (_, Some(number), _) => visitor.visit_i64(number),
                (.., Some(number)) => visitor.visit_f64(number),
                _ => unreachable!("a number is an integer or a double"),
            },
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(items) => visitor.visit_seq(Items {
                items: items.iter().enumerate(),
                node: self,
            }),
            Value::Object(_) => self.fields(false, visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        if let (Mode::Thorough, Value::String(value)) = (self.attempt.mode, self.value) {
            if open_enum::is_unknown(name, value) {
                self.find(DeviationKind::UnknownValue, self.path);
            }
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        self.count(name, fields);
        self.compare(name, fields);
        self.fields(true, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        let value = self.value.deserialize_enum(name, variants, visitor);
        value.map_err(de::Error::custom)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

/// The fields of an object that are not ignored.
struct Fields<'a, 'de> {
    fields: serde_json::map::Iter<'de>,
    skip_nulls: bool,
    next: Option<(&'de str, &'de Value)>,
    node: Node<'a, 'de>,
}

impl<'de> MapAccess<'de> for Fields<'_, 'de> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Problem> {
        let (node, skip_nulls) = (&self.node, self.skip_nulls);
        let next = self
            .fields
            .find(|(_, value)| !(node.is_ignored(value) || skip_nulls && value.is_null()));
        self.next = next.map(|(name, value)| (name.as_str(), value));
        let Some((name, _)) = self.next else {
            return Ok(None);
        };
        let key: StrDeserializer<'_, Problem> = name.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Problem> {
        let (name, value) = self.next.take().expect("a value follows its key");
        let path = Path::Field(self.node.path, name);
        self.node.part(value, &path, seed)
    }
}

/// The items of a list that are not ignored.
struct Items<'a, 'de> {
    items: std::iter::Enumerate<std::slice::Iter<'de, Value>>,
    node: Node<'a, 'de>,
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Problem> {
        let node = &self.node;
        let Some((index, item)) = self.items.find(|(_, item)| !node.is_ignored(item)) else {
            return Ok(None);
        };
        let path = Path::Index(node.path, index);
        node.part(item, &path, seed).map(Some)
    }
}

fn unexpected(value: &Value) -> Unexpected<'_> {
    match value {
        Value::Null => Unexpected::Unit,
        Value::Bool(flag) => Unexpected::Bool(*flag),
        Value::Number(_) => Unexpected::Other("a number"),
        Value::String(text) => Unexpected::Str(text),
        Value::Array(_) => Unexpected::Seq,
        Value::Object(_) => Unexpected::Map,
    }
}
