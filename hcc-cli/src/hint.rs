//! What to do next after an error.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::iter;

use hcc_core::hcloud_api::{self, ErrorCode, Method, StatusCode};
use hcc_core::{Error, OfferProblem, OfferReason, ResourceKind, ScreenError};
use hcc_store::Failure;

use crate::config::{Config, Key, Source, TokenSource, hcloud};
use crate::duration::short;

/// Returns the hint for an error, which may name where a setting comes from.
pub(crate) fn in_project(error: &Error, config: &Config) -> Option<String> {
    if let Some(hint) = of(error) {
        return Some(hint);
    }
    if let Some(api) = error.api() {
        return match api.code() {
            Some(code) => of_token(code, config),
            None => of_connection(api, config),
        };
    }
    match error {
        Error::Store(error) => of_database(error.failure()?, &Key::STORE_SOURCES, config),
        Error::Unrecorded { source, .. } => {
            of_database(source.failure()?, &Key::STORE_SOURCES, config)
        }
        Error::Queue(error) => {
            let is_set = config.first_of(&Key::QUEUE_SOURCES).is_some();
            let keys = if is_set {
                &Key::QUEUE_SOURCES
            } else {
                &Key::STORE_SOURCES
            };
            of_database(error.failure()?, keys, config)
        }
        _ => None,
    }
}

/// Returns the hint for a failure of a database.
fn of_database(failure: Failure, keys: &[Key], config: &Config) -> Option<String> {
    let advice = match failure {
        Failure::MalformedUrl => None,
        Failure::Unreachable => Some("check that the server runs and can be reached"),
        Failure::Denied => Some(
            "check the user and the password, and that the user may read and write this database",
        ),
        Failure::CannotOpen => Some("check the path and its permissions"),
        Failure::Full => return Some("free some space; what is stored is safe".to_owned()),
        Failure::ReadOnly => Some("allow this user to write"),
        _ => return None,
    };
    let origin = config
        .first_of(keys)
        .and_then(|(key, _)| config.origin(key))
        .map(|origin| format!("the URL is from {origin}"));
    let parts: Vec<_> = advice
        .map(str::to_owned)
        .into_iter()
        .chain(origin)
        .collect();
    Some(parts.join("; ")).filter(|hint| !hint.is_empty())
}

/// Returns the hint for a request that got no response of the API: the address, and where it comes
/// from.
fn of_connection(error: &hcloud_api::Error, config: &Config) -> Option<String> {
    use hcloud_api::Error as Api;

    let causes = iter::successors(error.source(), |error: &&dyn StdError| (*error).source());
    let causes: String = causes.map(ToString::to_string).collect();
    let (endpoint, origin) = config.endpoint_with_origin().ok()?;
    let is_plain = endpoint.starts_with("http://");
    let address = match origin {
        Some(origin) => format!("the endpoint {endpoint} is from {origin}"),
        None => format!("the endpoint is {endpoint}"),
    };
    Some(match error {
        Api::Connect { .. } if causes.contains("UnknownIssuer") => format!(
            "{address}; to trust its certificate, set SSL_CERT_FILE to a PEM file with the \
             certificate of its issuer"
        ),
        Api::Connect { .. } if causes.contains("InvalidContentType") => {
            format!("{address}; it does not speak TLS: does it need http://?")
        }
        Api::Connect { .. } | Api::Timeout { .. } if is_plain => {
            format!("{address}; check it, and that it can be reached")
        }
        Api::Connect { .. } | Api::Timeout { .. } => {
            format!("{address}; check the network, and whether HTTPS_PROXY is needed")
        }
        Api::Transport { .. } if is_plain => format!("{address}; does it need https://?"),
        // A server of HTTPS answers in its own words, and others redirect.
        Api::Gateway {
            status,
            message: None,
            ..
        } if is_plain && (status.is_redirection() || *status == StatusCode::BAD_REQUEST) => {
            format!("{address}; does it need https://?")
        }
        Api::Transport { .. } | Api::Gateway { .. } | Api::Decode { .. }
            if origin_is_set(config) =>
        {
            address
        }
        _ => return None,
    })
}

fn origin_is_set(config: &Config) -> bool {
    config.find(Key::Endpoint).is_some()
}

/// Quotes a word of a command for a shell, if needed.
pub(crate) fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-+=.,:/@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', r"'\''")).into()
}

