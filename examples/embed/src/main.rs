#![doc = include_str!("../README.md")]

mod servers;

use std::env;
use std::error::Error;

use axum::Router;
use axum::routing::get;
use hcc_core::{Frontend, queue, store};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = store::open(&env::var("HCC_STORE")?.parse()?).await?;
    let queue = queue::open(&env::var("HCC_QUEUE")?.parse()?).await?;
    let app = Router::new()
        .route("/", get("The existing service."))
        .nest("/servers", servers::routes(Frontend::new(store, queue)));

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}
