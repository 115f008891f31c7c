//! `hcc console --type`: types into a server's screen.

use std::cell::Cell;
use std::io::{self, IsTerminal, Read, stdin};

use hcc_core::{Error, Keystrokes, Layout};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::cmd::args::Target;
use crate::config::Config;
use crate::error::{Context, Result};
use crate::output::Output;
use crate::output::progress::bar;
use crate::platform::signals::cancel_on_signal;

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
        "-" => read().context(|| "cannot read standard input")?,
        _ => text,
    };
    let keystrokes = Keystrokes::new(&text, layout).map_err(Error::from)?;
    let characters = keystrokes.len();

    let project = config.project(target.guard()).await?;
    let screen = project.screen(&target.name).await?;
    let template = "typing {bar:30} {pos} of {len} characters";
    let bar = bar(characters as u64, template);
    let done = Cell::new(0);
    let typing = screen.type_text(&keystrokes, |count| {
        done.set(count);
        bar.set_position(count as u64);
    });
    let outcome = cancel_on_signal(async { Ok(typing.await?) }).await;
    bar.finish_and_clear();
    outcome.context(|| format!("typed {} of {characters} characters", done.get()))?;
    out.done(&Typed { characters })
}

fn read() -> io::Result<SecretString> {
    if stdin().is_terminal() {
        eprintln!("hcc: type the text, then press Ctrl-D at the beginning of a line");
    }
    let mut text = String::new();
    stdin().read_to_string(&mut text)?;
    Ok(text.into())
}
