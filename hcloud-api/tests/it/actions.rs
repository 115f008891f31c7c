use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hcloud_api::{Action, ActionId, ActionStatus, Error, ErrorCode, ServerId};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::api::{builder, client, requests, respond};

/// Starts an API that returns `state(id, n)` for the nth poll of an action.
async fn api(state: impl Fn(u64, u32) -> Option<Value> + Send + Sync + 'static) -> MockServer {
    let polls = Mutex::new(BTreeMap::<u64, u32>::new());
    let respond = move |request: &Request| {
        let mut polls = polls.lock().unwrap();
        let ids = request.url.query_pairs().filter(|(key, _)| key == "id");
        let actions: Vec<_> = ids
            .filter_map(|(_, id)| {
                let id = id.parse().unwrap();
                let nth = polls.entry(id).or_default();
                *nth += 1;
                state(id, *nth)
            })
            .collect();
        ResponseTemplate::new(200).set_body_json(json!({"actions": actions}))
    };
    let api = MockServer::start().await;
    let mock = Mock::given(method("GET")).and(path("/actions"));
    mock.respond_with(respond).mount(&api).await;
    api
}

fn action(id: u64, status: &str, progress: u32) -> Value {
    json!({
        "id": id, "command": "start_server", "status": status, "progress": progress,
        "started": "2026-11-22T14:21:09+00:00", "finished": null,
        "resources": [{"id": 42, "type": "server"}], "error": null,
    })
}

fn failed(id: u64, message: &str) -> Value {
    let mut action = action(id, "error", 100);
    action["error"] = json!({"code": "action_failed", "message": message});
    action
}

fn ids(numbers: impl IntoIterator<Item = u64>) -> Vec<ActionId> {
    numbers.into_iter().map(ActionId::new).collect()
}

fn decoded(action: Value) -> Action {
    serde_json::from_value(action).unwrap()
}

#[tokio::test]
async fn a_hundred_actions_cost_four_requests_a_round() {
    let api =
        api(|id, nth| Some(action(id, if nth == 3 { "success" } else { "running" }, 50))).await;

    let done = client(&api).wait(ids((1..=100).rev())).await.unwrap();

    let order: Vec<_> = done.iter().map(|action| action.id.number()).collect();
    assert_eq!(order, Vec::from_iter((1..=100).rev()));
    assert_eq!(requests(&api).await, 3 * 4);
}

#[tokio::test]
async fn polls_become_less_frequent() {
    const ALL_PAUSES: Duration = Duration::from_millis(20 + 30 + 45 + 60 + 60);
    let api =
        api(|id, nth| Some(action(id, if nth == 6 { "success" } else { "running" }, 50))).await;
    let (first, longest) = (Duration::from_millis(20), Duration::from_millis(60));
    let client = builder(&api).poll_interval(first, longest).build().unwrap();

    let start = Instant::now();
    client.wait(ids([1])).await.unwrap();

    assert!(start.elapsed() >= ALL_PAUSES, "{:?}", start.elapsed());
}

#[tokio::test]
async fn finished_actions_are_not_polled_again() {
    let api = api(|id, nth| {
        let ended = u64::from(nth) >= id;
        Some(action(id, if ended { "success" } else { "running" }, 50))
    })
    .await;

    client(&api).wait(ids([1, 2, 3])).await.unwrap();

    let requests = api.received_requests().await.unwrap();
    let queries: Vec<_> = requests
        .iter()
        .map(|request| request.url.query().unwrap())
        .collect();
    assert_eq!(queries, ["id=1&id=2&id=3", "id=2&id=3", "id=3"]);
}

#[tokio::test]
async fn waiting_for_finished_actions_makes_no_request() {
    let api = api(|_, _| None).await;
    let ended = decoded(action(1, "success", 100));

    let done = client(&api).wait([&ended]).await.unwrap();
    let none = client(&api).wait(ids([])).await.unwrap();

    assert_eq!(done, [ended]);
    assert_eq!(none, []);
    assert_eq!(requests(&api).await, 0);
}

#[tokio::test]
async fn a_failed_action_has_an_error() {
    let api = api(|id, _| Some(failed(id, "No space left"))).await;

    let error = client(&api).wait(ids([7])).await.unwrap_err();

    assert_eq!(error.to_string(), "action 7 (start_server) failed");
    assert_eq!(error.code(), Some(&ErrorCode::ActionFailed));
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "No space left (action_failed)");
}

#[tokio::test]
async fn an_action_that_fails_without_a_message_is_an_error() {
    for error in [json!({"code": "action_failed", "message": ""}), Value::Null] {
        let mut action = failed(7, "");
        action["error"] = error;
        let api = api(move |_, _| Some(action.clone())).await;

        let error = client(&api).wait(ids([7])).await.unwrap_err();

        assert!(matches!(error, Error::ActionFailed { .. }), "{error:?}");
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(
            ["action_failed", "unknown_error"].contains(&&*source),
            "{source}"
        );
    }
}

