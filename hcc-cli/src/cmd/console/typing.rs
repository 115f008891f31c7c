//! `hcc console --type`: text for a server's keyboard.

use std::cell::Cell;
use std::io::{self, IsTerminal, Read, stdin};

use anyhow::{Context, Result};
use hcc_core::{Error, Keystrokes, Layout};
use indicatif::{ProgressBar, ProgressStyle};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::cmd::target::Target;
use crate::config::Config;
use crate::interrupt;
use crate::output::Output;

/// What was typed, for programs.
#[derive(Serialize)]
struct Typed {
    characters: usize,
}

pub(super) async fn run(
    target: &Target,
    text: SecretString,
    layout: Layout,
    config: &Config,
    out: &Output,
) -> Result<()> {
    let text = match text.expose_secret() {
        "-" => read().context("read standard input")?,
        _ => text,
    };
    let keystrokes = Keystrokes::new(&text, layout).map_err(Error::from)?;
    let characters = keystrokes.len();

    let project = config.project(target.guard()).await?;
    let screen = project.screen(&target.name).await?;
    let bar = ProgressBar::new(characters as u64).with_style(style());
    let done = Cell::new(0);
    let typing = screen.type_text(&keystrokes, |count| {
        done.set(count);
        bar.set_position(count as u64);
    });
    let outcome = interrupt::stop(async { Ok(typing.await?) }).await;
    bar.finish_and_clear();
    outcome.with_context(|| format!("{} of {characters} characters were typed", done.get()))?;
    out.done(&Typed { characters })
}

fn read() -> io::Result<SecretString> {
    if stdin().is_terminal() {
        eprintln!("hcc: type the text, then Ctrl-D at the beginning of a line");
    }
    let mut text = String::new();
    stdin().read_to_string(&mut text)?;
    Ok(text.into())
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("typing {bar:30} {pos} of {len} characters")
        .expect("the template is well formed")
}
