//! `hcc console --screenshot`: a picture of a server's screen.

use std::io::{IsTerminal, Write, stdout};
use std::path::Path;

use anyhow::{Context, Result};
use hcc_core::Screenshot;
use png::{BitDepth, ColorType, Encoder};
use serde::Serialize;
use tempfile::NamedTempFile;

use crate::cmd::target::Target;
use crate::config::Config;
use crate::output::Output;
use crate::problem::Problem;

/// A picture that was written, for programs.
#[derive(Serialize)]
struct Taken<'a> {
    file: &'a Path,
    width: u32,
    height: u32,
}

pub(super) async fn run(target: &Target, file: &Path, config: &Config, out: &Output) -> Result<()> {
    let to_stdout = file == Path::new("-");
    if to_stdout && stdout().is_terminal() {
        return Err(Problem::NoPictures.into());
    }
    let project = config.project(target.guard()).await?;
    let picture = project.screen(&target.name).await?.screenshot().await?;
    if to_stdout {
        return write(&picture, stdout().lock());
    }
    save(&picture, file).with_context(|| format!("write {}", file.display()))?;
    let Screenshot { width, height, .. } = picture;
    out.done(&Taken {
        file,
        width,
        height,
    })
}

/// All or nothing. A screen may show secrets, so its picture is for its owner alone.
fn save(picture: &Screenshot, path: &Path) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut file = NamedTempFile::new_in(folder)?;
    write(picture, &mut file)?;
    file.persist(path)?;
    Ok(())
}

fn write(picture: &Screenshot, to: impl Write) -> Result<()> {
    let mut encoder = Encoder::new(to, picture.width, picture.height);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&picture.rgb)?;
    Ok(writer.finish()?)
}
