//! Validation of responses by Hetzner's OpenAPI description, reduced by `cargo xtask description`.
//!
//! If `HCLOUD_SIM_DESCRIPTIONS` names the descriptions, separated by colons, they are read instead.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::env;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};

use hcloud_sim::Request;
use jsonschema::Validator;
use serde_json::{Value, json};

#[expect(dead_code, reason = "the task uses the rest")]
#[path = "../../../../xtask/src/description/reduce.rs"]
mod reduce;

static RESPONSES: LazyLock<Value> = LazyLock::new(|| match env::var("HCLOUD_SIM_DESCRIPTIONS") {
    Ok(paths) => {
        let paths: Vec<_> = paths.split(':').map(PathBuf::from).collect();
        let [_, (_, responses)] = reduce::Reduced::read(&paths).unwrap().files();
        responses
    }
    Err(_) => serde_json::from_str(include_str!("description/responses.json")).unwrap(),
});

static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// Returns the names of all operations, such as `GET /servers/{id}`.
pub(crate) fn operations() -> impl Iterator<Item = &'static str> {
    RESPONSES["operations"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
}

/// Returns the operation of a request.
fn operation(method: &str, path: &str) -> Option<&'static str> {
    let path = path.strip_prefix("/v1")?;
    let parameters = |name: &str| name.matches('{').count();
    let matches = |name: &&str| {
        let Some((wanted_method, template)) = name.split_once(' ') else {
            return false;
        };
        wanted_method == method
            && template.split('/').count() == path.split('/').count()
            && (template.split('/').zip(path.split('/')))
                .all(|(wanted, segment)| wanted.starts_with('{') || wanted == segment)
    };
    operations()
        .filter(matches)
        .min_by_key(|name| parameters(name))
}

/// What a check of recorded requests has found.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// The number of successful responses, by operation.
    pub(crate) answers: BTreeMap<&'static str, usize>,
    pub(crate) refusals: usize,
    pub(crate) violations: BTreeSet<String>,
}

impl Report {
    /// Checks recorded requests without injected faults.
    pub(crate) fn of(requests: &[Request]) -> Self {
        let mut report = Self::default();
        for request in requests {
            let Request { method, path, .. } = request;
            report.add(method, path, request.status, request.response.as_deref());
        }
        report
    }

    /// Checks a response; its status is `None` if there was none.
    pub(crate) fn add(
        &mut self,
        method: &str,
        path: &str,
        status: Option<u16>,
        text: Option<&str>,
    ) {
        if let Err(problem) = self.try_add(method, path, status, text) {
            self.violations
                .insert(format!("{method} {path}: {problem}"));
        }
    }

    fn try_add(
        &mut self,
        method: &str,
        path: &str,
        status: Option<u16>,
        text: Option<&str>,
    ) -> Result<(), String> {
        let Some(status) = status else {
            return Err("no response".into());
        };
        let json = || {
            serde_json::from_str::<Value>(text.unwrap_or_default())
                .map_err(|error| error.to_string())
        };
        if status >= 400 {
            self.refusals += 1;
            return check_error(status, &json()?);
        }
        let name = operation(method, path).ok_or("is not described")?;
        let schema = RESPONSES["operations"][name].get(status.to_string());
        match schema.ok_or(format!("status {status} is not described"))? {
            Value::Null if text.is_some() => return Err("has a body".into()),
            Value::Null => {}
            _ => check(&format!("{name} {status}"), &json()?)?,
        }
        *self.answers.entry(name).or_default() += 1;
        Ok(())
    }

    /// Fails if there are violations, and says what has been checked.
    pub(crate) fn assert_valid(&self) {
        let number: usize = self.answers.values().sum();
        println!(
            "checked {number} responses of {} operations and {} errors, {} violations",
            self.answers.len(),
            self.refusals,
            self.violations.len()
        );
        let violations: Vec<_> = self.violations.iter().take(20).collect();
        assert!(violations.is_empty(), "{violations:#?}");
    }
}

/// Validates the response of an operation with a status.
fn check(name: &str, response: &Value) -> Result<(), String> {
    let validator = VALIDATORS
        .lock()
        .unwrap()
        .entry(name.into())
        .or_insert_with(|| Arc::new(validator(name)))
        .clone();
    match validator.validate(response) {
        Ok(()) => Ok(()),
        Err(error) => Err(format!(
            "{}: {}",
            error.instance_path(),
            error.to_string().chars().take(300).collect::<String>()
        )),
    }
}

fn validator(name: &str) -> Validator {
    let (operation, status) = name.rsplit_once(' ').unwrap();
    let mut schema = RESPONSES["operations"][operation][status].clone();
    if schema["$ref"].is_string() {
        schema = json!({ "allOf": [schema] });
    }
    schema["$defs"] = RESPONSES["$defs"].clone();
    jsonschema::validator_for(&schema).unwrap()
}

/// Errors have one form, and are not the server's fault.
fn check_error(status: u16, response: &Value) -> Result<(), String> {
    let error = &response["error"];
    let is_valid =
        error["code"].is_string() && error["message"].is_string() && error.get("details").is_some();
    match status < 500 && is_valid {
        true => Ok(()),
        false => Err(format!("status {status}: {response}")),
    }
}
