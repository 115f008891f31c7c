//! Lists the files that `src/embedded.rs` builds in: the page, and noVNC if it is present.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

const PAGE: [&str; 5] = ["keys.js", "l.css", "l.html", "l.js", "words.js"];

/// The modules of noVNC, and the licenses that have to accompany them.
const NOVNC: [&str; 4] = ["LICENSE.txt", "core", "docs", "vendor"];

fn main() -> io::Result<()> {
    let www = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let mut files: Vec<_> = PAGE
        .map(|name| (name.to_owned(), www.join(name)))
        .into_iter()
        .collect();
    for part in NOVNC {
        collect(
            &novnc(&www).join(part),
            &format!("novnc/{part}"),
            &mut files,
        )?;
    }
    files.sort();

    let mut table = String::from("[\n");
    for (path, file) in &files {
        let file = file.display().to_string();
        writeln!(
            table,
            "    File {{ path: {path:?}, content: include_bytes!({file:?}) }},"
        )
        .expect("writing to a string does not fail");
        println!("cargo::rerun-if-changed={file}");
    }
    table.push_str("]\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("files.rs"), table)
}

/// The directory of noVNC; it may be missing.
fn novnc(www: &Path) -> PathBuf {
    println!("cargo::rerun-if-env-changed=HCC_NOVNC_DIR");
    if let Some(novnc) = env::var_os("HCC_NOVNC_DIR").map(PathBuf::from) {
        assert!(
            novnc.join("core/rfb.js").is_file(),
            "HCC_NOVNC_DIR is {}, which has no core/rfb.js",
            novnc.display()
        );
        return fs::canonicalize(novnc).expect("it exists");
    }
    // Cargo rebuilds each time if a path is missing, so watch the directory in which noVNC appears.
    let parent = www.with_file_name("noVNC");
    if parent.is_dir() {
        println!("cargo::rerun-if-changed={}", parent.display());
    }
    www.join("novnc")
}

/// Adds the scripts and licenses at or below `file`, which are served at and below `path`.
fn collect(file: &Path, path: &str, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    if file.is_dir() {
        for entry in fs::read_dir(file)? {
            let entry = entry?;
            let name = entry.file_name();
            collect(&entry.path(), &format!("{path}/{}", name.display()), files)?;
        }
    } else if file.is_file() && (path.ends_with(".js") || path.contains("/LICENSE")) {
        files.push((path.to_owned(), file.to_owned()));
    }
    Ok(())
}
