//! How long it takes from a click until the page shows what came of it.

use serde_json::Value;
use test_browser::Chromium;

use super::person::log_in;
use super::project::Project;
use crate::site::Database;

const CLICKS: usize = 40;

#[tokio::test]
#[ignore = "needs Chromium"]
async fn click_is_answered_with_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = |file| format!("sqlite:{}/{file}", folder.path().display());
    measure(
        "SQLite",
        Database::open(&url("hcc.db"), &url("queue.db")).await,
    )
    .await;
}

/// Clicks, and prints how long it took until the status was another one: by the clock of the
/// browser, with a worker that has nothing else to do and a Hetzner that is quick.
async fn measure(database: &str, on: Database) {
    let project = Project::start_on(on, 1000.0, |_| {}).await;
    let browser = Chromium::start().await;
    log_in(&browser, &project.site.origin).await;
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
        times.push(time.as_f64().unwrap());
    }

    times.sort_by(f64::total_cmp);
    let (median, last) = (times[CLICKS / 2], times[CLICKS - 1]);
    println!("{database}: {CLICKS} clicks, median {median:.0} ms, slowest {last:.0} ms");
}
