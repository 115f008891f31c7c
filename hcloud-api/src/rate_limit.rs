//! Pacing requests by the rate limit headers of responses.
//!
//! The API has a token bucket per project that refills continuously, by default with one request
//! per second up to 3600. `RateLimit-Reset` is when the bucket will be *full*, up to an hour away,
//! so nothing here waits for it: a caller waits until the bucket holds one more request.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use http::header::HeaderMap;
use http::{Method, StatusCode};
use tokio::time::Instant;

use crate::delay::Spell;

/// The rate limit if the API does not report one, in requests per hour.
const DEFAULT_LIMIT: f64 = 3600.0;

/// The budget that a request counts against.
///
/// Each has a bucket of its own, which only its own responses correct. It is not documented whether
/// the actions of one resource or kind are counted as actions or as anything else, so they have a
/// bucket as well: if it is in truth part of another one, both follow what the API reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Budget {
    Cloud,
    Actions,
    ActionLists,
    StorageBoxes,
    StorageBoxActionLists,
}

impl Budget {
    /// Returns the budget of a request to a path below the endpoint.
    pub(crate) fn of(method: &Method, path: &str) -> Self {
        let mut parts = path.split('/').skip(1);
        let kind = parts.next();
        let reads_actions = *method == Method::GET && parts.any(|part| part == "actions");
        match (kind, reads_actions) {
            (Some("actions"), _) => Self::Actions,
            (Some("storage_boxes"), true) => Self::StorageBoxActionLists,
            (Some("storage_boxes" | "storage_box_types"), _) => Self::StorageBoxes,
            (_, true) => Self::ActionLists,
            (_, false) => Self::Cloud,
        }
    }

    pub(crate) fn is_of_storage_boxes(self) -> bool {
        matches!(self, Self::StorageBoxes | Self::StorageBoxActionLists)
    }
}

/// One pacer per budget.
#[derive(Debug, Default)]
pub(crate) struct Pacers {
    cloud: Pacer,
    actions: Pacer,
    action_lists: Pacer,
    storage_boxes: Pacer,
    storage_box_action_lists: Pacer,
}

/// The requests that are left; returned by [`Client::quota`](crate::Client::quota).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quota {
    /// All requests that are not counted elsewhere.
    pub cloud: RateLimit,
    /// Requests for actions by their ids, as [`Client::wait`](crate::Client::wait) sends them.
    pub actions: RateLimit,
    /// Requests for the actions of a kind of resource or of one resource. It is not documented which
    /// of the limits they count against.
    pub action_lists: RateLimit,
    /// Requests for storage boxes.
    pub storage_boxes: RateLimit,
}

/// What the API has reported about a rate limit; returned by
/// [`Client::rate_limit`](crate::Client::rate_limit) and [`Client::quota`](crate::Client::quota).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimit {
    /// The limit, in requests per hour.
    pub limit: Option<u64>,
    /// The number of requests that are left.
    pub remaining: Option<u64>,
    /// When the whole budget is available again, if no requests are sent.
    pub resets_at: Option<SystemTime>,
}

impl Pacers {
    pub(crate) fn cloud(&self) -> &Pacer {
        &self.cloud
    }

    pub(crate) fn of(&self, budget: Budget) -> &Pacer {
        match budget {
            Budget::Cloud => &self.cloud,
            Budget::Actions => &self.actions,
            Budget::ActionLists => &self.action_lists,
            Budget::StorageBoxes => &self.storage_boxes,
            Budget::StorageBoxActionLists => &self.storage_box_action_lists,
        }
    }

    pub(crate) fn quota(&self) -> Quota {
        Quota {
            cloud: self.cloud.left(),
            actions: self.actions.left(),
            action_lists: self.action_lists.left(),
            storage_boxes: self.storage_boxes.left(),
        }
    }
}

/// Issues permits so that all callers together stay within one budget.
#[derive(Debug, Default)]
pub(crate) struct Pacer {
    state: Mutex<State>,
    /// While requests are refused or wait because of the limit.
    pub(crate) limited: Spell,
}

#[derive(Debug, Default)]
struct State {
    /// Unknown until the first response.
    bucket: Option<Bucket>,
    limit: RateLimit,
    /// Permits that were issued and whose request is not sent yet.
    waiting: u32,
    /// Requests that were sent and have no response yet.
    in_flight: u32,
}

#[derive(Debug)]
struct Bucket {
    per_hour: f64,
    /// Requests that may be sent now; if negative, requests that wait for the bucket to refill.
    tokens: f64,
    refilled: Instant,
}

impl Bucket {
    fn refill(&mut self, now: Instant) {
        let seconds = now.duration_since(self.refilled).as_secs_f64();
        self.tokens = (self.tokens + seconds * self.per_hour / 3600.0).min(self.per_hour);
        self.refilled = now;
    }

