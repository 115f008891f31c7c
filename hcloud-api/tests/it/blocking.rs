use hcloud_api::{LocationId, blocking};
use tokio::runtime::Builder;
use wiremock::MockServer;

use crate::api::{client, location, respond};

#[test]
fn calls_block_until_they_have_finished() {
    let elsewhere = Builder::new_current_thread().enable_all().build().unwrap();
    let api = elsewhere.block_on(MockServer::start());
    elsewhere.block_on(respond(&api, "GET", "/locations/1", [location()]));
    let client = blocking::Client::new(client(&api)).unwrap();

    let id = LocationId::new(1);
    let one = client.run(async |client| client.locations().get(id).await);
    let (two, three) = client.run(async |client| {
        let locations = client.locations();
        tokio::join!(locations.get(id), locations.get(id))
    });

    for location in [one, two, three] {
        assert_eq!(location.unwrap().name, "fsn1");
    }
}
