use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use hcloud_api::{Listing, Location};
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::api::{builder, client, requests};

/// An API with these ids of locations.
///
/// `change` is applied to the ids after the given number of responses.
struct Shelf {
    ids: Mutex<Vec<u64>>,
    responses: AtomicUsize,
    change: (usize, fn(&mut Vec<u64>)),
    delay: Duration,
    says_last_page: bool,
}

impl Shelf {
    fn holding(ids: impl IntoIterator<Item = u64>) -> Self {
        Self {
            ids: Mutex::new(ids.into_iter().collect()),
            responses: AtomicUsize::new(0),
            change: (usize::MAX, |_| {}),
            delay: Duration::ZERO,
            says_last_page: true,
        }
    }

    fn changing(self, after: usize, change: fn(&mut Vec<u64>)) -> Self {
        Self {
            change: (after, change),
            ..self
        }
    }

    async fn start(self) -> MockServer {
        let api = MockServer::start().await;
        let mock = Mock::given(method("GET")).and(path("/locations"));
        mock.respond_with(self).mount(&api).await;
        api
    }
}

impl Respond for Shelf {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut ids = self.ids.lock().unwrap();
        if self.responses.fetch_add(1, Ordering::SeqCst) == self.change.0 {
            (self.change.1)(&mut ids);
        }
        let [page, per_page] = ["page", "per_page"].map(|name| number(request, name));
        let last = ids.len().div_ceil(per_page).max(1);
        let items: Vec<_> = ids
            .iter()
            .skip((page - 1) * per_page)
            .take(per_page)
            .map(location)
            .collect();
        ResponseTemplate::new(200)
            .set_delay(self.delay)
            .set_body_json(json!({
                "locations": items,
                "meta": {"pagination": {
                    "page": page,
                    "per_page": per_page,
                    "previous_page": (page > 1).then(|| page - 1),
                    "next_page": (page < last).then(|| page + 1),
                    "last_page": self.says_last_page.then_some(last),
                    "total_entries": self.says_last_page.then_some(ids.len()),
                }},
            }))
    }
}

fn number(request: &Request, name: &str) -> usize {
    let mut pairs = request.url.query_pairs();
    pairs
        .find(|(key, _)| key == name)
        .unwrap()
        .1
        .parse()
        .unwrap()
}

fn location(id: &u64) -> Value {
    json!({
        "id": id, "name": format!("l{id}"), "description": "", "country": "DE", "city": "",
        "latitude": 0, "longitude": 0.5, "network_zone": "eu-central",
    })
}

fn locations(api: &MockServer) -> Listing<Location> {
    client(api).locations().list(&Default::default())
}

fn numbers(locations: Vec<Location>) -> Vec<u64> {
    locations
        .into_iter()
        .map(|location| location.id.number())
        .collect()
}

#[tokio::test]
async fn all_pages_are_returned_in_order() {
    let api = Shelf::holding(1..=230).start().await;

    let all = locations(&api).all().await.unwrap();

    assert_eq!(numbers(all), Vec::from_iter(1..=230));
    assert_eq!(requests(&api).await, 5);
}

