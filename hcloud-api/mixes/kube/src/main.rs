#[path = "../../src/mix.rs"]
mod mix;

fn main() {
    mix::run(other);
}

fn other() {
    let config = kube::Config::new("https://127.0.0.1:1".parse().unwrap());
    kube::Client::try_from(config).unwrap();
}
