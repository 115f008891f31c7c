#[path = "../../src/mix.rs"]
mod mix;

fn main() {
    mix::run(other);
}

fn other() {
    reqwest::Client::new();
}
