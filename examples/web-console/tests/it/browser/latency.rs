//! The time from a click until the page shows its effect.

use std::time::Duration;

use serde_json::{Value, json};
use test_browser::Chromium;

use super::user::log_in_as;
use crate::installation::{DatabaseUrls, Installation};
use crate::site::{PASSWORD, add_user};

/// Several users, because of the rate limit.
const USERS: [&str; 5] = ["anna", "berta", "carla", "dora", "emma"];

/// The clicks of each user.
const CLICKS: usize = 40;

/// The maximum of the 99th percentile.
const MAX_LATENCY: Duration = Duration::from_secs(2);

#[tokio::test]
#[ignore = "needs Chromium and hcc"]
async fn click_to_status_with_sqlite() {
    measure("SQLite", DatabaseUrls::sqlite()).await;
}

#[tokio::test]
#[cfg(feature = "mongodb")]
#[ignore = "needs Chromium, hcc and MongoDB"]
async fn click_to_status_with_mongodb() {
    measure("MongoDB", DatabaseUrls::mongodb()).await;
}

/// Clicks, and prints the time until the status changed: by the clock of the browser, with an
/// idle worker and a fast API.
async fn measure(database: &str, urls: DatabaseUrls) {
    let installation = Installation::start(urls, &[]).await;
    let accounts = &installation.database.accounts;
    let browser = Chromium::start().await;
    let mut times = Vec::new();
    for name in USERS {
        add_user(&**accounts, name, json!({ "admin": true })).await;
        log_in_as(&browser, &installation.origin, name, PASSWORD).await;
        browser.wait_for_text("h1", "Servers").await;
        times.extend(click(&browser).await);
        browser.delete_all_cookies().await.unwrap();
    }

    times.sort();
    let count = times.len();
    let (median, percentile_99) = (times[count / 2], times[count * 99 / 100]);
    println!(
        "{database}: {count} clicks, median {median:.0?}, 99th percentile {percentile_99:.0?}"
    );
    assert!(percentile_99 < MAX_LATENCY, "{percentile_99:?}");
}

/// Switches a server off and on, and returns the time of each click.
async fn click(browser: &Chromium) -> Vec<Duration> {
    let script = "
        const [verb, done] = arguments;
        const row = document.querySelector('[data-server=web-1]');
        const status = row.querySelector('[data-field=status]');
        const before = status.textContent;
        const button = row.querySelector(`[value=${verb}]`);
        const end = performance.now() + 10_000;
        let start;
        const click = () => {
            const busy = button.disabled || row.querySelector('[data-field=doing]').textContent !== '';
            if (busy && performance.now() < end) return setTimeout(click, 5);
            start = performance.now();
            button.click();
        };
        const observer = new MutationObserver(() => {
            if (status.textContent === before) return;
            observer.disconnect();
            done(performance.now() - start);
        });
        observer.observe(status, { childList: true, characterData: true, subtree: true });
        click();";

    let mut times = Vec::new();
    for click in 0..CLICKS {
        let verb = if click % 2 == 0 { "stop" } else { "start" };
        let time = browser
            .execute_async(script, vec![Value::from(verb)])
            .await
            .unwrap();
        times.push(Duration::from_secs_f64(time.as_f64().unwrap() / 1000.0));
    }
    times
}