#[tokio::test]
async fn pages_are_fetched_concurrently() {
    let delay = Duration::from_millis(200);
    let shelf = Shelf {
        delay,
        ..Shelf::holding(1..=1000)
    };
    let api = shelf.start().await;

    let start = Instant::now();
    let all = locations(&api).all().await.unwrap();

    assert_eq!(all.len(), 1000);
    assert!(
        start.elapsed() < 10 * delay,
        "20 pages took {:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn concurrent_pages_can_be_limited() {
    let delay = Duration::from_millis(50);
    let shelf = Shelf {
        delay,
        ..Shelf::holding(1..=250)
    };
    let api = shelf.start().await;
    let one_by_one = builder(&api).parallel_pages(1).build().unwrap();

    let start = Instant::now();
    one_by_one
        .locations()
        .list(&Default::default())
        .all()
        .await
        .unwrap();

    assert!(
        start.elapsed() >= 5 * delay,
        "5 pages took {:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn an_empty_list_is_one_request() {
    let api = Shelf::holding([]).start().await;

    let all = locations(&api).all().await.unwrap();

    assert_eq!(all, []);
    assert_eq!(requests(&api).await, 1);
}

#[tokio::test]
async fn a_list_without_a_total_is_followed() {
    let shelf = Shelf {
        says_last_page: false,
        ..Shelf::holding(1..=130)
    };
    let api = shelf.start().await;

    let all = locations(&api).all().await.unwrap();

    assert_eq!(numbers(all), Vec::from_iter(1..=130));
}

#[tokio::test]
async fn an_item_added_meanwhile_is_found() {
    let shelf = Shelf::holding(1..=100).changing(1, |ids| ids.extend(101..=120));
    let api = shelf.start().await;

    let all = locations(&api).all().await.unwrap();

    assert_eq!(numbers(all), Vec::from_iter(1..=120));
}

#[tokio::test]
async fn an_item_that_moves_to_an_earlier_page_is_returned_once() {
    let shelf = Shelf::holding(1..=150).changing(1, |ids| _ = ids.drain(..3));
    let api = shelf.start().await;

    let mut all = numbers(locations(&api).all().await.unwrap());

    all.retain(|id| *id > 3);
    assert_eq!(all, Vec::from_iter(4..=150));
}

#[tokio::test]
async fn an_item_that_moves_to_a_later_page_is_returned_once() {
    let shelf = Shelf::holding(10..=120).changing(1, |ids| _ = ids.splice(..0, [1, 2, 3]));
    let api = shelf.start().await;

    let mut all = numbers(locations(&api).all().await.unwrap());

    all.retain(|id| *id >= 10);
    assert_eq!(all, Vec::from_iter(10..=120));
}

#[tokio::test]
async fn a_stream_fetches_nothing_before_it_is_polled() {
    let api = Shelf::holding(1..=130).start().await;

    let mut stream = locations(&api).stream();
    assert_eq!(requests(&api).await, 0);

    for _ in 1..=50 {
        stream.try_next().await.unwrap().unwrap();
    }
    assert_eq!(requests(&api).await, 1);

    let next = stream.try_next().await.unwrap().unwrap();
    assert_eq!(next.id.number(), 51);
    assert_eq!(requests(&api).await, 2);
}

#[tokio::test]
async fn a_stream_goes_back_for_moved_items() {
    let shelf = Shelf::holding(1..=250).changing(2, |ids| _ = ids.drain(..60));
    let api = shelf.start().await;

    let mut streamed = numbers(locations(&api).stream().try_collect().await.unwrap());
    streamed.sort_unstable();

    assert_eq!(streamed, Vec::from_iter(1..=250));
}

#[tokio::test]
async fn pages_have_the_items_of_the_whole_list() {
    for length in [0, 1, 50, 51, 130, 500] {
        let api = Shelf::holding(1..=length).start().await;

        let pages: Vec<_> = locations(&api).pages().try_collect().await.unwrap();

        let progress: Vec<u64> = pages.iter().map(|page| page.progress.items).collect();
        let items = pages.into_iter().flat_map(|page| page.items).collect();
        assert_eq!(numbers(items), Vec::from_iter(1..=length));
        assert_eq!(progress.len() as u64, length.div_ceil(50).max(1));
        assert!(progress.is_sorted() && progress.last() == Some(&length));
        assert_eq!(requests(&api).await, progress.len());
    }
}

#[tokio::test]
async fn pages_are_read_again_for_moved_items() {
    let shelf = Shelf::holding(1..=250).changing(2, |ids| _ = ids.drain(..60));
    let api = shelf.start().await;

    let pages: Vec<_> = locations(&api).pages().try_collect().await.unwrap();

    let items = pages.into_iter().flat_map(|page| page.items).collect();
    let mut items = numbers(items);
    items.sort_unstable();
    assert!(items.is_sorted() && items.windows(2).all(|pair| pair[0] < pair[1]));
    assert!((61..=250).all(|id| items.contains(&id)));
}

#[tokio::test]
async fn the_first_item_is_fetched_alone() {
    let api = Shelf::holding(1..=130).start().await;

    let first = locations(&api).first().await.unwrap().unwrap();

    assert_eq!(first.id.number(), 1);
    let requests = api.received_requests().await.unwrap();
    assert_eq!(requests.len(), 1);
    assert_eq!(number(&requests[0], "per_page"), 1);
}

/// An API that promises more pages than it has.
struct Endless {
    says_last_page: bool,
}

impl Respond for Endless {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let page = number(request, "page");
        let items = if page <= 2 {
            vec![location(&1)]
        } else {
            Vec::new()
        };
        ResponseTemplate::new(200).set_body_json(json!({
            "locations": items,
            "meta": {"pagination": {
                "next_page": page + 1,
                "last_page": self.says_last_page.then_some(100_000),
                "total_entries": self.says_last_page.then_some(1),
            }},
        }))
    }
}

#[tokio::test]
async fn pages_that_bring_nothing_new_end_the_list() {
    for says_last_page in [false, true] {
        let api = MockServer::start().await;
        let mock = Mock::given(method("GET")).and(path("/locations"));
        mock.respond_with(Endless { says_last_page })
            .mount(&api)
            .await;

        assert_eq!(numbers(locations(&api).all().await.unwrap()), [1]);
        let stream: Vec<_> = locations(&api).stream().try_collect().await.unwrap();
        let pages: Vec<_> = locations(&api).pages().try_collect().await.unwrap();

        assert_eq!(numbers(stream), [1]);
        assert_eq!(
            numbers(pages.into_iter().flat_map(|page| page.items).collect()),
            [1]
        );
        assert!(requests(&api).await <= 6, "{says_last_page}");
    }
}