/// Returns the hint for an error, if there is one clear next step.
pub(crate) fn of(error: &Error) -> Option<String> {
    Some(match error {
        Error::MalformedSchedule { name, .. } => {
            format!("run hcc schedule remove {} to remove it", quoted(name))
        }
        Error::NotManaged { name, .. } => format!("run hcc settag {name} to manage it"),
        Error::NameTaken { name } => format!("run hcc settag {name} to manage it"),
        Error::BeingDeleted { .. } => {
            "try again when it is gone; --wait=TIME waits longer".to_owned()
        }
        Error::OtherProject { .. } => {
            "check the token and the profile; pass --force if all servers were deleted".to_owned()
        }
        Error::Differs { name, .. } => {
            format!("leave out what differs to keep it, or run hcc kill {name} first")
        }
        Error::NotRunning { name, status } if status == "off" => {
            format!("run hcc start {name} to start it")
        }
        Error::NoSuchResource { kind, .. } if kind == "ISO image" => {
            "run hcc isos to list them".to_owned()
        }
        Error::NotOffered { problems, .. } => return of_missing(problems),
        Error::CreateRefused(refused) => refused.explanation(),
        Error::NoTypeAvailable { .. } => "run hcc types to list what is available".to_owned(),
        Error::CreateUnconfirmed { name, .. } => {
            format!("run hcc create {name} again; it is safe to repeat")
        }
        Error::Unrecorded { name, .. } => format!("run hcc sync {name} to record it"),
        Error::Renamed { new, .. } => format!("use {new}; hcc sync renames the record"),
        Error::NoPassword { name } => format!("run hcc passwd {name} to set another one"),
        Error::Screen(ScreenError::Lost(_)) => "a server that is off has no screen".to_owned(),
        Error::Untypable(_) => "pass --layout for another keyboard layout".to_owned(),
        Error::CommandFailed(failure) => return failure.hint.clone(),
        Error::CommandRemoved { .. } => "push it again if it is still needed".to_owned(),
        Error::OutcomeUnknown { .. } => {
            "check the server before you push the command again".to_owned()
        }
        Error::StillQueued {
            no_worker: true, ..
        } => "run hcc worker to carry out commands".to_owned(),
        Error::Api(error) => return of_api(error),
        Error::Queue(hcc_queue::Error::NotDurable { .. }) => {
            "let the server sync each write, or add ?durable=no to the URL".to_owned()
        }
        _ => return None,
    })
}

/// The other problems of an order with missing resources, and the verb that lists what exists.
fn of_missing(problems: &[OfferProblem]) -> Option<String> {
    let is_missing = |problem: &&OfferProblem| problem.reason == OfferReason::NotFound;
    let (missing, others): (Vec<_>, Vec<_>) = problems.iter().partition(is_missing);
    let verb = missing
        .iter()
        .find_map(|problem| match problem.resource.kind {
            ResourceKind::ServerType => Some("types"),
            ResourceKind::Image => Some("images"),
            ResourceKind::Location => Some("locations"),
            _ => None,
        });
    let verb = verb.map(|verb| format!("run hcc {verb} to list what is available"));
    let parts = verb
        .into_iter()
        .chain(others.iter().map(ToString::to_string));
    Some(parts.collect::<Vec<_>>().join("; ")).filter(|hint| !hint.is_empty())
}

fn of_api(error: &hcloud_api::Error) -> Option<String> {
    if let Some(wait) = error.retry_after().filter(|wait| !wait.is_zero()) {
        return Some(format!("the API asks to wait for {}", short(wait)));
    }
    let hint = match error.code()? {
        ErrorCode::ResourceUnavailable | ErrorCode::PlacementError if is_creation(error) => {
            "try another location or type; hcc types lists them"
        }
        ErrorCode::ServerNotStopped => {
            "stop the server first, or let it be restarted: hcc resize NAME TYPE --restart"
        }
        ErrorCode::Locked => "another action is running; try again when it has ended",
        _ => return None,
    };
    Some(hint.to_owned())
}

fn is_creation(error: &hcloud_api::Error) -> bool {
    matches!(error, hcloud_api::Error::Api { method: Method::POST, path, .. } if path == "/servers")
}

/// Returns the hint for a token that the API does not accept: where it comes from, and how to
/// replace it.
fn of_token(code: &ErrorCode, config: &Config) -> Option<String> {
    let (origin, advice) = token_origin(config)?;
    Some(match code {
        ErrorCode::Unauthorized => format!("the token is from {origin}; {advice}"),
        ErrorCode::TokenReadonly => {
            format!("the token from {origin} needs read and write permission; {advice}")
        }
        ErrorCode::Forbidden => format!("the token is from {origin}"),
        _ => return None,
    })
}

fn token_origin(config: &Config) -> Option<(String, &'static str)> {
    let (token, source) = config.token_source().ok()??;
    let set_at = config.origin(token.key());
    let set_at = set_at.unwrap_or_else(|| source.to_string());
    Some(match token {
        TokenSource::Token(_) => {
            let advice = match source {
                Source::Variable(_) => "set another one there",
                _ => "run hcc setup to set another one",
            };
            (set_at, advice)
        }
        TokenSource::File(path) => {
            let origin = format!("{} (token_file of {set_at})", path.display());
            (origin, "write another one there")
        }
        TokenSource::Command(_) => (
            format!("the token_command of {set_at}"),
            "check what it prints",
        ),
        TokenSource::Context(name) => {
            let path = hcloud::path().ok()?;
            let origin = format!("context {name} in {}", path.display());
            (origin, "replace it there, or run hcc setup")
        }
    })
}
