//! How long it takes from a click until the page shows what came of it.

use std::time::Duration;

use serde_json::{Value, json};
use test_browser::Chromium;

use super::person::log_in_as;
use crate::installation::{Installation, Place};
use crate::site::{PASSWORD, add_user};

/// Nobody may click without end, so several people do.
const PEOPLE: [&str; 5] = ["anna", "berta", "carla", "dora", "emma"];

/// How often each of them clicks.
const CLICKS: usize = 40;

/// What the slowest of all but a hundredth of the clicks may take.
const BOUND: Duration = Duration::from_secs(2);

#[tokio::test]
#[ignore = "needs Chromium and hcc"]
async fn click_is_answered_with_sqlite() {
    measure("SQLite", Place::sqlite()).await;
}

#[tokio::test]
#[cfg(feature = "mongodb")]
#[ignore = "needs Chromium, hcc and MongoDB"]
async fn click_is_answered_with_mongodb() {
    measure("MongoDB", Place::mongodb()).await;
}

/// Clicks, and prints how long it took until the status was another one: by the clock of the
/// browser, with a worker that has nothing else to do and a Hetzner that is quick.
async fn measure(database: &str, place: Place) {
    let installation = Installation::start(place, &[]).await;
    let accounts = &installation.database.accounts;
    let browser = Chromium::start().await;
    let mut times = Vec::new();
    for name in PEOPLE {
        add_user(&**accounts, name, json!({ "admin": true })).await;
        log_in_as(&browser, &installation.origin, name, PASSWORD).await;
        browser.wait_for_text("h1", "Servers").await;
        times.extend(click(&browser).await);
        browser.delete_all_cookies().await.unwrap();
    }

    times.sort();
    let count = times.len();
    let (median, last_but_few) = (times[count / 2], times[count * 99 / 100]);
    println!("{database}: {count} clicks, median {median:.0?}, 99th percentile {last_but_few:.0?}");
    assert!(last_but_few < BOUND, "{last_but_few:?}");
}

/// Switches a server off and on, and says how long each click took.
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