#[tokio::test]
async fn an_action_that_vanished_is_an_error() {
    let api = api(|id, nth| (id != 2 || nth == 1).then(|| action(id, "running", 0))).await;

    let error = client(&api).wait(ids([1, 2, 3])).await.unwrap_err();

    assert_eq!(error.to_string(), "action 2 not found");
    assert!(matches!(error, Error::ActionsVanished { ids } if ids == [ActionId::new(2)]));
}

#[tokio::test]
async fn the_deadline_error_has_the_remaining_actions() {
    let api = api(|id, _| Some(action(id, if id == 1 { "success" } else { "running" }, 0))).await;

    let client = client(&api);
    let wait = client.wait(ids([1, 2, 3]));
    let error = wait.deadline(Duration::from_millis(300)).await.unwrap_err();

    assert_eq!(
        error.to_string(),
        "timed out after 0.3 s; still running: actions 2, 3"
    );
    assert!(error.is_retryable());
}

#[tokio::test]
async fn progress_is_reported_when_it_changes() {
    let api = api(|id, nth| {
        let (status, progress) = [
            ("running", 0),
            ("running", 0),
            ("running", 50),
            ("success", 100),
        ][nth as usize - 1];
        Some(action(id, status, progress))
    })
    .await;
    let mut told = Vec::new();

    let client = client(&api);
    let wait = client
        .wait(ids([1]))
        .on_progress(|action| told.push(action.progress));
    wait.await.unwrap();

    assert_eq!(told, [0, 50, 100]);
}

#[tokio::test]
async fn an_unknown_status_does_not_end_a_wait() {
    let api = api(|id, nth| Some(action(id, ["paused", "success"][nth as usize - 1], 0))).await;

    let done = client(&api).wait(ids([1])).await.unwrap();

    assert_eq!(done[0].status, ActionStatus::Success);
}

#[tokio::test]
async fn dropping_a_wait_stops_the_polling() {
    let asked = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&asked);
    let api = api(move |id, _| {
        counter.fetch_add(1, Ordering::SeqCst);
        Some(action(id, "running", 0))
    })
    .await;
    let client = client(&api);
    let (saw_one, seen) = oneshot::channel();
    let mut saw_one = Some(saw_one);

    let wait = client
        .wait(ids([1]))
        .on_progress(|_| saw_one.take().unwrap().send(()).unwrap());
    tokio::select! {
        _ = wait.into_future() => panic!("the action never ends"),
        _ = seen => {}
    }
    let before = asked.load(Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(100)).await;

    // One request may have been in flight when the wait was dropped.
    assert!(asked.load(Ordering::SeqCst) <= before + 1);
}

#[tokio::test]
async fn actions_are_listed_by_id() {
    let api = api(|id, _| (id != 2).then(|| action(id, "running", 0))).await;

    let actions = client(&api).actions().list(&ids([1, 2, 3])).await.unwrap();

    let found: Vec<_> = actions.iter().map(|action| action.id.number()).collect();
    assert_eq!(found, [1, 3]);
}

#[tokio::test]
async fn a_server_is_idle_after_its_actions_have_ended() {
    let api = api(|id, _| {
        Some(if id == 1 {
            failed(1, "")
        } else {
            action(id, "success", 100)
        })
    })
    .await;
    let running = |ids: &[u64]| {
        let actions: Vec<_> = ids.iter().map(|id| action(*id, "running", 0)).collect();
        ResponseTemplate::new(200).set_body_json(json!({"actions": actions}))
    };
    let lists = [running(&[1, 2]), running(&[2]), running(&[])];
    respond(&api, "GET", "/servers/42/actions", lists).await;

    let client = client(&api);
    let actions = client.servers().actions_for(ServerId::new(42));
    actions
        .wait_until_idle(Duration::from_secs(60))
        .await
        .unwrap();

    let requests = api.received_requests().await.unwrap();
    let asked: Vec<_> = requests.iter().map(|request| request.url.path()).collect();
    let (list, look) = ("/servers/42/actions", "/actions");
    assert_eq!(asked, [list, look, list, look, list]);
    assert!(requests[0].url.query().unwrap().contains("status=running"));
}

#[tokio::test]
async fn waiting_until_idle_ends_at_the_deadline() {
    let api = api(|id, _| Some(action(id, "running", 0))).await;
    let list = json!({"actions": [action(7, "running", 0)]});
    let list = ResponseTemplate::new(200).set_body_json(list);
    respond(&api, "GET", "/servers/42/actions", [list]).await;

    let client = client(&api);
    let actions = client.servers().actions_for(ServerId::new(42));
    let error = actions
        .wait_until_idle(Duration::from_millis(100))
        .await
        .unwrap_err();

    assert!(
        matches!(error, Error::WaitDeadline { remaining, .. } if remaining == [ActionId::new(7)])
    );
}

#[tokio::test]
async fn a_wait_can_be_spawned() {
    let api = api(|id, _| Some(action(id, "success", 100))).await;
    let client = client(&api);

    let task = tokio::spawn(async move { client.wait(ids([1])).await });

    assert_eq!(task.await.unwrap().unwrap().len(), 1);
}
