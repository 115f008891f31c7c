//! The screen of a server: the console page, with a fresh link in it.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use hcc_core::Command;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::fs;
use tracing::error;

use crate::WebConsole;
use crate::page::Html;
use crate::refusal::Refusal;
use crate::visitor::{Posted, Visitor};

#[derive(Template)]
#[template(path = "screen.html")]
struct ScreenPage {
    visitor: Visitor,
    server: String,
    /// Whether to ask without a click: not if another site led here.
    at_once: bool,
}

#[derive(Deserialize)]
pub(crate) struct Wanted {
    server: String,
}

/// Asks for the screen, by a form that the page sends by itself.
pub(crate) async fn ask(
    State(console): State<WebConsole>,
    visitor: Visitor,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Refusal> {
    console.server(&visitor, &name).await?;
    let from = headers.get("sec-fetch-site");
    Ok(Html(ScreenPage {
        visitor,
        server: name,
        at_once: from.is_some_and(|site| site == "same-origin" || site == "none"),
    }))
}

/// Answers with the console page and the link in it.
///
/// The link is in this one answer to whoever sent the form and nowhere else: in
/// no address, no log, and no memory of ours.
pub(crate) async fn open(
    State(console): State<WebConsole>,
    Posted(visitor, Wanted { server: name }): Posted<Wanted>,
) -> Result<Response, Refusal> {
    let (server, record) = console.server(&visitor, &name).await?;
    if !visitor.may(&Command::Console, &server, Some(&record)) {
        console
            .note(&visitor, "console", Some(&name), "not_permitted")
            .await?;
        return Err(Refusal::NotPermitted);
    }
    console.pace(&visitor)?;
    console
        .note(&visitor, "console", Some(&name), "asked")
        .await?;
    let by = Some(visitor.name());
    let console_of = console
        .frontend
        .console(&server, by, console.settings.patience);
    let link = console_of.await?.link(None);
    let html = console.screen_page(&link, &name).await?;
    let policy = HeaderValue::try_from(console.screen_policy());
    let headers = [(
        header::CONTENT_SECURITY_POLICY,
        policy.expect("the settings name sources"),
    )];
    Ok((headers, axum::response::Html(html)).into_response())
}

impl WebConsole {
    async fn screen_page(&self, link: &SecretString, server: &str) -> Result<String, Refusal> {
        let page = self.settings.www.join("l.html");
        let html = fs::read_to_string(&page).await.map_err(|error| {
            error!(%error, page = %page.display(), "the console page cannot be read");
            Refusal::NotFound
        })?;
        let link = escape(link.expose_secret());
        let head = format!(
            "<head>\n  <meta name=\"link\" content=\"{link}\">\n  \
             <meta name=\"renew\" content=\"/servers/{server}/screen\">"
        );
        Ok(html.replacen("<head>", &head, 1))
    }

    /// What the console page may do. Its own policy holds as well.
    fn screen_policy(&self) -> String {
        let screens = &self.settings.screens;
        format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; \
             connect-src {screens}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
             require-trusted-types-for 'script'; trusted-types 'none'"
        )
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
}
