//! The order in which a program and `hcloud-api` set up their TLS.

/// Sets up TLS for `hcloud-api`, if it is compiled in, and for another library; the first argument
/// says which comes first.
pub fn run(other: fn()) {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    let _entered = runtime.enter();
    match std::env::args().nth(1).as_deref() {
        Some("other-first") => {
            other();
            ours(&runtime);
        }
        _ => {
            ours(&runtime);
            other();
        }
    }
}

#[cfg(not(feature = "hcloud-api"))]
fn ours(_: &tokio::runtime::Runtime) {}

/// Connects to a port where nothing listens.
#[cfg(feature = "hcloud-api")]
fn ours(runtime: &tokio::runtime::Runtime) {
    use hcloud_api::{Client, Error, RetryPolicy};

    let client = Client::builder("token")
        .endpoint("https://127.0.0.1:1")
        .retry(RetryPolicy::never())
        .build()
        .unwrap();
    let checked = runtime.block_on(client.check_token());
    assert!(matches!(checked, Err(Error::Connect { .. })), "{checked:?}");
}
