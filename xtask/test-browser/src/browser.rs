//! A browser and its driver.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::{env, fs};

use fantoccini::error::NewSessionError;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::Value;
use test_services::Program;

/// A browser and its driver; dropping it closes it.
#[derive(Debug)]
pub struct Browser {
    client: Client,
    /// In the order in which they are stopped.
    _programs: Vec<Program>,
}

impl Browser {
    /// Connects to a driver on this port, which starts a browser or has started one.
    pub(crate) async fn connect(
        port: u16,
        capabilities: &Value,
        programs: Vec<Program>,
    ) -> Result<Self, NewSessionError> {
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().expect("an object").clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await?;
        Ok(Self {
            client,
            _programs: programs,
        })
    }

    /// Saves a screenshot of the page, for visual inspection.
    pub async fn save_screenshot(&self, name: &str) {
        let directory = target().join("tmp/screenshots");
        fs::create_dir_all(&directory).unwrap();
        let png = self.client.screenshot().await.unwrap();
        fs::write(directory.join(format!("{name}.png")), png).unwrap();
    }
}

impl Deref for Browser {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// Returns the target directory of cargo; the test program is in its `debug/deps`.
fn target() -> PathBuf {
    let test = env::current_exe().unwrap();
    let target = test.ancestors().nth(3);
    target.expect("a test program built by cargo").to_owned()
}

/// Returns a program that `cargo xtask services` has installed, or the name of one on the `PATH`.
pub(crate) fn installed(name: &str) -> PathBuf {
    let installed = target().join(format!("services/{name}/bin/{name}"));
    match installed.exists() {
        true => installed,
        false => Path::new(name).to_owned(),
    }
}
