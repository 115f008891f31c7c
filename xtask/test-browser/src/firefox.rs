//! A headless Firefox with a fresh profile, driven through geckodriver.

use std::fs;
use std::ops::Deref;
use std::process::Command;

use serde_json::json;
use test_services::Program;

use crate::browser::installed;
use crate::{Browser, Profile};

/// Settings for tests: no requests of its own, English, and any free port for the driver.
const PREFERENCES: &str = r#"
user_pref("marionette.port", 0);
user_pref("app.normandy.enabled", false);
user_pref("app.update.disabledForTesting", true);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.startup.homepage_override.mstone", "ignore");
user_pref("browser.startup.page", 0);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("intl.accept_languages", "en");
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("services.settings.server", "data:,");
user_pref("toolkit.telemetry.enabled", false);
"#;

/// A Firefox; dropping it closes it.
#[derive(Debug)]
pub struct Firefox {
    browser: Browser,
    _profile: Profile,
}

impl Firefox {
    /// Starts a browser with English as its language.
    ///
    /// The browser is a child of this process, not of the driver, so that dropping `self` stops it.
    pub async fn start() -> Self {
        let profile = Profile::new();
        fs::write(profile.path().join("user.js"), PREFERENCES).unwrap();
        let firefox = Program::start(
            Command::new("firefox-esr")
                .args(["--headless", "--marionette", "--no-remote"])
                .args(["--width", "1280", "--height", "800", "--profile"])
                .arg(profile.path())
                .env("MOZ_CRASHREPORTER_DISABLE", "1"),
        );
        let marionette = firefox.wait_for_line(|line| {
            let (_, port) = line.split_once("Listening on port ")?;
            Some(port.to_owned())
        });
        let driver = Program::start(
            Command::new(installed("geckodriver"))
                .args(["--port", "0", "--connect-existing", "--marionette-port"])
                .arg(marionette),
        );
        let port = driver.wait_for_line(|line| {
            let (_, port) = line.split_once("Listening on 127.0.0.1:")?;
            port.parse().ok()
        });
        let programs = vec![driver, firefox];
        Self {
            browser: Browser::connect(port, &json!({}), programs).await.unwrap(),
            _profile: profile,
        }
    }
}

impl Deref for Firefox {
    type Target = Browser;

    fn deref(&self) -> &Browser {
        &self.browser
    }
}
