//! What to do next after an error.

use hcc_core::hcloud_api::{self, ErrorCode, Method};
use hcc_core::{Error, OfferProblem, OfferReason, ResourceKind, ScreenError};

use crate::config::{Config, Source, TokenSource, hcloud};

/// Returns the hint for an error, if there is one clear next step.
pub(crate) fn of(error: &Error) -> Option<String> {
    Some(match error {
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
        Error::NotOffered { problems, .. } => return of_missing(problems),
        Error::CreateRefused(refused) => refused.explanation(),
        Error::NoTypeAvailable { .. } => "run hcc types to list what is available".to_owned(),
        Error::CreateUnconfirmed { name, .. } => {
            format!("run hcc create {name} again; it is safe to repeat")
        }
        Error::Unrecorded { name, .. } => format!("run hcc sync {name} to record it"),
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
    let hint = match error.code()? {
        ErrorCode::ResourceUnavailable | ErrorCode::PlacementError if is_creation(error) => {
            "try another location or type; hcc types lists them"
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
pub(crate) fn of_token(code: &ErrorCode, config: &Config) -> Option<String> {
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
