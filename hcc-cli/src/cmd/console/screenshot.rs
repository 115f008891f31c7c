//! `hcc console --screenshot`: saves a server's screen.

use std::io::{self, IsTerminal, Write, stdout};
use std::path::Path;

use hcc_core::Screenshot;
use png::{BitDepth, ColorType, Encoder};
use serde::Serialize;
use tempfile::NamedTempFile;

use crate::cmd::args::Target;
use crate::config::Config;
use crate::error::{CliError, Context, Result};
use crate::output::Output;

/// A screenshot that was saved, for programs.
#[derive(Serialize)]
struct Saved<'a> {
    file: &'a Path,
    width: u32,
    height: u32,
}

pub(super) async fn run(target: &Target, file: &Path, config: &Config, out: &Output) -> Result<()> {
    let to_stdout = file == Path::new("-");
    if to_stdout && stdout().is_terminal() {
        return Err(CliError::usage("cannot print a screenshot to a terminal"));
    }
    let project = config.project(target.guard()).await?;
    let screenshot = project.screen(&target.name).await?.screenshot().await?;
    if to_stdout {
        return Ok(write(&screenshot, stdout().lock())?);
    }
    save(&screenshot, file).context(|| format!("cannot write {}", file.display()))?;
    let Screenshot { width, height, .. } = screenshot;
    out.done(&Saved {
        file,
        width,
        height,
    })
}

/// Replaces the file atomically. Only its owner can read it, as a screen may show secrets.
fn save(screenshot: &Screenshot, path: &Path) -> io::Result<()> {
    let directory = match path.parent() {
        Some(directory) if directory != Path::new("") => directory,
        _ => Path::new("."),
    };
    let mut file = NamedTempFile::new_in(directory)?;
    write(screenshot, &mut file)?;
    file.persist(path)?;
    Ok(())
}

fn write(screenshot: &Screenshot, to: impl Write) -> io::Result<()> {
    let mut encoder = Encoder::new(to, screenshot.width, screenshot.height);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&screenshot.rgb)?;
    Ok(writer.finish()?)
}
