#[path = "../../src/mix.rs"]
mod mix;

fn main() {
    mix::run(other);
}

fn other() {
    octocrab::Octocrab::builder().build().unwrap();
}
