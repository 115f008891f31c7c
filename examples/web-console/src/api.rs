//! The REST API, for programs: with tokens of users instead of cookies, so that no other site can use
//! it by way of a browser.

mod commands;
mod events;
mod problem;
mod schedules;
mod servers;

use std::time::{Duration, SystemTime};

use axum::extract::{FromRequestParts, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::routing::get;
use axum::{Json, Router};
use hcc_store::{Session, SessionKey};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Value, json};
use tracing::Span;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::problem::Problem;
pub(crate) use self::problem::{Failed, problem};
use crate::WebConsole;
use crate::auth::{AuthUser, limit_of, permissions_of};
use crate::error::AppError;
use crate::limits::{API_FAILURES_FROM, API_REQUESTS};
use crate::peer::Peer;
use crate::tokens::{API, PREFIX};

/// The path of everything in the API.
pub(crate) const PATH: &str = "/api/";

/// How exactly the time of the last use of a token is known.
const USE_INTERVAL: Duration = Duration::from_mins(1);

#[derive(OpenApi)]
#[openapi(
    info(
        title = "web-console",
        description = "Servers of Hetzner Cloud projects, and commands for them."
    ),
    servers((url = "/api/v1")),
    components(schemas(Problem)),
    security(("token" = [])),
    modifiers(&Token),
)]
struct Document;

/// How requests are authenticated.
struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An API token, from the page of the account."));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme.build()));
    }
}

/// The projects of this web console.
#[derive(Serialize, ToSchema)]
struct ProjectsPage {
    projects: Vec<ListedProject>,
}

/// A project.
#[derive(Serialize, ToSchema)]
struct ListedProject {
    /// The name; empty if it has none.
    #[schema(example = "shop")]
    name: String,
    /// The path of its part of the API, which is the same for each of them.
    #[schema(example = "/api/v1/projects/shop")]
    path: String,
}

/// Lists the projects of this web console.
#[utoipa::path(
    get,
    path = "/projects",
    tag = "projects",
    responses(
        (status = OK, body = ProjectsPage),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn projects(State(console): State<WebConsole>, ApiUser(_): ApiUser) -> Json<ProjectsPage> {
    let projects = console.projects().map(|project| ListedProject {
        name: project.project_name().to_owned(),
        path: project.api_path(),
    });
    Json(ProjectsPage {
        projects: projects.collect(),
    })
}

/// Returns the router of the API of a project with this path, which also serves its description.
pub(crate) fn router(path: &str) -> Router<WebConsole> {
    let mut document = Document::openapi();
    for server in document.servers.iter_mut().flatten() {
        server.url += path;
    }
    let router = OpenApiRouter::with_openapi(document);
    let router = match path {
        "" => router
            .routes(routes!(projects))
            .routes(routes!(servers::list_all))
            .routes(routes!(events::stream_all)),
        _ => router,
    };
    let (router, document) = router
        .routes(routes!(servers::list))
        .routes(routes!(servers::one))
        .routes(routes!(servers::metrics))
        .routes(routes!(commands::submit))
        .routes(routes!(commands::list))
        .routes(routes!(commands::one, commands::remove))
        .routes(routes!(commands::retry))
        .routes(routes!(commands::password))
        .routes(routes!(schedules::list))
        .routes(routes!(schedules::add))
        .routes(routes!(schedules::one, schedules::remove))
        .routes(routes!(schedules::pause))
        .routes(routes!(schedules::resume))
        .routes(routes!(events::stream))
        .split_for_parts();
    let document = completed(&document);
    router.route("/openapi.json", get(async move || Json(document.clone())))
}

/// Adds what all operations have in common, and the arguments of all commands.
fn completed(document: &utoipa::openapi::OpenApi) -> Value {
    let mut document = serde_json::to_value(document).expect("its keys are strings");
    let problem = json!({
        "description": "Why it has failed",
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    });
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    let operations = paths.flat_map(|(_, path)| path.as_object_mut().into_iter().flatten());
    for (_, operation) in operations {
        operation["responses"]["default"] = problem.clone();
    }
    document["components"]["schemas"]["NewCommand"] = commands::schema();
    document
}

/// A program with the token of a user.
pub(crate) struct ApiUser(pub(crate) AuthUser);

impl FromRequestParts<WebConsole> for ApiUser {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, console: &WebConsole) -> Result<Self, AppError> {
        let peer = Peer::from_request_parts(parts, console).await?;
        let network = peer.network();
        let found = match bearer(parts) {
            Some(secret) => console.token_user(&secret, peer).await?,
            None => None,
        };
        let Some(found) = found else {
            console.count(API_FAILURES_FROM, &network).await?;
            return Err(AppError::InvalidToken);
        };
        let key = found.session.key.as_str();
        console.count(API_REQUESTS, key).await?;
        Span::current().record("user", &found.user.name);
        Ok(Self(found))
    }
}

/// Returns the token of a request.
fn bearer(parts: &Parts) -> Option<SecretString> {
    let value = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let is_token = scheme.eq_ignore_ascii_case("bearer") && token.starts_with(PREFIX);
    is_token.then(|| token.trim().into())
}

impl WebConsole {
    /// The path of the API of the project.
    pub(crate) fn api_path(&self) -> String {
        format!("{}/api/v1{}", self.settings.base_path, self.path)
    }

    /// Returns the user of a token, if both are valid now.
    async fn token_user(
        &self,
        secret: &SecretString,
        peer: Peer,
    ) -> Result<Option<AuthUser>, AppError> {
        let (key, now) = (SessionKey::of(secret), SystemTime::now());
        let token = self.accounts.token(&key, now).await?;
        let Some(token) = token.filter(|token| token.kind == API) else {
            return Ok(None);
        };
        let user = self.accounts.user(&token.user).await?;
        let Some(user) = user.filter(|user| !user.disabled) else {
            return Ok(None);
        };
        if token.used.is_none_or(|used| now > used + USE_INTERVAL) {
            self.accounts.use_token(&key, now).await?;
        }
        Ok(Some(AuthUser {
            project: self.page_project().to_owned(),
            permissions: permissions_of(&user).in_project(&self.project),
            limit: limit_of(&token).map(|limit| limit.in_project(&self.project)),
            session: Session {
                key,
                user: user.name.clone(),
                since: token.since,
                until: token.until.unwrap_or(now + USE_INTERVAL),
            },
            token: Some(token),
            user,
            peer,
            csrf: String::new(),
        }))
    }
}
