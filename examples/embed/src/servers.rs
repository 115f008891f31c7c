use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use hcc_core::{Command, Error, Frontend, Power, Request, ServerName};

pub(crate) fn routes(hcc: Frontend) -> Router {
    Router::new()
        .route("/", get(list))
        .route("/{server}/start", post(start))
        .with_state(hcc)
}

async fn list(State(hcc): State<Frontend>) -> Result<Json<BTreeMap<String, Option<String>>>> {
    let records = hcc.records().await.map_err(response)?.into_iter();
    Ok(Json(records.map(|it| (it.name, it.status)).collect()))
}

async fn start(State(hcc): State<Frontend>, Path(server): Path<String>) -> Result<()> {
    let server: ServerName = server.parse().map_err(Error::from).map_err(response)?;
    let request = Request::new(Command::Power(Power::Start), server).by("anna");
    let timeout = Duration::from_secs(60);
    let done = hcc.submit_and_wait(&request, timeout).await;
    done.map(drop).map_err(response)
}

type Result<T> = std::result::Result<T, (StatusCode, String)>;

fn response(error: Error) -> (StatusCode, String) {
    let status = StatusCode::from_u16(error.kind().http_status());
    (
        status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        error.to_string(),
    )
}
