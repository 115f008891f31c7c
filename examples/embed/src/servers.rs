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

async fn list(State(hcc): State<Frontend>) -> Answer<Json<BTreeMap<String, Option<String>>>> {
    let records = hcc.records().await.map_err(refuse)?.into_iter();
    Ok(Json(records.map(|it| (it.name, it.status)).collect()))
}

async fn start(State(hcc): State<Frontend>, Path(server): Path<String>) -> Answer<()> {
    let server: ServerName = server.parse().map_err(|why| refuse(Error::from(why)))?;
    let request = Request::new(Command::Power(Power::Start), server).by("anna");
    let patience = Duration::from_secs(60);
    hcc.submit_and_wait(&request, patience)
        .await
        .map_err(refuse)
}

type Answer<T> = Result<T, (StatusCode, String)>;

fn refuse(why: Error) -> (StatusCode, String) {
    (StatusCode::CONFLICT, why.to_string())
}
