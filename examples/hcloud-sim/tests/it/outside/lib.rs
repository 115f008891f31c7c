pub fn names(endpoint: &str, token: &str) -> Result<String, ureq::Error> {
    let request = ureq::get(format!("{endpoint}/servers"));
    request.header("authorization", format!("Bearer {token}")).call()?.body_mut().read_to_string()
}

#[test]
fn names_are_listed() {
    let sim = hcloud_sim::Sim::builder().server("web1", &[]).start_blocking().unwrap();
    assert!(names(sim.endpoint(), sim.token()).unwrap().contains("web1"));
}