    /// Takes one request out of the bucket and returns how long it has to wait.
    fn take(&mut self, now: Instant) -> Duration {
        self.refill(now);
        self.tokens -= 1.0;
        Duration::from_secs_f64((-self.tokens).max(0.0) * 3600.0 / self.per_hour)
    }
}

impl Pacer {
    /// Returns a permit that becomes ready `delay` after the budget allows it.
    pub(crate) fn permit(&self, delay: Duration) -> Permit<'_> {
        let now = Instant::now();
        let mut state = self.lock();
        state.waiting += 1;
        let wait = state
            .bucket
            .as_mut()
            .map_or(Duration::ZERO, |bucket| bucket.take(now));
        Permit {
            pacer: self,
            pacing: wait,
            at: now + wait + delay,
            sent: false,
        }
    }

    /// Returns what the last response reported.
    pub(crate) fn limit(&self) -> RateLimit {
        self.lock().limit.clone()
    }

    /// Returns what the last response reported, with the requests that are left now.
    fn left(&self) -> RateLimit {
        let mut state = self.lock();
        let now = state.bucket.as_mut().map(|bucket| {
            bucket.refill(Instant::now());
            bucket.tokens.max(0.0) as u64
        });
        RateLimit {
            remaining: now.or(state.limit.remaining),
            ..state.limit.clone()
        }
    }

    /// Returns whether the next request has to wait.
    pub(crate) fn is_exhausted(&self) -> bool {
        let mut state = self.lock();
        let bucket = state.bucket.as_mut();
        bucket.is_some_and(|bucket| {
            bucket.refill(Instant::now());
            bucket.tokens < 1.0
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is an estimate that every response corrects, so poisoning does no harm.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to send one request at some time; returned to the pacer on drop.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    pacer: &'a Pacer,
    pacing: Duration,
    at: Instant,
    sent: bool,
}

impl Permit<'_> {
    /// Returns how long the budget makes the request wait.
    pub(crate) fn pacing(&self) -> Duration {
        self.pacing
    }

    /// Returns when the request may be sent.
    pub(crate) fn at(&self) -> Instant {
        self.at
    }

    /// Waits until the request may be sent, and counts it as sent.
    pub(crate) async fn ready(&mut self) {
        tokio::time::sleep_until(self.at).await;
        let mut state = self.pacer.lock();
        state.waiting -= 1;
        state.in_flight += 1;
        self.sent = true;
    }

    /// Updates the bucket from a response.
    pub(crate) fn observe(self, status: StatusCode, headers: &HeaderMap) {
        let number = |name| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
        let limit = number("ratelimit-limit").filter(|limit| *limit >= 1.0);
        let remaining = number("ratelimit-remaining").filter(|left| *left >= 0.0);

        let resets_at = number("ratelimit-reset")
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .and_then(|since_epoch| SystemTime::UNIX_EPOCH.checked_add(since_epoch));

        let mut state = self.pacer.lock();
        if limit.is_some() || remaining.is_some() || resets_at.is_some() {
            state.limit = RateLimit {
                limit: limit.map(|limit| limit as u64),
                remaining: remaining.map(|remaining| remaining as u64),
                resets_at,
            };
        }
        let left = if status == StatusCode::TOO_MANY_REQUESTS {
            // Requests in flight are likely refused too, and then cost nothing.
            Some(-f64::from(state.waiting))
        } else {
            let others = state.waiting + state.in_flight - 1;
            remaining.map(|remaining| remaining - f64::from(others))
        };
        if let Some(left) = left {
            let known = state.bucket.as_ref().map(|bucket| bucket.per_hour);
            state.bucket = Some(Bucket {
                per_hour: limit.or(known).unwrap_or(DEFAULT_LIMIT),
                tokens: left,
                refilled: Instant::now(),
            });
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut state = self.pacer.lock();
        if self.sent {
            state.in_flight -= 1;
        } else {
            state.waiting -= 1;
            if let Some(bucket) = &mut state.bucket {
                bucket.tokens += 1.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use futures_util::future::join_all;

    use super::*;

    const IMMEDIATELY: Duration = Duration::ZERO;
    const SECOND: Duration = Duration::from_secs(1);

    /// The API's side: a bucket that refills by one request a second.
    struct Api {
        left: f64,
        at: Instant,
        refused: u32,
    }

    impl Api {
        fn with(left: f64) -> RefCell<Self> {
            RefCell::new(Self {
                left,
                at: Instant::now(),
                refused: 0,
            })
        }

        fn respond(&mut self) -> (StatusCode, HeaderMap) {
            self.left += self.at.elapsed().as_secs_f64();
            self.at = Instant::now();
            let granted = self.left >= 1.0;
            if granted {
                self.left -= 1.0;
            } else {
                self.refused += 1;
            }
            let status = if granted {
                StatusCode::OK
            } else {
                StatusCode::TOO_MANY_REQUESTS
            };
            (status, budget(3600, self.left as u32))
        }
    }

    fn budget(limit: u32, remaining: u32) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("ratelimit-limit", limit.into());
        headers.insert("ratelimit-remaining", remaining.into());
        headers
    }

    /// Sends requests until one is granted.
    async fn request(pacer: &Pacer, api: &RefCell<Api>) {
        loop {
            let mut permit = pacer.permit(IMMEDIATELY);
            permit.ready().await;
            let (status, headers) = api.borrow_mut().respond();
            permit.observe(status, &headers);
            if status.is_success() {
                return;
            }
        }
    }

    fn wait(permit: &Permit<'_>) -> Duration {
        permit.at() - Instant::now()
    }

    #[tokio::test(start_paused = true)]
    async fn fifty_callers_share_one_request_a_second() {
        let api = Api::with(1.0);
        let pacer = Pacer::default();
        let start = Instant::now();

        join_all((0..50).map(|_| request(&pacer, &api))).await;

        assert!(start.elapsed() < 60 * SECOND, "{:?}", start.elapsed());
        // The budget is unknown at first; from then on a refusal is rare.
        assert!(
            api.borrow().refused < 60,
            "{} refused",
            api.borrow().refused
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_bucket_causes_no_delay() {
        let api = Api::with(3600.0);
        let pacer = Pacer::default();
        let start = Instant::now();

        join_all((0..1000).map(|_| request(&pacer, &api))).await;

        assert_eq!(start.elapsed(), IMMEDIATELY);
    }

    #[tokio::test(start_paused = true)]
    async fn a_bucket_that_runs_empty_is_not_overdrawn() {
        let api = Api::with(10.0);
        let pacer = Pacer::default();
        request(&pacer, &api).await;
        let start = Instant::now();

        join_all((0..30).map(|_| request(&pacer, &api))).await;

        assert_eq!(api.borrow().refused, 0);
        assert_eq!(start.elapsed().as_secs(), 21);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_permit_is_returned() {
        let pacer = Pacer::default();
        let mut permit = pacer.permit(IMMEDIATELY);
        permit.ready().await;
        permit.observe(StatusCode::OK, &budget(3600, 1));
        drop(pacer.permit(IMMEDIATELY));

        let permit = pacer.permit(IMMEDIATELY);

        assert_eq!(wait(&permit), IMMEDIATELY);
    }

    #[tokio::test(start_paused = true)]
    async fn other_users_of_the_budget_are_noticed() {
        let pacer = Pacer::default();
        let mut permit = pacer.permit(IMMEDIATELY);
        permit.ready().await;
        permit.observe(StatusCode::OK, &budget(3600, 1000));
        let mut permit = pacer.permit(IMMEDIATELY);
        permit.ready().await;
        permit.observe(StatusCode::OK, &budget(3600, 0));

        let permit = pacer.permit(IMMEDIATELY);

        assert_eq!(wait(&permit), SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_counts_requests_since_and_refills() {
        let pacer = Pacer::default();
        assert_eq!(pacer.left().remaining, None);
        let mut permit = pacer.permit(IMMEDIATELY);
        permit.ready().await;
        permit.observe(StatusCode::OK, &budget(3600, 10));
        let _waiting = [pacer.permit(IMMEDIATELY), pacer.permit(IMMEDIATELY)];

        assert_eq!(pacer.left().remaining, Some(8));
        assert_eq!(pacer.limit().remaining, Some(10));
        tokio::time::advance(5 * SECOND).await;
        assert_eq!(pacer.left().remaining, Some(13));
    }

    #[test]
    fn budgets_are_told_apart_by_method_and_path() {
        for (method, path, budget) in [
            (Method::GET, "/servers/1", Budget::Cloud),
            (Method::POST, "/servers/1/actions/reboot", Budget::Cloud),
            (Method::GET, "/actions", Budget::Actions),
            (Method::GET, "/actions/1", Budget::Actions),
            (Method::GET, "/servers/1/actions", Budget::ActionLists),
            (Method::GET, "/servers/actions/1", Budget::ActionLists),
            (Method::GET, "/storage_boxes/1", Budget::StorageBoxes),
            (Method::GET, "/storage_box_types", Budget::StorageBoxes),
            (
                Method::GET,
                "/storage_boxes/1/actions",
                Budget::StorageBoxActionLists,
            ),
        ] {
            assert_eq!(Budget::of(&method, path), budget, "{method} {path}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_without_headers_delays_by_a_second() {
        let pacer = Pacer::default();
        let mut permit = pacer.permit(IMMEDIATELY);
        permit.ready().await;
        permit.observe(StatusCode::TOO_MANY_REQUESTS, &HeaderMap::new());

        let permit = pacer.permit(SECOND / 4);

        assert_eq!(wait(&permit), SECOND * 5 / 4);
    }
}
